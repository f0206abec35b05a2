"""The soil alone as a component, for frameworks that have a surface of their own.

:class:`SoilOnlyBmi` takes what reaches the ground and what is drawn from it, and returns soil moisture stress, runoff and drainage.

Needs the package ``bmipy`` (``pip install jules_ml[bmi]``).

References
----------
Best et al. (2011), Geosci. Model Dev. 4, 677-699: uptake by roots, soil moisture stress, bare-soil evaporation, infiltration excess.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor

from jules_ml.column.grid.trees import widened
from jules_ml.column.learned_rate import with_learned_rate
from jules_ml.column.learned_respiration import learned_factors
from jules_ml.column.learned_soil import with_learned_soil
from jules_ml.column.soil_processes import column_four_pools, column_topmodel, jules_factors_of, soil_switches
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment, load_experiment
from jules_ml.experiment.component import ComponentSection
from jules_ml.frameworks.columns import Columns, columns_of_grid, places_of
from jules_ml.frameworks.coupled import CoupledComponent
from jules_ml.frameworks.places import Places
from jules_ml.frameworks.setup import Setup, compiled_steps, state_without_record, steps_without_record
from jules_ml.frameworks.variables import SOIL_INPUTS, SOIL_ONLY_OUTPUTS, STATE
from jules_ml.learned.hydraulics.soil_section import column_soil
from jules_ml.physics.column import ColumnState, SoilColumn
from jules_ml.physics.constants import RHO_WATER
from jules_ml.physics.evaporation import root_fraction, soil_moisture_stress
from jules_ml.physics.interception import infiltration_excess_point
from jules_ml.physics.layerwise import sum_over_layers

#: Smallest stress factor by which roots are weighted, so that uptake is defined in dry soil.
_LEAST = 1e-9


class SoilForcing(NamedTuple):
    """What drives the soil in a step, shape (column,) each: fluxes of water [kg m-2 s-1], and heat into the soil [W m-2]."""

    tfall: Tensor
    et_stom_gb: Tensor
    esoil_gb: Tensor
    surf_ht_flux_gb: Tensor


class SoilAlone:
    """Columns without a surface, driven by fluxes at the ground.

    Parameters
    ----------
    column : SoilColumn
        Without a surface.
    rooting_depth : float
        E-folding depth of roots [m].
    infil : float
        Infiltration capacity as a multiple of the saturated conductivity [1].
    """

    #: The kernel leaves out tiles without a fraction; the soil has none.
    surface = None

    def __init__(self, column: SoilColumn, *, rooting_depth: float, infil: float) -> None:
        self._column, self._infil = column, infil
        depth = torch.tensor(rooting_depth, dtype=column.dzsoil.dtype)
        self._roots = root_fraction(depth, column.dzsoil.flatten())[:, None]

    def step(self, state: ColumnState, forcing: SoilForcing) -> tuple[ColumnState, dict[str, Tensor]]:
        """Step the soil.

        Water in excess of the infiltration capacity runs off. Roots take up water from each layer in proportion to their fraction and the
        stress of the layer; evaporation is drawn from the first layer. No layer gives more than its liquid water: the remainder is the
        output ``shortage``, for which the surface has no water.

        Parameters
        ----------
        state : ColumnState
        forcing : SoilForcing

        Returns
        -------
        ColumnState
            At the end of the step.
        dict of str to Tensor
            As :meth:`~jules_ml.physics.column.SoilColumn.soil_step`, ``fsmc_gb``, ``fsoil`` [1] and ``shortage`` [kg m-2 s-1].
        """
        column, soil = self._column, self._column.soil
        liquid = state.smcl / (RHO_WATER * column.dzsoil) - state.sthf * soil.sm_sat
        wilt, crit = soil.sm_wilt, soil.sm_crit
        weights = [self._roots[n] * x.clamp(min=_LEAST) for n, x in enumerate(soil_moisture_stress(liquid, wilt, crit))]
        fsmc = sum_over_layers(weights)
        available = liquid.clamp(min=0.0) * RHO_WATER * column.dzsoil / column.timestep
        wanted = [forcing.et_stom_gb * weight / fsmc for weight in weights]
        wanted[0] = wanted[0] + forcing.esoil_gb
        ext = [torch.minimum(demand, available[n]) for n, demand in enumerate(wanted)]
        shortage = sum_over_layers(wanted) - sum_over_layers(ext)
        excess = infiltration_excess_point(forcing.tfall, self._infil * soil.satcon[0])
        no_snow = forcing.tfall * 0.0
        new, outputs = column.soil_step(
            state, forcing.tfall - excess, torch.stack(ext), forcing.surf_ht_flux_gb, no_snow
        )
        wetness = (liquid[0] / crit[0]).clamp(0.0, 1.0)
        runoff = {"surf_roff": outputs["surf_roff"] + excess, "runoff": outputs["runoff"] + excess}
        return new, outputs | runoff | {"fsmc_gb": fsmc, "fsoil": wetness * wetness, "shortage": shortage}


class SoilOnlyBmi(CoupledComponent):
    """JULES's soil, with the modules that its experiment names, as a component without a surface.

    The configuration is an experiment file with ``[soil]``, ``[carbon]`` and ``[run]``. All inputs are coupled: they must be set before
    each call of :meth:`update` or :meth:`update_until`.

    Parameters
    ----------
    places : Places, optional
        Places of the columns; by default those of ``[component]``.
    """

    variables: ClassVar = {**SOIL_INPUTS, **STATE, **SOIL_ONLY_OUTPUTS}
    _name = "jules_ml soil"

    def __init__(self, places: Places | None = None) -> None:
        super().__init__()
        self._places = places

    def initialize(self, config_file: str) -> None:
        """Read an experiment file, and set up its soil.

        Parameters
        ----------
        config_file : str
            Experiment file.

        Raises
        ------
        BadInput
            If a section is missing or not possible, or a value that a record would give is missing.
        """
        experiment = load_experiment(Path(config_file))
        setup = soil_setup(experiment, self._places)
        section = setup.section
        column = SoilAlone(setup.column, rooting_depth=section.rooting_depth, infil=section.infil)
        self.begin(setup, column, SoilForcing)


def soil_setup(experiment: Experiment, places: Places | None = None) -> Setup:
    """Set up the soil of an experiment without a surface; see :class:`SoilOnlyBmi`."""
    section = experiment.component or ComponentSection()
    if section.mode == "mixed":
        raise BadInput(
            "all inputs of the soil alone are coupled",
            where=f"{experiment.file}, component.mode",
            remedy="remove mode and coupled from [component]",
        )
    run = experiment.required(experiment.run, "run")
    columns = _columns(experiment, section, run.timestep, places)
    n_steps, start = steps_without_record(run)
    state, size, notes = state_without_record(columns, run), columns.places.size, columns.notes
    compiled = compiled_steps(run, n_steps, size, notes)
    return Setup(
        section, columns.column, widened(state, size), columns.places, None, frozenset(SOIL_INPUTS),
        start, n_steps, compiled, tuple(notes),
    )  # fmt: skip


def _columns(experiment: Experiment, section: ComponentSection, timestep: float, places: Places | None) -> Columns:
    """Columns without a surface: of the land points of a grid, unless places are given, or of a site."""
    if experiment.grid is not None and places is None:
        land = columns_of_grid(experiment, section)
        assert land.state is not None
        column = copy.copy(land.column)
        column.surface = None
        return replace(land, column=column, state=land.state._replace(surface=None))
    experiment, soil_notes = with_learned_soil(experiment)
    experiment, rate_notes = with_learned_rate(experiment)
    places = places_of(section) if places is None else places
    column = _column(experiment, timestep=timestep)
    return Columns(experiment, column, places, *places.nodes(), [*soil_notes, *rate_notes])


def _column(experiment: Experiment, *, timestep: float) -> SoilColumn:
    """Column without a surface."""
    section = experiment.required(experiment.soil, "soil")
    carbon = experiment.required(experiment.carbon, "carbon")
    soil = column_soil(section, torch.float64, where=str(experiment.file))
    folder = experiment.modules.respiration
    return SoilColumn(
        soil.properties,
        soil.dzsoil,
        timestep=timestep,
        form=soil.form,
        factors=jules_factors_of(experiment) if folder is None else learned_factors(folder),
        cs=torch.tensor(carbon.cs, dtype=torch.float64),
        kaps=carbon.kaps,
        **soil_switches(section),
        topmodel=column_topmodel(section, soil.dzsoil),
        carbon=column_four_pools(experiment, torch.float64),
    )
