"""Sections of kinds of learned modules that other packages register."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import InitErrorDetails

from jules_ml.support.plugins import load_plugin, plugin_names
from jules_ml.support.section import Section

#: Entry-point group of kinds; see :mod:`jules_ml.learned.kind`.
KINDS: Final = "jules_ml.kinds"


def kind_section(name: str) -> type[Section] | None:
    """Return the schema of the section of a kind; None if no kind has this name."""
    if name not in plugin_names(KINDS):
        return None
    schema: type[Section] = load_plugin(KINDS, name).settings()
    return schema


def validated_section(name: str, table: Any, context: Mapping[str, Any] | None) -> Section:
    """Validate the section of a kind.

    Parameters
    ----------
    name : str
        Name of the kind and of its table.
    table : object
        Output of the TOML parser.
    context : mapping or None
        Context of the validation, with the folder of the experiment file.

    Raises
    ------
    ValidationError
        If the table is not valid; each key is preceded by the name of the table.
    """
    schema = kind_section(name)
    assert schema is not None
    try:
        return schema.model_validate(table, context=dict(context or {}))
    except ValidationError as error:
        details = [
            InitErrorDetails(type=e["type"], loc=(name, *e["loc"]), input=e["input"], ctx=e.get("ctx", {}))
            for e in error.errors()
        ]
        raise ValidationError.from_exception_data(error.title, details) from error
