"""The demonstration: a few days of its record, and the files in the package."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import platformdirs
import pytest
import xarray as xr

from jules_ml.data.readers.davos import FILE_NAME, read_davos
from jules_ml.demo import run as demo_run
from jules_ml.demo import run_demo
from jules_ml.demo.compare import compare, nightly_means, respired_carbon_dioxide
from jules_ml.demo.run import davos_experiment, last_years
from jules_ml.errors import BadInput, RunFailed
from jules_ml.experiment import Experiment

#: Twelve days without frost, with nights turbulent enough for the eddy covariance.
AUTUMN = ("2019-10-01T00:00", "2019-10-12T23:59")


@pytest.fixture(scope="module")
def record_path() -> Path:
    path = platformdirs.user_cache_path("jules_ml") / FILE_NAME
    if not path.is_file():
        pytest.skip("the record of Davos is not in the cache: run jules-ml demo once")
    return path


def test_the_experiment_in_the_package_is_valid() -> None:
    experiment = davos_experiment()
    assert experiment.run is not None
    assert experiment.run.mean_over == 1
    assert experiment.text.startswith("# The demonstration")


def test_demo_without_a_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file") as caught:
        run_demo(tmp_path, data=tmp_path / "nothing.whl")
    assert "diive 0.90.0" in caught.value.remedy


def test_nights_run_from_noon_to_noon_and_need_four_half_hours() -> None:
    stamps = pd.to_datetime(
        ["2020-01-01 22:15", "2020-01-01 23:45", "2020-01-02 00:15", "2020-01-02 03:15", "2020-01-02 22:15"]
    )
    steps = pd.DataFrame({"observed": [1.0, 2.0, 3.0, 4.0, 9.0], "predicted": 2.0}, index=stamps)
    nights = nightly_means(steps)
    assert nights.index.tolist() == [pd.Timestamp("2020-01-01")]
    assert nights["observed"].tolist() == [2.5]


def test_carbon_flux_is_converted_to_carbon_dioxide() -> None:
    output = xr.Dataset({"resp_s_gb": ("time", [1.20107e-8])})
    np.testing.assert_allclose(respired_carbon_dioxide(output), 1.0, rtol=1e-6)


def test_the_last_years_are_used() -> None:
    time = pd.date_range("2020-12-31 23:30", "2022-12-31 23:00", freq="30min")
    part = last_years(xr.Dataset(coords={"time": time}), 1)
    assert part.sizes["time"] == 365 * 48


@pytest.mark.slow
def test_demo_on_a_few_days(record_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = davos_experiment()
    assert short.run is not None
    section = short.run.model_copy(
        update={"compiled": False, "spin_up": short.run.spin_up.model_copy(update={"cycles": 0})}
    )
    assert short.respiration is not None
    few = short.respiration.model_copy(
        update={"members": 2, "exchange_rows": 2000, "inner_folds": 2, "inner_rows": 1500}
    )
    monkeypatch.setattr(
        demo_run, "davos_experiment", lambda: short.model_copy(update={"run": section, "respiration": few})
    )
    record = read_davos(record_path).sel(time=slice(*AUTUMN))
    monkeypatch.setattr(demo_run, "last_years", lambda *_: record)
    messages: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        done = run_demo(tmp_path, data=record_path, years=1, message=messages.append)

    assert done.run.output.sizes["time"] == record.sizes["time"]
    rules = {s.variable: s.rule for s in done.run.weather.substitutions}
    assert rules["wind"].startswith("fixed at 2 m s-1")
    assert {s.quantity for s in done.comparison.scores} == {"water content", "night respiration", "latent heat flux"}
    names = {s.quantity for s in done.learned.scores}
    assert names <= {"night respiration, JULES's curves", "night respiration, learned curves"}
    np.testing.assert_array_equal(done.learned.run.output["smcl"], done.run.output["smcl"])
    assert not np.allclose(done.learned.run.output["resp_s_gb"], done.run.output["resp_s_gb"])
    assert done.comparison.layer == 1
    assert (done.comparison.steps.index.hour > 20).any()

    names = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file() and "modules" not in p.parts}
    assert {"card.json", "model.safetensors"} <= {p.name for p in (tmp_path / "modules" / "respiration").iterdir()}
    figures = (
        "learned_nights",
        "night_respiration",
        "respiration_curves",
        "soil_moisture",
        "soil_temperature",
        "water_budget",
    )
    pages = {"report.html", "scores.json", "column.nc", "column_learned.nc", "run_summary.json", "experiment.toml"}
    assert names == pages | {f"figures/{name}.png" for name in figures}
    scores = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert scores[0]["scores"]["n"] > 5

    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 8
    assert not re.search(r'(src|href)="(?!data:)', page), "the page stands by itself"
    for text in (
        "wind speed: fixed at 2 m s-1, not measured",
        "Soil temperature is that of the column",
        "JULES&#39;s f and g",
        "diive 0.90.0",
        "sandy loam",
    ):
        assert text in page


def test_without_a_compiler_only_the_last_year_is_run_with_a_note(
    record_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, object] = {}

    def stop(experiment: Experiment, *, record: xr.Dataset, **_: object) -> None:
        assert experiment.run is not None
        asked.update(cycles=experiment.run.spin_up.cycles, steps=record.sizes["time"])
        raise RunFailed("enough")

    monkeypatch.setattr(demo_run, "can_compile", lambda: False)
    monkeypatch.setattr(demo_run, "run_column", stop)
    messages: list[str] = []
    with pytest.raises(RunFailed):
        run_demo(tmp_path, data=record_path, message=messages.append)
    assert asked == {"cycles": 1, "steps": 365 * 48}
    assert "no C++ compiler" in messages[0]


def test_only_measured_nights_are_compared(record_path: Path) -> None:
    record = read_davos(record_path).sel(time=slice(*AUTUMN))
    n = record.sizes["time"]
    layered = ("time", "soil"), np.full((n, 4), 0.3)
    output = xr.Dataset(
        {
            "sthu": layered,
            "sthf": (("time", "soil"), np.zeros((n, 4))),
            "sm_sat": ("soil", np.full(4, 0.5)),
            "theta_r": ("soil", np.zeros(4)),
            "resp_s_gb": ("time", np.full(n, 1e-8)),
            "latent_heat": ("time", np.zeros(n)),
        },
        coords={"time": record["time"], "dzsoil": ("soil", [0.1, 0.25, 0.65, 2.0])},
    )
    comparison = compare(output, record)
    assert (record["nee_qc"].to_numpy()[comparison.is_night] == 0.0).all()
    assert (record["sw_down"].to_numpy()[comparison.is_night] < 10.0).all()
    assert len(comparison.steps) == comparison.is_night.sum() > 20
    assert comparison.frozen_days == 0.0
