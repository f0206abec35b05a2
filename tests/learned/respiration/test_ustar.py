"""``ustar_min = "estimate"``: the u* threshold is estimated from the record, applied to its night rows and written to the card."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from _hyytiala import hyytiala
from helpers.hanford import HANFORD, hanford, hanford_file
from typer.testing import CliRunner

from jules_ml.cli import app
from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.experiment.respiration import RespirationSettings, RowSettings
from jules_ml.learned.respiration.evaluate import evaluate_respiration
from jules_ml.learned.respiration.exchange import select_exchange
from jules_ml.learned.respiration.fit import fit_respiration
from jules_ml.learned.respiration.site import select_rows

ESTIMATE = RespirationSettings(rows=RowSettings(ustar_min="estimate"))
QUICK = RespirationSettings(members=2, inner_folds=2, inner_rows=500, rows=RowSettings(ustar_min="estimate"))


@pytest.fixture(scope="module")
def sagebrush(shared_data: Path) -> xr.Dataset:
    """US-Hn1: NEE that its source has not filtered by u*."""
    return hanford(shared_data)


def test_night_rows_below_the_estimate_are_dropped(sagebrush: xr.Dataset) -> None:
    rows = select_rows(sagebrush, ESTIMATE)
    threshold = rows.ustar["US-Hn1"]
    assert threshold.method == "change-point"
    assert 0.15 < threshold.p16 < threshold.p50 < threshold.p84 < 0.35
    assert float(sagebrush["ustar"].sel(time=rows.time).min()) >= threshold.p50
    number = RespirationSettings(rows=RowSettings(ustar_min=threshold.p50))
    by_number = select_rows(sagebrush, number)
    np.testing.assert_array_equal(rows.time, by_number.time)
    assert rows.dropped == by_number.dropped
    assert by_number.ustar == {}


def test_the_method_can_be_chosen(sagebrush: xr.Dataset) -> None:
    rules = RowSettings(ustar_min="estimate", ustar_method="moving-point")
    threshold = select_rows(sagebrush, RespirationSettings(rows=rules)).ustar["US-Hn1"]
    assert threshold.method == "moving-point"
    assert 0.05 < threshold.p50 < 0.2


def test_photosynthesis_is_fitted_to_the_same_nights(sagebrush: xr.Dataset) -> None:
    threshold = select_rows(sagebrush, ESTIMATE).ustar["US-Hn1"].p50
    number = RespirationSettings(rows=RowSettings(ustar_min=threshold))
    estimated, by_number = (select_exchange(sagebrush, each).rows.time for each in (ESTIMATE, number))
    np.testing.assert_array_equal(estimated, by_number)


def test_the_card_contains_the_estimate_and_a_note_is_printed(shared_data: Path, tmp_path: Path) -> None:
    section = f'[data]\nreader = "table"\npath = "{hanford_file(shared_data)}"\n{HANFORD}'
    rules = (
        '[respiration]\nmembers = 2\ninner_folds = 2\ninner_rows = 500\n[respiration.rows]\nustar_min = "estimate"\n'
    )
    (tmp_path / "hanford.toml").write_text(section + rules, encoding="utf-8")
    arguments = ["fit", "respiration", str(tmp_path / "hanford.toml"), "--out", str(tmp_path / "module")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    card = json.loads((tmp_path / "module" / "card.json").read_text(encoding="utf-8"))
    estimate = card["ustar_threshold"]["US-Hn1"]
    assert estimate["method"] == "change-point"
    assert estimate["p16"] < estimate["p50"] < estimate["p84"]
    assert set(estimate["by_year"]) == {"2016", "2017"}
    note = (
        f"US-Hn1: the estimated u* threshold is {estimate['p50']:.2f} m s-1 (16 to 84 %: {estimate['p16']:.2f} to "
        f"{estimate['p84']:.2f} m s-1, change-point method)"
    )
    assert note in result.output.replace("\n", " ")
    assert "time stamps are about 60 minutes too early in 2017-09 to 2017-10" in result.output.replace("\n", " ")
    assert card["ustar"] == "night rows below the estimated threshold of each site were dropped: see ustar_threshold"


def test_other_years_of_a_fitted_site_take_its_threshold(sagebrush: xr.Dataset, tmp_path: Path) -> None:
    # from September 2017 on the record's clock is an hour early
    first, later = sagebrush.sel(time=slice(None, "2017-03-31")), sagebrush.sel(time=slice("2017-04-01", "2017-08-31"))
    fitted = fit_respiration(first, QUICK, tmp_path / "module")
    threshold = fitted.learned.rows.ustar["US-Hn1"].p50
    evaluate_respiration(tmp_path / "module", later, tmp_path / "scores")
    with xr.open_dataset(tmp_path / "scores" / "predictions.nc") as scored:
        ustar = later["ustar"].sel(time=scored["time"].to_numpy())
    assert threshold <= float(ustar.min()) < threshold + 0.01


def test_a_record_without_friction_velocity(sagebrush: xr.Dataset) -> None:
    with pytest.raises(
        BadInput, match=r"the record contains no friction velocity \('ustar'\) to estimate a threshold from"
    ) as caught:
        select_rows(sagebrush.drop_vars("ustar"), ESTIMATE)
    assert caught.value.where == "site US-Hn1, variable ustar"
    assert (
        caught.value.remedy == "name its column (USTAR) in [data], or set ustar_min to a number in [respiration.rows]"
    )


def test_too_few_night_rows(sagebrush: xr.Dataset) -> None:
    with pytest.raises(
        BadInput, match=r"no u\* threshold by the change-point method in \d+ night rows of 1 year"
    ) as caught:
        select_rows(sagebrush.isel(time=slice(0, 1200)), ESTIMATE)
    assert "set ustar_min to a number" in caught.value.remedy


def test_hyytiala_was_filtered_by_its_source(shared_data: Path) -> None:
    """The estimate is refused, and the source's own threshold, about 0.3 m s-1, is named."""
    with pytest.raises(BadInput, match=r"filtered by u\* already, at about 0\.3") as caught:
        select_rows(hyytiala(shared_data), ESTIMATE)
    assert "set ustar_min to that number" in caught.value.remedy


