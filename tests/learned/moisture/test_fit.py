"""Fit of soil moisture to records, and the use of its module folder."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers.module_folders import edit_card
from helpers.moisture_site import QUICK, jules_run, site
from helpers.predictions import check_common_names
from helpers.progress import Reports

from jules_ml.bridge.moisture import Follow
from jules_ml.errors import BadInput
from jules_ml.jules.export.prescribed import export_prescribed
from jules_ml.learned.adaptation import AdaptationDays
from jules_ml.learned.moisture.adapt import adapt_moisture
from jules_ml.learned.moisture.evaluate import evaluate_moisture
from jules_ml.learned.moisture.fit import MoistureFit, fit_moisture
from jules_ml.learned.moisture.record import moisture_record
from jules_ml.learned.moisture.site import MoistureSite
from jules_ml.learned.moisture.skill import moisture_verdict, sensor_predictions
from jules_ml.learned.moisture.store import load_moisture
from jules_ml.scoring.splits import Split

SETTINGS = QUICK.model_copy(update={"validation_fraction": 0.2, "members": 2})


def synthetic_site(seed: int, name: str) -> MoistureSite:
    ds = site(700, seed=seed, name=name).assign_attrs(latitude=50.0 + seed, longitude=3.0)
    return MoistureSite(moisture_record(ds, jules=jules_run()), sm_sat=(0.4,), theta_r=(0.05,))


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> MoistureFit:
    out = tmp_path_factory.mktemp("modules") / "two"
    reports = Reports()
    fit = fit_moisture([synthetic_site(0, "meadow"), synthetic_site(1, "wood")], SETTINGS, out, progress=reports)
    reports.check("fit")
    return fit


def test_a_fit_writes_a_complete_folder(module: MoistureFit) -> None:
    names = {p.relative_to(module.folder).as_posix() for p in module.folder.rglob("*") if p.is_file()}
    assert names == {
        "card.json",
        "model.safetensors",
        "predictions.nc",
        "scores.json",
        "figures/meadow.png",
        "figures/wood.png",
    }
    scores = json.loads((module.folder / "scores.json").read_text())
    assert set(scores["sites"]["wood"]["baselines"]) == {
        "JULES",
        "JULES matched",
        "climatology",
        "rain index",
        "boosting",
    }
    assert "difference" in scores["sites"]["wood"]["baselines"]["climatology"]
    assert scores["verdict"]["measure"] == "rmse"
    assert 0.0 <= scores["sites"]["wood"]["sensors"]["theta_1"]["coverage"] <= 1.0
    assert any("too few sites to predict the mean and spread of soil moisture" in line for line in module.warnings)
    check_common_names(module.folder / "predictions.nc", units="m3 m-3")


def test_a_loaded_module_predicts_as_the_fitted_one(module: MoistureFit) -> None:
    loaded, _ = load_moisture(module.folder)
    record = synthetic_site(0, "meadow").record
    assert np.array_equal(loaded.predict(record).theta, module.ensemble.predict(record).theta)


def test_a_module_is_adapted_to_a_new_sensor_by_thirty_days(module: MoistureFit, tmp_path: Path) -> None:
    done = adapt_moisture(
        module.folder, [synthetic_site(5, "field")], tmp_path / "field", days=AdaptationDays(count=30)
    )
    assert set(done.ensemble.sites) == {"meadow", "wood", "field"}
    assert done.scores["sites"]["field"]["sensors"]["theta_1"]["n"] == 670
    with pytest.raises(BadInput, match="overlaps in time"):  # the training sites are kept in the card
        evaluate_moisture(tmp_path / "field", [synthetic_site(0, "meadow")], tmp_path / "scores")
    assert [path.name for path in export_prescribed(tmp_path / "field", tmp_path / "files")] == ["field_sthuf.nc"]


def with_short_sensor(days: int, name: str = "field") -> MoistureSite:
    """A site whose shallowest sensor has some days at the start of the record, and a deeper one all days."""
    whole = synthetic_site(5, name)
    record = whole.record
    two = replace(
        record,
        theta=np.repeat(record.theta, 2, axis=1),
        usable=np.column_stack([np.arange(700) < days, record.usable[:, 0]]),
        depth=np.array([0.02, 0.2]),
        names=("theta_1", "theta_2"),
    )
    return replace(whole, record=two)


@pytest.mark.parametrize("days", [5, 30, 35])
def test_thirty_days_are_used_where_the_shallowest_sensor_is_short(
    module: MoistureFit, tmp_path: Path, days: int
) -> None:
    done = adapt_moisture(module.folder, [with_short_sensor(days)], tmp_path / "field", days=AdaptationDays(count=30))
    card = json.loads((tmp_path / "field" / "card.json").read_text())
    (first, last) = card["sites"]["field"]["training_days"][0]
    assert np.datetime64(last) - np.datetime64(first) == np.timedelta64(29, "D")
    assert done.scores["sites"]["field"]["sensors"]["theta_2"]["n"] == 670
    assert any(f"theta_1 has only {days} days with an observation" in note for note in done.warnings)


def test_fewer_days_than_asked_for_are_named(module: MoistureFit, tmp_path: Path) -> None:
    short = synthetic_site(5, "field")
    short = replace(short, record=short.record.with_usable(np.arange(700) < 12))
    done = adapt_moisture(module.folder, [short], tmp_path / "field", days=AdaptationDays(count=30))
    assert any("theta_1: only 12 days have an observation, and 30 were asked for" in note for note in done.warnings)
    dates = frozenset([date(2018, 1, 5), date(2019, 1, 5)])
    listed = adapt_moisture(module.folder, [short], tmp_path / "listed", days=AdaptationDays(dates=dates))
    assert any("1 of 2 listed days have no observation" in note for note in listed.warnings)


def test_a_sensor_that_was_measured_on_the_listed_days_is_used(module: MoistureFit, tmp_path: Path) -> None:
    dates = frozenset([date(2019, 1, 5), date(2019, 6, 5)])
    done = adapt_moisture(module.folder, [with_short_sensor(30)], tmp_path / "field", days=AdaptationDays(dates=dates))
    assert done.ensemble.sites["field"].main == 1


def test_a_module_is_not_adapted_to_a_training_site(module: MoistureFit, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="was trained on meadow, and needs no adaptation there"):
        adapt_moisture(module.folder, [synthetic_site(0, "meadow")], tmp_path / "meadow", days=AdaptationDays(count=30))


def test_sites_without_water_content_are_refused_before_the_training(tmp_path: Path) -> None:
    dry = moisture_record(site(700, seed=3, name="heath").drop_vars("theta"))
    lost = moisture_record(site(700, seed=4, name="moor", theta=np.full((700, 1), np.nan)))
    with pytest.raises(BadInput, match="site heath, moor: no sensor has 60 usable days"):
        fit_moisture([synthetic_site(0, "meadow"), MoistureSite(dry), MoistureSite(lost)], SETTINGS, tmp_path / "none")


def test_a_training_record_is_not_evaluated(module: MoistureFit, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="overlaps in time with the training data of the module") as error:
        evaluate_moisture(module.folder, [synthetic_site(0, "meadow")], tmp_path / "scores")
    assert "give other years" in str(error.value)


def test_later_years_of_a_training_site_are_scored_beside_the_baselines_of_its_training_days(
    module: MoistureFit, tmp_path: Path
) -> None:
    ds = site(700, seed=0, name="meadow").assign_attrs(latitude=50.0, longitude=3.0)
    later = ds.assign_coords(time=ds["time"] + np.timedelta64(1461, "D"))
    record = moisture_record(later, jules=jules_run(start="2022-01-02"))
    scores = evaluate_moisture(module.folder, [MoistureSite(record)], tmp_path / "scores")
    baselines = scores["sites"]["meadow"]["baselines"]
    assert list(baselines) == ["JULES", "JULES matched", "climatology", "rain index"]
    # the same weather again, so the rain index is as good as in the years that it was fitted to
    assert baselines["rain index"]["nse"] > 0.8
    assert baselines["JULES"]["difference"]["value"] == pytest.approx(
        scores["sites"]["meadow"]["sensors"]["theta_1"]["rmse"] - baselines["JULES"]["rmse"]
    )
    assert scores["verdict"]["baseline"] == "rain index"
    assert scores["verdict"]["sentence"].endswith(("which is simpler.", "which is better.", "on this record."))


def test_a_site_without_training_days_is_compared_with_jules() -> None:
    record = synthetic_site(3, "new").record
    every = np.ones(len(record), dtype=bool)
    of_sensor = sensor_predictions(record, 0, record.theta[:, 0] + 0.01, Split(~every, ~every, every))
    assert of_sensor is not None
    assert list(of_sensor.predicted) == ["learned", "JULES"]
    result = moisture_verdict([of_sensor], period="on this record")
    assert result["result"] == "better"
    assert "(RMSE 0.01 m3 m-3) is better than the best baseline (JULES," in result["sentence"]
    assert "no score" in moisture_verdict([], period="on this record")["sentence"]


def test_a_duplicate_site_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="duplicate site meadow"):
        fit_moisture([synthetic_site(0, "meadow"), synthetic_site(1, "meadow")], SETTINGS, tmp_path / "m")


def test_prescribed_water_excludes_residual_water(module: MoistureFit, tmp_path: Path) -> None:
    files = export_prescribed(module.folder, tmp_path)
    assert [file.name for file in files] == ["meadow_sthuf.nc", "wood_sthuf.nc"]
    with xr.open_dataset(files[0]) as ds:
        assert ds["sthuf"].dims == ("time", "soil", "y", "x")
        assert ds["sthuf"].shape == (700, 4, 1, 1)
        assert ds.attrs["data_start"] == "2018-01-01 00:00:00"
        layers = module.ensemble.layers(synthetic_site(0, "meadow").record)
        assert ds["sthuf"].to_numpy()[:, 0, 0, 0] == pytest.approx((layers[:, 0] - 0.05) / 0.4)


def test_days_of_local_time_are_prescribed_in_utc(module: MoistureFit, tmp_path: Path) -> None:
    copy = tmp_path / "west"
    shutil.copytree(module.folder, copy)
    card = json.loads((copy / "card.json").read_text(encoding="utf-8"))
    assert card["sites"]["meadow"]["utc_offset_hours"] == 0.0
    west = card["sites"] | {"meadow": card["sites"]["meadow"] | {"utc_offset_hours": -6.0}}
    edit_card(copy, lambda card: card | {"sites": west})
    with xr.open_dataset(export_prescribed(copy, tmp_path / "files")[0]) as ds:
        assert ds.attrs["data_start"] == "2018-01-01 06:00:00"


def test_saturation_is_required_for_prescribed_water(module: MoistureFit, tmp_path: Path) -> None:
    fit_moisture([replace(synthetic_site(0, "meadow"), sm_sat=None)], SETTINGS, tmp_path / "m")
    with pytest.raises(BadInput, match="water content at saturation is unknown") as error:
        export_prescribed(tmp_path / "m", tmp_path)
    assert "give sm_sat" in str(error.value)


FORCING = {
    "rain": 3e-5, "snow": 0.0, "sw": 150.0, "lw": 300.0, "t": 285.0, "q": 0.006, "wind": 2.0, "pstar": 9.8e4, "vpd": 500.0
}  # fmt: skip


def day(follow: Follow, *, wet: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    state = np.full((4, 2), 0.5, dtype=np.float32)
    forcing = {name: np.full(2, value * (wet if name == "rain" else 1.0)) for name, value in FORCING.items()}
    return follow(
        date=(2019, 7, 1, 0, 0, 0),
        latitude=np.array([50.0, 51.02]),
        longitude=np.array([3.0, 3.01]),
        forcing=forcing,
        smcl=np.array([[20.0] * 2, [50.0] * 2, [130.0] * 2, [400.0] * 2], dtype=np.float32),
        sthu=state,
        sthf=np.zeros_like(state),
        t_soil=np.full_like(state, 285.0),
    )


def test_the_hook_predicts_and_restarts(module: MoistureFit) -> None:
    follow = Follow(module.folder, warm_up=5, theta_r=0.05)
    for _ in range(4):
        target, mask = day(follow)
        assert not mask.any()
    target, mask = day(follow)
    assert target.dtype == np.float32
    assert mask.tolist() == [[True, True], [True, True], [False, False], [False, False]]
    again = Follow(module.folder, warm_up=5, theta_r=0.05)
    again.set_state({name: values.copy() for name, values in follow.state().items()})
    for wet in (1.0, 20.0, 1.0):
        first, second = day(follow, wet=wet), day(again, wet=wet)
        assert np.array_equal(first[0], second[0])


def test_the_history_is_limited_to_the_context_of_the_network(module: MoistureFit) -> None:
    follow = Follow(module.folder, warm_up=1000)
    for _ in range(follow.context + 3):
        day(follow)
    assert len(follow.state()["weather"]) == follow.context


def elsewhere(follow: Follow) -> None:
    """Run one day at a point that is not a site of the module."""
    follow(
        date=(2019, 7, 1, 0, 0, 0),
        latitude=np.array([10.0]),
        longitude=np.array([3.0]),
        forcing={name: np.full(1, value) for name, value in FORCING.items()},
        smcl=np.ones((4, 1)),
        sthu=np.ones((4, 1)),
        sthf=np.ones((4, 1)),
        t_soil=np.ones((4, 1)),
    )


def test_a_point_that_is_not_a_site_is_refused(module: MoistureFit) -> None:
    with pytest.raises(BadInput, match=r"no site at 10\.00 N") as error:
        elsewhere(Follow(module.folder, warm_up=1))
    assert "static={...}" in str(error.value)
    with pytest.raises(BadInput, match="t_air_mean, vpd_mean are missing"):
        elsewhere(Follow(module.folder, warm_up=1, static={"precip_annual": 800.0}))


def test_the_hook_does_not_load_hdf5() -> None:
    code = "import sys, jules_ml.bridge.moisture; print([m for m in ('netCDF4', 'h5py', 'h5netcdf', 'tables') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
