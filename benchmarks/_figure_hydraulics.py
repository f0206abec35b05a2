"""Figure of the skill of learned hydraulics at test sites."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jules_ml.support.figures import BLACK, BLUE, GREY, MODELLED, WIDTH, add_notes, letter_panels, styled

_UNIT = "m$^{3}$ m$^{-3}$"


@styled
def skill_at_test_sites(
    learned: NDArray[np.floating],
    baselines: dict[str, NDArray[np.floating]],
    groups: dict[str, NDArray[np.bool_]],
    *,
    notes: Sequence[str] = (),
) -> Figure:
    """Draw the error with the learned soil at test sites against the error with baseline soils.

    Parameters
    ----------
    learned : array, shape (site,)
        Unbiased root mean square error with the learned soil [m3 m-3].
    baselines : dict of str to array, shape (site,)
        The same with the soil of each baseline.
    groups : dict of str to array of bool, shape (site,)
        Sites of each observation network, which have one colour each.
    notes : sequence of str
        Notes below the figure.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(WIDTH, 4.4), layout="constrained")
    axes = figure.subplots(1, len(baselines), squeeze=False)[0]
    limit = 1.05 * float(np.nanmax(np.concatenate([learned, *baselines.values()])))
    for axis, values in zip(axes, baselines.values(), strict=True):
        axis.plot([0.0, limit], [0.0, limit], color=BLACK, lw=0.7)
        axis.plot([0.0, limit], [0.0, 0.85 * limit], color=BLACK, lw=0.7, ls=":")
        for (name, sites), colour in zip(groups.items(), (BLUE, MODELLED, GREY), strict=False):
            axis.plot(values[sites], learned[sites], "o", color=colour, ms=4.0, alpha=0.8, label=name)
        axis.set(xlim=(0.0, limit), ylim=(0.0, limit), aspect="equal", ylabel=f"learned [{_UNIT}]")
    for axis, name in zip(axes, baselines, strict=True):
        axis.set_xlabel(f"{name} [{_UNIT}]")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    letter_panels(axes, [_title(learned, values, name) for name, values in baselines.items()])
    reading = "Below the solid line the error is lower with the learned soil, below the dotted line by more than 15 %."
    add_notes(figure, [reading, *notes])
    return figure


def _title(learned: NDArray[np.floating], baseline: NDArray[np.floating], name: str) -> str:
    """Title with the number of sites at which the learned soil is better."""
    both = np.isfinite(learned) & np.isfinite(baseline)
    return f"ubRMSE, lower than {name} at {int((learned < baseline)[both].sum())} of {int(both.sum())} sites"
