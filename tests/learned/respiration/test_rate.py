"""Rates of JULES from a learned base respiration."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.respiration_folder import write_module

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.layers import depth_factors
from jules_ml.learned.respiration.rate import (
    base_flux,
    four_pool_scale,
    one_pool_kaps,
    plant_retention,
    released_fraction,
)
from jules_ml.learned.respiration.store import load_respiration
from jules_ml.physics.respiration import respiration_one_pool

MICROMOLE = 12.011e-9
GOLDEN = Path(__file__).parents[2] / "golden" / "respiration.json"


@pytest.mark.parametrize(("target", "fraction"), [("ecosystem", 0.37), ("soil", 0.54), ("heterotrophic", 1.0)])
def test_default_of_the_heterotrophic_fraction_depends_on_the_target(target: str, fraction: float) -> None:
    assert RespirationSettings.model_validate({"target": target}).fraction == fraction
    assert RespirationSettings.model_validate({"target": target, "heterotrophic_fraction": 0.8}).fraction == 0.8


def test_rate_reproduces_the_flux_of_one_pool(tmp_path: Path) -> None:
    flux = base_flux(*load_respiration(write_module(tmp_path / "module")), "a tower")
    assert flux.r0 == pytest.approx(2.0)
    assert flux.carbon == pytest.approx(2.0 * 0.54 * MICROMOLE)
    one = torch.ones((), dtype=torch.float64)
    resp = respiration_one_pool(12.1 * one, one, one, kaps=one_pool_kaps(flux.carbon, 12.1))
    assert float(resp) == pytest.approx(2.0 * 0.54 * MICROMOLE, rel=1e-12)


def test_site_that_the_module_does_not_contain_gets_the_mean_of_the_others(tmp_path: Path) -> None:
    module, settings, card = load_respiration(write_module(tmp_path / "module"))
    module.level = torch.tensor([1.0, 4.0], dtype=torch.float64)
    module.noise = torch.ones(2, 2, dtype=torch.float64)
    card |= {"groups": ["one", "other"], "sites": {"one": {}, "other": {}}}
    assert base_flux(module, settings, card, "other").r0 == pytest.approx(4.0)
    elsewhere = base_flux(module, settings, card, "third")
    assert elsewhere.r0 == pytest.approx(2.0)
    assert "geometric mean of the 2 training sites, since the module does not contain third" in str(elsewhere)


@pytest.mark.parametrize("run", ["trif", "layeredcn"])
def test_common_scale_reproduces_the_flux_of_four_pools(run: str) -> None:
    """Respiration that JULES writes, divided by its f and g, is recovered: the scale is one."""
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))[run]
    settings = golden["settings"]
    layered = settings["l_layeredc"]
    layer = slice(None) if layered else slice(1, 2) if settings["l_soil_resp_lev2"] else slice(0, 1)
    depth = depth_factors(settings["dzsoil"], settings["tau_resp"]) if layered else np.ones(1)
    for step in golden["steps"]:
        cs, resp = (np.array(step[name]).T for name in ("cs", "resp_s"))
        modifiers = np.array(step["fsth"])[layer] * np.array(step["ftemp"])[layer]
        flux = float((resp / modifiers).sum())
        weight = depth * released_fraction(0.0) * step["fprf"]
        assert four_pool_scale(flux, settings["kaps_4pool"], cs, weight) == pytest.approx(1.0, rel=1e-5)


def test_factors_of_four_pools() -> None:
    assert released_fraction(0.0) == pytest.approx(0.85210, abs=1e-5)
    assert released_fraction(0.5) < released_fraction(0.0)
    np.testing.assert_allclose(plant_retention([0.0, 1.0]), [1.0, 0.6])
    np.testing.assert_allclose(depth_factors([0.1, 0.3], 2.0), np.exp([-0.1, -0.5]))
