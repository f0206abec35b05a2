"""Columns of AmeriFlux BASE and ICOS ETC files: names with qualifiers, and which column of a variable is read.

Both networks name a column by the base name of its variable and qualifiers (FP Standard): ``_PI`` provided by the site's team, ``_F``
gap-filled, ``_QC``, ``_IU``, ``_SD``, ``_N``, ``_SSITC_TEST`` not values of the variable; then a position ``_H_V_R`` (horizontal,
vertical from the top, replicate), ``_H_V_A`` (mean of the replicates) or ``_L`` (mean of layer L).

References
----------
AmeriFlux and ICOS, Data Variables: FP Standard, https://ameriflux.lbl.gov/data/aboutdata/data-variables, section 3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jules_ml.data.readers.fluxnet_columns import Column

#: Variables with one column: bases in the order of preference, and unit.
SINGLE = (
    Column("t_air", ("TA",), "degC"),
    Column("vpd", ("VPD",), "hPa"),
    Column("relative_humidity", ("RH",), "%"),
    Column("pstar", ("PA",), "kPa"),
    Column("precip", ("P",), "mm", is_sum=True),
    Column("wind", ("WS",), "m s-1"),
    Column("wind_direction", ("WD",), "degree"),
    Column("sw_down", ("SW_IN",), "W m-2"),
    Column("sw_up", ("SW_OUT",), "W m-2"),
    Column("sw_diffuse", ("SW_DIF",), "W m-2"),
    Column("lw_down", ("LW_IN",), "W m-2"),
    Column("lw_up", ("LW_OUT",), "W m-2"),
    Column("rad_net", ("NETRAD",), "W m-2"),
    Column("ppfd", ("PPFD_IN",), "umol m-2 s-1"),
    Column("ppfd_up", ("PPFD_OUT",), "umol m-2 s-1"),
    Column("co2", ("CO2",), "umol mol-1"),
    Column("ustar", ("USTAR",), "m s-1"),
    Column("nee", ("NEE", "FC"), "umol m-2 s-1"),
    Column("le", ("LE",), "W m-2"),
    Column("h", ("H",), "W m-2"),
    Column("g_soil", ("G",), "W m-2"),
    Column("snow_depth", ("D_SNOW",), "cm"),
)
#: Soil variables: base and unit; every sensor is read.
SENSORS = {"theta": ("SWC", "%"), "t_soil": ("TS", "degC")}
#: Storage of CO2 below the sensor, which NEE includes and FC does not.
STORAGE = "SC"
TEST = "SSITC_TEST"

_BASES = sorted({*(name for c in SINGLE for name in c.names), *(base for base, _ in SENSORS.values()), STORAGE})
_NAME = re.compile(
    rf"(?P<base>{'|'.join(_BASES)})(?P<pi>_PI)?(?P<filled>_F)?(?P<test>_{TEST})?"
    r"(?:_(?P<h>[0-9]+)_(?P<v>[0-9]+)_(?P<r>[0-9]+|A)|_(?P<layer>[0-9]+))?"
)


@dataclass(frozen=True)
class NetworkColumn:
    """Parts of the name of a column.

    Attributes
    ----------
    name, base : str
        Column, and the base name of its variable.
    is_pi, is_filled, is_test : bool
        Provided by the site's team; gap-filled; quality flag of a flux.
    position : tuple of int or None
        Horizontal and vertical index and replicate, 0 for the mean of the replicates.
    layer : int or None
        Index of a layer whose mean this is.
    """

    name: str
    base: str
    is_pi: bool
    is_filled: bool
    is_test: bool
    position: tuple[int, int, int] | None
    layer: int | None

    @classmethod
    def parse(cls, name: str) -> NetworkColumn | None:
        """Read a name; None if it is not a value or a flag of a variable that is read."""
        match = _NAME.fullmatch(name)
        if match is None:
            return None
        h, v, r = match["h"], match["v"], match["r"]
        return cls(
            name=name,
            base=match["base"],
            is_pi=match["pi"] is not None,
            is_filled=match["filled"] is not None,
            is_test=match["test"] is not None,
            position=None if h is None else (int(h), int(v), 0 if r == "A" else int(r)),
            layer=None if match["layer"] is None else int(match["layer"]),
        )

    @property
    def place(self) -> tuple[int, tuple[int, int, int], int]:
        """Order among the columns of a variable: plain names, means of layers, positions; the top first, then the site team's versions."""
        if self.position is not None:
            return (2, self.position, int(self.is_pi))
        if self.layer is not None:
            return (1, (0, self.layer, 0), int(self.is_pi))
        return (0, (0, 0, 0), int(self.is_pi))


def columns_of(header: Iterable[str]) -> list[NetworkColumn]:
    """Columns with values or flags of variables that are read, without gap-filled ones: files do not say which values were filled."""
    columns = (NetworkColumn.parse(name) for name in header)
    return [column for column in columns if column is not None and not column.is_filled]


def candidates(columns: Sequence[NetworkColumn], bases: Sequence[str]) -> list[NetworkColumn]:
    """Columns of a variable with one column, the preferred one first."""
    values = [column for column in columns if column.base in bases and not column.is_test]
    return sorted(values, key=lambda column: (bases.index(column.base), column.place))


def sensors(columns: Sequence[NetworkColumn], base: str) -> list[NetworkColumn]:
    """Columns of a soil variable, one for each sensor, by position.

    Means of replicates are used where their replicates are missing, means of layers where no sensor has a position, and versions of the
    site's team where there is no other column of the same place.
    """
    values = candidates(columns, (base,))
    placed = [column for column in values if column.layer is None] or values
    if any(column.position is not None for column in placed):
        placed = [column for column in placed if column.position is not None]
    replicated = {column.position[:2] for column in placed if column.position is not None and column.position[2] > 0}
    single = {column.place[:2]: column for column in reversed(placed)}
    return [
        column
        for column in sorted(single.values(), key=lambda column: column.place)
        if column.position is None or column.position[2] > 0 or column.position[:2] not in replicated
    ]


def test_of(column: NetworkColumn, columns: Sequence[NetworkColumn]) -> str | None:
    """Column of the quality flag of a flux: that of the same position, or else the only one; None if there is none."""
    bases = (column.base, "FC") if column.base == "NEE" else (column.base,)
    for base in bases:
        tests = [other for other in columns if other.is_test and other.base == base]
        same = [other for other in tests if (other.position, other.layer) == (column.position, column.layer)]
        if same or len(tests) == 1:
            return (same or tests)[0].name
    return None
