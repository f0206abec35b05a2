"""Checksums of the files of a module folder, kept in its card, so that a damaged, changed or swapped file is found before it is used.

The checksum of the card itself is that of its content, not of its bytes: another indentation or other line ends do not change it.
Cards of versions 1 to 3 have no checksums. Such folders are read without this check; all others apply to them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from jules_ml.errors import BadInput

#: Entry of the card with the SHA-256 of each file by name.
CHECKSUMS: Final = "checksums"
#: What the user can do about a file that cannot be used.
REMEDY: Final = "copy the folder again from where it was written, or fit the module again"
_CARD: Final = "card.json"


def with_checksums(card: Mapping[str, Any], files: Iterable[Path]) -> dict[str, Any]:
    """Add checksums to the content of a card.

    Parameters
    ----------
    card : mapping
        Content of the card, of JSON types.
    files : iterable of Path
        Other files of the folder, already written.
    """
    of_files = {file.name: _of_file(file) for file in files}
    return {**card, CHECKSUMS: {_CARD: _of_card(card), **of_files}}


def check_card(card: Mapping[str, Any], path: Path, *, required: bool) -> None:
    """Compare the content of a card with its checksum.

    Parameters
    ----------
    card : mapping
        Content of the card.
    path : Path
        File of the card, for the message.
    required : bool
        Whether a card of its version has checksums.

    Raises
    ------
    BadInput
        If the card was changed, or has no checksums although its version requires them.
    """
    if CHECKSUMS not in card and not required:
        return
    if _recorded(card, _CARD) is None:
        raise BadInput("the card has no checksums", where=path, remedy=REMEDY)
    if _recorded(card, _CARD) != _of_card(card):
        raise BadInput(
            "the card was changed after it was written: its checksum differs",
            where=path,
            remedy=f"{REMEDY}; a card is not edited by hand",
        )


def check_file(card: Mapping[str, Any], path: Path) -> None:
    """Compare a file with its checksum in the card, if the card has checksums.

    Raises
    ------
    BadInput
        If the file differs, or the card has checksums but none for this file.
    """
    if CHECKSUMS not in card:
        return
    if _recorded(card, path.name) != _of_file(path):
        raise BadInput(
            f"the file is damaged, or belongs to another module: its checksum is not that of {_CARD}",
            where=path,
            remedy=REMEDY,
        )


def _recorded(card: Mapping[str, Any], name: str) -> str | None:
    entries = card.get(CHECKSUMS)
    checksum = entries.get(name) if isinstance(entries, Mapping) else None
    return checksum if isinstance(checksum, str) else None


def _of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _of_card(card: Mapping[str, Any]) -> str:
    content = {key: value for key, value in card.items() if key != CHECKSUMS}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("ascii")).hexdigest()
