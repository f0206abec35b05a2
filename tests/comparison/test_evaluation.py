"""Evaluation of runs beyond scores: time scales, relationships and ranks among regressions, with known answers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from jules_ml.comparison.benchmarks import MEASURES, benchmark_ranks, mean_ranks, measures_of
from jules_ml.comparison.evaluation_figures import relationship_figure
from jules_ml.comparison.forcing_regressions import (
    BENCHMARKS,
    FORCING,
    ClusteredRegression,
    fitted_regression,
    forcing_of,
    out_of_sample,
)
from jules_ml.comparison.relationships import binned_curve, curve_score, relationships
from jules_ml.comparison.report import compare_runs
from jules_ml.comparison.runs import ECOSYSTEM_RESPIRATION, QUANTITIES, Run
from jules_ml.comparison.scores import QuantityScore, score_runs
from jules_ml.comparison.taylor import taylor_diagrams
from jules_ml.comparison.time_scales import taylor_score, time_scale_scores, time_scales
from jules_ml.data.humidity import saturation_vapour_pressure
from jules_ml.data.site import SiteMeta, site_dataset
from jules_ml.experiment.respiration import RespirationSettings, RowSettings
from jules_ml.scoring.scores import score

LATENT = next(quantity for quantity in QUANTITIES if quantity.name == "latent heat")
DAY_SECONDS = 86400.0
#: Half a year of hours.
TIME = pd.date_range("2020-01-01 01:00", periods=24 * 182, freq="h")
HOUR = np.asarray(TIME.hour, dtype=np.float64)
DAY = np.arange(len(TIME)) / 24.0
SUN = np.maximum(0.0, -np.cos(2.0 * np.pi * (HOUR - 0.5) / 24.0)) * (400.0 + 2.0 * DAY)
T_AIR = 280.0 + 0.08 * DAY + 5.0 * np.sin(2.0 * np.pi * (HOUR - 9.0) / 24.0) + 3.0 * np.sin(DAY / 3.0)
HUMIDITY = 0.7 + 0.2 * np.sin(DAY / 5.0)
T_SOIL = 278.0 + 0.08 * DAY + 3.0 * np.sin(DAY / 4.0)
THETA = 0.25 + 0.05 * np.sin(DAY / 9.0)


def record(**values: np.ndarray) -> xr.Dataset:
    """Tower with weather, soil, and the given fluxes."""
    return site_dataset(
        {"sw_down": SUN, "t_air": T_AIR, "relative_humidity": HUMIDITY, **values},
        time=TIME,
        interval=pd.Timedelta("1h"),
        depth=[0.05],
        meta=SiteMeta(site="tower", source="a test", licence="CC0", latitude=52.0, longitude=0.0),
        where="test",
    )


def run(name: str, **series: np.ndarray) -> Run:
    attrs = {"interval_seconds": 3600.0}
    layers = {"soil temperature": T_SOIL, "soil water": THETA}
    of_run = {
        quantity: xr.DataArray(values, dims="time", coords={"time": TIME}, attrs=attrs)
        for quantity, values in ((key.replace("_", " "), values) for key, values in series.items())
    }
    for quantity, values in layers.items():
        of_run[quantity] = xr.DataArray(
            np.stack([values] * 2, axis=1), dims=("time", "soil"), coords={"time": TIME}, attrs=attrs
        )
    return Run(name, of_run, (0.1, 0.9), {"model": "column"})


def of_days(of: Run, first: int, last: int) -> Run:
    """A run cut to some of its days."""
    cut = {name: values.isel(time=slice(24 * first, 24 * last)) for name, values in of.series.items()}
    return Run(of.name, cut, of.dzsoil, of.summary)


# --- time scales


def test_seasonal_variation_and_anomalies_add_up_to_daily_means() -> None:
    days = pd.date_range("2020-01-02", periods=365, freq="D")
    season = 10.0 * np.sin(2.0 * np.pi * np.arange(365) / 365.0)
    noise = np.where(np.arange(365) % 2, 1.0, -1.0)
    pairs = pd.DataFrame({"observed": season + noise, "modelled": season - noise}, days)
    scales = time_scales(pairs, DAY_SECONDS)
    pd.testing.assert_frame_equal(scales["seasonal"] + scales["anomaly"], scales["daily"])
    scored = QuantityScore(LATENT, "", "run", score(season, season), pairs, DAY_SECONDS)
    by_scale = {each.scale: each for each in time_scale_scores([scored])}
    # the season is right, and the days are the wrong way round
    assert by_scale["seasonal"].r > 0.999
    assert by_scale["anomaly"].r < -0.8
    assert by_scale["seasonal"].sd_ratio == pytest.approx(1.0, abs=0.01)
    assert by_scale["daily"].n == 365


@pytest.mark.parametrize("hours", ["any", "noon"])
def test_one_value_of_a_day_is_no_daily_mean(hours: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sparse = np.full(len(TIME), np.nan)
    kept = np.arange(0, len(TIME), 24) + (rng.integers(0, 24, len(TIME) // 24) if hours == "any" else 11)
    sparse[kept] = SUN[kept]
    runs, ds = [run("good", latent_heat=SUN)], record(le=sparse)
    scored = score_runs(runs, ds)
    assert scored[0].scores.n == len(kept)
    assert time_scale_scores(scored) == []
    # the runs are drawn without it
    assert tmp_path / "figures" / "latent_heat.png" in compare_runs(runs, ds, tmp_path).files


def test_a_short_record_has_no_time_scales() -> None:
    days = pd.date_range("2020-01-02", periods=50, freq="D")
    pairs = pd.DataFrame({"observed": np.arange(50.0), "modelled": np.arange(50.0)}, days)
    assert time_scale_scores([QuantityScore(LATENT, "", "run", score(DAY, DAY), pairs, DAY_SECONDS)]) == []


@pytest.mark.parametrize(
    ("r", "ratio", "expected"), [(1.0, 1.0, 1.0), (1.0, 2.0, 0.64), (-1.0, 1.0, 0.0), (0.5, 0.0, 0.0)]
)
def test_taylor_score(r: float, ratio: float, expected: float) -> None:
    assert taylor_score(r, ratio) == pytest.approx(expected)


def test_law_of_cosines_holds_in_the_taylor_diagram() -> None:
    rng = np.random.default_rng(0)
    days = pd.date_range("2020-01-02", periods=200, freq="D")
    observed = rng.normal(size=200)
    pairs = pd.DataFrame({"observed": observed, "modelled": 0.4 * observed + rng.normal(size=200)}, days)
    scores = time_scale_scores([QuantityScore(LATENT, "", "run", score(observed, observed), pairs, DAY_SECONDS)])
    for each in scores:
        assert each.crmsd**2 == pytest.approx(1.0 + each.sd_ratio**2 - 2.0 * each.sd_ratio * each.r)
    axes = taylor_diagrams(scores, ["run"]).axes
    assert [axis.get_title(loc="left").split("   ")[1] for axis in axes] == [
        "Daily means",
        "Seasonal variation",
        "Anomalies",
    ]


# --- relationships


def test_bins_have_the_mean_of_their_values() -> None:
    driver = np.repeat([0.5, 1.5, 2.5], 10)
    curve = binned_curve(np.arange(30.0), driver, np.array([0.0, 1.0, 2.0, 3.0]))
    np.testing.assert_allclose(curve.mean, [4.5, 14.5, 24.5])
    # a bin of nine values is left out
    assert np.isnan(binned_curve(np.arange(29.0), driver[:29], np.array([0.0, 1.0, 2.0, 3.0])).mean[2])


def test_score_of_a_curve() -> None:
    observed = np.array([1.0, 2.0, 3.0, np.nan])
    assert curve_score(observed, observed) == pytest.approx(1.0)
    # an error as large as the curve itself
    assert curve_score(2.0 * observed, observed) == pytest.approx(np.exp(-1.0))
    assert np.isnan(curve_score(np.array([1.0, 2.0, np.nan, 4.0]), observed))


def test_respiration_is_compared_as_a_function_of_temperature() -> None:
    respiration = 2.0 * 2.0 ** ((T_SOIL - 283.15) / 10.0)
    ds = record(t_soil=T_SOIL[:, None], theta=THETA[:, None])
    right, twice = (
        run("right", ecosystem_respiration=respiration),
        run("twice", ecosystem_respiration=2.0 * respiration),
    )
    made = relationships([right, twice], ds, {ECOSYSTEM_RESPIRATION: pd.Series(respiration, TIME)})
    assert [each.driver for each in made] == ["soil water at 0.05 m", "soil temperature at 0.05 m"]
    for each in made:
        assert each.scores["right"] == pytest.approx(1.0)
        assert each.scores["twice"] == pytest.approx(np.exp(-1.0))
        assert each.shape_scores["twice"] == pytest.approx(1.0)
    temperature = made[1]
    middle = 0.5 * (temperature.edges[1:] + temperature.edges[:-1])
    np.testing.assert_allclose(temperature.observed.mean, 2.0 * 2.0 ** ((middle - 283.15) / 10.0), rtol=0.02)


def test_the_axis_is_that_of_the_means_and_not_of_the_scatter() -> None:
    rng = np.random.default_rng(0)
    flux = 2.0 * 2.0 ** ((T_SOIL - 283.15) / 10.0)
    ds = record(t_soil=T_SOIL[:, None])
    scattered = pd.Series(flux + rng.normal(0.0, 30.0, len(TIME)), TIME)
    made = relationships([run("right", ecosystem_respiration=flux)], ds, {ECOSYSTEM_RESPIRATION: scattered})
    (axis,) = relationship_figure(made, ["right"]).axes
    means = np.concatenate([made[0].observed.mean, made[0].runs["right"].mean])
    low, high = axis.get_ylim()
    assert low < np.nanmin(means) < np.nanmax(means) < high
    assert high - low < 2.0 * (np.nanmax(means) - np.nanmin(means))
    assert axis.get_legend_handles_labels()[1][:2] == ["measured, ± SD", "measured, mean"]


def test_runs_of_unlike_times_are_compared_where_they_overlap() -> None:
    """Both runs have the flux of the observations, whose relationship to temperature changes after four months."""
    late = DAY >= 120.0
    flux = (1.0 + late) * 100.0 * np.exp(-(((T_SOIL - 285.0) / 5.0) ** 2))
    ds, observed = record(t_soil=T_SOIL[:, None]), {LATENT: pd.Series(flux, TIME)}
    first, second = (of_days(run(name, latent_heat=flux), *days) for name, days in (("a", (0, 150)), ("b", (60, 182))))
    for runs in ([first, second], [second, first]):
        (made,) = relationships(runs, ds, observed)
        assert made.scores == pytest.approx({"a": 1.0, "b": 1.0})
    alone = relationships(
        [of_days(run("a", latent_heat=flux), 0, 90), of_days(run("b", latent_heat=flux), 90, 182)], ds, observed
    )
    assert alone == []


def _daily_series(values: xr.DataArray) -> xr.DataArray:
    """Means over days, by their ends."""
    means = values.coarsen(time=24).mean().assign_coords(time=values["time"][23::24])
    return means.assign_attrs(interval_seconds=DAY_SECONDS)


def test_hours_of_one_run_are_compared_as_days_with_daily_output_of_another() -> None:
    flux = 100.0 * np.exp(-(((T_SOIL - 285.0) / 5.0) ** 2)) + SUN
    ds, observed = record(t_soil=T_SOIL[:, None]), {LATENT: pd.Series(flux, TIME)}
    hourly, daily = run("hourly", latent_heat=flux), run("daily", latent_heat=flux)
    means = {name: _daily_series(values) for name, values in daily.series.items()}
    daily = Run("daily", means, daily.dzsoil, daily.summary)
    for runs in ([hourly, daily], [daily, hourly]):
        (made,) = relationships(runs, ds, observed)
        assert made.scores == pytest.approx({"hourly": 1.0, "daily": 1.0})


def test_hours_of_a_flux_are_compared_as_days_with_a_daily_driver() -> None:
    flux = 100.0 * np.exp(-(((T_SOIL - 285.0) / 5.0) ** 2)) + SUN
    ds, observed = record(t_soil=T_SOIL[:, None]), {LATENT: pd.Series(flux, TIME)}
    whole, mixed = run("whole", latent_heat=flux), run("mixed", latent_heat=flux)
    for name in ("soil temperature", "soil water"):
        mixed.series[name] = _daily_series(mixed.series[name])
    (made,) = relationships([mixed], ds, observed)
    (hourly,) = relationships([whole], ds, observed)
    assert made.scores == pytest.approx({"mixed": 1.0})
    # the mean over the day, not the flux of midnight
    assert np.nanmean(made.observed.mean) == pytest.approx(np.nanmean(hourly.observed.mean), rel=0.1)


# --- regressions on the forcing


def test_forcing_has_relative_humidity_by_whatever_the_record_has() -> None:
    forcing = forcing_of(record())
    assert forcing is not None
    assert tuple(forcing) == FORCING
    np.testing.assert_allclose(forcing["relative_humidity"], HUMIDITY, atol=1e-6)
    deficit = saturation_vapour_pressure(T_AIR) * (1.0 - HUMIDITY)
    of_vpd = forcing_of(record(vpd=deficit).drop_vars("relative_humidity"))
    assert of_vpd is not None
    np.testing.assert_allclose(of_vpd["relative_humidity"], HUMIDITY, atol=1e-6)
    assert forcing_of(record().drop_vars("sw_down")) is None


def test_regressions_find_the_functions_that_they_have() -> None:
    forcing = np.stack([SUN, T_AIR, HUMIDITY], axis=1)
    one, two = 5.0 + 0.2 * SUN, 5.0 + 0.2 * SUN + 3.0 * (T_AIR - 280.0)
    np.testing.assert_allclose(fitted_regression("1lin", forcing[:, :1], one).predict(forcing[:, :1]), one, atol=1e-8)
    np.testing.assert_allclose(fitted_regression("2lin", forcing[:, :2], two).predict(forcing[:, :2]), two, atol=1e-8)
    # a bent line: clusters follow it, one line does not
    bent = np.abs(T_AIR - T_AIR.mean())
    clustered = ClusteredRegression(27).fit(forcing, bent).predict(forcing)
    line = fitted_regression("2lin", forcing[:, :2], bent).predict(forcing[:, :2])
    assert np.std(clustered - bent) < 0.35 * np.std(line - bent)


def test_no_row_is_predicted_by_a_regression_that_was_trained_on_it() -> None:
    # only March has a flux: the other months, which its regressions are trained on, have none
    march = (TIME - pd.Timedelta("30min")).month == 3
    predicted = out_of_sample(record(), pd.Series(np.where(march, 100.0, 0.0), TIME))
    assert predicted is not None
    assert len(predicted) == len(TIME)
    np.testing.assert_allclose(predicted.loc[march, list(BENCHMARKS)], 0.0, atol=1e-6)
    # those of the other months are trained on it
    assert float(predicted.loc[~march, "1lin"].abs().min()) > 1.0


def test_a_record_of_one_month_has_no_benchmarks() -> None:
    target = pd.Series(np.where(DAY < 25.0, SUN, np.nan), TIME)
    assert out_of_sample(record(), target) is None


def test_measures_and_ranks() -> None:
    observed = np.array([0.0, 2.0, 4.0, 6.0])
    measures = measures_of(2.0 * observed, observed)
    assert measures == pytest.approx({"bias": 3.0, "nme": 1.5, "sd_ratio": 2.0, "r": 1.0})
    table = pd.DataFrame(
        [[0.0, 0.1, 1.0, 0.9], [-1.0, 0.2, 1.5, 0.8], [1.0, 0.3, 0.4, np.nan]],
        columns=list(MEASURES),
        index=["a", "b", "c"],
    )
    # b and c share the second rank of the bias
    assert mean_ranks(table).to_dict() == pytest.approx(
        {"a": 1.0, "b": (2.5 + 2.0 + 2.0 + 2.0) / 4, "c": (2.5 + 9.0) / 4}
    )


def test_a_run_that_uses_more_than_the_forcing_of_the_step_beats_the_regressions() -> None:
    rng = np.random.default_rng(1)
    # soil moisture limits evaporation, which the weather of the hour does not tell
    flux = 0.3 * SUN * (THETA - 0.18) / 0.1
    ds = record(le=flux + rng.normal(0.0, 5.0, len(TIME)))
    ranks, notes = benchmark_ranks([run("good", latent_heat=flux), run("flat", latent_heat=0.01 * SUN)], ds)
    assert notes == []
    good, flat = ranks
    assert good.as_good
    assert good.ranks["good"] < 1.5
    assert "(1 is best, 4 is worst): good is at least as good as the regression." in good.sentence
    assert not flat.as_good
    assert flat.ranks["flat"] > flat.ranks["3km27"]
    assert "flat is worse than the regression" in flat.sentence


def test_productivity_of_the_record_is_compared_and_not_ranked() -> None:
    """It is a partition of the exchange by a model of radiation and temperature, of which regressions are another form."""
    gpp = 0.02 * SUN
    runs, ds = [run("good", gross_primary_productivity=gpp)], record(gpp=gpp)
    (scored,) = score_runs(runs, ds)
    assert scored.quantity.name == "gross primary productivity"
    assert scored.scores.rmse == pytest.approx(0.0, abs=1e-6)
    assert benchmark_ranks(runs, ds) == ([], [])


def test_a_record_without_humidity_says_what_it_lacks() -> None:
    ds = record(le=0.3 * SUN).drop_vars("relative_humidity")
    ranks, notes = benchmark_ranks([run("good", latent_heat=0.3 * SUN)], ds)
    assert ranks == []
    assert "needs sw_down, t_air and humidity" in notes[0]


# --- the report


def test_the_report_has_the_evaluation(tmp_path: Path) -> None:
    flux = 0.3 * SUN * (THETA - 0.18) / 0.1
    respiration = 2.0 * 2.0 ** ((T_SOIL - 283.15) / 10.0)
    ds = record(le=flux, nee=respiration - 20.0 * (SUN > 0.0), t_soil=T_SOIL[:, None], theta=THETA[:, None])
    runs = [
        run("good", latent_heat=flux, ecosystem_respiration=respiration),
        run("bad", latent_heat=0.2 * SUN, ecosystem_respiration=np.full(len(TIME), 2.0)),
    ]
    rules = RespirationSettings(rows=RowSettings(nee_is_measured=True, ustar_min=None, night_max_potential=None))
    done = compare_runs(runs, ds, tmp_path, respiration=rules)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    for words in (
        "Use of the forcing",
        "3km27",
        "Taylor diagrams",
        "Ecosystem respiration",
        "good is at least as good as the regression",
    ):
        assert words.lower() in page.lower(), words
    assert {path.name for path in done.files} >= {"taylor.png", "relationships.png", "ranks.png"}
    numbers = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    by_driver = {(each["flux"], each["driver"]): each["scores"] for each in numbers["relationships"]}
    scores = by_driver["ecosystem respiration", "soil temperature at 0.05 m"]
    assert scores["good"] == pytest.approx(1.0)
    assert scores["bad"] < 0.9
    assert {each["scale"] for each in numbers["time_scales"]} == {"daily", "seasonal", "anomaly"}
    assert [each["as_good_as_three_variables"] for each in numbers["benchmarks"] if each["run"] == "good"] == [True]


def test_nee_without_quality_codes_is_noted(tmp_path: Path) -> None:
    ds = record(le=0.2 * SUN, nee=5.0 - 0.02 * SUN)
    done = compare_runs([run("good", latent_heat=0.2 * SUN)], ds, tmp_path)
    assert done.evaluation is not None
    assert any("relationships of respiration are left out" in note for note in done.evaluation.notes)
    assert len(score_runs([run("good", latent_heat=0.2 * SUN)], ds)) == 1
