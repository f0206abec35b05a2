"""Figures of ensembles: their contents, and reproducible files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from helpers.figures import legend_labels

from jules_ml.ensemble.figures import fan, plotted_variables, spread_online_offline
from jules_ml.support.figures import save_figure


def summary(*, weighed: bool) -> xr.Dataset:
    q = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
    rng = np.random.default_rng(0)
    theta = 0.3 + 0.1 * q[:, None, None] + 0.01 * rng.normal(size=(1, 60, 4))
    ds = xr.Dataset(
        {"theta_quantiles": (("quantile", "time", "soil"), theta), "dzsoil": ("soil", [0.1, 0.25, 0.65, 2.0])},
        coords={"quantile": q, "time": pd.date_range("2001-01-01", periods=60)},
    )
    return ds.assign(theta_posterior_mean=(("time", "soil"), theta[2])) if weighed else ds


def test_fan_has_a_panel_for_each_layer(tmp_path: Path) -> None:
    figure = fan(summary(weighed=True), notes=["60 members."])
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert [title.split("$   ")[1] for title in titles] == [
        "Water content, 0–0.1 m [m$^{3}$ m$^{-3}$]",
        "Water content, 0.35–1 m [m$^{3}$ m$^{-3}$]",
    ]
    labels = legend_labels(figure.axes[0])
    assert labels == ["90 % of members", "50 % of members", "median", "posterior mean"]
    twice = [save_figure(fan(summary(weighed=True)), tmp_path / name).read_bytes() for name in ("a.png", "b.png")]
    assert twice[0] == twice[1]


def test_nothing_that_is_drawn_is_told_beforehand() -> None:
    assert plotted_variables(xr.Dataset()) == []
    assert plotted_variables(summary(weighed=False)) == ["theta"]


def test_spread_leaves_out_parameters_where_there_are_none() -> None:
    months = np.arange(1, 13)
    same = {"online_draws": ("month", 0.1 * np.ones(12)), "online_all": ("month", 0.1 * np.ones(12))}
    years = {f"{name}_year": ((), 0.1) for name in ("offline", "online_draws", "online_all")}
    spread = xr.Dataset({"offline": ("month", 0.02 * np.ones(12)), **same, **years}, coords={"month": months})
    figure = spread_online_offline(spread, record="a tower", place="a site")
    assert len(figure.axes[0].get_lines()) == 2
    assert (
        len(
            spread_online_offline(spread.assign(online_all=2.0 * spread["online_all"]), record="a", place="b")
            .axes[0]
            .get_lines()
        )
        == 3
    )
