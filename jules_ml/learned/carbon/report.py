"""What a fit of soil carbon reports: predictions with their intervals, stocks and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.experiment.carbon_module import CarbonSettings
from jules_ml.experiment.place import TOPSOIL_DEPTH
from jules_ml.learned.carbon.figures import carbon_dynamics, carbon_predicted, carbon_signatures, carbon_summary
from jules_ml.learned.carbon.network import CarbonRegression
from jules_ml.learned.carbon.signatures import SIGNATURES
from jules_ml.learned.carbon.skill import CarbonInterval
from jules_ml.learned.carbon.table import CarbonSite, CarbonTable, carbon_table
from jules_ml.learned.carbon.training import (
    design_names,
)
from jules_ml.learned.predictions import prediction_variables
from jules_ml.scoring.splits import Split
from jules_ml.support.figures import save_figure

_Array = NDArray[np.float64]


#: What results are marked with where carbon went into the water content.
MARK: Final = "COSMOS_VWC was let in: it is computed with soil carbon, so that carbon is in part learned from itself"


#: Bulk density where it was not measured: organic matter packs at 244 and mineral soil at 1550 kg m-3 (Adams 1973).
_ORGANIC_PER_CARBON, _ORGANIC, _MINERAL = 1.724e-3, 244.0, 1550.0


def regression_prediction(
    state: dict[str, Tensor], names: Sequence[str], table: CarbonTable, *, of: str = "soc"
) -> _Array:
    """Logarithms that the kept regression gives; inputs that a site lacks count as the median."""
    regression = CarbonRegression(len(names))
    regression.load_state_dict({k.removeprefix(f"{of}."): v for k, v in state.items() if k.startswith(f"{of}.")})
    both = table.static.join(table.signatures).reindex(columns=list(names))
    return np.asarray(regression(torch.as_tensor(both.to_numpy(dtype=np.float64))).numpy())


def predictions_of(
    sites: Sequence[CarbonSite], table: CarbonTable, log_soc: _Array, interval: CarbonInterval
) -> xr.Dataset:
    """Observed and predicted carbon with its interval [g kg-1], and signatures, by site; ``log_soc`` is predicted without it [ln]."""
    half = interval.half_width(table.spread)
    cored = np.isfinite(table.log_soc)
    none = np.zeros_like(cored)
    data: dict[str, Any] = {
        **prediction_variables(
            "site",
            observed=np.exp(table.log_soc),
            predicted=np.exp(log_soc),
            lower=np.exp(log_soc - half),
            upper=np.exp(log_soc + half),
            split=Split(none, none, test=cored).flags(),
            quantity="organic carbon of 0-30 cm",
            interval="interval of the mean of a site's cores",
            attributes={"units": "g kg-1", "comment": "each site is predicted by a fit without it; observed by cores"},
        ),
        "spread": ("site", table.spread, {"units": "1", "long_name": "spread of ln SOC among cores"}),
        "region": ("site", list(table.regions)),
    }
    for name in table.signatures.columns:
        units, meaning = SIGNATURES[name]
        data[name] = ("site", table.signatures[name].to_numpy(), {"units": units, "long_name": meaning})
    return xr.Dataset(data, coords={"site": [site.name for site in sites]})


def with_stock(
    predictions: xr.Dataset,
    *,
    sites: Sequence[CarbonSite],
    state: dict[str, Tensor],
    table: CarbonTable,
    settings: CarbonSettings,
) -> xr.Dataset:
    """Add bulk density, and the column's carbon that follows with it: as predicted, and as cored where there are cores."""
    measured = np.array([site.bulk_density for site in sites])
    learned = None
    if any(key.startswith("bulk_density.") for key in state):
        everywhere = carbon_table([replace(s, soc=np.nan) for s in sites], least=1, allow_cosmos_vwc=True)
        learned = np.exp(
            regression_prediction(state, design_names(table, moisture=True), everywhere, of="bulk_density")
        )

    def with_density(source: str) -> tuple[_Array, _Array]:
        soc = predictions[source].to_numpy()
        mixed = _mixed_density(soc)
        density = np.where(np.isfinite(measured), measured, mixed if learned is None else learned)
        return density, 0.001 * soc * density * TOPSOIL_DEPTH / settings.topsoil_share

    density, stock = with_density("predicted")
    # what holds more carbon than predicted is lighter, unless its density was measured
    ratio = {
        key: _mixed_density(predictions[key].to_numpy()) / _mixed_density(predictions["predicted"].to_numpy())
        for key in ("lower", "upper")
    }
    at_bounds: dict[Any, Any] = {
        f"bulk_density_at_{key}": (
            "site",
            np.where(np.isfinite(measured), measured, density * of_predicted),
            {"units": "kg m-3", "long_name": f"dry bulk density at the {key} end of the interval of carbon"},
        )
        for key, of_predicted in ratio.items()
    }
    density_cored, stock_cored = with_density("observed")
    told = {"units": "kg m-3", "long_name": "dry bulk density of 0-30 cm, measured where it was"}
    carbon = {"units": "kg m-2"}
    return predictions.assign(
        bulk_density=("site", density, told),
        **at_bounds,
        cs=("site", stock, carbon | {"long_name": "soil carbon of the column, predicted"}),
        bulk_density_cored=(
            "site",
            density_cored,
            told | {"comment": "where not measured, of the carbon of the cores"},
        ),
        cs_cored=("site", stock_cored, carbon | {"long_name": "soil carbon of the column, from its cores"}),
    )


def _mixed_density(soc: _Array) -> _Array:
    """Dry bulk density of organic and mineral matter mixed [kg m-3]; ``soc`` [g kg-1]."""
    organic = np.minimum(_ORGANIC_PER_CARBON * soc, 1.0)
    return np.asarray(1.0 / (organic / _ORGANIC + (1.0 - organic) / _MINERAL))


def save_report_figures(sites: Sequence[CarbonSite], table: CarbonTable, predictions: xr.Dataset, out: Path) -> None:
    cored = predictions.isel(site=slice(len(sites)))
    figures = {
        "dynamics": carbon_dynamics(sites),
        "predicted": carbon_predicted(cored),
        "signatures": carbon_signatures(table),
        "summary": carbon_summary(sites, table, cored),
    }
    for name, figure in figures.items():
        save_figure(figure, out / "figures" / f"{name}.png")
