"""Exceptions of the package, which the command line turns into messages and exit codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path


class BadInput(ValueError):
    """Input that cannot be used; the command line exits with 2.

    The message contains the place (file, line, variable), the problem and the remedy, in this order.

    Parameters
    ----------
    problem : str
        Problem, in one sentence without a full stop.
    where : str or Path, optional
        File, and line, column or variable if known (``"site.csv, line 12, column SWC_1"``).
    remedy : str
        What the user can do, in one sentence without a full stop.
    keys : mapping of str to object, optional
        Keys under ``[data]`` that remedy it, for a drafted section.
    """

    def __init__(
        self,
        problem: str,
        *,
        remedy: str,
        where: str | Path | None = None,
        keys: Mapping[str, object] | None = None,
    ) -> None:
        self.keys = dict(keys or {})
        self.problem = problem
        self.remedy = remedy
        self.where = None if where is None else str(where)
        place = "" if self.where is None else f"{self.where}: "
        super().__init__(f"{place}{problem}. Remedy: {remedy}.")

    def __reduce__(self) -> tuple[Callable[[], BadInput], tuple[()]]:
        """Pickle the error: worker processes return it, and an exception is otherwise restored from its message alone."""
        return partial(BadInput, self.problem, remedy=self.remedy, where=self.where, keys=self.keys), ()


class RunFailed(RuntimeError):
    """Failure despite valid input; the command line exits with 1."""
