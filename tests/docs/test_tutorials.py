"""Tutorials: their commands exist with the options shown, and their links lead to pages. ``make docs`` executes them."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest
import typer
from helpers.paths import REPOSITORY

from jules_ml.cli import app

DOCS = REPOSITORY / "docs"
TUTORIALS = sorted((DOCS / "tutorials").glob("tutorial_*.py"))
GROUP = typer.main.get_group(app)


def command_lines(tutorial: Path) -> list[list[str]]:
    """Words after ``jules-ml`` of each command that a tutorial executes; what an f-string inserts is ``inserted``."""
    lines = []
    for node in ast.walk(ast.parse(tutorial.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "command":
            text = node.args[0]
            parts = text.values if isinstance(text, ast.JoinedStr) else [text]
            words = shlex.split(
                "".join(str(part.value) if isinstance(part, ast.Constant) else "inserted" for part in parts)
            )
            if "jules-ml" in words:
                lines.append(words[words.index("jules-ml") + 1 :])
    return lines


@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)
def test_commands_have_known_options(tutorial: Path) -> None:
    lines = command_lines(tutorial)
    assert lines
    for name, *words in lines:
        command = GROUP.commands[name]
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        assert {word for word in words if word.startswith("-")} <= known


@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)
def test_links_lead_to_pages(tutorial: Path) -> None:
    for target in re.findall(r":doc:`(?:[^`<]*<)?([^`>]+)>?`", tutorial.read_text(encoding="utf-8")):
        if target.startswith("/"):
            assert (DOCS / f"{target[1:]}.md").is_file(), target
        else:
            assert (tutorial.parent / f"{target}.py").is_file(), target
