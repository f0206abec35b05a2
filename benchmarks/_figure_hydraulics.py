"""Figure of the skill of learned hydraulics at held-out sites."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jules_ml.support.figures import BLACK, BLUE, GREY, MODELLED, WIDTH, add_notes, letter_panels, styled

_UNIT = "m$^3$ m$^{-3}$"


@styled
def skill_at_test_sites(
    learned: NDArray[np.floating],
    baselines: dict[str, NDArray[np.floating]],
    groups: dict[str, NDArray[np.bool_]],
    *,
    notes: Sequence[str] = (),
) -> Figure:
    """Draw the error at sites that were held out against that of the same column with soils from texture.

    Parameters
    ----------
    learned : array, shape (site,)
        Unbiased root mean square error with the learned soil [m3 m-3].
    baselines : dict of str to array, shape (site,)
        The same with each baseline's soil.
    groups : dict of str to array of bool, shape (site,)
        Sites of each network, which are told apart by colour.
    notes : sequence of str
        What the reader must know.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(WIDTH, 4.4), layout="constrained")
    axes = figure.subplots(1, len(baselines), squeeze=False)[0]
    every = np.concatenate([learned, *baselines.values()])
    most = 1.05 * float(np.nanmax(every))
    for axis, values in zip(axes, baselines.values(), strict=True):
        axis.plot([0.0, most], [0.0, most], color=BLACK, lw=0.7)
        axis.plot([0.0, most], [0.0, 0.85 * most], color=BLACK, lw=0.7, ls=":")
        for (name, mine), colour in zip(groups.items(), (BLUE, MODELLED, GREY), strict=False):
            axis.plot(values[mine], learned[mine], "o", color=colour, ms=4.0, alpha=0.8, label=name)
        axis.set(xlim=(0.0, most), ylim=(0.0, most), aspect="equal", ylabel=f"learned [{_UNIT}]")
    for axis, name in zip(axes, baselines, strict=True):
        axis.set_xlabel(f"{name} [{_UNIT}]")
    axes[0].legend(loc="upper left")
    letter_panels(axes, [f"ubRMSE against {name}" for name in baselines])
    add_notes(figure, ["Below the line the learned soil does better; dotted, by 15 %.", *notes])
    return figure
