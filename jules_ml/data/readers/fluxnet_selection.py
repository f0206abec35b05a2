"""Which columns of a FLUXNET file are read, and what becomes of them: a variable, a u* percentile, or a sensor of a profile."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jules_ml.data.problems import report
from jules_ml.data.readers.fluxnet_columns import COLUMNS, PERCENTILES, SENSORS, is_filled, is_known
from jules_ml.data.textfile import require_columns
from jules_ml.errors import BadInput


@dataclass(frozen=True)
class Wanted:
    """Column to read, and its target: a variable, a u* percentile, or a sensor of a profile."""

    variable: str
    column: str
    unit: str | None = None
    is_sum: bool = False
    percentile: float | None = None
    sensor: int | None = None
    depth: float = math.nan


def refuse_unknown(header: Sequence[str], path: Path) -> None:
    """Refuse a file of metadata, and columns that no FLUXNET product has.

    Raises
    ------
    BadInput
        For either.
    """
    if {"SITE_ID", "VARIABLE", "DATAVALUE"} <= set(header):
        raise BadInput(
            "this is a file of metadata (BADM), not a record",
            where=path,
            remedy="give the FULLSET, SUBSET or FLUXMET file of the same site, and this one as heights",
        )
    unknown = [column for column in header if not is_known(column)]
    if unknown:
        problem = f"column {unknown[0]} is not one of a FLUXNET product ({len(unknown)} unknown of {len(header)})"
        place = f"{path}, line 1, column {header.index(unknown[0]) + 1}"
        report(
            BadInput(problem, where=place, remedy="delete it, or read the file with reader 'table' and a column map")
        )


def wanted_columns(
    header: Sequence[str], depths: Mapping[str, Sequence[float] | None], known: Mapping[str, float], path: Path
) -> list[Wanted]:
    """Columns to read; gap-filled ones must have a quality code.

    Parameters
    ----------
    header : sequence of str
        Columns of the file.
    depths : mapping of str to sequence of float, or None
        Depths [m] of the sensors of each soil variable, in the order of their numbers; None to take those of the metadata.
    known : mapping of str to float
        Depths [m] of the metadata, by column.
    path : Path
        File, for messages.

    Raises
    ------
    BadInput
        If there is no measured variable, no quality code of a gap-filled one, or another number of depths than sensors.
    """
    wanted = [*_single(header), *_ustar_variants(header), *_sensors(header, depths, known, path)]
    if not wanted:
        raise BadInput(
            "the file contains no measured variable",
            where=path,
            remedy="give a FULLSET, SUBSET or FLUXMET file, not a file of reanalysis only",
        )
    require_columns(header, [f"{w.column}_QC" for w in wanted if is_filled(w.column)], where=f"{path}, line 1")
    return wanted


def _single(header: Sequence[str]) -> list[Wanted]:
    """Variables with one column each."""
    wanted = []
    for column in COLUMNS:
        name = next((name for name in column.names if name in header), None)
        if name is not None:
            wanted.append(Wanted(column.variable, name, column.unit, is_sum=column.is_sum))
    reference = next((name for name in ("NEE_VUT_REF", "NEE_CUT_REF") if name in header), None)
    return wanted if reference is None else [*wanted, Wanted("nee", reference)]


def _ustar_variants(header: Sequence[str]) -> list[Wanted]:
    """Columns of NEE for the percentiles of the u* threshold, from one method only."""
    for method in ("VUT", "CUT"):
        variants = [
            Wanted("nee_ustar", f"NEE_{method}_{percent}", percentile=float(percent))
            for percent in PERCENTILES
            if f"NEE_{method}_{percent}" in header
        ]
        if variants:
            return variants
    return []


def _sensors(
    header: Sequence[str], depths: Mapping[str, Sequence[float] | None], known: Mapping[str, float], path: Path
) -> list[Wanted]:
    """Columns of soil sensors, by their numbers; ``known`` are depths of the metadata."""
    wanted = []
    for variable, (prefix, unit) in SENSORS.items():
        numbers = sorted(
            int(column.removeprefix(prefix)) for column in header if re.fullmatch(f"{prefix}[0-9]+", column)
        )
        sensor_depths = depths[variable]
        if sensor_depths is not None and len(sensor_depths) != len(numbers):
            raise BadInput(
                f"{len(sensor_depths)} depths are given for {variable} but the file has {len(numbers)} sensors",
                where=f"{path}, columns {prefix}*",
                remedy="give one depth for each sensor, in the order of their numbers; nan if unknown",
            )
        if sensor_depths is not None and any(depth < 0.0 or math.isinf(depth) for depth in sensor_depths):
            raise BadInput(
                f"depths of {variable} are {', '.join(f'{depth:g}' for depth in sensor_depths)} m",
                where=f"{path}, columns {prefix}*",
                remedy="give depths in metres, positive downward; nan if unknown",
            )
        of_metadata = [known.get(f"{prefix}{number}", math.nan) for number in numbers]
        for number, depth in zip(numbers, sensor_depths or of_metadata, strict=True):
            wanted.append(Wanted(variable, f"{prefix}{number}", unit, sensor=number, depth=float(depth)))
    return wanted
