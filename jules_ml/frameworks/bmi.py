"""The soil as a component of coupling frameworks: CSDMS's Basic Model Interface.

:class:`SoilColumnBmi` is the column of an experiment, with the learned modules that the experiment names. Its weather is that of the
experiment's record until another component sets it. :class:`Component` does the bookkeeping that the interface asks of any component
whose variables are numbers or profiles, so that a small one needs little more than its physics.

Needs the package ``bmipy`` (``pip install jules_ml[bmi]``).

References
----------
Hutton et al. (2020), Journal of Open Source Software 5(51), 2317: the Basic Model Interface 2.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from bmipy import Bmi
from numpy.typing import NDArray

from jules_ml.column.learned_respiration import learned_factors
from jules_ml.column.learned_soil import with_learned_soil
from jules_ml.column.run import to_be_compiled
from jules_ml.column.setup import Soil, experiment_column, initial_state
from jules_ml.column.spin_up import spin_up, steps_of_a_cycle
from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.experiment.sections import RunSection
from jules_ml.physics.column import ColumnState, SoilColumn, freeze_soil, jules_one_pool_factors
from jules_ml.physics.surface import Forcing
from jules_ml.weather import Weather, site_weather

Array = NDArray[np.float64]
#: Numbers of the grids: a single value, and the layers of the soil.
POINT, LAYERS = 0, 1


@dataclass(frozen=True)
class BmiVariable:
    """A variable that is exchanged: unit, its grid, and whether it is taken in, given out, or both."""

    units: str
    grid: int = POINT
    taken: bool = False
    given: bool = False


class Component(Bmi):
    """A component whose variables are single values or profiles over the layers of the soil.

    Subclasses call :meth:`declare` when they are initialised, change ``self.values[name][...]`` in :meth:`update`, and call
    :meth:`advance` at its end.
    """

    _name = "component"

    def declare(
        self, variables: Mapping[str, BmiVariable], *, timestep: float, n_steps: int, depths: Array | None = None
    ) -> None:
        """Say what is exchanged, and when.

        Parameters
        ----------
        variables : mapping of str to BmiVariable
        timestep : float
            [s].
        n_steps : int
            Steps to the end.
        depths : array, shape (layer,), optional
            Middle of the soil layers [m], for variables on them.
        """
        self._variables = dict(variables)
        self._timestep, self._n_steps, self._step = float(timestep), n_steps, 0
        self._depths = np.zeros(1) if depths is None else depths
        self.values: dict[str, Array] = {
            name: np.zeros(1 if v.grid == POINT else len(self._depths)) for name, v in self._variables.items()
        }

    def advance(self) -> None:
        """Count a step as done."""
        self._step += 1

    def update_until(self, time: float) -> None:
        """Step until a time [s]; a time within a step is reached with the step that holds it."""
        while self.get_current_time() < time - 1e-6 * self._timestep:
            self.update()

    def finalize(self) -> None:
        """Let go of what is held."""
        self.values = {}

    def get_component_name(self) -> str:
        return self._name

    def get_input_item_count(self) -> int:
        return len(self.get_input_var_names())

    def get_output_item_count(self) -> int:
        return len(self.get_output_var_names())

    def get_input_var_names(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(name for name, v in self._variables.items() if v.taken)

    def get_output_var_names(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(name for name, v in self._variables.items() if v.given)

    def get_var_grid(self, name: str) -> int:
        return self._variable(name).grid

    def get_var_type(self, name: str) -> str:
        return str(self._array(name).dtype)

    def get_var_units(self, name: str) -> str:
        return self._variable(name).units

    def get_var_itemsize(self, name: str) -> int:
        return self._array(name).itemsize

    def get_var_nbytes(self, name: str) -> int:
        return self._array(name).nbytes

    def get_var_location(self, name: str) -> str:
        self._variable(name)
        return "node"

    def get_current_time(self) -> float:
        return self._step * self._timestep

    def get_start_time(self) -> float:
        return 0.0

    def get_end_time(self) -> float:
        return self._n_steps * self._timestep

    def get_time_units(self) -> str:
        return "s"

    def get_time_step(self) -> float:
        return self._timestep

    def get_value(self, name: str, dest: NDArray) -> NDArray:
        dest[...] = self._array(name).reshape(dest.shape)
        return dest

    def get_value_ptr(self, name: str) -> NDArray:
        return self._array(name)

    def get_value_at_indices(self, name: str, dest: NDArray, inds: NDArray) -> NDArray:
        dest[...] = self._array(name)[inds]
        return dest

    def set_value(self, name: str, src: NDArray) -> None:
        array = self._array(name)
        array[...] = np.asarray(src).reshape(array.shape)

    def set_value_at_indices(self, name: str, inds: NDArray, src: NDArray) -> None:
        self._array(name)[inds] = src

    def get_grid_rank(self, grid: int) -> int:
        return 0 if self._checked(grid) == POINT else 1

    def get_grid_size(self, grid: int) -> int:
        return 1 if self._checked(grid) == POINT else len(self._depths)

    def get_grid_type(self, grid: int) -> str:
        return "scalar" if self._checked(grid) == POINT else "rectilinear"

    def get_grid_shape(self, grid: int, shape: NDArray) -> NDArray:
        if self._checked(grid) == LAYERS:
            shape[0] = len(self._depths)
        return shape

    def get_grid_x(self, grid: int, x: NDArray) -> NDArray:
        """Depth of the middle of each layer [m]: the only dimension that a column has."""
        if self._checked(grid) == LAYERS:
            x[...] = self._depths
        return x

    def get_grid_node_count(self, grid: int) -> int:
        return self.get_grid_size(grid)

    def get_grid_y(self, grid: int, y: NDArray) -> NDArray:
        raise NotImplementedError("a column has depth alone")

    def get_grid_z(self, grid: int, z: NDArray) -> NDArray:
        raise NotImplementedError("a column has depth alone, given as x")

    def get_grid_spacing(self, grid: int, spacing: NDArray) -> NDArray:
        raise NotImplementedError("layers are not evenly spaced")

    def get_grid_origin(self, grid: int, origin: NDArray) -> NDArray:
        raise NotImplementedError("layers are not evenly spaced")

    def get_grid_edge_count(self, grid: int) -> int:
        raise NotImplementedError("the grid is not unstructured")

    def get_grid_face_count(self, grid: int) -> int:
        raise NotImplementedError("the grid is not unstructured")

    def get_grid_edge_nodes(self, grid: int, edge_nodes: NDArray) -> NDArray:
        raise NotImplementedError("the grid is not unstructured")

    def get_grid_face_edges(self, grid: int, face_edges: NDArray) -> NDArray:
        raise NotImplementedError("the grid is not unstructured")

    def get_grid_face_nodes(self, grid: int, face_nodes: NDArray) -> NDArray:
        raise NotImplementedError("the grid is not unstructured")

    def get_grid_nodes_per_face(self, grid: int, nodes_per_face: NDArray) -> NDArray:
        raise NotImplementedError("the grid is not unstructured")

    def _variable(self, name: str) -> BmiVariable:
        if name not in self._variables:
            raise BadInput(
                f"there is no variable {name}",
                where=self._name,
                remedy=f"use one of {', '.join(self._variables)}",
            )
        return self._variables[name]

    def _array(self, name: str) -> Array:
        self._variable(name)
        return self.values[name]

    def _checked(self, grid: int) -> int:
        if grid not in (POINT, LAYERS):
            raise BadInput(
                f"there is no grid {grid}", where=self._name, remedy="grids are 0, a value, and 1, the layers"
            )
        return grid


_FLUX = "kg m-2 s-1"
#: Weather, in the order of :class:`~jules_ml.physics.surface.Forcing`.
WEATHER = {
    "land_surface_radiation~incoming~shortwave__energy_flux": BmiVariable("W m-2", taken=True),
    "land_surface_radiation~incoming~longwave__energy_flux": BmiVariable("W m-2", taken=True),
    "atmosphere_water__rainfall_mass_flux": BmiVariable(_FLUX, taken=True),
    "atmosphere_water__snowfall_mass_flux": BmiVariable(_FLUX, taken=True),
    "atmosphere_bottom_air__temperature": BmiVariable("K", taken=True),
    "atmosphere_bottom_air_flow__speed": BmiVariable("m s-1", taken=True),
    "atmosphere_bottom_air__static_pressure": BmiVariable("Pa", taken=True),
    "atmosphere_bottom_air_water~vapor__mass_fraction": BmiVariable("1", taken=True),
}
WATER, TEMPERATURE = "soil_layer_water__mass_per_area", "soil_layer__temperature"
#: State, which others may set; water is liquid and ice together.
STATE = {
    WATER: BmiVariable("kg m-2", LAYERS, taken=True, given=True),
    TEMPERATURE: BmiVariable("K", LAYERS, taken=True, given=True),
}
#: What the column gives, by the name of its output.
GIVEN = {
    "sthu": ("soil_layer_water~liquid__saturation_fraction", BmiVariable("1", LAYERS, given=True)),
    "sthf": ("soil_layer_water~frozen__saturation_fraction", BmiVariable("1", LAYERS, given=True)),
    "ext": ("soil_layer_water__extraction_mass_flux", BmiVariable(_FLUX, LAYERS, given=True)),
    "surf_roff": ("land_surface_water__runoff_mass_flux", BmiVariable(_FLUX, given=True)),
    "sub_surf_roff": ("soil_bottom_water__drainage_mass_flux", BmiVariable(_FLUX, given=True)),
    "fqw_gb": ("land_surface_water__evaporation_mass_flux", BmiVariable(_FLUX, given=True)),
    "latent_heat": ("land_surface_heat~latent__energy_flux", BmiVariable("W m-2", given=True)),
    "ftl_gb": ("land_surface_heat~sensible__energy_flux", BmiVariable("W m-2", given=True)),
    "resp_s_gb": ("soil_carbon__respiration_mass_flux", BmiVariable(_FLUX, given=True)),
}


class SoilColumnBmi(Component):
    """JULES's soil column, with the modules that its experiment names, as a component.

    Its configuration is an experiment file with ``[data]``, ``[soil]``, ``[surface]``, ``[carbon]`` and ``[run]``; ``[modules]`` puts
    learned modules in the place of JULES's forms, and it starts from the soil that ``[run.spin_up]`` gives. A step takes the weather of
    the record, but for what :meth:`set_value` was given: that stays until it is set again. Water and temperature of the layers can be
    set too; ice is then what they imply.
    """

    _name = "jules_ml soil column"
    _column: SoilColumn
    _soil: Soil
    _state: ColumnState
    _weather: Array

    def initialize(self, config_file: str) -> None:
        """Read an experiment file, and make its column.

        Raises
        ------
        BadInput
            As :func:`~jules_ml.column.run.run_column`.
        """
        experiment, _ = with_learned_soil(load_experiment(Path(config_file)))
        run = experiment.required(experiment.run, "run")
        weather = site_weather(
            experiment.record(),
            experiment.forcing,
            timestep=run.timestep,
            start=None if run.start is None else pd.Timestamp(run.start),
            end=None if run.end is None else pd.Timestamp(run.end),
        )
        learned = experiment.modules.respiration
        factors = jules_one_pool_factors if learned is None else learned_factors(learned)
        self._column, self._soil = experiment_column(
            experiment, timestep=run.timestep, dtype=torch.float64, factors=factors
        )
        self._weather = np.stack([weather.series[name].to_numpy() for name in Forcing._fields], axis=1)
        mean = float(weather.series["t_air"].mean())
        state = initial_state(self._column, run.initial, t_air_mean=mean)
        self._state = self._spun_up(state, weather, run)
        thickness = self._soil.dzsoil.flatten().numpy()
        self.declare(
            {**WEATHER, **STATE, **dict(GIVEN.values())},
            timestep=run.timestep,
            n_steps=len(self._weather),
            depths=np.cumsum(thickness) - thickness / 2.0,
        )
        self._set: set[str] = set()
        self._show_state()
        self._show_weather()

    def _spun_up(self, state: ColumnState, weather: Weather, run: RunSection) -> ColumnState:
        """The state that :func:`~jules_ml.column.run.run_column` starts from."""
        stamps = pd.DatetimeIndex(weather.series["time"].to_numpy())
        n_spin = steps_of_a_cycle(stamps, run.timestep, run.spin_up)
        forcing = Forcing(*(x[:n_spin] for x in weather.tensors(torch.float64)))
        compiled = to_be_compiled(run, n_spin * run.spin_up.cycles, [])
        return spin_up(self._column, state, forcing, run.spin_up, outputs=("smcl",), compiled=compiled)[0]

    def update(self) -> None:
        """Step once.

        Raises
        ------
        BadInput
            If the record has ended, or a value that was set is not finite.
        """
        if self._step >= self._n_steps:
            raise BadInput(
                "the record has ended", where=self._name, remedy="stop at get_end_time(), or give a longer record"
            )
        for name in (*WEATHER, *STATE):
            if not np.isfinite(self.values[name]).all():
                raise BadInput(
                    f"its value is {self.values[name].tolist()}",
                    where=f"{self._name}, {name}",
                    remedy="set finite values, in the variable's own unit",
                )
        forcing = Forcing(*(torch.from_numpy(self.values[name].copy()) for name in WEATHER))
        with torch.no_grad():
            self._state, outputs = self._column.step(self._taken_state(), forcing)
        for output, (name, _) in GIVEN.items():
            self.values[name][...] = outputs[output].flatten().numpy()
        self.advance()
        self._show_state()
        self._show_weather()

    def set_value(self, name: str, src: NDArray) -> None:
        super().set_value(name, src)
        self._set.add(name)

    def set_value_at_indices(self, name: str, inds: NDArray, src: NDArray) -> None:
        super().set_value_at_indices(name, inds, src)
        self._set.add(name)

    def _taken_state(self) -> ColumnState:
        """State with what others have changed, through :meth:`set_value` or the array itself."""
        smcl, t_soil = (torch.from_numpy(self.values[name].copy())[:, None] for name in (WATER, TEMPERATURE))
        if torch.equal(smcl, self._state.smcl) and torch.equal(t_soil, self._state.t_soil):
            return self._state
        properties = self._soil.properties
        sthuf = smcl / (1000.0 * self._soil.dzsoil * properties.sm_sat)
        if bool((sthuf < 0.0).any()) or bool((sthuf > 1.0 + 1e-9).any()):
            raise BadInput(
                f"water of {smcl.flatten().tolist()} kg m-2 is negative or above saturation",
                where=f"{self._name}, {WATER}",
                remedy="set values from 0 to 1000 kg m-3 times thickness and sm_sat",
            )
        return self._state._replace(smcl=smcl, t_soil=t_soil, sthf=freeze_soil(sthuf, t_soil, properties))

    def _show_state(self) -> None:
        self.values[WATER][...] = self._state.smcl.flatten().numpy()
        self.values[TEMPERATURE][...] = self._state.t_soil.flatten().numpy()

    def _show_weather(self) -> None:
        """The weather of the step to come, where nobody has set it."""
        row = self._weather[min(self._step, self._n_steps - 1)]
        for number, name in enumerate(WEATHER):
            if name not in self._set:
                self.values[name][...] = row[number]
