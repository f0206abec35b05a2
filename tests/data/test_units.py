"""Spellings of units in published files and in loggers."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.refusals import refusal

from jules_ml.data.units import convert


@pytest.mark.parametrize(
    ("unit", "target", "factor"),
    [
        ("µmol CO2 m-2 s-1", "umol m-2 s-1", 1.0),
        ("μmol/m²/s", "umol m-2 s-1", 1.0),
        ("µmol CO₂ m⁻² s⁻¹", "umol m-2 s-1", 1.0),
        ("umol m^-2 s^-1", "umol m-2 s-1", 1.0),
        ("umol/(m2 s)", "umol m-2 s-1", 1.0),
        ("umolm-2s-1", "umol m-2 s-1", 1.0),
        ("umol C m-2 s-1", "umol m-2 s-1", 1.0),
        ("nmol m-2 s-1", "umol m-2 s-1", 1e-3),
        ("mg CO2 m-2 s-1", "umol m-2 s-1", 1e3 / 44.0095),
        ("mgCO2/m2/s", "umol m-2 s-1", 1e3 / 44.0095),
        ("g C m-2 d-1", "umol m-2 s-1", 1e6 / 12.0107 / 86400.0),
        ("gC m-2 d-1", "umol m-2 s-1", 1e6 / 12.0107 / 86400.0),
        ("W/m²", "W m-2", 1.0),
        ("W m^-2", "W m-2", 1.0),
        ("Wm-2", "W m-2", 1.0),
        ("MJ m-2 d-1", "W m-2", 1e6 / 86400.0),
        ("m^3/m^3", "m3 m-3", 1.0),
        ("cm3/cm3", "m3 m-3", 1.0),
        ("m³ m⁻³", "m3 m-3", 1.0),
        ("Vol%", "m3 m-3", 0.01),
        ("mbar", "Pa", 100.0),
        ("mb", "Pa", 100.0),
        ("mm/h", "kg m-2 s-1", 1.0 / 3600.0),
        ("inches s-1", "kg m-2 s-1", 25.4),
        ("g/kg", "kg kg-1", 1e-3),
        ("umolCO2 mol-1", "umol mol-1", 1.0),
        ("ppm", "umol mol-1", 1.0),
        ("m s**-1", "m s-1", 1.0),
        ("ms-1", "m s-1", 1.0),
        ("km/h", "m s-1", 1.0 / 3.6),
        ("deg", "degree", 1.0),
    ],
)
def test_spellings(unit: str, target: str, factor: float) -> None:
    assert float(convert(np.array([2.0]), unit, target, where="x")[0]) == pytest.approx(2.0 * factor, rel=1e-9)


@pytest.mark.parametrize("unit", ["°C", "Deg C", "degC", "degree_C", "Celsius", "C", "deg_C"])
def test_spellings_of_temperature(unit: str) -> None:
    assert float(convert(np.array([10.0]), unit, "K", where="x")[0]) == pytest.approx(283.15)


@pytest.mark.parametrize(
    ("unit", "target", "problem"),
    [
        ("furlongs of", "m s-1", "is unknown"),
        ("W m-2", "umol m-2 s-1", "cannot be converted"),
        ("umol m-2", "umol m-2 s-1", "cannot be converted"),
        ("kg m-2 s-1", "umol m-2 s-1", "cannot be converted"),
    ],
)
def test_other_units_are_refused(unit: str, target: str, problem: str) -> None:
    with refusal("x", problem, "unit"):
        convert(np.array([1.0]), unit, target, where="x")
