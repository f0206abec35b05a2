"""The run with JULES's own forms and the run with a module, against the same observations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers.module_folders import edit_card, write_cores, write_smallest
from helpers.respiration_folder import write_module
from helpers.small_experiment import write_experiment
from helpers.tower import write_tower
from typer.testing import CliRunner

from jules_ml.cli import app
from jules_ml.comparison.night_respiration import AS_RUN, FITTED_RATE, respiration_scores, with_fitted_rates
from jules_ml.comparison.runs import Run
from jules_ml.comparison.swap_scores import SwapScore, daily_scores, swap_score
from jules_ml.comparison.swapped_runs import SwappedRuns, column_experiments, jules_experiments
from jules_ml.comparison.verdict import ModelVerdict, QuantityVerdict, quantity_verdicts, scores_of_runs, verdict_of
from jules_ml.comparison.verdict_figures import swap_figure
from jules_ml.comparison.verdict_page import verdict_page
from jules_ml.data.site import SiteMeta, site_dataset
from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.experiment.respiration import RespirationSettings, RowSettings
from jules_ml.learned.model_verdict import VERDICT, unused_times, verdict_warning
from jules_ml.learned.store import refuse_other_files
from jules_ml.scoring.bootstrap import Difference

TIME = pd.date_range("2020-01-01 00:30", periods=48 * 120, freq="30min")
HOUR = np.asarray(TIME.hour + TIME.minute / 60.0)
SUN = np.maximum(0.0, -600.0 * np.cos(2.0 * np.pi * HOUR / 24.0))
TRUTH = 3.0 + np.sin(np.arange(len(TIME)) / 300.0)
MEASURED_NEE = RowSettings(nee_is_measured=True, ustar_min=None, night_max_potential=None)
SETTINGS = RespirationSettings(target="ecosystem", rows=MEASURED_NEE)
CARD = {"sites": {"tower": {"training_days": [["2020-01-01", "2020-02-19"]]}}}


def run(name: str, respiration: np.ndarray, theta: np.ndarray) -> Run:
    attrs = {"interval_seconds": 1800.0}
    layers = np.stack([theta] * 4, axis=1)
    series = {
        "soil respiration": xr.DataArray(respiration, dims="time", coords={"time": TIME}, attrs=attrs),
        "soil water": xr.DataArray(layers, dims=("time", "soil"), coords={"time": TIME}, attrs=attrs),
    }
    return Run(name, series, (0.1, 0.25, 0.65, 2.0), {"model": "column"})


@pytest.fixture
def record() -> xr.Dataset:
    """A tower: night NEE is respiration, and two sensors of soil moisture."""
    rng = np.random.default_rng(0)
    nee = TRUTH * (1.0 + 0.1 * rng.normal(size=len(TIME))) - 20.0 * (SUN > 0.0)
    theta = 0.3 + 0.05 * np.sin(np.arange(len(TIME)) / 500.0)
    return site_dataset(
        {"nee": nee, "sw_down": SUN, "theta": np.stack([theta, theta - 0.02], axis=1)},
        time=TIME,
        interval=pd.Timedelta("30min"),
        depth=[0.05, 0.2],
        meta=SiteMeta(site="tower", source="a test", licence="CC0", latitude=52.0, longitude=0.0),
        where="test",
    )


@pytest.fixture
def runs(record: xr.Dataset) -> SwappedRuns:
    """Stock respiration is half of the truth and flat, swapped respiration a third of the truth; θ is the same."""
    theta = record["theta"].isel(depth=0).to_numpy() + 0.01
    return SwappedRuns(run("stock", np.full(len(TIME), 1.5), theta), run("swapped", TRUTH / 3.0, theta), ())


def unused(middle: pd.DatetimeIndex) -> np.ndarray:
    return unused_times(CARD, "tower", middle)


def test_base_rates_are_fitted_to_the_training_period_only(runs: SwappedRuns, record: xr.Dataset) -> None:
    scores, notes = respiration_scores(runs, record, SETTINGS, CARD, unused)
    by_label = {(score.label, score.period): score for score in scores}
    nights = by_label[FITTED_RATE, "nights"]
    assert nights.swapped.nse > 0.95
    assert abs(nights.swapped.bias) < 0.02
    assert nights.stock.nse < 0.1
    assert nights.effect == "better"
    assert nights.nse.lower > 0.5
    # as run, a third of the flux is worse than a constant half
    assert by_label[AS_RUN, "nights"].effect == "worse"
    assert nights.pairs.index.min() >= pd.Timestamp("2020-02-20")
    assert by_label[FITTED_RATE, "steps"].stock.n > 5 * nights.stock.n
    assert "training period" in notes[0]


def test_without_a_training_period_each_half_has_the_rate_of_the_other(runs: SwappedRuns, record: xr.Dataset) -> None:
    scores, notes = respiration_scores(runs, record, SETTINGS, {"sites": {}}, lambda middle: np.ones(len(middle), bool))
    nights = next(score for score in scores if (score.label, score.period) == (FITTED_RATE, "nights"))
    assert nights.swapped.nse > 0.9
    assert "no training period" in notes[0]


def test_curves_of_chambers_are_compared_with_night_nee(runs: SwappedRuns, record: xr.Dataset, tmp_path: Path) -> None:
    path = write_experiment(tmp_path, days=1)
    rules = "[respiration.rows]\nnee_is_measured = true\nustar_min = 'none'\nnight_max_potential = 'none'\n"
    path.write_text(path.read_text(encoding="utf-8") + rules, encoding="utf-8")
    card = CARD | {"settings": RespirationSettings(target="soil").model_dump(mode="json")}
    scores, notes = scores_of_runs(runs, record, "respiration", load_experiment(path), card, unused)
    assert {"night respiration", "soil water"} <= {score.quantity for score in scores}
    assert "the record has no resp_soil, which the module was fitted to: night NEE is compared instead" in notes


def test_rates_of_runs_are_ratios_of_sums() -> None:
    steps = pd.DataFrame(
        {"observed": np.full(400, 6.0), "stock": 2.0, "swapped": 3.0},
        index=pd.date_range("2020-01-01", periods=400, freq="30min"),
    )
    fitted, _ = with_fitted_rates(steps, np.arange(400) >= 200)
    np.testing.assert_allclose(fitted, 6.0)


def test_every_sensor_is_scored_in_its_layer_by_days(runs: SwappedRuns, record: xr.Dataset) -> None:
    scores = daily_scores(runs, record, unused)
    assert [score.name for score in scores] == ["soil water, 0.05 m", "soil water, 0.2 m"]
    assert scores[0].stock.bias == pytest.approx(0.01)
    assert scores[1].stock.bias == pytest.approx(0.03)
    assert scores[0].stock.n == 70
    assert [score.effect for score in scores] == ["unchanged", "unchanged"]


def respiration_like(gain: float, quantity: str = "night respiration", label: str = FITTED_RATE) -> SwapScore:
    """Nights on which the swapped run is better by ``gain`` times the signal."""
    index = pd.date_range("2020-01-01", periods=120, freq="D")
    rng = np.random.default_rng(1)
    truth = 3.0 + np.sin(np.arange(120) / 10.0)
    pairs = pd.DataFrame({"observed": truth + 0.2 * rng.normal(size=120), "stock": 3.0}, index=index)
    scored = swap_score(quantity, pairs.assign(swapped=3.0 + gain * (truth - 3.0)), unit="umol m-2 s-1", label=label)
    assert scored is not None
    return scored


def test_sentences() -> None:
    better = quantity_verdicts([respiration_like(0.9), respiration_like(0.0, "soil water", "0.05 m")])
    result, sentence = verdict_of("respiration", better)
    assert result == "better"
    assert sentence.startswith("In the model, the swap makes night respiration better (NSE ")
    assert sentence.endswith(", θ unchanged.")
    assert "95 % interval of the gain 0." in sentence
    result, sentence = verdict_of("hydraulics", better)
    assert result == "unchanged"
    assert sentence.startswith("The swap does not help here: θ (NSE ")
    assert "night respiration better (NSE " in sentence
    assert verdict_of("respiration", quantity_verdicts([respiration_like(-0.9)]))[0] == "worse"
    difference = Difference("nse", 0.2, -0.9, 2.2)
    unclear = [QuantityVerdict("night respiration", "not different", (0.15, 0.35), difference, "12 nights")]
    assert verdict_of("respiration", unclear)[1] == (
        "It is not clear that the swap helps here: night respiration (NSE 0.15 before, 0.35 with the module, "
        "12 nights; 95 % interval of the gain −0.90 to 2.20)."
    )
    assert verdict_of("moisture", quantity_verdicts([respiration_like(0.9)]))[0] == "unknown"


def test_quantities_that_the_swap_leaves_unchanged_are_not_listed() -> None:
    nights = QuantityVerdict(
        "night respiration", "unknown", (0.15, 0.35), Difference("nse", 0.2, np.nan, np.nan), "12 nights"
    )
    same = [
        QuantityVerdict(name, "unchanged", (0.5, 0.5), Difference("nse", 0.0, 0.0, 0.0), "90 days")
        for name in ("soil water", "latent heat")
    ]
    assert verdict_of("respiration", [nights, *same])[1] == (
        "There are too few days to judge the swap (night respiration: NSE 0.15 before, 0.35 with the module, 12 nights; all other "
        "measured quantities unchanged): fit the module with a larger test_fraction or with test_years, or give a longer run."
    )
    worse = QuantityVerdict("soil temperature", "worse", (0.6, 0.5), Difference("nse", -0.1, -0.2, -0.05), "90 days")
    sentence = verdict_of("respiration", [nights, *same, worse])[1]
    assert "soil temperature worse (NSE 0.60 before, 0.50 with the module), the others unchanged" in sentence


def test_a_verdict_has_a_page(tmp_path: Path) -> None:
    scores = (respiration_like(0.9),)
    sentence = "In the model, the swap makes night respiration better."
    verdict = ModelVerdict("better", sentence, (), scores, ("a note",), {}, ())
    page = verdict_page(verdict, tmp_path, title="tower in the model").read_text(encoding="utf-8")
    assert page.index(sentence) < page.index("<td>JULES&#39;s own forms</td>") < page.index("<td>swapped</td>")
    assert "a note" in page
    assert "predictions.nc" not in page
    assert "Both runs are scored" in page


def test_figure_has_both_runs() -> None:
    figure = swap_figure(respiration_like(0.9))
    legend = figure.axes[0].get_legend()
    assert legend is not None
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["measured", "JULES's own forms", "swapped"]
    assert "m$^{-2}$ s$^{-1}$" in figure.axes[0].get_ylabel()


def test_warning_until_the_verdict_is_good(tmp_path: Path) -> None:
    module = write_module(tmp_path / "module")
    warning = verdict_warning(module)
    assert warning is not None
    assert f"jules-ml evaluate {module} --in-model" in warning
    verdict = {"result": "not different", "sentence": "The swap does not help here.", "worse": []}
    (module / VERDICT).write_text(json.dumps(verdict), encoding="utf-8")
    assert "does not help here" in str(verdict_warning(module))
    (module / VERDICT).write_text(json.dumps(verdict | {"result": "better", "worse": ["soil water"]}), encoding="utf-8")
    assert verdict_warning(module) is not None
    (module / VERDICT).write_text(json.dumps(verdict | {"result": "better"}), encoding="utf-8")
    assert verdict_warning(module) is None
    (module / VERDICT).write_text("{", encoding="utf-8")
    assert "damaged" in str(verdict_warning(module))
    refuse_other_files(module)


def test_a_verdict_on_the_same_site_need_not_be_repeated(tmp_path: Path) -> None:
    module = write_module(tmp_path / "module")
    verdict = {
        "result": "not different",
        "sentence": "The swap does not help here.",
        "worse": [],
        "kind": "respiration",
        "site": "elsewhere",
        "experiment": "other.toml",
    }
    path = write_experiment(tmp_path, ("[run]\n", '[modules]\nrespiration = "module"\n\n[run]\n'), days=1)
    experiment = load_experiment(path)
    (module / VERDICT).write_text(json.dumps(verdict), encoding="utf-8")
    warning = str(verdict_warning(module, experiment))
    assert "It is about elsewhere. Repeat it for another site with 'jules-ml evaluate" in warning
    same = {"site": experiment.site.name, "experiment": path.name}
    (module / VERDICT).write_text(json.dumps(verdict | same), encoding="utf-8")
    warning = str(verdict_warning(module, experiment))
    assert warning.endswith("The module may not improve this run; [modules] respiration can be removed")
    assert "Repeat" in str(verdict_warning(module))


def test_export_warns_of_a_module_without_a_verdict(tmp_path: Path) -> None:
    module = write_module(tmp_path / "module")
    command = ["export", str(module), "--to", "curves", "--out", str(tmp_path / "curves")]
    assert "it is unknown whether module makes the run better" in " ".join(
        CliRunner().invoke(app, command).output.split()
    )
    (module / VERDICT).write_text(json.dumps({"result": "better", "sentence": "", "worse": []}), encoding="utf-8")
    assert "warning" not in CliRunner().invoke(app, command).output


def test_run_warns_of_a_module_without_a_verdict(tmp_path: Path) -> None:
    write_module(tmp_path / "module")
    path = write_experiment(tmp_path, ("[run]\n", '[modules]\nrespiration = "module"\n\n[run]\n'), days=1)
    result = CliRunner().invoke(app, ["run", str(path), "--out", str(tmp_path / "run")])
    assert result.exit_code == 0, result.output
    assert "it is unknown whether module makes the run better" in " ".join(result.output.split())


def test_a_closed_loop_warns_of_moisture_without_a_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_experiment(tmp_path, ("[run]\n", '[closed_loop]\nmoisture = "theta"\n\n[run]\n'), days=1)
    monkeypatch.setattr("jules_ml.cli.run._run_closed_loop", lambda *_: None)
    result = CliRunner().invoke(app, ["run", str(path), "--out", str(tmp_path / "run")])
    assert result.exit_code == 0, result.output
    assert "it is unknown whether theta makes the run better" in " ".join(result.output.split())


def test_unused_times() -> None:
    middle = pd.DatetimeIndex(["2020-01-05 12:00", "2020-02-19 23:45", "2020-02-20 00:15"])
    assert unused_times(CARD, "tower", middle).tolist() == [False, False, True]
    assert unused_times(CARD, "elsewhere", middle).all()
    left_out = {"sites": {"tower": {"training_days": [["2020-01-05", "2020-01-05"], ["2020-02-20", "2020-03-01"]]}}}
    assert unused_times(left_out, "tower", middle).tolist() == [False, True, False]


JULES = """
[data]
reader = "jules_driving"
path = "weather.dat"
start = 2001-06-01T00:00:00
period = 1800.0
[jules]
folder = "point"
hooks = "other_hooks"
[modules]
hydraulics = "soils"
[run]
model = "jules"
via = ["ancillary", "hooks"]
"""


def test_ways_into_jules(tmp_path: Path) -> None:
    path = tmp_path / "jules.toml"
    path.write_text(JULES, encoding="utf-8")
    experiment = load_experiment(path)
    stock, swapped = jules_experiments(tmp_path / "module", "respiration", experiment, "tower", tmp_path)
    assert stock.run is not None
    assert swapped.run is not None
    assert swapped.jules is not None
    # another configuration of the hooks is part of both runs' files, but the module takes its place in the swapped one
    assert stock.run.via == ("ancillary", "hooks")
    assert swapped.run.via == ("ancillary", "hooks")
    assert swapped.jules.hooks is None
    assert swapped.modules.respiration == tmp_path / "module"
    assert swapped.modules.hydraulics == stock.modules.hydraulics
    stock, swapped = jules_experiments(tmp_path / "module", "hydraulics", experiment, "tower", tmp_path)
    assert stock.run is not None
    assert stock.run.via == ("hooks",)
    assert stock.modules.hydraulics is None
    assert swapped.modules.hydraulics == tmp_path / "module"


def write_moisture(folder: Path) -> Path:
    """Write ten days of predicted soil moisture at the tower."""
    time = np.datetime64("2001-06-02", "ns") + np.arange(10) * np.timedelta64(1, "D")
    rows = {
        "time": ("row", time),
        "site": ("row", np.full(10, "tower")),
        "split": ("row", np.zeros(10)),
        "theta_layers": (("row", "soil"), np.full((10, 4), 0.2)),
    }
    soil = {"sm_sat": [0.4], "theta_r": [0.0], "utc_offset_hours": 0.0}
    return write_smallest(folder, "moisture", xr.Dataset(rows), sites={"tower": soil})


def test_moisture_is_prescribed_in_jules(tmp_path: Path) -> None:
    path = tmp_path / "jules.toml"
    path.write_text(JULES, encoding="utf-8")
    module = write_moisture(tmp_path / "theta")
    stock, swapped = jules_experiments(module, "moisture", load_experiment(path), "tower", tmp_path / "out")
    assert stock.run is not None
    assert swapped.run is not None
    assert swapped.jules is not None
    assert swapped.jules.prescribed is not None
    assert (stock.run.via, swapped.run.via) == (("ancillary", "hooks"), ("ancillary", "hooks", "prescribed"))
    with xr.open_dataset(swapped.jules.prescribed.file, decode_times=False) as ds:
        np.testing.assert_allclose(ds["sthuf"], 0.5)
    with pytest.raises(BadInput, match="no predictions at elsewhere"):
        jules_experiments(module, "moisture", load_experiment(path), "elsewhere", tmp_path / "out")


def test_moisture_has_no_way_into_the_column(tmp_path: Path) -> None:
    experiment = load_experiment(write_experiment(tmp_path))
    with pytest.raises(BadInput, match="cannot be prescribed in a run of the column"):
        column_experiments(tmp_path, "moisture", experiment, "tower", tmp_path)


def test_carbon_is_no_part_of_a_run(tmp_path: Path) -> None:
    module = write_cores(tmp_path / "cores")
    path = write_experiment(tmp_path)
    result = CliRunner().invoke(app, ["evaluate", str(module), "--in-model", str(path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "a carbon module is no part of a run" in " ".join(result.output.split())


def test_a_run_within_the_training_period_is_refused(tmp_path: Path) -> None:
    module = write_module(tmp_path / "module")
    sites = {"Somewhere": {"training_days": [["2001-01-01", "2001-12-31"]]}}
    edit_card(module, lambda card: card | {"sites": sites, "groups": ["Somewhere"]})
    path = write_experiment(tmp_path)
    result = CliRunner().invoke(app, ["evaluate", str(module), "--in-model", str(path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "trained on all of the record" in " ".join(result.output.split())


def of_ecosystem(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of a fit to measured NEE at night."""
    return settings | {"target": "ecosystem", "rows": {**settings["rows"], "nee_is_measured": True}}


@pytest.mark.slow
def test_a_better_module_is_judged_better_in_the_column(tmp_path: Path) -> None:
    path = write_tower(tmp_path, sensitivity=0.15, end="2020-05-12")
    module = write_module(tmp_path / "module", q10=(4.5, 5.0, 5.5))
    edit_card(module, lambda card: card | {"settings": of_ecosystem(card["settings"])})
    runner, out = CliRunner(), tmp_path / "verdict"
    command = ["evaluate", str(module), "--in-model", str(path), "--out", str(out)]
    result = runner.invoke(app, command)
    assert result.exit_code == 0, result.output
    text = " ".join(result.output.split())
    assert "In the model, the swap makes night respiration better" in text
    verdict = json.loads((module / VERDICT).read_text(encoding="utf-8"))
    assert verdict == json.loads((out / VERDICT).read_text(encoding="utf-8"))
    assert verdict["result"] == "better"
    assert verdict["model"] == "column"
    assert (out / "report.html").is_file()
    assert (out / "figures" / "night_respiration_base_rate_fitted.png").is_file()
    for name in ("stock", "swapped"):
        assert (out / "runs" / name / "column.nc").is_file()
    assert verdict_warning(module) is None
