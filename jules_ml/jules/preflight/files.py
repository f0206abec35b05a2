"""Files with ancillaries and the initial state that namelists name: whether they exist, and have the values that JULES reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from jules_ml.jules.preflight.contents import missing_columns, netcdf_problem, suffix_problem
from jules_ml.jules.preflight.staged import Finding, StagedRun
from jules_ml.jules.variable_lists import ListedVariable, is_netcdf, read_list, values_per_point
from jules_ml.physics.soil_names import LAYERED

#: Groups whose file JULES reads if the condition is met.
_READ: dict[str, Callable[[StagedRun], bool]] = {
    "jules_frac": lambda staged: True,
    "jules_soil_props": lambda staged: True,
    "jules_initial": lambda staged: True,
    "jules_latlon": lambda staged: True,
    "jules_land_frac": lambda staged: _points(staged) > 1,
    "jules_surf_hgt": lambda staged: not staged.get("jules_surf_hgt", "zero_height", False),
    "jules_top": lambda staged: bool(staged.get("jules_hydrology", "l_top", False)),
    "jules_pdm": lambda staged: bool(staged.get("jules_hydrology", "l_pdm", False)),
    "jules_crop_props": lambda staged: int(staged.get("jules_surface_types", "ncpft", 0)) > 0,
    "jules_irrig_props": lambda staged: bool(staged.get("jules_irrig", "l_irrig_dmd", False)),
    "jules_rivers_props": lambda staged: bool(staged.get("jules_rivers", "l_rivers", False)),
}
#: Groups whose variables JULES may not need, depending on further settings: a problem is a warning.
_UNCERTAIN = ("jules_crop_props", "jules_irrig_props", "jules_rivers_props")
#: Variables that every run reads. JULES skips the columns of others if its settings do not need them.
_ALWAYS_READ = frozenset((*LAYERED, "albsoil", "frac", "canopy", "tstar_tile", "cs", "snow_tile", "sthuf", "t_soil"))
_REMEDY = "correct the path, which is relative to the run folder, or provide the file"


def file_findings(staged: StagedRun) -> Iterator[Finding]:
    """Yield problems of files with ancillaries and the initial state."""
    for group, condition in _READ.items():
        entries = next(iter(staged.groups.get(group, [])), None)
        if entries is not None and condition(staged):
            for finding in _group_findings(staged, group, entries):
                yield replace(finding, fatal=group not in _UNCERTAIN)
    points = staged.get("jules_model_grid", "points_file", "")
    if points and staged.get("jules_model_grid", "use_subgrid", False) and not (staged.run.folder / points).is_file():
        yield _missing(staged.where("jules_model_grid", "points_file"), staged.run.folder / points)


def _group_findings(staged: StagedRun, group: str, entries: Mapping[str, Any]) -> Iterator[Finding]:
    where = staged.where(group, "file")
    file = str(entries.get("file") or "")
    dump = bool(entries.get("dump_file", False))
    if entries.get("read_from_dump", False) or entries.get("use_file") is False:
        return
    variables = [v for v in read_list(entries) if v.use_file]
    if "var" in entries and not variables and not dump:
        return
    if not file:
        if variables:
            problem = f"{', '.join(v.name for v in variables)} are read from a file (use_file), and no file is given"
            yield Finding(where, problem, "give file, or set use_file = F")
        return
    named, problems = _named_files(staged, file, variables, read_list_of=bool(entries.get("read_list", False)))
    for problem in problems:
        yield Finding(where, problem, _REMEDY)
    for path, names in named.items():
        if not path.is_file():
            yield _missing(where, path)
            continue
        problem = suffix_problem(path) or ("" if dump else _content_problem(staged, group, path, names))
        if problem:
            yield Finding(where, problem, "complete the file, or give another one")


def _named_files(
    staged: StagedRun, file: str, variables: list[ListedVariable], *, read_list_of: bool
) -> tuple[dict[Path, list[ListedVariable]], list[str]]:
    """Return the files that a group names with the variables in each, and problems."""
    folder = staged.run.folder
    if not read_list_of:
        files: dict[Path, list[ListedVariable]] = {}
        for variable in variables if "%vv" in file else ():
            files.setdefault(folder / file.replace("%vv", variable.tpl_name or ""), []).append(variable)
        return files or {folder / file: variables}, []
    # one line for each variable of the group, '' for those without a file
    source = folder / file
    if not source.is_file():
        return {source: []}, []
    lines = [line.strip().strip("'\"") for line in source.read_text(encoding="utf-8", errors="replace").splitlines()]
    names = [line for line in lines if line]
    if len(names) < len(variables):
        return {}, [f"{source.name} lists {len(names)} files for {len(variables)} variables (read_list = T)"]
    return {folder / name: [] for name in names}, []


def _content_problem(staged: StagedRun, group: str, path: Path, variables: list[ListedVariable]) -> str:
    if is_netcdf(path.name):
        names = [v.var_name or v.name for v in variables if v.name in _ALWAYS_READ]
        return netcdf_problem(path, names)
    if _points(staged) > 1:
        return ""
    prescribed = {v.name for entries in staged.groups.get("jules_prescribed_dataset", []) for v in read_list(entries)}
    names = ["frac"] if group == "jules_frac" else [variable.name for variable in variables if variable.name != "frac"]
    read = [name for name in names if name in _ALWAYS_READ - prescribed]
    return missing_columns(path, read, values_per_point(staged.run))


def _points(staged: StagedRun) -> int:
    grid = staged.run.grid
    return grid.nx * grid.ny


def _missing(where: str, path: Path) -> Finding:
    return Finding(where, f"there is no file {path}", _REMEDY)
