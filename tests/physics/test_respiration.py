"""Soil respiration: exactness against JULES, the shape of its modifiers, and their gradients."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import _four_pool
import pytest
import torch
import xarray as xr
from helpers.tensors import finite_gradients, gradient_of
from torch import Tensor

from jules_ml.physics import respiration

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "respiration.json").read_text(encoding="utf-8"))
RUNS = ("gl4", "trif", "layeredcn")
TOLERANCE = {torch.float32: 2e-6, torch.float64: 1e-5}

f64 = torch.float64


def respiration_of_run(settings: dict[str, Any], state: dict[str, Tensor]) -> dict[str, Tensor]:
    """f, g and R by JULES's rules, for one run's settings and states of shape (..., layer) or (..., layer, pool)."""
    four_pool = settings["soil_bgc_model"] == 2
    wetness = state["sthu"] + state["sthf"] if settings["l_soil_resp_lev2"] else state["sthu"]
    f = respiration.fsth(wetness, state["sm_wilt"], state["sm_sat"], pools=4 if four_pool else 1)
    q10 = settings["l_q10"]
    g = (
        respiration.ftemp_q10(state["t_soil"], settings["q10_soil"])
        if q10
        else respiration.ftemp_rothc(state["t_soil"])
    )
    level = slice(None) if settings["l_layeredc"] else slice(1, 2) if settings["l_soil_resp_lev2"] else slice(0, 1)
    f_carbon, g_carbon, cs = f[..., level], g[..., level], state["cs"]
    if not four_pool:
        resp = respiration.respiration_one_pool(cs[..., 0], f_carbon, g_carbon, kaps=settings["kaps"])[..., None]
        return {"fsth": f, "ftemp": g, "resp_s": resp}
    depth: Tensor | float = 1.0
    if settings["l_layeredc"]:
        depth = _four_pool.depth_factor(torch.tensor(settings["dzsoil"], dtype=cs.dtype), settings["tau_resp"])
    resp = _four_pool.respiration_four_pool(
        cs, f_carbon, g_carbon, state["fprf"], kaps=settings["kaps_4pool"], depth_factor=depth
    )
    return {"fsth": f, "ftemp": g, "resp_s": resp * _four_pool.resp_frac(torch.zeros((), dtype=cs.dtype))}


def assert_matches(computed: dict[str, Tensor], jules: dict[str, Tensor], rtol: float) -> None:
    for name, value in computed.items():
        torch.testing.assert_close(value, jules[name], rtol=rtol, atol=0.0, msg=partial("{}: {}".format, name))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("run", RUNS)
def test_matches_jules_in_a_handful_of_steps(run: str, dtype: torch.dtype) -> None:
    steps = GOLDEN[run]["steps"]
    # through single precision, since that is what JULES had
    values = {name: torch.tensor([step[name] for step in steps], dtype=torch.float32).to(dtype) for name in steps[0]}
    values["fprf"] = values["fprf"][:, None]
    assert_matches(respiration_of_run(GOLDEN[run]["settings"], values), values, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("run", RUNS)
def test_matches_jules_in_every_step_and_layer(shared_data: Path, run: str, dtype: torch.dtype) -> None:
    names = ("sthu", "sthf", "t_soil", "sm_wilt", "sm_sat", "cs", "fsth", "ftemp", "fprf", "resp_s")
    with xr.open_dataset(shared_data / "jules" / f"loobos_1997_{run}_30min.nc") as dataset:
        output = dataset[list(names)].isel(x=0, y=0).transpose("time", "soil", "sclayer", "scpool").load()
    values = {name: torch.from_numpy(output[name].to_numpy()).to(dtype) for name in names}
    # what JULES wrote at a step follows from the state at the end of the step before
    before = {name: values[name][:-1] for name in names}
    before["fprf"] = values["fprf"][1:, None]
    after = {name: values[name][1:] for name in ("fsth", "ftemp", "resp_s")}
    computed = respiration_of_run(GOLDEN[run]["settings"], before)
    # after a step that changed cs (a TRIFFID call) JULES adds what its carbon budget failed to close by
    triffid = (values["cs"][1:] != values["cs"][:-1]).flatten(1).any(1)
    ordinary = ~torch.cat([torch.zeros(1, dtype=torch.bool), triffid[:-1]])
    assert int((~ordinary).sum()) == (0 if run == "gl4" else 36)
    computed["resp_s"], after["resp_s"] = computed["resp_s"][ordinary], after["resp_s"][ordinary]
    assert_matches(computed, after, TOLERANCE[dtype])


def test_fsth_has_jules_corners() -> None:
    wilt, sat = torch.tensor(0.15, dtype=f64), torch.tensor(0.5, dtype=f64)
    w = 0.3
    optimum = 0.5 * (1 + w)
    wetness = torch.tensor([0.0, w, optimum, 1.0], dtype=f64)
    torch.testing.assert_close(
        respiration.fsth(wetness, wilt, sat, pools=1), torch.tensor([0.2, 0.2, 1.0, 0.6 + 0.4 * w], dtype=f64)
    )
    four = respiration.fsth(torch.tensor([w, 1.7 * w, optimum], dtype=f64), wilt, sat, pools=4)
    torch.testing.assert_close(four, torch.tensor([0.2, 0.2, 1.0], dtype=f64))


def test_fsth_of_option_1_has_jules_corners() -> None:
    wilt, crit, sat = (torch.tensor(value, dtype=f64) for value in (0.15, 0.25, 0.5))
    wetness = torch.tensor([0.0, 0.25, 0.5, 0.6, 0.65, 0.825, 1.0], dtype=f64)
    f = respiration.fsth_option_1(wetness, wilt, crit, sat, fsth_saturated=0.3)
    torch.testing.assert_close(f, torch.tensor([0.0, 0.5, 1.0, 1.0, 1.0, 0.65, 0.3], dtype=f64))


def test_fsth_of_option_1_has_no_plateau_where_the_critical_point_lies_beyond_the_optimum() -> None:
    wilt, crit, sat = (torch.tensor(value, dtype=f64) for value in (0.15, 0.45, 0.5))
    wetness = torch.tensor([0.325, 0.65, 1.0], dtype=f64)
    f = respiration.fsth_option_1(wetness, wilt, crit, sat)
    torch.testing.assert_close(f, torch.tensor([0.5, 1.0, 0.2], dtype=f64))


def test_fsth_jumps_where_the_four_pool_minimum_lies_beyond_the_optimum() -> None:
    wilt, sat = torch.tensor(0.45, dtype=f64, requires_grad=True), torch.tensor(0.5, dtype=f64)
    wetness = torch.tensor([0.5, 0.94, 0.96, 1.0], dtype=f64, requires_grad=True)
    f = respiration.fsth(wetness, wilt, sat, pools=4)
    torch.testing.assert_close(f, torch.tensor([0.2, 0.2, 0.992, 0.96], dtype=f64))
    f.sum().backward()
    assert finite_gradients(wetness, wilt)


@pytest.mark.parametrize("ftemp", [respiration.ftemp_q10, respiration.ftemp_rothc])
def test_ftemp_is_one_at_the_reference_temperature(ftemp: Any) -> None:
    assert float(ftemp(torch.tensor(282.4, dtype=f64))) == pytest.approx(1.0, abs=1e-3)


def test_rothc_stops_in_frost_with_finite_gradients() -> None:
    t_soil = torch.tensor([0.0, 254.85, 263.15, 263.16, 400.0, float("nan")], dtype=f64, requires_grad=True)
    g = respiration.ftemp_rothc(t_soil)
    g[:5].sum().backward()
    values = g.detach()
    assert values[:3].tolist() == [0.0, 0.0, 0.0]
    assert 0.0 < float(values[3]) < 1e-3
    assert torch.isnan(values[5])
    assert torch.isfinite(gradient_of(t_soil)[:5]).all()


def test_resp_frac_falls_with_clay() -> None:
    fraction = _four_pool.resp_frac(torch.tensor([0.0, 0.23, 1.0], dtype=f64))
    assert float(fraction[0]) == pytest.approx(0.85210, abs=5e-6)
    assert (fraction.diff() < 0).all()


def test_depth_factor_is_taken_at_the_middle_of_each_layer() -> None:
    factor = _four_pool.depth_factor(torch.tensor([0.1, 0.25, 0.65, 2.0], dtype=f64), 2.0)
    torch.testing.assert_close(factor, torch.exp(-2.0 * torch.tensor([0.05, 0.225, 0.675, 2.0], dtype=f64)))


def test_modifiers_broadcast_over_points_layers_and_parameters() -> None:
    wetness = torch.rand(5, 1, 4)
    wilt, sat = torch.full((3, 1), 0.1), torch.full((4,), 0.4)
    f = respiration.fsth(wetness, wilt, sat, pools=4)
    assert f.shape == (5, 3, 4)
    assert f.dtype == torch.float32
    r = _four_pool.respiration_four_pool(torch.rand(3, 4, 4), f, torch.rand(4), torch.rand(3, 1))
    assert r.shape == (5, 3, 4, 4)


def leaf(*values: float) -> Tensor:
    return torch.tensor(values, dtype=f64, requires_grad=True)


@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (lambda s, w, p: respiration.fsth(s, w, p, pools=1), (leaf(0.1, 0.4, 0.9), leaf(0.1), leaf(0.45))),
        (lambda s, w, p: respiration.fsth(s, w, p, pools=4), (leaf(0.1, 0.5, 0.9), leaf(0.1), leaf(0.45))),
        (
            lambda s, w, c, p, e: respiration.fsth_option_1(s, w, c, p, fsth_saturated=e),
            (leaf(0.1, 0.5, 0.9), leaf(0.1), leaf(0.2), leaf(0.45), leaf(0.3)),
        ),
        (respiration.ftemp_q10, (leaf(250.0, 282.4, 310.0), leaf(2.0))),
        (respiration.ftemp_rothc, (leaf(250.0, 270.0, 310.0),)),
        (_four_pool.fprf, (leaf(0.2, 0.9),)),
        (_four_pool.resp_frac, (leaf(0.0, 0.4),)),
        (_four_pool.depth_factor, (leaf(0.1, 0.25, 0.65), leaf(2.0))),
        (
            # in units of 1e-8 s-1, so that the numerical gradient is not lost in rounding
            lambda c, f, g, k: 1e8 * respiration.respiration_one_pool(c, f, g, kaps=1e-8 * k),
            (leaf(12.0, 3.0), leaf(0.5), leaf(1.2, 0.8), leaf(0.5)),
        ),
        (
            lambda c, f, g, v, k: 1e8 * _four_pool.respiration_four_pool(c, f, g, v, kaps=1e-8 * k),
            (leaf(0.1, 4.0, 0.4, 6.0), leaf(0.5), leaf(1.2), leaf(0.8), leaf(32.2, 0.965, 2.12, 0.0643)),
        ),
    ],
)
def test_gradients(function: Any, inputs: tuple[Tensor, ...]) -> None:
    assert torch.autograd.gradcheck(function, inputs)


def test_single_and_double_precision_agree() -> None:
    wetness, t_soil = torch.linspace(0, 1, 101, dtype=f64), torch.linspace(240, 320, 101, dtype=f64)
    wilt, sat = torch.tensor(0.13, dtype=f64), torch.tensor(0.45, dtype=f64)
    double = respiration.fsth(wetness, wilt, sat, pools=4) * respiration.ftemp_rothc(t_soil)
    single = respiration.fsth(wetness.float(), wilt.float(), sat.float(), pools=4) * respiration.ftemp_rothc(
        t_soil.float()
    )
    torch.testing.assert_close(single.double(), double, rtol=1e-5, atol=1e-7)


def test_one_graph_without_breaks() -> None:
    @torch.compile(backend="eager", fullgraph=True)
    def modifier(wetness: Tensor, wilt: Tensor, sat: Tensor, t_soil: Tensor) -> Tensor:
        return respiration.fsth(wetness, wilt, sat, pools=4) * respiration.ftemp_rothc(t_soil)

    assert modifier(torch.rand(4), torch.tensor(0.1), torch.tensor(0.4), torch.full((4,), 280.0)).shape == (4,)
