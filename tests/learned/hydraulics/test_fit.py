"""Fit from experiment files, evaluation at other sites, and export for JULES."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers.hydraulic_sites import write_site
from helpers.module_folders import seal
from helpers.predictions import check_common_names
from helpers.progress import Reports
from typer.testing import CliRunner

from jules_ml.cli import app
from jules_ml.data.daily import daily_means
from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.jules.export.ancillary import export_ancillaries
from jules_ml.jules.export.map_file import SOIL_MAP
from jules_ml.jules.export.soil_map import export_soil_map
from jules_ml.learned.card_versions import current_card
from jules_ml.learned.hydraulics.evaluate import evaluate_hydraulics
from jules_ml.learned.hydraulics.fit import fit_hydraulics
from jules_ml.learned.hydraulics.network import LearnedHydraulics
from jules_ml.learned.hydraulics.site import hydraulic_site
from jules_ml.learned.hydraulics.store import load_hydraulics
from jules_ml.learned.uses import MapRequest
from jules_ml.physics.soil_names import LAYERED, RESIDUAL


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("sites")
    paths = [write_site(folder, "Light", sand=0.5), write_site(folder, "Heavy", sand=0.25)]
    out = folder / "soils"
    result = CliRunner().invoke(app, ["fit", "hydraulics", *map(str, paths), "--out", str(out), "--quiet"])
    assert result.exit_code == 0, result.output
    return folder, out


def test_fit_writes_a_module_folder_that_can_be_read(fitted: tuple[Path, Path]) -> None:
    _, out = fitted
    card = json.loads((out / "card.json").read_text(encoding="utf-8"))
    assert card["module"] == "hydraulics"
    assert {"sand", "clay", "soc_density", "bulk_density", "precip_annual"} <= set(card["inputs"])
    assert {"Light", "Heavy"} == set(card["sites"])
    network, _ = load_hydraulics(out)
    assert isinstance(network, LearnedHydraulics)
    for name in ("curves", "series"):
        assert (out / "figures" / f"{name}.png").stat().st_size > 10_000
    check_common_names(out / "predictions.nc", units="m3 m-3")
    predictions = xr.open_dataset(out / "predictions.nc")
    assert set(np.unique(predictions["split"])) == {0, 2}
    assert bool((predictions["sm_wilt"] < predictions["sm_crit"]).all())
    assert bool((predictions["sm_crit"] < predictions["sm_sat"]).all())
    scores = json.loads((out / "scores.json").read_text(encoding="utf-8"))
    assert scores["sensors"][0]["learned"]["n"] == 5  # three tenths of sixteen days
    assert scores["verdict"]["baseline"] == "texture regression"
    assert scores["verdict"]["result"] == "unknown"  # one block of days at each of two sites
    assert "too few to tell" in (out / "report.html").read_text(encoding="utf-8")


def test_export_writes_one_ancillary_file_per_site(fitted: tuple[Path, Path], tmp_path: Path) -> None:
    _, out = fitted
    result = CliRunner().invoke(app, ["export", str(out), "--to", "ancillary", "--out", str(tmp_path / "anc")])
    assert result.exit_code == 0, result.output
    ds = xr.open_dataset(tmp_path / "anc" / "Light.nc")
    assert ds["b"].dims == ("soil", "y", "x")
    assert ds.attrs["hydraulic_form"] == "van_genuchten"
    with xr.open_dataset(out / "predictions.nc") as learned:
        residual = learned["theta_r"].sel(site="Light").to_numpy()
    assert residual.max() > 0.0
    np.testing.assert_allclose(ds["theta_r"].to_numpy()[:, 0, 0], residual)


def test_evaluate_scores_a_new_site_and_refuses_a_training_site(fitted: tuple[Path, Path], tmp_path: Path) -> None:
    folder, out = fitted
    new = write_site(tmp_path, "New", sand=0.35)
    runner = CliRunner()
    result = runner.invoke(app, ["evaluate", str(out), "--data", str(new), "--out", str(tmp_path / "scores")])
    assert result.exit_code == 0, result.output
    assert "New" in result.output
    assert "RMSE" in result.output
    assert "texture soil" in result.output
    assert "texture regression" in result.output
    check_common_names(tmp_path / "scores" / "predictions.nc", units="m3 m-3")
    refused = runner.invoke(
        app, ["evaluate", str(out), "--data", str(folder / "Light.toml"), "--out", str(tmp_path / "again")]
    )
    assert refused.exit_code == 2
    assert "overlaps in time with the training data" in " ".join(refused.output.replace("│", " ").split())


@pytest.mark.parametrize("days", [(), ("--days", "5")])
def test_a_module_is_adapted_to_a_new_site(fitted: tuple[Path, Path], tmp_path: Path, days: tuple[str, ...]) -> None:
    _, out = fitted
    new = write_site(tmp_path, "Middle", sand=0.4)
    typed = ["fit", "hydraulics", str(new), "--adapt", str(out), *days, "--out", str(tmp_path / "new"), "--quiet"]
    result = CliRunner().invoke(app, typed)
    assert result.exit_code == 0, result.output
    scores = json.loads((tmp_path / "new" / "scores.json").read_text(encoding="utf-8"))
    assert scores["adapted_from"] == out.name
    assert scores["part"] == ("test" if days else "train")
    assert np.isfinite(scores["all"]["learned"]["ubrmse"])
    assert set(load_hydraulics(tmp_path / "new")[1]["sites"]) == {"Middle"}


def test_one_site_alone_is_calibrated(tmp_path: Path) -> None:
    path = write_site(tmp_path, "Alone", sand=0.4)
    reports = Reports()
    done = fit_hydraulics([load_experiment(path)], tmp_path / "one", progress=reports)
    reports.check("fit")
    assert min(done.scores["cost"]) <= done.scores["cost"][0]


def test_different_layers_are_refused_with_the_file(tmp_path: Path) -> None:
    first, second = write_site(tmp_path, "A", sand=0.4), write_site(tmp_path, "B", sand=0.4)
    second.write_text(
        second.read_text(encoding="utf-8").replace("[soil.texture]", "[soil]\ndzsoil = [0.1, 0.9]\n\n[soil.texture]"),
        encoding="utf-8",
    )
    with pytest.raises(BadInput, match=r"B\.toml.*dzsoil") as caught:
        fit_hydraulics([load_experiment(first), load_experiment(second)], tmp_path / "out")
    assert "same layers" in caught.value.remedy
    assert not (tmp_path / "out").exists()


def test_a_record_with_too_few_days_is_refused(tmp_path: Path) -> None:
    path = write_site(tmp_path, "Short", sand=0.4, days=6)
    with pytest.raises(
        BadInput, match="no sensor within the soil layers has 60 days of measured soil moisture without frost"
    ) as caught:
        hydraulic_site(load_experiment(path), HydraulicSettings())
    assert "least_days" in caught.value.remedy


def test_unknown_properties_are_refused(tmp_path: Path) -> None:
    path = write_site(tmp_path, "Odd", sand=0.4)
    path.write_text("[place]\ncolour = 1.0\n\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(BadInput, match="key 'colour' is unknown"):
        load_experiment(path)


def test_a_training_site_has_the_same_soil_in_other_years(fitted: tuple[Path, Path], tmp_path: Path) -> None:
    _, out = fitted
    again = write_site(tmp_path, "Light", sand=0.5)
    table = pd.read_csv(tmp_path / "Light.csv", parse_dates=["time"])
    later = table.assign(time=table["time"] + pd.Timedelta(days=365), t_air=table["t_air"] + 6.0)
    later.to_csv(tmp_path / "Light.csv", index=False, date_format="%Y-%m-%d %H:%M:%S")
    evaluate_hydraulics(out, [load_experiment(again)], tmp_path / "scores")
    with (
        xr.open_dataset(out / "predictions.nc") as fit,
        xr.open_dataset(tmp_path / "scores/predictions.nc") as later_on,
    ):
        for name in ("b", "satcon", "theta_r"):
            np.testing.assert_allclose(later_on[name].sel(site="Light"), fit[name].sel(site="Light"), rtol=1e-6)
    # days of the training record are refused, wherever the new record begins
    table.iloc[48:].to_csv(tmp_path / "Light.csv", index=False)
    with pytest.raises(BadInput, match="overlaps in time with the training data of the module"):
        evaluate_hydraulics(out, [load_experiment(again)])


def test_a_folder_with_other_files_is_refused_before_the_fit(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("years", encoding="ascii")
    experiment = load_experiment(write_site(tmp_path, "Any", sand=0.4))
    with (
        mock.patch.object(type(experiment), "record", side_effect=AssertionError),
        pytest.raises(BadInput, match="already exists and contains other files"),
    ):
        fit_hydraulics([experiment], tmp_path / "thesis")


def test_a_duplicate_site_is_refused(tmp_path: Path) -> None:
    path = write_site(tmp_path, "Twice", sand=0.4)
    with pytest.raises(BadInput, match="two experiments have the same site name, Twice"):
        fit_hydraulics([load_experiment(path)] * 2, tmp_path / "out")


def test_site_names_with_path_separators_stay_in_the_output_folder(fitted: tuple[Path, Path], tmp_path: Path) -> None:
    _, out = fitted
    module = tmp_path / "module"
    shutil.copytree(out, module)
    with xr.open_dataset(out / "predictions.nc") as ds:
        renamed = ds.load().assign_coords(site=["../Light", "Heavy 2"])
    renamed.to_netcdf(module / "predictions.nc")
    seal(module)
    written = export_ancillaries(module, tmp_path / "anc")
    assert [path.name for path in written] == ["___Light.nc", "Heavy_2.nc"]
    assert {path.parent for path in written} == {tmp_path / "anc"}


def test_sensors_outside_the_layers_and_filled_days_are_excluded(tmp_path: Path) -> None:
    path = write_site(tmp_path, "Qc", sand=0.4)
    experiment = load_experiment(path)
    record = experiment.record()
    theta = record["theta"].to_numpy()
    record = record.drop_dims("depth").assign_coords(depth=[0.5, np.nan, 7.0, 0.05])
    record["theta"] = (("time", "depth"), np.repeat(theta, 4, axis=1))
    record["theta_qc"] = (("time", "depth"), np.zeros(record["theta"].shape))
    record["theta_qc"][:48, 3] = 1.0
    settings = HydraulicSettings(least_days=10)
    with mock.patch.object(type(experiment), "record", return_value=record):
        site = hydraulic_site(experiment, settings)
    assert site.sensor_depth.tolist() == [0.05, 0.5]
    assert np.isfinite(site.observed).sum(0).tolist() == [14, 16]


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        ("sand = 45.0", "outside 0 to 1"),
        ("soc_density = -1.0", "kg m-3"),
        ("sand = 0.7\nclay = 0.6", "add up to 1.3, which is more than 1"),
    ],
)
def test_inputs_out_of_range_are_refused(tmp_path: Path, inputs: str, problem: str) -> None:
    path = write_site(tmp_path, "Odd", sand=0.4)
    path.write_text(f"[place]\n{inputs}\n\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(BadInput, match=problem):
        load_experiment(path)


def test_texture_in_percent_is_refused(tmp_path: Path) -> None:
    path = write_site(tmp_path, "Percent", sand=0.4)
    path.write_text(path.read_text(encoding="utf-8").replace("sand = 0.4", "sand = 40.0"), encoding="utf-8")
    with pytest.raises(BadInput, match="divide it by 100"):
        hydraulic_site(load_experiment(path), HydraulicSettings(least_days=10))


def test_the_column_of_a_site_has_the_carbon_dioxide_of_the_experiment(tmp_path: Path) -> None:
    path = write_site(tmp_path, "Air", sand=0.4)
    text = path.read_text(encoding="utf-8").replace(
        "[[surface.tiles]]", "[surface]\nco2 = 5.0e-4\n\n[[surface.tiles]]", 1
    )
    path.write_text(text, encoding="utf-8")
    assert hydraulic_site(load_experiment(path), HydraulicSettings(least_days=10)).co2 == 5.0e-4


def test_daily_means_need_half_a_day(tmp_path: Path) -> None:
    record = load_experiment(write_site(tmp_path, "Days", sand=0.4, days=3)).record()
    record["theta"][24:37] = np.nan
    days = pd.date_range("2001-06-01", periods=4, freq="D")
    means = daily_means(record["theta"], days, step=pd.Timedelta(hours=1))
    assert means.shape == (4, 1)
    assert np.isfinite(means[:, 0]).tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ("old", "remedy"),
    [
        ("t_soil_above = 274.15", "write frozen_below under [hydraulics]"),
        ("t_air_above = 275.15", "write frozen_below under [hydraulics], and subtract 1 K from the value"),
    ],
)
def test_old_names_of_the_frost_threshold_are_refused_with_the_new_name(tmp_path: Path, old: str, remedy: str) -> None:
    path = write_site(tmp_path, "Old", sand=0.4)
    text = path.read_text(encoding="utf-8").replace("[hydraulics]\n", f"[hydraulics]\n{old}\n")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        load_experiment(path)
    assert (
        caught.value.problem == f"key 'hydraulics.{old.split(maxsplit=1)[0]}' has a new name: 'hydraulics.frozen_below'"
    )
    assert caught.value.remedy == remedy


def test_cards_with_the_former_thresholds_are_read() -> None:
    settings = HydraulicSettings(frozen_below=275.0, members=3)
    former = settings.model_dump()
    del former["frozen_below"]
    for stored in ({**former, "t_air_above": 275.15, "t_soil_above": 275.0}, settings.model_dump()):
        card = current_card({"card_version": 1, "module": "hydraulics", "inputs": {}, "settings": stored})
        assert card is not None
        assert HydraulicSettings(**card["settings"]) == settings


def test_a_map_at_the_places_of_a_fit_has_the_soils_of_its_sites(fitted: tuple[Path, Path], tmp_path: Path) -> None:
    _, module = fitted
    card = json.loads((module / "card.json").read_text(encoding="utf-8"))
    sites = card["sites"]
    places = xr.Dataset(
        {
            name: (
                "land",
                [np.nan if of["inputs"].get(name) is None else of["inputs"][name] for of in sites.values()],
                attrs,
            )
            for name, attrs in card["inputs"].items()
        },
        coords={"latitude": ("land", [50.0, 51.0]), "longitude": ("land", [8.0, 8.0])},
    )
    places.to_netcdf(tmp_path / "static.nc")
    export_ancillaries(module, tmp_path / "sites")
    (tmp_path / "map").mkdir()
    export_soil_map(module, tmp_path / "map", MapRequest((tmp_path / "static.nc",)))
    with xr.open_dataset(tmp_path / "map" / SOIL_MAP) as exported:
        for point, site in enumerate(sites):
            with xr.open_dataset(tmp_path / "sites" / f"{site}.nc") as alone:
                for name in (*LAYERED, *RESIDUAL):
                    expected = alone[name].to_numpy()[:, 0, 0]
                    np.testing.assert_allclose(exported[name].to_numpy()[:, point], expected, rtol=1e-5, atol=1e-7)
