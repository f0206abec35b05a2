"""Figure of the skill of learned soil moisture at each site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from jules_ml.support.figures import BLUE, GREEN, MODELLED, ORANGE, PURPLE, SKY, WIDTH, add_notes, styled


@styled
def site_skill(scores: Mapping[str, pd.DataFrame], *, measure: str = "rmse", notes: Sequence[str] = ()) -> Figure:
    """Draw a score of several methods, site by site.

    Parameters
    ----------
    scores : mapping of str to DataFrame, indexed by site
        Scores of each method, with a column ``measure``.
    measure : str, optional
    notes : sequence of str, optional

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    axis = figure.subplots()
    names = list(next(iter(scores.values())).index)
    colours = (MODELLED, BLUE, GREEN, ORANGE, PURPLE, SKY)
    for i, ((name, table), colour) in enumerate(zip(scores.items(), colours, strict=False)):
        at = np.arange(len(names)) + (i - 0.5 * (len(scores) - 1)) * 0.12
        axis.plot(at, table.loc[names, measure], "o", color=colour, ms=4.5, label=name)
    axis.set_xticks(range(len(names)), names, rotation=60 if len(names) > 8 else 0)
    axis.set_ylabel(f"{measure.upper()}" + (" [m$^{3}$ m$^{-3}$]" if "rmse" in measure else ""))
    axis.set_ylim(bottom=0.0 if "rmse" in measure else None)
    axis.set_title(f"{measure.upper()} at each site")
    figure.legend(loc="outside upper center", ncols=6)
    add_notes(figure, notes)
    return figure
