"""State of a component as bytes, from which it continues as if it had not stopped.

The bytes are a safetensors file with all tensors of the state of the columns, the values of the exchanged variables that the record does
not drive, the soil, the number of steps done and the date.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from jules_ml.column.grid.trees import with_tensors
from jules_ml.errors import BadInput
from jules_ml.frameworks.variables import Array
from jules_ml.physics.column import ColumnState, SoilColumn
from jules_ml.physics.kernel.trees import tensors

_FORMAT: Final = "jules_ml component state 3"
_REMEDY: Final = "restore a state that was saved by this component with the same soil, surface types and columns"
#: Part by which two properties of a soil may differ: learned ones are computed on each machine.
_SAME_SOIL: Final = 1e-9


@dataclass(frozen=True, eq=False)
class SavedState:
    """State of a component between two steps.

    Attributes
    ----------
    step : int
        Steps done.
    date : datetime or None
        Date after these steps, UTC; None for a run without dates.
    state : ColumnState
    values : dict of str to array
        Exchanged variables.
    inputs_set : tuple of str
        Inputs that the record does not drive any more.
    """

    step: int
    date: datetime | None
    state: ColumnState
    values: dict[str, Array]
    inputs_set: tuple[str, ...]


def state_bytes(saved: SavedState, *, component: str, timestep: float, column: SoilColumn) -> bytes:
    """Write a state.

    Parameters
    ----------
    saved : SavedState
    component : str
        Name of the component.
    timestep : float
        Length of a step [s].
    column : SoilColumn
        Column with the soil.

    Returns
    -------
    bytes
    """
    arrays = {f"state.{k}": x.detach().contiguous().clone() for k, x in enumerate(tensors(saved.state))}
    arrays |= {f"value.{name}": torch.from_numpy(np.array(x)) for name, x in saved.values.items()}
    arrays |= {f"soil.{name}": x.detach().contiguous().clone() for name, x in _properties(column).items()}
    about = {
        "format": _FORMAT,
        "component": component,
        "timestep": timestep,
        "step": saved.step,
        "date": None if saved.date is None else saved.date.isoformat(),
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
    column: SoilColumn,
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
    component, timestep, column
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
    for name, value in {"component": component, "timestep": timestep}.items():
        if about[name] != value:
            raise BadInput(f"{name} is {about[name]}, and here {value}", where=where, remedy=_REMEDY)
    _require_soil(arrays, column, where)
    old = tensors(like)
    new = [arrays.get(f"state.{k}") for k in range(len(old))]
    if f"state.{len(old)}" in arrays or any(x is None or x.shape != y.shape for x, y in zip(new, old, strict=True)):
        shapes = [None if x is None else tuple(x.shape) for x in new]
        raise BadInput(
            f"its arrays have the shapes {shapes}, and here {[tuple(y.shape) for y in old]}",
            where=where,
            remedy=_REMEDY,
        )
    exchanged = {name: arrays[f"value.{name}"].numpy() for name in names if f"value.{name}" in arrays}
    state = with_tensors(like, [x for x in new if x is not None])
    date = None if about["date"] is None else datetime.fromisoformat(about["date"])
    return SavedState(int(about["step"]), date, state, exchanged, tuple(about["inputs_set"]))


def _properties(column: SoilColumn) -> dict[str, Tensor]:
    """Thicknesses and properties of the layers, by JULES's names."""
    return {"dzsoil": column.dzsoil, **column.soil._asdict()}


def _require_soil(arrays: dict[str, Tensor], column: SoilColumn, where: str) -> None:
    """Refuse the state of another soil, with the values of the first column that differs."""
    for name, here in _properties(column).items():
        saved = arrays.get(f"soil.{name}")
        if saved is None or saved.shape != here.shape:
            problem = f"{name} of its soil has another number of layers or columns"
        else:
            differ = ~torch.isclose(saved, here, rtol=_SAME_SOIL, atol=0.0).all(dim=0)
            if not differ.any():
                continue
            first, second = (x[:, differ][:, 0].tolist() for x in (saved, here))
            problem = f"{name} of its soil is {first}, and here {second}"
        raise BadInput(problem, where=where, remedy=_REMEDY)


def _metadata(content: bytes) -> dict[str, Any]:
    """What :func:`state_bytes` wrote beside the arrays."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    about = json.loads(header["__metadata__"]["jules_ml"])
    if about["format"] != _FORMAT:
        raise ValueError(f"format {about['format']}")
    return dict(about)
