"""The page that the demonstration writes."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import jinja2
import pandas as pd

from jules_ml.column.run import ColumnRun
from jules_ml.data.readers.davos import PRECIPITATION_NOTE, PROVENANCE
from jules_ml.demo.compare import LEAST_OF_A_NIGHT, Comparison
from jules_ml.demo.learned import LearnedDemo
from jules_ml.support.provenance import software

#: Title and caption of each figure, by its file's name.
_CAPTIONS = {
    "soil_moisture": (
        "Water content of the soil",
        "Daily precipitation; liquid water in all layers of the column; the layer that the sensor lies in against the sensor. Shaded: the "
        "column has ice in that layer.",
    ),
    "night_respiration": (
        "Respiration by night",
        "Measured is net ecosystem exchange by night, with friction velocity above its threshold, never gap-filled: respiration of "
        "soil, roots, stems and leaves together. The column gives what its soil carbon respires, with a stock from the literature and "
        "JULES's own curves; nothing was fitted.",
    ),
    "soil_temperature": (
        "Temperature of the soil",
        "The column's own temperature, ice and snow; none of them was measured.",
    ),
    "water_budget": (
        "Water budget",
        "Where the precipitation went in each year; the water stored against what the fluxes add up to; what is left over.",
    ),
    "respiration_curves": (
        "JULES's curves, and the data on them",
        "The factors of moisture and temperature in JULES's soil respiration. Blue: how often the column was there in the nights on which "
        "NEE was measured.",
    ),
    "learned_nights": (
        "The column with learned curves",
        "The same column, carbon and weather, once with JULES's f and g and once with those learned from the tower's nights. The tower "
        "sees roots and leaves too.",
    ),
    "curves": (
        "Learned f(θ) and g(T) beside JULES's",
        "Median and 90 % band of the ensemble, with JULES's curves brought to one at the same points; below, where the data lie.",
    ),
    "CH-Dav": (
        "Learned soil moisture",
        "The sensor at 0.15 m, the column's layer, and what a network learned from the first years with the column as its first guess; "
        "the last years were held out.",
    ),
    "nee": (
        "Observed and predicted NEE, day and night",
        "Respiration less photosynthesis, learned together. The shaded years were held out, and only they are in the scatters.",
    ),
}


def render_report(
    run: ColumnRun, comparison: Comparison, learned: LearnedDemo, images: Sequence[Path], notes: Sequence[str]
) -> str:
    """Write the page, self-contained, with its figures in it.

    Parameters
    ----------
    run : ColumnRun
    comparison : Comparison
    learned : LearnedDemo
    images : sequence of Path
        PNG files, by the names of the figures.
    notes : sequence of str
        What stands on every figure.

    Returns
    -------
    str
        HTML.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("jules_ml.demo", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    local = pd.Timedelta(hours=float(run.record.attrs["utc_offset_hours"]))
    bounds = pd.DatetimeIndex(run.output["time_bounds"].to_numpy().ravel()) + local
    figures = [
        {
            "title": _CAPTIONS[path.stem][0],
            "caption": _CAPTIONS[path.stem][1],
            "data": base64.b64encode(path.read_bytes()).decode("ascii"),
        }
        for path in images
    ]
    page = environment.get_template("report.html.j2")
    return page.render(
        start=f"{bounds[0]:%Y-%m-%d}",
        end=f"{bounds[-1] - pd.Timedelta(days=1):%Y-%m-%d}",
        n_steps=run.weather.series.sizes["time"],
        provenance=PROVENANCE,
        precipitation=PRECIPITATION_NOTE,
        notes=notes,
        scores=(*comparison.scores, *learned.scores),
        said=learned.fit.warnings,
        inner=learned.fit.learned.validation,
        layer_depths=_layer_text(run, comparison.layer),
        frozen_days=comparison.frozen_days,
        theta_in_ice=comparison.theta_in_ice,
        least=LEAST_OF_A_NIGHT,
        figures=figures,
        substitutions=run.weather.substitutions,
        spin_up=str(run.spin_up),
        budgets=run.budgets,
        run_notes=run.notes,
        compiled=run.compiled,
        software=software(),
    )


def _layer_text(run: ColumnRun, layer: int) -> str:
    bottoms = run.output["dzsoil"].to_numpy().cumsum()
    return f"{bottoms[layer] - run.output['dzsoil'].to_numpy()[layer]:.2g} to {bottoms[layer]:.2g} m"
