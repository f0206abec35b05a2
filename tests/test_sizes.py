"""Limits on the size of functions and files, so that each can be read at a glance."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from _sizes import function_sizes
from helpers.paths import REPOSITORY

FUNCTION_LINES = 60
FILE_LINES = 400


def test_functions_have_at_most_60_lines_of_code() -> None:
    long = [
        f"{path.relative_to(REPOSITORY)}: {name} has {lines} lines of code"
        for path in sources()
        for name, lines in function_sizes(path.read_text(encoding="utf-8"))
        if lines > FUNCTION_LINES
    ]
    assert not long, "\n".join(long)


def test_files_have_at_most_400_lines() -> None:
    sizes = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
    long = [f"{path.relative_to(REPOSITORY)} has {n} lines" for path, n in sizes.items() if n > FILE_LINES]
    assert not long, "\n".join(long)


def test_blank_comment_and_docstring_lines_are_not_counted() -> None:
    text = """
def f(x: int) -> int:
    '''A docstring

    of three lines.'''

    # a comment
    return (
        x
    )  # another comment
"""
    assert list(function_sizes(text)) == [("f", 4)]


def sources() -> Iterator[Path]:
    """Python files of the package, the tests and the benchmarks."""
    for folder in ("jules_ml", "tests", "benchmarks"):
        yield from sorted((REPOSITORY / folder).rglob("*.py"))
