"""Learned f(θ) and g(T) beside JULES's own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jules_ml.figures.style import BLACK, GREY, ORANGE, SKY, VERMILION, WIDTH, add_notes, letter_panels, styled
from jules_ml.modules.respiration import (
    MOISTURE_NODES,
    TEMPERATURE_NODES,
    Band,
    LearnedRespiration,
    jules_f,
)
from jules_ml.modules.respiration_settings import RespirationSettings
from jules_ml.physics.respiration import T_REFERENCE, fsth, ftemp_q10, ftemp_rothc


@styled
def learned_curves(
    module: LearnedRespiration,
    settings: RespirationSettings,
    moisture: NDArray[np.floating],
    t_soil: NDArray[np.floating],
    *,
    porosity: float,
    fsth_sat: float | None = None,
    notes: Sequence[str] = (),
) -> Figure:
    """Draw learned curves with their bands, JULES's curves, and where the data lie.

    Parameters
    ----------
    module : LearnedRespiration
    settings : RespirationSettings
        What it was learned with.
    moisture : array, shape (row,)
        Moisture at the rows learned from, in the unit of f's table.
    t_soil : array, shape (row,)
        Temperature at them [K].
    porosity : float
        Water content at saturation [m3 m-3], for JULES's f along water content.
    fsth_sat : float, optional
        Fitted ``fsth_lessdecomp_sat``, to draw JULES's option for wet soil.
    notes : sequence of str
        What the reader must know.

    Returns
    -------
    Figure
        JULES's curves are brought to one at the same point as the learned ones.
    """
    figure = Figure(figsize=(WIDTH, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    reference = float(module.reference)
    scaled = settings.moisture == "theta"
    f_jules = jules_f(settings, porosity)
    _at_one(left, MOISTURE_NODES, f_jules, reference, "JULES", BLACK, "-")
    if fsth_sat is not None:
        one = torch.ones((), dtype=torch.float64)
        wetness = torch.clamp(MOISTURE_NODES / (porosity if scaled else 1.0), max=1.0)
        wet = fsth(wetness, settings.wilting * one, one, pools=settings.pools, fsth_sat=fsth_sat)
        _at_one(left, MOISTURE_NODES, wet, reference, "JULES, less decomposition when wet", ORANGE, "--")
    _learned(left, module.curve_f(settings.interval), module.seen_moisture.tolist(), settings.interval)
    label = "θ [m$^3$ m$^{-3}$]" if scaled else "s, water as a fraction of saturation [1]"
    left.set(xlabel=label, ylabel="f [1]", xlim=(0.0, 1.0), ylim=(0.0, None))
    left.set_ylim(top=max(1.6, 1.15 * left.get_ylim()[1]) if left.get_ylim()[1] < 4 else 4.0)
    _at_one(
        right,
        TEMPERATURE_NODES,
        ftemp_q10(TEMPERATURE_NODES, settings.q10),
        T_REFERENCE,
        f"JULES, Q$_{{10}}$ = {settings.q10:g}",
        BLACK,
        "-",
    )
    _at_one(right, TEMPERATURE_NODES, ftemp_rothc(TEMPERATURE_NODES), T_REFERENCE, "JULES, RothC", BLACK, ":")
    _learned(right, module.curve_g(settings.interval), module.seen_temperature.tolist(), settings.interval)
    low, high = float(np.min(t_soil)) - 6.0, float(np.max(t_soil)) + 6.0
    within = (low <= TEMPERATURE_NODES) & (high >= TEMPERATURE_NODES)
    top = float(module.curve_g(settings.interval).high[within].max())
    jules_top = float(ftemp_q10(torch.tensor(high), settings.q10))
    right.set(
        xlabel=f"{'air' if settings.temperature == 't_air' else 'soil'} temperature [K]",
        ylabel="g [1]",
        xlim=(low, high),
        ylim=(0.0, 1.35 * min(top, 2.0 * jules_top)),
    )
    for axis, values, at in ((left, moisture, reference), (right, t_soil, T_REFERENCE)):
        _rug(axis, values)
        axis.axvline(at, color=GREY, lw=0.6, zorder=0.6)
        axis.legend(loc="upper left", borderaxespad=0.1)
    letter_panels([left, right], ["Factor of moisture, f", "Factor of temperature, g"])
    add_notes(figure, notes)
    return figure


def _at_one(
    axis: Axes, nodes: torch.Tensor, curve: torch.Tensor, reference: float, label: str, colour: str, style: str
) -> None:
    """A curve of JULES's, brought to one at the reference, so that shapes compare."""
    there = float(np.interp(reference, nodes, curve))
    if there > 0.0:
        axis.plot(nodes, curve / there, color=colour, ls=style, lw=1.2, label=label)


def _learned(axis: Axes, band: Band, seen: list[float], cover: float) -> None:
    """Solid where there were data, dotted where the curve passes over to JULES's shape."""
    inside = (band.x >= seen[0]) & (band.x <= seen[1])
    axis.fill_between(
        band.x[inside],
        band.low[inside],
        band.high[inside],
        color=VERMILION,
        alpha=0.22,
        lw=0.0,
        label=f"{cover:.0%} band",
    )
    axis.plot(band.x[inside], band.median[inside], color=VERMILION, lw=1.6, label="learned")
    for outside in (band.x <= band.x[inside][0], band.x >= band.x[inside][-1]):
        axis.plot(band.x[outside], band.median[outside], color=VERMILION, lw=1.0, ls=(0, (1, 1.6)))


def _rug(axis: Axes, values: NDArray[np.floating]) -> None:
    """Where the data are: a histogram of a sixth of the panel's height."""
    counts, edges = np.histogram(values, bins=60)
    axis.stairs(
        axis.get_ylim()[1] / 6.0 * counts / max(int(counts.max()), 1),
        edges,
        fill=True,
        color=SKY,
        alpha=0.6,
        zorder=0.5,
        label="data",
    )
