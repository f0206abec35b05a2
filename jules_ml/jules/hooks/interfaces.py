"""What the compiler found when it compared the hooks with the interfaces of a JULES, as errors for the user."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

from jules_ml.errors import BadInput
from jules_ml.jules.hooks.compilers import OBJECT_FOLDERS

#: Sections of objects for link-time optimisation by GCC, and the first bytes of LLVM's.
_GCC_LTO, _LLVM_LTO = b".gnu.lto_", b"BC\xc0\xde"
#: Folders of JULES's source, relative to that of the ``.mod`` files, as FCM writes them.
_SOURCE_FOLDERS = ("../../preprocess/src", "../../extract")
_TYPES = {"integer": "integer", "logical": "logical", "text": "character", "plain_real": "default real"}


def refuse_lto(modules: Path) -> None:
    """Refuse objects of JULES that were compiled for link-time optimisation, which drops the hooks silently.

    Parameters
    ----------
    modules : Path
        Folder of the ``.mod`` files; the objects are in it or, as FCM places them, in the folder ``o`` beside it.

    Raises
    ------
    BadInput
        If there is such an object.
    """
    for folder in OBJECT_FOLDERS:
        for path in sorted((modules / folder).glob("*.o")):
            content = path.read_bytes()
            if content.startswith(_LLVM_LTO) or _GCC_LTO in content:
                raise BadInput(
                    "JULES was compiled for link-time optimisation, which drops the hooks silently",
                    where=path.resolve(),
                    remedy="build JULES without -flto and -ipo, then build the hooks again",
                )


def refusal(report: Path, modules: Path, hooks: Path, compiler: str) -> BadInput:
    """Return the error for a JULES that does not fit the hooks.

    Parameters
    ----------
    report : Path
        File that ``jml_check_interfaces.cmake`` wrote: the kind of the problem, what differs, and the compiler's messages.
    modules : Path
        Folder of the ``.mod`` files.
    hooks : Path
        Folder of the sources of the hooks.
    compiler : str
        Fortran compiler.
    """
    kind, what, messages = report.read_text(encoding="utf-8", errors="replace").split("\n", 2)
    if kind == "unreadable":
        return BadInput(
            f"{compiler} cannot read the .mod files of JULES: {_first_error(messages)}",
            where=modules,
            remedy="use the compiler that built JULES, in the same version: --compiler NAME",
        )
    if kind == "variable":
        differences = _variables(messages, hooks / "checks" / "check_variables.f90").values()
        return BadInput(
            f"variables of JULES differ from those that the hooks use: {'; '.join(differences) or what}",
            where=modules,
            remedy="use a released JULES from 7.0 to 8.2, or one with the same variables",
        )
    if kind == "microbe":
        sources = {p.stem[len("jml_hooks_microbe_") :]: p for p in hooks.glob("variants/jml_hooks_microbe_*_[0-9].f90")}
        known = {
            f"JULES {name.replace('_', '.')}": list_of(path, "wrap_microbe") for name, path in sorted(sources.items())
        }
        return _other_arguments("microbe_mod", "microbe", known, modules, messages)
    module, _, procedure = what.partition("/")
    expected = list_of(hooks / "checks" / "jml_expected.f90", f"{procedure}_expected")
    return _other_arguments(module, procedure, {"expected": expected}, modules, messages)


def _other_arguments(
    module: str, procedure: str, known: dict[str, list[str]], modules: Path, messages: str
) -> BadInput:
    """Return the error for a procedure with other arguments: JULES's list beside the lists that the hooks know."""
    actual = arguments_of(modules, module, procedure)
    lines = [("this JULES", "unknown" if actual is None else ", ".join(actual))]
    lines += [(name, ", ".join(arguments)) for name, arguments in known.items()]
    same = next((name for name, arguments in known.items() if arguments == actual), None)
    # the first error is about the types of an argument if its names agree
    reason = f"; a type, rank or intent differs: {_first_error(messages)}" if same is not None else ""
    table = "\n".join(f"  {name + ':':<12} {text or '(no arguments)'}" for name, text in lines)
    return BadInput(
        f"{procedure} of this JULES does not have the arguments that the hooks know{reason}\n{table}",
        where=modules,
        remedy=f"use a JULES whose {procedure} has one of these lists (releases 7.0 to 8.2), or report its version",
    )


def _first_error(messages: str) -> str:
    """The first error in the output of a compiler."""
    lines = [line.strip() for line in messages.splitlines()]
    errors = [
        line for line in lines if re.search(r"\berror\b", line, re.IGNORECASE) and "make" not in line.split(":")[0]
    ]
    return re.sub(r"^.*?(?:fatal )?error:? *", "", errors[0], flags=re.IGNORECASE) if errors else "no message"


