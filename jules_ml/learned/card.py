"""The card of a module folder. It is read without torch, so that commands can choose the kind quickly."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

from jules_ml.errors import BadInput
from jules_ml.learned.checksums import CHECKSUMS, REMEDY
from jules_ml.support.ready import module_folder

#: File that describes a module.
CARD: Final = "card.json"


class Entries(dict[str, Any]):
    """Entries of a card, or of one of its tables; a missing entry is an error that names the file and the entry.

    Parameters
    ----------
    values : mapping
    where : str
        File, and name of the table, for the message.
    """

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        super().__init__({key: _with_place(value, f"{where}, {key}") for key, value in values.items()})
        self.where = where

    def __missing__(self, key: str) -> NoReturn:
        raise BadInput(f"the entry '{key}' is missing", where=self.where, remedy=REMEDY)

    def __reduce__(self) -> tuple[type[Entries], tuple[dict[str, Any], str]]:
        """Pickle the entries, which processes of an ensemble pass on."""
        return Entries, (dict(self), self.where)


def _with_place(value: Any, where: str) -> Any:
    if isinstance(value, Mapping):
        return Entries(value, where)
    return [_with_place(item, where) for item in value] if isinstance(value, list) else value


def read_card(path: Path) -> dict[str, Any]:
    """Read a card as it is in the file.

    Parameters
    ----------
    path : Path
        ``card.json`` of a module folder.

    Raises
    ------
    BadInput
        If the file is missing or is not one JSON object; if a key is repeated or has control characters; if a number is not finite.
    """
    if not path.is_file():
        raise BadInput("there is no such file", where=path, remedy="give a folder that 'jules-ml fit' wrote")
    try:
        text = path.read_text(encoding="utf-8")
        # a half of a surrogate pair is no character, and cannot be printed or written
        card = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_object)
        if "\\ud" in text.lower():
            json.dumps(card, ensure_ascii=False).encode("utf-8")
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"the file is damaged ({_reason(error)})", where=path, remedy=REMEDY) from error
    if not isinstance(card, dict):
        raise BadInput("the file is damaged (it is not a JSON object)", where=path, remedy=REMEDY)
    return card


def module_kind(folder: str | Path) -> str:
    """Return the kind of the module in a folder, such as ``"respiration"``.

    Parameters
    ----------
    folder : str or Path
        A module folder, or ``ready:NAME``.

    Raises
    ------
    BadInput
        If the folder contains no module, or its card is damaged.
    """
    path = module_folder(Path(folder)) / CARD
    kind = read_card(path).get("module")
    if not isinstance(kind, str):
        raise BadInput("the entry 'module' is missing, or no text", where=path, remedy=REMEDY)
    return kind


def notes_without_checksums(folders: Iterable[Path | None]) -> list[str]:
    """Note the modules that an earlier version wrote, whose files have no checksums; None stands for no module."""
    return [
        f"{folder.name} was written by an earlier version without checksums, so that a changed number would not be found: "
        "fit it again for them"
        for folder in folders
        if folder is not None and (folder / CARD).is_file() and CHECKSUMS not in read_card(folder / CARD)
    ]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a key is repeated")
    for key in content:
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in key):
            raise ValueError(f"the key {key!a} has characters that are no text")
    return content


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is too large")
    return value


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "too many brackets"
    if isinstance(error, UnicodeError):
        return "it is not text in UTF-8"
    return str(error.strerror if isinstance(error, OSError) else error)
