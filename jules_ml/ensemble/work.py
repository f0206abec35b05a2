"""What a worker does with the members it is given: run them, and leave each one's file and status in its folder."""

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

#: What says that no more can be written, as against a mistake in one member.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Unit:
    """Members that are run together, in order, and which of them are wanted: the others are done already.

    A batch is always run in the same make-up, so that no result depends on how often it was begun.
    """

    number: int
    members: Sequence[Member]
    wanted: frozenset[int]


@dataclass(frozen=True)
class Failure:
    """Why a member failed; ``lost`` where it was killed from outside, and is to be run again without being asked for."""

    message: str
    lost: bool = False


@dataclass(frozen=True)
class Result:
    """What a member gave: its variables, and what its run had to say."""

    variables: Mapping[str, Series]
    notes: tuple[str, ...] = ()


class Work(Protocol):
    """A way of running members; it is pickled once, and sent to each worker.

    Attributes
    ----------
    forks : bool
        Whether workers may be forked from the manager, which takes no time; what computes with torch may not, since its threads do not
        survive that.
    """

    forks: ClassVar[bool]

    def results(self, unit: Unit, folder: Path) -> Iterator[tuple[int, Result | Failure]]:
        """Run the members of a unit that are wanted, one after another or together."""
        ...


@dataclass(frozen=True)
class Outcome:
    """What became of a unit.

    Attributes
    ----------
    unit : int
    statuses : tuple of Status
        Of the members that were wanted.
    no_room : str
        Why nothing more can be written, where that is so.
    lost : str
        How the worker died, where it did.
    """

    unit: int
    statuses: tuple[Status, ...] = ()
    no_room: str = ""
    lost: str = ""


def carry_out(work: Work, unit: Unit, folder: Path) -> Outcome:
    """Run a unit, and leave the files of its members.

    Parameters
    ----------
    work : Work
    unit : Unit
    folder : Path
        Of the ensemble.

    Returns
    -------
    Outcome
        With a status for each member that was wanted, whatever went wrong.
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
            # a member that fails must not take the others along, of whatever kind its failure is
            message = str(error) if isinstance(error, BadInput | RunFailed) else f"{type(error).__name__}: {error}"
            for number in sorted(unit.wanted - {status.number for status in statuses}):
                statuses.append(_record(folder, number, Failure(message), 0.0))
    except OSError as error:
        if error.errno in _NO_ROOM:
            return Outcome(unit.number, tuple(statuses), no_room=f"{error.strerror}: {error.filename or folder}")
        done = {status.number for status in statuses}
        failed = (Status(n, "failed", message=str(error)) for n in sorted(unit.wanted - done))
        return Outcome(unit.number, (*statuses, *failed))
    # the seconds of a batch all fall to its first member: each gets its share
    share = sum(status.seconds for status in statuses) / max(len(statuses), 1)
    return Outcome(unit.number, tuple(Status(**{**s.__dict__, "seconds": share}) for s in statuses))


def _record(folder: Path, number: int, result: Result | Failure, seconds: float) -> Status:
    if isinstance(result, Failure):
        status = Status(number, "lost" if result.lost else "failed", seconds, result.message)
    else:
        size, checksum = write_member(member_folder(folder, number), result.variables)
        status = Status(number, "done", seconds, size=size, checksum=checksum, notes=result.notes)
    write_status(folder, status)
    return status
