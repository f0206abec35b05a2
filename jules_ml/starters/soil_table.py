"""Soil properties of a site from a table of soil cores, by the names of its columns."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jules_ml.data.textfile import open_text

#: Properties of ``[place]`` by patterns of column names, in lower case.
_NAMES: Final = {
    "organic_carbon": re.compile(r"(t_)?(oc|soc|org(anic)?_?c(arbon)?)(_.*)?"),
    "bulk_density": re.compile(r"(bd|bdod|bulk_?dens(ity)?)[0-9]*(_.*)?"),
    "clay": re.compile(r"(t_)?clay(_.*)?"),
    "sand": re.compile(r"(t_)?sand(_.*)?"),
    "silt": re.compile(r"(t_)?silt(_.*)?"),
}
_SITE: Final = re.compile(r"site(_?(id|code|name))?|station(_?id)?|wban|id", re.IGNORECASE)


@dataclass(frozen=True)
class SiteSoil:
    """Soil of a site: medians over its cores.

    Attributes
    ----------
    values : mapping of str to float
        By key of ``[place]``, in its unit.
    columns : mapping of str to str
        Column of each value, and how its unit was guessed.
    soc_spread : float or None
        Standard deviation of the logarithm of organic carbon among three cores or more [1].
    file : str
        Name of the file.
    """

    values: Mapping[str, float]
    columns: Mapping[str, str]
    soc_spread: float | None
    file: str


def soil_of_site(tables: Sequence[Path], site: str) -> SiteSoil | None:
    """Return the soil of a site from the first table that has it; None if none has.

    Parameters
    ----------
    tables : sequence of Path
        Delimited text with a column of site codes, or of WBAN numbers, and columns such as ``clay`` or ``OC_gkg_0_30``. The largest
        value shows whether a column is a percentage or a fraction, in g cm-3 or kg m-3, and in g kg-1, % or kg kg-1.
    site : str
        Site code of the record.
    """
    for path in tables:
        with open_text(path) as file:
            rows = list(csv.DictReader(file))
        names = [name for name in (rows[0] if rows else {}) if name]
        of_site = next((name for name in names if _SITE.fullmatch(name)), None)
        own = [] if of_site is None else [row for row in rows if _plain(row[of_site]) == _plain(site)]
        if own:
            return _soil(path, rows, own, names)
    return None


def _plain(site: str | None) -> str:
    return (site or "").strip().lstrip("0").upper()


def _soil(
    path: Path, rows: Sequence[Mapping[str, str]], own: Sequence[Mapping[str, str]], names: Sequence[str]
) -> SiteSoil:
    values: dict[str, float] = {}
    columns: dict[str, str] = {}
    spread = None
    for key, pattern in _NAMES.items():
        name = next((name for name in names if pattern.fullmatch(name.strip().lower())), None)
        if name is None:
            continue
        cores = _numbers(own, name)
        if not cores.size:
            continue
        factor, unit = _unit(key, name, float(_numbers(rows, name).max()))
        values[key] = float(f"{np.median(cores) * factor:.4g}")
        columns[key] = f"column {name}, read as {unit}"
        if key == "organic_carbon" and (cores > 0.0).sum() >= 3:
            spread = float(f"{np.log(cores[cores > 0.0]).std(ddof=1):.3g}")
    return SiteSoil(values, columns, spread, path.name)


def _numbers(rows: Sequence[Mapping[str, str]], name: str) -> NDArray[np.float64]:
    values = []
    for row in rows:
        try:
            values.append(float(row[name]))
        except (TypeError, ValueError):
            continue
    array = np.asarray(values, dtype=np.float64)
    valid: NDArray[np.float64] = array[np.isfinite(array) & (array > -99.0)]
    return valid


def _unit(key: str, name: str, largest: float) -> tuple[float, str]:
    """Factor to the unit of ``[place]``, and the unit of the table."""
    if key == "bulk_density":
        return (1000.0, "g cm-3") if largest < 10.0 else (1.0, "kg m-3")
    if key != "organic_carbon":
        return (0.01, "%") if largest > 1.0 else (1.0, "a fraction")
    if re.search(r"g_?kg", name.lower()) or largest > 60.0:
        return 0.001, "g kg-1"
    return (0.01, "%") if largest > 1.0 else (1.0, "kg kg-1")