def _variables(messages: str, source: Path) -> dict[str, str]:
    """What differs, by variable: from the lines of the check program to which the messages of the compiler refer."""
    text = source.read_text(encoding="utf-8").splitlines()
    places = re.findall(rf"{re.escape(source.name)}[:( ]+(\d+)", messages)
    modules = {name: module for module, name in re.findall(r"use (\w+), only: (\w+)", "\n".join(text))}
    modules |= {"sf_diag": "sf_diags_mod", "time": "datetime_mod"}  # variables of types in these modules
    differences: dict[str, str] = {}
    for line in (text[int(number) - 1] for number in places if int(number) <= len(text)):
        if found := re.search(r"use (\w+), only: (\w+)", line):
            differences[found[2]] = f"{found[2]} of {found[1]} is missing"
        elif found := re.search(r"call (\w+)_(\d)\(([\w%]+)\)", line):
            kind, rank, name = found.groups()
            module = modules[name.partition("%")[0]]
            shape = f"rank {rank}" if rank != "0" else "a scalar"
            type_name = _TYPES.get(kind, "real of kind real_jlslsm")
            # of a missing variable, the type is unknown too
            differences.setdefault(name, f"{name} of {module} is not {type_name}, {shape}")
    return differences


def list_of(source: Path, procedure: str) -> list[str]:
    """Names of the arguments of a procedure in a source file; empty without arguments.

    Raises
    ------
    ValueError
        If the file does not contain the procedure.
    """
    names = _from_text(source.read_text(encoding="utf-8", errors="replace"), procedure)
    if names is None:
        raise ValueError(f"{source} does not contain {procedure}")
    return names


def arguments_of(modules: Path, module: str, procedure: str) -> list[str] | None:
    """Names of the arguments of a procedure of JULES, from its ``.mod`` file or its source.

    Parameters
    ----------
    modules : Path
        Folder of the ``.mod`` files.
    module, procedure : str
        Names in lower case.

    Returns
    -------
    list of str or None
        None if they cannot be found. gfortran and LLVM Flang write them to the ``.mod`` file; of other compilers, they are known
        only if FCM has left the source beside the build.
    """
    content = (modules / f"{module}.mod").read_bytes()
    if content.startswith(b"\x1f\x8b"):
        return _from_gfortran(gzip.decompress(content).decode(errors="replace"), procedure)
    if content.lstrip(b"\xef\xbb\xbf").startswith(b"!mod$"):
        return _from_text(content.decode(errors="replace"), procedure)
    for folder in _SOURCE_FOLDERS:
        for path in sorted((modules / folder).rglob(f"*{procedure}*")):
            if path.is_file():
                names = _from_text(path.read_text(encoding="utf-8", errors="replace"), procedure)
                if names is not None:
                    return names
    return None


def _from_text(text: str, procedure: str) -> list[str] | None:
    """Names of the arguments in Fortran source."""
    text = re.sub(r"&[ \t]*\n[ \t]*&?", " ", text)
    found = re.search(rf"\b(?:subroutine|function)\s+{procedure}\s*\(([^)]*)\)", text, flags=re.IGNORECASE)
    return None if found is None else [name.strip().lower() for name in found[1].split(",") if name.strip()]


def _from_gfortran(text: str, procedure: str) -> list[str] | None:
    """Names of the arguments in a module file of gfortran, which is a sequence of nested lists.

    A symbol is its number, name, module, name in C, namespace and a list; a procedure's list has the numbers of its arguments.
    """
    root: list[Any] = []
    stack = [root]
    for token in re.findall(r"'(?:[^']|'')*'|[()]|[^\s()']+", text.partition("\n")[2]):
        if token == "(":
            stack[-1].append([])
            stack.append(stack[-1][-1])
        elif token == ")":
            stack.pop()
        else:
            stack[-1].append(token)
    symbols = next((part for part in root if isinstance(part, list) and len(part) > 5 and isinstance(part[0], str)), [])
    entries = [symbols[i : i + 6] for i in range(0, len(symbols) - 5, 6)]
    names = {number: name.strip("'") for number, name, *_ in entries}
    for _, name, _, _, _, details in entries:
        if name == f"'{procedure}'" and details and details[0][:1] == ["PROCEDURE"]:
            formals = [
                part for part in details[3:] if isinstance(part, list) and part and all(str(x).isdigit() for x in part)
            ]
            return [names[number] for number in formals[0]] if formals else []
    return None
