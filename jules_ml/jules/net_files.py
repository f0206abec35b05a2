r"""Small dense networks as Fortran namelists, for the bridge's native backend.

A file has one group ``&jules_ml_net`` with the inputs, their units, their scaling
:math:`(x - \mathrm{offset}) / \mathrm{scale}` and their training range, to which inputs are clamped, and one group
``&jules_ml_layer`` per layer, from the input to the output. Numbers have 17 digits, so that 64-bit reals are reproduced exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import f90nml
import torch
from torch import nn

from jules_ml.errors import BadInput
from jules_ml.support.files import atomic_write

#: Version of the format.
VERSION = 1
#: Possible inputs of a network, and their units.
INPUT_UNITS = {
    "sthu": "1",
    "sthf": "1",
    "sthu+sthf": "1",
    "theta": "m3 m-3",
    "v_sat": "m3 m-3",
    "v_crit": "m3 m-3",
    "v_wilt": "m3 m-3",
    "t_soil": "K",
}
#: Maximum number of units per layer.
MAX_WIDTH = 512

Output = Literal["fsth", "ftemp", "joint"]


@dataclass(frozen=True, kw_only=True)
class NetInput:
    """One input of a network.

    Attributes
    ----------
    name : str
        One of :data:`INPUT_UNITS`: ``theta`` is unfrozen water, ``sthu * v_sat``.
    seen_min, seen_max : float
        Range of the training data, in the unit of the input.
    offset, scale : float
        The network gets ``(x - offset) / scale``.
    """

    name: str
    seen_min: float
    seen_max: float
    offset: float = 0.0
    scale: float = 1.0


def write_net(
    path: Path,
    net: nn.Sequential,
    inputs: Sequence[NetInput],
    outputs: Sequence[Output],
    *,
    name: str,
    reference: str = "",
    outside: Literal["clamp", "extend"] = "clamp",
) -> None:
    """Write a dense network for the bridge.

    Parameters
    ----------
    path : Path
        Namelist file to write.
    net : nn.Sequential
        ``nn.Linear`` layers, each followed by at most one of ``nn.Tanh``, ``nn.Sigmoid``, ``nn.ReLU`` and ``nn.Softplus``
        (with the default settings of torch).
    inputs : sequence of NetInput
        Inputs, in the order of the network.
    outputs : sequence of {"fsth", "ftemp", "joint"}
        Outputs; ``joint`` is the product of both factors and is the only output then. The bridge replaces negative outputs by 0.
    name : str
        Name of the network.
    reference : str, optional
        Source of the network.
    outside : {"clamp", "extend"}, optional
        Whether inputs outside the training range are clamped to it, or used as they are.

    Raises
    ------
    BadInput
        If the network has layers that the bridge cannot compute, or does not fit its inputs and outputs.
    """
    layers = _layers(net)
    _check_fit(layers, inputs, outputs)
    head = f90nml.Namelist(
        version=VERSION,
        name=name,
        reference=reference,
        inputs=[item.name for item in inputs],
        input_units=[INPUT_UNITS[item.name] for item in inputs],
        x_offset=[item.offset for item in inputs],
        x_scale=[item.scale for item in inputs],
        seen_min=[item.seen_min for item in inputs],
        seen_max=[item.seen_max for item in inputs],
        outside=outside,
        outputs=list(outputs),
    )
    groups = [("jules_ml_net", head)]
    for linear, activation in layers:
        weight = linear.weight.detach().double().cpu()
        bias = torch.zeros(linear.out_features) if linear.bias is None else linear.bias.detach()
        layer = f90nml.Namelist(
            n_in=linear.in_features,
            n_out=linear.out_features,
            activation=activation,
            weight=weight.flatten().tolist(),
            bias=bias.double().cpu().tolist(),
        )
        groups.append(("jules_ml_layer", layer))
    with atomic_write(path) as part, part.open("w", encoding="utf-8") as stream:
        for group, entries in groups:
            text = f90nml.Namelist({group: entries})
            text.float_format = ".17g"
            text.write(stream)


def native_problem(net: nn.Module) -> str:
    """Return why the native backend cannot evaluate a network; empty if it can."""
    if not isinstance(net, nn.Sequential):
        return f"{type(net).__name__} is not an nn.Sequential"
    try:
        layers = _layers(net)
    except BadInput as error:
        return error.problem
    if not layers:
        return "the network has no layers"
    if _width(layers) > MAX_WIDTH:
        return f"a layer has more than {MAX_WIDTH} units"
    return ""


def check_inputs(inputs: Sequence[NetInput], outputs: Sequence[Output]) -> None:
    """Refuse inputs and outputs that no backend offers."""
    unknown = [item.name for item in inputs if item.name not in INPUT_UNITS]
    if unknown:
        raise BadInput(
            f"a network cannot have the input {', '.join(unknown)}",
            remedy=f"choose inputs among {', '.join(INPUT_UNITS)}",
        )
    if sorted(outputs) not in (["fsth"], ["ftemp"], ["fsth", "ftemp"], ["joint"]):
        raise BadInput(
            f"a network cannot have the outputs {', '.join(outputs) or '(none)'}",
            remedy="give fsth, ftemp, both, or joint alone",
        )


def _width(layers: list[tuple[nn.Linear, str]]) -> int:
    return max(max(linear.in_features, linear.out_features) for linear, _ in layers)


def _layers(net: nn.Sequential) -> list[tuple[nn.Linear, str]]:
    """Return the linear layers, each with the name of its activation."""
    layers: list[tuple[nn.Linear, str]] = []
    for index, part in enumerate(net):
        activation = _activation(part)
        if isinstance(part, nn.Linear):
            layers.append((part, "linear"))
        elif activation is not None and layers and layers[-1][1] == "linear":
            layers[-1] = (layers[-1][0], activation)
        else:
            raise BadInput(
                f"the bridge cannot compute layer {index} of the network, {part}",
                remedy="use nn.Linear layers, each followed by at most one of nn.Tanh, nn.Sigmoid, nn.ReLU or nn.Softplus",
            )
    return layers


def _activation(part: nn.Module) -> str | None:
    """Return the bridge's name of an activation; None if the bridge does not support it."""
    if isinstance(part, nn.Softplus):
        return "softplus" if (part.beta, part.threshold) == (1, 20) else None
    names = {nn.Tanh: "tanh", nn.Sigmoid: "sigmoid", nn.ReLU: "relu", nn.Identity: "linear"}
    return names.get(type(part))


def _check_fit(layers: list[tuple[nn.Linear, str]], inputs: Sequence[NetInput], outputs: Sequence[Output]) -> None:
    """Refuse a network that does not fit its inputs and outputs, or the bridge."""
    check_inputs(inputs, outputs)
    if not layers or (layers[0][0].in_features, layers[-1][0].out_features) != (len(inputs), len(outputs)):
        raise BadInput(
            f"the network does not have {len(inputs)} inputs and {len(outputs)} outputs",
            remedy="name all of its inputs and outputs",
        )
    if _width(layers) > MAX_WIDTH:
        raise BadInput(
            f"a layer has more than {MAX_WIDTH} units", remedy="use a smaller network, or the python backend"
        )
    if not all(parameter.isfinite().all() for linear, _ in layers for parameter in linear.parameters()):
        raise BadInput("a weight of the network is not finite", remedy="train it again, with a smaller learning rate")
