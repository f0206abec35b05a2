"""What the netCDF files of a grid are: cover, soil, land mask, driving data, static inputs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from jules_ml.data.netcdffile import read_netcdf
from jules_ml.data.times import gregorian_dates
from jules_ml.errors import BadInput

#: Names in files by driving variable of JULES, in lower case: JULES, ALMA (WFDE5, GSWP3) and CMIP (W5E5).
DRIVING: Final = {
    "t": ("t", "tair", "tas"),
    "q": ("q", "qair", "huss"),
    "pstar": ("pstar", "psurf", "ps"),
    "wind": ("wind", "sfcwind"),
    "sw_down": ("sw_down", "swdown", "rsds"),
    "lw_down": ("lw_down", "lwdown", "rlds"),
    "tot_rain": ("tot_rain", "rainf"),
    "tot_snow": ("tot_snow", "snowf"),
    "precip": ("precip", "pr"),
}
#: Variables by which a file of JULES_SOIL_PROPS is recognised.
_SOIL: Final = frozenset({"b", "sathh", "satcon", "sm_sat", "sm_crit", "sm_wilt", "hcap", "hcon"})
_FRAC: Final = ("frac", "landcover_frac")
_MASK: Final = ("land_frac", "landfrac", "land_mask")
_MONTH: Final = re.compile(r"(?<![0-9])(19|20)[0-9]{2}(0[1-9]|1[0-2])(?![0-9])")
_YEAR: Final = re.compile(r"(?<![0-9])(19|20)[0-9]{2}(?![0-9])")


@dataclass
class Driving:
    """Driving data of a grid: names in the files by variable, pattern of the files, times."""

    names: dict[str, str] = field(default_factory=dict)
    patterns: set[str] = field(default_factory=set)
    folder: Path = Path()
    start: pd.Timestamp | None = None
    last: pd.Timestamp | None = None
    period: pd.Timedelta | None = None
    temperatures: list[float] = field(default_factory=list)

    @property
    def t_air(self) -> float | None:
        """Mean air temperature of the files over land and time [K]; None if no file has it."""
        return float(np.mean(self.temperatures)) if self.temperatures else None


@dataclass
class MapFiles:
    """Files of a grid by their use."""

    frac: Path | None = None
    frac_name: str = "frac"
    n_types: int = 9
    types: tuple[str, ...] = ()
    soil: Path | None = None
    soil_form: str | None = None
    mask: Path | None = None
    mask_name: str = "land_frac"
    latlon: Path | None = None
    static: list[Path] = field(default_factory=list)
    driving: Driving = field(default_factory=Driving)


def map_files(paths: Sequence[Path]) -> MapFiles:
    """Recognise the files of a grid.

    Parameters
    ----------
    paths : sequence of Path
        netCDF files.

    Raises
    ------
    BadInput
        If a file cannot be read, or has no variable on a grid.
    """
    found = MapFiles()
    for path in paths:
        ds = read_netcdf(path, kind="a file of a grid", required=())
        if "time" in ds.dims and _add_driving(found.driving, path, ds):
            continue
        if not _add_static(found, path, ds):
            raise BadInput(
                f"the file has no variable on a grid (it has {', '.join(map(str, ds.variables)) or 'none'})",
                where=path,
                remedy="give files of JULES_FRAC, JULES_SOIL_PROPS, JULES_LATLON, driving data, or maps of sand, clay and the like",
            )
    return found


def _add_static(found: MapFiles, path: Path, ds: xr.Dataset) -> bool:
    names = {str(name).lower(): str(name) for name in ds.variables}
    frac = next((names[name] for name in _FRAC if name in names and ds[names[name]].ndim == 3), None)
    if frac is not None:
        found.frac, found.frac_name = path, frac
        dim = ds[frac].dims[0]
        found.n_types = ds.sizes[dim]
        if dim in ds.coords and ds[dim].dtype.kind in "UO":
            found.types = tuple(map(str, ds[dim].to_numpy()))
        return True
    if len(_SOIL & names.keys()) >= 4:
        found.soil, found.soil_form = path, ds.attrs.get("hydraulic_form")
        return True
    mask = next((names[name] for name in _MASK if name in names), None)
    if mask is not None:
        found.mask, found.mask_name = path, mask
        return True
    on_grid = [name for name, variable in ds.variables.items() if variable.ndim >= 1]
    if {"latitude", "longitude"} >= {str(name).lower() for name in on_grid} and on_grid:
        found.latlon = path
        return True
    if any(ds[name].ndim >= 2 or "land" in ds[name].dims for name in ds.data_vars):
        found.static.append(path)
        return True
    return False


def _add_driving(driving: Driving, path: Path, ds: xr.Dataset) -> bool:
    names = {
        variable: str(name)
        for variable, options in DRIVING.items()
        for name in ds.data_vars
        if str(name).lower() in options and "time" in ds[name].dims
    }
    if not names:
        return False
    driving.names |= names
    pattern = path.name
    if len(names) == 1 and (name := next(iter(names.values()))) in pattern:
        pattern = pattern.replace(name, "%vv", 1)
    pattern, n = _MONTH.subn("%y4%m2", pattern)
    if "t" in names:
        driving.temperatures.append(float(ds[names["t"]].mean()))
    driving.patterns.add(pattern if n else _YEAR.sub("%y4", pattern, count=1))
    driving.folder = path.parent
    where = f"{path}, variable time"
    time = pd.DatetimeIndex(gregorian_dates(ds["time"].to_numpy(), ds["time"].attrs, where=where))
    driving.start = time[0] if driving.start is None else min(driving.start, time[0])
    driving.last = time[-1] if driving.last is None else max(driving.last, time[-1])
    if len(time) > 1:
        driving.period = time[1] - time[0]
    return True
