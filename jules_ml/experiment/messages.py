"""Error messages for mistakes in an experiment file, with file, line, key and remedy."""

from __future__ import annotations

import difflib
import re
import textwrap
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from jules_ml.data.record_section import Record, reader_names, reader_section
from jules_ml.errors import BadInput
from jules_ml.experiment.other_kinds import kind_section

Key = tuple[str | int, ...]

_HEADER = re.compile(r"""^\s*\[(\[?)([\w\-."' ]+)\]\]?\s*(?:#.*)?$""")
_ASSIGNMENT = re.compile(r"""^\s*((?:[\w\-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w\-]+|"[^"]*"|'[^']*'))*)\s*=""")
_NAME = re.compile(r"""[\w\-]+|"[^"]*"|'[^']*'""")

#: Switches of JULES that follow from another section than [physics], by the remedy.
_SET_ELSEWHERE: Final = {
    "l_top": "add [soil.topmodel]",
    "l_vg_soil": "set form in [soil] to 'van_genuchten' or 'clapp_hornberger'",
    "l_soil_sat_down": "set l_soil_sat_down in [soil]",
    "soilhc_method": "set soilhc_method in [soil]",
}

_INSTRUCTION = re.compile(r": (?:add|choose|did you mean|give|leave out|merge|remove|set|use|write) ")


def syntax_error(error: tomllib.TOMLDecodeError, path: Path) -> BadInput:
    """Turn an error of the TOML parser into one that names file and line."""
    message = str(error)
    match = re.search(r"\(at line (\d+), column (\d+)\)$", message)
    where = f"{path}, line {match[1]}, column {match[2]}" if match else str(path)
    reason = message[: match.start()].strip() if match else message
    return BadInput(
        f"this is not TOML ({reason})",
        where=where,
        remedy="write text in quotes, a table as [name] and a list as [1, 2]; docs/reference/experiment_file.md has examples",
    )


def schema_error(
    error: ValidationError, *, schema: type[BaseModel], raw: Mapping[str, Any], text: str, path: Path
) -> BadInput:
    """Turn a validation error of pydantic into an error that names file, line, key and remedy.

    Parameters
    ----------
    error : ValidationError
        Error of the validation of ``raw`` by ``schema``.
    schema : type of BaseModel
        Schema of the experiment.
    raw : mapping
        Output of the TOML parser.
    text : str
        Contents of the file, for the line.
    path : Path
        Path of the file, for the message.

    Returns
    -------
    BadInput
        Error about the first mistake; the keys of further mistakes are listed.
    """
    errors: dict[Key, ErrorDetails] = {}
    # a misspelt key is reported before the missing key that was intended
    for details in sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden"):
        errors.setdefault(_key(details, raw), details)
    key, details = next(iter(errors.items()))
    problem, remedy = _problem_and_remedy(details, key, schema, raw)
    others = [dotted(other) for other in errors if other != key]
    if others:
        problem += f" (also wrong: {', '.join(others)})"
    line = line_of(key, text)
    place = f"{path}, line {line}" if line else str(path)
    return BadInput(problem, where=f"{place}, {dotted(key)}" if key else place, remedy=remedy)


def _problem_and_remedy(
    details: ErrorDetails, key: Key, schema: type[BaseModel], raw: Mapping[str, Any]
) -> tuple[str, str]:
    """Problem and remedy of one mistake."""
    kind, context = details["type"], details.get("ctx", {})
    name = str(key[-1]) if key else ""
    models = list(_models_at(schema, key[:-1], raw))
    if kind == "extra_forbidden":
        return (
            _unknown_switch(name, models)
            if key[:-1] == ("physics",)
            else (f"key '{name}' is unknown", _known_keys(key, models))
        )
    description = next(
        (f.description for m in models if (f := m.model_fields.get(name)) is not None and f.description), None
    )
    remedy = f"give {name}" if description is None else f"give {name}: {description}"
    if kind == "missing":
        return f"key '{name}' is missing", remedy
    if kind in ("reader_missing", "reader_unknown"):
        return _reader_problem(context.get("name"))
    if kind == "value_error":
        problem, own = _split_remedy(str(context["error"]))
        default = f"correct {dotted(key) or 'the file'}"
        return problem, own or (default if description is None else f"{default}: {description}")
    if kind == "literal_error":
        given = _in_toml(details["input"])
        meaning = "" if description is None else f" ({description})"
        return f"{given} is not possible", f"give {name} as {context['expected']}{meaning}"
    texts = any((f := m.model_fields.get(name)) is not None and f.annotation == tuple[str, ...] for m in models)
    message = details["msg"][0].lower() + details["msg"][1:]
    for python, toml in (
        ("valid dictionary or object to extract fields from", "table"),
        ("valid tuple", "list" if texts else "number or a list"),
    ):
        message = message.replace(python, toml)
    return f"{_in_toml(details['input'])} is not valid: {message}", remedy


