"""Table of the fitted values of a calibration, for its report and the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

#: Columns of the table.
HEADERS: Final = ("parameter", "site", "layer or type", "unit", "prior", "fitted", "95 % interval")


def value_table(parameters: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Rows of the table of fitted values.

    Parameters
    ----------
    parameters : sequence of mapping
        ``parameters`` of ``calibration.json``.

    Returns
    -------
    list of tuple of str
        By :data:`HEADERS`. Layers and types of a site with the same values share a row.
    """
    places: dict[tuple[str, ...], list[str]] = {}
    for parameter in parameters:
        for value in parameter["values"]:
            low, high = value["fitted_interval"]
            numbers = (f"{value['prior']:.4g}", f"{value['fitted']:.4g}", f"{low:.4g} to {high:.4g}")
            row = (parameter["parameter"], value["site"], parameter["units"], *numbers)
            place = value.get("layer", value.get("type"))
            places.setdefault(row, []).extend([] if place is None else [str(place)])
    return [(row[0], row[1], ", ".join(place), *row[2:]) for row, place in places.items()]
