"""Lines of code of functions, without blank, comment and docstring lines."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator

#: Tokens that do not make a line a line of code.
BLANK = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


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
