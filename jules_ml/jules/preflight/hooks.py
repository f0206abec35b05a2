"""``jules_ml.nml`` of a staged run: its groups and entries, the files that it names, and its Python modules."""

from __future__ import annotations

import ast
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from zipfile import is_zipfile

from jules_ml.errors import BadInput
from jules_ml.jules.curve_files import read_curve
from jules_ml.jules.hooks.environment import CONFIG, VARIABLE, python_environment, read_configuration
from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.preflight.hook_settings import (
    GROUPS,
    HookGroup,
    Ledger,
    Properties,
    Python,
    Respiration,
    read_group,
    similar,
)
from jules_ml.jules.preflight.staged import Finding

_NET_GROUPS = {"jules_ml_net", "jules_ml_layer"}
#: Prints the file of each module, or an empty line if it cannot be imported from the folder or the environment.
_FIND = """
import importlib.util, sys
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    try:
        spec = importlib.util.find_spec(name)
    except Exception:  # of a package that contains the module
        spec = None
    print("" if spec is None else spec.origin or "unknown")
"""
_TIMEOUT = 60.0


def hook_findings(namelists: Path) -> Iterator[Finding]:
    """Yield problems of ``jules_ml.nml``, at which the hooks would stop the run.

    Parameters
    ----------
    namelists : Path
        Namelist folder of the staged run; without ``jules_ml.nml`` in it, all hooks are off.
    """
    path = namelists / CONFIG
    contents = read_configuration(namelists)
    groups: dict[str, HookGroup | None] = {}
    for _, name, entries in () if contents is None else contents.groups():
        where = f"{path}, {name}"
        if name not in GROUPS:
            yield Finding(where, f"there is no group &{name}", similar(name, list(GROUPS)))
        elif name in groups:
            yield Finding(where, f"&{name} is given more than once", "keep one of them")
        else:
            groups[name], mistakes = read_group(name, entries)
            for entry, problem, remedy in mistakes:
                yield Finding(f"{where}:{entry}" if entry else where, problem, remedy)
    for name, group in groups.items():
        yield from _file_findings(namelists, f"{path}, {name}", group)
    python = groups.get("jules_ml_python", Python())
    callables = {f"{path}, {name}:python_callable": g.callable for name, g in groups.items() if g and g.callable}
    if callables and isinstance(python, Python):
        yield from _python_findings(namelists, python.venv, callables)


def _file_findings(namelists: Path, where: str, group: HookGroup | None) -> Iterator[Finding]:
    """Yield problems of the files that a group names; relative paths start from the namelist folder."""
    if isinstance(group, Respiration):
        if group.fsth_table:
            yield from _unreadable(f"{where}:fsth_table", lambda: read_curve(namelists / group.fsth_table, "fsth"))
        if group.ftemp_table:
            yield from _unreadable(f"{where}:ftemp_table", lambda: read_curve(namelists / group.ftemp_table, "ftemp"))
        for file in group.antecedent_tables:
            table = namelists / file
            yield from _unreadable(f"{where}:antecedent_tables", lambda t=table: read_curve(t, "antecedent"))  # type: ignore[misc]
        if group.net:
            yield from _net_findings(f"{where}:net", namelists / group.net)
    if isinstance(group, Properties) and group.static_file:
        yield from _no_file(f"{where}:static_file", namelists / group.static_file)
        if (namelists / group.static_file).is_file() and not is_zipfile(namelists / group.static_file):
            yield Finding(
                f"{where}:static_file", f"{group.static_file} is not a .npz file", "write it with numpy.savez"
            )
    if isinstance(group, Ledger) and group.regions:
        yield from _no_file(f"{where}:regions", namelists / group.regions)
    if isinstance(group, Python) and "/" in group.libpython:
        yield from _no_file(f"{where}:libpython", Path(group.libpython))


def _unreadable(where: str, read: Callable[[], object]) -> Iterator[Finding]:
    try:
        read()
    except BadInput as error:
        yield Finding(where, f"{error.where}: {error.problem}" if error.where else error.problem, error.remedy)


def _net_findings(where: str, path: Path) -> Iterator[Finding]:
    if not path.is_file():
        yield from _no_file(where, path)
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    names: set[str] = set()
    yield from _unreadable(
        where, lambda: names.update(name for _, name, _ in NamelistFolder({path.name: text}, path.parent).groups())
    )
    if names and names != _NET_GROUPS:
        yield Finding(where, f"{path} is not a dense net", "give a file that jules_ml.jules.net_files.write_net wrote")


def _no_file(where: str, path: Path) -> Iterator[Finding]:
    if not path.is_file():
        remedy = f"correct the path, which is relative to {CONFIG}, or put the file beside it"
        yield Finding(where, f"there is no file {path}", remedy)


def _python_findings(namelists: Path, venv: str, callables: Mapping[str, str]) -> Iterator[Finding]:
    """Yield problems of the Python environment, and of the modules ``callables``, by their place in ``jules_ml.nml``."""
    of_entry = f"{namelists / CONFIG}, jules_ml_python:venv"
    environment = namelists / venv if venv else Path(python_environment(namelists)[VARIABLE])
    program = environment / "bin" / "python"
    if not os.access(program, os.X_OK):
        remedy = "give venv = '/path/to/environment', a virtual or conda environment with jules_ml"
        yield Finding(of_entry, f"{environment} is not a Python environment, because it has no bin/python", remedy)
        return
    modules = [name.partition(":")[0] for name in callables.values()]
    try:
        found = subprocess.run(
            [str(program), "-c", _FIND, str(namelists), "jules_ml.bridge", *modules],
            capture_output=True,
            text=True,
            check=True,
            timeout=_TIMEOUT,
        ).stdout.split("\n")
    except (subprocess.SubprocessError, OSError):
        yield Finding(of_entry, f"{program} cannot be started", "give the environment of a Python that works")
        return
    if not found[0]:
        yield Finding(of_entry, f"{environment} has no jules_ml", "install jules_ml in it, or give another environment")
    for (where, name), file in zip(callables.items(), found[1:], strict=False):
        yield from _callable_findings(namelists, environment, where, name, file)


def _callable_findings(namelists: Path, environment: Path, where: str, name: str, file: str) -> Iterator[Finding]:
    """Yield a problem of one ``module:function``; ``file`` is that of the module, empty if there is none."""
    module, _, function = name.partition(":")
    if not file:
        remedy = f"put {module.partition('.')[0]}.py beside {CONFIG}, or install it in that environment"
        yield Finding(where, f"there is no module {module}, neither in {namelists} nor in {environment}", remedy)
        return
    if not file.endswith(".py"):
        return
    try:
        defined = _names(ast.parse(Path(file).read_bytes()))
    except (SyntaxError, ValueError, OSError) as error:
        yield Finding(where, f"{file} cannot be read ({error})", "correct the file")
        return
    # a module may also define names when it is imported
    if function not in defined and not defined & {"*", "__getattr__"}:
        public = sorted(each for each in defined if not each.startswith("_"))
        yield Finding(where, f"{file} defines no {function}", similar(function, public))


def _names(module: ast.Module) -> set[str]:
    """Return the names that a module defines; ``*`` stands for those of a star import."""
    names: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names
