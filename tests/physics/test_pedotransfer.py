"""Pedotransfer functions: published values, JULES's own soil, the Rosetta package, gradients and refusals."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from jules_ml.errors import BadInput
from jules_ml.physics import hydraulics, pedotransfer
from jules_ml.physics.pedotransfer import VanGenuchten

f64 = torch.float64


def tensor(value: float) -> Tensor:
    return torch.tensor(value, dtype=f64)


def test_cosby_gives_the_soil_of_jules_loobos_with_natural_powers() -> None:
    """All six hydraulic values of the namelists at Loobos, from 27 % sand and 23 % clay."""
    soil = pedotransfer.clapp_hornberger_cosby(tensor(0.27), tensor(0.23), base=math.e)
    for value, namelist, digits in (
        (soil.b, 6.63, 1e-3),
        (soil.sathh, 0.04946, 1e-5),
        # made with -5.55 for ln(25.4 / 3600) - 0.6, which is -5.554
        (soil.satcon, 0.004715, 2e-5),
        (soil.sm_sat, 0.45815, 1e-5),
        (soil.sm_sat * hydraulics.wetness_at_suction_ch(hydraulics.SUCTION_CRIT, soil.b, soil.sathh), 0.242433, 1e-5),
        (soil.sm_sat * hydraulics.wetness_at_suction_ch(hydraulics.SUCTION_WILT, soil.b, soil.sathh), 0.136328, 1e-5),
    ):
        assert float(value) == pytest.approx(namelist, abs=digits)


def test_cosby_gives_the_published_loam_with_common_powers() -> None:
    """Cosby et al. (1984) in their units: percent, cm of suction, inches an hour."""
    sand, silt, clay = 0.43, 0.39, 0.18
    soil = pedotransfer.clapp_hornberger_cosby(tensor(sand), tensor(clay))
    assert float(soil.b) == pytest.approx(3.10 + 0.157 * 18 - 0.003 * 43)
    assert float(soil.sathh) == pytest.approx(0.01 * 10 ** (1.54 - 0.0095 * 43 + 0.0063 * 39), rel=1e-9)
    assert float(soil.satcon) == pytest.approx(10 ** (-0.6 + 0.0126 * 43 - 0.0064 * 18) * 25.4 / 3600, rel=1e-9)
    assert float(soil.sm_sat) == pytest.approx(0.01 * (50.5 - 0.142 * 43 - 0.037 * 18))
    assert sand + silt + clay == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("clay", "silt", "theta_s", "alpha", "n"),
    # of 4.5 % organic matter and 1.124447 g cm-3, from the documentation of the R package euosi, pFpara_ptf_Wosten1999
    [(0.25, 0.15, 0.5098983, 0.05413231, 1.169909), (0.45, 0.03, 0.5043651, 0.04231467, 1.177021)],
)
def test_hypres_gives_published_retention(clay: float, silt: float, theta_s: float, alpha: float, n: float) -> None:
    soil = pedotransfer.van_genuchten_hypres(tensor(silt), tensor(clay), tensor(1124.447), tensor(0.045 / 1.724))
    assert float(soil.sm_sat + soil.theta_r) == pytest.approx(theta_s, abs=1e-6)
    assert float(soil.sathh) == pytest.approx(0.01 / alpha, rel=1e-6)
    assert float(soil.b) == pytest.approx(1.0 / (n - 1.0), rel=1e-5)


def test_hypres_conductivity_by_hand() -> None:
    """A subsoil of 20 % clay, 40 % silt, 1 % organic matter and 1.5 g cm-3, term by term in the paper's order."""
    ln_ks = 7.755 + 1.408 + 0 - 2.17575 - 0.1936 - 0.5152 + 0.000025 - 0.0748 - 0.643 * math.log(40) - 0.4194 - 0.25095
    soil = pedotransfer.van_genuchten_hypres(
        tensor(0.4), tensor(0.2), tensor(1500.0), tensor(0.01 / 1.724), topsoil=0.0
    )
    assert float(soil.satcon) == pytest.approx(math.exp(ln_ks) * 10 / 86400, rel=1e-9)


def retention(soil: VanGenuchten, suction: float) -> Tensor:
    """Water content that a sensor would read at a suction [m3 m-3]."""
    return soil.theta_r + soil.sm_sat * hydraulics.wetness_at_suction_vg(suction, soil.b, soil.sathh)


