"""The number of rows that a fit used, for the user."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from helpers.respiration_record import synthetic_record

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.row_notes import range_notes, row_notes, ustar_note
from jules_ml.learned.respiration.site import select_rows


def test_rows_and_the_rules_that_dropped_them_are_listed() -> None:
    settings = RespirationSettings(target="soil")
    rows = select_rows(synthetic_record(), settings)
    test = np.arange(len(rows)) >= len(rows) - 100
    few = replace(rows, dropped={"flux missing": 90000, "soil frozen": 7, "flux too high": 0})
    assert row_notes(few, test, settings) == [
        f"rows: {len(rows) - 100} training, 100 test; dropped: flux missing 90000, soil frozen 7"
    ]
    calm = replace(rows, dropped={"day": 5, "friction velocity below threshold": 2 * len(rows)})
    note = row_notes(calm, test, settings.model_copy(update={"target": "ecosystem"}))[1]
    assert note == (
        f"{2 * len(rows)} of {3 * len(rows)} measured night rows were dropped by one rule, 'friction velocity below threshold': "
        "its key is [respiration.rows] ustar_min"
    )
    assert row_notes(replace(rows, dropped={}), test, settings) == [f"rows: {len(rows) - 100} training, 100 test"]


def test_the_card_distinguishes_no_threshold_from_no_friction_velocity() -> None:
    record = synthetic_record()
    rows = select_rows(record, RespirationSettings(target="soil"))
    assert ustar_note([record], None, rows, assimilation=False).startswith("no friction velocity in the record")
    record = record.assign(ustar=("time", np.ones(record.sizes["time"])))
    assert ustar_note([record], None, rows, assimilation=False).startswith("no threshold (ustar_min = 'none')")
    assert ustar_note([record], 0.3, rows, assimilation=False) == "rows below 0.3 m s-1 were dropped"


def test_drivers_that_hardly_vary_are_named() -> None:
    settings = RespirationSettings(target="soil")
    rows = select_rows(synthetic_record(), settings)
    assert range_notes(rows, settings) == []
    random = np.random.default_rng(0)
    tropical = replace(rows, t_soil=298.0 + random.random(len(rows)), theta=0.3 + 0.03 * random.random(len(rows)))
    temperature, water = range_notes(tropical, settings)
    assert "the temperature varies only between 298.0 and 299.0 K" in temperature
    assert "temperature_sensor" in temperature
    assert "the water content varies only between 0.30 and 0.33 m3 m-3" in water
    assert range_notes(tropical, settings.model_copy(update={"moisture": "none"})) == [temperature]


def test_a_year_with_a_turned_sign_is_named() -> None:
    settings = RespirationSettings(target="soil")
    rows = select_rows(synthetic_record(), settings)
    one_year = replace(rows, flux=np.where(rows.middle.year == 2021, -rows.flux, rows.flux))
    (note,) = range_notes(one_year, settings)
    assert note.startswith("synthetic: resp_soil is mostly negative in 2021")
