"""Work of a worker: to run the members of a unit, and write the file and status of each."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from jules_ml.ensemble.manifest import Status, member_folder, write_status
from jules_ml.ensemble.member_file import Series, write_member
from jules_ml.ensemble.members import Member
from jules_ml.errors import BadInput, RunFailed

#: Errors after which nothing more can be written, unlike the failure of a single member.
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Unit:
    """Members that are run together, in order; ``pending`` are the ones that are not done yet.

    A batch always has the same members, so that results do not depend on how often it was started.
    """

    number: int
    members: Sequence[Member]
    pending: frozenset[int]


@dataclass(frozen=True)
class Failure:
    """Reason why a member failed; ``lost`` if it was killed from outside, and the next run is to repeat it."""

    message: str
    lost: bool = False


@dataclass(frozen=True)
class Result:
    """Variables and notes of a member's run."""

    variables: Mapping[str, Series]
    notes: tuple[str, ...] = ()


class Work(Protocol):
    """Way to run members, pickled once and sent to each worker.

    Attributes
    ----------
    forks : bool
        Whether workers may be forked from the manager, which is fast; false for work that uses torch, whose threads do not survive a
        fork.
    """

    forks: ClassVar[bool]

    def results(self, unit: Unit, folder: Path) -> Iterator[tuple[int, Result | Failure]]:
        """Run the pending members of a unit, one after another or together."""
        ...


@dataclass(frozen=True)
class Outcome:
    """Outcome of a unit.

    Attributes
    ----------
    unit : int
    statuses : tuple of Status
        Statuses of the pending members.
    disk_full : str
        Why nothing more can be written; empty otherwise.
    lost : str
        How the worker died; empty otherwise.
    """

    unit: int
    statuses: tuple[Status, ...] = ()
    disk_full: str = ""
    lost: str = ""


def run_unit(work: Work, unit: Unit, folder: Path) -> Outcome:
    """Run a unit, and write the files of its members.

    Parameters
    ----------
    work : Work
    unit : Unit
    folder : Path
        Folder of the ensemble.

    Returns
    -------
    Outcome
        With a status for each pending member, even if it failed.
    """
    statuses: list[Status] = []
    began = time.monotonic()
    try:
        try:
            for number, result in work.results(unit, folder):
                seconds, began = time.monotonic() - began, time.monotonic()
                statuses.append(_record(folder, number, result, seconds))
        except OSError:
            raise
        except Exception as error:
            # no failure of a member may affect the others
            message = str(error) if isinstance(error, BadInput | RunFailed) else f"{type(error).__name__}: {error}"
            for number in sorted(unit.pending - {status.number for status in statuses}):
                statuses.append(_record(folder, number, Failure(message), 0.0))
    except OSError as error:
        if error.errno in _DISK_FULL:
            return Outcome(unit.number, tuple(statuses), disk_full=f"{error.strerror}: {error.filename or folder}")
        done = {status.number for status in statuses}
        failed = (Status(n, "failed", message=str(error)) for n in sorted(unit.pending - done))
        return Outcome(unit.number, (*statuses, *failed))
    # the first member of a batch is charged with its whole time: give each the mean
    mean = sum(status.seconds for status in statuses) / max(len(statuses), 1)
    return Outcome(unit.number, tuple(Status(**{**s.__dict__, "seconds": mean}) for s in statuses))


def _record(folder: Path, number: int, result: Result | Failure, seconds: float) -> Status:
    if isinstance(result, Failure):
        status = Status(number, "lost" if result.lost else "failed", seconds, result.message)
    else:
        size, checksum = write_member(member_folder(folder, number), result.variables)
        status = Status(number, "done", seconds, size=size, checksum=checksum, notes=result.notes)
    write_status(folder, status)
    return status
