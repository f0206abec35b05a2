"""Namelist groups of a Rose application: the sections that a source names, and their text."""

from __future__ import annotations

import itertools
import re

from jules_ml.errors import BadInput
from jules_ml.jules.rose.app import APP, NAMELIST, RoseApp

_ALL = "(:)"


def named_sections(app: RoseApp, source: str) -> list[str]:
    """Return the sections that a source names, in the order in which Rose writes them.

    Parameters
    ----------
    app : RoseApp
    source : str
        ``namelist:NAME``, or ``namelist:NAME(:)`` for all sections ``namelist:NAME(INDEX)``: numbers in their order, then other text.

    Returns
    -------
    list of str
        Empty if there is none, or it is ignored.

    Raises
    ------
    BadInput
        If two sections have the same number, such as ``(1)`` and ``(01)``: their order is not defined.
    """
    sections = app.sections
    if not source.endswith(_ALL):
        return [source] if source in sections else []
    indexed = re.compile(re.escape(source.removesuffix(_ALL)) + r"\(([^(){}]*)\)")
    order = {key: _order(match[1]) for key in sections if (match := indexed.fullmatch(key))}
    found = sorted(order, key=order.__getitem__)
    for first, second in itertools.pairwise(found):
        if order[first] == order[second]:
            raise BadInput(
                f"[{first}] and [{second}] have the same number, so that their order is not defined",
                where=app.folder / APP,
                remedy="give each section a number of its own",
            )
    return found


def _order(index: str) -> tuple[int, int, str]:
    if index.isdecimal():
        return (1, int(index), "")
    return (2 if index else 0, 0, index)


def group_name(section: str) -> str:
    """Return the name of the group that a section ``namelist:NAME{CATEGORY}(INDEX)`` defines."""
    return re.split(r"[{(]", section.removeprefix(NAMELIST))[0]


def group_text(app: RoseApp, section: str) -> str:
    """Return the text of the group that a section defines, as Rose writes it."""
    entries = app.sections[section]
    lines = [f"{key}={app.expand(entries[key], section, key)},\n" for key in sorted(entries)]
    return "".join([f"&{group_name(section)}\n", *lines, "/\n"])
