"""TOPMODEL and the four pools of soil carbon of a column, from the sections of an experiment."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor

from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.sections import SoilSection
from jules_ml.experiment.soil_processes import FourPoolsSection
from jules_ml.physics.column import RespirationFactors, jules_one_pool_factors
from jules_ml.physics.constants import SECONDS_PER_YEAR
from jules_ml.physics.soil_carbon import FourPoolCarbon, SoilCarbonState, initial_soil_carbon
from jules_ml.physics.soil_respiration import jules_factors
from jules_ml.physics.topmodel import Topmodel
from jules_ml.physics.topographic_index import topmodel_properties

#: Keys of ``[soil]`` that are arguments of a column of the same names.
SOIL_SWITCHES: Final = ("l_soil_sat_down", "l_holdwater", "l_dpsids_dsdz", "soilhc_method", "heat_solutions")


def soil_switches(section: SoilSection) -> dict[str, Any]:
    """Switches of the soil for :class:`~jules_ml.physics.column.SoilColumn`.

    Parameters
    ----------
    section : SoilSection
        ``[soil]`` of the experiment.

    Returns
    -------
    dict of str to value
        By the names of its arguments.
    """
    return {name: getattr(section, name) for name in SOIL_SWITCHES}


def column_topmodel(section: SoilSection, dzsoil: Tensor) -> Topmodel | None:
    """Make the properties for TOPMODEL.

    Parameters
    ----------
    section : SoilSection
        ``[soil]`` of the experiment.
    dzsoil : Tensor, shape (layer, 1)
        Layer thicknesses [m].

    Returns
    -------
    Topmodel or None
        ``None`` without ``[soil.topmodel]``.
    """
    top = section.topmodel
    if top is None:
        return None
    fexp, ti_mean, ti_sig = (torch.tensor([x], dtype=dzsoil.dtype) for x in (top.fexp, top.ti_mean, top.ti_sig))
    return topmodel_properties(
        fexp,
        ti_mean,
        ti_sig,
        dzsoil,
        zw_max=top.zw_max,
        ti_max=top.ti_max,
        nfita=top.nfita,
        l_wetland_unfrozen=top.l_wetland_unfrozen,
    )


def initial_topmodel(section: SoilSection | None, dtype: torch.dtype) -> dict[str, Tensor]:
    """Initial values of TOPMODEL that the experiment gives, by JULES's names.

    Parameters
    ----------
    section : SoilSection or None
        ``[soil]`` of the experiment.
    dtype : torch.dtype
        Precision.

    Returns
    -------
    dict of str to Tensor, shape (1,)
    """
    top = None if section is None else section.topmodel
    given = {} if top is None else {"sthzw": top.sthzw, "zw": top.zw}
    return {name: torch.tensor([value], dtype=dtype) for name, value in given.items() if value is not None}


def four_pools(experiment: Experiment) -> FourPoolsSection | None:
    """Return ``[carbon.four_pools]`` of an experiment, if it has one."""
    return None if experiment.carbon is None else experiment.carbon.four_pools


def column_four_pools(experiment: Experiment, dtype: torch.dtype) -> FourPoolCarbon | None:
    """Make the settings of the four pools.

    Parameters
    ----------
    experiment : Experiment
        With ``[soil]``, ``[surface]`` and ``[carbon]``.
    dtype : torch.dtype
        Precision.

    Returns
    -------
    FourPoolCarbon or None
        ``None`` without ``[carbon.four_pools]``.

    Raises
    ------
    BadInput
        If clay is not known, or the rate of a learned respiration is to replace that of one pool.
    """
    section = four_pools(experiment)
    if section is None:
        return None
    if experiment.modules.respiration is not None and experiment.modules.base_rate == "learned":
        raise BadInput(
            "a learned base rate replaces the rate of one pool, and the soil has four",
            where=f"{experiment.file}, modules.base_rate",
            remedy='set base_rate = "jules", or leave out [carbon.four_pools]',
        )
    surface = experiment.required(experiment.surface, "surface")
    bare = sum(tile.frac for tile in surface.tiles if tile.type == "bare_soil")

    def tensor(value: float) -> Tensor:
        return torch.tensor([value], dtype=dtype)

    return FourPoolCarbon(
        veg_frac=tensor(1.0 - bare),
        litter=tensor(section.litter / SECONDS_PER_YEAR),
        dpm_ratio=tensor(section.dpm_rpm_ratio / (1.0 + section.dpm_rpm_ratio)),
        clay=tensor(_clay(experiment, section)).unsqueeze(0),
        kaps_4pool=section.kaps_4pool,
        l_soil_resp_lev2=section.l_soil_resp_lev2,
        l_layeredc=section.l_layeredc,
        tau_resp=section.tau_resp,
        tau_lit=section.tau_lit,
        triffid_period=section.triffid_period,
    )


def _clay(experiment: Experiment, section: FourPoolsSection) -> float:
    if section.clay is not None:
        return section.clay
    soil = experiment.required(experiment.soil, "soil")
    if soil.texture is None:
        raise BadInput(
            "the four pools of soil carbon need clay, and there is no [soil.texture]",
            where=f"{experiment.file}, carbon.four_pools",
            remedy="give clay",
        )
    return soil.texture.clay[0]


def initial_four_pools(experiment: Experiment, dzsoil: Tensor) -> SoilCarbonState | None:
    """Make the initial pools.

    Parameters
    ----------
    experiment : Experiment
        With ``[carbon]``.
    dzsoil : Tensor, shape (layer, 1)
        Layer thicknesses [m].

    Returns
    -------
    SoilCarbonState or None
        ``None`` without ``[carbon.four_pools]``.

    Raises
    ------
    BadInput
        If the number of layers is not that of the soil.
    """
    section, carbon = four_pools(experiment), experiment.carbon
    if section is None or carbon is None:
        return None
    layers = (1.0,) if section.layers is None else section.layers
    if section.l_layeredc and len(layers) != len(dzsoil):
        raise BadInput(
            f"layers has {len(layers)} values for {len(dzsoil)} soil layers",
            where=f"{experiment.file}, carbon.four_pools",
            remedy="give one fraction for each layer of [soil] dzsoil",
        )
    fractions = torch.tensor(section.fractions, dtype=dzsoil.dtype).reshape(-1, 1, 1)
    return initial_soil_carbon(carbon.cs * fractions * torch.tensor(layers, dtype=dzsoil.dtype).reshape(1, -1, 1))


def jules_factors_of(experiment: Experiment) -> RespirationFactors:
    """Choose JULES's modifiers of respiration for the pools of an experiment.

    Parameters
    ----------
    experiment : Experiment

    Returns
    -------
    callable
        Those of one pool without ``[carbon.four_pools]``.
    """
    section = four_pools(experiment)
    if section is None:
        return jules_one_pool_factors
    return jules_factors(4, l_q10=section.l_q10, l_soil_resp_lev2=section.l_soil_resp_lev2)
