"""Problems of a file: raised at the first, or collected so that all are seen at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from jules_ml.errors import BadInput

_COLLECTED: ContextVar[list[BadInput] | None] = ContextVar("collected_problems", default=None)


def report(problem: BadInput, *, cause: Exception | None = None) -> None:
    """Raise a problem, or add it to those that are collected.

    A check calls this function instead of raising where reading can go on after the problem: the caller then uses what remains, for
    example missing values. Checks without which there is nothing to read raise as usual.

    Parameters
    ----------
    problem : BadInput
        Problem of the file.
    cause : Exception, optional
        Exception from which it is raised.

    Raises
    ------
    BadInput
        ``problem``, outside :func:`collected_problems`.
    """
    collected = _COLLECTED.get()
    if collected is None:
        raise problem from cause
    if str(problem) not in map(str, collected):
        collected.append(problem)


@contextmanager
def collected_problems() -> Iterator[list[BadInput]]:
    """Collect the problems that the block reports, instead of raising them.

    What is read inside the block must not be used as a record unless the list is empty at its end.

    Yields
    ------
    list of BadInput
        Problems in the order of their report, without repetitions; a problem that ends the reading is added to it, too.
    """
    problems: list[BadInput] = []
    token = _COLLECTED.set(problems)
    try:
        yield problems
    except BadInput as error:
        report(error)
    finally:
        _COLLECTED.reset(token)
