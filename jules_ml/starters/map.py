"""Starter of a run on a grid: from ancillaries and driving data of JULES."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from jules_ml.data.inspection.draft import toml_line
from jules_ml.errors import BadInput
from jules_ml.learned.card import module_kind
from jules_ml.physics.constants import SECONDS_PER_DAY
from jules_ml.starters.map_files import Driving, MapFiles, map_files
from jules_ml.starters.model_sections import SOIL_CARBON, soil_lines
from jules_ml.starters.starter import Hints, Starter, block, shown_path

#: Number of surface types of JULES's standard configuration, whose names need no key.
_STANDARD: Final = 9
#: Names for other numbers of types: the plants of JULES, then bare soil.
_TYPES: Final = ("broadleaf_tree", "needleleaf_tree", "c3_grass", "c4_grass", "shrub")


def map_starter(sources: Sequence[Path], hints: Hints, folder: Path) -> Starter:
    """Write the experiment that runs the column on a grid.

    Parameters
    ----------
    sources : sequence of Path
        netCDF files: cover, and driving data; if there are any, soil properties, land mask, latitude and longitude.
    hints : Hints
        With a module to use.
    folder : Path
        Folder of the experiment.

    Raises
    ------
    BadInput
        If the cover or the driving data are missing, or several sets of driving data are given.
    """
    files = map_files(sources)
    _refuse_incomplete(files, sources, hints)
    grid, notes = _grid(files, folder)
    name = "experiment.toml"
    head = [
        "# JULES's soil column on a grid. Check the lines that say so, then:",
        f"#   jules-ml run {name} --out runs/map",
    ]
    text = block(
        head,
        grid,
        _drive(files.driving, folder),
        _soil(files, notes),
        _carbon(),
        _modules(hints, folder),
        _run(files.driving),
    )
    return Starter(name, text, tuple(notes))


def _refuse_incomplete(files: MapFiles, sources: Sequence[Path], hints: Hints) -> None:
    if files.frac is not None and files.driving.names:
        if len(files.driving.patterns) > 1:
            raise BadInput(
                f"the driving data are in files of several kinds of names ({', '.join(sorted(files.driving.patterns))})",
                where=files.driving.folder,
                remedy="give one set of files, whose names differ in the variable and the date alone",
            )
        return
    missing = (
        [] if files.frac is not None else ["fractions of surface types (JULES_FRAC, variable 'frac' with type, y, x)"]
    )
    missing += [] if files.driving.names else ["driving data (variables such as t, Tair or tas with time, y, x)"]
    maps = " ".join(f"--grid {path}" for path in files.static)
    module = hints.modules[0] if hints.modules else "MODULE"
    remedy = "give them with --from too"
    if files.static:
        remedy += (
            f"; for a map of soil properties alone write 'jules-ml export {module} --to ancillary {maps} --out maps'"
        )
    raise BadInput(f"a run on a grid needs {' and '.join(missing)}", where=", ".join(map(str, sources)), remedy=remedy)


def _grid(files: MapFiles, folder: Path) -> tuple[list[str], list[str]]:
    assert files.frac is not None
    notes = []
    lines = ["[grid]", toml_line("frac", shown_path(files.frac, folder), "JULES_FRAC")]
    if files.frac_name != "frac":
        lines.append(toml_line("frac_name", files.frac_name))
    if files.types:
        lines.append(toml_line("types", list(files.types), "types of frac, by the file"))
    elif files.n_types != _STANDARD:
        types = [*_TYPES[: files.n_types - 1], "bare_soil"][: files.n_types]
        types += [f"type_{k + 1}" for k in range(len(types), files.n_types)]
        lines.append(toml_line("types", types, "check this: types of frac, in the order of the file"))
        notes.append(f"the {files.n_types} surface types of {files.frac.name} have no names: check types under [grid]")
    if files.soil is not None:
        lines.append(toml_line("soil_props", shown_path(files.soil, folder), "JULES_SOIL_PROPS"))
    if files.mask is not None:
        lines.append(toml_line("land_frac", shown_path(files.mask, folder), "JULES_LAND_FRAC"))
        lines += [] if files.mask_name == "land_frac" else [toml_line("land_frac_name", files.mask_name)]
    if files.latlon is not None:
        lines.append(toml_line("latlon", shown_path(files.latlon, folder), "JULES_LATLON"))
    lines += [
        "# lat_bounds = [50.0, 55.0]             # a part of the grid [degree]",
        "# lon_bounds = [-5.0, 2.0]",
        f"# {toml_line('monthly', True, 'monthly means, in place of means over run.mean_over')}",
    ]
    return lines, notes


def _drive(driving: Driving, folder: Path) -> list[str]:
    assert driving.start is not None
    assert driving.last is not None
    period = driving.period or pd.Timedelta(hours=1)
    names = list(driving.names.values())
    lines = [
        "[grid.drive]",
        toml_line(
            "file",
            shown_path(driving.folder / next(iter(driving.patterns)), folder),
            "%vv: name of the variable; %y4, %m2: date",
        ),
        toml_line(
            "data_start", driving.start.to_pydatetime(), "check this: start of the first step, UTC; by the time axis"
        ),
        toml_line(
            "data_end", (driving.last + period).to_pydatetime(), "check this: end of the last file that was given"
        ),
        toml_line("data_period", period.total_seconds(), "[s]"),
        toml_line("var", list(driving.names)),
    ]
    return lines if names == list(driving.names) else [*lines, toml_line("var_name", names, "names in the files")]


def _soil(files: MapFiles, notes: list[str]) -> list[str]:
    if files.soil is None:
        notes.append("no file of soil properties is given, and the soil is a loam everywhere: check [soil.texture]")
        return soil_lines()
    if files.soil_form is not None:
        return ["[soil]", toml_line("form", files.soil_form, "by the file of soil properties")]
    notes.append("the form of the soil properties is not in their file: check form under [soil]")
    comment = 'check this: l_vg_soil of the run; "clapp_hornberger" where it is false'
    return ["[soil]", toml_line("form", "van_genuchten", comment)]


def _carbon() -> list[str]:
    return [
        "[carbon]",
        toml_line("cs", SOIL_CARBON, "check this: soil carbon [kg m-2]; it scales respiration and nothing else"),
    ]


def _modules(hints: Hints, folder: Path) -> list[str]:
    if not hints.modules:
        return ["# [modules]", f"# {toml_line('respiration', 'modules/tower', 'module folder of jules-ml fit')}"]
    return ["[modules]", *(toml_line(module_kind(module), shown_path(module, folder)) for module in hints.modules)]


def _run(driving: Driving) -> list[str]:
    period = (driving.period or pd.Timedelta(hours=1)).total_seconds()
    step = period if period <= 3600.0 else 3600.0
    return [
        "[run]",
        toml_line("timestep", step, "[s]"),
        toml_line("mean_over", round(SECONDS_PER_DAY / step), "output period in time steps: a day"),
        toml_line("precision", "float32", "that of JULES itself"),
        *_initial(driving),
        "",
        "# [run.spin_up]",
        f"# {toml_line('cycles', 0, 'no spin-up, for a trial; default: up to 5 repetitions of the first year')}",
    ]


def _initial(driving: Driving) -> list[str]:
    """Section ``[run.initial]`` with the mean air temperature of the files."""
    if driving.t_air is None:
        return []
    comment = "[K], before spin-up: mean air temperature of the files that were given"
    return ["", "[run.initial]", toml_line("t_soil", round(driving.t_air, 1), comment)]
