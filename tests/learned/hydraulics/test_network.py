"""Soil properties from unbounded parameters, the network and its static inputs."""

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
def raw_parameters() -> torch.Tensor:
    return 20.0 * (torch.rand(5, 4, 500, generator=torch.Generator().manual_seed(0)) - 0.5)


def test_soil_is_consistent_for_any_parameters(raw_parameters: torch.Tensor) -> None:
    organic = torch.linspace(0.0, 1.0, 500).expand(4, -1)
    soil, theta_r = learned_soil(raw_parameters, organic)
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


def test_mineral_soil_is_within_its_bounds_and_peat_has_wider_bounds(raw_parameters: torch.Tensor) -> None:
    mineral = bounded_parameters(raw_parameters, torch.zeros(4, 500))
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


def test_unknown_inputs_are_replaced_by_the_mean_and_outliers_by_the_training_limit() -> None:
    network = LearnedHydraulics(["soc_density", "t_air_mean"], members=3)
    training = input_table(
        [{"soc_density": 10.0, "t_air_mean": 280.0}, {"soc_density": 1000.0, "t_air_mean": 290.0}], network.inputs
    )
    network.scale_to(training)
    torch.nn.init.normal_(network.direct)

    def predicted(**inputs: float) -> torch.Tensor:
        properties: torch.Tensor = network(torch.tensor(input_table([inputs], network.inputs)))
        return properties

    assert torch.equal(
        predicted(soc_density=100.0, t_air_mean=float("nan")), predicted(soc_density=100.0, t_air_mean=285.0)
    )
    assert torch.equal(predicted(soc_density=100.0, t_air_mean=400.0), predicted(soc_density=100.0, t_air_mean=290.0))
    assert predicted(soc_density=100.0).shape == (3, 5, 2, 1)


def test_climate_inputs_are_statistics_of_the_weather() -> None:
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
    climate = climate_inputs(forcing, timestep=3600.0, lst=np.full(days, 287.0))
    assert climate["precip_annual"] == pytest.approx(730.5, rel=1e-4)
    assert climate["t_air_diurnal_range"] == pytest.approx(10.0, rel=1e-3)
    assert climate["lst_excess_warm_mean"] == pytest.approx(2.0, abs=1e-3)
    assert climate["swi_variation"] == pytest.approx(0.0, abs=1e-3)
    assert np.isnan(climate_inputs(forcing, timestep=3600.0)["lst_excess_warm_mean"])
