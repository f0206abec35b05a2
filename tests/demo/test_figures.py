"""Figures of the demonstration: labels, panel letters, notes, and reproducible files."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers.figures import legend_labels
from matplotlib.figure import Figure

from jules_ml.column.figures import soil_moisture, soil_temperature, water_budget
from jules_ml.column.output import OUTPUTS, output_dataset
from jules_ml.data.daily import daily_series
from jules_ml.data.profile import layer_or_lowest
from jules_ml.demo.figures import night_respiration, respiration_curves
from jules_ml.support.figures import layer_labels, save_figure

DZSOIL = [0.1, 0.25, 0.65, 2.0]
NOTES = ["Wind was not measured.", "A long note. " * 30]


@pytest.fixture(params=["30min", "1D"])
def output(request: pytest.FixtureRequest) -> xr.Dataset:
    """Five days of a synthetic run, half-hourly and daily."""
    period = pd.Timedelta(request.param)
    n = round(pd.Timedelta(days=5) / period)
    start = pd.Timestamp("2020-01-01")
    random = np.random.default_rng(0)
    weather = xr.Dataset(
        {
            name: ("time", random.uniform(low, high, n), {"units": "1", "long_name": name})
            for name, low, high in (
                ("tot_rain", 0.0, 1e-4),
                ("tot_snow", 0.0, 1e-5),
                ("precip", 0.0, 1e-4),
                ("t_air", 265.0, 280.0),
            )
        },
        coords={"time": pd.date_range(start + period, periods=n, freq=period)},
        attrs={"site": "Somewhere"},
    )
    arrays = {name: random.uniform(0.1, 0.5, (n, 4) if variable.layered else n) for name, variable in OUTPUTS.items()}
    arrays["t_soil"] = arrays["t_soil"] + 273.0
    soil = {"sm_sat": np.full(4, 0.45), "sm_wilt": np.full(4, 0.1), "theta_r": np.zeros(4)}
    return output_dataset(arrays, weather, start=start, period=period, dzsoil=DZSOIL, soil=soil)


def sensor(output: xr.Dataset, depth: float, mean: float) -> xr.DataArray:
    values = np.full(output.sizes["time"], mean)
    return xr.DataArray(values, dims="time", coords={"time": output["time"].to_numpy(), "depth": depth})


def pairs(n: int) -> pd.DataFrame:
    random = np.random.default_rng(1)
    index = pd.date_range("2020-01-01", periods=n, freq="1D")
    return pd.DataFrame({"observed": random.gamma(2.0, 2.0, n), "predicted": random.gamma(2.0, 1.5, n)}, index=index)


def check(figure: Figure, panels: int) -> None:
    titled = [axis for axis in figure.axes if axis.get_title(loc="left")]
    assert len(titled) == panels
    for letter, axis in zip("abcdef", titled, strict=False):
        assert axis.get_title(loc="left").startswith(rf"$\bf{{{letter}}}$")
        assert axis.get_ylabel()
    note = figure.get_supxlabel()
    assert "Wind was not measured." in note
    assert max(len(line) for line in note.splitlines()) <= 170


def test_soil_moisture(output: xr.Dataset) -> None:
    check(soil_moisture(output, notes=NOTES), 2)
    figure = soil_moisture(output, observed=sensor(output, 0.15, 0.2), notes=NOTES)
    check(figure, 3)
    labels = legend_labels(figure.axes[2])
    assert "sensor, 0.15 m" in labels
    assert "column, 0.1–0.35 m" in labels


def test_soil_temperature(output: xr.Dataset) -> None:
    check(soil_temperature(output, observed=sensor(output, 0.05, 275.0), notes=NOTES), 3)


def test_water_budget(output: xr.Dataset) -> None:
    check(water_budget(output, notes=NOTES), 3)


def test_night_respiration() -> None:
    figure = night_respiration(pairs(400), pairs(40), measured="tower", modelled="column", notes=NOTES)
    check(figure, 3)
    assert sum("KGE" in text.get_text() for axis in figure.axes for text in axis.texts) == 2


def test_figure_without_complete_nights() -> None:
    check(night_respiration(pairs(3), pairs(0), measured="tower", modelled="column", notes=NOTES), 3)


def test_respiration_curves(output: xr.Dataset) -> None:
    top = output.isel(soil=0)
    figure = respiration_curves(
        top[["sm_wilt", "sm_sat"]], top["sthu"].to_numpy(), top["t_soil"].to_numpy(), data="nights", notes=NOTES
    )
    check(figure, 2)


def test_a_figure_is_written_with_the_same_bytes_each_time(output: xr.Dataset, tmp_path: Path) -> None:
    one, two = (save_figure(soil_moisture(output), tmp_path / name) for name in ("a.png", "b.png"))
    assert one.read_bytes() == two.read_bytes()


def test_settings_of_matplotlib_are_unchanged(output: xr.Dataset) -> None:
    before = dict(mpl.rcParams)
    soil_moisture(output)
    assert dict(mpl.rcParams) == before


def test_days_with_too_few_values_have_no_mean() -> None:
    time = pd.date_range("2020-01-01 00:30", periods=96, freq="30min")
    values = np.ones(96)
    values[50:90] = np.nan
    means = daily_series(xr.DataArray(values, dims="time", coords={"time": time}))
    assert means.index.tolist() == [pd.Timestamp("2020-01-01"), pd.Timestamp("2020-01-02")]
    assert means.iloc[0] == 1.0
    assert np.isnan(means.iloc[1])


@pytest.mark.parametrize(("depth", "layer"), [(0.05, 0), (0.1, 0), (0.15, 1), (0.9, 2), (2.5, 3), (9.0, 3)])
def test_layer_of_a_sensor(depth: float, layer: int) -> None:
    assert layer_or_lowest(depth, DZSOIL) == layer


def test_labels_of_layers_have_their_depths() -> None:
    assert layer_labels(DZSOIL) == ["0–0.1 m", "0.1–0.35 m", "0.35–1 m", "1–3 m"]
