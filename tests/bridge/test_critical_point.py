"""The critical point, which JULES 8.2 passes to ``microbe``, as an abscissa of tables, an input of nets and an argument of callables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.bridge_inputs import KINDS, POINTS, TOLERANCE, Serve, configure, soil
from numpy.typing import NDArray
from torch import nn

from jules_ml.bridge.library import Bridge, BridgeFailure
from jules_ml.jules.curve_files import write_curve
from jules_ml.jules.net_files import NetInput, write_net
from jules_ml.learned.respiration.tables import CurveTable


@KINDS
@POINTS
def test_the_critical_point_is_an_abscissa_and_an_input(
    bridge: Bridge, serve: Serve, tmp_path: Path, kind: type[np.floating], points: int
) -> None:
    x, temperature = np.linspace(0.0, 2.0, 41), np.linspace(250.0, 315.0, 66)
    write_curve(CurveTable("fsth", "theta/v_crit", 0.0, 2.0, np.minimum(x, 1.0), 0.1, 1.5, 1.0), tmp_path / "f.nml")
    write_curve(
        CurveTable("ftemp", "t_soil", 250.0, 315.0, temperature / 282.4, 260.0, 300.0, 282.4), tmp_path / "g.nml"
    )
    inputs = soil(kind, points)
    theta = inputs["sthu"] * inputs["v_sat"]
    bridge.start(configure(tmp_path, "&jules_ml_respiration fsth_table = 'f.nml', ftemp_table = 'g.nml' /\n"))
    expected = np.minimum(theta / inputs["v_crit"], 1.0)
    np.testing.assert_allclose(bridge.respiration(**inputs)[0], expected, rtol=0, atol=TOLERANCE[kind])

    net = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 1), nn.Softplus()).double()
    names = [NetInput(name="v_crit", seen_min=0.0, seen_max=0.6), NetInput(name="theta", seen_min=0.0, seen_max=0.7)]
    write_net(tmp_path / "net.nml", net, names, ["fsth"], name="fsth")
    bridge.start(configure(tmp_path, "&jules_ml_respiration ftemp_table = 'g.nml', net = 'net.nml' /\n"))
    truth = net(torch.from_numpy(np.stack([inputs["v_crit"], theta], -1).astype(np.float64))).detach()[..., 0].numpy()
    np.testing.assert_allclose(bridge.respiration(**inputs)[0], truth, rtol=0, atol=TOLERANCE[kind])
    without = {name: value for name, value in inputs.items() if name != "v_crit"}
    with pytest.raises(BridgeFailure, match="needs v_crit, which the host does not pass"):
        bridge.respiration(**without)

    serve(lambda sthu, t_soil, v_crit, **_: (sthu * v_crit, t_soil))
    np.testing.assert_array_equal(bridge.respiration(**inputs)[0], inputs["sthu"] * inputs["v_crit"])
    with pytest.raises(BridgeFailure, match="the callable needs v_crit"):
        bridge.respiration(**without)


def test_a_callable_without_the_critical_point_works_as_before(bridge: Bridge, serve: Serve) -> None:
    """Nor is it passed by ``**kwargs``, which torch modules have whatever their ``forward`` accepts."""
    inputs = soil(np.float32, 3)

    class Plain:
        def __call__(self, **given: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
            assert "v_crit" not in given
            return given["sthu"], given["t_soil"]

    serve(Plain())
    np.testing.assert_array_equal(bridge.respiration(**inputs)[0], inputs["sthu"])


def test_points_without_soil_may_have_no_critical_point(bridge: Bridge, tmp_path: Path) -> None:
    write_curve(CurveTable("fsth", "theta/v_crit", 0.0, 2.0, np.array([0.1, 1.0]), 0.1, 1.5, 1.0), tmp_path / "f.nml")
    write_curve(
        CurveTable("ftemp", "t_soil", 250.0, 315.0, np.array([0.1, 1.0]), 260.0, 300.0, 282.4), tmp_path / "g.nml"
    )
    inputs = soil(np.float64, 9)
    inputs["l_soil_point"][2] = False
    for name in ("v_sat", "v_crit", "sthu"):
        inputs[name][:, 2] = 0.0
    bridge.start(configure(tmp_path, "&jules_ml_respiration fsth_table = 'f.nml', ftemp_table = 'g.nml' /\n"))
    fsth, _ = bridge.respiration(**inputs)
    assert np.isfinite(fsth).all()
    assert (fsth[:, 2] == 0.0).all()
