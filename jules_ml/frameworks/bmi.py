"""The soil column as a component of coupling frameworks: CSDMS's Basic Model Interface.

:class:`SoilColumnBmi` is the column of an experiment, with the learned modules that the experiment names. Its weather is that of the
experiment's record, unless another component sets it.

Needs the package ``bmipy`` (``pip install jules_ml[bmi]``).

References
----------
Hutton et al. (2020), Journal of Open Source Software 5(51), 2317: the Basic Model Interface 2.0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from jules_ml.column.antecedent import omitted_drivers
from jules_ml.column.learned_rate import with_learned_rate
from jules_ml.column.learned_respiration import learned_factors
from jules_ml.column.learned_soil import with_learned_soil
from jules_ml.column.run import to_be_compiled
from jules_ml.column.setup import experiment_column, initial_state
from jules_ml.column.spin_up import spin_up, steps_of_a_cycle
from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.experiment.sections import RunSection
from jules_ml.frameworks.component import LAYERS, Array, BmiVariable, Component
from jules_ml.learned.hydraulics.soil_section import Soil
from jules_ml.physics.column import ColumnState, SoilColumn, freeze_soil, jules_one_pool_factors
from jules_ml.physics.surface import Forcing
from jules_ml.weather import Weather, site_weather

_FLUX = "kg m-2 s-1"
#: Weather, in the order of :class:`~jules_ml.physics.surface.Forcing`.
WEATHER = {
    "land_surface_radiation~incoming~shortwave__energy_flux": BmiVariable(
        "W m-2", "downward shortwave radiation", "in"
    ),
    "land_surface_radiation~incoming~longwave__energy_flux": BmiVariable("W m-2", "downward longwave radiation", "in"),
    "atmosphere_water__rainfall_mass_flux": BmiVariable(_FLUX, "rainfall", "in"),
    "atmosphere_water__snowfall_mass_flux": BmiVariable(_FLUX, "snowfall", "in"),
    "atmosphere_bottom_air__temperature": BmiVariable("K", "air temperature", "in"),
    "atmosphere_bottom_air_flow__speed": BmiVariable("m s-1", "wind speed", "in"),
    "atmosphere_bottom_air__static_pressure": BmiVariable("Pa", "surface pressure", "in"),
    "atmosphere_bottom_air_water~vapor__mass_fraction": BmiVariable("1", "specific humidity", "in"),
}
WATER, TEMPERATURE = "soil_layer_water__mass_per_area", "soil_layer__temperature"
#: State of the soil.
STATE = {
    WATER: BmiVariable("kg m-2", "liquid water and ice in each layer", "inout", LAYERS),
    TEMPERATURE: BmiVariable("K", "soil temperature", "inout", LAYERS),
}


class ColumnOutput(NamedTuple):
    """Output of the column as a variable of the interface: its name in the column, and the variable."""

    output: str
    variable: BmiVariable


#: Outputs of the column, by their names in the interface.
COLUMN_OUTPUTS = {
    "soil_layer_water~liquid__saturation_fraction": ColumnOutput(
        "sthu", BmiVariable("1", "liquid water as a fraction of saturation", "out", LAYERS)
    ),
    "soil_layer_water~frozen__saturation_fraction": ColumnOutput(
        "sthf", BmiVariable("1", "ice as a fraction of saturation", "out", LAYERS)
    ),
    "soil_layer_water__extraction_mass_flux": ColumnOutput(
        "ext", BmiVariable(_FLUX, "extraction by roots and bare-soil evaporation", "out", LAYERS)
    ),
    "land_surface_water__runoff_mass_flux": ColumnOutput("surf_roff", BmiVariable(_FLUX, "surface runoff", "out")),
    "soil_bottom_water__drainage_mass_flux": ColumnOutput(
        "sub_surf_roff", BmiVariable(_FLUX, "drainage from the bottom layer", "out")
    ),
    "land_surface_water__evaporation_mass_flux": ColumnOutput(
        "fqw_gb", BmiVariable(_FLUX, "evapotranspiration", "out")
    ),
    "land_surface_heat~latent__energy_flux": ColumnOutput(
        "latent_heat", BmiVariable("W m-2", "latent heat flux", "out")
    ),
    "land_surface_heat~sensible__energy_flux": ColumnOutput(
        "ftl_gb", BmiVariable("W m-2", "sensible heat flux", "out")
    ),
    "soil_carbon__respiration_mass_flux": ColumnOutput(
        "resp_s_gb", BmiVariable(_FLUX, "soil respiration, as carbon", "out")
    ),
}


class SoilColumnBmi(Component):
    """JULES's soil column, with the modules that its experiment names, as a component.

    The configuration is an experiment file with ``[data]``, ``[soil]``, ``[surface]``, ``[carbon]`` and ``[run]``. Learned modules of
    ``[modules]`` replace JULES's forms, and the run starts from the state after ``[run.spin_up]``. A step uses the weather of the record,
    except for variables set with :meth:`set_value`, which keep their value until they are set again. Water and temperature of the layers
    can be set too; ice is then in equilibrium with them.

    Attributes
    ----------
    notes : tuple of str
        Notes on the learned modules, with the old and the new respiration rate; empty before :meth:`initialize`.
    """

    notes: tuple[str, ...] = ()
    _name = "jules_ml soil column"
    _column: SoilColumn
    _soil: Soil
    _state: ColumnState
    _weather: Array

    def initialize(self, config_file: str) -> None:
        """Read an experiment file, and set up and spin up its column.

        Parameters
        ----------
        config_file : str
            Experiment file.

        Raises
        ------
        BadInput
            As :func:`~jules_ml.column.run.run_column`.
        """
        experiment, soil_notes = with_learned_soil(load_experiment(Path(config_file)))
        experiment, rate_notes = with_learned_rate(experiment)
        self.notes = (*soil_notes, *rate_notes, *omitted_drivers(experiment.modules.respiration))
        experiment.refuse_physics("the column of BMI")
        run = experiment.required(experiment.run, "run")
        weather = site_weather(
            experiment.record(),
            experiment.forcing,
            timestep=run.timestep,
            start=None if run.start is None else pd.Timestamp(run.start),
            end=None if run.end is None else pd.Timestamp(run.end),
        )
        folder = experiment.modules.respiration
        factors = jules_one_pool_factors if folder is None else learned_factors(folder)
        self._column, self._soil = experiment_column(
            experiment, timestep=run.timestep, dtype=torch.float64, factors=factors
        )
        self._weather = np.stack([weather.series[name].to_numpy() for name in Forcing._fields], axis=1)
        mean = float(weather.series["t_air"].mean())
        state = initial_state(self._column, run.initial, t_air_mean=mean, experiment=experiment)
        self._state = self._spun_up(state, weather, run)
        thickness = self._soil.dzsoil.flatten().numpy()
        self.declare(
            {**WEATHER, **STATE, **{name: each.variable for name, each in COLUMN_OUTPUTS.items()}},
            timestep=run.timestep,
            n_steps=len(self._weather),
            depths=np.cumsum(thickness) - thickness / 2.0,
        )
        self._set: set[str] = set()
        self._show_state()
        self._show_weather()

    def _spun_up(self, state: ColumnState, weather: Weather, run: RunSection) -> ColumnState:
        """Spin up the column as :func:`~jules_ml.column.run.run_column` does."""
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
            If the record has ended, or a variable is not finite.
        """
        if self._step >= self._n_steps:
            raise BadInput(
                "the record has ended", where=self._name, remedy="stop at get_end_time(), or give a longer record"
            )
        for name in (*WEATHER, *STATE):
            if not np.isfinite(self.values[name]).all():
                raise BadInput(
                    f"the value {self.values[name].tolist()} is not finite",
                    where=f"{self._name}, {name}",
                    remedy="set finite values, in the unit of the variable",
                )
        forcing = Forcing(*(torch.from_numpy(self.values[name].copy()) for name in WEATHER))
        with torch.no_grad():
            self._state, outputs = self._column.step(self._current_state(), forcing)
        for name, (output, _) in COLUMN_OUTPUTS.items():
            self.values[name][...] = outputs[output].flatten().numpy()
        self.advance()
        self._show_state()
        self._show_weather()

    def set_value(self, name: str, src: NDArray[Any]) -> None:
        """Set the values of a variable; the record does not change them any more."""
        super().set_value(name, src)
        self._set.add(name)

    def set_value_at_indices(self, name: str, inds: NDArray[Any], src: NDArray[Any]) -> None:
        """Set values of a variable at indices; the record does not change them any more."""
        super().set_value_at_indices(name, inds, src)
        self._set.add(name)

    def _current_state(self) -> ColumnState:
        """State with the changes of other components, made through :meth:`set_value` or the array itself."""
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
        """Copy the state into the exchanged variables."""
        self.values[WATER][...] = self._state.smcl.flatten().numpy()
        self.values[TEMPERATURE][...] = self._state.t_soil.flatten().numpy()

    def _show_weather(self) -> None:
        """Copy the weather of the next step into the variables that no component has set."""
        row = self._weather[min(self._step, self._n_steps - 1)]
        for number, name in enumerate(WEATHER):
            if name not in self._set:
                self.values[name][...] = row[number]
