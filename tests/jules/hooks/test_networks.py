"""Networks of torch that run in the host through Python: the example of docs/reference/bridge.md, and a product with the critical point."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.hosts import ICE_POINT, PYTHON, HostRun, HostRunner, tolerance
from helpers.paths import REPOSITORY
from torch import nn

from jules_ml.jules.net_backend import write_respiration_net
from jules_ml.jules.net_files import NetInput

pytestmark = pytest.mark.slow

#: Soil of the host [m3 m-3].
SM_SAT, SM_CRIT = 0.45, 0.24
SOIL = np.arange(5) != ICE_POINT - 1


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def check(run: HostRun, names: list[str], net: nn.Module, inputs: list[np.ndarray]) -> None:
    """Compare columns of the host with the outputs of the network for the inputs at the end of the previous step."""
    x = torch.from_numpy(np.stack(inputs, axis=-1).astype(np.float32))
    expected = net(x).detach().clamp(min=0.0).numpy()[:-1]
    for k, name in enumerate(names):
        actual = run.column(name)[1:]
        np.testing.assert_allclose(actual[..., SOIL], expected[..., SOIL, k], rtol=20 * tolerance("r32"), atol=1e-5)


def test_the_example_of_the_documentation_runs(
    host: HostRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (REPOSITORY / "docs" / "reference" / "bridge.md").read_text(encoding="utf-8")
    (code,) = (
        block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "write_respiration_net" in block
    )
    work = tmp_path / "work"
    (work / "namelists").mkdir(parents=True)
    monkeypatch.chdir(work)
    names: dict[str, Any] = {}
    torch.manual_seed(1)
    exec(code.replace("/path/to/environment", sys.prefix), names)
    assert "GELU" in names["reason"]
    run = host.complete("host_r32", "n_days = 1", contents(work / "namelists"))
    theta, t_soil = run.column("sthu") * SM_SAT, run.column("t_soil")
    check(run, ["fsth", "ftemp"], names["net"], [theta.clip(0.05, 0.45), (t_soil.clip(255.0, 305.0) - 282.4) / 10.0])


@pytest.mark.parametrize("exe", ["host_r32", "host_82"])
def test_a_product_with_the_critical_point_runs(host: HostRunner, tmp_path: Path, exe: str) -> None:
    torch.manual_seed(2)
    net = nn.Sequential(nn.Linear(2, 8), nn.GELU(), nn.Linear(8, 1), nn.Softplus())
    inputs = [
        NetInput(name="v_crit", seen_min=0.3, seen_max=0.4),
        NetInput(name="sthu", seen_min=0.0, seen_max=0.1, offset=0.5, scale=0.2),
    ]
    folder = tmp_path / "work"
    folder.mkdir()
    group, _ = write_respiration_net(folder, net, inputs, ["joint"], name="product", outside="extend")
    run = host.complete(exe, "n_days = 1", {**contents(folder), "jules_ml.nml": group + PYTHON})
    sthu = run.column("sthu")
    check(run, ["fsth"], net, [np.full_like(sthu, SM_CRIT), (sthu - 0.5) / 0.2])
    assert (run.column("ftemp")[1:][..., SOIL] == 1.0).all()
