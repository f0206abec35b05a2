"""Directive ``command-line``: the help text of every command of ``jules-ml``, as it is printed."""

from __future__ import annotations

import typer
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from jules_ml.cli import app


class CommandLine(SphinxDirective):
    """One section for each command: its purpose, usage, arguments, options and example."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        group = typer.main.get_command(app)
        return [self._section(group, name) for name in sorted(group.commands)]  # type: ignore[attr-defined]

    def _section(self, group: typer.core.TyperGroup, name: str) -> nodes.Node:
        command = group.commands[name]
        section = nodes.section(ids=[f"jules-ml-{name}"])
        section += nodes.title(text=f"jules-ml {name}")
        section += nodes.paragraph(text=(command.help or "").split("\n\n")[0].replace("\\[", "["))
        context = typer.Context(command, info_name=f"jules-ml {name}")
        usage = " ".join(command.collect_usage_pieces(context))
        section += nodes.literal_block(text=f"jules-ml {name} {usage}", language="text")
        section += self._parameters(command, context)
        if command.epilog:
            section += nodes.literal_block(text=command.epilog.replace("Example:", "").strip(), language="text")
        return section

    def _parameters(self, command: typer.core.TyperCommand, context: typer.Context) -> nodes.Node:
        entries = nodes.definition_list()
        for parameter in command.get_params(context):
            if getattr(parameter, "hidden", False):
                continue
            names = ", ".join([*parameter.opts, *parameter.secondary_opts])
            if isinstance(parameter, typer.core.TyperArgument):
                names = (parameter.metavar or parameter.name or "").upper()
            entry = nodes.definition_list_item()
            entry += nodes.term("", "", nodes.literal(text=names))
            entry += nodes.definition(
                "", nodes.paragraph(text=(getattr(parameter, "help", None) or "").replace("\\[", "["))
            )
            entries += entry
        return entries


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("command-line", CommandLine)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
