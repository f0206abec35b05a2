"""The soil column in NextGen (ngen): its conventions for BMI models in Python, and AORC forcing.

A realisation names ``jules_ml.frameworks.ngen.BmiJulesSoil`` as ``python_type`` of a ``bmi_python`` formulation; ``init_config`` is an
experiment file.

Needs the package ``bmipy`` (``pip install jules_ml[bmi]``).

References
----------
NOAA-OWP, ngen, doc/BMI_MODELS.md: conventions for BMI models. Fall et al. (2023), J. Am. Water Resour. Assoc. 59, 1246-1272: AORC.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.frameworks.bmi import SoilColumnBmi
from jules_ml.frameworks.variables import COLUMNS, Array, BmiVariable
from jules_ml.physics.constants import RHO_WATER

#: Air temperature at and below which precipitation is snow [K], as JULES's default of ``t_for_snow``.
_T_FOR_SNOW: Final = 274.0


def _aorc(units: str, doc: str) -> BmiVariable:
    return BmiVariable(units, doc, "input")


#: AORC forcing by the names and in the units in which ngen provides it.
AORC: Final[Mapping[str, BmiVariable]] = {
    "land_surface_radiation~incoming~shortwave__energy_flux": _aorc("W m-2", "downward shortwave radiation"),
    "land_surface_radiation~incoming~longwave__energy_flux": _aorc("W m-2", "downward longwave radiation"),
    "atmosphere_water__liquid_equivalent_precipitation_rate": _aorc("mm s-1", "precipitation"),
    "land_surface_air__temperature": _aorc("K", "air temperature at 2 m"),
    "land_surface_wind__x_component_of_velocity": _aorc("m s-1", "eastward wind at 10 m"),
    "land_surface_wind__y_component_of_velocity": _aorc("m s-1", "northward wind at 10 m"),
    "land_surface_air__pressure": _aorc("Pa", "surface pressure"),
    "atmosphere_air_water~vapor__relative_saturation": _aorc("kg kg-1", "specific humidity at 2 m"),
}
#: Totals of the last step as depths of water [m], which routing of ngen takes, and the rates that make them.
DEPTHS: Final[Mapping[str, tuple[str, ...]]] = {
    "Q_OUT": ("surf_roff", "sub_surf_roff"),
    "ACTUAL_ET": ("fqw_gb",),
}
_DEPTH_VARIABLES: Final[Mapping[str, BmiVariable]] = {
    "Q_OUT": BmiVariable("m", "runoff and drainage of the last step", "output"),
    "ACTUAL_ET": BmiVariable("m", "evapotranspiration of the last step", "output"),
}


class BmiJulesSoil(SoilColumnBmi):
    """Column of an experiment in ngen.

    Inputs are AORC's, in their units; snow is precipitation at or below 274 K. Outputs are those of
    :class:`~jules_ml.frameworks.bmi.SoilColumnBmi` without layers, and depths of runoff and evapotranspiration [m]; layers can be read by
    their names. No name is in both lists. The state is set by its CSDMS or JULES's name, which no list has. :meth:`set_value` of a name
    that the model does not have is ignored, as ngen offers parameters to all models of a formulation. Times are in seconds.

    The experiment must be of a single column in the mode ``coupled``.
    """

    _name = "jules_ml soil column in ngen"
    _given: dict[str, Array]
    _depths: dict[str, Array]

    #: Variables of ngen beside those of the column.
    extra: ClassVar[Mapping[str, BmiVariable]] = {**AORC, **_DEPTH_VARIABLES}

    def initialize(self, config_file: str) -> None:
        """Read an experiment file, and set up its column.

        Raises
        ------
        BadInput
            As :meth:`~jules_ml.frameworks.bmi.SoilColumnBmi.initialize`; or if the mode is not ``coupled`` or there are several columns.
        """
        super().initialize(config_file)
        if self.coupled_inputs != set(self._inputs.names) or self.get_grid_size(COLUMNS) != 1:
            raise BadInput(
                "ngen sets all inputs of a single column",
                where=config_file,
                remedy='set mode = "coupled" under [component], without latitude and longitude',
            )
        self._given = {name: np.full(1, np.nan) for name in AORC}
        self._depths = {name: np.zeros(1) for name in DEPTHS}

    def get_input_var_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of AORC's variables."""
        return tuple(AORC)

    def get_output_var_names(self) -> tuple[str, ...]:  # type: ignore[override]
        """Names of the outputs with one value, which ngen can write."""
        single = [name for name, v in self.variables.items() if v.role == "output" and v.grid == COLUMNS]
        return (*single, *DEPTHS)

    def get_time_units(self) -> str:
        """Return the unit of time, always ``s``."""
        self._require_initialised()
        return "s"

    def get_var_grid(self, name: str) -> int:
        """Grid of a variable."""
        return self.extra[name].grid if name in self.extra else super().get_var_grid(name)

    def get_var_type(self, name: str) -> str:
        """Type of the values: ``float64``, which ngen reads as double precision."""
        return "float64" if name in self.extra else super().get_var_type(name)

    def get_var_units(self, name: str) -> str:
        """Return the unit of a variable."""
        return self.extra[name].units if name in self.extra else super().get_var_units(name)

    def get_var_itemsize(self, name: str) -> int:
        """Size of one value [bytes]."""
        return 8 if name in self.extra else super().get_var_itemsize(name)

    def get_var_location(self, name: str) -> str:
        """Location of the values on the grid: always its nodes."""
        return "node" if name in self.extra else super().get_var_location(name)

    def array(self, name: str) -> Array:
        """Values of a variable, as they are kept."""
        if name not in self.extra:
            return super().array(name)
        self._require_initialised()
        return self._given[name] if name in AORC else self._depths[name]

    def get_value_ptr(self, name: str) -> NDArray[Any]:
        """Array of the values of a variable, without a copy."""
        return self.array(name) if name in self.extra else super().get_value_ptr(name)

    def set_value(self, name: str, src: NDArray[Any]) -> None:
        """Set the values of an input or of the state; a name that the model does not have is ignored."""
        if name in AORC:
            values = self._numbers(name, src).reshape(-1)
            if values.size != 1:
                raise self._wrong_size(name, values.size, 1)
            self.array(name)[...] = values
        elif self._is_settable(name):
            super().set_value(name, src)

    def set_value_at_indices(self, name: str, inds: NDArray[Any], src: NDArray[Any]) -> None:
        """Set values at indices; a name that the model does not have is ignored."""
        if name in AORC:
            places, values = self._indices(name, inds), self._numbers(name, src).reshape(-1)
            if values.size != places.size:
                raise self._wrong_size(name, values.size, places.size)
            self.array(name)[places] = values
        elif self._is_settable(name):
            super().set_value_at_indices(name, inds, src)

    def update(self) -> None:
        """Step once with the forcing that was set.

        Raises
        ------
        BadInput
            As of :class:`~jules_ml.frameworks.bmi.SoilColumnBmi`; a forcing that has not been set is named.
        """
        self._take_forcing()
        super().update()
        self._take_depths()
        self._forget()

    def update_until(self, time: float) -> None:
        """Step until a time with the forcing that was set; depths are totals of all steps."""
        self._require_reachable(time)
        steps, totals = 0, dict.fromkeys(DEPTHS, 0.0)
        while not self._has_reached(time):
            self._take_forcing()
            super().update()
            self._take_depths()
            totals = {name: total + float(self._depths[name][0]) for name, total in totals.items()}
            steps += 1
        for name, total in totals.items():
            self._depths[name][...] = total
        if steps:
            self._forget()

    def _is_settable(self, name: str) -> bool:
        aliases = {v.jules for v in self.variables.values()}
        return name in self.variables or name in aliases

    def _place(self, name: str) -> str:
        return f"{self._name}, {name}" if name in self.extra else super()._place(name)

    def _take_forcing(self) -> None:
        """Set the inputs of the column from AORC's."""
        missing = [name for name, values in self._given.items() if np.isnan(values).any()]
        if missing:
            raise BadInput(
                f"the forcing {', '.join(missing)} has not been set for this step",
                where=self._name,
                remedy="set all inputs before each call of update or update_until",
            )
        shortwave, longwave, precipitation, t_air, east, north, pressure, humidity = (self._given[n] for n in AORC)
        rate = precipitation * RHO_WATER / 1000.0
        cold = t_air <= _T_FOR_SNOW
        weather = {
            "sw_down": shortwave,
            "lw_down": longwave,
            "tot_rain": np.where(cold, 0.0, rate),
            "tot_snow": np.where(cold, rate, 0.0),
            "t_air": t_air,
            "wind": np.hypot(east, north),
            "pstar": pressure,
            "q": humidity,
        }
        for name, values in weather.items():
            SoilColumnBmi.set_value(self, name, values)

    def _take_depths(self) -> None:
        for name, rates in DEPTHS.items():
            total = sum(float(self.array(rate)[0]) for rate in rates)
            self._depths[name][...] = total * self.get_time_step() / RHO_WATER

    def _forget(self) -> None:
        """Forcing counts for one call."""
        for values in self._given.values():
            values[...] = np.nan
