"""Soils made of unbounded numbers are soils that can be; networks take what they are given."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from jules_ml.learned.hydraulics.inputs import climate_inputs
from jules_ml.learned.hydraulics.network import LearnedHydraulics, input_table
from jules_ml.learned.hydraulics.soil import (
    BOUNDS,
    PARAMETERS,
    bounded_parameters,
    learned_soil,
    organic_fraction,
    unbounded_parameters,
)
from jules_ml.physics.hydraulics import SUCTION_CRIT, SUCTION_WILT, suction_vg
from jules_ml.physics.surface import Forcing


@pytest.fixture
def anything() -> torch.Tensor:
    return 20.0 * (torch.rand(5, 4, 500, generator=torch.Generator().manual_seed(0)) - 0.5)


def test_whatever_the_numbers_the_soil_is_consistent(anything: torch.Tensor) -> None:
    organic = torch.linspace(0.0, 1.0, 500).expand(4, -1)
    soil, theta_r = learned_soil(anything, organic)
    assert bool((soil.sm_wilt > 0.0).all())
    assert bool((soil.sm_wilt < soil.sm_crit).all())
    assert bool((soil.sm_crit < soil.sm_sat).all())
    assert bool((soil.satcon > 0.0).all())
    assert bool((soil.hcap > 0.0).all())
    assert bool((soil.hcon > 0.0).all())
    assert bool((theta_r >= 0.0).all())
    assert bool((soil.sm_sat + theta_r).max() < 0.96)


def test_wilting_and_critical_points_lie_on_the_retention_curve() -> None:
    raw = torch.zeros(5, 1, 1, dtype=torch.float64)
    soil, _ = learned_soil(raw, torch.zeros(1, 1, dtype=torch.float64))
    for content, suction in ((soil.sm_wilt, SUCTION_WILT), (soil.sm_crit, SUCTION_CRIT)):
        assert float(suction_vg(content / soil.sm_sat, soil.b, soil.sathh).psi) == pytest.approx(suction, rel=1e-6)


def test_mineral_soil_keeps_mineral_limits_and_peat_goes_beyond(anything: torch.Tensor) -> None:
    mineral = bounded_parameters(anything, torch.zeros(4, 500))
    for name in PARAMETERS:
        low, high = BOUNDS[name]
        assert float(mineral[name].min()) >= low * 0.999
        assert float(mineral[name].max()) <= high * 1.001
    wettest = bounded_parameters(torch.full((5, 1, 1), 9.0), organic_fraction(torch.tensor([[130.0]])))
    assert float(wettest["sm_sat"]) > 0.75


def test_unbounded_is_the_inverse_of_bounded() -> None:
    raw = 2.0 * torch.randn(5, 2, 7, generator=torch.Generator().manual_seed(1), dtype=torch.float64).clamp(-1.5, 1.5)
    organic = torch.full((2, 7), 0.3, dtype=torch.float64)
    assert torch.allclose(unbounded_parameters(bounded_parameters(raw, organic), organic), raw, atol=1e-9)


def test_an_unknown_input_counts_as_the_mean_and_a_far_one_as_the_farthest_seen() -> None:
    network = LearnedHydraulics(["soc_density", "t_air_mean"], members=3)
    seen = input_table(
        [{"soc_density": 10.0, "t_air_mean": 280.0}, {"soc_density": 1000.0, "t_air_mean": 290.0}], network.inputs
    )
    network.scale_to(seen)
    torch.nn.init.normal_(network.direct)

    def given(**inputs: float) -> torch.Tensor:
        properties: torch.Tensor = network(torch.tensor(input_table([inputs], network.inputs)))
        return properties

    assert torch.equal(given(soc=100.0, t_air=float("nan")), given(soc=100.0, t_air=285.0))
    assert torch.equal(given(soc=100.0, t_air=400.0), given(soc=100.0, t_air=290.0))
    assert given(soc=100.0).shape == (3, 5, 2, 1)


def test_climate_says_what_the_weather_was() -> None:
    days = 365
    hours = torch.arange(24.0 * days)
    even = torch.ones(24 * days)
    forcing = Forcing(
        sw_down=150.0 * even,
        lw_down=300.0 * even,
        tot_rain=even * 2.0 / 86400.0,
        tot_snow=0.0 * even,
        t_air=285.0 + 5.0 * torch.sin(2.0 * torch.pi * hours / 24.0),
        wind=2.0 * even,
        pstar=1e5 * even,
        q=0.005 * even,
    )
    found = climate_inputs(forcing, timestep=3600.0, lst=np.full(days, 287.0))
    assert found["precip_annual"] == pytest.approx(730.5, rel=1e-4)
    assert found["t_air_diurnal_range"] == pytest.approx(10.0, rel=1e-3)
    assert found["lst_excess_warm_mean"] == pytest.approx(2.0, abs=1e-3)
    assert found["swi_variation"] == pytest.approx(0.0, abs=1e-3)
    assert np.isnan(climate_inputs(forcing, timestep=3600.0)["lst_excess_warm_mean"])