def test_hypres_near_rosetta_at_neon_plots(shared_data: Path) -> None:
    """Two functions fitted to different soils, of which HYPRES uses carbon: similar at field capacity, different when dry."""
    rosetta = pytest.importorskip("rosetta")
    plots = pd.read_csv(shared_data / "carbon" / "neon_plot_soc_0_30cm.csv").dropna()
    sand, clay, carbon = plots["sand_0_30"] / 100, plots["clay_0_30"] / 100, plots["OC_gkg_0_30"] / 1000
    silt = 1 - sand - clay
    mineral = (carbon < 0.058) & (clay >= 0.01) & (silt >= 0.01) & (plots["BD_0_30"] > 0.7)
    assert mineral.sum() > 300

    def column(values: pd.Series) -> Tensor:
        return torch.tensor(values[mineral].to_numpy(dtype=np.float64))

    ours = pedotransfer.van_genuchten_hypres(
        column(silt), column(clay), column(1000 * plots["BD_0_30"]), column(carbon)
    )
    texture = np.column_stack([100 * column(x) for x in (sand, silt, clay)] + [column(plots["BD_0_30"])])
    theirs = torch.from_numpy(rosetta.rosetta(3, texture.tolist(), "geo")[0])
    theta_r, theta_s, alpha, n, satcon = theirs.unbind(-1)[:5]
    reference = VanGenuchten(
        b=1 / (n - 1), sathh=0.01 / alpha, satcon=satcon * 10 / 86400, sm_sat=theta_s - theta_r, theta_r=theta_r
    )
    # median absolute differences as measured: 0.012, 0.030 and 0.019 m3 m-3, and a factor of 1.7
    for suction, bound in ((hydraulics.SUCTION_CRIT, 0.015), (hydraulics.SUCTION_WILT, 0.035), (0.0001, 0.022)):
        difference = (retention(ours, suction) - retention(reference, suction)).abs()
        assert float(difference.median()) < bound
    assert float((ours.satcon / reference.satcon).log10().abs().median()) < 0.25


def test_carbon_increases_water_retention() -> None:
    carbon = torch.tensor([0.005, 0.01, 0.02, 0.04], dtype=f64)
    soil = pedotransfer.van_genuchten_hypres(tensor(0.4), tensor(0.2), tensor(1300.0), carbon)
    for suction in (hydraulics.SUCTION_CRIT, hydraulics.SUCTION_WILT):
        assert (retention(soil, suction).diff() > 0).all()


def leaf(*values: float) -> Tensor:
    return torch.tensor(values, dtype=f64, requires_grad=True)


@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (pedotransfer.clapp_hornberger_cosby, (leaf(0.4, 0.1), leaf(0.2, 0.5))),
        (
            lambda s, c, d, o, t: pedotransfer.van_genuchten_hypres(s, c, 1e3 * d, o, t)[:4],
            (leaf(0.4, 0.2), leaf(0.2, 0.5), leaf(1.3), leaf(0.02), leaf(1.0)),
        ),
    ],
)
def test_gradients(function: Any, inputs: tuple[Tensor, ...]) -> None:
    assert torch.autograd.gradcheck(function, inputs)


def test_single_and_double_precision_agree() -> None:
    silt, clay, carbon = torch.rand(5, 1) * 0.4 + 0.1, torch.rand(4) * 0.4 + 0.05, torch.rand(3, 1, 1) * 0.05 + 0.005
    density = torch.tensor(1300.0)
    single = pedotransfer.van_genuchten_hypres(silt, clay, density, carbon)
    double = pedotransfer.van_genuchten_hypres(silt.double(), clay.double(), density.double(), carbon.double())
    for one, two in zip(single, double, strict=True):
        assert one.shape == (3, 5, 4)
        assert one.dtype == torch.float32
        torch.testing.assert_close(one.double(), two, rtol=2e-4, atol=1e-6)


def test_texture_in_percent_is_refused_with_the_remedy() -> None:
    with pytest.raises(BadInput) as refusal:
        pedotransfer.check_texture(tensor(43.0), tensor(39.0), tensor(18.0), where="soil.csv, row 3")
    assert refusal.value.where == "soil.csv, row 3, sand"
    assert "divide by 100" in refusal.value.remedy


def test_texture_that_does_not_add_to_one_is_refused() -> None:
    with pytest.raises(BadInput, match=r"sum of sand, silt and clay is 0\.8") as refusal:
        pedotransfer.check_texture(tensor(0.4), tensor(0.2), tensor(0.2), where="soil.csv")
    assert "fractions of the mineral soil" in refusal.value.remedy


def test_texture_with_a_missing_value_is_refused() -> None:
    with pytest.raises(BadInput, match="clay of nan"):
        pedotransfer.check_texture(tensor(0.4), tensor(0.2), tensor(float("nan")), where="soil.csv")


@pytest.mark.parametrize(
    ("density", "carbon", "problem", "remedy"),
    [
        (1.3, 0.02, "bulk density of 1.3", "multiply by 1000"),
        (2600.0, 0.02, "bulk density of 2600", "leave the soil out"),
        (1300.0, 0.4, "organic carbon of 0.4", "peat"),
        (1300.0, 0.0, "organic carbon of 0", "kg kg-1"),
    ],
)
def test_soil_outside_hypres_is_refused(density: float, carbon: float, problem: str, remedy: str) -> None:
    with pytest.raises(BadInput, match=problem) as refusal:
        pedotransfer.check_hypres_range(tensor(density), tensor(carbon), where="soil.csv")
    assert refusal.value.where == "soil.csv"
    assert remedy in refusal.value.remedy
