"""The backend that evaluates a network in JULES: the native one wherever it can."""

from __future__ import annotations

import importlib
from pathlib import Path

import f90nml
import numpy as np
import pytest
import torch
from torch import nn

from jules_ml.bridge.network import NetworkModifiers
from jules_ml.errors import BadInput
from jules_ml.jules.net_backend import write_respiration_net
from jules_ml.jules.net_files import NetInput, Output

INPUTS = (
    NetInput(name="theta", seen_min=0.1, seen_max=0.4),
    NetInput(name="t_soil", seen_min=270.0, seen_max=300.0, offset=282.4, scale=10.0),
)
OUTPUTS: tuple[Output, ...] = ("fsth", "ftemp")


def test_a_dense_net_needs_no_python(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2), nn.Softplus())
    group, reason = write_respiration_net(tmp_path, net, INPUTS, OUTPUTS, name="dense")
    assert f90nml.reads(group)["jules_ml_respiration"] == {"net": "net.nml"}
    assert reason == ""
    assert [path.name for path in tmp_path.iterdir()] == ["net.nml"]


@pytest.mark.slow
def test_another_net_goes_to_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = nn.Sequential(nn.Linear(2, 8), nn.GELU(), nn.Linear(8, 2))
    group, reason = write_respiration_net(tmp_path, net, INPUTS, OUTPUTS, name="GELU")
    entries = f90nml.reads(group)["jules_ml_respiration"]
    assert (entries["backend"], entries["python_callable"]) == ("python", "jules_ml_net:modifiers")
    assert "GELU" in reason
    monkeypatch.syspath_prepend(tmp_path)
    modifiers = importlib.import_module("jules_ml_net").modifiers
    rng = np.random.default_rng(1)
    sthu, t_soil = (rng.uniform(*span, (4, 5)).astype(np.float32) for span in ((0.1, 1.0), (260.0, 310.0)))
    v_sat, soil = np.full_like(sthu, 0.45), np.array([True, True, False, True, True])
    f, g = modifiers(sthu=sthu, sthf=0 * sthu, v_sat=v_sat, v_wilt=v_sat, t_soil=t_soil, l_soil_point=soil)
    x = np.stack([np.clip(sthu * v_sat, 0.1, 0.4), (np.clip(t_soil, 270.0, 300.0) - 282.4) / 10.0], axis=-1)
    expected = net(torch.from_numpy(x)).detach().clamp(min=0.0).numpy()
    np.testing.assert_allclose(f[:, soil], expected[:, soil, 0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(g[:, soil], expected[:, soil, 1], rtol=1e-5, atol=1e-6)
    assert f.dtype == sthu.dtype


@pytest.mark.slow
def test_the_product_of_a_net_may_depend_on_the_critical_point_beyond_its_data(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(2, 8), nn.GELU(), nn.Linear(8, 1))
    inputs = (
        NetInput(name="v_crit", seen_min=0.2, seen_max=0.25),
        NetInput(name="sthu", seen_min=0.4, seen_max=0.6, offset=0.5, scale=0.2),
    )
    write_respiration_net(tmp_path, net, inputs, ("joint",), name="product", outside="extend")
    modifiers = NetworkModifiers(tmp_path / "net.json", tmp_path / "net.pt2")
    rng = np.random.default_rng(1)
    sthu, v_crit = rng.uniform(0.1, 1.0, (4, 5)), rng.uniform(0.1, 0.4, (4, 5))
    others = {name: np.ones_like(sthu) for name in ("sthf", "v_sat", "v_wilt", "t_soil")}
    soil = np.ones(5, dtype=bool)
    f, g = modifiers(sthu=sthu, v_crit=v_crit, l_soil_point=soil, **others)
    x = torch.from_numpy(np.stack([v_crit, (sthu - 0.5) / 0.2], axis=-1).astype(np.float32))
    np.testing.assert_allclose(f, net(x).detach().clamp(min=0.0).numpy()[..., 0], rtol=1e-5, atol=1e-6)
    assert (g == 1.0).all()
    with pytest.raises(BadInput, match=r"(?s)net\.json: the network has the input v_crit.*use JULES 8\.2"):
        modifiers(sthu=sthu, l_soil_point=soil, **others)


def test_a_net_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="does not take 2 inputs"):
        write_respiration_net(tmp_path, nn.Sequential(nn.Linear(3, 2), nn.GELU()), INPUTS, OUTPUTS, name="bad")
    with pytest.raises(BadInput, match="cannot have the outputs"):
        write_respiration_net(tmp_path, nn.GELU(), INPUTS, (), name="bad")
    with pytest.raises(BadInput, match="has the output fsth only"):
        write_respiration_net(tmp_path, nn.GELU(), INPUTS, ("fsth",), name="bad")
    assert not list(tmp_path.iterdir())
