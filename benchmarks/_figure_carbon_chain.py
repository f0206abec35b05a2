"""Figure of the closed loop with all four learned modules, beside the same loop without learned moisture."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jules_ml.physics.constants import RHO_WATER, SECONDS_PER_DAY, SECONDS_PER_YEAR
from jules_ml.support.figures import BLUE, GREY, ORANGE, WIDTH, letter_panels, styled

_Array = NDArray[np.float64]


@styled
def chain_figure(with_moisture: xr.Dataset, without: xr.Dataset) -> Figure:
    """Draw carbon, soil properties, moisture and respiration, and the water added by learned moisture.

    Parameters
    ----------
    with_moisture, without : xarray.Dataset
        Output of :class:`~jules_ml.column.closed_loop.run.ClosedLoopRun`, the first with ``analysis``.

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
    axes = figure.subplots(2, 3)
    carbon, soil, budget, course, theta, respired = axes.flat
    runs = (("all four modules", with_moisture, BLUE), ("without learned moisture", without, ORANGE))
    for label, run, colour in runs:
        carbon.plot(run["year"], run["cs"], color=colour, label=label)
        edges = np.append(run["pass"].to_numpy(), float(run["year"][-1]))
        soil.stairs(run["sm_sat"].to_numpy()[:, 0], edges, baseline=None, color=colour, linewidth=1.0)
        day, last = _last_pass(run)
        course.plot(day, _water_content(run)[last], color=colour)
        theta.plot(_by_pass(run), _yearly(run, _water_content(run)), color=colour)
        respired.plot(day, SECONDS_PER_DAY * 1000.0 * run["resp_s_gb"].to_numpy()[last], color=colour)
    _draw_water(budget, with_moisture)
    carbon.set(xlabel="time [years]", ylabel="soil carbon [kg m$^{-2}$]")
    soil.set(xlabel="time [years]", ylabel="saturation [m$^{3}$ m$^{-3}$]")
    course.set(xlabel="time in the last pass [days]", ylabel="water content [m$^{3}$ m$^{-3}$]")
    theta.set(xlabel="time [years]", ylabel="mean of a pass [m$^{3}$ m$^{-3}$]")
    respired.set(xlabel="time in the last pass [days]", ylabel="respiration [g C m$^{-2}$ d$^{-1}$]")
    figure.legend(*carbon.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    titles = (
        "Soil carbon",
        "Porosity of the top layer",
        "Water added by learned moisture",
        "Water content, last pass",
        "Water content, means of passes",
        "Respiration",
    )
    letter_panels(axes.flat, titles)
    return figure


def _draw_water(axis: Axes, run: xr.Dataset) -> None:
    """Draw the water that learned moisture added and removed in each pass, over all layers."""
    passes, years = run.sizes["pass"], float(run["year"][-1])
    of_pass = run["analysis"].to_numpy().sum(1).reshape(passes, -1) * passes / years
    at, width = _by_pass(run), 0.8 * years / passes
    axis.bar(at, np.clip(of_pass, 0.0, None).sum(1), width=width, color=BLUE, label="added")
    axis.bar(at, np.clip(of_pass, None, 0.0).sum(1), width=width, color=GREY, label="removed")
    axis.axhline(0.0, color="black", linewidth=0.6)
    axis.legend()
    axis.set(xlabel="time [years]", ylabel="water [kg m$^{-2}$ a$^{-1}$]")


def _water_content(run: xr.Dataset) -> _Array:
    """Water content of the top layer [m3 m-3], shape (period,)."""
    return np.asarray(run["smcl"].to_numpy()[:, 0] / (RHO_WATER * float(run["dzsoil"][0])))


def _by_pass(run: xr.Dataset) -> _Array:
    """Middle of each pass [year]."""
    passes, years = run.sizes["pass"], float(run["year"][-1])
    return np.asarray(years * (np.arange(passes) + 0.5) / passes)


def _yearly(run: xr.Dataset, values: _Array) -> _Array:
    return np.asarray(values.reshape(run.sizes["pass"], -1).mean(1))


def _last_pass(run: xr.Dataset) -> tuple[_Array, slice]:
    """Days of the periods of the last pass, and their indices."""
    periods = run.sizes["year"] // run.sizes["pass"]
    days = float(run["year"][-1]) / run.sizes["pass"] * SECONDS_PER_YEAR / SECONDS_PER_DAY
    return days * (np.arange(periods) + 0.5) / periods, slice(-periods, None)
