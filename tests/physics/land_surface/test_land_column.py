"""The column with JULES's land surface against JULES 7.6, its budgets, precision and gradients."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import _loobos_land
import numpy as np
import pytest
import torch
from _loobos_land import LandRun

from jules_ml.physics.column import ColumnState
from jules_ml.physics.compilation import can_compile
from jules_ml.physics.integration import integrate
from jules_ml.physics.land_surface.initial import initial_surface
from jules_ml.physics.land_surface.properties import LandSurface, land_surface
from jules_ml.physics.land_surface.state import LandForcing

DAYS = 3


@pytest.fixture(scope="module")
def folders(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    scratch = tmp_path_factory.mktemp("loobos")
    return {run: _loobos_land.write_folder(shared_data, run, scratch / run) for run in ("snow3", "snow3_cold", "gl4")}


def at(forcing: LandForcing, step: int) -> LandForcing:
    values: dict[str, Any] = {name: None if x is None else x[step] for name, x in forcing._asdict().items()}
    return forcing._replace(**values)


def free_run(land: LandRun, steps: int) -> tuple[ColumnState, dict[str, np.ndarray]]:
    state, rows = land.state, []
    with torch.no_grad():
        for k in range(steps):
            state, out = land.column.step(state, at(land.forcing, k))
            rows.append({name: value.squeeze(-1).numpy() for name, value in out.items()})
    return state, {name: np.array([row[name] for row in rows]) for name in rows[0]}


@pytest.mark.no_cover
@pytest.mark.parametrize("run", ["snow3", "snow3_cold", "gl4"])
def test_first_days_are_those_of_jules(run: str, folders: dict[str, Path], shared_data: Path) -> None:
    steps = DAYS * 48
    _, mine = free_run(_loobos_land.land_run(folders[run], DAYS), steps)
    jules = _loobos_land.jules_land(shared_data, run, steps)
    # root mean squares; a half-hour in which the last snow of a canopy goes may differ by more
    limits = {
        "smcl": 5e-3,
        "t_soil": 2e-3,
        "latent_heat": 0.3,
        "ftl_gb": 0.3,
        "rad_net": 0.05,
        "gpp_gb": 1e-11,
        "tstar_gb": 0.02,
        "snow_mass_gb": 5e-3,
        "snow_mass": 0.01,
        "snow_depth_gb": 1e-4,
        "fqw_gb": 1e-7,
        "esoil_gb": 1e-7,
        "et_stom_gb": 1e-7,
        "canopy_gb": 1e-3,
    }
    for name, limit in limits.items():
        if name in jules:
            difference = mine[name] - jules[name].to_numpy()
            if name == "snow_mass":  # types without ground keep their first snow in JULES
                difference = difference[:, [0, 1, 2, 7]]
            assert np.sqrt(np.mean(difference**2, axis=0)).max() < limit, name


def test_water_is_conserved_without_melt_by_the_surface(folders: dict[str, Path]) -> None:
    _, out = free_run(_loobos_land.land_run(folders["snow3"], 1), 24)
    assert np.abs(out["water_residual"]).max() < 1e-10


def test_energy_balance_of_the_tiles_closes(folders: dict[str, Path]) -> None:
    land = _loobos_land.land_run(folders["snow3"], 1)
    surface, old = land.column.surface, land.state.surface
    assert isinstance(surface, LandSurface)
    assert old is not None
    new, out = land.column.step(land.state, at(land.forcing, 24))
    assert new.surface is not None
    stored = surface.tiles.canhc / 1800.0 * (new.surface.tstar - old.tstar)
    residual = out["rad_net_tile"] - out["ftl"] - out["le"] - out["surf_ht_flux"] - stored
    melted = (new.surface.tstar < 273.15)[:, 0]
    assert float(residual[melted].abs().max()) < 1e-9


@pytest.mark.no_cover
def test_single_precision_follows_double(folders: dict[str, Path]) -> None:
    double, single = (
        free_run(_loobos_land.land_run(folders["snow3_cold"], 1, dtype), 48)[1]
        for dtype in (torch.float64, torch.float32)
    )
    assert single["t_soil"].dtype == np.float32
    for name, limit in (("t_soil", 5e-3), ("latent_heat", 0.1), ("smcl", 5e-3), ("snow_mass_gb", 1e-3)):
        assert np.abs(single[name] - double[name]).max() < limit, name


def test_leaf_area_through_time_is_that_of_a_surface_with_it(folders: dict[str, Path]) -> None:
    land = _loobos_land.land_run(folders["snow3"], 1)
    surface = land.column.surface
    assert isinstance(surface, LandSurface)
    weather = at(land.forcing, 24)
    lai = 0.5 * surface.lai
    _, through_time = land.column.step(land.state, weather._replace(lai=lai))
    land.column.surface = surface.with_vegetation(lai, None)
    _, fixed = land.column.step(land.state, weather)
    land.column.surface = surface
    _, full = land.column.step(land.state, weather)
    assert torch.equal(through_time["gpp_gb"], fixed["gpp_gb"])
    assert torch.equal(through_time["albedo"], fixed["albedo"])
    assert float(through_time["gpp_gb"]) < float(full["gpp_gb"])


def test_gradients_through_days_with_snow_are_finite(folders: dict[str, Path]) -> None:
    land = _loobos_land.land_run(folders["snow3_cold"], 1)
    surface = land.column.surface
    assert isinstance(surface, LandSurface)
    satcon = land.column.soil.satcon.clone().requires_grad_()
    nl0 = surface.types.plants.nl0.clone().requires_grad_()
    rootd = surface.types.plants.rootd_ft.clone().requires_grad_()
    z0 = surface.types.plants.dz0v_dh.clone().requires_grad_()
    plants = surface.types.plants._replace(nl0=nl0, rootd_ft=rootd, dz0v_dh=z0)
    column = land.column
    column.soil = column.soil._replace(satcon=satcon)
    column.surface = land_surface(
        surface.types._replace(plants=plants),
        surface.frac,
        dzsoil=column.dzsoil,
        albsoil=surface.albsoil,
        switches=surface.switches,
        snow=surface.snow,
    )
    state, total = land.state, torch.zeros(())
    for k in range(18, 48):
        state, out = column.step(state, at(land.forcing, k))
        total = total + out["latent_heat"].sum() + 1e9 * out["gpp_gb"].sum()
    total.backward()
    for name, parameter in (("satcon", satcon), ("nl0", nl0), ("rootd_ft", rootd), ("dz0v_dh", z0)):
        assert parameter.grad is not None, name
        assert bool(torch.isfinite(parameter.grad).all()), name
        assert float(parameter.grad.abs().max()) > 0.0, name


@pytest.mark.skipif(not can_compile(), reason="needs a C++ compiler")
def test_compiled_steps_with_layers_of_snow_are_those_of_torch(folders: dict[str, Path]) -> None:
    land = _loobos_land.land_run(folders["snow3_cold"], 1)
    surface = land.column.surface
    assert isinstance(surface, LandSurface)
    snow = torch.tensor([60.0, 60.0, 15.0, 0.0, 0.0, 0.0, 0.0, 30.0, 0.0], dtype=torch.float64).unsqueeze(-1)
    start = land.state._replace(surface=initial_surface(surface, land.state.t_soil[0], snow_tile=snow))
    weather = land.forcing._replace(**{name: x[18:30] for name, x in land.forcing._asdict().items() if x is not None})
    _, out = land.column.step(start, at(weather, 0))
    eager, compiled = (
        integrate(land.column, start, weather, outputs=sorted(out), compiled=way).outputs for way in (False, True)
    )
    present = (surface.frac > 0.0).expand(-1, 1)
    for name, expected in eager.items():
        same = (
            torch.where(present, compiled[name] - expected, 0.0)
            if expected.shape[1:2] == (9,)
            else compiled[name] - expected
        )
        assert float(same.abs().max()) <= 1e-6 * max(float(expected.abs().max()), 1e-6), name


def test_a_surface_needs_bare_soil_and_fractions_of_all_types(folders: dict[str, Path]) -> None:
    land = _loobos_land.land_run(folders["snow3"], 1)
    surface = land.column.surface
    assert isinstance(surface, LandSurface)
    with pytest.raises(ValueError, match="no bare soil"):
        land_surface(surface.types._replace(soil=-1), surface.frac, dzsoil=land.column.dzsoil, albsoil=surface.albsoil)
    with pytest.raises(ValueError, match="dzsnow has 3 values, and nsmax is 5"):
        land_surface(
            surface.types,
            surface.frac,
            dzsoil=land.column.dzsoil,
            albsoil=surface.albsoil,
            switches=replace(surface.switches, nsmax=5),
        )
    with pytest.raises(ValueError, match="9 tiles"):
        land_surface(surface.types, surface.frac[:3], dzsoil=land.column.dzsoil, albsoil=surface.albsoil)


@pytest.mark.parametrize(
    "changes",
    [
        {"can_model": 1},
        {"can_model": 2},
        {"can_model": 3},
        {"cor_mo_iter": 4, "l_fix_neg_snow": False},
        {"l_point_data": False, "l_accurate_rho": True},
        {"nsmax": 0, "l_snowdep_surf": False},
    ],
    ids="-".join,
)
def test_other_switches_close_the_energy_balance(changes: dict[str, Any], folders: dict[str, Path]) -> None:
    land = _loobos_land.land_run(folders["snow3_cold"], 1)
    old = land.column.surface
    assert isinstance(old, LandSurface)
    land.column.surface = surface = land_surface(
        old.types,
        old.frac,
        dzsoil=land.column.dzsoil,
        albsoil=old.albsoil,
        switches=replace(old.switches, **changes),
        snow=old.snow,
    )
    start = land.column.initial_state(land.state.smcl / (1000.0 * land.column.dzsoil * 0.458), land.state.t_soil)
    state, out = free_run(land._replace(state=start), 24)
    assert all(np.isfinite(values).all() for values in out.values())
    assert state.surface is not None
    stored = surface.tiles.canhc.squeeze(-1).numpy() / 1800.0 * np.diff(out["tstar"], axis=0)
    fluxes = {name: out[name][1:] for name in ("rad_net_tile", "ftl", "le", "surf_ht_flux")}
    residual = fluxes["rad_net_tile"] - fluxes["ftl"] - fluxes["le"] - fluxes["surf_ht_flux"] - stored
    assert np.abs(residual).max() < 1e-6
