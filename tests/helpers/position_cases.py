"""Positions of points that a restart with another number of ranks must find, or must refuse.

The library's search in Fortran and that of the state files in Python are both tested with them.
"""

from __future__ import annotations

from dataclasses import dataclass

Positions = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class PositionCase:
    """Points of a rank, points of files, and for each point of the files its place on the rank.

    Attributes
    ----------
    here, there : tuple of (float, float)
        Latitude and longitude [degrees] of the points of the rank, and of the files.
    places : tuple of int
        For each point of the files, its index on the rank from 0; -1 if it is not there.
    ambiguous : bool
        Whether two points of the rank cannot be distinguished.
    """

    here: Positions
    there: Positions
    places: tuple[int, ...]
    ambiguous: bool = False


CASES = {
    "same": PositionCase(((51.0, 0.5), (52.0, 0.5)), ((52.0, 0.5), (51.0, 0.5)), (1, 0)),
    "elsewhere": PositionCase(((51.0, 0.5),), ((80.0, 10.0),), (-1,)),
    "rounded": PositionCase(((51.0, 0.5),), ((51.00004, 0.49996),), (0,)),
    "rounded to the next cell": PositionCase(((51.00004, 0.50004),), ((51.00006, 0.50006),), (0,)),
    "in the next cell, but too far": PositionCase(((51.00004, 0.5),), ((51.000149, 0.5),), (-1,)),
    "at a corner, but too far": PositionCase(((51.00004, 0.50004),), ((51.00015, 0.50015),), (-1,)),
    "the nearer of two": PositionCase(((51.00016, 0.5), (51.00004, 0.5)), ((51.00009, 0.5),), (1,)),
    "longitude from 0 to 360": PositionCase(((10.0, -20.25),), ((10.0, 339.75),), (0,)),
    "date line": PositionCase(((10.0, 179.99998),), ((10.0, -179.99999),), (0,)),
    "meridian of Greenwich": PositionCase(((10.0, -0.00002),), ((10.0, 359.99999), (10.0, 0.00001)), (0, 0)),
    "across the meridian of Greenwich": PositionCase(((10.0, -0.00006),), ((10.0, 0.00002),), (0,)),
    "poles": PositionCase(((90.0, 0.0), (-90.0, 0.0)), ((-90.0, 0.0), (90.0, 0.0)), (1, 0)),
    "replicates in the files": PositionCase(((51.0, 0.5),), ((51.0, 0.5), (51.0, 0.5)), (0, 0)),
    "replicates on the rank": PositionCase(((51.0, 0.5), (51.0, 0.5)), ((60.0, 0.5),), (-1,), ambiguous=True),
    "replicates in neighbouring cells": PositionCase(
        ((51.00004, 0.5), (51.00006, 0.5)), ((60.0, 0.5),), (-1,), ambiguous=True
    ),
    "replicates beside the meridian": PositionCase(
        ((51.0, -0.00002), (51.0, 0.00002)), ((60.0, 0.5),), (-1,), ambiguous=True
    ),
    "neighbours on the rank": PositionCase(((51.0, 0.5), (51.0002, 0.5)), ((51.0002, 0.5),), (1,)),
    "no point here": PositionCase((), ((51.0, 0.5),), (-1,)),
    "no point there": PositionCase(((51.0, 0.5),), (), ()),
}
