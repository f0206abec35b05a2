"""Report of the demonstration."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, repeat
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from jules_ml.column.run import ColumnRun
from jules_ml.comparison.verdict_page import swap_panels
from jules_ml.data.readers.davos import PRECIPITATION_NOTE, PROVENANCE
from jules_ml.demo.headlines import Headline, sentence
from jules_ml.demo.swap import Swap
from jules_ml.physics.constants import SECONDS_PER_DAY
from jules_ml.support.page import embedded, render_page

#: Title and caption of each figure, by its file's name. The first two are the headline figures.
CAPTIONS = {
    "swap": (
        "What the swap changes",
        "f and g, fitted to night NEE on the wetness and temperature of the column's top layer, beside those of JULES; shaded: band of the "
        "network ensemble; dotted: outside the data. Right: nights that the fit did not use, with the base rate of both runs fitted to the "
        "training period; lines are running means over 30 days.",
    ),
    "theta": (
        "Soil moisture by sensor, JULES and a learned module",
        "The swap of respiration does not change soil moisture. In runs of two years or more, a moisture module is trained on the first "
        "years of the sensor with the column as an input; it is not part of the run.",
    ),
    "night_respiration_base_rate_fitted": (
        "Night respiration, base rate of both fitted",
        "Both runs times the factor with which they have the mean of the training period: this compares the curves.",
    ),
    "night_respiration_as_run": (
        "Night respiration, as run",
        "Measured: night NEE, which is respiration of soil, roots, stems and leaves. Runs: respiration of soil carbon only. The swapped "
        "rate is the assumed heterotrophic fraction of what was measured, so that it has to be below the points.",
    ),
    "soil_moisture": (
        "Soil moisture of the column",
        "Daily precipitation; liquid water in all layers of the column; the layer of the sensor and the sensor. Shaded: the column has ice "
        "in that layer.",
    ),
    "soil_temperature": ("Soil temperature", "Temperature, ice and snow of the column; they were not measured."),
    "water_budget": (
        "Water budget",
        "Partitioning of precipitation in each year; change in storage, and the sum of the fluxes; their difference.",
    ),
}
#: Number of figures above the table of scores.
_HEADLINE_FIGURES = 2
#: Least length of a winter, July to June, whose snow is stated [d].
_WINTER_DAYS = 360
#: Snow mass that most winters at Davos exceed [kg m-2].
_SNOWY = 100


def render_report(
    run: ColumnRun, swap: Swap, numbers: Sequence[Headline], images: Sequence[Path], notes: Sequence[str]
) -> str:
    """Render the report as one self-contained page that includes the figures.

    Parameters
    ----------
    run : ColumnRun
        With JULES's own forms.
    swap : Swap
    numbers : sequence of Headline
        Numbers below the sentence.
    images : sequence of Path
        PNG files, named as in :data:`CAPTIONS`; the headline figures first.
    notes : sequence of str
        Notes on gap-filling and substitutions.

    Returns
    -------
    str
        HTML.
    """
    local = pd.Timedelta(hours=float(run.record.attrs["utc_offset_hours"]))
    bounds = pd.DatetimeIndex(run.output["time_bounds"].to_numpy().ravel()) + local
    figures = [
        {"title": CAPTIONS[path.stem][0], "caption": CAPTIONS[path.stem][1], "data": embedded(path), "style": style}
        for path, style in zip(images, chain(["headline"] * _HEADLINE_FIGURES, repeat("")), strict=False)
    ]
    return render_page(
        "jules_ml.demo",
        "report.html.j2",
        start=f"{bounds[0]:%Y-%m-%d}",
        end=f"{bounds[-1] - pd.Timedelta(days=1):%Y-%m-%d}",
        sentence=sentence(swap),
        headlines=numbers,
        headline_figures=figures[:_HEADLINE_FIGURES],
        figures=figures[_HEADLINE_FIGURES:],
        fraction=swap.settings.fraction,
        scores=swap.verdict.scores,
        fit_notes=tuple(dict.fromkeys((*swap.fit.warnings, *swap.verdict.notes))),
        snow=snow_note(run.output),
        provenance=PROVENANCE,
        notes=[*notes, PRECIPITATION_NOTE],
        panels=swap_panels(swap.verdict.scores),
        substitutions=run.weather.substitutions,
        spin_up=str(run.spin_up),
        budgets=run.budgets,
        run_notes=run.notes,
        compiled=run.compiled,
    )


def snow_note(output: xr.Dataset) -> str:
    """Greatest amount of snow on the ground in the complete winters of a run."""
    snow = output["snow_mass_gb"].to_series()
    winter = pd.DatetimeIndex(snow.index - pd.DateOffset(months=6)).year
    days = snow.groupby(winter).size() * float(output.attrs["interval_seconds"]) / SECONDS_PER_DAY
    most = snow.groupby(winter).max()[days >= _WINTER_DAYS]
    if most.empty:
        return f"The column has at most {snow.max():.0f} kg m-2 of snow on the ground."
    least, greatest = (
        f"{most[year]:.0f} kg m-2 in {year}/{(year + 1) % 100:02d}" for year in (most.idxmin(), most.idxmax())
    )
    return (
        f"The winter maximum of snow on the ground is {np.median(most):.0f} kg m-2 in the median, from {least} to {greatest}; it exceeds "
        f"{_SNOWY} kg m-2 in {int((most > _SNOWY).sum())} of {len(most)} winters. Where frost comes before deep snow, the soil of the "
        "column freezes, and its liquid water, which the sensor measures, decreases."
    )
