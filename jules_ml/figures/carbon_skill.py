"""Figures of what learned soil carbon is worth: the ablation, and the closed loop."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from jules_ml.figures.style import BLUE, GREY, ORANGE, WIDTH, layer_colours, letter_panels, styled
from jules_ml.physics.constants import RHO_WATER
from jules_ml.simulation.closed_loop import LoopRun
from jules_ml.training.carbon.assessment import Ablation
from jules_ml.training.carbon.sites import CarbonTable


@styled
def ablation_figure(found: Sequence[Ablation], table: CarbonTable) -> Figure:
    """Carbon of sites left out, predicted without and with soil moisture, a panel a learner.

    Parameters
    ----------
    found : sequence of Ablation
    table : CarbonTable

    Returns
    -------
    Figure
    """
    figure, axes = plt.subplots(1, len(found), figsize=(WIDTH, 3.4), layout="constrained", sharey=True, squeeze=False)
    observed = np.exp(table.log_soc)
    spread = np.exp(table.spread)
    ends = (0.6 * observed.min(), 1.7 * observed.max())
    for axis, each in zip(axes[0], found, strict=True):
        axis.plot(ends, ends, color=GREY, linewidth=0.8, linestyle="--")
        axis.hlines(
            np.exp(each.with_it),
            observed / spread,
            observed * spread,
            color="#9FC5DE",
            linewidth=0.8,
            label="spread of the cores",
        )
        axis.plot(observed, np.exp(each.without), "o", color=ORANGE, markersize=4, label="climate, topography, cover")
        axis.plot(observed, np.exp(each.with_it), "o", color=BLUE, markersize=4, label="soil moisture beside them")
        axis.set(xscale="log", yscale="log", xlabel="cored organic carbon (g kg$^{-1}$)", xlim=ends)
    axes[0, 0].set_ylabel("predicted without the site (g kg$^{-1}$)")
    axes[0, 0].legend(loc="upper left")
    letter_panels(axes[0], [f"{each.learner}, p = {each.probability:.2f}" for each in found])
    return figure


@styled
def loop_figure(run: LoopRun, *, years: float, thickness: float) -> Figure:
    """Carbon, the soil's porosity and its moisture and temperature, through a closed loop.

    Parameters
    ----------
    run : LoopRun
    years : float
        That the passes stand for.
    thickness : float
        Of the top layer [m].

    Returns
    -------
    Figure
    """
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH, 3.0), layout="constrained")
    time = years * (np.arange(len(run.cs)) + 1.0) / len(run.cs)
    passes = run.sm_sat.shape[0]
    theta = run.outputs["smcl"].unflatten(0, (passes, -1)).mean(1)[:, 0] / (RHO_WATER * thickness)
    year = years * (np.arange(passes) + 0.5) / passes
    for k, colour in enumerate(layer_colours(run.cs.shape[1])):
        label = f"began with {float(run.cs[0, k]):.3g}"
        axes[0].plot(time, run.cs[:, k].numpy(), color=colour, label=label)
        axes[1].plot(year, run.sm_sat[:, 0, k].numpy(), color=colour)
        axes[2].plot(year, theta[:, k].numpy(), color=colour)
    axes[0].legend()
    axes[0].set(ylabel="soil carbon (kg m$^{-2}$)")
    axes[1].set(ylabel="saturation, top layer (m$^3$ m$^{-3}$)")
    axes[2].set(ylabel="yearly mean water, top layer (m$^3$ m$^{-3}$)")
    for axis in axes:
        axis.set_xlabel("year")
    letter_panels(axes, ("Carbon", "The soil that it makes", "The water that this holds"))
    return figure
