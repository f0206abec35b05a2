"""A run folder of JULES: what its namelists say of the run, and a new folder beside it with the same inputs."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jules_ml.errors import BadInput
from jules_ml.jules.input_files import InputGrid
from jules_ml.jules.log import JulesLog
from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.rose import is_rose_app, read_rose_app, rose_namelists
from jules_ml.support.progress import Progress

#: Written by this package into a folder that it made, so that it knows one again.
SUMMARY = "run_summary.json"
#: Folder of output within the new run folder, of files that were swapped in, and of namelists where the user's have no folder.
OUTPUT, SWAPPED, NAMELISTS = "output", "swapped", "namelists"
#: Log of the executable, how the namelists differ, the experiment: written beside the summary.
LOG, DIFF, EXPERIMENT = "jules.log", "namelists.diff", "experiment.toml"
#: Folder of optional configurations in that of a Rose application.
OPT = "opt"
_FORMAT = "%Y-%m-%d %H:%M:%S"
_DZSOIL = (0.1, 0.25, 0.65, 2.0)


@dataclass(frozen=True)
class RunFolder:
    """A run as the user has it.

    Attributes
    ----------
    folder : Path
        Where JULES is started; relative paths in the namelists are taken from here.
    namelists : NamelistFolder
    directory : str
        Folder of the namelists within ``folder``; empty where they lie in it.
    rose : bool
        Whether it is a Rose application, whose namelists are made of its configuration.
    """

    folder: Path
    namelists: NamelistFolder
    directory: str
    rose: bool = False

    def entry(self, group: str, name: str, default: Any) -> Any:
        """One entry of a group, or JULES's default."""
        value = self.namelists.get(group).get(name)
        return default if value is None else value

    @property
    def start(self) -> datetime:
        """Start of the main run."""
        return self._moment("main_run_start")

    @property
    def end(self) -> datetime:
        """End of the main run."""
        return self._moment("main_run_end")

    @property
    def timestep(self) -> float:
        """Time step [s]."""
        return float(self.entry("jules_time", "timestep_len", 1800))

    @property
    def dzsoil(self) -> tuple[float, ...]:
        """Thickness of the soil layers [m]."""
        given = self.entry("jules_soil", "dzsoil_io", list(_DZSOIL))
        layers = tuple(given) if isinstance(given, list) else (float(given),)
        return layers[: int(self.entry("jules_soil", "sm_levels", len(_DZSOIL)))]

    @property
    def grid(self) -> InputGrid:
        """Grid of the input files."""
        return InputGrid.of(self.namelists.get("jules_input_grid"))

    @property
    def van_genuchten(self) -> bool:
        """Whether the soil's hydraulics are van Genuchten's."""
        return bool(self.entry("jules_soil", "l_vg_soil", False))

    @property
    def four_pools(self) -> bool:
        """Whether soil carbon is in RothC's four pools."""
        return int(self.entry("jules_soil_biogeochem", "soil_bgc_model", 1)) == 2

    @property
    def carbon_layers(self) -> int:
        """Layers of soil carbon."""
        return len(self.dzsoil) if self.entry("jules_soil_biogeochem", "l_layeredc", False) else 1

    def log(self, progress: Progress | None) -> JulesLog:
        """Something that follows the log of this run."""
        cycles = int(self.entry("jules_spinup", "max_spinup_cycles", 0))
        cycle = None
        if cycles:
            cycle = (
                self._moment("spinup_start", "jules_spinup", self.start),
                self._moment("spinup_end", "jules_spinup", self.end),
            )
        return JulesLog(self.start, self.end, self.timestep, cycle, cycles, progress)

    def _moment(self, name: str, group: str = "jules_time", default: datetime | None = None) -> datetime:
        text = self.namelists.get(group).get(name)
        if not text and default is not None:
            return default
        try:
            return datetime.strptime(str(text), _FORMAT)
        except ValueError as error:
            raise BadInput(
                f"{name} is {text!r}, and no time",
                where=self.namelists.place(group),
                remedy=f"write {name} = 'YYYY-MM-DD hh:mm:ss'",
            ) from error


def read_run_folder(folder: str | Path, namelists: str | None = None) -> RunFolder:
    """Read a run folder, or a Rose application as one.

    Parameters
    ----------
    folder : str or Path
        Where JULES is started; or that holds ``rose-app.conf``, whose ``file`` is then where the inputs lie.
    namelists : str, optional
        Folder of the namelists within it; the folder itself or the only one in it with ``timesteps.nml`` unless given.

    Returns
    -------
    RunFolder

    Raises
    ------
    BadInput
        If there is no such folder, its namelists are not found, or what a JULES run needs is missing among them.
    """
    folder = Path(folder).resolve()
    if not folder.is_dir():
        raise BadInput("there is no such run folder", where=folder, remedy="give the folder that JULES is started in")
    if is_rose_app(folder):
        app = read_rose_app(folder)
        made = rose_namelists(app)
        made.check()
        return RunFolder(app.inputs, made, "", rose=True)
    if namelists is None:
        found = [d for d in (folder, *sorted(folder.iterdir())) if d.is_dir() and (d / "timesteps.nml").is_file()]
        if len(found) != 1 and folder not in found:
            raise BadInput(
                f"{len(found) or 'no'} folders of namelists are in it (with timesteps.nml)",
                where=folder,
                remedy="name the one in [jules] namelists",
            )
        directory = found[0].relative_to(folder).as_posix()
    else:
        directory = namelists
    directory = "" if directory == "." else directory
    read = NamelistFolder.read(folder / directory)
    read.check()
    return RunFolder(folder, read, directory)


