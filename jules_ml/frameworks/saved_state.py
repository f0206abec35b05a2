"""State of a component as bytes, from which it continues as if it had not stopped.

The bytes are a safetensors file with all tensors of the state of the columns, the values of all exchanged variables, and the number of
steps done.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from jules_ml.column.grid.trees import with_tensors
from jules_ml.errors import BadInput
from jules_ml.frameworks.variables import Array
from jules_ml.physics.column import ColumnState
from jules_ml.physics.kernel.trees import tensors

_FORMAT: Final = "jules_ml component state 1"
_REMEDY: Final = "restore a state that was saved by this component with the same layers, surface types and columns"


@dataclass(frozen=True, eq=False)
class SavedState:
    """State of a component between two steps.

    Attributes
    ----------
    step : int
        Steps done.
    state : ColumnState
    values : dict of str to array
        All exchanged variables.
    inputs_set : tuple of str
        Inputs that the record does not drive any more.
    """

    step: int
    state: ColumnState
    values: dict[str, Array]
    inputs_set: tuple[str, ...]


def state_bytes(saved: SavedState, *, component: str, timestep: float, dzsoil: torch.Tensor) -> bytes:
    """Write a state.

    Parameters
    ----------
    saved : SavedState
    component : str
        Name of the component.
    timestep : float
        Length of a step [s].
    dzsoil : Tensor
        Layer thicknesses [m].

    Returns
    -------
    bytes
    """
    arrays = {f"state.{k}": x.detach().contiguous().clone() for k, x in enumerate(tensors(saved.state))}
    arrays |= {f"value.{name}": torch.from_numpy(np.array(x)) for name, x in saved.values.items()}
    about = {
        "format": _FORMAT,
        "component": component,
        "timestep": timestep,
        "dzsoil": dzsoil.flatten().tolist(),
        "step": saved.step,
        "inputs_set": sorted(saved.inputs_set),
    }
    return save(arrays, metadata={"jules_ml": json.dumps(about)})


def state_from_bytes(
    content: bytes,
    *,
    like: ColumnState,
    names: Collection[str],
    component: str,
    timestep: float,
    dzsoil: torch.Tensor,
    where: str,
) -> SavedState:
    """Read a state.

    Parameters
    ----------
    content : bytes
        From :func:`state_bytes`.
    like : ColumnState
        State of the component that is restored, whose structure the saved one must have.
    names : collection of str
        Its exchanged variables.
    component, timestep, dzsoil
        As of :func:`state_bytes`.
    where : str
        File, for messages.

    Returns
    -------
    SavedState

    Raises
    ------
    BadInput
        If the bytes are damaged, or of another component, time step, soil or number of columns.
    """
    try:
        about, arrays = _metadata(content), load(content)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"it is not the state of a component, or damaged ({error})", where=where, remedy=_REMEDY
        ) from error
    expected = {"component": component, "timestep": timestep, "dzsoil": dzsoil.flatten().tolist()}
    for name, value in expected.items():
        if about.get(name) != value:
            raise BadInput(f"{name} is {about.get(name)}, and here {value}", where=where, remedy=_REMEDY)
    old = tensors(like)
    new = [arrays.get(f"state.{k}") for k in range(len(old))]
    if f"state.{len(old)}" in arrays or any(x is None or x.shape != y.shape for x, y in zip(new, old, strict=True)):
        shapes = [None if x is None else tuple(x.shape) for x in new]
        raise BadInput(
            f"its arrays have the shapes {shapes}, and here {[tuple(y.shape) for y in old]}",
            where=where,
            remedy=_REMEDY,
        )
    values = {name: arrays[f"value.{name}"].numpy() for name in names if f"value.{name}" in arrays}
    state = with_tensors(like, [x for x in new if x is not None])
    return SavedState(int(about["step"]), state, values, tuple(about["inputs_set"]))


def _metadata(content: bytes) -> dict[str, Any]:
    """What :func:`state_bytes` wrote beside the arrays."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    about = json.loads(header["__metadata__"]["jules_ml"])
    if about["format"] != _FORMAT:
        raise ValueError(f"format {about['format']}")
    return dict(about)
