"""Longwave radiation from temperature, humidity and clouds."""

from __future__ import annotations

import numpy as np
import platformdirs
import pytest

from jules_ml.data.humidity import saturation_vapour_pressure
from jules_ml.data.readers.davos import FILE_NAME, read_davos
from jules_ml.data.sun import potential_radiation
from jules_ml.weather.longwave import (
    CLEAR_SKY,
    STEFAN_BOLTZMANN,
    brutsaert,
    clearness,
    dilley_obrien,
    longwave_all_sky,
)

WARM, MOIST = np.array([293.15]), np.array([1400.0])


def test_clear_sky_by_hand() -> None:
    # 14 hPa at 293.15 K: emissivity 1.24 (14/293.15)^(1/7) = 0.8030
    np.testing.assert_allclose(brutsaert(WARM, MOIST), 0.8030 * STEFAN_BOLTZMANN * 293.15**4, rtol=1e-3)
    # w = 4.65 * 1400 / 293.15 = 22.21 kg m-2
    np.testing.assert_allclose(
        dilley_obrien(WARM, MOIST), 59.38 + 113.7 * (293.15 / 273.16) ** 6 + 96.96 * np.sqrt(22.207 / 25.0), rtol=1e-4
    )


def test_an_overcast_sky_is_a_black_body() -> None:
    clear = brutsaert(WARM, MOIST)
    assert longwave_all_sky(WARM, clear, np.array([1.0])) == clear
    np.testing.assert_allclose(longwave_all_sky(WARM, clear, np.array([0.0])), STEFAN_BOLTZMANN * WARM**4)


def test_clearness_in_the_polar_night_is_the_last_valid_one() -> None:
    potential = np.concatenate([np.full(48, 200.0), np.zeros(96)])
    sun = np.concatenate([np.full(48, 0.4 * 0.75 * 200.0), np.zeros(96)])
    ratio = clearness(sun, potential, elevation=0.0, per_day=24)
    np.testing.assert_allclose(ratio, 0.4)
    assert clearness(np.zeros(48), np.zeros(48), elevation=0.0, per_day=24).tolist() == [0.5] * 48


@pytest.mark.parametrize(("name", "bias"), [("dilley_obrien", 1.0), ("brutsaert", 4.0)])
def test_longwave_agrees_with_measurements_at_davos(name: str, bias: float) -> None:
    record = platformdirs.user_cache_path("jules_ml") / FILE_NAME
    if not record.is_file():
        pytest.skip("the record of Davos is not in the cache: run jules-ml demo once")
    ds = read_davos(record)
    t_air = ds["t_air"].to_numpy()
    vapour = np.maximum(saturation_vapour_pressure(t_air) - ds["vpd"].to_numpy(), 1.0)
    clear = clearness(
        ds["sw_down"].to_numpy(), potential_radiation(ds).to_numpy(), elevation=ds.attrs["elevation"], per_day=48
    )
    error = longwave_all_sky(t_air, CLEAR_SKY[name](t_air, vapour), clear) - ds["lw_down"].to_numpy()
    assert abs(np.nanmean(error)) < bias
    assert np.sqrt(np.nanmean(error**2)) < 30.0
