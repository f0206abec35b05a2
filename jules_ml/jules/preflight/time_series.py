"""Files with weather and prescribed data: whether they exist and cover the run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jules_ml.jules.moments import Moment, parse_moment
from jules_ml.jules.preflight.contents import missing_columns, netcdf_problem, row_problem, suffix_problem
from jules_ml.jules.preflight.driving_values import driving_problems, row_difference
from jules_ml.jules.preflight.staged import Finding, StagedRun
from jules_ml.jules.series_files import file_of_variable, listed_files, template_files
from jules_ml.jules.variable_lists import is_netcdf, read_list, values_per_point

#: Values of ``data_period`` for months and years.
_MONTH, _YEAR = -1, -2
#: Missing files that a message names.
_NAMED = 3
_REMEDY = "correct the path, which is relative to the run folder, or provide the file"


def time_series_findings(staged: StagedRun) -> Iterator[Finding]:
    """Yield problems of JULES_DRIVE and of each JULES_PRESCRIBED_DATASET."""
    if not staged.get("jules_drive", "l_imogen", False) and not staged.get("imogen_onoff_switch", "l_imogen", False):
        for entries in staged.groups.get("jules_drive", [])[:1]:
            yield from _series_findings(staged, "jules_drive", entries)
    number = int(staged.get("jules_prescribed", "n_datasets", 0))
    for entries in staged.groups.get("jules_prescribed_dataset", [])[:number]:
        yield from _series_findings(staged, "jules_prescribed_dataset", entries)


def _series_findings(staged: StagedRun, group: str, entries: Mapping[str, Any]) -> Iterator[Finding]:
    where = staged.where(group, "file")
    file = str(entries.get("file") or "")
    if not file:
        yield Finding(where, "no file is given", "give file")
        return
    first, last = _period(staged)
    climatology = bool(entries.get("is_climatology", False))
    start, end = (_moment(staged, entries.get(name)) for name in ("data_start", "data_end"))
    if start is None or end is None:
        name = "data_start" if start is None else "data_end"
        yield Finding(staged.where(group, name), f"{name} is not a time", f"write {name} = 'YYYY-MM-DD hh:mm:ss'")
        return
    if not climatology and (start > first or end < last):
        yield Finding(
            staged.where(group, "data_end" if end < last else "data_start"),
            f"the data are from {start} to {end}, and the run with its spin-up is from {first} to {last}",
            "provide data for the complete run, or set main_run_start and main_run_end within them",
        )
        return
    listed = bool(entries.get("read_list", False))
    names = _listed(staged.run.folder / file, entries) if listed else _of_dates(file, first, last, climatology)
    paths = _of_variables(staged.run.folder, names, entries)
    if listed and not (staged.run.folder / file).is_file():
        paths = [staged.run.folder / file]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        others = f" and {len(missing) - _NAMED} others" if len(missing) > _NAMED else ""
        problem = f"there is no file {', '.join(str(path) for path in missing[:_NAMED])}{others}"
        yield Finding(where, problem, _REMEDY)
        return
    single = len(names) == 1 and not listed and not climatology and names[0] == file
    needed = _steps(start, last, entries.get("data_period")) if single else 0
    for path in paths:
        problem = suffix_problem(path) or _content_problem(staged, path, entries, needed)
        if problem:
            yield Finding(where, problem, "complete the file, or give another one")
            return
    if group == "jules_drive":
        expected = _steps(start, end, entries.get("data_period")) if single else 0
        yield from _driving_findings(staged, where, paths, entries, expected)


def _driving_findings(
    staged: StagedRun, where: str, paths: list[Path], entries: Mapping[str, Any], expected: int
) -> Iterator[Finding]:
    """Yield values outside the range of their variable, and a number of rows that does not fit the times of the data."""
    grid = staged.run.grid
    several = "%vv" in str(entries.get("file"))
    # on a grid that has points of the sea too, their values have no meaning
    for path in paths if grid.land_dim is not None or grid.shape == (1, 1) else ():
        variables = [v for v in read_list(entries) if not several or (v.tpl_name or "") in path.name]
        for problem, remedy in driving_problems(path, variables):
            yield Finding(where, problem, remedy)
        difference = "" if is_netcdf(path.name) or not expected else row_difference(path, variables, expected)
        if difference:
            yield Finding(where, difference, "look for a missing or doubled row, or correct data_end", fatal=False)


def _content_problem(staged: StagedRun, path: Path, entries: Mapping[str, Any], needed: int) -> str:
    variables = read_list(entries)
    if is_netcdf(path.name):
        several = "%vv" in str(entries.get("file"))
        names = [] if several else [variable.var_name or variable.name for variable in variables]
        return netcdf_problem(path, names, staged.run.grid.time_dim, needed)
    # weather has one value at a point; the number of layers in prescribed data may be restricted
    sizes = values_per_point(staged.run) if "interp" in entries and "prescribed_levels" not in entries else {}
    if entries in staged.groups.get("jules_drive", []):
        sizes = dict.fromkeys((variable.name for variable in variables), 1)
    return missing_columns(path, [v.name for v in variables], sizes) or row_problem(path, needed)


def _period(staged: StagedRun) -> tuple[Moment, Moment]:
    """Return start and end of the run with its spin-up."""
    first, last = staged.run.start, staged.run.end
    if int(staged.get("jules_spinup", "max_spinup_cycles", 0)) > 0:
        first = min(first, _moment(staged, staged.get("jules_spinup", "spinup_start")) or first)
        last = max(last, _moment(staged, staged.get("jules_spinup", "spinup_end")) or last)
    return first, last


def _moment(staged: StagedRun, text: Any) -> Moment | None:
    try:
        return parse_moment(str(text), staged.run.calendar)
    except ValueError:
        return None


def _steps(start: Moment, last: Moment, period: Any) -> int:
    """Return the number of values from the start of the data to the end of the run; 0 if the period is unknown."""
    if not isinstance(period, int):
        return 0
    if period > 0:
        seconds: float = (last - start).total_seconds()
        return math.ceil(seconds / period)
    years: int = last.year - start.year
    months: int = 12 * years + last.month - start.month
    return {_MONTH: months, _YEAR: years}.get(period, 0)


def _of_dates(file: str, first: Moment, last: Moment, climatology: bool) -> list[str]:
    """Return the names by a template of years, months or days for the period of a run."""
    return [file] if climatology else [name for name, _ in template_files(file, first, last, first)]


def _of_variables(folder: Path, names: list[str], entries: Mapping[str, Any]) -> list[Path]:
    """Return the files, with the name of each variable in its place."""
    variables = read_list(entries)
    paths = []
    for name in names:
        paths += [folder / file_of_variable(name, v) for v in variables] if "%vv" in name else [folder / name]
    return list(dict.fromkeys(paths))


def _listed(source: Path, entries: Mapping[str, Any]) -> list[str]:
    """Return the names in a list of files, none if there is no list."""
    return [file.name for file in listed_files(source, entries)] if source.is_file() else []
