"""Albedo of vegetation, properties of its height and leaf area, and the position of the sun."""

from __future__ import annotations

import pytest
import torch
from helpers.canopy_cases import ALBSOIL, OTHERS, PLANTS, of_types

from jules_ml.physics.canopy import broadband_albedo, cos_zenith_angle, spectral_albedo, vegetation_properties
from jules_ml.physics.switches import Switches

MIXED = PLANTS._replace(orient=of_types([1, 0, 0, 1, 0]), can_struct_a=of_types([0.8, 0.7, 1.0, 1.0, 0.5]))


def test_broadband_albedo_of_jules() -> None:
    albedo = broadband_albedo(PLANTS, OTHERS, PLANTS.lai, ALBSOIL)
    expected = [0.14029121, 0.09097738, 0.16183388, 0.15236858, 0.11196734, 0.18, 0.06, 0.11, 0.75]
    assert albedo.albsnf.flatten().tolist() == pytest.approx(expected, rel=1e-6)
    assert albedo.albsnc.shape == (9, 1)
    assert albedo.albsnc[5:].flatten().tolist() == pytest.approx([0.4, 0.8, 0.8, 0.8])


def test_bare_plants_have_the_least_leaf_area_of_the_albedo() -> None:
    no_leaves = torch.zeros_like(PLANTS.lai)
    snowy = torch.ones_like(no_leaves, dtype=torch.bool)
    least, below_snow = (
        broadband_albedo(PLANTS._replace(lai_alb_lim_sn=PLANTS.lai_alb_lim + 1.0), OTHERS, no_leaves, ALBSOIL, where)
        for where in (None, snowy)
    )
    at_limit = broadband_albedo(PLANTS, OTHERS, PLANTS.lai_alb_lim, ALBSOIL)
    assert torch.equal(least.albsnf, at_limit.albsnf)
    assert bool((below_snow.albsnf[:5] != least.albsnf[:5]).all())


def test_any_of_the_arguments_may_have_the_columns() -> None:
    one = broadband_albedo(PLANTS, OTHERS, PLANTS.lai, ALBSOIL).albsnf
    snowy = torch.zeros(5, 3, dtype=torch.bool)
    for lai, albsoil, where in (
        (PLANTS.lai.expand(5, 3), ALBSOIL, None),
        (PLANTS.lai, ALBSOIL.expand(3), None),
        (PLANTS.lai, ALBSOIL, snowy),
    ):
        albedo = broadband_albedo(PLANTS, OTHERS, lai, albsoil, where)
        assert albedo.albsnf.shape == albedo.albsnc.shape == (9, 3)
        torch.testing.assert_close(albedo.albsnf, one.expand(9, 3))


def test_spectral_albedo_of_jules() -> None:
    ground = torch.full((2, 1, 1), 0.11, dtype=torch.float64)
    cosz = torch.tensor([0.3691717412662506, 0.0], dtype=torch.float64)
    albedo = spectral_albedo(MIXED, MIXED.lai, cosz, ground, ground)
    diffuse_visible = [0.05280815, 0.04018065, 0.04632092, 0.05395424, 0.0705397]
    direct_visible = [0.04063898, 0.0422159, 0.04305141, 0.04658574, 0.06515145]
    direct_nir = [0.2897585, 0.1546085, 0.3877652, 0.4063978, 0.243125]
    diffuse_nir = [0.3316363, 0.1671059, 0.3871801, 0.4666232, 0.2378365]
    for band, expected in zip(albedo, (direct_visible, diffuse_visible, direct_nir, diffuse_nir), strict=True):
        assert band[:, 0].tolist() == pytest.approx(expected, rel=1e-4)
    assert albedo[0][:, 1].tolist() == pytest.approx(
        [0.04063898, 0.07801838, 0.07845064, 0.04658574, 0.08026764], rel=1e-4
    )


def test_gradcheck_of_spectral_albedo() -> None:
    ground = torch.full((2, 5, 1), 0.2, dtype=torch.float64, requires_grad=True)
    beam = torch.full((2, 5, 1), 0.3, dtype=torch.float64, requires_grad=True)
    cosz = torch.tensor([0.4], dtype=torch.float64, requires_grad=True)
    lai = MIXED.lai.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda *x: spectral_albedo(MIXED, *x), (lai, cosz, beam, ground))


def test_vegetation_properties_of_jules() -> None:
    properties = vegetation_properties(PLANTS, PLANTS.lai, PLANTS.canht_ft, Switches())
    assert properties.z0.flatten().tolist() == pytest.approx([0.9505, 0.819, 0.079, 0.126, 0.1])
    assert properties.catch.flatten().tolist() == pytest.approx([0.75, 0.7, 0.6, 0.7, 0.55])
    assert float(properties.canhc[0, 0]) == pytest.approx(
        1.15e5, rel=3e-3
    )  # ``l_limit_canhc`` limits broadleaf trees of this height


def test_limits_of_vegetation_properties() -> None:
    tall = vegetation_properties(PLANTS, PLANTS.lai, 2.0 * PLANTS.canht_ft, Switches(l_limit_canhc=True))
    assert float(tall.canhc.max()) == 1.15e5
    without_heat = vegetation_properties(PLANTS, PLANTS.lai, PLANTS.canht_ft, Switches(can_model=2))
    assert float(without_heat.canhc.abs().max()) == 0.0
    given = PLANTS._replace(z0v=of_types([1.1, 1.0, 0.2, 0.2, 0.3]))
    assert vegetation_properties(
        given, PLANTS.lai, PLANTS.canht_ft, Switches(l_spec_veg_z0=True)
    ).z0.flatten().tolist() == pytest.approx([1.1, 1.0, 0.2, 0.2, 0.3])


def test_sun_of_jules_at_loobos() -> None:
    def cosz(seconds: float) -> float:
        values = (168.0, seconds, 52.168, 5.744)  # 17 June 1997
        return float(cos_zenith_angle(*(torch.tensor(x, dtype=torch.float64) for x in values)))

    assert cosz(21600.0) == pytest.approx(0.3691517, abs=1e-6)
    assert cosz(0.0) == 0.0
