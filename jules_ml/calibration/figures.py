"""Figures of a calibration: prior and posterior of the parameters, and series before and after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from jules_ml.calibration.run import FITTED, PRIOR, Calibration
from jules_ml.scoring.scores import score
from jules_ml.support.figures import (
    GREY,
    MEASURED,
    MODELLED,
    SKY,
    WIDTH,
    draw_interval,
    letter_panels,
    show_dates,
    styled,
    unit_text,
)

#: Largest number of parameters and of series in a figure.
_MOST_PARAMETERS, _MOST_SERIES = 40, 8
#: Half the width of a 95 % interval, in standard deviations.
_NORMAL_95: Final = 1.96


@styled
def parameter_intervals(result: Calibration) -> Figure:
    """Draw prior and posterior of each fitted number, with 95 % intervals.

    Parameters
    ----------
    result : Calibration

    Returns
    -------
    Figure
        In units of the standard deviation of the prior, so that all parameters have one axis.
    """
    parameters = result.simulation.parameters
    n = min(len(parameters.displacements), _MOST_PARAMETERS)
    figure = Figure(figsize=(WIDTH, 1.1 + 0.26 * n), layout="constrained")
    axis = figure.subplots()
    place = np.arange(n)
    scale = parameters.prior_sd[:n].numpy()
    mean, half = result.displacements[:n].numpy() / scale, _NORMAL_95 * result.sd[:n].numpy() / scale
    axis.barh(place, 2 * _NORMAL_95, left=-_NORMAL_95, height=0.6, color="#E6E6E6", label="prior, 95 %")
    axis.errorbar(mean, place, xerr=half, fmt="o", ms=4.0, color=MODELLED, capsize=2.5, label="posterior, 95 %")
    axis.axvline(0.0, color=GREY, lw=0.7)
    furthest = max(_NORMAL_95, float(np.max(np.abs(mean) + half)))
    axis.set_xlim(-1.1 * furthest, 1.1 * furthest)
    axis.set_yticks(place, [each.label for each in parameters.displacements[:n]])
    axis.invert_yaxis()
    axis.set_xlabel("change of the transformed parameter, in standard deviations of the prior")
    axis.set_title("Prior and posterior of the fitted parameters")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


@styled
def series_before_after(result: Calibration, site: int) -> Figure:
    """Draw the observations of a site, and the simulations with the prior and with the fitted parameters.

    Parameters
    ----------
    result : Calibration
    site : int
        Index of the site.

    Returns
    -------
    Figure
    """
    numbers = [k for k, each in enumerate(result.simulation.observations.series) if each.site == site][:_MOST_SERIES]
    figure = Figure(figsize=(WIDTH, 0.6 + 1.7 * len(numbers)), layout="constrained")
    axes = figure.subplots(len(numbers), 1, sharex=True, squeeze=False)[:, 0]
    start = result.simulation.columns.sites[site].start
    titles = []
    for axis, k in zip(axes, numbers, strict=True):
        series = result.simulation.observations.series[k]
        n = len(series.observed)
        time = start + pd.to_timedelta(np.arange(n) + 0.5, unit="D")
        predicted = result.predicted[:n, :, k].numpy()
        if len(result.draws):
            low, high = np.quantile(predicted[:, FITTED + 1 :], [0.05, 0.95], axis=1)
            draw_interval(axis, time, low, high, colour=SKY, label="posterior, 90 %")
        axis.plot(time, series.observed, ".", ms=2.5, color=MEASURED, label="observed")
        axis.plot(time, predicted[:, PRIOR], color=GREY, label="prior parameters")
        axis.plot(time, predicted[:, FITTED], color=MODELLED, label="fitted parameters")
        if series.test.any():
            axis.axvspan(time[int(np.flatnonzero(series.test)[0])], time[-1], color="#F5F0E6", zorder=0)
        period = series.test if series.test.any() else np.isfinite(series.observed)
        before, after = (
            score(predicted[period, which], np.asarray(series.observed)[period]).rmse for which in (PRIOR, FITTED)
        )
        of_test = " (test period)" if series.test.any() else ""
        titles.append(f"{series.label}: RMSE {before:.2g} before and {after:.2g} after the fit{of_test}")
        axis.set_ylabel(f"{series.kind.long_name}\n[{unit_text(series.kind.units)}]")
    letter_panels(axes, titles)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=4)
    show_dates(axes[-1])
    axes[-1].set_xlabel("time, UTC; test period shaded")
    return figure


def captions(result: Calibration, series: Sequence[str]) -> dict[str, str]:
    """Captions of the figures.

    Parameters
    ----------
    result : Calibration
    series : sequence of str
        Names of the figures of the sites without ``.png``, in the order of the sites.

    Returns
    -------
    dict of str to str
        By the names of the figures without ``.png``.
    """
    band = (
        " The blue band is the 90 % interval of the draws from the posterior of the parameters."
        if len(result.draws)
        else ""
    )
    left_out = len(result.simulation.parameters.displacements) - _MOST_PARAMETERS
    more = f" {left_out} more are in calibration.json." if left_out > 0 else ""
    of_parameters = (
        "Change of each fitted parameter from its value in the experiment: posterior mean and 95 % interval (orange) and 95 % interval of "
        f"the prior (grey). A posterior interval as wide as that of the prior means that the observations do not constrain the "
        f"parameter.{more}"
    )
    of_series = (
        "Daily means of the observations (black), of the run with the parameters of the experiment (grey) and of the run with the fitted "
        f"parameters (orange). The shaded test period was not used in the fit.{band}"
    )
    return {"parameters": of_parameters} | dict.fromkeys(series, of_series)
