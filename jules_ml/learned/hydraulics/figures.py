"""Figures of learned soil hydraulics: the curves, and the soil moisture that goes with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jules_ml.physics.constants import SECONDS_PER_DAY
from jules_ml.physics.hydraulics import conductivity_vg, wetness_at_suction_vg
from jules_ml.scoring.splits import SPLIT_NAMES
from jules_ml.support.figures import (
    BLACK,
    BLUE,
    GREY,
    MEASURED,
    MODELLED,
    SKY,
    WIDTH,
    add_notes,
    letter_panels,
    show_dates,
    styled,
)

#: Most sites that a figure shows.
_MOST = 6
_UNIT = "m$^3$ m$^{-3}$"


def _curves(ds: xr.Dataset, prefix: str, site: int) -> tuple[NDArray[np.float64], ...]:
    """Suction [m], water content there, and water content and conductivity [mm d-1] of the top layer, each (..., point)."""
    names = ("b", "sathh", "satcon", "sm_sat", "theta_r")
    b, sathh, satcon, sm_sat, theta_r = (
        torch.tensor(ds[f"{prefix}{name}"].isel(soil=0, site=site).to_numpy())[..., None] for name in names
    )
    suction = torch.logspace(-1.0, 2.6, 120, dtype=torch.float64)
    content = theta_r + sm_sat * wetness_at_suction_vg(suction, b, sathh)
    wetness = torch.linspace(0.06, 0.94, 120, dtype=torch.float64)
    conductivity = SECONDS_PER_DAY * conductivity_vg(wetness.expand(*b.shape[:-1], -1), b, satcon).k
    return suction.numpy(), content.numpy(), (theta_r + sm_sat * wetness).numpy(), conductivity.numpy()


@styled
def hydraulic_curves(predictions: xr.Dataset) -> Figure:
    """Draw retention and conductivity of the top layer: learned, with every member, and by the texture regression.

    Parameters
    ----------
    predictions : xarray.Dataset
        As :func:`jules_ml.learned.hydraulics.report.column_predictions` gives it.

    Returns
    -------
    Figure
    """
    n = min(predictions.sizes["site"], _MOST)
    figure = Figure(figsize=(WIDTH, 1.2 + 1.9 * n), layout="constrained")
    axes = figure.subplots(n, 2, squeeze=False)
    for k in range(n):
        retention, conductive = axes[k]
        for prefix, colour, label in (("texture_", GREY, "texture regression"), ("", MODELLED, "learned")):
            suction, content, wet, k_wet = _curves(predictions, prefix, k)
            retention.plot(suction, content, color=colour, lw=1.6, label=label, zorder=3)
            conductive.plot(wet, k_wet, color=colour, lw=1.6, label=label, zorder=3)
        suction, content, wet, k_wet = _curves(predictions, "member_", k)
        retention.plot(suction, content.T, color=SKY, lw=0.6, label=["members", *[None] * (len(content) - 1)])
        conductive.plot(wet.T, k_wet.T, color=SKY, lw=0.6)
        _mark_visited(conductive, predictions, k)
        retention.set_xscale("log")
        conductive.set_yscale("log")
        retention.set_ylabel(f"θ [{_UNIT}]")
        conductive.set_ylabel("K [mm d$^{-1}$]")
        retention.set_title(str(predictions["site"].to_numpy()[k]))
    axes[0, 0].legend(loc="upper right")
    axes[-1, 0].set_xlabel("suction [m of water]")
    axes[-1, 1].set_xlabel(f"θ [{_UNIT}]")
    add_notes(figure, ["Top layer. Shaded: water content that the column visited, from the driest to the wettest 2 %."])
    return figure


def _mark_visited(axis: Axes, predictions: xr.Dataset, site: int) -> None:
    mine = np.flatnonzero(predictions["sensor_site"].to_numpy() == site)
    low, high = np.nanquantile(predictions["predicted"].to_numpy()[:, mine[0]], [0.02, 0.98])
    axis.axvspan(low, high, color="#EAF3FA", lw=0.0, zorder=0)


@styled
def hydraulic_series(predictions: xr.Dataset) -> Figure:
    """Draw soil moisture through time: measured, with the learned soil, and with the texture regression's.

    Parameters
    ----------
    predictions : xarray.Dataset
        As :func:`jules_ml.learned.hydraulics.report.column_predictions` gives it.

    Returns
    -------
    Figure
    """
    column = predictions["sensor_site"].to_numpy()
    first = [int(np.flatnonzero(column == k)[0]) for k in range(min(predictions.sizes["site"], _MOST))]
    figure = Figure(figsize=(WIDTH, 0.8 + 1.7 * len(first)), layout="constrained")
    axes = figure.subplots(len(first), 1, squeeze=False)[:, 0]
    for axis, sensor in zip(axes, first, strict=True):
        site = int(column[sensor])
        start = pd.Timestamp(str(predictions["start"].to_numpy()[site]))
        days = pd.date_range(pd.Timestamp("2001-01-01") if pd.isna(start) else start, periods=predictions.sizes["day"])
        here = predictions.isel(sensor=sensor)
        axis.fill_between(days, here["lower"], here["upper"], color=MODELLED, alpha=0.2, lw=0.0)
        axis.plot(days, here["texture"], color=GREY, lw=0.8, label="texture regression")
        axis.plot(days, here["predicted"], color=MODELLED, lw=0.9, label="learned, and 90 % of members")
        axis.plot(days, here["observed"], ".", color=MEASURED, ms=1.8, label="measured")
        test = np.flatnonzero(here["split"].to_numpy() == SPLIT_NAMES.index("test"))
        if 0 < len(test) < len(days):
            axis.axvspan(days[test[0]], days[-1], color="#FCEBDD", lw=0.0, zorder=0, label="held out")
        known = np.flatnonzero(np.isfinite(here["observed"].to_numpy()))
        axis.set_xlim(days[known[0]], days[known[-1]])
        axis.set_ylabel(f"θ [{_UNIT}]")
        axis.set_title(f"{predictions['site'].to_numpy()[site]}, {float(here['depth']):g} m")
        show_dates(axis)
    axes[0].legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=4, borderaxespad=0.1)
    return figure


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
