"""Dense nets written as namelists."""

from __future__ import annotations

from pathlib import Path

import f90nml
import numpy as np
import pytest
from helpers.tensors import linear
from torch import nn

from jules_ml.errors import BadInput
from jules_ml.jules.net_files import NetInput, write_net

WETNESS = NetInput(name="sthu", seen_min=0.1, seen_max=0.9)


def test_weights_are_read_back_exactly(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(1, 7), nn.Tanh(), nn.Linear(7, 1), nn.Sigmoid()).double()
    write_net(tmp_path / "net.nml", net, [WETNESS], ["joint"], name="bits")
    read = f90nml.read(tmp_path / "net.nml")
    first, second = read["jules_ml_layer"]
    np.testing.assert_array_equal(first["weight"], linear(net, 0).weight.detach().numpy().ravel())
    np.testing.assert_array_equal(second["bias"], linear(net, 2).bias.detach().numpy().item())
    assert (first["activation"], second["activation"]) == ("tanh", "sigmoid")
    assert read["jules_ml_net"]["input_units"] == "1"


@pytest.mark.parametrize(
    ("net", "problem"),
    [
        (nn.Sequential(nn.Linear(1, 1), nn.GELU()), r"cannot compute layer 1 of the network, GELU"),
        (nn.Sequential(nn.Tanh(), nn.Linear(1, 1)), r"cannot compute layer 0 of the network, Tanh"),
        (nn.Sequential(nn.Linear(1, 1), nn.Softplus(beta=2)), r"Softplus"),
        (nn.Sequential(nn.Linear(2, 1)), r"does not have 1 inputs and 1 outputs"),
        (nn.Sequential(nn.Linear(1, 513), nn.Linear(513, 1)), r"more than 512 units"),
    ],
)
def test_nets_that_the_bridge_cannot_compute_are_refused(tmp_path: Path, net: nn.Sequential, problem: str) -> None:
    with pytest.raises(BadInput, match=problem):
        write_net(tmp_path / "net.nml", net, [WETNESS], ["joint"], name="bad")
    assert not list(tmp_path.iterdir())


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(1, 1))
    nn.init.constant_(linear(net, 0).weight, float("nan"))
    with pytest.raises(BadInput, match="not finite"):
        write_net(tmp_path / "net.nml", net, [WETNESS], ["joint"], name="bad")


def test_inputs_unknown_to_the_bridge_are_refused(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(1, 1))
    with pytest.raises(BadInput, match=r"cannot have the input clay.*choose inputs among sthu"):
        write_net(tmp_path / "net.nml", net, [NetInput(name="clay", seen_min=0, seen_max=1)], ["joint"], name="bad")
    with pytest.raises(BadInput, match="cannot have the outputs joint, fsth"):
        write_net(tmp_path / "net.nml", net, [WETNESS], ["joint", "fsth"], name="bad")
