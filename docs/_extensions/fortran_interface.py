"""Directive ``fortran-interface``: the procedures of the Fortran bridge, from the comments of its sources."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

SOURCES = Path(__file__).parents[2] / "fortran_bridge" / "src"
#: Files with the public procedures, and the names that ``jules_ml_bridge`` gives to those of both precisions.
FILES = ("jml_handle.f90", "jml_bridge.f90.in")
GENERIC = {
    "respiration": "jml_respiration",
    "soil_properties": "jml_soil_properties",
    "soil_moisture": "jml_soil_moisture",
}
_PROCEDURE = re.compile(
    r"((?:^ *!>.*\n|^ *!!.*\n)+)^ *(?:pure |elemental )*(?:[\w()]+ )?(subroutine|function) (\w+)(\([^)]*\))?.*\n((?:(?! *end ).*\n)*)",
    flags=re.MULTILINE,
)
_ARGUMENT = re.compile(
    r"^ *(?P<type>[a-z]+(?:\([^)]*\))?)(?P<attributes>(?:, [a-z]+(?:\([^)]*\))?)*, intent\((?P<intent>\w+)\)(?:, [a-z]+(?:\([^)]*\))?)*)"
    r" :: (?P<names>[^!\n]*?) *(?:!! *(?P<text>.*(?:\n *!! .*)*))?$",
    flags=re.MULTILINE,
)


@dataclass(frozen=True)
class Procedure:
    """A procedure with its comment and its arguments: name, intent, type and comment."""

    name: str
    comment: str
    call: str
    arguments: list[tuple[str, str, str, str]]


def procedures() -> list[Procedure]:
    """Public procedures, in the order of the sources."""
    public = re.findall(r"jml_\w+", (SOURCES / "jules_ml_bridge.f90").read_text(encoding="utf-8"))
    found = []
    for file in FILES:
        text = (SOURCES / file).read_text(encoding="utf-8").replace(" &\n", " ")
        for comment, kind, name, arguments, body in _PROCEDURE.findall(text):
            shown = GENERIC.get(name, name)
            if shown in public and not any(each.name == shown for each in found):
                prefix = "call " if kind == "subroutine" else "result = "
                call = f"{prefix}{shown}{re.sub(r' +', ' ', arguments) or '()'}"
                found.append(Procedure(shown, _prose(comment), call, _arguments(body)))
    return found


def _prose(comment: str) -> str:
    return " ".join(re.sub(r"^ *!+>?", "", line).strip() for line in comment.splitlines()).replace("  ", " ").strip()


def _arguments(body: str) -> list[tuple[str, str, str, str]]:
    rows = []
    for match in _ARGUMENT.finditer(body):
        kind = match["type"].replace("real(rk)", "real (32 or 64 bits)").replace("real(real64)", "real (64 bits)")
        optional = ", optional" if "optional" in match["attributes"] else ""
        rows.append((match["names"].strip(), match["intent"] + optional, kind, _prose(match["text"] or "")))
    return rows


class FortranInterface(SphinxDirective):
    """One section for each procedure, with a table of its arguments."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        for file in FILES:
            self.env.note_dependency(str(SOURCES / file))
        return [self._section(procedure) for procedure in procedures()]

    def _section(self, procedure: Procedure) -> nodes.Node:
        section = nodes.section(ids=[procedure.name.replace("_", "-")])
        section += nodes.title("", "", nodes.literal(text=procedure.name))
        section += nodes.paragraph(text=procedure.comment.replace("`", ""))
        section += nodes.literal_block(text=procedure.call, language="fortran")
        if procedure.arguments:
            section += _table(("argument", "intent", "type", "meaning"), procedure.arguments)
        return section


def _table(headers: tuple[str, ...], rows: list[tuple[str, str, str, str]]) -> nodes.Node:
    table = nodes.table()
    group = nodes.tgroup(cols=len(headers))
    table += group
    for _ in headers:
        group += nodes.colspec(colwidth=1)
    head, body = nodes.thead(), nodes.tbody()
    head += _row(headers)
    for row in rows:
        body += _row(row)
    group += [head, body]
    return table


def _row(cells: tuple[str, ...]) -> nodes.Node:
    row = nodes.row()
    for cell in cells:
        row += nodes.entry("", nodes.paragraph(text=cell.replace("`", "")))
    return row


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("fortran-interface", FortranInterface)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
