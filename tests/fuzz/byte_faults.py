"""Faults of whole files: lines, line ends, encodings, truncation, and contents that are something else."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Final

import numpy as np
from fuzz.case import Case, Fault


def _lines(change: Callable[[Case, list[str]], list[str]]) -> Callable[[Case], bool]:
    """Damage lines of the file."""

    def apply(case: Case) -> bool:
        assert case.content is not None
        lines = case.content.decode().splitlines()
        new = change(case, list(lines))
        case.content = ("\n".join(new) + "\n").encode()
        return new != lines

    return apply


def _at(case: Case, lines: list[str], *new: str) -> list[str]:
    at = case.rng.randrange(len(lines) // 3, len(lines) - 3)
    return [*lines[:at], *new, *lines[at:]]


def _last_line_cut(case: Case) -> bool:
    """The last line is cut; without its line end, a cell may be cut too."""
    assert case.content is not None
    content = case.content.rstrip(b"\n")
    length = len(content) - content.rfind(b"\n") - 1
    case.content = content[: len(content) - case.rng.randrange(1, length)]
    case.expected.damaged.iloc[-1, :] = True
    return True


def _cut(case: Case) -> bool:
    """The file is cut in the middle."""
    assert case.content is not None
    at = case.rng.randrange(len(case.content) // 3, len(case.content) - 200)
    rows = case.content[:at].count(b"\n")
    case.content = case.content[:at]
    lost = np.ones(len(case.expected.damaged), dtype=bool)
    lost[: max(rows - 12, 0)] = False
    case.lose(lost)
    return True


def _cells_dropped(case: Case, lines: list[str]) -> list[str]:
    at = case.rng.randrange(len(lines) // 2, len(lines) - 1)
    delimiter = _document_delimiter(case)
    cells = lines[at].split(delimiter)
    lines[at] = delimiter.join(cells[: len(cells) // 2])
    return lines


def _document_delimiter(case: Case) -> str:
    return case.document.delimiter if case.document is not None else ","


def _trailing(case: Case, lines: list[str]) -> list[str]:
    delimiter = _document_delimiter(case)
    return [line + delimiter for line in lines]


def _one_trailing(case: Case, lines: list[str]) -> list[str]:
    at = case.rng.randrange(len(lines) // 2, len(lines))
    lines[at] += _document_delimiter(case)
    return lines


def _open_quote(case: Case, lines: list[str]) -> list[str]:
    at = case.rng.randrange(len(lines) // 2, len(lines) - 3)
    delimiter = _document_delimiter(case)
    lines[at] = lines[at].replace(delimiter, f'{delimiter}"', 1) if not lines[at].startswith('"') else lines[at][1:]
    case.lose(np.ones(len(case.expected.damaged), dtype=bool))
    return lines


def _rows(case: Case) -> int:
    assert case.document is not None
    return len(case.document.rows)


def _no_rows(case: Case, lines: list[str]) -> list[str]:
    case.lose(np.ones(len(case.expected.damaged), dtype=bool))
    return lines[: len(lines) - _rows(case)]


def _one_row(case: Case, lines: list[str]) -> list[str]:
    case.lose(np.ones(len(case.expected.damaged), dtype=bool))
    return lines[: len(lines) - _rows(case) + 1]


def _zeros_at_end(case: Case) -> bool:
    """A crash left the end of the file as zeros."""
    assert case.content is not None
    case.content = case.content[:-300] + b"\0" * 300
    case.expected.damaged.iloc[-80:, :] = True
    return True


def _random(case: Case) -> bool:
    case.content = case.rng.randbytes(4000)
    case.lose(np.ones(len(case.expected.damaged), dtype=bool))
    return True


def _recoded(encode: Callable[[str], bytes]) -> Callable[[Case], bool]:
    """Write the text in another encoding."""

    def apply(case: Case) -> bool:
        if case.source.kind != "text":
            return False
        assert case.content is not None
        text = case.content.decode()
        case.content = encode(text)
        return case.content != text.encode()

    return apply


def _mixed_line_ends(text: str) -> bytes:
    lines = text.splitlines()
    return "".join(line + ("\r\n" if i % 3 else "\n") for i, line in enumerate(lines)).encode()


def _accents(text: str) -> bytes:
    """A degree sign in the encoding of Windows, where the file has text."""
    return text.replace("Spen Farm", "Spén Farm").replace("degC", "°C").replace("Deg C", "°C").encode("latin-1")


def _replaced(content: bytes) -> Callable[[Case], bool]:
    """Other content under the name of the file."""

    def apply(case: Case) -> bool:
        case.content = content
        case.lose(np.ones(len(case.expected.damaged), dtype=bool))
        return True

    return apply


def _flipped(case: Case) -> bool:
    """Bytes of the data are overwritten with zeros."""
    assert case.content is not None
    at = case.rng.randrange(len(case.content) // 2, len(case.content) - 30)
    case.content = case.content[:at] + b"\0" * 8 + case.content[at + 8 :]
    if case.source.kind != "text":
        case.expected.unknowable = "a checksum: the format stores numbers without one"
        case.lose(np.ones(len(case.expected.damaged), dtype=bool))
        return True
    row = case.content[:at].count(b"\n")
    first = max(row - 12, 0)
    case.expected.damaged.iloc[first : row + 2, :] = True
    return True


def _gzipped(case: Case) -> bool:
    assert case.content is not None
    case.content = gzip.compress(case.content)
    return True


def _folder(case: Case) -> bool:
    case.is_folder = True
    return True


def _cut_bytes(case: Case) -> bool:
    assert case.content is not None
    if case.source.kind == "text":
        return _cut(case)
    case.content = case.content[: case.rng.randrange(10, len(case.content) - 10)]
    case.lose(np.ones(len(case.expected.damaged), dtype=bool))
    return True


def _text_only(apply: Callable[[Case], bool]) -> Callable[[Case], bool]:
    return lambda case: case.source.kind == "text" and apply(case)


def _twice(case: Case, lines: list[str]) -> list[str]:
    """The file is appended to itself, with its header."""
    return [*lines, *lines]


_PAGE: Final = (
    b"<!DOCTYPE html>\n<html><head><title>Log in</title></head><body>Please log in, then download.</body></html>\n"
)
_POINTER: Final = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1234\n"

FAULTS: Final = (
    Fault("file: last line cut", "bytes", _text_only(_last_line_cut)),
    Fault("file: cut in the middle", "bytes", _cut_bytes),
    Fault("file: line of too few cells", "bytes", _text_only(_lines(_cells_dropped))),
    Fault("file: blank lines", "bytes", _text_only(_lines(lambda case, lines: _at(case, lines, "", "  ", "")))),
    Fault(
        "file: comment in the data",
        "bytes",
        _text_only(_lines(lambda case, lines: _at(case, lines, "# sensor replaced"))),
    ),
    Fault("file: comment at the top", "bytes", _text_only(_lines(lambda _case, lines: ["# exported by hand", *lines]))),
    Fault("file: separator line of Excel", "bytes", _text_only(_lines(lambda _case, lines: ["sep=,", *lines]))),
    Fault(
        "file: line of statistics at the end", "bytes", _text_only(_lines(lambda _case, lines: [*lines, "mean,1,2,3"]))
    ),
    Fault("file: separator at the end of lines", "bytes", _text_only(_lines(_trailing))),
    Fault("file: separator at the end of one line", "bytes", _text_only(_lines(_one_trailing))),
    Fault("file: appended to itself", "bytes", _text_only(_lines(_twice))),
    Fault("file: quotation mark not closed", "bytes", _text_only(_lines(_open_quote))),
    Fault("file: no data", "bytes", _text_only(_lines(_no_rows))),
    Fault("file: one row", "bytes", _text_only(_lines(_one_row))),
    Fault("encoding: byte order mark", "bytes", _recoded(lambda text: text.encode("utf-8-sig"))),
    Fault("encoding: lines of Windows", "bytes", _recoded(lambda text: text.replace("\n", "\r\n").encode())),
    Fault("encoding: lines of old Macs", "bytes", _recoded(lambda text: text.replace("\n", "\r").encode())),
    Fault("encoding: mixed line ends", "bytes", _recoded(_mixed_line_ends)),
    Fault("encoding: UTF-16", "bytes", _recoded(lambda text: text.encode("utf-16"))),
    Fault("encoding: latin-1", "bytes", _recoded(_accents)),
    Fault("encoding: no last line end", "bytes", _recoded(lambda text: text.rstrip("\n").encode())),
    Fault("file: zeros in the data", "bytes", _flipped),
    Fault("file: zeros at the end", "bytes", _text_only(_zeros_at_end)),
    Fault("file: empty", "bytes", _replaced(b"")),
    Fault("file: blank", "bytes", _replaced(b"\n\n \n")),
    Fault("file: random bytes", "bytes", _random),
    Fault("file: page of a portal", "bytes", _replaced(_PAGE)),
    Fault("file: pointer of git-lfs", "bytes", _replaced(_POINTER)),
    Fault("file: gzipped under its name", "bytes", _gzipped),
    Fault("file: a folder", "bytes", _folder),
)
