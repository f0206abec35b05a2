"""Shards of an ensemble: the members that one job of an array runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from jules_ml.ensemble.members import Members
from jules_ml.errors import BadInput


@dataclass(frozen=True)
class Shard:
    """One of ``total`` parts of an ensemble, counted from 1."""

    number: int
    total: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a shard as ``I/N``.

        Raises
        ------
        BadInput
            If the text is something else, or I is not from 1 to N.
        """
        number, _, total = text.partition("/")
        if not (number.isdigit() and total.isdigit() and 1 <= int(number) <= int(total)):
            raise BadInput(
                f"{text!r} is not a shard", where="--shard", remedy="write I/N, with I from 1 to N, for example 3/16"
            )
        return cls(int(number), int(total))

    def __str__(self) -> str:
        """Return the shard as ``I/N``."""
        return f"{self.number}/{self.total}"


def members_of_shard(members: Members, unit_size: int, shard: Shard) -> list[int]:
    """Return the numbers of the members of a shard.

    Parameters
    ----------
    members : Members
    unit_size : int
        Greatest number of members that are run together; these are never separated, so that results do not depend on the split.
    shard : Shard

    Returns
    -------
    list of int
        In increasing order; empty if the ensemble has fewer units than shards.
    """
    units = members.units(unit_size)
    return [k for number, unit in enumerate(units) if number % shard.total == shard.number - 1 for k in unit]
