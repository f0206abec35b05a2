"""Sites with a table of weather: the sections of an experiment that describe it."""

from __future__ import annotations

#: Sections of the site and its table; ``{interval}`` is a text such as ``1h``, ``{columns}`` the columns of the table.
TABLE_SITE = """\
[site]
name = "{name}"
latitude = 50.0
longitude = 8.0
elevation = 100.0

[data]
reader = "table"
path = "{name}.csv"
site = "{name}"
licence = "synthetic"
stamp_at = "end"
utc_offset_hours = 0.0
interval = "{interval}"

[data.time]
columns = ["time"]
format = "%Y-%m-%d %H:%M:%S"

{columns}
"""
_WEATHER = {
    "sw_down": "W m-2",
    "lw_down": "W m-2",
    "precip": "kg m-2 s-1",
    "t_air": "K",
    "wind": "m s-1",
    "pstar": "Pa",
    "q": "kg kg-1",
}


def column(name: str, variable: str, unit: str, depth: float | None = None) -> str:
    """Section of a column of the table."""
    at = "" if depth is None else f"depth = {depth}\n"
    return f'[data.columns.{name}]\nvariable = "{variable}"\nunit = "{unit}"\n{at}\n'


#: Sections of the columns of weather.
WEATHER_COLUMNS = "".join(column(name, name, unit) for name, unit in _WEATHER.items())
