"""Starter of a run of JULES with modules swapped in: from a run folder or a Rose application."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from jules_ml.data.inspection.draft import toml_line
from jules_ml.errors import BadInput
from jules_ml.jules.hooks.stamp import read_stamp
from jules_ml.jules.outcome import requested_profiles
from jules_ml.jules.run_folder import RunFolder, read_run_folder
from jules_ml.learned.card import module_kind
from jules_ml.starters.starter import Hints, Starter, block, shown_path

#: Ways of the kinds of modules into JULES.
_WAYS: Final = {"respiration": "namelist", "hydraulics": "ancillary"}
_NO_MODULE: Final = "without a module JULES runs unchanged: the reference run"


def jules_starter(source: Path, hints: Hints, folder: Path) -> Starter:
    """Write the experiment that runs JULES with modules.

    Parameters
    ----------
    source : Path
        Run folder of JULES, or Rose application.
    hints : Hints
        With the modules to swap in.
    folder : Path
        Folder of the experiment.

    Raises
    ------
    BadInput
        If the folder is not one of JULES, or a module is of a kind that has no way into JULES without a further file.
    """
    candidates = _namelist_folders(source)
    run = read_run_folder(source, candidates[0] if len(candidates) > 1 else None)
    executable = _executable()
    modules, via, notes = _modules(hints.modules, folder, executable)
    name = "swap.toml"
    text = block(
        [
            f"# {source.resolve().name}: {_description(run)}. Check the lines that say so, then:",
            f"#   jules-ml run {name} --prepare",
        ],
        _jules(run, source, folder, executable, candidates),
        modules,
        ["[run]", toml_line("model", "jules"), *via],
        _comparison(run),
    )
    return Starter(name, text, tuple(notes))


def _executable() -> Path | None:
    given = os.environ.get("JULES_EXE")
    path = None if given is None else Path(given)
    return path if path is not None and path.is_file() else None


def _description(run: RunFolder) -> str:
    what = "a Rose application" if run.rose is not None else "a run folder of JULES"
    form = "van Genuchten" if run.van_genuchten else "Clapp and Hornberger"
    pools = "four carbon pools" if run.four_pools else "one carbon pool"
    points = run.grid.nx * run.grid.ny
    at = f", {points} points" if points > 1 else ", one point"
    return f"{what}{at}, {run.start} to {run.end}, {form}, {pools}"


def _namelist_folders(source: Path) -> list[str]:
    """Folders of namelists in a run folder; none if it has namelists itself."""
    if (source / "timesteps.nml").is_file() or not source.is_dir():
        return []
    return sorted(each.name for each in source.iterdir() if (each / "timesteps.nml").is_file())


def _jules(run: RunFolder, source: Path, folder: Path, executable: Path | None, candidates: Sequence[str]) -> list[str]:
    lines = ["[jules]", toml_line("folder", shown_path(source, folder), "is not changed: the run is a copy beside it")]
    if len(candidates) > 1:
        lines.append(toml_line("namelists", candidates[0], f"check this: one of {', '.join(candidates)}"))
    elif run.directory and run.rose is None:
        lines.append(f"# {toml_line('namelists', run.directory, 'default: the only folder with namelists')}")
    if executable is None:
        comment = "default: environment variable JULES_EXE; --prepare needs none"
        lines.append(f"# {toml_line('executable', '/path/to/jules.exe', comment)}")
    else:
        lines.append(
            f"# {toml_line('executable', str(executable), 'default: environment variable JULES_EXE, as it was set')}"
        )
    lines.append(
        f"# {toml_line('version', '7.6', 'default: from the hooks of the executable, the Rose application or the namelists')}"
    )
    return lines


def _modules(
    modules: Sequence[Path | str], folder: Path, executable: Path | None
) -> tuple[list[str], list[str], list[str]]:
    """Section ``[modules]``, the line of ``via``, and notes."""
    if not modules:
        lines = ["# [modules]", f"# {toml_line('respiration', 'modules/tower', 'module folder of jules-ml fit')}"]
        via = [f"# {toml_line('via', 'namelist', 'needed with a module')}"]
        return lines, via, [f"no module is given, and {_NO_MODULE}: give one with --module, or in [modules]"]
    lines, ways = ["[modules]"], list[str]()
    notes: list[str] = []
    for module in modules:
        kind = module_kind(module)
        if kind not in _WAYS:
            raise BadInput(
                f"a module of kind {kind} goes into JULES as a file of its predictions",
                where=module,
                remedy=f"write 'jules-ml export {module} --to prescribed --out prescribed', and give its file in [jules.prescribed]",
            )
        lines.append(toml_line(kind, shown_path(module, folder)))
        ways.append(_WAYS[kind])
    if "namelist" not in ways:
        return lines, [toml_line("via", ways[0] if len(ways) == 1 else ways)], notes
    if executable is not None and read_stamp(executable) is not None:
        ways = ["hooks" if way == "namelist" else way for way in ways]
        comment = "the learned curves, by the hooks of the executable"
    else:
        comment = "q10_soil and kaps of JULES's own forms nearest to the learned curves"
        notes.append(
            'via = "namelist" changes q10_soil and kaps of an unmodified JULES; for the learned curves themselves relink it with the hooks '
            '(jules-ml hooks) and write via = "hooks"'
        )
    lines = [
        *lines,
        f"# {toml_line('base_rate', 'jules', 'keep the rate kaps of JULES; default: the learned base respiration')}",
    ]
    return lines, [toml_line("via", ways[0] if len(ways) == 1 else ways, comment)], notes


def _comparison(run: RunFolder) -> list[str]:
    """Comments on output profiles, on entries of namelists, and on observations."""
    profiles = requested_profiles(run)
    names = ", ".join(profiles) if profiles else "none"
    return [
        f"# Output profiles of the folder: {names}. Each is written to output/ of the new run.",
        "# Entries of the namelists can be changed, by group:",
        "# [jules.set.jules_time]",
        f"# {toml_line('timestep_len', int(run.timestep))}",
        "",
        "# For scores of both runs, describe the observations of the site ('jules-ml inspect FILE' drafts the section) and write",
        "# 'jules-ml evaluate MODULE --in-model swap.toml --out verdict'.",
        "# [data]",
    ]
