"""Loobos in 1997 with JULES's full land surface: run folders of the settings in the shared folder, run by the column."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import NamedTuple

import f90nml
import numpy as np
import pandas as pd
import torch
import xarray as xr

from jules_ml.column.land_weather import land_forcing
from jules_ml.jules.column_run.column import folder_column
from jules_ml.jules.column_run.driving import driving, position
from jules_ml.jules.column_run.switches import read_switches
from jules_ml.jules.run_folder import read_run_folder
from jules_ml.jules.versions import versions_of_run
from jules_ml.physics.column import ColumnState, SoilColumn
from jules_ml.physics.kernel.trees import mapped
from jules_ml.physics.land_surface.state import LandForcing
from jules_ml.support.sources import POINT_RUN

#: Weather of the cold run: temperature [K] and longwave radiation [W m-2] are lower, and humidity is a fraction.
COLDER, DARKER, DRIER = 8.0, 36.0, 0.58


class LandRun(NamedTuple):
    """Column, state at the start and weather of one run."""

    column: SoilColumn
    state: ColumnState
    forcing: LandForcing


def write_folder(data: Path, run: str, folder: Path) -> Path:
    """Write the run folder of ``snow3``, ``snow3_cold`` or ``gl4``."""
    settings = json.loads((data / "jules" / "loobos_settings.json").read_text(encoding="utf-8"))[run]
    namelists = folder / "nml"
    namelists.mkdir(parents=True)
    for file in POINT_RUN.glob("*.nml"):
        shutil.copy(file, namelists)
    for stem, content in settings.items():
        if stem.endswith(".dat"):
            (folder / stem).write_text(content, encoding="utf-8")
        else:
            groups = {group: entries for group, entries in content.items() if isinstance(entries, dict)}
            f90nml.Namelist(groups).write(namelists / f"{stem}.nml", force=True)
    lines = (data / "jules" / "loobos_inputs" / "Loobos_1997.dat").read_text(encoding="utf-8").splitlines()
    if run == "snow3_cold":
        lines = [line if line.lstrip()[:1] in ("", "#", "!") else _colder(line) for line in lines]
    (folder / "Loobos_1997.dat").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def _colder(line: str) -> str:
    """Weather of a step of the cold run, whose precipitation falls as snow below 0 degC and as rain above 2 degC."""
    sw, lw, rain, snow, t, wind, pstar, q = (float(x) for x in line.split())
    t, total = t - COLDER, rain + snow
    frozen = min(1.0, max(0.0, (275.15 - t) / 2.0))
    values = (sw, lw - DARKER, total * (1.0 - frozen), total * frozen, t, wind, pstar, q * DRIER)
    return " ".join(f"{x:.8g}" for x in values)


def land_run(folder: Path, days: int, dtype: torch.dtype = torch.float64) -> LandRun:
    """Column of a run folder, with the weather of its first days."""
    run = read_run_folder(folder)
    switches, _ = read_switches(run.namelists, versions_of_run(run))
    column, state = folder_column(run, switches, dtype=dtype)
    start = pd.Timestamp("1996-12-31 23:00")
    weather, diff_frac = driving(run, start, start + pd.Timedelta(days=days))
    latitude, longitude = position(weather.series, run)
    forcing = land_forcing(
        weather,
        latitude=latitude,
        longitude=longitude,
        l_cosz=switches.l_cosz,
        diff_frac=diff_frac,
        vegetation={},
        dtype=dtype,
    )
    return LandRun(column, state, forcing)


def widen(column: SoilColumn, n: int) -> None:
    """Give the parts of a column of one point a dimension of ``n`` columns."""
    for name, value in vars(column).items():
        setattr(column, name, mapped(lambda x: x.expand(*x.shape[:-1], n).clone() if x.ndim else x, value))


def jules_land(data: Path, run: str, steps: int) -> xr.Dataset:
    """Output of JULES in the first steps of a run, without the dimensions of the point."""
    path = data / "jules" / f"loobos_1997_{run}_30min.nc"
    with xr.open_dataset(path, decode_times=False) as output:
        return output.isel(time=slice(0, steps)).squeeze(["x", "y"], drop=True).load()


def daily(values: np.ndarray) -> np.ndarray:
    """Daily means, shape (day, ...)."""
    means: np.ndarray = values.reshape(-1, 48, *values.shape[1:]).mean(axis=1)
    return means
