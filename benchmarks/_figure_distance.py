"""Figure of skill at held-out sites against their distance to the nearest training site."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from jules_ml.support.figures import BLUE, GREY, ORANGE, WIDTH, letter_panels, styled


@styled
def skill_against_distance(table: pd.DataFrame) -> Figure:
    """Draw the error of each site, and its difference to that of boosting.

    Parameters
    ----------
    table : DataFrame, indexed by site
        With columns ``distance`` [1], ``rmse`` and ``difference`` [m3 m-3], and ``neon``, whether the site is a tower.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    titles = {"rmse": "RMSE [m$^{3}$ m$^{-3}$]", "difference": "difference in RMSE [m$^{3}$ m$^{-3}$]"}
    axes = figure.subplots(1, 2)
    for axis, (column, title) in zip(axes, titles.items(), strict=True):
        for tower, colour, label in ((False, BLUE, "USCRN stations"), (True, ORANGE, "NEON towers")):
            some = table[table["neon"] == tower]
            axis.plot(some["distance"], some[column], "o", color=colour, ms=4.5, label=label)
        axis.set_xlabel("distance to the nearest training site [standard deviations]")
        axis.set_ylabel(title)
        if column == "rmse":
            axis.set_ylim(bottom=0.0)
            axis.legend()
        else:
            axis.axhline(0.0, color=GREY, lw=0.8)
    letter_panels(axes, ["Error of the network at held-out sites", "The same less the error of boosting"])
    return figure
