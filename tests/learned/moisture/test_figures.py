"""Figures of learned soil moisture show every series and every split."""

from __future__ import annotations

import numpy as np
import pandas as pd
from helpers.figures import legend_labels

from jules_ml.learned.moisture.figures import SPLIT_COLOURS, moisture_series


def test_every_series_and_every_split_is_labelled() -> None:
    days = pd.date_range("2020-01-01", periods=90, freq="D")
    theta = 0.3 + 0.05 * np.sin(np.arange(90) / 9.0)
    figure = moisture_series(
        days,
        precip=np.ones(90),
        predicted=theta,
        lower=theta - 0.05,
        upper=theta + 0.05,
        observed={"probe": theta, "cosmic rays": theta + 0.01},
        split=["train"] * 40 + ["validation"] * 20 + ["test"] * 30,
        jules=theta - 0.1,
    )
    rain, shown = figure.axes
    assert rain.get_ylabel().startswith("rain")
    labels = legend_labels(shown)
    assert set(labels) == {*SPLIT_COLOURS, "interval", "JULES", "probe", "cosmic rays", "learned"}
