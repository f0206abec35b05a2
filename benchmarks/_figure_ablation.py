"""Figure of the ablation: carbon predicted with and without soil moisture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from jules_ml.learned.carbon.assessment import Ablation
from jules_ml.learned.carbon.table import CarbonTable
from jules_ml.scoring.scores import score
from jules_ml.support.figures import BLUE, GREY, ORANGE, WIDTH, letter_panels, styled


@styled
def ablation_figure(ablations: Sequence[Ablation], table: CarbonTable) -> Figure:
    """Draw carbon of held-out sites, predicted without and with soil moisture, one panel for each learner.

    Parameters
    ----------
    ablations : sequence of Ablation
    table : CarbonTable

    Returns
    -------
    Figure
    """
    figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
    axes = figure.subplots(1, len(ablations), sharey=True, squeeze=False)
    observed = np.exp(table.log_soc)
    spread = np.exp(table.spread)
    ends = (0.6 * observed.min(), 1.7 * observed.max())
    for axis, each in zip(axes[0], ablations, strict=True):
        axis.plot(ends, ends, color=GREY, linewidth=0.8, linestyle="--")
        axis.hlines(
            np.exp(each.with_moisture),
            observed / spread,
            observed * spread,
            color="#9FC5DE",
            linewidth=0.8,
            label="spread of the cores",
        )
        axis.plot(
            observed, np.exp(each.without_moisture), "o", color=ORANGE, markersize=4, label="climate, topography, cover"
        )
        axis.plot(observed, np.exp(each.with_moisture), "o", color=BLUE, markersize=4, label="and soil moisture")
        axis.set(xscale="log", yscale="log", xlabel="organic carbon of cores [g kg$^{-1}$]", xlim=ends)
    axes[0, 0].set_ylabel("predicted, site left out [g kg$^{-1}$]")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    letter_panels(axes[0], [_title(each, table) for each in ablations])
    return figure


def _title(of: Ablation, table: CarbonTable) -> str:
    """Title with the Nash-Sutcliffe efficiency of ln SOC."""
    without, added = (score(predicted, table.log_soc).nse for predicted in (of.without_moisture, of.with_moisture))
    return f"{of.learner.capitalize()}: NSE {without:.2f} without and {added:.2f} with soil moisture"
