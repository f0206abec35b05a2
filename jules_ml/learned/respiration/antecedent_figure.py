"""Figure of the factors of antecedent conditions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.figure import Figure

from jules_ml.learned.respiration.antecedent import AntecedentFactor
from jules_ml.learned.respiration.figures import draw_histogram
from jules_ml.learned.respiration.site import Rows
from jules_ml.learned.respiration.tables import UNITS
from jules_ml.support.figures import GREY, VERMILION, WIDTH, add_notes, letter_panels, styled

#: Labels of the drivers.
LABELS: Final = {
    "wetness_1d": "wetness minus its 1-day mean",
    "wetness_10d": "wetness minus its 10-day mean",
    "temperature_1d": "soil temperature minus its 1-day mean",
    "temperature_10d": "soil temperature minus its 10-day mean",
    "air_temperature": "air minus soil temperature",
}

_TITLES: Final = {
    "wetness_1d": "Wetness, 1 day",
    "wetness_10d": "Wetness, 10 days",
    "temperature_1d": "Soil temperature, 1 day",
    "temperature_10d": "Soil temperature, 10 days",
    "air_temperature": "Air temperature",
}


@styled
def antecedent_curves(factor: AntecedentFactor, rows: Rows, *, notes: Sequence[str] = ()) -> Figure:
    """Draw the factor of each driver over a histogram of the training rows.

    Parameters
    ----------
    factor : AntecedentFactor
        With at least one driver.
    rows : Rows
        Training rows.
    notes : sequence of str
        Notes below the figure.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
    axes = figure.subplots(1, len(factor.drivers), sharey=True, squeeze=False)[0]
    axes[0].set_ylim(0.0, max(1.5, 1.3 * float(np.exp(factor.log_h).max())))
    for axis, name, x, log_h in zip(axes, factor.drivers, factor.x, factor.log_h, strict=True):
        axis.plot(x, np.exp(log_h), color=VERMILION, lw=1.6, label="learned")
        axis.axhline(1.0, color=GREY, lw=0.6)
        values = rows.driver(name)
        draw_histogram(axis, np.clip(values[np.isfinite(values)], x[0], x[-1]))
        axis.set(xlabel=f"{LABELS[name]} [{UNITS[name]}]", xlim=(x[0], x[-1]))
        axis.legend(loc="upper left", borderaxespad=0.1)
    axes[0].set_ylabel("factor h [1]")
    letter_panels(axes, [_TITLES[name] for name in factor.drivers])
    add_notes(figure, notes)
    return figure
