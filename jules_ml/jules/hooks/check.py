"""Checking an executable of JULES for the hooks."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from jules_ml.errors import BadInput
from jules_ml.jules.hooks.mpi_library import NO_MPI, UNKNOWN, mpi_of_executable
from jules_ml.jules.hooks.stamp import Stamp, read_stamp
from jules_ml.jules.hooks.symbols import SYMBOL_NAMES, WRAPPED, symbol_name


class Hook(Enum):
    """State of a hook in an executable."""

    IN = "in"
    ABSENT = "absent"  #: the executable was linked without the hook
    DROPPED = "dropped"  #: linked with the hook, but JULES does not call it


@dataclass(frozen=True)
class CheckedExecutable:
    """Result of :func:`check_executable`.

    Attributes
    ----------
    compiler : str
        Compiler to which the symbol names belong.
    hooks : dict of str to Hook
        State of each hook, by procedure of JULES.
    stamp : Stamp or None
        What the hooks were built for; None without hooks.
    problems : tuple of str
        Reasons why the hooks do not fit the executable.
    """

    compiler: str
    hooks: dict[str, Hook]
    stamp: Stamp | None = None
    problems: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every hook is in the executable, and all fit it."""
        return all(state is Hook.IN for state in self.hooks.values()) and not self.problems

    @property
    def report(self) -> str:
        """One line per procedure, what the hooks were built for, and the remedy if hooks are missing or do not fit."""
        lines = [f"{procedure:<24} {state.value}" for procedure, state in self.hooks.items()]
        if self.stamp is not None:
            lines += ["built for", *(f"  {line}" for line in self.stamp.lines)]
        states = set(self.hooks.values())
        if Hook.DROPPED in states:
            lines.append("Dropped: linked, but JULES does not call them. Build JULES without -flto and -ipo.")
        if Hook.ABSENT in states:
            lines.append("Absent: relink JULES with the flags that `jules-ml hooks --jules-build DIR` prints.")
        if self.problems:
            lines += [f"Does not fit: {problem}." for problem in self.problems]
            lines.append("Build the hooks against this JULES with `jules-ml hooks --jules-build DIR`, and relink.")
        return "\n".join(lines)


def check_executable(exe: Path) -> CheckedExecutable:
    """Check whether an executable contains the hooks and calls them.

    A hook is in the executable if its symbol exists and an instruction calls it: link-time optimisation keeps the symbol but removes
    the calls.

    Parameters
    ----------
    exe : Path
        Executable of JULES with symbols.

    Raises
    ------
    BadInput
        If the file is missing, is not an executable of JULES or has no symbols, or if ``nm`` or ``objdump`` is missing.
    """
    for program in ("nm", "objdump"):
        if shutil.which(program) is None:
            raise BadInput(f"{program} was not found", remedy="install binutils")
    if not exe.is_file():
        raise BadInput("there is no such file", where=exe, remedy="give the path of a JULES executable")
    listing = subprocess.run(["nm", str(exe)], capture_output=True, text=True, check=False)
    if listing.returncode != 0:
        raise BadInput("the file is not an executable", where=exe, remedy="give the path of a JULES executable")
    symbols = {line.split()[-1] for line in listing.stdout.splitlines() if line.strip()}
    if not symbols:
        raise BadInput(
            "its symbols were stripped, so that it cannot be checked for hooks",
            where=exe,
            remedy="link JULES without -s",
        )
    for compiler in SYMBOL_NAMES:
        names = {procedure: symbol_name(compiler, module, procedure) for module, procedure in WRAPPED}
        if symbols.intersection(names.values()) or symbols.intersection(map("__wrap_{}".format, names.values())):
            states = _states(exe, names, symbols)
            stamp = read_stamp(exe)
            return CheckedExecutable(
                compiler, states, stamp, _problems(exe, states, stamp, symbols, SYMBOL_NAMES[compiler])
            )
    raise BadInput(
        "the executable contains no procedure of JULES that the hooks wrap",
        where=exe,
        remedy=f"give a JULES built with {' or '.join(SYMBOL_NAMES)}",
    )


def _problems(
    exe: Path, states: dict[str, Hook], stamp: Stamp | None, symbols: set[str], spelling: str
) -> tuple[str, ...]:
    """Reasons why the hooks do not fit the executable."""
    if all(state is Hook.ABSENT for state in states.values()):
        return ()
    if stamp is None:
        return ("the hooks have no stamp: they were built by an earlier version of jules_ml",)
    problems = stamp.problems(symbols, spelling)
    mpi = mpi_of_executable(exe)
    if UNKNOWN not in (stamp.mpi, mpi) and stamp.mpi != mpi:
        built, linked = ("without MPI" if name == NO_MPI else f"with {name}" for name in (stamp.mpi, mpi))
        problems.append(f"the hooks were built {built}, and the executable is linked {linked}; the run would crash")
    return tuple(problems)


def require_hooks(exe: Path) -> None:
    """Check an executable that a run with hooks will start.

    Raises
    ------
    BadInput
        If it lacks hooks, or has hooks for another JULES.
    """
    checked = check_executable(exe)
    absent = [name for name, state in checked.hooks.items() if state is not Hook.IN]
    if absent:
        raise BadInput(
            f"the executable lacks hooks ({', '.join(absent)})",
            where=exe,
            remedy="relink it with the flags of 'jules-ml hooks --jules-build DIR', or use another way than 'hooks'",
        )
    if checked.problems:
        raise BadInput(
            f"the hooks do not fit the executable: {'; '.join(checked.problems)}",
            where=exe,
            remedy="build the hooks against this JULES with 'jules-ml hooks --jules-build DIR', and relink it",
        )


def _states(exe: Path, names: dict[str, str], symbols: set[str]) -> dict[str, Hook]:
    wrapped = {procedure: f"__wrap_{name}" for procedure, name in names.items()}
    called: set[str] = set()
    if symbols.intersection(wrapped.values()):
        code = subprocess.run(
            ["objdump", "--disassemble", "--no-show-raw-insn", str(exe)], capture_output=True, text=True, check=True
        ).stdout
        # match operands of calls, not the label of the procedure itself, which ends in a colon
        called = set(re.findall(r"<(__wrap_[\w$]+)>$", code, flags=re.MULTILINE))
    return {
        procedure: Hook.ABSENT if name not in symbols else Hook.IN if name in called else Hook.DROPPED
        for procedure, name in wrapped.items()
    }
