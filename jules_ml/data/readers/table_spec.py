"""Column map of a table of observations, as in the experiment file.

.. code-block:: toml

    [data]
    reader = "table"
    path = "hyytiala.csv"
    site = "FI-Hyy"
    licence = "CC BY 4.0"
    utc_offset_hours = 2.0
    stamp_at = "start"

    [data.time]
    columns = ["date", "hour"]
    format = "%Y-%m-%d %H:%M"

    [data.columns.NEE]
    variable = "nee"
    unit = "umol m-2 s-1"
    quality = {column = "NEE_QC", measured = [0], filled = [1, 2]}

    [data.columns.SWC_5cm]
    variable = "theta"
    unit = "%"
    depth = 0.05
"""

from __future__ import annotations

import codecs
import difflib
import math
from typing import Annotated, Any, Final, Literal, Self

import pandas as pd
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from jules_ml.data.site import StampAt
from jules_ml.data.variables import VARIABLES
from jules_ml.support.section import as_written

#: Longest interval whose quality is given as codes; for longer ones it is the measured fraction.
LONGEST_WITH_CODES: Final = pd.Timedelta(hours=1)
FRACTION_OF_SHORT: Final = (
    "fraction is for intervals longer than an hour: list the codes of measured and filled instead"
)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    @field_validator("*", mode="before")
    @classmethod
    def _types_as_written(cls, value: Any, info: ValidationInfo) -> Any:
        assert info.field_name is not None
        return as_written(value, cls.model_fields[info.field_name].annotation)


def _timedelta(value: object) -> object:
    if isinstance(value, str):
        try:
            return pd.Timedelta(value)
        except ValueError as error:
            raise ValueError(f"'{value}' is not a duration; write it as '30min', '1h' or '1D'") from error
    return value


class Quality(_Strict):
    """Column of the quality of a variable, and the meaning of its codes.

    Either ``measured``, ``filled`` and ``rejected`` list all codes, or ``fraction`` is true for a column with the measured fraction of the
    interval, as in daily products. Values with a rejected code, such as 2 of the test of Mauder and Foken, become NaN.
    """

    column: str
    measured: tuple[float, ...] = ()
    filled: tuple[float, ...] = ()
    rejected: tuple[float, ...] = ()
    fraction: bool = False

    @model_validator(mode="after")
    def _one_way_only(self) -> Self:
        if self.fraction == bool(self.measured):
            raise ValueError("give either the codes that mean 'measured', or fraction = true")
        if set(self.measured) & set(self.filled):
            raise ValueError("a code cannot mean both 'measured' and 'filled'")
        if set(self.rejected) & {*self.measured, *self.filled}:
            raise ValueError("a rejected code cannot also mean 'measured' or 'filled'")
        return self


#: Common names of variables in files of towers, and their names here.
_OTHER_NAMES = {
    **dict.fromkeys(("swc", "vwc", "sm", "soil_moisture"), "theta"),
    **dict.fromkeys(("ts", "tsoil", "soil_temperature"), "t_soil"),
    **dict.fromkeys(("ta", "tair", "air_temperature"), "t_air"),
    **dict.fromkeys(("fc", "co2_flux", "fco2"), "nee"),
    **dict.fromkeys(("sw_in", "rg", "swdown"), "sw_down"),
    **dict.fromkeys(("lw_in", "lwdown"), "lw_down"),
    **dict.fromkeys(("p", "rain", "prec", "precipitation"), "precip"),
    **dict.fromkeys(("ws", "wind_speed"), "wind"),
    **dict.fromkeys(("pa", "pressure"), "pstar"),
    **dict.fromkeys(("par", "ppfd_in"), "ppfd"),
    **dict.fromkeys(("u*", "u_star"), "ustar"),
    "rh": "relative_humidity",
    "rs": "resp_soil",
}


class TableColumn(_Strict):
    """Variable, unit, depth and quality of a column of the table.

    Attributes
    ----------
    variable : str
        Name in :data:`~jules_ml.data.variables.VARIABLES`.
    unit : str
        Unit of the numbers after ``scale``, in the notation of CF.
    scale : float
        Factor that is applied to the numbers.
    is_sum : bool
        The number is a sum over the interval (mm of rain, gC m-2), not a mean or a rate.
    depth : float
        Depth [m] of a soil sensor, positive downward; ``nan`` if unknown.
    missing : tuple of float
        Numbers that mark a missing value in this column, and may be valid values of others.
    quality : Quality or 'measured'
        Quality of the column; ``"measured"`` confirms that no value is gap-filled. Without it, values are used, and NEE only where the
        experiment confirms that it is measured.
    """

    variable: str
    unit: str
    scale: float = 1.0
    is_sum: bool = False
    depth: float | None = None
    missing: tuple[float, ...] = ()
    quality: Quality | Literal["measured"] | None = None

    @property
    def codes(self) -> Quality | None:
        """Column of quality codes, and their meaning; None if there is none."""
        return self.quality if isinstance(self.quality, Quality) else None

    @field_validator("variable")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in VARIABLES:
            near = _OTHER_NAMES.get(name.lower()) or next(iter(difflib.get_close_matches(name, VARIABLES, n=1)), None)
            meant = "" if near is None else f"write '{near}' if you meant {VARIABLES[near].long_name}; otherwise "
            raise ValueError(f"'{name}' is not a variable; {meant}use one of {', '.join(sorted(VARIABLES))}")
        if VARIABLES[name].dims not in (("time",), ("time", "depth")):
            raise ValueError(f"'{name}' cannot be read from a column of a table")
        return name

    @model_validator(mode="after")
    def _depth_where_needed(self) -> Self:
        if ("depth" in VARIABLES[self.variable].dims) != (self.depth is not None):
            needs = "needs a depth in metres (nan if it is unknown)" if self.depth is None else "has no depth"
            raise ValueError(f"'{self.variable}' {needs}")
        if self.depth is not None and (self.depth < 0.0 or math.isinf(self.depth)):
            raise ValueError("depth is positive downward, in metres")
        if self.scale == 0.0 or not math.isfinite(self.scale):
            raise ValueError("scale is a factor, neither 0 nor infinite")
        return self


