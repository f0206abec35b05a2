"""Learned respiration from records to a module folder: fit, scores outside the training data, adaptation and export."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from _hyytiala import hyytiala
from helpers.module_folders import seal
from helpers.predictions import check_common_names
from helpers.progress import Reports
from helpers.respiration_record import synthetic_record

from jules_ml.errors import BadInput
from jules_ml.experiment.respiration import RespirationSettings, RowSettings
from jules_ml.jules.curve_files import read_curve
from jules_ml.jules.export.curves import export_curves
from jules_ml.learned.adaptation import AdaptationDays, read_days
from jules_ml.learned.respiration.adapt import adapt_respiration
from jules_ml.learned.respiration.base_respiration import base_respiration
from jules_ml.learned.respiration.evaluate import evaluate_respiration
from jules_ml.learned.respiration.fit import fit_respiration, split_test_rows
from jules_ml.learned.respiration.network import LearnedRespiration
from jules_ml.learned.respiration.report import predictions_of, scores_of
from jules_ml.learned.respiration.site import select_rows
from jules_ml.learned.respiration.store import load_respiration
from jules_ml.learned.respiration.training import ConcurvityWarning, train_respiration
from jules_ml.physics.respiration import fsth, ftemp_q10
from jules_ml.scoring.bootstrap import Difference

SOIL = RespirationSettings(target="soil", members=4, inner_folds=3)
S = torch.linspace(0.35, 0.85, 51, dtype=torch.float64)
T = torch.linspace(274.0, 292.0, 37, dtype=torch.float64)


def site_record(**changes: Any) -> xr.Dataset:
    """A synthetic record with porosity."""
    return synthetic_record(**changes).assign_attrs(porosity=0.45)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("modules") / "synthetic"
    reports = Reports()
    fit_respiration(site_record(), SOIL, folder, progress=reports)
    reports.check("fit")
    return folder


def true_f(s: torch.Tensor) -> torch.Tensor:
    return fsth(s, torch.tensor(0.3).double(), torch.ones(()).double(), pools=1)


def test_known_curves_are_recovered(fitted: Path) -> None:
    module, _, card = load_respiration(fitted)
    assert card["given"] in ("learned", "average")
    assert card["inner_validation"]["weights"]["lloyd_taylor"] == 0.0
    with torch.no_grad():
        f, g = module.f(S), module.g(T)
    truth = true_f(S) / true_f(module.reference.reshape(1))
    assert float(torch.sqrt(((f / truth - 1.0) ** 2).mean())) < 0.08
    assert float(torch.sqrt(((g / ftemp_q10(T) - 1.0) ** 2).mean())) < 0.03
    assert module.level.item() == pytest.approx(3.0 * float(true_f(module.reference)), rel=0.05)


def test_curves_are_one_at_their_references(fitted: Path) -> None:
    module, _, _ = load_respiration(fitted)
    with torch.no_grad():
        assert float(module.f(module.reference)) == pytest.approx(1.0, abs=1e-9)
        assert float(module.g(torch.tensor(282.4, dtype=torch.float64))) == pytest.approx(1.0, abs=1e-9)


def test_the_folder_is_complete(fitted: Path) -> None:
    names = {str(path.relative_to(fitted)) for path in fitted.rglob("*") if path.is_file()}
    assert {"model.safetensors", "card.json", "scores.json", "predictions.nc"} <= names
    assert {"figures/curves.png", "figures/observed_predicted.png", "figures/residuals.png"} <= names
    card = json.loads((fitted / "card.json").read_text(encoding="utf-8"))
    assert card["quantity"].startswith("soil respiration")
    assert card["heterotrophic_fraction"] == 0.54
    assert set(card["rows_dropped"]) >= {"flux missing", "soil frozen"}
    scores = json.loads((fitted / "scores.json").read_text(encoding="utf-8"))
    steps = scores["test"]["steps"]
    assert {"learned", "Lloyd-Taylor", "spline", "JULES"} <= set(steps)
    assert all({"coverage", "interval_width", "interval_score"} <= set(of) for of in steps.values())
    # two-month blocks at the end of two years
    difference = Difference.from_scores(steps["Lloyd-Taylor"]["difference"])
    assert difference.value == pytest.approx(steps["learned"]["nse"] - steps["Lloyd-Taylor"]["nse"])
    assert scores["verdict"]["sentence"].endswith(".")
    assert 0.8 < scores["test"]["coverage"] < 0.98
    check_common_names(fitted / "predictions.nc", units="umol m-2 s-1")
    with xr.open_dataset(fitted / "predictions.nc") as predictions:
        assert set(np.unique(predictions["split"])) == {0, 2}


@pytest.mark.no_cover
def test_training_is_reproducible() -> None:
    rows = select_rows(site_record(days=500), SOIL)
    first, second = (train_respiration(rows, SOIL).module.state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_another_site_is_adapted_by_its_first_month(fitted: Path, tmp_path: Path) -> None:
    record = site_record(site="other", r0=6.0, seed=3)
    adaptation = adapt_respiration(fitted, [record], tmp_path / "adapted", days=AdaptationDays(count=30))
    assert adaptation.scores["all"]["nse"] > 0.8
    module, _, card = load_respiration(tmp_path / "adapted")
    assert card["groups"] == ["synthetic", "other"]
    assert adaptation.base_respiration["other"] == pytest.approx(2.0 * float(module.level[0]), rel=0.1)
    assert module.log_level.shape[1] == len(module.level) == len(module.noise) == 2
    check_common_names(tmp_path / "adapted" / "predictions.nc", units="umol m-2 s-1")
    with xr.open_dataset(tmp_path / "adapted" / "predictions.nc") as predictions:
        tested = predictions["split"] == 2
        assert predictions["time"][tested].min() > record["time"][0] + np.timedelta64(29, "D")
        # the rows that baselines are fitted to: the training rows of the module, and the days of the adaptation
        assert set(predictions["site"][~tested].to_numpy()) == {"synthetic", "other"}


def test_days_spread_over_a_year_are_not_scored(fitted: Path, tmp_path: Path) -> None:
    record = site_record(site="other", r0=6.0, seed=3)
    dates = frozenset(pd.date_range("2020-01-05", periods=30, freq="12D").date)
    adaptation = adapt_respiration(fitted, [record], tmp_path / "adapted", days=AdaptationDays(dates=dates))
    assert adaptation.scores["all"]["nse"] > 0.8
    predictions = xr.load_dataset(tmp_path / "adapted" / "predictions.nc")
    days = pd.DatetimeIndex(predictions["middle"][predictions["split"] == 2]).floor("D")
    assert len(days.unique()) == 700
    assert not days.isin(pd.DatetimeIndex(sorted(dates))).any()
    with pytest.raises(BadInput, match="overlaps in time"):
        evaluate_respiration(tmp_path / "adapted", record)
    # another record of the site: the baselines have the base respiration of the same days
    later = site_record(site="other", r0=6.0, seed=4, start="2023-01-01 06:00")
    scores = evaluate_respiration(tmp_path / "adapted", later)
    assert scores["baselines"]["all"]["JULES, Q10 fitted"]["nse"] > 0.7
    assert scores["baselines"]["all"]["JULES, Q10 fitted"]["nse"] == pytest.approx(
        adaptation.scores["baselines"]["all"]["JULES, Q10 fitted"]["nse"], abs=0.05
    )


def test_all_days_of_a_site_leave_none_to_score(fitted: Path, tmp_path: Path) -> None:
    record = site_record(site="other", r0=6.0, seed=3)
    adaptation = adapt_respiration(fitted, [record], tmp_path / "adapted", days=AdaptationDays())
    assert adaptation.scores["all"]["n"] == 0
    assert adaptation.scores["sites"] == {}
    assert adaptation.scores["verdict"]["sentence"] == "Learned respiration has no score on the other days."


def test_a_later_year_of_a_site_has_the_mean_of_its_own_groups(fitted: Path) -> None:
    module, _, card = load_respiration(fitted)
    state = dict(module.state_dict())
    state["level"] = torch.tensor([2.0, 8.0, 100.0], dtype=torch.float64)
    state["noise"] = torch.ones(3, 2, dtype=torch.float64)
    groups = ["synthetic 2020", "synthetic 2021", "other 2020"]
    changed = card | {"groups": groups, "level_prior": None, "sites": {"synthetic": {}, "other": {}}}
    r0, noise = base_respiration(
        LearnedRespiration.from_state(state), changed, ["synthetic 2022", "other 2020", "new 2020"]
    )
    assert r0 == pytest.approx([4.0, 100.0, (2.0 * 8.0 * 100.0) ** (1.0 / 3.0)])
    assert noise.shape == (3, 2)


def test_another_site_that_is_not_adapted_has_the_mean_of_the_training_sites(fitted: Path, tmp_path: Path) -> None:
    scores = evaluate_respiration(fitted, site_record(site="other", r0=6.0, seed=3), tmp_path / "scored")
    assert scores["sites_without_base_respiration"] == ["other"]
    assert scores["all"]["bias"] < -1.0


def test_training_site_and_days_without_observations_are_refused(fitted: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="and needs no adaptation there"):
        adapt_respiration(fitted, [site_record()], tmp_path / "adapted", days=AdaptationDays(count=30))
    never = AdaptationDays(dates=read_days("1999-01-01"))
    with pytest.raises(BadInput, match="none of the days"):
        adapt_respiration(fitted, [site_record(site="other", seed=3)], tmp_path / "adapted", days=never)


def test_a_training_record_is_not_scored(fitted: Path) -> None:
    with pytest.raises(BadInput, match="overlaps in time with the training data of the module") as caught:
        evaluate_respiration(fitted, site_record())
    assert "other years" in caught.value.remedy


def test_a_middle_year_that_was_left_out_is_the_test_period_and_can_be_evaluated(tmp_path: Path) -> None:
    record = site_record(days=1096, start="2019-01-01 06:00")
    settings = SOIL.model_copy(update={"test_years": (2020,)})
    fit = fit_respiration(record, settings, tmp_path / "module")
    with xr.open_dataset(tmp_path / "module" / "predictions.nc") as predictions:
        tested = predictions["middle"].to_numpy()[predictions["split"] == 2]
    assert set(pd.DatetimeIndex(tested).year) == {2020}
    card = json.loads((tmp_path / "module" / "card.json").read_text(encoding="utf-8"))
    assert [[day[:4] for day in days] for days in card["sites"]["synthetic"]["training_days"]] == [
        ["2019"] * 2,
        ["2021"] * 2,
    ]
    scores = evaluate_respiration(tmp_path / "module", record.sel(time=slice("2020-01-02", "2020-12-31")))
    assert scores["all"]["nse"] == pytest.approx(fit.scores["test"]["steps"]["learned"]["nse"], abs=0.02)
    with pytest.raises(BadInput, match="overlaps in time"):
        evaluate_respiration(tmp_path / "module", record.sel(time=slice("2020-01-02", "2021-12-31")))


def test_test_years_need_rows_in_and_outside_them() -> None:
    rows = select_rows(site_record(), SOIL)
    with pytest.raises(BadInput, match="no rows in 1999") as caught:
        split_test_rows(rows, 0.2, (1999, 2020))
    assert "from 2020 to 2021" in caught.value.remedy
    with pytest.raises(BadInput, match="no rows of synthetic remain to train on without 2020, 2021"):
        split_test_rows(rows, 0.2, (2020, 2021))


def test_evaluation_scores_the_baselines_of_the_fit(tmp_path: Path) -> None:
    record = site_record(days=1096, start="2019-01-01 06:00")
    settings = SOIL.model_copy(update={"test_years": (2020,)})
    fit = fit_respiration(record, settings, tmp_path / "module")
    scores = evaluate_respiration(tmp_path / "module", record, tmp_path / "scores", years=[2020])
    for name, of_fit in fit.scores["test"]["steps"].items():
        of_evaluation = scores["all"] if name == "learned" else scores["baselines"]["all"][name]
        for key in ("n", "nse", "coverage", "interval_score"):
            assert of_evaluation[key] == pytest.approx(of_fit[key], rel=1e-6), (name, key)
    assert scores["verdict"]["result"] == fit.scores["verdict"]["result"]
    with pytest.raises(BadInput, match="no rows in 1999"):
        evaluate_respiration(tmp_path / "module", record, years=[1999])


def test_a_folder_of_an_earlier_version_is_scored_without_baselines(fitted: Path, tmp_path: Path) -> None:
    old = Path(shutil.copytree(fitted, tmp_path / "old"))
    with xr.open_dataset(fitted / "predictions.nc") as predictions:
        predictions.drop_vars("group").to_netcdf(old / "predictions.nc")
    seal(old)
    scores = evaluate_respiration(old, site_record(site="other", seed=3))
    assert scores["baselines"]["all"] == {}
    assert "no baseline" in scores["verdict"]["sentence"]
    adaptation = adapt_respiration(
        old, [site_record(site="other", seed=3)], tmp_path / "adapted", days=AdaptationDays(count=30)
    )
    assert adaptation.scores["baselines"]["all"] == {}


def test_curves_are_exported(fitted: Path, tmp_path: Path) -> None:
    files = export_curves(fitted, tmp_path)
    module, _, _ = load_respiration(fitted)
    f, g = read_curve(files[0], "fsth"), read_curve(files[1], "ftemp")
    with torch.no_grad():
        torch.testing.assert_close(f(S), module.f(S), rtol=1e-4, atol=0)
        torch.testing.assert_close(g(T), module.g(T), rtol=1e-4, atol=0)
    assert f.seen_min < 0.3
    assert f.seen_max > 0.9


def test_curves_are_bounded_outside_the_training_range(fitted: Path) -> None:
    module, _, _ = load_respiration(fitted)
    s, t = torch.linspace(0.0, 1.0, 1001).double(), torch.linspace(223.0, 333.0, 1101).double()
    with torch.no_grad():
        f, g = module.f(s), module.g(t)
    assert 0.0 <= float(f.min()) <= float(f.max()) <= 1.5
    assert bool(torch.isfinite(g).all())
    assert float(g.min()) >= 0.0


def test_lloyd_and_taylors_form_is_selected_without_an_effect_of_water() -> None:
    record = site_record(noise=0.6, days=400)
    rng = np.random.default_rng(1)
    t_soil = record["t_soil"].to_numpy()[:, 0]
    flux = 3.0 * np.exp(308.56 * (1 / 56.02 - 1 / (t_soil - 227.13)))
    rows = select_rows(
        record.assign(resp_soil=("time", flux * (1.0 + 0.6 * rng.normal(size=len(flux))), record["resp_soil"].attrs)),
        SOIL,
    )
    learned = train_respiration(rows, SOIL)
    assert learned.validation.form in ("lloyd_taylor", "average")
    assert learned.validation.weights["learned"] <= 1.0 / 3.0


@pytest.mark.parametrize(("outside", "low", "high"), [("edge", 0.999, 1.001), ("jules", 0.0, 0.75)])
def test_f_of_lloyd_and_taylors_form_outside_the_training_range(outside: str, low: float, high: float) -> None:
    settings = SOIL.model_copy(update={"outside": outside})
    record = site_record(noise=0.6, days=400)
    t_soil = record["t_soil"].to_numpy()[:, 0]
    rng = np.random.default_rng(1)
    flux = 3.0 * np.exp(308.56 * (1 / 56.02 - 1 / (t_soil - 227.13))) * (1.0 + 0.6 * rng.normal(size=len(t_soil)))
    dry_left_out = record["theta"].where(record["theta"] > 0.45 * 0.5)
    rows = select_rows(record.assign(resp_soil=("time", flux, record["resp_soil"].attrs), theta=dry_left_out), settings)
    module = train_respiration(rows, settings).module
    with torch.no_grad():
        dry, edge = module.f(torch.tensor([0.3, 0.5]).double())
    assert low <= float(dry / edge) <= high


def test_collinear_water_and_temperature_give_a_warning() -> None:
    rows = select_rows(site_record(days=400, collinear=True), SOIL)
    with pytest.warns(ConcurvityWarning, match="cannot be told apart"):
        train_respiration(rows, SOIL)


def test_separability_can_be_checked() -> None:
    settings = SOIL.model_copy(update={"check_separability": True})
    scores = train_respiration(select_rows(site_record(days=500), settings), settings).separability
    assert scores is not None
    assert scores.nse_joint == pytest.approx(scores.nse_product, abs=0.05)


def test_a_flux_that_is_not_a_product_is_detected() -> None:
    settings = SOIL.model_copy(update={"check_separability": True})
    record = site_record(noise=0.05)
    theta, t_soil = record["theta"].to_numpy()[:, 0] / 0.45, record["t_soil"].to_numpy()[:, 0]
    # warming increases respiration of wet soil and decreases that of dry soil
    flux = 3.0 * np.exp(0.3 * (t_soil - 283.0) * (theta - 0.6))
    rows = select_rows(record.assign(resp_soil=("time", flux, record["resp_soil"].attrs)), settings)
    scores = train_respiration(rows, settings).separability
    assert scores is not None
    assert scores.nse_joint > scores.nse_product + 0.2


def test_day_and_night_at_a_tower(shared_data: Path, tmp_path: Path) -> None:
    record = hyytiala(shared_data).sel(time=slice("2016", "2017"))
    settings = RespirationSettings(members=2, assimilation=True, exchange_rows=4000)
    fit = fit_respiration(record, settings, tmp_path / "tower")
    assert (tmp_path / "tower" / "figures" / "nee.png").is_file()
    assert fit.scores["nee"]["test"]["all hours"]["nse"] > 0.5


@pytest.mark.no_cover
def test_rows_missing_under_a_friction_velocity_threshold_do_not_lower_r0() -> None:
    settings = SOIL.model_copy(update={"likelihood": "student_t"})
    rows = select_rows(site_record(days=400), settings)
    rng = np.random.default_rng(0)
    some = np.where(rng.random((len(rows), 1)) < 0.4, np.nan, rows.flux[:, np.newaxis])
    complete, partial = (
        train_respiration(each, settings).cross_validated.mean() for each in (rows, replace(rows, variants=some))
    )
    assert partial == pytest.approx(complete, rel=0.02)


@pytest.mark.no_cover
def test_rows_without_a_flux_under_the_reference_threshold_are_not_scored() -> None:
    rows = select_rows(site_record(), SOIL)
    flux = np.where(np.arange(len(rows)) % 7 == 0, np.nan, rows.flux)
    rows = replace(rows, flux=flux, variants=rows.flux[:, np.newaxis])
    test = split_test_rows(rows, 0.2)
    learned = train_respiration(rows.take(~test), SOIL)
    scores = scores_of(learned, rows, test, predictions_of(learned, rows, test))
    assert scores["test"]["steps"]["learned"]["n"] == int((test & np.isfinite(flux)).sum())
    assert all(np.isfinite(of["nse"]) for of in scores["test"]["steps"].values())


def test_sites_without_rows_in_the_years_are_left_out(fitted: Path) -> None:
    sites = [site_record(site=f"from {year}", seed=3, start=f"{year}-01-01 06:00") for year in (2020, 2023)]
    scores = evaluate_respiration(fitted, sites, years=[2023])
    assert list(scores["sites"]) == ["from 2023"]


def test_scores_do_not_replace_a_module(fitted: Path) -> None:
    with pytest.raises(BadInput, match="contains a module"):
        evaluate_respiration(fitted, site_record(site="other", seed=3), fitted)
    assert (fitted / "model.safetensors").is_file()


def test_scores_do_not_replace_other_files(fitted: Path, tmp_path: Path) -> None:
    (tmp_path / "scores.json").write_text("{}", encoding="utf-8")
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(BadInput, match="already exists and contains other files"):
        evaluate_respiration(fitted, site_record(site="other", seed=3), tmp_path)
    assert (tmp_path / "mine.txt").is_file()


def test_nee_without_quality_codes_requires_nee_is_measured(shared_data: Path) -> None:
    record = hyytiala(shared_data).drop_vars("nee_qc")
    with pytest.raises(BadInput, match="no quality code"):
        select_rows(record, RespirationSettings())
    every = RespirationSettings(rows=RowSettings(nee_is_measured=True))
    assert len(select_rows(record, every)) > 200


def test_a_monotone_g_increases() -> None:
    settings = SOIL.model_copy(update={"monotone_temperature": True})
    learned = train_respiration(select_rows(site_record(days=400), settings), settings)
    with torch.no_grad():
        assert bool((torch.diff(learned.module.g(T)) > 0.0).all())
    assert learned.validation.nse["learned"] > 0.8
