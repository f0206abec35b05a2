"""``jules-ml run --from-jules`` with a grid: all land points of a run folder of JULES, run by the column."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import ValidationError

from jules_ml.column.grid.driving import FileDriving
from jules_ml.column.grid.files import LandPoints
from jules_ml.column.grid.land import GridColumn
from jules_ml.column.grid.land_checks import check_soil
from jules_ml.column.grid.land_driving import LandDriving
from jules_ml.column.grid.model import DEFAULT_OUTPUTS, GridModel
from jules_ml.column.grid.segments import timetable
from jules_ml.column.output import outputs_of
from jules_ml.column.run import to_be_compiled
from jules_ml.errors import BadInput
from jules_ml.experiment.grid import DriveSection
from jules_ml.experiment.sections import RunSection
from jules_ml.jules.column_run.column import folder_column
from jules_ml.jules.column_run.driving import heights, refuse_variables, snow_threshold
from jules_ml.jules.column_run.grid_values import GridValues, land_of_run
from jules_ml.jules.column_run.prescribed import has_prescribed, prescribed, prescribed_files
from jules_ml.jules.column_run.profiles import missing_outputs, output_profile
from jules_ml.jules.column_run.switches import column_switches
from jules_ml.jules.column_run.time_series import SeriesFiles
from jules_ml.jules.column_run.times import run_times
from jules_ml.jules.run_folder import RunFolder, read_run_folder
from jules_ml.jules.typed_entries import typed_entry
from jules_ml.jules.variable_lists import read_list

_DRIVE: Final = "jules_drive"
#: Groups with a file that a run reads once at its start.
_ANCILLARIES: Final = (
    "jules_frac",
    "jules_soil_props",
    "jules_top",
    "jules_initial",
    "jules_latlon",
    "jules_land_frac",
)
#: Days of driving data that are read at a time.
_CHUNK_DAYS: Final = 10
#: Entries that JULES needs to disaggregate daily weather.
_DISAGGREGATION: Final = ("precip_disagg_method", "dur_ls_rain", "dur_conv_rain", "dur_ls_snow", "dur_conv_snow")
#: Output period of JULES for months.
_MONTHLY: Final = -1


def folder_model(folder: str | Path, *, precision: torch.dtype = torch.float32) -> GridModel:
    """Read what a run folder of JULES runs on its grid.

    Parameters
    ----------
    folder : str or Path
        Run folder, or Rose application.
    precision : torch.dtype
        Of state and parameters; single precision is that of JULES.

    Returns
    -------
    GridModel

    Raises
    ------
    BadInput
        If the folder has physics that the column does not have, or incomplete inputs.
    """
    run = read_run_folder(folder)
    switches = column_switches(run, on_grid=True)
    times, profile = run_times(run), output_profile(run)
    land, notes = _with_soil(run, land_of_run(run))
    column, state = folder_column(run, switches, dtype=precision, values=GridValues(run, land))
    available = outputs_of(column)
    named = [name for name in profile.variables if name in available]
    table = timetable(
        times.start,
        times.end,
        run.timestep,
        mean_over=profile.mean_over,
        chunk_days=_CHUNK_DAYS,
        monthly=_is_monthly(run),
        cycles=times.spin_up.cycles,
        cycle=times.cycle,
    )
    section = _drive_section(run)
    driving = LandDriving(
        FileDriving(section, land, times.start, run.timestep, run.folder, run.namelists.get(_DRIVE).get("nfiles", 0)),
        switches.l_cosz,
        float(typed_entry(run.namelists, _DRIVE, "diff_frac_const", 0.0)),
        _vegetation(run, land),
    )
    notes += [*profile.notes, *missing_outputs(profile, available.keys())]
    steps = sum(segment.steps for segment in table.segments)
    return GridModel(
        GridColumn(land, column, state, ()),
        driving,
        table,
        tuple(named) or DEFAULT_OUTPUTS,
        times.spin_up,
        _fingerprint(run),
        compiled=to_be_compiled(
            RunSection(precision="float32" if precision == torch.float32 else "float64"), steps, notes
        ),
        attrs={"title": "JULES's soil column on a grid", "history": f"jules-ml run --from-jules {run.folder.name}"},
        notes=tuple(notes),
    )


def _with_soil(run: RunFolder, land: LandPoints) -> tuple[LandPoints, list[str]]:
    """Land points with soil: those of land ice have none."""
    where = run.namelists.place("jules_soil_props")
    soil = GridValues(run, land).soil()
    use = np.flatnonzero((np.nan_to_num(soil["sm_sat"]) > 0.0).all(axis=0))
    if not len(use):
        raise BadInput("no land point has soil", where=where, remedy="correct sm_sat")
    points = LandPoints(land.grid, land.number[use], land.latitude[use], land.longitude[use])
    check_soil({name: values[:, use] for name, values in soil.items()}, points, where, albsoil_may_be_missing=False)
    lost = land.size - points.size
    return points, [f"{lost} of {land.size} land points have no soil and are left out"] if lost else []


def _vegetation(
    run: RunFolder, land: LandPoints
) -> Callable[[pd.DatetimeIndex, NDArray[np.int64]], dict[str, NDArray[np.float64]]] | None:
    """Function that reads prescribed leaf area and height at steps and land points, if the run prescribes them."""
    if not has_prescribed(run):
        return None

    def read(steps: pd.DatetimeIndex, points: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        chosen = LandPoints(land.grid, land.number[points], land.latitude[points], land.longitude[points])
        return prescribed(run, steps, chosen)

    return read


def _is_monthly(run: RunFolder) -> bool:
    """Whether all profiles of the main run have months as their period."""
    profiles = [each for each in run.namelists.all("jules_output_profile") if each.get("output_main_run")]
    return bool(profiles) and all(each.get("output_period") == _MONTHLY for each in profiles)


def _drive_section(run: RunFolder) -> DriveSection:
    """JULES_DRIVE as a section of an experiment, which has the same keys."""
    entries = run.namelists.get(_DRIVE)
    where = run.namelists.place(_DRIVE)
    _refuse_missing(run)
    variables = read_list(entries)

    def column(name: str) -> tuple[Any, ...] | None:
        values = entries.get(name)
        values = values if isinstance(values, list) else [] if values is None else [values]
        return tuple(values[: len(variables)]) or None

    given: dict[str, Any] = {
        name: entries[name]
        for name in DriveSection.model_fields
        if entries.get(name) is not None and name not in ("file", "var", "var_name", "tpl_name", "interp")
    }
    given["data_period"] = float(given.get("data_period", 0.0))
    given |= {name: pd.Timestamp(str(given[name])) for name in ("data_start", "data_end") if name in given}
    names = {
        "var_name": [v.var_name or v.name for v in variables],
        "tpl_name": [v.tpl_name or v.name for v in variables],
    }
    try:
        return DriveSection.model_validate(
            given
            | {name: tuple(values) for name, values in names.items()}
            | {
                "file": run.folder / str(entries.get("file") or ""),
                "var": tuple(v.name for v in variables),
                "interp": column("interp"),
            }
        )
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise BadInput(
            f"{key + ': ' if key else ''}{first['msg'].removeprefix('Value error, ')}",
            where=where,
            remedy="correct the entry in a copy of the folder, or run JULES itself",
        ) from error


def _refuse_missing(run: RunFolder) -> None:
    """Refuse missing entries of JULES_DRIVE that have a default in an experiment and none in JULES."""
    entries, where = run.namelists.get(_DRIVE), run.namelists.place(_DRIVE)
    files = SeriesFiles(run, entries, where, {})
    refuse_variables(files, where)
    heights(run)
    names = [variable.name for variable in files.variables]
    for position in range(len(names)):
        files.flag(position)
    if "precip" in names:
        snow_threshold(run)
    missing = [name for name in _DISAGGREGATION if entries.get(name) is None]
    if entries.get("l_daily_disagg") and missing:
        raise BadInput(
            f"l_daily_disagg = T, and there is no {', '.join(missing)}",
            where=where,
            remedy=f"give {', '.join(missing)}, for which JULES has no default",
        )


def _fingerprint(run: RunFolder) -> str:
    """Checksum of the namelists, of the ancillary files that they name, and of names, sizes and times of change of prescribed data."""
    digest = hashlib.sha256()
    for name in run.namelists.files:
        digest.update(f"{name}\n{run.namelists.text(name)}".encode("utf-8", errors="surrogateescape"))
    for group in (run.namelists.get(name) for name in _ANCILLARIES):
        file = str(group.get("file") or "")
        names = [variable.tpl_name or "" for variable in read_list(group)] if "%vv" in file else [""]
        for path in sorted({run.folder / file.replace("%vv", name) for name in names}):
            if path.is_file():
                with path.open("rb") as opened:
                    digest.update(hashlib.file_digest(opened, "sha256").digest())
    for path in prescribed_files(run):
        status = path.stat()
        digest.update(f"{path.name} {status.st_size} {status.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()