class TableTime(_Strict):
    """Columns and format of the time stamps.

    ``columns`` are joined with a space and parsed by ``format`` (``strptime``); ``%H`` and ``%H%M`` as a column of its own may be decimal
    hours and 30, 100, ... 2400: see :func:`~jules_ml.data.timetext.read_column_times`. The default is the first column of delimited text,
    and the format of ISO 8601 (``2020-06-01 00:30``); for Parquet it is the index, and no format is needed for columns of time stamps.
    Offsets from UTC in the time stamps are used.
    """

    columns: tuple[str, ...] = ()
    format: str | None = None

    @field_validator("format")
    @classmethod
    def _is_one(cls, form: str | None) -> str | None:
        if form is not None:
            # text that does not match is ignored here; an invalid format raises ValueError
            pd.to_datetime(["2000-01-01"], format=form, errors="coerce", utc="%z" in form)
        return form


class TableSpec(_Strict):
    """The column map of a table: all that its file does not contain.

    Columns that are not in it are left out. Where ``ignore`` is given, every column of the file must be in ``columns``, be a ``quality``
    column, be in ``time``, or fit a pattern of ``ignore``; another one is refused.

    Attributes
    ----------
    site : str, optional
        Site code; default: ``name`` under ``[site]``, otherwise the name of the file without its extension.
    columns : dict of str to TableColumn
        By column of the file.
    interval : Timedelta
        Averaging interval: ``"30min"``, ``"1h"``, ``"1D"``; default: the most frequent step of the time stamps.
    stamp_at : {'start', 'middle', 'end'}
        Position of the time stamps in the interval: 'start' in SMEAR's record of FI-Hyy, in UTC+2. Default: 'end'.
        :func:`~jules_ml.data.clock.solar_noon_error` detects errors.
    utc_offset_hours : float
        Local standard time minus UTC [h]; required unless the time stamps contain it.
    missing : tuple of float or str
        Numbers, or texts of whole cells, that mark a missing value.
    ignore : tuple of str
        Columns to leave out, by name or by pattern (``"RECO_*"``); default: all that are not described.
    delimiter, decimal, header_line, first_data_line, encoding
        Format of delimited text; lines are counted from 1. Both delimiter and decimal may be a comma if the numbers are quoted.
    """

    site: str | None = None
    columns: dict[str, TableColumn] = Field(min_length=1)
    interval: Annotated[pd.Timedelta | None, BeforeValidator(_timedelta)] = None
    stamp_at: StampAt = "end"
    utc_offset_hours: float | None = Field(default=None, ge=-12.0, le=14.0)
    time: TableTime = TableTime()
    source: str | None = None
    licence: str = "not stated"
    latitude: float | None = Field(default=None, ge=-90.0, le=90.0)
    longitude: float | None = Field(default=None, ge=-180.0, le=180.0)
    elevation: float | None = None
    missing: tuple[float | str, ...] = ()
    ignore: tuple[str, ...] | None = None
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    decimal: Literal[".", ","] = "."
    header_line: int = Field(default=1, ge=1)
    first_data_line: int | None = Field(default=None, ge=2)
    encoding: str = "utf-8-sig"

    @field_validator("interval")
    @classmethod
    def _positive(cls, interval: pd.Timedelta | None) -> pd.Timedelta | None:
        if interval is not None and interval <= pd.Timedelta(0):
            raise ValueError(f"the interval {interval} is not positive; write it as '30min', '1h' or '1D'")
        return interval

    @field_validator("encoding")
    @classmethod
    def _encoding_known(cls, encoding: str) -> str:
        try:
            codecs.lookup(encoding)
        except LookupError as error:
            raise ValueError(
                f"'{encoding}' is not an encoding; write 'utf-8', 'latin-1' or another encoding of Python"
            ) from error
        return encoding

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        single = [c.variable for c in self.columns.values() if c.depth is None]
        duplicates = sorted({name for name in single if single.count(name) > 1})
        if duplicates:
            raise ValueError(
                f"two columns are given for '{duplicates[0]}'; only variables with a depth can have several"
            )
        if self.has_fractions and self.interval is not None and self.interval <= LONGEST_WITH_CODES:
            raise ValueError(FRACTION_OF_SHORT)
        return self

    @property
    def has_fractions(self) -> bool:
        """Whether a column of quality has fractions of the interval."""
        return any(c.codes is not None and c.codes.fraction for c in self.columns.values())

    @property
    def numbers(self) -> list[str]:
        """Columns of numbers: values and quality codes."""
        quality = [c.codes.column for c in self.columns.values() if c.codes is not None]
        return list(dict.fromkeys([*self.columns, *quality]))
