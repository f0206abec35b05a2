"""Report of the demonstration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from jules_ml.column.run import ColumnRun
from jules_ml.data.readers.davos import PRECIPITATION_NOTE, PROVENANCE
from jules_ml.demo.compare import MIN_STEPS_PER_NIGHT, Comparison
from jules_ml.demo.learned import LearnedDemo
from jules_ml.support.page import embedded, render_page

#: Title and caption of each figure, by its file's name.
_CAPTIONS = {
    "soil_moisture": (
        "Soil water content",
        "Daily precipitation; liquid water in all layers of the column; the layer of the sensor and the sensor. Shaded: the column has ice "
        "in that layer.",
    ),
    "night_respiration": (
        "Night respiration",
        "Measured: net ecosystem exchange by night with friction velocity above its threshold, not gap-filled, which is respiration of "
        "soil, roots, stems and leaves. Column: respiration of soil carbon, with a carbon stock from the literature and JULES's curves; "
        "nothing is fitted.",
    ),
    "soil_temperature": (
        "Soil temperature",
        "Temperature, ice and snow of the column; they were not measured.",
    ),
    "water_budget": (
        "Water budget",
        "Partitioning of precipitation in each year; change in storage, and the sum of the fluxes; their difference.",
    ),
    "respiration_curves": (
        "Respiration curves of JULES, and the range of the data",
        "Moisture and temperature modifiers of JULES's soil respiration. Blue: histogram of the column's state in half-hours of the night "
        "with measured NEE.",
    ),
    "learned_nights": (
        "The column with learned curves",
        "The column with JULES's f and g, and with f and g fitted to night NEE of the tower; carbon stock and weather are the same. The "
        "tower also measures respiration of roots and leaves.",
    ),
    "curves": (
        "Learned f(θ) and g(T), and those of JULES",
        "Median and 90 % interval of the network ensemble; JULES's curves are scaled to 1 at the same points. Below: "
        "histogram of the data.",
    ),
    "CH-Dav": (
        "Learned soil moisture",
        "The sensor at 0.15 m, the layer of the column, and the prediction of a module that was trained on the first years with the column "
        "as its first guess. The last years are the test period.",
    ),
    "nee": (
        "Observed and predicted NEE, day and night",
        "Respiration minus photosynthesis, fitted together. Shaded: test period, which the scatter plots show.",
    ),
}


def render_report(
    run: ColumnRun, comparison: Comparison, learned: LearnedDemo, images: Sequence[Path], notes: Sequence[str]
) -> str:
    """Render the report as one self-contained page that includes the figures.

    Parameters
    ----------
    run : ColumnRun
    comparison : Comparison
    learned : LearnedDemo
    images : sequence of Path
        PNG files, named after the figures.
    notes : sequence of str
        Notes of every figure.

    Returns
    -------
    str
        HTML.
    """
    local = pd.Timedelta(hours=float(run.record.attrs["utc_offset_hours"]))
    bounds = pd.DatetimeIndex(run.output["time_bounds"].to_numpy().ravel()) + local
    figures = [
        {
            "title": _CAPTIONS[path.stem][0],
            "caption": _CAPTIONS[path.stem][1],
            "data": embedded(path),
        }
        for path in images
    ]
    return render_page(
        "jules_ml.demo",
        "report.html.j2",
        start=f"{bounds[0]:%Y-%m-%d}",
        end=f"{bounds[-1] - pd.Timedelta(days=1):%Y-%m-%d}",
        n_steps=run.weather.series.sizes["time"],
        provenance=PROVENANCE,
        precipitation=PRECIPITATION_NOTE,
        notes=notes,
        scores=(*comparison.scores, *learned.scores),
        warnings=learned.fit.warnings,
        inner=learned.fit.learned.validation,
        layer_depths=_layer_text(run, comparison.layer),
        frozen_days=comparison.frozen_days,
        theta_in_ice=comparison.theta_in_ice,
        min_steps=MIN_STEPS_PER_NIGHT,
        figures=figures,
        substitutions=run.weather.substitutions,
        spin_up=str(run.spin_up),
        budgets=run.budgets,
        run_notes=run.notes,
        compiled=run.compiled,
    )


def _layer_text(run: ColumnRun, layer: int) -> str:
    bottoms = run.output["dzsoil"].to_numpy().cumsum()
    return f"{bottoms[layer] - run.output['dzsoil'].to_numpy()[layer]:.2g} to {bottoms[layer]:.2g} m"
