"""The soil alone as a component: fluxes at the ground in, stress, runoff and drainage out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("bmipy")

from helpers.components import write_component
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.frameworks.bmi import TEMPERATURE, WATER
from jules_ml.frameworks.soil_only import SoilOnlyBmi, soil_setup


def fluxes(days: int) -> dict[str, NDArray[np.float64]]:
    """Fluxes at the ground of each half-hour: a shower at noon, and evaporation and heat by day."""
    hour = (np.arange(48 * days) + 0.5) / 2.0
    sun = np.maximum(0.0, -np.cos(2.0 * np.pi * hour / 24.0))
    return {
        "tfall": np.where(abs(hour % 24.0 - 12.0) < 1.0, 8e-3, 0.0),
        "et_stom_gb": 6e-5 * sun,
        "esoil_gb": 2e-5 * sun,
        "surf_ht_flux_gb": 60.0 * sun - 15.0,
    }


def initialised_soil(path: Path) -> SoilOnlyBmi:
    soil = SoilOnlyBmi()
    soil.initialize(str(path))
    return soil


@pytest.mark.parametrize("compiled", ["false", "true"])
def test_ten_days_equal_the_plain_soil(tmp_path: Path, compiled: str) -> None:
    path = write_component(tmp_path, changes={"compiled = false": f"compiled = {compiled}"})
    soil, setup = initialised_soil(path), soil_setup(load_experiment(path))
    column, state, dz = setup.column, setup.state, setup.column.dzsoil
    bottom = torch.cumsum(dz[:, 0], 0)
    roots = torch.exp(-(bottom - dz[:, 0]) / 0.5) - torch.exp(-bottom / 0.5)
    roots = (roots / roots.sum())[:, None]
    drained = 0.0
    for step in range(480):
        now = {name: values[step : step + 1] for name, values in fluxes(10).items()}
        for name, value in now.items():
            soil.set_value(name, value)
        soil.update()
        f = {name: torch.from_numpy(value) for name, value in now.items()}
        theta = state.smcl / (1000.0 * dz) - state.sthf * column.soil.sm_sat
        beta = ((theta - column.soil.sm_wilt) / (column.soil.sm_crit - column.soil.sm_wilt)).clamp(0.0, 1.0)
        ext = f["et_stom_gb"] * roots * beta / (roots * beta).sum(0)
        ext[0] += f["esoil_gb"]
        into = torch.minimum(f["tfall"], column.soil.satcon[0])
        state, out = column.soil_step(state, into, ext, f["surf_ht_flux_gb"], torch.zeros(1, dtype=torch.float64))
        np.testing.assert_allclose(soil.get_value_ptr("smcl"), state.smcl.flatten(), rtol=1e-10)
        np.testing.assert_allclose(soil.get_value_ptr("t_soil"), state.t_soil.flatten(), rtol=1e-10)
        runoff = out["surf_roff"] + f["tfall"] - into
        np.testing.assert_allclose(soil.get_value_ptr("surf_roff"), runoff, rtol=1e-10, atol=1e-15)
        drained += float(soil.get_value_ptr("sub_surf_roff")[0])
    assert drained > 0.0


def test_water_is_conserved_where_the_soil_cannot_give_what_is_drawn(tmp_path: Path) -> None:
    soil = initialised_soil(write_component(tmp_path, changes={"sthuf = 0.75": "sthuf = 0.1"}))
    before = soil.get_value_ptr(WATER).sum()
    for _ in range(96):
        for name, value in {"tfall": 0.0, "et_stom_gb": 1e-3, "esoil_gb": 1e-3, "surf_ht_flux_gb": 0.0}.items():
            soil.set_value(name, np.array([value]))
        stored = soil.get_value_ptr(WATER).sum()
        soil.update()
        lost = sum(float(soil.get_value_ptr(name).sum()) for name in ("ext", "sub_surf_roff", "surf_roff"))
        np.testing.assert_allclose(stored - soil.get_value_ptr(WATER).sum(), 1800.0 * lost, atol=1e-9)
        total = soil.get_value_ptr("ext").sum() + soil.get_value_ptr("shortage")[0]
        np.testing.assert_allclose(total, 2e-3, rtol=1e-12)
    assert soil.get_value_ptr("shortage")[0] > 1e-3
    assert 0.0 <= soil.get_value_ptr(WATER).min() < before
    assert soil.get_value_ptr("fsmc_gb")[0] < 1e-6


def test_missing_fluxes_are_named_and_the_surface_of_the_experiment_is_not_needed(tmp_path: Path) -> None:
    path = write_component(tmp_path)
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: text.index("[surface]")] + text[text.index("[carbon]") :], encoding="utf-8")
    (tmp_path / "weather.dat").unlink()
    soil = initialised_soil(path)
    soil.set_value("tfall", np.zeros(1))
    with pytest.raises(BadInput, match=r"3 of 4 coupled inputs .*transpiration_mass_flux"):
        soil.update()


def test_restart_and_many_columns(tmp_path: Path) -> None:
    path = write_component(tmp_path, "latitude = [50.0, 51.0, 52.0]\nlongitude = [0.0, 0.0, 0.0]")
    soil, later = initialised_soil(path), initialised_soil(path)
    soil.set_value(TEMPERATURE, np.linspace(272.0, 285.0, 12))
    series = fluxes(2)

    def steps(component: SoilOnlyBmi, begin: int, end: int) -> None:
        for step in range(begin, end):
            for name, values in series.items():
                component.set_value(name, values[step] * np.array([1.0, 0.5, 0.0]))
            component.update()

    steps(soil, 0, 30)
    later.from_state(soil.to_state())
    for component in (soil, later):
        steps(component, 30, 60)
    assert soil.to_state() == later.to_state()
    water = soil.get_value_ptr(WATER).reshape(4, 3).sum(axis=0)
    assert water[0] != water[1] != water[2]


def test_mixed_mode_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="all inputs of the soil alone are coupled"):
        initialised_soil(write_component(tmp_path, 'mode = "mixed"\ncoupled = ["tfall"]'))
