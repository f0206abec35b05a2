"""Layouts of namelists that gfortran reads otherwise than the Fortran standard says, and otherwise than other compilers do."""

from __future__ import annotations

import re
from collections.abc import Iterator

from jules_ml.jules.preflight.staged import Finding, StagedRun
from jules_ml.support.namelist_text import scan
from jules_ml.support.namelist_values import read_values

_ELEMENT = re.compile(r"\([^():]*\)\s*=?\s*\Z")
_STRING = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|(![^\n]*)""")
#: Comment before the first value or after a comma, or a comma at the start of a line that follows no comment.
_MISSING_VALUE = re.compile(r"\A[ \t]*!|,[ \t]*!|[^!\s][ \t\r]*\n[ \t\r\n]*,")


def missing_values(text: str) -> list[str]:
    """Return the entries of a file in which gfortran 11 and 12 read a missing value that the standard does not see.

    Parameters
    ----------
    text : str
        Text of a namelist file.

    Returns
    -------
    list of str
        Names in lower case, in the order of the file.
    """
    entries = [entry for group in scan(text) for entry in group.entries]
    return list(dict.fromkeys(e.name for e in entries if _MISSING_VALUE.search(_bare(text[e.value : e.end]))))


def values_of_elements(text: str) -> list[str]:
    """Return the entries of a file that are assigned as one element with several values, as in ``x(2) = 1, 2, 3``.

    gfortran refuses them with ``-std=f2003``, with which JULES's own configuration builds; without it, and with other compilers, the
    values go on in the elements after the first.

    Parameters
    ----------
    text : str
        Text of a namelist file.

    Returns
    -------
    list of str
        Names in lower case, in the order of the file.
    """
    entries = [
        entry for group in scan(text) for entry in group.entries if _ELEMENT.search(text[entry.start : entry.value])
    ]
    return list(dict.fromkeys(e.name for e in entries if len(read_values(text[e.value : e.end])) > 1))


def _bare(text: str) -> str:
    """Return values with each string as ``s`` and each comment as ``!``, so that their contents are no commas or line ends."""
    return _STRING.sub(lambda match: "!" if match[1] else "s", text)


def layout_findings(staged: StagedRun) -> Iterator[Finding]:
    """Yield warnings of layouts that gfortran reads otherwise."""
    namelists = staged.run.namelists
    for file in namelists.files:
        text, where = namelists.text(file), str(staged.before.where / file)
        if names := missing_values(text):
            problem = (
                f"in {', '.join(names)} a comment or a line end next to a comma makes JULES built with gfortran leave out a value and "
                "move those after it"
            )
            yield Finding(
                where, problem, "put such comments on lines of their own, and commas at the end of lines", fatal=False
            )
        if names := values_of_elements(text):
            problem = f"{', '.join(names)}: one element has several values, at which JULES built with gfortran stops"
            yield Finding(where, problem, "write a section, such as x(1:3) = 1, 2, 3", fatal=False)
        groups = scan(text)
        if groups and "\n" not in text[groups[-1].end :]:
            problem = "the last line has no line end, at which JULES built with gfortran stops with 'End of file'"
            yield Finding(where, problem, "add a line end", fatal=False)
