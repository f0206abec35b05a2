"""The executable of JULES: a program, or a script that loads libraries and starts the program."""

from __future__ import annotations

import mmap
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from jules_ml.errors import BadInput
from jules_ml.experiment.jules import JulesSection

#: Environment variable with the executable of experiments that name none.
VARIABLE = "JULES_EXE"
EXECUTABLE_REMEDY = (
    f"give the executable of a stand-alone JULES in [jules] executable, or in the environment variable {VARIABLE}"
)
#: Scripts up to this size [bytes] are searched for the program that they start.
_MAX_SCRIPT = 65536


def given_executable(section: JulesSection) -> Path | None:
    """Return the executable of an experiment, or that of the environment variable JULES_EXE; None if neither is given."""
    return section.executable or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)


def jules_executable(section: JulesSection, file: Path) -> Path:
    """Return the executable of an experiment, or that of the environment variable JULES_EXE.

    Parameters
    ----------
    section : JulesSection
    file : Path
        Experiment file, for the error.

    Raises
    ------
    BadInput
        If neither is given, or the file is not an executable of JULES.
    """
    executable = given_executable(section)
    if executable is None:
        raise BadInput(
            "no executable of JULES is given",
            where=f"{file}, jules.executable",
            remedy=f"give [jules] executable, or set the environment variable {VARIABLE}",
        )
    check_jules(executable)
    return executable


def check_jules(executable: Path) -> None:
    """Refuse a file that cannot be a JULES executable.

    Scripts are accepted, since they may load libraries and then start JULES; their log and output are checked after the run.

    Raises
    ------
    BadInput
        If there is no such file, it is not executable, or it does not contain the name of a namelist of JULES.
    """
    if not executable.is_file():
        raise BadInput("there is no such executable", where=executable, remedy=EXECUTABLE_REMEDY)
    if not os.access(executable, os.X_OK):
        raise BadInput(
            "the file is not executable", where=executable, remedy=f"run 'chmod +x' on it, or {EXECUTABLE_REMEDY}"
        )
    if executable.stat().st_size == 0:
        raise BadInput("the executable is empty", where=executable, remedy=EXECUTABLE_REMEDY)
    if not is_script(executable) and not _reads_namelists_of_jules(executable):
        raise BadInput(
            "this is not a stand-alone JULES: it does not read a namelist JULES_TIME",
            where=executable,
            remedy=EXECUTABLE_REMEDY,
        )


def is_script(executable: Path) -> bool:
    """Whether a file is a script, which starts with ``#!``."""
    with executable.open("rb") as file:
        return file.read(2) == b"#!"


def program_of(executable: Path, named: Path | None = None) -> Path | None:
    """Return the program of JULES behind an executable.

    Parameters
    ----------
    executable : Path
        Program, or script.
    named : Path, optional
        Program that ``[jules] program`` names.

    Returns
    -------
    Path or None
        The program itself; for a script the named program, or the first file in the text of the script that is a program of JULES;
        None if there is none, as after ``module load``.

    Raises
    ------
    BadInput
        If the named program is not an executable of JULES.
    """
    if named is not None:
        check_jules(named)
        return named
    if not is_script(executable):
        return executable
    return next(
        (p for p in _files_in(executable) if os.access(p, os.X_OK) and _reads_namelists_of_jules(p)),
        None,
    )


def _files_in(script: Path) -> Iterator[Path]:
    """Yield the files that the text of a script names; relative paths are taken from its folder."""
    with script.open("rb") as file:
        text = file.read(_MAX_SCRIPT).decode("utf-8", errors="replace")
    for line in text.splitlines():
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            # quotes that span several lines
            words = line.split()
        for word in words:
            # the path may be the value of a variable: JULES=/path/jules.exe
            path = script.parent / Path(os.path.expandvars(word.rpartition("=")[2])).expanduser()
            try:
                if path.is_file() and path.stat().st_size:
                    yield path
            except OSError:
                # a word that is too long for a path
                continue


def _reads_namelists_of_jules(path: Path) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content[:2] != b"#!" and (content.find(b"JULES_TIME") >= 0 or content.find(b"jules_time") >= 0)
