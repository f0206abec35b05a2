"""Files of JULES that are no records: folders of namelists, and netCDF output with or without what its readers need."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import xarray as xr

from jules_ml.data.inspection.other_file import OtherFile
from jules_ml.data.model_variables import MODEL_VARIABLES
from jules_ml.data.netcdffile import netcdf_names, read_netcdf
from jules_ml.data.problems import report
from jules_ml.errors import BadInput
from jules_ml.physics.constants import SECONDS_PER_DAY

#: Namelists without which JULES does not start.
_ESSENTIAL: Final = ("timesteps.nml", "drive.nml", "model_grid.nml", "initial_conditions.nml", "output.nml")
RUN_FOLDER: Final = 'name the folder as folder under [jules], and run it with model = "jules" under [run]'
_DAY: Final = SECONDS_PER_DAY
#: Water of every layer below which smcl is in m and not in kg m-2.
_LEAST_SMCL: Final = 2.0
_COMPARED: Final = "it is compared with observations by 'jules-ml compare'"
_PROFILE: Final = "write an output profile with smcl and output_period = 86400 or shorter, and give its file unchanged"


def namelist_folder(path: Path, shown: str) -> OtherFile | None:
    """Describe a folder with namelists; None if it has none."""
    names = {file.name for file in path.glob("*.nml")}
    if not names & set(_ESSENTIAL):
        return None
    missing = [name for name in _ESSENTIAL if name not in names]
    if missing:
        return OtherFile(
            f"a folder with some namelists of JULES, without {', '.join(missing)}",
            "give the folder of a complete run, which has all namelists of JULES",
        )
    return OtherFile("a folder of JULES namelists", RUN_FOLDER, f'[jules]\nfolder = "{shown}"\n')


def output(path: Path, site: str | None, shown: str) -> OtherFile | None:
    """Describe output of JULES or of the column; None if the file is neither."""
    names = set(netcdf_names(path))
    if {"time", "time_bounds", "latitude", "longitude"} <= names:
        from jules_ml.data.readers.jules import read_jules

        return _of_jules(path, read_jules(path), shown)
    if {"smcl", "dzsoil", "time"} <= names:
        from jules_ml.data.readers.column_output import read_output

        return OtherFile("output of the soil column", _COMPARED, series=read_output(path))
    if {"time", "latitude", "longitude"} <= names:
        return _without_bounds(path)
    return None


def _of_jules(path: Path, run: xr.Dataset, shown: str) -> OtherFile:
    what = "netCDF output of JULES"
    usable = _check_smcl(path, run)
    days = float(run.attrs["interval_seconds"]) / _DAY
    if "smcl" not in run:
        return OtherFile(
            what, f"{_COMPARED}; it has no smcl, which the first guess of moisture needs: {_PROFILE}", series=run
        )
    if days > 1.0:
        use = f"{_COMPARED}; the first guess of moisture needs values of each day, and these periods are {days:g} days long: {_PROFILE}"
        return OtherFile(what, use, series=run)
    if not usable:
        return OtherFile(what, _COMPARED, series=run)
    section = f'[moisture]\njules = "{shown}"\n'
    return OtherFile(what, f"{_COMPARED}, or is the first guess of moisture", section, run)


def _check_smcl(path: Path, run: xr.Dataset) -> bool:
    """Whether water of the soil layers is usable; what is missing throughout, or in m, is reported."""
    if "smcl" not in run:
        return False
    where = f"{path}, variable smcl"
    values = run["smcl"].to_numpy()
    finite = values[np.isfinite(values)]
    if not finite.size:
        report(BadInput("all values of smcl are missing", where=where, remedy=_PROFILE))
        return False
    if float(finite.max()) < _LEAST_SMCL:
        problem = f"smcl is {finite.min():.3g} to {finite.max():.3g}; in kg m-2, no layer has so little water: the unit seems to be m"
        report(
            BadInput(
                problem, where=where, remedy="give the file as JULES wrote it, with smcl in kg m-2: 1 m is 1000 kg m-2"
            )
        )
        return False
    return True


def _without_bounds(path: Path) -> OtherFile | None:
    run = read_netcdf(path, kind="JULES output")
    named = [str(name) for name in run.data_vars if str(name) in {one.name for one in MODEL_VARIABLES.values()}]
    if not {"time", "y", "x"} <= set(run.dims) or not (named or {"soil", "tile", "pft"} & set(run.dims)):
        return None
    has = ", ".join(map(str, list(run.data_vars)[:12]))
    report(
        BadInput(
            f"output of JULES without time_bounds; it has {has}",
            where=path,
            remedy=f"{_PROFILE}: a copy of some variables lacks the bounds of time",
        )
    )
    if "smcl" in run:
        _check_smcl(path, run)
    else:
        report(
            BadInput("it has no variable smcl, which the first guess of moisture needs", where=path, remedy=_PROFILE)
        )
    return OtherFile("netCDF output of JULES that is not complete", _COMPARED)