def _reader_problem(name: object | None) -> tuple[str, str]:
    """Problem and remedy of a reader that is missing or unknown."""
    if name is None:
        return "key 'reader' is missing", f"give reader, one of {_quoted(reader_names())}"
    near = difflib.get_close_matches(str(name), reader_names(), n=1)
    remedy = f"write '{near[0]}' if you meant that" if near else f"use one of {_quoted(reader_names())}"
    return f"reader '{name}' is unknown", remedy


def _known_keys(key: Key, models: Sequence[type[BaseModel]]) -> str:
    """Remedy for an unknown key: the nearest key, or all keys."""
    names = sorted({field for model in models for field in model.model_fields})
    near = difflib.get_close_matches(str(key[-1]), names, n=1)
    if near:
        return f"write '{near[0]}' if you meant that"
    return f"use one of {', '.join(names)}"


def _unknown_switch(name: str, models: Sequence[type[BaseModel]]) -> tuple[str, str]:
    """Problem and remedy of a key that ``[physics]`` does not have, which may be a switch of JULES."""
    if name in _SET_ELSEWHERE:
        return f"{name} is set by [soil]", f"remove it, and {_SET_ELSEWHERE[name]}"
    # many switches of JULES have similar names
    near = difflib.get_close_matches(name, {field for model in models for field in model.model_fields}, n=1, cutoff=0.8)
    remedy = f"write '{near[0]}' if you meant that, or remove it" if near else "remove it"
    return (
        f"the column does not have '{name}'",
        f"{remedy}; the keys of [physics] are listed in docs/reference/experiment_file.md",
    )


def _split_remedy(text: str) -> tuple[str, str]:
    """Split the text of a check into problem and remedy: the remedy is the part after a colon that begins with an instruction."""
    match = _INSTRUCTION.search(text)
    return (text, "") if match is None else (text[: match.start()], text[match.start() + 2 :])


def _in_toml(value: Any) -> str:
    given = str(value).lower() if isinstance(value, bool) else repr(value)
    return textwrap.shorten(given, 60)


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def _key(details: ErrorDetails, raw: Mapping[str, Any]) -> Key:
    """Path of keys in the file; pydantic's own path also contains the members of unions."""
    at: list[str | int] = []
    node: Any = raw
    for part in details["loc"]:
        inside = (isinstance(node, dict) and part in node) or (
            isinstance(node, list) and isinstance(part, int) and part < len(node)
        )
        if inside:
            at.append(part)
            node = node[part]
    if details["type"] == "missing":
        at.append(details["loc"][-1])
    if details["type"] == "reader_unknown" and isinstance(node, dict):
        at.append("reader")
    return tuple(at)


def _models_at(schema: type[BaseModel], key: Sequence[str | int], raw: Mapping[str, Any]) -> Iterator[type[BaseModel]]:
    """Models that describe the table at ``key``; for ``[data]`` the section of its reader."""
    models: list[type[BaseModel]] = [schema]
    node: Any = raw
    for part in key:
        node = node[part]
        if not isinstance(part, int):
            fields = [model.model_fields[part] for model in models if part in model.model_fields]
            if not fields and models == [schema] and (section := kind_section(part)) is not None:
                models = [section]
                continue
            # a table under a name that the user chooses, such as a column, has the models of the field that contains it
            models = [m for field in fields for m in _models_in(field.annotation)] if fields else models
            models = [_section_of_reader(node) if model is Record else model for model in models]
    yield from models


def _section_of_reader(table: Any) -> type[BaseModel]:
    """Section of the reader of ``[data]``; the base class if the reader is missing or not registered."""
    name = table.get("reader") if isinstance(table, dict) else None
    return reader_section(name) if name in reader_names() else Record


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def _lines(text: str) -> dict[Key, int]:
    """Line numbers of table headers and keys, counted from 1."""
    lines: dict[Key, int] = {}
    table: Key = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _names(header[2])
            if header[1]:
                table = (*table, sum(1 for key in lines if key[:-1] == table and isinstance(key[-1], int)))
            lines[table] = number
        elif assignment := _ASSIGNMENT.match(line):
            lines.setdefault((*table, *_names(assignment[1])), number)
    return lines


def _names(dotted: str) -> Key:
    return tuple(name.strip("\"'") for name in _NAME.findall(dotted))


def line_of(key: Key, text: str) -> int | None:
    """Line number of a key in a TOML file, or of the nearest table that contains it."""
    lines = _lines(text)
    return next((lines[key[:n]] for n in range(len(key), 0, -1) if key[:n] in lines), None)


def dotted(key: Key) -> str:
    """Key with its tables, for example ``surface.tiles[2].frac``; tables of an array are counted from 1."""
    text = ""
    for part in key:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text
