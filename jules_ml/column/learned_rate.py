"""Respiration rate of the column by the base respiration of a learned module, which replaces that of ``[carbon]``."""

from __future__ import annotations

from collections.abc import Callable

import xarray as xr

from jules_ml.experiment import Experiment
from jules_ml.learned.respiration.network import LearnedRespiration
from jules_ml.learned.respiration.rate import module_flux, one_pool_kaps, require_layers


def with_learned_rate(
    experiment: Experiment,
    *,
    record: xr.Dataset | None = None,
    cs: float | None = None,
    drawn: Callable[[LearnedRespiration], LearnedRespiration] | None = None,
) -> tuple[Experiment, list[str]]:
    """Replace ``[carbon] kaps`` of an experiment by the rate of ``[modules] respiration``.

    Parameters
    ----------
    experiment : Experiment
        With or without ``[modules] respiration`` and ``[carbon]``.
    record : xarray.Dataset, optional
        Site dataset, for the name of the site; by default that of ``[data]``, read only if the name is needed.
    cs : float, optional
        Soil carbon that respires [kg m-2]; by default that of ``[carbon]``.
    drawn : callable, optional
        Selects a draw of the module; by default the median of its members.

    Returns
    -------
    Experiment
        Unchanged without a module, without soil carbon, or with ``base_rate = "jules"``.
    list of str
        Notes for the user, with the old and the new rate.

    Raises
    ------
    BadInput
        If the folder has no learned respiration or was fitted to all layers of a soil, or the record cannot be read.
    """
    folder, carbon = experiment.modules.respiration, experiment.carbon
    if folder is None or carbon is None:
        return experiment, []
    if experiment.modules.base_rate == "jules":
        return experiment, [f"base rate of JULES: kaps = {carbon.kaps:.4g} s-1, not that of {folder.name}"]
    cs = carbon.cs if cs is None else cs
    if cs <= 0.0:
        return experiment, [f"the base rate of {folder.name} is not used, since the soil has no carbon (carbon.cs)"]
    flux = module_flux(folder, experiment, record=record, drawn=drawn)
    require_layers(flux, layered=False, where=f"{experiment.file}, modules.respiration")
    kaps = one_pool_kaps(flux.carbon, cs)
    note = f"base rate of {folder.name}: kaps = {kaps:.4g} s-1 instead of {carbon.kaps:.4g}, from {flux} and cs {cs:.4g} kg m-2"
    return experiment.model_copy(update={"carbon": carbon.model_copy(update={"kaps": kaps})}), [note]
