"""Base rate of soil respiration in a run of JULES: ``kaps`` or ``kaps_4pool`` by the base respiration of a learned module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.jules.initial_carbon import clay_fraction, initial_carbon, vegetated_fraction
from jules_ml.jules.run_folder import RunFolder
from jules_ml.jules.typed_entries import numbers
from jules_ml.learned.respiration.layers import depth_factors
from jules_ml.learned.respiration.rate import (
    BaseFlux,
    four_pool_scale,
    module_flux,
    one_pool_kaps,
    plant_retention,
    released_fraction,
    require_layers,
)
from jules_ml.physics.constants import KAPS_4POOL
from jules_ml.support.namelist_text import Value, seven_digits

#: Namelist group of the rates.
GROUP = "jules_soil_biogeochem"
#: Default respiration rate of JULES, one pool [s-1].
KAPS = 5.0e-9
#: Range of rates that JULES accepts [s-1].
_RANGE = (1e-12, 1e-4)
#: Carbon above this is a fill value [kg m-2].
_MAX_CARBON = 1e6


@dataclass(frozen=True)
class BaseRate:
    """Entries of ``JULES_SOIL_BIOGEOCHEM`` that reproduce a learned flux, and a note about them."""

    entries: dict[str, Value]
    note: str


def rate_entry(run: RunFolder) -> tuple[str, list[float]]:
    """Return the name of the rates of a run, and their values [s-1]."""
    if not run.four_pools:
        return "kaps", [float(run.entry(GROUP, "kaps", KAPS))]
    # kaps_4pool was named kaps_roth before JULES 7.2
    name = next((n for n in ("kaps_4pool", "kaps_roth") if n in run.namelists.get(GROUP)), "kaps_4pool")
    return name, numbers(run.namelists, GROUP, name, KAPS_4POOL)


def base_rate(run: RunFolder, flux: BaseFlux) -> BaseRate:
    """Calculate the rates of a run that reproduce a learned flux with its initial carbon.

    Parameters
    ----------
    run : RunFolder
    flux : BaseFlux
        Heterotrophic respiration at f = g = 1.

    Returns
    -------
    BaseRate
        With several points the rate, of which JULES has one for the grid, reproduces the flux in the mean over the points with carbon.

    Raises
    ------
    BadInput
        If the initial carbon or a factor of respiration is unknown, the rate is outside the range that JULES accepts, or the flux was
        fitted to other layers than those that respire in the run.
    """
    require_layers(flux, layered=bool(run.entry(GROUP, "l_layeredc", False)), where=run.namelists.place(GROUP))
    carbon = initial_carbon(run)
    weight, factors = _weights(run)
    if 1 not in (carbon.shape[-1], weight.shape[-1]) and carbon.shape[-1] != weight.shape[-1]:
        raise BadInput(
            f"the initial cs has {carbon.shape[-1]} points, and the surface fractions or clay have {weight.shape[-1]}",
            where=run.namelists.place("jules_initial"),
            remedy="give them on the same points, or set [modules] base_rate = 'jules'",
        )
    carbon, weight = np.broadcast_arrays(carbon, weight)
    points = (np.isfinite(carbon) & (carbon < _MAX_CARBON)).all(axis=(0, 1)) & (carbon.sum(axis=(0, 1)) > 0.0)
    points &= np.isfinite(weight).all(axis=(0, 1))
    if not points.any():
        raise BadInput(
            "the initial soil carbon is 0 at all points",
            where=run.namelists.place("jules_initial"),
            remedy="give cs in JULES_INITIAL, or set [modules] base_rate = 'jules'",
        )
    carbon, weight = carbon[..., points], weight[0][..., points]
    name, old = rate_entry(run)
    # the flux in the mean over points: the mean of what one unit of the rate respires
    if run.four_pools:
        scales = [four_pool_scale(flux.carbon, old, carbon[..., p], weight[:, p]) for p in range(carbon.shape[-1])]
        new = [seven_digits(rate / float(np.mean(1.0 / np.array(scales)))) for rate in old]
    else:
        rates = [one_pool_kaps(flux.carbon, carbon[0, :, p], weight[:, p]) for p in range(carbon.shape[-1])]
        new = [seven_digits(1.0 / float(np.mean(1.0 / np.array(rates))))]
    if min(new) < _RANGE[0] or max(new) > _RANGE[1]:
        raise BadInput(
            f"{name} would be {_listed(new)} s-1, and JULES accepts {_RANGE[0]:g} to {_RANGE[1]:g}",
            where=run.namelists.place("jules_initial"),
            remedy="check the initial cs [kg m-2] and [respiration] heterotrophic_fraction",
        )
    total = carbon.sum(axis=(0, 1))
    where = "" if len(total) == 1 else f", the mean over {len(total)} points, of which JULES has one rate"
    note = f"{name} = {_listed(new)} s-1 instead of {_listed(old)}, from {flux} and initial cs {total.mean():.4g} kg m-2{factors}{where}"
    if run.entry("jules_vegetation", "l_triffid", False):
        note += "; carbon changes in the run (TRIFFID), and respiration with it"
    return BaseRate({name: new[0] if not run.four_pools else list(new)}, note)


def _weights(run: RunFolder) -> tuple[NDArray[np.float64], str]:
    """Return what ``resp_s`` is multiplied by besides rate, carbon, f and g, shape (1, layer, point), and a text about it."""
    weight, text = np.ones((run.carbon_layers, 1)), ""
    if run.entry(GROUP, "l_layeredc", False):
        tau = run.entry(GROUP, "tau_resp", None)
        if tau is None:
            raise BadInput(
                "tau_resp is missing, and soil carbon is in layers",
                where=run.namelists.place(GROUP),
                remedy="give tau_resp in JULES_SOIL_BIOGEOCHEM",
            )
        weight, text = depth_factors(run.dzsoil, float(tau))[:, None], f" in layers, with tau_resp {float(tau):g} m-1"
    if run.four_pools:
        fprf, clay = plant_retention(vegetated_fraction(run)), clay_fraction(run)
        released = released_fraction(0.0 if clay is None else clay)
        weight = weight * fprf * released
        text += f", fprf {fprf.mean():.3g} and resp_frac {released.mean():.3g}"
        text += ", with clay 0 as in JULES, since the run has none" if clay is None else ""
    return weight[None], text


def swap_base_rate(experiment: Experiment, run: RunFolder, module: Path) -> list[str]:
    """Set the rates of a staged run to those of a module.

    Parameters
    ----------
    experiment : Experiment
        With ``[modules]``. Rates in ``[jules.set]`` take precedence.
    run : RunFolder
        Staged run folder; its namelists are edited.
    module : Path
        Module folder of learned respiration.

    Returns
    -------
    list of str
        Notes with the old and the new rate, or why it was not changed.

    Raises
    ------
    BadInput
        If the experiment sets ``base_rate = "learned"`` and the rate cannot be calculated; without that key, JULES's rate is kept.
    """
    name, old = rate_entry(run)
    unchanged = f"base rate of JULES: {name} = {_listed(old)} s-1, not that of {module.name}"
    if experiment.modules.base_rate == "jules":
        return [unchanged]
    section = experiment.jules
    settings: Mapping[str, object] = {} if section is None else section.set.get(GROUP, {})
    if name in settings:
        return [f"{unchanged}, since [jules.set] has {name}"]
    flux = module_flux(module, experiment)
    try:
        rate = base_rate(run, flux)
    except BadInput as error:
        if "base_rate" in experiment.modules.model_fields_set:
            raise
        return [f"{unchanged}: {error}"]
    run.namelists.set(GROUP, rate.entries)
    return [f"base rate of {module.name}: {rate.note}"]


def _listed(values: list[float]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)
