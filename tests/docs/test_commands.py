"""Commands in the documentation: each exists and accepts the options and arguments that are shown. None is executed.

Input files of the commands are created empty for the test. Scripts, targets of ``make`` and pages that the documentation names must
exist. ``tests/docs/test_batch.py`` executes the commands of ``docs/how_to/batch.md``, ``tests/jules/hooks/test_documentation.py`` those of
``docs/how_to/hooks.md``.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from helpers.paths import REPOSITORY
from typer.core import TyperGroup

from jules_ml.cli import app

PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
GROUP = typer.main.get_command(app)
assert isinstance(GROUP, TyperGroup)
COMMANDS = GROUP.commands
#: Fenced blocks of shell commands have no language, or one of these.
SHELL = ("", "sh", "bash", "console")


@dataclass(frozen=True)
class Shown:
    """A text in the documentation, with its place."""

    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


def shell_lines() -> list[Shown]:
    """Lines of the shell blocks, without comments; continued lines are joined."""
    lines = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in re.finditer(r"^```(\w*)\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
            if match[1] not in SHELL:
                continue
            first = text[: match.start()].count("\n") + 2
            for number, line in enumerate(match[2].replace("\\\n", " ").splitlines()):
                command = re.sub(r"(^|\s)#.*", "", line).strip()
                if command:
                    lines.append(Shown(f"{page.name}, line {first + number}", command))
    return lines


def commands_in(line: str) -> list[list[str]]:
    """Words of each ``jules-ml`` command of a line, also of those inside ``$(...)`` and after ``&&``."""
    found = []
    for match in re.finditer(r"(?<![\w/-])jules-ml ((?:\"[^\"]*\"|[^\"`|&;)])*)", line):
        words = shlex.split(match[1])
        if words and words[0] in COMMANDS:
            found.append(words)
    return found


def examples_in_help() -> list[Shown]:
    """Examples at the end of the help of each command."""
    return [
        Shown(f"jules-ml {name} --help", command.epilog.split(":", 1)[1].replace(" then ", " && ").strip())
        for name, command in COMMANDS.items()
        if command.epilog
    ]


LINES = [line for line in shell_lines() + examples_in_help() if commands_in(line.text)]
INLINE = [
    Shown(f"{page.name}, line {number}", code)
    for page in PAGES
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1)
    for code in re.findall(r"`(jules-ml [^`]+)`", line)
]


def test_commands_are_found_in_the_documentation() -> None:
    assert len(LINES) > 30
    assert len(INLINE) > 30
    assert {command for line in LINES for command, *_ in commands_in(line.text)} >= set(COMMANDS) - {"demo"}


@pytest.mark.parametrize("line", LINES, ids=str)
def test_command_of_a_block_is_valid(line: Shown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Typer accepts the options and arguments; files that the command names are created, because options may check that they exist."""
    monkeypatch.chdir(tmp_path)
    for name, *arguments in commands_in(line.text):
        for word in arguments:
            if Path(word).suffix and not word.startswith("-"):
                (tmp_path / word).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / word).touch()
            elif not word.startswith("-"):
                (tmp_path / word).mkdir(parents=True, exist_ok=True)
        with GROUP.make_context("jules-ml", [name, *arguments]) as parent:
            COMMANDS[name].make_context(name, list(arguments), parent=parent)


def test_an_option_that_does_not_exist_would_be_detected() -> None:
    with (
        pytest.raises(Exception, match="No such option: --no-such"),
        GROUP.make_context("jules-ml", ["run", "tower.toml"]) as parent,
    ):
        COMMANDS["run"].make_context("run", ["tower.toml", "--no-such"], parent=parent)


@pytest.mark.parametrize("code", INLINE, ids=str)
def test_command_in_the_text_has_known_options(code: Shown) -> None:
    words = shlex.split(code.text)[1:]
    if words[0] in ("COMMAND", "--help", "--version"):
        return
    assert words[0] in COMMANDS
    known = {option for parameter in COMMANDS[words[0]].params for option in parameter.opts + parameter.secondary_opts}
    assert {word for word in words if word.startswith("-")} <= known | {"--help"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_scripts_targets_and_pages_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for script in re.findall(r"\b(benchmarks/\w+\.py|scripts/\w+\.sh|docs/examples/\w+\.\w+)\b", text):
        assert script == "benchmarks/NAME.py" or (REPOSITORY / script).is_file(), script
    targets = re.findall(r"^(\w+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert set(re.findall(r"^(?:`|\| `)?make (\w+)", text, flags=re.MULTILINE)) <= set(targets)
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (page.parent / link).exists(), link


def test_every_benchmark_is_listed() -> None:
    text = (REPOSITORY / "docs" / "validation" / "benchmarks.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+\.py)` \|", text, flags=re.MULTILINE)
    scripts = {path.name for path in (REPOSITORY / "benchmarks").glob("[!_]*.py")}
    # the stand-in for JULES is no benchmark
    assert sorted(listed) == sorted(scripts - {"stand_in_jules.py"})
