"""Points that a module is exported to: those of the static map, or of an ancillary, and which of them have a prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.experiment.place import COVER, PROPERTIES, SOIL
from jules_ml.learned.maps.grid import MapGrid, match_points, same_points
from jules_ml.learned.maps.names import LAND
from jules_ml.learned.maps.static import StaticMap

_Array = NDArray[np.float64]

#: Points that are predicted together, which limits the memory.
PART = 16384


@dataclass(frozen=True, eq=False)
class MapPoints:
    """Points of the exported map, with the points of the static map at their places.

    Attributes
    ----------
    grid : MapGrid
        Points of the exported map.
    static : StaticMap
    number : array of int or None
        Number of the point of the static map at each point, -1 where it has none; None if both have the same points.
    """

    grid: MapGrid
    static: StaticMap
    number: NDArray[np.int64] | None = field(default=None, repr=False)

    def read(self, start: int, stop: int) -> dict[str, _Array]:
        """Static inputs of a range of points; see :meth:`jules_ml.learned.maps.static.StaticMap.read`."""
        return self.static.read(slice(start, stop) if self.number is None else self.number[start:stop])

    def parts(self) -> list[tuple[int, int]]:
        """Ranges of points that are predicted together."""
        return self.grid.parts(PART)


def map_points(static: StaticMap, like: MapGrid | None, file: Path | None) -> MapPoints:
    """Match the points of an ancillary to those of the static map.

    Parameters
    ----------
    static : StaticMap
    like : MapGrid or None
        Points of the ancillary; None for those of the static map.
    file : Path or None
        Ancillary, for messages.

    Raises
    ------
    BadInput
        If no point of the ancillary is on the static map.
    """
    if like is None:
        return MapPoints(static.grid, static)
    if same_points(like, static.grid):
        return MapPoints(like if like.latitude is not None else static.grid, static)
    number = match_points(*like.coordinates(0, like.size), static.grid)
    if not (number >= 0).any():
        raise BadInput(
            "none of its points is on the static map",
            where=file or "--like",
            remedy="regrid the static map to the points of the ancillary: their latitude and longitude must agree to 0.001 degree",
        )
    return MapPoints(like, static, number)


def required_inputs(
    static: StaticMap, inputs: Sequence[str], module: Path, grid: Sequence[Path], *, without: tuple[str, str]
) -> list[str]:
    """Inputs of a module that a static map has.

    Parameters
    ----------
    static : StaticMap
    inputs : sequence of str
        Inputs of the module.
    module : Path
        Module folder, for messages.
    grid : sequence of Path
        Files of the map, for messages.
    without : (str, str)
        Why a module has no inputs, and the remedy.

    Returns
    -------
    list of str

    Raises
    ------
    BadInput
        If the module has no inputs, or the map none of them.
    """
    if not inputs:
        raise BadInput(without[0], where=module, remedy=without[1])
    present = [name for name in inputs if name in static.names]
    if not present:
        raise BadInput(
            f"none of the inputs of the module is in the static map: {described(inputs)}",
            where=", ".join(map(str, grid)),
            remedy="add them, in any unit that can be converted, or give --name PROPERTY=VARIABLE for variables with other names",
        )
    return present


def require_soil(present: Sequence[str], inputs: Sequence[str], grid: Sequence[Path]) -> None:
    """Refuse a map without a property of the soil, on which climate or cover alone would predict the soil.

    Parameters
    ----------
    present : sequence of str
        Inputs of the module that the map has.
    inputs : sequence of str
        Inputs of the module; nothing is refused if none of them is a property of the soil.
    grid : sequence of Path
        Files of the map, for messages.

    Raises
    ------
    BadInput
        If the module has such inputs, and the map none of them.
    """
    soil = [name for name in inputs if name in SOIL]
    if soil and not set(soil) & set(present):
        raise BadInput(
            f"no soil input of the module is in the static map: {described(soil)}",
            where=", ".join(map(str, grid)),
            remedy="add them to the file or give a file with them as a further --grid; --name PROPERTY=VARIABLE is for other names",
        )


def described(names: Sequence[str]) -> str:
    """Names with their units."""
    return ", ".join(f"{name} [{PROPERTIES[name].units}]" if name in PROPERTIES else name for name in names)


def with_inputs(
    values: Mapping[str, _Array], present: Sequence[str], inside: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """Points that have a prediction.

    Parameters
    ----------
    values : mapping of str to array, shape (point,)
        From :meth:`MapPoints.read`.
    present : sequence of str
        Inputs of the module that the map has.
    inside : array of bool, shape (point,), optional
        Points that may have one; by default those with ``land`` above 0 if the map has this variable, otherwise all.

    Returns
    -------
    array of bool, shape (point,)
        Those with a property of the soil, if any is among the inputs; else with cover or elevation; else with any input: climate is also
        known at sea.
    """
    of_land = next(
        ([n for n in present if n in group] for group in (SOIL, (*COVER, "elevation")) if set(present) & set(group)),
        None,
    )
    known: NDArray[np.bool_] = np.any([np.isfinite(values[name]) for name in of_land or present], axis=0)
    if inside is None:
        inside = np.nan_to_num(values[LAND]) > 0.0 if LAND in values else np.ones_like(known)
    return known & inside


@dataclass(eq=False)
class RangeCount:
    """Counts of predicted points, and of those where an input is missing or outside the training range.

    Attributes
    ----------
    names : tuple of str
        Inputs of the module.
    points : int
        Predicted points.
    counts : array of int, shape (input, flag)
        Flags are those of :func:`jules_ml.learned.hydraulics.places.training_range`.
    """

    names: tuple[str, ...]
    points: int = 0
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 4), dtype=np.int64))

    def add(self, flags: NDArray[np.int8]) -> None:
        """Count flags, shape (input, point)."""
        if not len(self.counts):
            self.counts = np.zeros((len(self.names), 4), dtype=np.int64)
        self.points += flags.shape[1]
        self.counts += np.stack([np.bincount(row, minlength=4) for row in flags.astype(np.int64)])

    def refuse_none(self, present: Sequence[str], grid: Sequence[Path], like: Path | None) -> None:
        """Refuse a map on which no point is predicted.

        Parameters
        ----------
        present : sequence of str
            Inputs of the module that the map has.
        grid : sequence of Path
            Files of the map.
        like : Path or None
            Ancillary that states where there is soil.

        Raises
        ------
        BadInput
            If no point was counted.
        """
        if not self.points:
            mask = "a variable of land is above 0 there" if like is None else f"{like.name} has a soil there (sm_sat)"
            raise BadInput(
                "no point of the map has a prediction",
                where=", ".join(map(str, grid)),
                remedy=f"check that {', '.join(present)} have values on land, and that {mask}",
            )

    def notes(self, total: int, present: Sequence[str], *, replaced: str, outside: str, rest: str) -> list[str]:
        """Notes for the user.

        Parameters
        ----------
        total : int
            Points of the map.
        present : sequence of str
            Inputs of the module that the map has.
        replaced : str
            What replaces a missing input.
        outside : str
            What happens to a value outside the training range.
        rest : str
            What the points without a prediction have.
        """
        notes = [f"{self.points} of {total} points are predicted; the others {rest}"]
        absent = [name for name in self.names if name not in present]
        if absent:
            notes.append(f"inputs of the module that the map lacks, replaced by {replaced}: {described(absent)}")
        missing = self._fractions([3], [name for name in self.names if name in present])
        if missing:
            notes.append(f"inputs that are missing at some points, replaced there by {replaced}: {missing}")
        beyond = self._fractions([1, 2], self.names)
        if beyond:
            notes.append(f"inputs outside the training range, {outside}: {beyond} of the points")
        return notes

    def _fractions(self, flags: list[int], names: Sequence[str]) -> str:
        counts = {name: int(self.counts[self.names.index(name)][flags].sum()) for name in names}
        return ", ".join(
            f"{name} {100.0 * count / max(self.points, 1):.2g} %" for name, count in counts.items() if count
        )
