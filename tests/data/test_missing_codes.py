"""Old codes of missing values are told from measurements."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.refusals import refusal

from jules_ml.data.missing_codes import is_missing_code, refuse_old_codes


@pytest.mark.parametrize("value", [-99.9, 99.99, -999.9, 6999.0, -6999.0, -7999.0, -9999.9, 7777.0, 99.0])
def test_numbers_of_nines_are_codes(value: float) -> None:
    assert is_missing_code(value)


@pytest.mark.parametrize("value", [0.0, 9.0, 99.5, 98.9, 996.9, -40.0, 0.9])
def test_other_numbers_are_not(value: float) -> None:
    assert not is_missing_code(value)


def test_a_reader_without_the_key_names_another_remedy_and_drops_what_is_outside() -> None:
    raw = np.array([-40.0, 20.0, 99.99])
    with refusal("x.csv", "99.99 looks like a missing-value code (1 values)", "replace it by -9999"):
        refuse_old_codes(raw, raw, "nee", where="x.csv", has_key=False, drops_outside=True)
    outside = np.array([-40.0, 20.0, -999.9])
    refuse_old_codes(outside, outside, "nee", where="x.csv", drops_outside=True)


@pytest.mark.parametrize(
    ("name", "others", "code", "converted"),
    [
        ("theta", [20.0, 45.0], -99.9, -0.999),  # outside the range, in %
        ("theta", [20.0, 45.0], 99.9, 0.999),  # inside the range
        ("nee", [-40.0, 20.0], 99.99, 99.99),
        ("precip", [0.0, 30.0], 6999.0, 6999.0 / 86400.0),
        ("t_air", [-12.0, 25.0], -40.0, 233.15),
        ("theta", [0.12, 0.4], 0.0, 0.0),
    ],
)
def test_codes_are_refused_with_their_key(name: str, others: list[float], code: float, converted: float) -> None:
    raw = np.array([*others, code, code])
    values = np.array([0.2, 0.3, converted, converted])
    with refusal("x.csv", f"{code:g} looks like a missing-value code (2 values)", f"missing = [{code:g}]"):
        refuse_old_codes(raw, values, name, where="x.csv", column="X")


@pytest.mark.parametrize(
    ("name", "raw", "factor"),
    [
        ("relative_humidity", [40.0, 80.0, 99.5, 99.9], 0.01),
        ("pstar", [97.0, 98.5, 99.9], 1000.0),
        ("theta", [0.0, 0.02, 0.3], 1.0),
        ("nee", [2.0, 2.0, 2.0], 1.0),
        ("precip", [0.0, 0.0, 5.0], 1e-4),
    ],
)
def test_measurements_are_not_refused(name: str, raw: list[float], factor: float) -> None:
    refuse_old_codes(np.array(raw), np.array(raw) * factor, name, where="x.csv")


def test_air_of_minus_40_in_a_cold_winter_is_a_measurement() -> None:
    raw = np.array([-40.0, -39.2, -35.0, 20.0])
    refuse_old_codes(raw, raw + 273.15, "t_air", where="x.csv")
