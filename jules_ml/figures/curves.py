"""The curves f(θ) and g(T) of soil respiration, and where the data lie on them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jules_ml.figures.style import BLACK, GREY, SKY, WIDTH, add_notes, letter_panels, styled
from jules_ml.physics.respiration import T_REFERENCE, fsth, ftemp_q10, ftemp_rothc


@styled
def respiration_curves(
    soil: xr.Dataset,
    wetness: NDArray[np.floating],
    t_soil: NDArray[np.floating],
    *,
    data: str,
    notes: Sequence[str] = (),
) -> Figure:
    """Draw JULES's moisture and temperature factors over the range of the data.

    Parameters
    ----------
    soil : xarray.Dataset
        ``sm_wilt`` and ``sm_sat`` [m3 m-3] of one layer.
    wetness : array, shape (step,)
        Liquid water as a fraction of saturation [1] at the steps that could be learned from.
    t_soil : array, shape (step,)
        Soil temperature [K] at the same steps.
    data : str
        What the steps are, for the legend.
    notes : sequence of str
        What the reader must know of the data.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
    moisture, warmth = figure.subplots(1, 2)
    sm_wilt, sm_sat = (torch.tensor(float(soil[name])) for name in ("sm_wilt", "sm_sat"))
    s = torch.linspace(0.0, 1.0, 401)
    moisture.plot(s, fsth(s, sm_wilt, sm_sat, pools=1), color=BLACK, lw=1.4, label="JULES, one pool")
    moisture.plot(s, fsth(s, sm_wilt, sm_sat, pools=4), color=BLACK, lw=1.0, ls=":", label="JULES, four pools")
    optimum = 0.5 * (1.0 + float(sm_wilt / sm_sat))
    moisture.axvline(optimum, color=GREY, lw=0.7)
    moisture.text(optimum + 0.012, 0.55, "$s_{opt}$", color=GREY, fontsize=8.0)
    moisture.set(
        xlabel="s, liquid water as a fraction of saturation [1]", ylabel="f [1]", xlim=(0.0, 1.0), ylim=(0.0, 1.35)
    )
    low, high = min(263.15, float(np.nanmin(t_soil))), max(298.15, float(np.nanmax(t_soil)))
    t = torch.linspace(low - 1.0, high + 1.0, 401)
    warmth.plot(t, ftemp_q10(t), color=BLACK, lw=1.4, label="JULES, Q$_{10}$ = 2")
    warmth.plot(t, ftemp_rothc(t), color=BLACK, lw=1.0, ls=":", label="JULES, RothC")
    warmth.axvline(T_REFERENCE, color=GREY, lw=0.7)
    warmth.text(T_REFERENCE - 0.4, 2.4, f"{T_REFERENCE} K", color=GREY, fontsize=8.0, ha="right")
    warmth.set(xlabel="soil temperature [K]", ylabel="g [1]", xlim=(low - 1.0, high + 1.0), ylim=(0.0, None))
    warmth.set_ylim(top=1.25 * warmth.get_ylim()[1])
    for axis, values in ((moisture, wetness), (warmth, t_soil)):
        _rug(axis, values, data)
        axis.legend(loc="upper left", borderaxespad=0.1)
    letter_panels([moisture, warmth], ["Factor of moisture, f(θ)", "Factor of temperature, g(T)"])
    add_notes(figure, notes)
    return figure


def _rug(axis: Axes, values: NDArray[np.floating], label: str) -> None:
    """Where the data are: a histogram, as high as a third of the panel at most."""
    values = values[np.isfinite(values)]
    counts, edges = np.histogram(values, bins=60)
    height = 0.3 * axis.get_ylim()[1] * counts / max(int(counts.max()), 1)
    axis.stairs(height, edges, fill=True, color=SKY, alpha=0.6, label=label, zorder=0.5)
