"""Figures of the benchmarks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from _figure_carbon_chain import chain_figure
from _figure_moisture import site_skill
from matplotlib.patches import Rectangle


def test_methods_stand_beside_one_another_by_site() -> None:
    table = pd.DataFrame({"rmse": [0.03, 0.05]}, index=["A", "B"])
    axis = site_skill({"learned": table, "JULES": table + 0.02}).axes[0]
    assert [text.get_text() for text in axis.get_xticklabels()] == ["A", "B"]
    assert [line.get_label() for line in axis.get_lines()] == ["learned", "JULES"]


def test_the_chain_is_drawn_by_year() -> None:
    """Two passes of one year, each of four periods."""
    layers = np.array([0.1, 0.9])
    run = xr.Dataset(
        {
            "cs": ("year", np.linspace(5.0, 6.0, 8)),
            "smcl": (("year", "soil"), np.tile(1000.0 * layers * 0.3, (8, 1))),
            "resp_s_gb": ("year", np.full(8, 1e-8)),
            "analysis": (("year", "soil"), np.tile([1.0, -0.5], (8, 1))),
            "sm_sat": (("pass", "soil"), np.full((2, 2), 0.45)),
        },
        coords={"year": 2.0 * (np.arange(8) + 1.0) / 8, "pass": [0.0, 1.0], "dzsoil": ("soil", layers)},
    )
    carbon, _, water, course, theta, _ = chain_figure(run, run.drop_vars("analysis")).axes
    lines = [np.asarray(axis.get_lines()[0].get_xydata(), dtype=np.float64) for axis in (carbon, course, theta)]
    np.testing.assert_allclose(lines[0][:, 0], run["year"])
    np.testing.assert_allclose(lines[1][:, 0], 365.25 * np.array([0.125, 0.375, 0.625, 0.875]), rtol=2e-3)
    np.testing.assert_allclose(lines[2], np.array([[0.5, 0.3], [1.5, 0.3]]))
    # four periods of 1 kg m-2 into one layer and half of it out of the other
    bars = [bar for bar in water.patches if isinstance(bar, Rectangle)]
    assert [float(bar.get_height()) for bar in bars[:2]] == [2.0, 2.0]
