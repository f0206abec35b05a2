"""``jules-ml calibrate``: a synthetic site whose soil is known, from its file to its folder."""

from __future__ import annotations

import json
import tomllib
from itertools import pairwise
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from helpers.hydraulic_sites import write_site
from typer.testing import CliRunner

from jules_ml.cli import app
from jules_ml.column.learned_soil import with_learned_soil
from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.learned.hydraulics.columns import column_batch
from jules_ml.learned.hydraulics.fit import fit_hydraulics
from jules_ml.learned.hydraulics.simulation import at_sensors, batch_soil, simulate
from jules_ml.learned.hydraulics.site import TIMESTEP, hydraulic_site
from jules_ml.learned.hydraulics.site_calibration import calibrate_site, fit_site
from jules_ml.learned.hydraulics.soil_section import column_soil
from jules_ml.learned.hydraulics.store import load_hydraulics
from jules_ml.learned.kind import Outcome
from jules_ml.learned.store import json_text

DAYS = 16


def write_synthetic_site(folder: Path, *, days: int = DAYS, rounds: int = 1) -> Path:
    """Write a site whose sensor is the column with a soil that differs from that of the texture regression."""
    path = write_site(folder, "Known", sand=0.4, days=days)
    # with a Clapp-Hornberger soil the texture regression is the only initial soil
    text = path.read_text(encoding="utf-8").replace("rounds = 1", f"rounds = {rounds}").replace("hypres", "cosby")
    path.write_text(text, encoding="utf-8")
    experiment = load_experiment(path)
    assert experiment.hydraulics is not None
    site = hydraulic_site(experiment, experiment.hydraulics)
    batch = column_batch([site], timestep=TIMESTEP, spin_up_days=0)
    raw = torch.tensor([-0.4, -1.2, 1.2, -0.6, -1.5])[:, None, None].expand(5, 2, 1)
    theta = at_sensors(batch, simulate(batch, batch_soil(batch, raw)))[:, 0].numpy()
    table = pd.read_csv(folder / "Known.csv")
    table.assign(theta_5=np.repeat(theta, 24)).to_csv(folder / "Known.csv", index=False)
    return path


@pytest.fixture(scope="module")
def calibrated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    folder = tmp_path_factory.mktemp("calibrate")
    path = write_synthetic_site(folder, rounds=6)
    result = CliRunner().invoke(app, ["calibrate", str(path), "--out", str(folder / "soil")])
    assert result.exit_code == 0, result.output
    return path, folder / "soil", result.output


def test_the_calibrated_soil_has_the_lowest_error_in_the_test_period(calibrated: tuple[Path, Path, str]) -> None:
    _, folder, output = calibrated
    scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    assert scores["part"] == "test"
    (sensor,) = scores["sensors"]
    assert sensor["learned"]["n"] == 5  # three tenths of 16 days
    assert sensor["learned"]["ubrmse"] < sensor["texture"]["ubrmse"]
    for name in ("uncalibrated", "texture"):
        assert sensor["learned"]["rmse"] < 0.2 * sensor[name]["rmse"]
    costs = scores["cost"]
    assert len(costs) == 7
    assert all(later <= earlier for earlier, later in pairwise(costs))
    assert "Known [m3 m-3]" in output
    assert all(f"{soil} soil" in output for soil in ("uncalibrated", "texture", "calibrated"))
    assert "100%" in output


@pytest.mark.no_cover
def test_the_test_period_does_not_affect_the_calibration(tmp_path: Path) -> None:
    path = write_synthetic_site(tmp_path, days=14)
    experiment = load_experiment(path)
    first = calibrate_site(experiment, tmp_path / "first")
    table = pd.read_csv(tmp_path / "Known.csv")
    table.loc[24 * 10 :, "theta_5"] = 0.4 - table.loc[24 * 10 :, "theta_5"]
    table.to_csv(tmp_path / "Known.csv", index=False)
    second = calibrate_site(load_experiment(path), tmp_path / "second")
    assert first.scores["cost"] == second.scores["cost"]
    assert first.scores["sensors"] != second.scores["sensors"]


def test_the_card_compares_with_the_soil_of_the_experiment(calibrated: tuple[Path, Path, str]) -> None:
    _, folder, output = calibrated
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    comparison = card["comparison_with_stock"]
    assert comparison["rmse_calibrated"] < comparison["rmse_stock"]
    # eleven training days are one block
    assert comparison["better"] is None
    assert any("too short to check" in note for note in card["notes"])
    assert "too short to check" in " ".join(output.split())