@contextmanager
def stage(run: RunFolder, out: Path) -> Iterator[RunFolder]:
    """Make a new run folder with the user's inputs, by symbolic links; namelists are not yet written.

    Relative paths stay good: what lies in the user's folder is there under the same name, and what is named from outside it, or
    lies among its old output, is named in full. Output goes to a folder of its own. What this package or JULES writes beside it is never
    a link: it would be written through it into the user's folder.

    Parameters
    ----------
    run : RunFolder
        As the user has it.
    out : Path
        New folder, an empty one, or one of an earlier run of JULES, which is replaced once the block has ended well.

    Yields
    ------
    RunFolder
        Its namelists may be changed; the user's are not.

    Raises
    ------
    BadInput
        If the folder holds something else, lies in the user's or holds it, or cannot be written.
    """
    out = out.resolve()
    _refuse_place(run, out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=out.parent, prefix=".earlier-")) if out.is_dir() else None
        if aside is not None:
            out.rename(aside / out.name)
    except OSError as error:
        raise _unmade(out, error) from error
    try:
        try:
            _link_inputs(run, out)
        except OSError as error:
            raise _unmade(out, error) from error
        yield RunFolder(out, _namelists_of(run), NAMELISTS, run.rose)
    except BaseException:
        # nothing was run: what an earlier run wrote is better than nothing
        shutil.rmtree(out, ignore_errors=True)
        if aside is not None:
            (aside / out.name).rename(out)
            aside.rmdir()
        raise
    if aside is not None:
        shutil.rmtree(aside)


def _refuse_place(run: RunFolder, out: Path) -> None:
    # the namelists of a Rose application come from the folder above that of its inputs
    for theirs in (run.folder, run.namelists.where.resolve()):
        if out == theirs or theirs in out.parents or out in theirs.parents:
            raise BadInput(
                "the new run folder would lie in the old one, or hold it",
                where=out,
                remedy="give another folder with --out",
            )
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not _is_of_jules(out))):
        raise BadInput("something else is in this place already", where=out, remedy="give a new folder with --out")


def _is_of_jules(folder: Path) -> bool:
    """Whether an earlier run of JULES wrote a folder; runs of the column have a summary too, and are not replaced."""
    try:
        summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(summary, dict) and summary.get("model") == "jules"


def _unmade(out: Path, error: OSError) -> BadInput:
    return BadInput(f"the folder cannot be made ({error.strerror})", where=out, remedy="give another folder with --out")


def _own_names(run: RunFolder) -> set[str]:
    """What the new folder has of its own, and so no link to what the user's folder has of that name."""
    old_output = str(run.entry("jules_output", "output_dir", "./output"))
    own = {OUTPUT, SWAPPED, NAMELISTS, SUMMARY, LOG, DIFF, EXPERIMENT, *({OPT} if run.rose else ())}
    return (own | {_first_part(old_output), _first_part(run.directory)}) - {""}


def _link_inputs(run: RunFolder, out: Path) -> None:
    out.mkdir(parents=True)
    for name in (OUTPUT, SWAPPED, NAMELISTS):
        (out / name).mkdir()
    own = _own_names(run)
    for entry in sorted(run.folder.iterdir()):
        if entry.name not in own and not entry.name.startswith(".") and entry.suffix != ".nml":
            (out / entry.name).symlink_to(entry)
    if run.directory:
        # what modules of hooks read lies beside the namelists
        for entry in sorted((run.folder / run.directory).iterdir()):
            if entry.is_file() and entry.suffix != ".nml":
                (out / NAMELISTS / entry.name).symlink_to(entry)


def _namelists_of(run: RunFolder) -> NamelistFolder:
    """The user's namelists, with paths that hold from the new folder."""
    namelists = run.namelists.copy()
    outside = _own_names(run) | {".."}
    for name, occurrence, entries in _occurrences(namelists):
        renamed = {
            key: _in_full(value, run.folder, outside)
            for key, value in entries.items()
            if _in_full(value, run.folder, outside) != value
        }
        if renamed:
            namelists.set(name, renamed, occurrence=occurrence)
    namelists.set("jules_output", {"output_dir": OUTPUT})
    return namelists


def _first_part(path: str) -> str:
    """First folder of a relative path; nothing of an absolute one."""
    parts = Path(os.path.normpath(path)).parts if path else ()
    return "" if not parts or os.path.isabs(path) else parts[0]


def _occurrences(namelists: NamelistFolder) -> Iterator[tuple[str, int, dict[str, Any]]]:
    seen: dict[str, int] = {}
    for _, name, entries in list(namelists.groups()):
        occurrence = seen.get(name, 0)
        seen[name] = occurrence + 1
        yield name, occurrence, entries


def _in_full(value: Any, folder: Path, outside: set[str]) -> Any:
    """A path, or each of a list, from the root where it leads to what the new folder does not have."""
    if isinstance(value, list):
        return [_in_full(each, folder, outside) for each in value]
    if not isinstance(value, str) or "/" not in value or os.path.isabs(value) or _first_part(value) not in outside:
        return value
    return os.path.normpath(folder / value)
