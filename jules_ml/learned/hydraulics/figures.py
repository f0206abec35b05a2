"""Figures of learned hydraulics: hydraulic curves, soil moisture and skill."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jules_ml.physics.constants import SECONDS_PER_DAY
from jules_ml.physics.hydraulics import conductivity_vg, wetness_at_suction_vg
from jules_ml.scoring.scores import score
from jules_ml.scoring.splits import SPLIT_NAMES
from jules_ml.support.figures import (
    GREY,
    MEASURED,
    MODELLED,
    SKY,
    WIDTH,
    add_notes,
    draw_interval,
    letter_panels,
    show_dates,
    styled,
)

#: Largest number of sites in a figure.
_MAX_SITES = 6
_UNIT = "m$^{3}$ m$^{-3}$"


def _curves(ds: xr.Dataset, prefix: str, site: int) -> tuple[NDArray[np.float64], ...]:
    """Retention and conductivity curve of the top layer: suction [m], water content; water content, conductivity [mm d-1]."""
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
    """Draw retention and conductivity curves of the top layer: learned soil, its members, and texture regression.

    Parameters
    ----------
    predictions : xarray.Dataset
        From :func:`jules_ml.learned.hydraulics.report.column_predictions`.

    Returns
    -------
    Figure
    """
    n = min(predictions.sizes["site"], _MAX_SITES)
    figure = Figure(figsize=(WIDTH, 1.2 + 1.9 * n), layout="constrained")
    axes = figure.subplots(n, 2, squeeze=False)
    titles: list[str] = []
    for k in range(n):
        retention, conductivity = axes[k]
        for prefix, colour, label in (("texture_", GREY, "texture regression"), ("", MODELLED, "learned")):
            suction, content, wet, k_wet = _curves(predictions, prefix, k)
            retention.plot(suction, content, color=colour, lw=1.6, label=label, zorder=3)
            conductivity.plot(wet, k_wet, color=colour, lw=1.6, label=label, zorder=3)
        suction, content, wet, k_wet = _curves(predictions, "member_", k)
        retention.plot(suction, content.T, color=SKY, lw=0.6, label=["members", *[None] * (len(content) - 1)])
        conductivity.plot(wet.T, k_wet.T, color=SKY, lw=0.6)
        _shade_simulated_range(conductivity, predictions, k)
        retention.set_xscale("log")
        conductivity.set_yscale("log")
        retention.set_ylabel(f"θ [{_UNIT}]")
        conductivity.set_ylabel("K [mm d$^{-1}$]")
        site = str(predictions["site"].to_numpy()[k])
        titles += [f"{site}: retention", f"{site}: conductivity"]
    letter_panels(list(axes.flat), titles)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    axes[-1, 0].set_xlabel("suction [m of water]")
    axes[-1, 1].set_xlabel(f"θ [{_UNIT}]")
    add_notes(figure, ["Top layer. Shaded: range of simulated water content, 2nd to 98th percentile."])
    return figure


def _shade_simulated_range(axis: Axes, predictions: xr.Dataset, site: int) -> None:
    sensors = np.flatnonzero(predictions["sensor_site"].to_numpy() == site)
    low, high = np.nanquantile(predictions["predicted"].to_numpy()[:, sensors[0]], [0.02, 0.98])
    axis.axvspan(low, high, color="#EAF3FA", lw=0.0, zorder=0)


@styled
def hydraulic_series(predictions: xr.Dataset) -> Figure:
    """Draw time series of soil moisture: measured, with the learned soil, and with the soil of the texture regression.

    Parameters
    ----------
    predictions : xarray.Dataset
        From :func:`jules_ml.learned.hydraulics.report.column_predictions`.

    Returns
    -------
    Figure
    """
    column = predictions["sensor_site"].to_numpy()
    first = [int(np.flatnonzero(column == k)[0]) for k in range(min(predictions.sizes["site"], _MAX_SITES))]
    figure = Figure(figsize=(WIDTH, 0.8 + 1.7 * len(first)), layout="constrained")
    axes = figure.subplots(len(first), 1, squeeze=False)[:, 0]
    titles = []
    for axis, sensor in zip(axes, first, strict=True):
        site = int(column[sensor])
        start = pd.Timestamp(str(predictions["start"].to_numpy()[site]))
        days = pd.date_range(pd.Timestamp("2001-01-01") if pd.isna(start) else start, periods=predictions.sizes["day"])
        series = predictions.isel(sensor=sensor)
        draw_interval(axis, days, series["lower"], series["upper"], colour=MODELLED)
        axis.plot(days, series["texture"], color=GREY, lw=0.8, label="texture regression")
        axis.plot(days, series["predicted"], color=MODELLED, lw=0.9, label="learned, and 90 % interval of members")
        axis.plot(days, series["observed"], ".", color=MEASURED, ms=1.8, label="measured")
        test = np.flatnonzero(series["split"].to_numpy() == SPLIT_NAMES.index("test"))
        if 0 < len(test) < len(days):
            axis.axvspan(days[test[0]], days[-1], color="#FCEBDD", lw=0.0, zorder=0, label="test period")
        measured = np.flatnonzero(np.isfinite(series["observed"].to_numpy()))
        axis.set_xlim(days[measured[0]], days[measured[-1]])
        axis.set_ylabel(f"θ [{_UNIT}]")
        titles.append(f"{predictions['site'].to_numpy()[site]}, {float(series['depth']):g} m{_errors(series, test)}")
        show_dates(axis)
    letter_panels(axes, titles)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure


def _errors(series: xr.Dataset, test: NDArray[np.int64]) -> str:
    """Errors of the test days, or of all days where there are no test days, for a title."""
    days = series.isel(day=test) if len(test) else series
    errors = [score(days[name].to_numpy(), days["observed"].to_numpy()).ubrmse for name in ("predicted", "texture")]
    return f": ubRMSE {errors[0]:.3f} learned, {errors[1]:.3f} texture regression [{_UNIT}]"
