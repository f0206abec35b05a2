"""Runs compared with each other and with observations."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers.small_experiment import EXPERIMENT, write_experiment
from matplotlib.figure import Figure
from typer.testing import CliRunner

from jules_ml.cli import app
from jules_ml.comparison import report
from jules_ml.comparison.convertible import read_convertible
from jules_ml.comparison.days import common_period, daily_means
from jules_ml.comparison.figures import compare_series
from jules_ml.comparison.report import compare_runs
from jules_ml.comparison.runs import Run, on_common_periods, read_run
from jules_ml.comparison.scores import score_runs
from jules_ml.data.profile import layer_at
from jules_ml.data.site import SiteMeta, site_dataset
from jules_ml.errors import BadInput
from jules_ml.support.figures import save_figure

DZSOIL = (0.1, 0.25, 0.65, 2.0)
DAYS = pd.date_range("2020-01-02", periods=60, freq="D")
TRUTH = 0.3 + 0.05 * np.sin(np.arange(60) / 5.0)


def run(name: str, offset: float) -> Run:
    """A run whose top layer is too wet by ``offset``, and whose latent heat is 40 W m-2."""
    theta = np.stack([TRUTH + offset, *(np.full(60, 0.3) for _ in range(3))], axis=1)
    attrs = {"interval_seconds": 86400.0}
    return Run(
        name,
        {
            "soil water": xr.DataArray(theta, dims=("time", "soil"), coords={"time": DAYS}, attrs=attrs),
            "latent heat": xr.DataArray(40.0 + np.arange(60) % 7, dims="time", coords={"time": DAYS}, attrs=attrs),
            "runoff": xr.DataArray(np.full(60, 1e-6), dims="time", coords={"time": DAYS}, attrs=attrs),
        },
        DZSOIL,
        {"model": "jules", "via": ["ancillary"] if offset else []},
    )


@pytest.fixture
def record() -> xr.Dataset:
    """Daily soil moisture and latent heat of a tower, days from 6 h UTC; one sensor without a depth, half of latent heat gap-filled."""
    n = len(DAYS)
    return site_dataset(
        {
            "theta": np.stack([TRUTH, TRUTH], axis=1),
            "le": 50.0 + np.arange(n),
        },
        qc={"theta": np.ones((n, 2)), "le": np.where(np.arange(n) % 2, 1.0, 0.1)},
        qc_meaning="fraction measured",
        time=DAYS + pd.Timedelta("6h"),
        interval=pd.Timedelta("1D"),
        depth=[0.06, np.nan],
        meta=SiteMeta(site="X-Xxx", source="a test", licence="CC0", utc_offset_hours=-6.0),
        where="test",
    )


def test_scores_compare_measured_values_with_the_layer_of_the_sensor(record: xr.Dataset) -> None:
    scored = score_runs([run("stock", 0.05), run("swapped", 0.0)], record)
    scores = {(s.quantity.name, s.run): s for s in scored}
    water = scores["soil water", "stock"]
    assert water.sensor == "0.06 m"
    assert water.scores.n == 60
    assert water.scores.bias == pytest.approx(0.05)
    assert water.scores.ubrmse == pytest.approx(0.0, abs=1e-7)
    assert scores["soil water", "swapped"].scores.rmse == pytest.approx(0.0, abs=1e-7)
    # gap-filled days are not scored
    assert scores["latent heat", "stock"].scores.n == 30
    assert len(scored) == 4


def test_report_has_runs_scores_and_figures(record: xr.Dataset, tmp_path: Path) -> None:
    done = compare_runs([run("stock", 0.05), run("swapped", 0.0)], record, tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for word in ("X-Xxx", "stock", "swapped", "ancillary", "ubRMSE", "data:image/png"):
        assert word in page
    # three quantities, the relationships, and the interactive time series
    assert page.count("<figure>") == 5
    numbers = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert numbers["means"]["stock"]["runoff [kg m-2 a-1]"] == pytest.approx(31.6, abs=0.1)
    assert pd.read_csv(tmp_path / "scores.csv")["reference"].value_counts().to_dict() == {"stock": 6, "observations": 4}
    assert all(path.is_file() for path in done.files)


def test_without_a_record_runs_are_compared_with_the_first(tmp_path: Path) -> None:
    done = compare_runs([run("stock", 0.05), run("swapped", 0.0)], None, tmp_path)
    assert done.scores == ()
    assert "runs are compared with the first run" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_means_are_drawn_at_the_middle_of_the_day() -> None:
    values = pd.Series(TRUTH, DAYS)
    figure = compare_series({"one": values, "two": values}, observed=None, title="Soil water", unit="m3 m-3")
    for axis in figure.axes:
        drawn = pd.DatetimeIndex(np.asarray(axis.lines[0].get_xdata()))
        assert drawn[0] == pd.Timestamp("2020-01-01 12:00")


def test_a_quantity_of_one_run_has_its_colour_and_no_differences(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = {}

    def keep(figure: Figure, path: Path) -> Path:
        drawn[path.stem] = figure
        return save_figure(figure, path)

    monkeypatch.setattr(report, "save_figure", keep)
    one, two = run("one", 0.0), run("two", 0.1)
    del one.series["latent heat"]
    compare_runs([one, two], None, tmp_path)
    both, single = drawn["soil_water"], drawn["latent_heat"]
    assert (len(both.axes), len(single.axes)) == (2, 1)
    assert single.axes[0].lines[0].get_color() == both.axes[0].lines[1].get_color()


def test_times_of_runs_of_column_and_jules_have_one_format(tmp_path: Path) -> None:
    one, two = run("one", 0.0), run("two", 0.1)
    one.summary["start"], two.summary["start"] = "2020-01-01T00:00:00Z", "2020-01-01 00:00:00"
    compare_runs([one, two], None, tmp_path)
    assert (tmp_path / "report.html").read_text(encoding="utf-8").count("<td>2020-01-01 00:00</td>") == 2


def test_half_hours_are_averaged_to_days_of_the_run() -> None:
    half_hours = pd.Series(1.0, index=pd.date_range("2020-01-01 00:30", periods=96, freq="30min"))
    half_hours.iloc[48:70] = np.nan  # three quarters of the second day are not enough
    days = pd.Series([3.0, 3.0], index=pd.DatetimeIndex(["2020-01-02", "2020-01-03"]))
    pairs = on_common_periods(half_hours, days, seconds=(1800.0, 86400.0))
    assert pairs.index.tolist() == [pd.Timestamp("2020-01-02")]


def test_steps_of_a_run_are_averaged_to_days_of_the_record() -> None:
    steps = pd.Series(np.arange(96.0), index=pd.date_range("2020-01-01 06:30", periods=96, freq="30min"))
    days = pd.Series([1.0, 2.0], index=pd.DatetimeIndex(["2020-01-02 06:00", "2020-01-03 06:00"]))
    pairs = on_common_periods(days, steps, seconds=(86400.0, 1800.0))
    assert pairs["modelled"].tolist() == [23.5, 71.5]


@pytest.mark.parametrize(("depth", "layer"), [(0.02, 0), (0.1, 0), (0.3, 1), (2.9, 3), (3.5, None)])
def test_layer_of_a_sensor(depth: float, layer: int | None) -> None:
    assert layer_at(depth, DZSOIL) == layer


def test_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="jules-ml run"):
        read_run(tmp_path)


def test_failed_run_is_refused_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "run_summary.json").write_text(
        json.dumps({"status": "failed", "failure": "JULES stopped: soil_hyd"}), encoding="utf-8"
    )
    with pytest.raises(BadInput, match="soil_hyd"):
        read_run(tmp_path)


def jules_run(folder: Path, files: dict[str, xr.Dataset]) -> Path:
    """Folder of a run of JULES as ``jules-ml run`` writes it."""
    (folder / "output").mkdir(parents=True)
    for name, ds in files.items():
        ds.to_netcdf(folder / "output" / name)
    summary = {"model": "jules", "status": "done", "dzsoil": DZSOIL, "output": list(files)}
    (folder / "run_summary.json").write_text(json.dumps(summary), encoding="utf-8")
    return folder


def output(start: str, end: str, **values: tuple[tuple[str, ...], np.ndarray]) -> xr.Dataset:
    """Write daily output of JULES, the same on all days."""
    ends = pd.date_range(start, end, freq="D")[1:]
    seconds = np.asarray((ends - pd.Timestamp("2000-01-01")) / pd.Timedelta("1s"))
    units = {"units": "seconds since 2000-01-01 00:00:00"}
    data = {
        name: (("time", *dims, "y", "x"), np.broadcast_to(x[..., None, None], (len(ends), *x.shape, 1, 1)).copy())
        for name, (dims, x) in values.items()
    }
    place = {"latitude": (("y", "x"), [[52.0]]), "longitude": (("y", "x"), [[5.0]])}
    bounds = {"time_bounds": (("time", "nt"), np.stack([seconds - 86400.0, seconds], axis=1), units)}
    return xr.Dataset({**data, **place, **bounds}, coords={"time": ("time", seconds, units)})


def test_output_in_yearly_files_is_read_complete(tmp_path: Path) -> None:
    files = {
        f"p.day.{year}.nc": output(f"{year}-01-01", f"{year + 1}-01-01", latent_heat=((), np.array(float(year))))
        for year in (2000, 2001)
    }
    read = read_run(jules_run(tmp_path / "run", files)).series["latent heat"]
    assert read.sizes["time"] == 366 + 365
    assert float(read[0]) == 2000.0
    assert float(read[-1]) == 2001.0


def test_only_the_liquid_water_of_frozen_soil_is_compared(tmp_path: Path) -> None:
    wet = {name: (("soil",), np.full(4, value)) for name, value in (("sthu", 0.2), ("sthf", 0.6))}
    water = (("soil",), 1000.0 * np.array(DZSOIL) * 0.4)
    files = {"p.day.nc": output("2001-01-01", "2001-02-01", smcl=water, **wet)}
    read = read_run(jules_run(tmp_path / "run", files), theta_r=(0.05, 0.05, 0.05, 0.05)).series["soil water"]
    np.testing.assert_allclose(read.to_numpy(), 0.15)
    with pytest.raises(BadInput, match="2 layers, but the run has 4"):
        read_run(tmp_path / "run", theta_r=(0.05, 0.05))


def test_residual_water_is_added_to_the_water_of_jules(tmp_path: Path) -> None:
    files = {"p.day.nc": output("2001-01-01", "2001-02-01", smcl=(("soil",), 1000.0 * np.array(DZSOIL) * 0.3))}
    folder = jules_run(tmp_path / "run", files)
    properties = EXPERIMENT[EXPERIMENT.index('form = "van') : EXPERIMENT.index("[surface]")]
    texture = (
        '[soil.texture]\npedotransfer = "hypres"\nsand = 0.4\nsilt = 0.4\nclay = 0.2\nbulk_density = 1300.0\n'
        "organic_carbon = 0.02\n\n"
    )
    path = write_experiment(tmp_path, (properties, texture))
    result = CliRunner().invoke(app, ["compare", str(folder), "--data", str(path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    means = json.loads((tmp_path / "out" / "scores.json").read_text(encoding="utf-8"))["means"]
    assert means["run"]["soil water, top layer [m3 m-3]"] == pytest.approx(0.31)


def test_runs_with_the_same_name_are_refused(record: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="2 runs have the same name out"):
        compare_runs([run("out", 0.05), run("out", 0.0)], record, tmp_path)


def test_scores_of_a_module_are_not_overwritten(record: xr.Dataset, tmp_path: Path) -> None:
    for name in ("card.json", "scores.json"):
        (tmp_path / name).write_text("{}", encoding="utf-8")
    with pytest.raises(BadInput, match="contains a module"):
        compare_runs([run("stock", 0.05)], record, tmp_path)
    assert (tmp_path / "scores.json").read_text(encoding="utf-8") == "{}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{bad", "the file is damaged"),
        ("[]", "not a summary"),
        ('{"model": "jules"}', "no valid dzsoil and output"),
        ('{"model": "jules", "dzsoil": ["deep"], "output": ["a.nc"]}', "no valid dzsoil and output"),
        ('{"model": "jules", "dzsoil": [0.1], "output": []}', "no output"),
        ('{"model": "jules", "status": "failed"}', "the run is failed"),
    ],
)
def test_a_damaged_run_is_neither_compared_nor_converted(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "run_summary.json").write_text(text, encoding="utf-8")
    readers: tuple[Callable[[Path], object], ...] = (read_run, read_convertible)
    for read in readers:
        with pytest.raises(BadInput, match=problem):
            read(tmp_path)


@pytest.mark.parametrize(("text", "problem"), [("{", "damaged"), ("[]", "not a summary"), ("{}", "no such file")])
def test_damaged_run_is_named(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "run_summary.json").write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=problem):
        read_run(tmp_path)


def test_runs_are_scored_against_the_first_run(tmp_path: Path) -> None:
    done = compare_runs([run("stock", 0.05), run("swapped", 0.0)], None, tmp_path)
    scores = {(s.quantity.name, s.sensor): s.scores for s in done.between_runs}
    assert scores["soil water", "0–0.1 m"].bias == pytest.approx(-0.05)
    assert scores["soil water", "0–0.1 m"].ubrmse == pytest.approx(0.0, abs=1e-7)
    assert scores["latent heat", ""].kge == pytest.approx(1.0)
    assert {s.run for s in done.between_runs} == {"swapped"}
    table = pd.read_csv(tmp_path / "scores.csv")
    assert set(table["reference"]) == {"stock"}
    assert "Scores against the run stock" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_partial_days_are_left_out() -> None:
    # 23 h to 12 h two days later: only one day is complete; the partial days before and after have other means
    ends = pd.date_range("2020-01-01 23:30", "2020-01-03 12:00", freq="30min")
    complete = (ends > pd.Timestamp("2020-01-02")) & (ends <= pd.Timestamp("2020-01-03"))
    daily = daily_means(pd.Series(np.where(complete, 2.0, 50.0), ends), 1800.0)
    assert daily.to_dict() == {pd.Timestamp("2020-01-03"): 2.0}


def test_a_day_needs_values_for_three_quarters_of_it() -> None:
    ends = pd.date_range("2020-01-01 01:00", periods=72, freq="h")
    values = pd.Series(np.arange(72.0), ends)
    values[24:31] = np.nan  # 17 of 24 hours are left
    values = values.drop(values.index[48:54])  # 18 of 24 hours are left
    daily = daily_means(values, 3600.0)
    assert daily.index.tolist() == list(pd.date_range("2020-01-02", periods=3))
    np.testing.assert_allclose(daily, [11.5, np.nan, 62.5])


def test_series_are_cut_to_the_days_that_all_cover() -> None:
    long = pd.Series(1.0, pd.date_range("2020-01-01 23:00", periods=10, freq="D"))
    short = pd.Series(1.0, pd.date_range("2020-01-04", periods=3, freq="D"))
    cut = common_period({"long": long, "short": short})
    assert len(cut["long"]) == len(cut["short"]) == 3


def test_the_command_prints_scores_against_the_first_run(tmp_path: Path) -> None:
    folders = []
    for name, water in (("dry", 0.2), ("wet", 0.3)):
        values = (("soil",), 1000.0 * np.array(DZSOIL) * water)
        files = {"p.day.nc": output("2001-01-01", "2001-02-01", smcl=values, latent_heat=((), np.array(100.0 * water)))}
        folders.append(str(jules_run(tmp_path / name, files)))
    result = CliRunner().invoke(app, ["compare", *folders, "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.output.splitlines()]
    # KGE of a constant is not defined
    assert ["wet", "against", "dry", "31", "–", "10", "+10"] in lines
