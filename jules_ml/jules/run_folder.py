"""Run folders of JULES: settings of a run from its namelists, and new run folders with the same inputs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jules_ml.errors import BadInput
from jules_ml.jules.earlier_run import refuse_files_of_others
from jules_ml.jules.input_files import InputGrid
from jules_ml.jules.log import JulesLog
from jules_ml.jules.moments import Moment, calendar_of_run, parse_moment
from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.rose import (
    APP,
    RoseApp,
    RoseFile,
    install_files,
    installed_files,
    is_rose_app,
    read_rose_app,
    rose_namelists,
    source_path,
)
from jules_ml.jules.typed_entries import soil_layers, typed_entry
from jules_ml.support.disk import not_writable
from jules_ml.support.output_folder import Contents, replaced_folder
from jules_ml.support.progress import Progress

#: File that marks a folder as a run of this package.
SUMMARY = "run_summary.json"
#: Subfolders of a new run folder: output, files that are swapped in, and namelists.
OUTPUT, SWAPPED, NAMELISTS = "output", "swapped", "namelists"
#: Files next to the summary: log of the executable, differences of the namelists, experiment.
LOG, DIFF, EXPERIMENT = "jules.log", "namelists.diff", "experiment.toml"
#: Script that a job of a batch queue calls, and the exit status of the run.
SUBMIT, STATUS = "submit.sh", "jules.status"
#: Folder of optional configurations in a Rose application.
OPT = "opt"
#: Contents of the folder of a run of JULES, which links files of any name; see :func:`refuse_place` for what is not replaced.
JULES_RUN: Final = Contents("a run of JULES", (SUMMARY,), ("*",))
#: Entry of the summary while a command waits for JULES, rather than a job.
DIRECT: Final = "direct"


@dataclass(frozen=True)
class RunFolder:
    """A run folder of JULES.

    Attributes
    ----------
    folder : Path
        Working directory of JULES; paths in the namelists are relative to it.
    namelists : NamelistFolder
    directory : str
        Folder of the namelists relative to ``folder``; empty if it is ``folder`` itself.
    rose : RoseApp, optional
        Rose application, whose namelists are generated from its configuration.
    """

    folder: Path
    namelists: NamelistFolder
    directory: str
    rose: RoseApp | None = None

    def entry(self, group: str, name: str, default: Any) -> Any:
        """Return an entry of a group, or ``default`` if the entry is missing; refuse a value of another type than the default."""
        return typed_entry(self.namelists, group, name, default)

    @property
    def calendar(self) -> str:
        """Calendar of the run: ``standard``, ``360_day`` or ``365_day``."""
        return calendar_of_run(self.namelists.get("jules_time"))

    @property
    def start(self) -> Moment:
        """Start of the main run."""
        return self._moment("main_run_start")

    @property
    def end(self) -> Moment:
        """End of the main run."""
        return self._moment("main_run_end")

    @property
    def timestep(self) -> float:
        """Time step [s]."""
        return float(self.entry("jules_time", "timestep_len", 1800.0))

    @property
    def dzsoil(self) -> tuple[float, ...]:
        """Thickness of the soil layers [m]."""
        return soil_layers(self.namelists)

    @property
    def grid(self) -> InputGrid:
        """Grid of the input files."""
        group = self.namelists.get("jules_input_grid")
        sizes = {name: self.entry("jules_input_grid", name, 0) for name in ("nx", "ny", "npoints")}
        return InputGrid.of({name: value for name, value in group.items() if value is not None} | sizes)

    @property
    def van_genuchten(self) -> bool:
        """Whether soil hydraulics follow van Genuchten."""
        return bool(self.entry("jules_soil", "l_vg_soil", False))

    @property
    def four_pools(self) -> bool:
        """Whether soil carbon has the four pools of RothC."""
        return int(self.entry("jules_soil_biogeochem", "soil_bgc_model", 1)) == 2

    @property
    def carbon_layers(self) -> int:
        """Number of layers of soil carbon."""
        return len(self.dzsoil) if self.entry("jules_soil_biogeochem", "l_layeredc", False) else 1

    def log(self, progress: Progress | None) -> JulesLog:
        """Return a parser for the log of this run."""
        return JulesLog(self.start, self.end, self.timestep, self._spin_up, self._cycles, progress, self.calendar)

    @property
    def spin_up_seconds(self) -> float:
        """Longest possible spin-up [s of model time]."""
        cycle = self._spin_up
        return 0.0 if cycle is None else (cycle[1] - cycle[0]).total_seconds() * self._cycles

    @property
    def _cycles(self) -> int:
        return int(self.entry("jules_spinup", "max_spinup_cycles", 0))

    @property
    def _spin_up(self) -> tuple[Moment, Moment] | None:
        """Start and end of one cycle of spin-up."""
        if not self._cycles:
            return None
        return (
            self._moment("spinup_start", "jules_spinup", self.start),
            self._moment("spinup_end", "jules_spinup", self.end),
        )

    def _moment(self, name: str, group: str = "jules_time", default: Moment | None = None) -> Moment:
        text = self.namelists.get(group).get(name)
        if not text and default is not None:
            return default
        try:
            return parse_moment(str(text), self.calendar)
        except ValueError as error:
            calendar = "" if self.calendar == "standard" else f" in the calendar {self.calendar}"
            raise BadInput(
                f"{name} is {text!r}, which is not a time{calendar}" if text else f"{name} is missing",
                where=self.namelists.place(group),
                remedy=f"write {name} = 'YYYY-MM-DD hh:mm:ss'",
            ) from error


def read_run_folder(folder: str | Path, namelists: str | None = None) -> RunFolder:
    """Read a run folder or a Rose application.

    Parameters
    ----------
    folder : str or Path
        Working directory of JULES, or folder of a Rose application with ``rose-app.conf``, whose inputs are in its folder ``file``.
    namelists : str, optional
        Folder of the namelists relative to ``folder``; by default ``folder`` or its only subfolder with ``timesteps.nml``.

    Returns
    -------
    RunFolder

    Raises
    ------
    BadInput
        If there is no such folder, it contains no namelists, or required namelists are missing.
    """
    folder = Path(folder).resolve()
    if not folder.is_dir():
        raise BadInput("there is no such run folder", where=folder, remedy="give the folder that JULES is started in")
    if is_rose_app(folder):
        app = read_rose_app(folder)
        generated = rose_namelists(app)
        generated.check()
        return RunFolder(app.inputs, generated, "", rose=app)
    if namelists is None:
        candidates = [d for d in (folder, *sorted(folder.iterdir())) if d.is_dir() and (d / "timesteps.nml").is_file()]
        if len(candidates) != 1 and folder not in candidates:
            raise BadInput(
                f"the folder contains {len(candidates) or 'no'} folders of namelists (with timesteps.nml)",
                where=folder,
                remedy="give the folder of namelists in [jules] namelists",
            )
        directory = candidates[0].relative_to(folder).as_posix()
    else:
        directory = namelists
    return _with_namelists(folder, "" if directory == "." else directory)


def read_staged(folder: str | Path) -> RunFolder:
    """Read a run folder that :func:`stage` created; it is no Rose application, although its files may come from one.

    Raises
    ------
    BadInput
        If its namelists cannot be read, or required namelists are missing.
    """
    return _with_namelists(Path(folder).resolve(), NAMELISTS)


def _with_namelists(folder: Path, directory: str) -> RunFolder:
    contents = NamelistFolder.read(folder / directory)
    contents.check()
    return RunFolder(folder, contents, directory)


@contextmanager
def stage(run: RunFolder, out: Path) -> Iterator[RunFolder]:
    """Create a new run folder with symbolic links to the inputs of the original; namelists are not yet written.

    Relative paths remain valid: entries of the original folder are linked under the same names, and paths that lead out of it or into
    its old output become absolute. Output goes to a new folder. Files that this package or JULES writes are never links, since writing
    through a link would change the original folder.

    Parameters
    ----------
    run : RunFolder
        Original run folder.
    out : Path
        New or empty folder, or the folder of an earlier run of JULES, which is replaced if the block succeeds.

    Yields
    ------
    RunFolder
        Temporary folder beside ``out`` with a copy of the namelists, which may be edited; it takes the place of ``out``.

    Raises
    ------
    BadInput
        If ``out`` contains something else, files of the user or a run that may not have ended, is inside the original folder or contains
        it, or cannot be written.
    """
    out = out.resolve()
    refuse_place(run, out)
    with replaced_folder(out, JULES_RUN) as staged:
        try:
            _link_inputs(run, staged.path)
        except OSError as error:
            raise not_writable(out, error) from error
        yield RunFolder(staged.path, _namelists_of(run), NAMELISTS, run.rose)


def refuse_place(run: RunFolder, out: Path) -> None:
    """Refuse a new run folder in the place of something else, files of the user, a run that may not have ended, or the original.

    Raises
    ------
    BadInput
        With the reason.
    """
    out = out.resolve()
    # the configuration of a Rose application is in the parent of the folder of its inputs
    for original in (run.folder, run.namelists.where.resolve()):
        if out == original or original in out.parents or out in original.parents:
            raise BadInput(
                "the new run folder would be inside the original run folder, or contain it",
                where=out,
                remedy="give another folder with --out",
            )
    if not out.exists():
        return
    summary = _summary(out)
    # runs of the column also have a summary but are not replaced
    if not out.is_dir() or (any(out.iterdir()) and summary.get("model") != "jules"):
        raise BadInput(
            "the folder is not empty and is not a run of JULES by jules_ml",
            where=out,
            remedy="give a new folder with --out",
        )
    # JULES has ended with a command that was interrupted or killed, without an exit status
    ended = summary.get("status") == "interrupted" or DIRECT in summary
    if not ended and (out / LOG).exists() and not (out / STATUS).exists():
        raise BadInput(
            f"JULES may still be running in the folder: there is a {LOG} and no {STATUS}",
            where=out,
            remedy=f"wait for the end of its job; if the job was killed, remove {LOG}; or give another folder with --out",
        )
    if summary:
        refuse_files_of_others(out, summary, output=OUTPUT, own=(SUMMARY, SUBMIT, LOG, STATUS))


def finished(out: Path) -> bool:
    """Whether a folder contains a run of JULES that is done."""
    return bool(_summary(out).get("status") == "done")


def _summary(folder: Path) -> dict[str, Any]:
    """Return the summary in a folder; empty if there is none."""
    try:
        summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return summary if isinstance(summary, dict) else {}


def _own_names(run: RunFolder) -> set[str]:
    """Return names of files and folders that are written into the new folder and thus not linked."""
    old_output = str(run.entry("jules_output", "output_dir", "./output"))
    own = {
        OUTPUT,
        SWAPPED,
        NAMELISTS,
        SUMMARY,
        LOG,
        DIFF,
        EXPERIMENT,
        SUBMIT,
        STATUS,
        *({OPT, APP} if run.rose else ()),
    }
    return (own | {_first_part(old_output), _first_part(run.directory)}) - {""}


def _link_inputs(run: RunFolder, out: Path) -> None:
    for name in (OUTPUT, SWAPPED, NAMELISTS):
        (out / name).mkdir()
    own = _own_names(run)
    # Rose installs the contents of file/; of an application without it, the folder itself has the inputs
    for entry in sorted(run.folder.iterdir()) if run.rose is None or run.folder == run.rose.folder.resolve() else ():
        if entry.name not in own and not entry.name.startswith(".") and entry.suffix != ".nml":
            (out / entry.name).symlink_to(entry)
    if run.directory:
        # modules of the hooks read files next to the namelists
        for entry in sorted((run.folder / run.directory).iterdir()):
            if entry.is_file() and entry.suffix != ".nml":
                (out / NAMELISTS / entry.name).symlink_to(entry)
    if run.rose is not None:
        install_files(run.rose, out, own, out / NAMELISTS)


def _namelists_of(run: RunFolder) -> NamelistFolder:
    """Return a copy of the namelists with paths that are valid in the new folder."""
    namelists = run.namelists.copy()
    own = _own_names(run)
    installed = {} if run.rose is None else installed_files(run.rose)
    for name, occurrence, entries in _occurrences(namelists):
        moved = {key: _moved(value, run.folder, installed, own) for key, value in entries.items()}
        paths = {key: value for key, value in moved.items() if value != entries[key]}
        if paths:
            namelists.set(name, paths, occurrence=occurrence)
    if run.entry("jules_output", "output_dir", "") != OUTPUT:
        namelists.set("jules_output", {"output_dir": OUTPUT})
    return namelists


def _first_part(path: str) -> str:
    """Return the first part of a relative path; empty for an absolute path."""
    parts = Path(os.path.normpath(path)).parts if path else ()
    return "" if not parts or os.path.isabs(path) else parts[0]


def _occurrences(namelists: NamelistFolder) -> Iterator[tuple[str, int, dict[str, Any]]]:
    counts: dict[str, int] = {}
    for _, name, entries in list(namelists.groups()):
        occurrence = counts.get(name, 0)
        counts[name] = occurrence + 1
        yield name, occurrence, entries


def _moved(value: Any, folder: Path, installed: Mapping[str, RoseFile], own: set[str]) -> Any:
    """Return a path, or each path of a list, as an absolute path if it leads to an entry that is not in the new folder."""
    if isinstance(value, list):
        return [_moved(each, folder, installed, own) for each in value]
    if not isinstance(value, str) or "/" not in value:
        return value
    value = source_path(installed, value, own)
    if os.path.isabs(value) or _first_part(value) not in own | {".."}:
        return value
    return os.path.normpath(folder / value)
