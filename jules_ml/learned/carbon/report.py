"""Predictions with intervals, carbon stocks and figures of a soil-carbon module."""

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


#: Mark of results where the water content was computed with soil carbon.
MARK: Final = "COSMOS_VWC was used: it is computed with soil carbon, so it is not an independent predictor of carbon"

#: Bulk density where it was not measured, by mixing: organic matter 244 kg m-3, mineral soil 1550 kg m-3 (Adams 1973). The first constant
#: is organic matter per carbon [kg kg-1], divided by 1000 g kg-1.
_ORGANIC_PER_CARBON, _ORGANIC, _MINERAL = 1.724e-3, 244.0, 1550.0


def regression_prediction(
    state: dict[str, Tensor], names: Sequence[str], table: CarbonTable, *, of: str = "soc"
) -> _Array:
    """Predict logarithms by the stored regression; missing inputs are replaced by the median.

    Parameters
    ----------
    state : dict of str to Tensor
        Weights of the module.
    names : sequence of str
        Inputs of the regression.
    table : CarbonTable
    of : {'soc', 'bulk_density', 'climate'}
        Target; ``climate`` is organic carbon without soil moisture.

    Returns
    -------
    array, shape (site,)
        [ln g kg-1], or [ln kg m-3] for bulk density.
    """
    regression = CarbonRegression(len(names))
    regression.load_state_dict({k.removeprefix(f"{of}."): v for k, v in state.items() if k.startswith(f"{of}.")})
    inputs = table.static.join(table.signatures).reindex(columns=list(names))
    return np.asarray(regression(torch.tensor(inputs.to_numpy(dtype=np.float64))).numpy())


def predictions_of(
    sites: Sequence[CarbonSite], table: CarbonTable, log_soc: _Array, interval: CarbonInterval
) -> xr.Dataset:
    """Create the dataset of predictions by site.

    Parameters
    ----------
    sites : sequence of CarbonSite
    table : CarbonTable
        Table of the same sites.
    log_soc : array, shape (site,)
        Logarithm of carbon predicted by a fit without the site [ln g kg-1].
    interval : CarbonInterval

    Returns
    -------
    xarray.Dataset
        Observed and predicted carbon with its interval [g kg-1], spread of the cores, region and signatures.
    """
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
            attributes={"units": "g kg-1", "comment": "predicted by a fit without the site; observed by cores"},
        ),
        "spread": ("site", table.spread, {"units": "1", "long_name": "spread of ln SOC among cores"}),
        "region": ("site", list(table.regions)),
    }
    for name in table.signatures.columns:
        units, long_name = SIGNATURES[name]
        data[name] = ("site", table.signatures[name].to_numpy(), {"units": units, "long_name": long_name})
    return xr.Dataset(data, coords={"site": [site.name for site in sites]})


def with_stock(
    predictions: xr.Dataset,
    *,
    sites: Sequence[CarbonSite],
    state: dict[str, Tensor],
    table: CarbonTable,
    settings: CarbonSettings,
) -> xr.Dataset:
    """Add bulk density and the carbon stock of the column, from predicted carbon and from cores.

    Parameters
    ----------
    predictions : xarray.Dataset
        From :func:`predictions_of`.
    sites : sequence of CarbonSite
        All sites of ``predictions``.
    state : dict of str to Tensor
        Weights of the module.
    table : CarbonTable
        Training sites.
    settings : CarbonSettings
    """
    measured = np.array([site.bulk_density for site in sites])
    fitted = None
    if any(key.startswith("bulk_density.") for key in state):
        all_sites = carbon_table([replace(s, soc=np.nan) for s in sites], least=1, allow_cosmos_vwc=True)
        fitted = np.exp(regression_prediction(state, design_names(table, moisture=True), all_sites, of="bulk_density"))

    def density_and_stock(source: str) -> tuple[_Array, _Array]:
        soc = predictions[source].to_numpy()
        mixed = mixed_density(soc)
        density = np.where(np.isfinite(measured), measured, mixed if fitted is None else fitted)
        return density, 0.001 * soc * density * TOPSOIL_DEPTH / settings.topsoil_share

    density, stock = density_and_stock("predicted")
    # soil with more carbon than predicted has a lower bulk density, unless that was measured
    ratio = {
        key: mixed_density(predictions[key].to_numpy()) / mixed_density(predictions["predicted"].to_numpy())
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
    density_cored, stock_cored = density_and_stock("observed")
    attributes = {"units": "kg m-3", "long_name": "dry bulk density of 0-30 cm, measured or predicted"}
    carbon = {"units": "kg m-2"}
    return predictions.assign(
        bulk_density=("site", density, attributes),
        **at_bounds,
        cs=("site", stock, carbon | {"long_name": "soil carbon of the column, predicted"}),
        bulk_density_cored=(
            "site",
            density_cored,
            attributes | {"comment": "where not measured, from the carbon of the cores"},
        ),
        cs_cored=("site", stock_cored, carbon | {"long_name": "soil carbon of the column, from cores"}),
    )


def mixed_density(soc: _Array) -> _Array:
    """Compute the dry bulk density of a mixture of organic and mineral matter.

    Parameters
    ----------
    soc : array
        Organic carbon [g kg-1].

    Returns
    -------
    array, shape of ``soc``
        [kg m-3]

    References
    ----------
    Adams (1973), J. Soil Sci. 24, 10-17.
    """
    organic = np.minimum(_ORGANIC_PER_CARBON * soc, 1.0)
    return np.asarray(1.0 / (organic / _ORGANIC + (1.0 - organic) / _MINERAL))


def save_report_figures(sites: Sequence[CarbonSite], table: CarbonTable, predictions: xr.Dataset, out: Path) -> None:
    """Write the figures of a fit to the folder ``figures`` of the module.

    Parameters
    ----------
    sites : sequence of CarbonSite
        Sites with cores, which are the first sites of ``predictions``.
    table : CarbonTable
        Table of these sites.
    predictions : xarray.Dataset
    out : Path
        Module folder.
    """
    cored = predictions.isel(site=slice(len(sites)))
    figures = {
        "dynamics": carbon_dynamics(sites),
        "predicted": carbon_predicted(cored),
        "signatures": carbon_signatures(table),
        "summary": carbon_summary(sites, table, cored),
    }
    for name, figure in figures.items():
        save_figure(figure, out / "figures" / f"{name}.png")
