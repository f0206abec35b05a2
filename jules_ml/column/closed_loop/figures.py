"""Figure of a closed loop: soil carbon, porosity and water content through time."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from jules_ml.column.closed_loop.loop import LoopRun
from jules_ml.physics.constants import RHO_WATER
from jules_ml.support.figures import WIDTH, layer_colours, letter_panels, styled


@styled
def loop_figure(run: LoopRun, *, years: float, thickness: float) -> Figure:
    """Draw soil carbon, porosity and water content of a closed loop.

    Parameters
    ----------
    run : LoopRun
        Result of :func:`~jules_ml.column.closed_loop.loop.closed_loop`.
    years : float
        Length of the run [years].
    thickness : float
        Thickness of the top layer [m].

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(WIDTH, 3.0), layout="constrained")
    axes = figure.subplots(1, 3)
    time = years * (np.arange(len(run.cs)) + 1.0) / len(run.cs)
    passes = run.sm_sat.shape[0]
    theta = run.outputs["smcl"].unflatten(0, (passes, -1)).mean(1)[:, 0] / (RHO_WATER * thickness)
    year = years * (np.arange(passes) + 0.5) / passes
    for k, colour in enumerate(layer_colours(run.cs.shape[1])):
        label = f"initially {float(run.cs[0, k]):.3g} kg m$^{{-2}}$"
        axes[0].plot(time, run.cs[:, k].numpy(), color=colour, label=label)
        axes[1].plot(year, run.sm_sat[:, 0, k].numpy(), color=colour)
        axes[2].plot(year, theta[:, k].numpy(), color=colour)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    axes[0].set(ylabel="soil carbon [kg m$^{-2}$]")
    axes[1].set(ylabel="water content at saturation [m$^{3}$ m$^{-3}$]")
    axes[2].set(ylabel="water content [m$^{3}$ m$^{-3}$]")
    for axis in axes:
        axis.set_xlabel("time [years]")
    letter_panels(axes, ("Soil carbon", "Porosity, top layer", "Water content, top layer, means of passes"))
    return figure
