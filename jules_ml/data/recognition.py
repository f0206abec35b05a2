"""Recognition of files by their content, for ``reader = "auto"`` and for errors of a reader that was given another reader's file."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from jules_ml.data.record_section import Record, reader_names, reader_section
from jules_ml.errors import BadInput


def first_lines(path: Path, count: int) -> list[str]:
    """Return the first lines of a text file, without line ends; none if it cannot be read as text.

    Parameters
    ----------
    path : Path
        Any file; gzipped if its name ends in ``.gz``.
    count : int
        Number of lines; fewer are returned if the file is shorter.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            raw = [file.readline(200_000) for _ in range(count)]
    except (OSError, EOFError, zlib.error):
        return []
    if any(b"\0" in line for line in raw):
        return []
    text = b"".join(raw)
    for encoding in ("utf-8-sig", "latin-1"):
        try:
            return text.decode(encoding).splitlines()
        except UnicodeDecodeError:
            continue
    return []


def recognise(path: Path) -> dict[str, str]:
    """Return the readers that recognise a file, each with what it takes the file for (``"a FLUXNET file of CH-Dav"``)."""
    descriptions = {name: reader_section(name).recognises(path) for name in reader_names()}
    return {name: text for name, text in descriptions.items() if text is not None}


def with_right_reader(error: BadInput, record: Record) -> BadInput | None:
    """Return an error that names the reader of the file, if it is another than that of ``[data]``; otherwise None.

    Parameters
    ----------
    error : BadInput
        Error of the reader.
    record : Record
        Section ``[data]``.
    """
    for path in record.paths:
        kinds = recognise(path)
        if not kinds or record.reader in kinds or record.reader == "auto":
            continue
        names = " or ".join(f'"{name}"' for name in kinds)
        if record.reader == "table":
            return BadInput(
                error.problem,
                where=error.where,
                remedy=f"{error.remedy}; or set reader = {names}: the file is {next(iter(kinds.values()))}",
            )
        return BadInput(
            f"this is {next(iter(kinds.values()))}, which reader '{record.reader}' does not read",
            where=path,
            remedy=f"set reader = {names}; docs/reference/experiment_file.md lists its keys",
        )
    return None
