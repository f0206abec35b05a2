"""Limits on the size of functions and files, so that each can be read at a glance."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

from helpers.paths import REPOSITORY

FUNCTION_LINES = 60
FILE_LINES = 400
#: Tokens that do not make a line a line of code.
BLANK = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


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


def function_sizes(text: str) -> Iterator[tuple[str, int]]:
    """Name and number of lines of code of each function in a source text."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    code = {line for t in tokens if t.type not in BLANK for line in range(t.start[0], t.end[0] + 1)}
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    for function in functions:
        code -= docstring_lines(function)
    for function in functions:
        assert function.end_lineno is not None
        yield function.name, len(code & set(range(function.lineno, function.end_lineno + 1)))


def docstring_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[int]:
    """Line numbers of the docstring."""
    first = function.body[0]
    if ast.get_docstring(function) is None or first.end_lineno is None:
        return set()
    return set(range(first.lineno, first.end_lineno + 1))