def test_hyytiala_with_synthetic_calm_nights(shared_data: Path) -> None:
    """Synthetic respiration, reduced in calm air, with u* and temperature of Hyytiälä: the threshold is recovered."""
    ds = hyytiala(shared_data)
    true = 2.5 * 2.0 ** ((ds["t_air"] - 283.15) / 10.0) * np.minimum(1.0, ds["ustar"] / 0.35)
    noise = np.random.default_rng(1).laplace(size=true.size) * (0.3 + 0.25 * true)
    leaky = ds.assign(nee=(true + noise).assign_attrs(ds["nee"].attrs), nee_qc=0.0 * ds["nee_qc"])
    threshold = select_rows(leaky, ESTIMATE).ustar["FI-Hyy"]
    assert abs(threshold.p50 - 0.35) < 0.03
    assert threshold.p16 < threshold.p50 < threshold.p84


def test_several_thresholds_of_the_source_take_precedence(shared_data: Path) -> None:
    """A record with NEE under several thresholds was filtered by its source, and no threshold is estimated."""
    ds = hyytiala(shared_data)
    variants = xr.concat([ds["nee"], ds["nee"]], "ustar_percentile").transpose("time", ...)
    codes = xr.concat([ds["nee_qc"], ds["nee_qc"]], "ustar_percentile").transpose("time", ...)
    rows = select_rows(ds.assign(nee_ustar=variants, nee_ustar_qc=codes), ESTIMATE)
    assert rows.ustar == {}
    assert rows.variants is not None


@pytest.mark.parametrize("value", ['"guess"', "-1.0", "3.0"])
def test_other_values_are_refused(value: str, tmp_path: Path) -> None:
    (tmp_path / "e.toml").write_text(f"[respiration.rows]\nustar_min = {value}\n", encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        load_experiment(tmp_path / "e.toml")
    assert "line 2, respiration.rows.ustar_min" in str(caught.value.where)
    assert "'estimate'" in caught.value.remedy
