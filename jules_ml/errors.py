"""The two ways a command can end badly, and what each tells the user."""

from __future__ import annotations

from pathlib import Path


class BadInput(ValueError):
    """Something the user gave cannot be used; the command line exits with 2.

    The message names the place (file, line, variable), the problem, and the remedy, in that order, since that is
    the order in which a reader needs them.

    Parameters
    ----------
    problem : str
        What is wrong, in one sentence without a full stop.
    where : str or Path, optional
        File, and line or column or variable when known (``"site.csv, line 12, column SWC_1"``).
    remedy : str
        What the user can do about it, in one sentence without a full stop.
    """

    def __init__(self, problem: str, *, remedy: str, where: str | Path | None = None) -> None:
        self.problem = problem
        self.remedy = remedy
        self.where = None if where is None else str(where)
        place = "" if self.where is None else f"{self.where}: "
        super().__init__(f"{place}{problem}. Remedy: {remedy}.")


class RunFailed(RuntimeError):
    """The input was good and the work still failed; the command line exits with 1."""