@pytest.mark.no_cover
def test_the_test_period_does_not_affect_the_comparison(tmp_path: Path) -> None:
    path = write_synthetic_site(tmp_path, days=14)
    cards = []
    for name in ("first", "second"):
        fit_site(load_experiment(path), tmp_path / name)
        cards.append(json.loads((tmp_path / name / "card.json").read_text(encoding="utf-8")))
        table = pd.read_csv(tmp_path / "Known.csv")
        table.loc[24 * 10 :, "theta_5"] = 0.4 - table.loc[24 * 10 :, "theta_5"]
        table.to_csv(tmp_path / "Known.csv", index=False)
    assert cards[0]["comparison_with_stock"] == cards[1]["comparison_with_stock"]


@pytest.mark.no_cover
def test_a_fit_of_one_site_is_this_calibration(tmp_path: Path) -> None:
    path = write_synthetic_site(tmp_path, days=14)
    fit = fit_hydraulics([load_experiment(path)], tmp_path / "fit")
    calibrated = calibrate_site(load_experiment(path), tmp_path / "calibrated")
    assert json_text(fit.scores) == json_text(calibrated.scores)  # scores of few days are NaN
    assert fit.notes == calibrated.notes


def test_the_folder_is_a_module_of_hydraulics(calibrated: tuple[Path, Path, str]) -> None:
    path, folder, _ = calibrated
    network, card = load_hydraulics(folder)
    assert card["inputs"] == {}
    assert card["sites"]["Known"]["days"] == DAYS
    assert network(torch.zeros(3, 0)).shape == (1, 5, 2, 3)
    with xr.open_dataset(folder / "predictions.nc") as predictions:
        sathh = predictions["sathh"].isel(site=0).to_numpy()
        assert {"uncalibrated", "texture", "observed"} <= set(predictions)
    text = path.read_text(encoding="utf-8") + f'\n[modules]\nhydraulics = "{folder}"\n'
    again = path.with_name("again.toml")
    again.write_text(text, encoding="utf-8")
    experiment, notes = with_learned_soil(load_experiment(again))
    assert experiment.soil is not None
    assert experiment.soil.properties is not None
    np.testing.assert_allclose(experiment.soil.properties.sathh, sathh, rtol=1e-5)
    assert notes == ["soil of soil, as fitted at Known"]
    for name in ("curves", "series"):
        assert (folder / "figures" / f"{name}.png").stat().st_size > 10_000


def test_soil_toml_is_the_soil_section_of_an_experiment(calibrated: tuple[Path, Path, str]) -> None:
    path, folder, _ = calibrated
    snippet = (folder / "soil.toml").read_text(encoding="utf-8")
    values = tomllib.loads(snippet)["soil"]["properties"]
    before, _, after = path.read_text(encoding="utf-8").partition("[soil.texture]")
    other = path.with_name("snippet.toml")
    other.write_text(before + snippet + after[after.index("[[surface") :], encoding="utf-8")
    section = load_experiment(other).required(load_experiment(other).soil, "soil")
    soil = column_soil(section, torch.float32, where="snippet.toml")
    with xr.open_dataset(folder / "predictions.nc") as predictions:
        for name in ("b", "satcon", "sm_sat", "sm_crit", "sm_wilt"):
            np.testing.assert_allclose(values[name], predictions[name].isel(site=0), rtol=1e-5)
            np.testing.assert_allclose(getattr(soil.properties, name)[:, 0], values[name], rtol=1e-5)


def test_scores_as_json_alone(tmp_path: Path) -> None:
    scores = {"part": "test", "all": {"learned": {"ubrmse": float("nan")}}, "sensors": []}
    done = Outcome(tmp_path, scores, notes=("a note",))
    path = write_site(tmp_path, "Any", sand=0.4)
    arguments = ["calibrate", str(path), "--out", str(tmp_path / "soil"), "--json"]
    with mock.patch("jules_ml.learned.hydraulics.site_calibration.calibrate_site", return_value=done):
        result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"part": "test", "all": {"learned": {"ubrmse": None}}, "sensors": []}


def test_a_site_without_soil_moisture_is_refused(tmp_path: Path) -> None:
    path = write_site(tmp_path, "Dry", sand=0.4)
    text = path.read_text(encoding="utf-8")
    start = text.index("[data.columns.theta_5]")
    text = text[:start] + text[text.index("[soil.texture]") :]
    path.write_text(text.replace('interval = "1h"', 'interval = "1h"\nignore = ["theta_5"]'), encoding="utf-8")
    result = CliRunner().invoke(app, ["calibrate", str(path), "--out", str(tmp_path / "soil")])
    assert result.exit_code == 2
    assert "there is no soil moisture with depth" in result.output.replace("\n", " ")
    assert not (tmp_path / "soil" / "card.json").exists()


def test_a_folder_with_other_files_is_refused_before_the_calibration(tmp_path: Path) -> None:
    path = write_site(tmp_path, "Any", sand=0.4)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("years", encoding="ascii")
    with pytest.raises(BadInput, match="already exists and contains other files"):
        calibrate_site(load_experiment(path), tmp_path / "thesis")
