"""Variables of JULES: unit and range of possible values, for its output, dumps, driving data, ancillaries and the experiment file.

It is the only place where ranges of model variables are defined. Driving variables have the ranges of the same quantities of records
(:mod:`jules_ml.data.variables`). Ranges are wide: a value outside is an error of the unit, a code of missing values, or damage, never a
rare state. The limits themselves are possible: JULES writes 0 for the soil of ice and lakes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from jules_ml.data.missing_codes import is_missing_code
from jules_ml.data.problems import report
from jules_ml.data.variables import VARIABLES
from jules_ml.errors import BadInput

#: Part of the range by which a value may be outside: single precision, and saturated layers.
_TOLERANCE: Final = 0.01
#: Temperatures below this in the unit K are probably in degC.
_CELSIUS: Final = 70.0
#: Fill values of JULES, netCDF and the Unified Model.
_FILLS: Final = (1e20, 9.96921e36, 2.0**30)
#: Values above this that should be at most 1 are probably percentages.
_PERCENT: Final = 1.5


@dataclass(frozen=True)
class ModelVariable:
    """Variable of JULES.

    Attributes
    ----------
    name : str
        JULES's name.
    units : str
    valid_min, valid_max : float
        Range of possible values, limits included.
    least : float
        Smallest possible value above 0.
    """

    name: str
    units: str
    valid_min: float
    valid_max: float
    least: float = 0.0

    @property
    def range(self) -> str:
        """Range with its unit."""
        unit = "" if self.units == "1" else f" {self.units}"
        return f"{self.valid_min:g} to {self.valid_max:g}{unit}"

    def problem(self, values: ArrayLike, *, tolerance: float = _TOLERANCE) -> tuple[str, str] | None:
        """Return problem and remedy if there is a value that is infinite or outside the range; NaN is missing, and no problem.

        ``tolerance`` is the part of the range by which a value may be outside.
        """
        array = np.asarray(values, dtype=np.float64)
        slack = tolerance * (self.valid_max - self.valid_min)
        with np.errstate(invalid="ignore"):
            outside = (array < self.valid_min - slack) | (array > self.valid_max + slack)
            outside |= (array > 0.0) & (array < self.least)
            # the tolerance is for what may be 0, not for a reversed sign
            outside |= (array <= -self.least) & (self.least > 0.0)
        if not outside.any():
            return None
        first, count = float(array[outside].flat[0]), int(outside.sum())
        number = f" ({count} of {array.size} values)" if array.size > 1 else ""
        limits = f"below {self.least:g} {self.units}" if 0.0 < first < self.least else f"outside {self.range}"
        return f"{self.name} is {first:.6g}, {limits}{number}", self._remedy(first)

    def _remedy(self, value: float) -> str:
        is_fill = not np.isfinite(value) or bool(np.isclose(abs(value), _FILLS, rtol=1e-5).any())
        if is_fill or is_missing_code(value):
            return "it looks like a code of missing values: replace it by the file's _FillValue, or give a value"
        if self.units == "K" and abs(value) < _CELSIUS:
            return "it seems to be in degC: add 273.15"
        unit = f"in {self.units}" if self.units != "1" else "as a number without unit"
        if self.name.startswith("sth"):
            unit = "as a fraction of saturation"
        percent = self.units in ("1", "m3 m-3") and self.valid_max <= 1.0 and _PERCENT < value <= 100.0
        return f"give {self.name} {unit}" + ("; it seems to be in %" if percent else "")


def _of_record(name: str, as_in: str) -> ModelVariable:
    variable = VARIABLES[as_in]
    return ModelVariable(name, variable.units, variable.valid_min, variable.valid_max)


_ALL = (
    # --- soil properties
    ModelVariable("b", "1", 0.0, 50.0, 0.02),
    ModelVariable("sathh", "m", 0.0, 20.0, 1e-4),
    ModelVariable("satcon", "kg m-2 s-1", 0.0, 5.0, 1e-12),
    ModelVariable("sm_sat", "m3 m-3", 0.0, 1.0),
    ModelVariable("sm_crit", "m3 m-3", 0.0, 1.0),
    ModelVariable("sm_wilt", "m3 m-3", 0.0, 1.0),
    ModelVariable("theta_r", "m3 m-3", 0.0, 0.6),
    ModelVariable("hcap", "J m-3 K-1", 0.0, 1e7, 1e3),
    ModelVariable("hcon", "W m-1 K-1", 0.0, 10.0, 1e-3),
    ModelVariable("albsoil", "1", 0.0, 1.0),
    ModelVariable("clay", "1", 0.0, 1.0),
    ModelVariable("dzsoil", "m", 1e-3, 20.0),
    # --- state
    ModelVariable("sthu", "1", 0.0, 1.0),
    ModelVariable("sthf", "1", 0.0, 1.0),
    ModelVariable("sthuf", "1", 0.0, 1.0),
    ModelVariable("soil_wet", "1", 0.0, 1.0),
    ModelVariable("smcl", "kg m-2", 0.0, 2e4),
    ModelVariable("t_soil", "K", 190.0, 350.0),
    ModelVariable("cs", "kg m-2", 0.0, 1000.0),
    ModelVariable("cs_gb", "kg m-2", 0.0, 1000.0),
    ModelVariable("cv", "kg m-2", 0.0, 200.0),
    ModelVariable("lai", "1", 0.0, 20.0),
    ModelVariable("canht", "m", 0.0, 120.0),
    ModelVariable("frac", "1", 0.0, 1.0),
    ModelVariable("snow_mass", "kg m-2", 0.0, 1e5),
    ModelVariable("snow_mass_gb", "kg m-2", 0.0, 1e5),
    ModelVariable("tstar_gb", "K", 150.0, 400.0),
    # --- fluxes and modifiers
    ModelVariable("resp_s", "kg m-2 s-1", -1e-8, 1e-4),
    ModelVariable("resp_s_gb", "kg m-2 s-1", -1e-8, 1e-4),
    ModelVariable("npp_gb", "kg m-2 s-1", -1e-5, 1e-5),
    ModelVariable("gpp_gb", "kg m-2 s-1", -1e-8, 1e-5),
    ModelVariable("resp_p_gb", "kg m-2 s-1", -1e-5, 1e-5),
    ModelVariable("fsth", "1", 0.0, 5.0),
    ModelVariable("ftemp", "1", 0.0, 50.0),
    ModelVariable("latent_heat", "W m-2", -1500.0, 2500.0),
    ModelVariable("ftl_gb", "W m-2", -1500.0, 2500.0),
    # --- driving
    *(
        _of_record(name, as_in)
        for name, as_in in (
            ("t", "t_air"),
            ("tl1", "t_air"),
            ("q", "q"),
            ("qw1", "q"),
            ("pstar", "pstar"),
            ("wind", "wind"),
            ("sw_down", "sw_down"),
            ("lw_down", "lw_down"),
            ("diff_rad", "sw_diffuse"),
            ("precip", "precip"),
            ("rainfall", "tot_rain"),
            ("snowfall", "tot_snow"),
            ("tot_rain", "tot_rain"),
            ("tot_snow", "tot_snow"),
        )
    ),
)

MODEL_VARIABLES: Final[dict[str, ModelVariable]] = {variable.name: variable for variable in _ALL}


def check_model_values(name: str, values: ArrayLike, *, where: object, tolerance: float = _TOLERANCE) -> None:
    """Raise an error for values of a model variable that are impossible.

    Parameters
    ----------
    name : str
        JULES's name of the variable; other variables are not checked.
    values : array
        In JULES's unit; NaN where missing.
    where : str or Path
        File, for the message.
    tolerance : float, optional
        Part of the range by which a value may be outside [1].

    Raises
    ------
    BadInput
        If a value is infinite or outside the range; the message names variable, value, range and remedy.
    """
    variable = MODEL_VARIABLES.get(name)
    problem = None if variable is None else variable.problem(values, tolerance=tolerance)
    if problem is not None:
        report(BadInput(problem[0], where=f"{where}, variable {name}", remedy=problem[1]))


def check_model_data(ds: xr.Dataset, *, where: object) -> None:
    """Check all variables of a file of the model; see :func:`check_model_values`."""
    for name, values in ds.variables.items():
        if str(name) in MODEL_VARIABLES and values.dtype.kind in "iuf":
            check_model_values(str(name), values.to_numpy(), where=where)
