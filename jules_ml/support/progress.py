"""How long work reports how far it has come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

#: Number of steps that a portion of a stage is counted in.
_STEPS: Final = 1000


class Progress(Protocol):
    """Receiver of progress: a function of the stage, the steps done in it and the steps that it has.

    Stages follow each other. Within a stage the fraction ``done / total`` does not fall, and it is 1 in the last report of a stage that
    has ended.
    """

    def __call__(self, stage: str, done: int, total: int, /) -> None:
        """Receive a report."""


def portion(progress: Progress | None, start: float, end: float) -> Progress | None:
    """Give the receiver for work that is one portion of a stage.

    Parameters
    ----------
    progress : Progress or None
        Receiver for the whole stage.
    start, end : float
        Fractions of the stage that are done before and after this work, 0 to 1.

    Returns
    -------
    Progress or None
        None where ``progress`` is.
    """
    if progress is None:
        return None

    def report(stage: str, done: int, total: int, /) -> None:
        progress(stage, round(_STEPS * (start + (end - start) * done / total)), _STEPS)

    return report


def renamed(progress: Progress | None, stage: str) -> Progress | None:
    """Give the receiver for work whose stages are one stage of another name.

    Parameters
    ----------
    progress : Progress or None
    stage : str
        ``{}`` in it stands for the name that the work gives.

    Returns
    -------
    Progress or None
        None where ``progress`` is.
    """
    if progress is None:
        return None
    return lambda name, done, total: progress(stage.format(name), done, total)


def counted(progress: Progress | None, stage: str, total: int) -> Callable[[int], None] | None:
    """Give a function that adds up the steps done since its last call, and reports their sum.

    Parameters
    ----------
    progress : Progress or None
    stage : str
    total : int
        Steps of the stage.

    Returns
    -------
    callable or None
        None where ``progress`` is.
    """
    if progress is None:
        return None
    done = 0

    def count(steps: int) -> None:
        nonlocal done
        done += steps
        progress(stage, done, total)

    return count
