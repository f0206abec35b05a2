"""Files with which a run of JULES evaluates a network for respiration: by the native backend wherever it can.

Dense networks go to the native backend, which needs neither Python nor torch. Others go to the Python backend, in which each rank loads
torch.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from jules_ml.errors import BadInput
from jules_ml.jules.net_files import NetInput, Output, check_inputs, native_problem, write_net
from jules_ml.support.files import atomic_write

#: Files of a network: for the native backend, and for Python its description, the exported network and the module with the callable.
NATIVE, DESCRIPTION, EXPORTED, MODULE = "net.nml", "net.json", "net.pt2", "jules_ml_net.py"


def write_respiration_net(
    folder: Path,
    net: nn.Module,
    inputs: Sequence[NetInput],
    outputs: Sequence[Output],
    *,
    name: str,
    reference: str = "",
    outside: Literal["clamp", "extend"] = "clamp",
) -> tuple[str, str]:
    """Write a network into a folder of namelists.

    Parameters
    ----------
    folder : Path
        Folder of ``jules_ml.nml``.
    net : nn.Module
        Network of shape (sample, input) to (sample, output). An ``nn.Sequential`` of dense layers goes to the native backend.
    inputs, outputs, name, reference, outside
        See :func:`~jules_ml.jules.net_files.write_net`.

    Returns
    -------
    group : str
        Group ``&jules_ml_respiration`` for ``jules_ml.nml``.
    reason : str
        Why the network needs Python; empty if the native backend evaluates it.

    Raises
    ------
    BadInput
        If the network does not fit its inputs and outputs.
    """
    reason = native_problem(net)
    if not reason:
        assert isinstance(net, nn.Sequential)
        write_net(folder / NATIVE, net, inputs, outputs, name=name, reference=reference, outside=outside)
        return f"&jules_ml_respiration\n  net = '{NATIVE}'\n/\n", ""
    check_inputs(inputs, outputs)
    if list(outputs) in (["fsth"], ["ftemp"]):
        raise BadInput(
            f"the network has the output {outputs[0]} only, and {reason}",
            remedy="use a dense network, beside which the native backend takes a table for the other modifier, or give both outputs",
        )
    _write_for_python(folder, net, inputs, outputs, name, outside)
    group = f"&jules_ml_respiration\n  backend = 'python'\n  python_callable = '{Path(MODULE).stem}:modifiers'\n/\n"
    return group, reason


def _write_for_python(
    folder: Path,
    net: nn.Module,
    inputs: Sequence[NetInput],
    outputs: Sequence[Output],
    name: str,
    outside: Literal["clamp", "extend"],
) -> None:
    """Write the network, its description and a module that loads them."""
    net = net.float().eval()
    example = torch.zeros(3, len(inputs))
    try:
        result = net(example)
    except RuntimeError as error:
        raise BadInput(
            f"the network does not take {len(inputs)} inputs ({error})", remedy="name all of its inputs"
        ) from error
    if tuple(result.shape) != (3, len(outputs)):
        raise BadInput(
            f"the network returns shape {tuple(result.shape)} for 3 samples, not (3, {len(outputs)})",
            remedy="name all of its outputs",
        )
    exported = torch.export.export(net, (example,), dynamic_shapes=({0: torch.export.Dim("sample", min=1)},))
    with atomic_write(folder / EXPORTED) as part:
        torch.export.save(exported, part)
    description = {
        "name": name,
        "inputs": [asdict(item) for item in inputs],
        "outputs": list(outputs),
        "outside": outside,
        "sha256": sha256((folder / EXPORTED).read_bytes()).hexdigest(),
    }
    with atomic_write(folder / DESCRIPTION) as part:
        part.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
    text = (
        '"""The network for respiration that JULES calls."""\n\n'
        "from pathlib import Path\n\n"
        "from jules_ml.bridge.network import NetworkModifiers\n\n"
        f'modifiers = NetworkModifiers(Path(__file__).with_name("{DESCRIPTION}"), Path(__file__).with_name("{EXPORTED}"))\n'
    )
    with atomic_write(folder / MODULE) as part:
        part.write_text(text, encoding="utf-8")
