"""Learn soil carbon from records of soil moisture, say whether they add skill, and keep it as a module folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.carbon_module import CarbonSettings
from jules_ml.learned.carbon.assessment import (
    ablation,
    ablation_scores,
    learning_curve,
    regions_left_out,
    regression_coverage,
)
from jules_ml.learned.carbon.figures import carbon_dynamics, carbon_predicted, carbon_signatures, carbon_summary
from jules_ml.learned.carbon.inputs import carbon_inputs
from jules_ml.learned.carbon.network import CarbonRegression
from jules_ml.learned.carbon.signatures import SIGNATURES
from jules_ml.learned.carbon.site import carbon_site
from jules_ml.learned.carbon.skill import CarbonInterval, by_soil, carbon_interval, carbon_scores
from jules_ml.learned.carbon.table import LEAST_SITES, STATIC, CarbonSite, CarbonTable, carbon_table, refuse_twins
from jules_ml.learned.carbon.training import (
    NetworkSettings,
    Target,
    design,
    design_names,
    fit_networks,
    fit_regression,
    left_out,
    one_out,
    predict_regression,
    soc_target,
)
from jules_ml.learned.store import read_module_folder, write_evaluation_folder, write_module_folder
from jules_ml.support.figures import save_figure
from jules_ml.support.provenance import software

_Array = NDArray[np.float64]
#: Takes the part that is done, 0 to 1.
Progress = Callable[[float], None]

#: What results are marked with where carbon went into the water content.
MARK: Final = "COSMOS_VWC was let in: it is computed with soil carbon, so that carbon is in part learned from itself"
#: Spread of bulk density within a site [ln].
_DENSITY_SPREAD: Final = 0.1
#: Bulk density where it was not measured: organic matter packs at 244 and mineral soil at 1550 kg m-3 (Adams 1973).
_ORGANIC_PER_CARBON, _ORGANIC, _MINERAL = 1.724e-3, 244.0, 1550.0
#: Thickness of soil that carbon is learned of [m].
_DEPTH: Final = 0.3


@dataclass(frozen=True, eq=False)
class CarbonFit:
    """What a fit gave, and where it lies.

    Attributes
    ----------
    folder : Path
        The module folder.
    scores : dict
        What ``scores.json`` holds.
    said : str
        Whether soil moisture adds skill.
    warnings : tuple of str
        What the user should be told.
    """

    folder: Path
    scores: dict[str, Any]
    said: str
    warnings: tuple[str, ...]


def fit_carbon(experiments: Sequence[Experiment], out: Path, *, progress: Progress | None = None) -> CarbonFit:
    """Learn soil carbon from experiments' records and cores, and write the module folder.

    Parameters
    ----------
    experiments : sequence of Experiment
        One a site; the first one's ``[carbon_module]`` holds for all. Sites without ``soc`` are predicted.
    out : Path
        Module folder to write; see :func:`~jules_ml.learned.store.write_module_folder`.
    progress : callable, optional
        Takes the part that is done, 0 to 1.

    Returns
    -------
    CarbonFit

    Raises
    ------
    BadInput
        If there are fewer than eight sites with cores, a record cannot be learned from, or the folder cannot be written.
    """
    settings = experiments[0].carbon_module or CarbonSettings()
    return fit_carbon_sites([carbon_site(each) for each in experiments], settings, out, progress=progress)


def fit_carbon_sites(
    sites: Sequence[CarbonSite], settings: CarbonSettings, out: Path, *, progress: Progress | None = None
) -> CarbonFit:
    """As :func:`fit_carbon`, from sites at hand."""
    refuse_twins(sites)
    cored = [site for site in sites if np.isfinite(site.soc)]
    table = carbon_table(cored, allow_cosmos_vwc=settings.allow_cosmos_vwc)
    new = [site for site in sites if not np.isfinite(site.soc)]
    marked = any(site.knows_carbon for site in sites)
    target = soc_target(table)
    inputs = carbon_inputs(cored, table)
    network = NetworkSettings(members=settings.members, steps=settings.steps, seed=settings.seed)
    found = ablation(table, target, inputs=inputs, branches=settings.branches, network=network, progress=progress)
    chosen = next(each for each in found if each.learner == settings.learner)
    kept = next(each for each in found if each.learner == "regression")  # what new sites are predicted by
    interval, kept_interval = (
        carbon_interval(each.with_it - target.log_value, target.spread, settings.cover) for each in (chosen, kept)
    )
    scores: dict[str, Any] = {
        "target": "logarithm of organic carbon of 0-30 cm [ln g kg-1], each site left out in turn",
        "learners": ablation_scores(found, target),
        "regions_left_out": regions_left_out(table, target),
        "coverage": {
            "nominal": settings.cover,
            "measured": regression_coverage(table, target, settings.cover),
            "of": "regression; each site's interval made without it",
        },
        "learning_curve": {
            str(size): dict(zip(("climate", "moisture"), errors, strict=True))
            for size, errors in learning_curve(table, target, _sizes(len(table)), seed=settings.seed).items()
        },
        "said": chosen.said,
    }
    state, density = _learned(table, cored, target, settings, network)
    if density is not None:
        scores["bulk_density"] = density
    predictions = predictions_of(cored, table, chosen.with_it, interval)
    predictions["log_without"] = ("site", chosen.without, {"units": "1", "long_name": "ln SOC without soil moisture"})
    notes = [chosen.said] + ([MARK] if marked else [])
    if new:
        rest = carbon_table(new, least=1, allow_cosmos_vwc=settings.allow_cosmos_vwc)
        made = _applied(state, list(design_names(table, moisture=True)), rest)
        predictions = xr.concat(
            [predictions.drop_vars("log_without"), predictions_of(new, rest, made, kept_interval)], dim="site"
        )
    predictions = _with_stock(predictions, sites=[*cored, *new], state=state, table=table, settings=settings)
    predictions.attrs["mark"] = MARK if marked else "none"
    scores["mark"] = MARK if marked else None
    card = {
        "module": "carbon",
        "inputs": {name: _meaning(name) for name in design_names(table, moisture=True)},
        "learner": settings.learner,
        "settings": settings.model_dump(),
        "interval": {
            "quantile": kept_interval.quantile,
            "variance": kept_interval.variance,
            "cover": settings.cover,
            "of": "regression",
        },
        "sites": {
            site.name: {"soc": site.soc, "soc_spread": site.soc_spread, "start": str(site.days[0])} for site in cored
        },
        "notes": notes,
        "mark": MARK if marked else None,
        "software": software(),
    }
    write_module_folder(out, state=state, card=card, scores=scores, predictions=predictions)
    _draw(cored, table, predictions, out)
    return CarbonFit(out, scores, chosen.said, tuple(notes))


def _sizes(n: int) -> list[int]:
    return sorted({*range(LEAST_SITES, n - 1, max((n - LEAST_SITES) // 5, 1))})


def _meaning(name: str) -> dict[str, str]:
    return dict(zip(("units", "meaning"), (STATIC | SIGNATURES)[name], strict=True))


def _learned(
    table: CarbonTable,
    sites: Sequence[CarbonSite],
    target: Target,
    settings: CarbonSettings,
    network: NetworkSettings,
) -> tuple[dict[str, Tensor], dict[str, float] | None]:
    """Weights of everything that is kept, and scores of bulk density where it was learned."""
    x = design(table, moisture=True)
    state = {f"soc.{k}": v for k, v in fit_regression(x, target).state_dict().items()}
    log_density = np.log([site.bulk_density for site in sites])
    known = np.isfinite(log_density)
    density = None
    if known.sum() >= LEAST_SITES:
        of_density = Target(log_density[known], np.full(int(known.sum()), _DENSITY_SPREAD))
        made = fit_regression(x[known], of_density)
        state |= {f"bulk_density.{k}": v for k, v in made.state_dict().items()}
        density = _density_scores(x[known], of_density, settings.cover)
    if settings.learner == "network":
        members, _ = fit_networks(
            carbon_inputs(sites, table), target, [np.zeros(len(table), dtype=bool)], settings.branches, network
        )
        for k, member in enumerate(members):
            state |= {f"network.{k}.{name}": value for name, value in member.state_dict().items()}
    return state, density


def _density_scores(x: _Array, target: Target, cover: float) -> dict[str, float]:
    """Scores of bulk density with each site left out; an interval reaches from the prediction over the factor to that times it."""
    folds = one_out(len(x))
    predicted = left_out(predict_regression(x, target, folds), folds)
    found = carbon_scores(predicted, target.log_value)
    interval = carbon_interval(predicted - target.log_value, target.spread, cover)
    return {
        "sites": found.n,
        "r_squared": found.r_squared,
        "rmse_log": found.rmse_log,
        "interval_factor": float(np.exp(interval.half_width(np.array([_DENSITY_SPREAD]))[0])),
    }


def _applied(state: dict[str, Tensor], names: Sequence[str], table: CarbonTable, *, of: str = "soc") -> _Array:
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
    carbon = {"units": "g kg-1"}
    data: dict[str, Any] = {
        "observed": ("site", np.exp(table.log_soc), carbon | {"long_name": "organic carbon of 0-30 cm, cored"}),
        "spread": ("site", table.spread, {"units": "1", "long_name": "spread of ln SOC among cores"}),
        "predicted": ("site", np.exp(log_soc), carbon | {"long_name": "organic carbon of 0-30 cm, predicted unseen"}),
        "low": ("site", np.exp(log_soc - half), carbon | {"long_name": "lower bound"}),
        "high": ("site", np.exp(log_soc + half), carbon | {"long_name": "upper bound"}),
        "region": ("site", list(table.regions)),
    }
    for name in table.signatures.columns:
        units, meaning = SIGNATURES[name]
        data[name] = ("site", table.signatures[name].to_numpy(), {"units": units, "long_name": meaning})
    return xr.Dataset(data, coords={"site": [site.name for site in sites]})


def _with_stock(
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
        learned = np.exp(_applied(state, design_names(table, moisture=True), everywhere, of="bulk_density"))

    def with_density(source: str) -> tuple[_Array, _Array]:
        soc = predictions[source].to_numpy()
        mixed = _mixed_density(soc)
        density = np.where(np.isfinite(measured), measured, mixed if learned is None else learned)
        return density, 0.001 * soc * density * _DEPTH / settings.topsoil_share

    density, stock = with_density("predicted")
    # what holds more carbon than predicted is lighter, unless its density was measured
    ratio = {
        key: _mixed_density(predictions[key].to_numpy()) / _mixed_density(predictions["predicted"].to_numpy())
        for key in ("low", "high")
    }
    at_bounds: dict[Any, Any] = {
        f"bulk_density_at_{key}": (
            "site",
            np.where(np.isfinite(measured), measured, density * of_predicted),
            {"units": "kg m-3", "long_name": f"dry bulk density that goes with the bound `{key}` of carbon"},
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


def _draw(sites: Sequence[CarbonSite], table: CarbonTable, predictions: xr.Dataset, out: Path) -> None:
    cored = predictions.isel(site=slice(len(sites)))
    figures = {
        "dynamics": carbon_dynamics(sites),
        "predicted": carbon_predicted(cored),
        "signatures": carbon_signatures(table),
        "summary": carbon_summary(sites, table, cored),
    }
    for name, figure in figures.items():
        save_figure(figure, out / "figures" / f"{name}.png")


def evaluate_carbon(folder: str | Path, experiments: Sequence[Experiment], out: Path | None = None) -> dict[str, Any]:
    """Score a fitted module at sites that it has never seen, by its regression.

    Parameters
    ----------
    folder : str or Path
        Module folder.
    experiments : sequence of Experiment
        One a site; those without ``soc`` are predicted only.
    out : Path, optional
        Folder for ``scores.json``, ``predictions.nc`` and a figure.

    Returns
    -------
    dict
        ``sites`` with observed and predicted carbon and interval [g kg-1]; ``all``, ``mineral`` and ``peat``, scores where three sites or
        more have cores.

    Raises
    ------
    BadInput
        If the folder is none of learned carbon, or a site is one that it was learned from.
    """
    state, card = read_module_folder(folder, kind="carbon")
    settings = CarbonSettings(**card["settings"])
    sites = [carbon_site(each) for each in experiments]
    for site in sites:
        # another year of it is no other soil
        if site.name in card["sites"]:
            raise BadInput(
                f"{site.name} is what the module was learned from",
                where=Path(folder),
                remedy="give other sites; the fit itself has scored each site without it",
            )
    table = carbon_table(sites, least=1, allow_cosmos_vwc=settings.allow_cosmos_vwc)
    interval = CarbonInterval(card["interval"]["quantile"], card["interval"]["variance"])
    predictions = predictions_of(sites, table, _applied(state, list(card["inputs"]), table), interval)
    marked = any(site.knows_carbon for site in sites) or card["mark"] is not None
    predictions.attrs["mark"] = MARK if marked else "none"
    scores: dict[str, Any] = {
        "sites": {
            str(name): {key: float(predictions[key].sel(site=name)) for key in ("observed", "predicted", "low", "high")}
            for name in predictions["site"].to_numpy()
        },
        "mark": MARK if marked else None,
    }
    scores |= {kind: vars(s) for kind, s in by_soil(np.log(predictions["predicted"].to_numpy()), table.log_soc).items()}
    if out is not None:
        write_evaluation_folder(out, scores=scores, predictions=predictions)
        save_figure(carbon_predicted(predictions), out / "figures" / "predicted.png")
    return scores
