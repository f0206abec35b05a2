"""Learned soil properties in the host."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.hosts import DZ, KINDS, HostRunner, property_files, tolerance


@pytest.mark.parametrize("kind", KINDS)
def test_properties_and_the_variables_derived_from_them(host: HostRunner, kind: str) -> None:
    settings = "n_days = 2, l_use_pft_psi = .true."
    plain = host.complete(f"host_plain_{kind}", settings).steps.query("point == 1")
    run = host.complete(f"host_{kind}", settings, property_files("properties")).steps.query("point == 1")
    rel = tolerance(kind)
    assert run["b"].to_numpy() == pytest.approx(8.0, rel=rel)  # 5 and 3 kg m-2 of carbon
    assert run["satcon0"].to_numpy() == pytest.approx(0.01, rel=rel)
    assert run["infil"].to_numpy() == pytest.approx(0.04, rel=rel)
    assert run["sm_sat"].to_numpy() == pytest.approx(0.5, rel=rel)
    assert run["v_close"].to_numpy() == pytest.approx(0.5 * (0.1 / (1.5e6 / 9806.65)) ** (1 / 8.0), rel=10 * rel)
    # the water content is conserved, and the wetness is rescaled
    wetness = run["smcl"] / (500.0 * np.tile(DZ, len(run) // 4))
    assert (run["sthu"] + run["sthf"]).to_numpy() == pytest.approx(wetness.to_numpy(), rel=10 * rel)
    assert run["smcl"].iloc[3] == pytest.approx(plain["smcl"].iloc[3], rel=1e-3)


def test_water_above_the_new_saturation_is_removed_and_recorded(host: HostRunner) -> None:
    run = host.complete("host_r64", "n_days = 1", property_files("tight"))
    rows = run.ledger.query("point == 1")
    assert set(rows["cause"]) == {"properties"}
    assert rows["water_kg_m-2"].to_numpy() == pytest.approx(-1000.0 * DZ * 0.05, rel=1e-6)


def test_properties_are_updated_at_an_interval(host: HostRunner) -> None:
    run = host.complete("host_r64", "n_days = 7", property_files("properties", "every_days = 3")).steps
    b = run.query("point == 1 and level == 1").groupby(run["time"].str[8:10])["b"].agg(["min", "max"])
    assert (b["min"] == b["max"]).all()  # they change between days only
    assert list(np.diff(b["min"]) < 0) == [
        False,
        False,
        True,
        False,
        False,
        True,
    ]  # b follows the carbon, which decreases
