"""Interactive time series of runs beside each other and observations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from jules_ml.comparison.runs import QUANTITIES, Quantity, Run
from jules_ml.comparison.scores import QuantityScore, modelled
from jules_ml.support.figures import BLACK, layer_labels
from jules_ml.support.interactive import Line, Panel

#: Layers of a run without observations that are shown.
_LAYERS = 2


def run_panels(runs: Sequence[Run], scored: Sequence[QuantityScore], colours: Mapping[str, str]) -> list[Panel]:
    """Make a panel for each quantity and sensor that was observed, and for the other quantities of the runs.

    Parameters
    ----------
    runs : sequence of Run
    scored : sequence of QuantityScore
        Their scores against observations; may be empty.
    colours : mapping of str to str
        Colour of each run by its name.

    Returns
    -------
    list of Panel
    """
    panels = _observed({run.name: run for run in runs}, scored, colours)
    done = {one.quantity.name for one in scored}
    for quantity in QUANTITIES:
        if quantity.name not in done:
            panels += _modelled(runs, quantity, colours)
    return panels


def _observed(runs: Mapping[str, Run], scored: Sequence[QuantityScore], colours: Mapping[str, str]) -> list[Panel]:
    groups: dict[tuple[str, str, str], list[QuantityScore]] = {}
    for one in scored:
        groups.setdefault((one.quantity.name, one.sensor, one.quantity.unit), []).append(one)
    panels = []
    for (name, sensor, unit), of_sensor in groups.items():
        # the longest pairs have the most observations
        longest = max(of_sensor, key=lambda one: len(one.pairs))
        lines = [Line(one.run, _series(runs[one.run], one), colours[one.run]) for one in of_sensor]
        lines.append(Line("observed", longest.pairs["observed"], BLACK))
        panels.append(Panel(f"{name.capitalize()}{f' at {sensor}' if sensor else ''}", unit, lines))
    return panels


def _series(run: Run, scored: QuantityScore) -> pd.Series:
    """The whole series of a run in the layer of a sensor, also where there are no observations."""
    values = modelled(run, scored.quantity, float(scored.sensor.removesuffix(" m")) if scored.sensor else None)
    assert values is not None
    series: pd.Series = values.reset_coords(drop=True).to_series()
    return series


def _modelled(runs: Sequence[Run], quantity: Quantity, colours: Mapping[str, str]) -> list[Panel]:
    having = [run for run in runs if quantity.name in run.series]
    if not having:
        return []
    labels: Sequence[str | None] = layer_labels(having[0].dzsoil)[:_LAYERS] if quantity.layered else [None]
    panels = []
    for number, label in enumerate(labels):
        lines = []
        for run in having:
            values = run.series[quantity.name]
            if label is not None:
                if number >= values.sizes["soil"]:
                    continue
                values = values.isel(soil=number)
            series: pd.Series = values.reset_coords(drop=True).to_series()
            lines.append(Line(run.name, series, colours[run.name]))
        panels.append(Panel(f"{quantity.name.capitalize()}{f', {label}' if label else ''}", quantity.unit, lines))
    return panels
