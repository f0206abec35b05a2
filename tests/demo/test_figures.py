"""Figures of the demonstration: labels, panel letters, notes, and reproducible files."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers.figures import check_style, legend_labels
from helpers.respiration_folder import write_module
from matplotlib.figure import Figure

from jules_ml.column.figures import soil_moisture, soil_temperature, water_budget
from jules_ml.column.output import OUTPUTS, output_dataset
from jules_ml.data.daily import daily_series
from jules_ml.data.profile import layer_or_lowest
from jules_ml.demo.figures import swap_figure, theta_figure
from jules_ml.learned.respiration.store import load_respiration
from jules_ml.support.figure_layout import arrange
from jules_ml.support.figures import layer_labels, save_figure

DZSOIL = [0.1, 0.25, 0.65, 2.0]


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


def check(figure: Figure, panels: int) -> None:
    titled = [axis for axis in figure.axes if axis.get_title(loc="left")]
    assert len(titled) == panels
    for letter, axis in zip("abcdef", titled, strict=False):
        assert axis.get_title(loc="left").startswith(rf"$\bf{{{letter}}}$")
        assert axis.get_ylabel()
    # the report lists substitutions once
    assert not figure.get_supxlabel()
    arrange(figure)
    check_style(figure)


def test_soil_moisture(output: xr.Dataset) -> None:
    check(soil_moisture(output), 2)
    dry = soil_moisture(output.assign(tot_rain=0.0 * output["tot_rain"], tot_snow=0.0 * output["tot_snow"]))
    assert dry.axes[0].get_title(loc="left").endswith("Precipitation: none in this period")
    figure = soil_moisture(output, observed=sensor(output, 0.15, 0.2))
    check(figure, 3)
    labels = legend_labels(figure.axes[2])
    assert "sensor, 0.15 m" in labels
    assert "column, 0.1–0.35 m" in labels
    # means are drawn at the middle of the day
    first = pd.DatetimeIndex(np.asarray(figure.axes[1].lines[0].get_xdata()))[0]
    assert (first.hour, first.minute) == (12, 0)


def test_soil_temperature(output: xr.Dataset) -> None:
    check(soil_temperature(output, observed=sensor(output, 0.05, 275.0)), 3)


def test_water_budget(output: xr.Dataset) -> None:
    check(water_budget(output), 3)


def curves(folder: Path, count: int) -> Figure:
    """The headline figure of a module of three draws with a Q10 each, and of some nights."""
    random = np.random.default_rng(1)
    index = pd.date_range("2020-01-01", periods=count, freq="1D")
    nights = pd.DataFrame({name: random.gamma(2.0, 2.0, count) for name in ("observed", "stock", "swapped")}, index)
    module, settings, _ = load_respiration(write_module(folder / "module"))
    wetness, t_soil = random.uniform(0.2, 0.8, 500), random.uniform(272.0, 290.0, 500)
    return swap_figure(module, settings, wetness, t_soil, nights)


def test_swap_figure(tmp_path: Path) -> None:
    figure = curves(tmp_path, 60)
    check(figure, 3)
    assert legend_labels(figure.axes[0]) == ["JULES", "90 % band", "learned", "data"]
    assert [label.partition(", RMSE")[0] for label in legend_labels(figure.axes[2])] == ["measured", "JULES", "swapped"]


def test_swap_figure_without_nights(tmp_path: Path) -> None:
    check(curves(tmp_path, 0), 3)


@pytest.mark.parametrize("module", [False, True])
def test_theta_figure(module: bool) -> None:
    days = pd.date_range("2020-01-01", periods=40, freq="1D").delete(slice(10, 14))
    names = ("observed", "column", *(("predicted", "lower", "upper") if module else ()))
    figure = theta_figure(pd.DataFrame(0.3, days, list(names)), depth="0.15 m")
    labels = legend_labels(figure.axes[0])
    assert {"sensor", "JULES's column, ubRMSE 0.000"} <= set(labels)
    assert any(label.startswith("moisture module") for label in labels) == module
    assert ("did not use" in figure.axes[0].get_title(loc="left")) == module


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
