"""A column through time, eager or compiled.

Compiled, one step of all columns becomes a handful of C++ loops. Everything that the step reads is first packed into a few tensors: what a
compiled call costs before it computes anything grows with the number of its arguments, and would outweigh a single column's arithmetic.
"""

from __future__ import annotations

import copy
import functools
import shutil
import sysconfig
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.column import ColumnState, SoilColumn, SoilProperties
from jules_ml.physics.photosynthesis import LeafParameters
from jules_ml.physics.surface import Forcing, SurfaceProperties, SurfaceState

#: Compilers that torch can use, in its own order of preference.
_COMPILERS = ("g++", "clang++", "c++")
#: What is said where :func:`can_compile` is false.
NO_COMPILER = "no C++ compiler found (g++ or clang++) with Python's headers (python3-dev)"
#: The call itself in C++ too: half of what a single column's step costs. Products are not contracted with sums, so that a compiled run
#: takes the same branches at the freezing point as an eager one.
_COMPILE_OPTIONS: dict[str, str | int | bool | Callable[..., object]] = {"cpp_wrapper": True}
#: Width of the processor's widest vectors [bytes]. A compiled step takes columns a vector at a time, and an exponential or a logarithm of a
#: vector has another last bit than that of a number. A column that was alone would then part from itself in company: at its freezing
#: point a bit decides whether its heat is solved for again.
_VECTOR = 64
#: Steps between two calls of ``on_steps``.
_PROGRESS_EVERY = 480
#: Tile properties that are one tensor of shape (tile, column) each.
_PLAIN = tuple(name for name in SurfaceProperties._fields if name not in ("f_root", "leaf"))


class Integration(NamedTuple):
    """State at the end, and outputs of shape (period, column) or (period, layer, column)."""

    state: ColumnState
    outputs: dict[str, Tensor]


class Analysis(NamedTuple):
    """What changes a column's state from without: ``change`` takes the steps done and the state, after every ``every`` steps."""

    every: int
    change: Callable[[int, ColumnState], ColumnState]


class _Packed(NamedTuple):
    """What a step reads and does not change."""

    soil: Tensor  # (property, layer, column)
    dzsoil: Tensor  # (layer, 1)
    tiles: Tensor  # (property, tile, column)
    f_root: Tensor  # (tile, layer, column)


def can_compile() -> bool:
    """Whether a C++ compiler, and Python's headers that its code includes, are at hand for ``torch.compile``."""
    headers = Path(sysconfig.get_path("include")) / "Python.h"
    return headers.is_file() and any(shutil.which(name) for name in _COMPILERS)


def whole_vectors(n_columns: int, dtype: torch.dtype) -> int:
    """Give the least number of columns, no fewer than asked for, that a compiled step takes in whole vectors.

    Columns come out the same to the last bit in any such number of them.
    """
    lanes = _VECTOR // dtype.itemsize
    return -(-n_columns // lanes) * lanes


def integrate(
    column: SoilColumn,
    state: ColumnState,
    forcing: Forcing,
    *,
    outputs: Sequence[str],
    mean_over: int = 1,
    analysis: Analysis | None = None,
    compiled: bool | None = None,
    on_steps: Callable[[int], None] | None = None,
) -> Integration:
    """Step a column with its surface through a series of weather.

    Parameters
    ----------
    column : SoilColumn
        With a surface.
    state : ColumnState
        At the start.
    forcing : Forcing
        Shape (time, column) each.
    outputs : sequence of str
        What to keep: names that :meth:`SoilColumn.step` returns.
    mean_over : int
        Steps that make one period of output; outputs are means over it.
    analysis : Analysis, optional
        Changes the state between steps; what it adds or takes is in no output and no residual, and is its own to count.
    compiled : bool, optional
        Compile the step. By default where a C++ compiler is at hand, there are steps enough to repay it, and no gradient is asked for.
        A single column is then stepped as a vector of them, which takes no longer; see :func:`whole_vectors`.
    on_steps : callable, optional
        Called now and then with the number of steps done since the last call.

    Returns
    -------
    Integration

    Raises
    ------
    ValueError
        If the length of the series is not a whole number of periods, or an output is not known.
    """
    n_steps = forcing.t_air.shape[0]
    if n_steps == 0 or n_steps % mean_over:
        raise ValueError(f"{n_steps} steps do not make whole periods of {mean_over}")
    wants_gradient = torch.is_grad_enabled() and any(
        isinstance(p, Tensor) and p.requires_grad for p in (*column.soil, *state[:3], column.cs)
    )
    if compiled is None:
        compiled = can_compile() and not wants_gradient and n_steps >= 2000
    elif compiled and not can_compile():
        warnings.warn(f"{NO_COMPILER}: the column runs eagerly, some ten times slower", stacklevel=2)
        compiled = False

    n_given = _n_columns(column, state, forcing)
    n_columns = whole_vectors(1, state.smcl.dtype) if compiled and n_given == 1 else n_given
    packed, carried = _pack(column, state, n_columns)
    rows, sizes = _output_rows(column, _unpack_state(carried), forcing, outputs)
    series = torch.stack([x.expand(n_steps, n_columns) for x in forcing], dim=1)
    step: Callable[..., tuple[tuple[Tensor, Tensor], Tensor]] = functools.partial(_packed_step, column, tuple(outputs))
    if compiled:
        step = torch.compile(step, fullgraph=True, dynamic=False, options=_COMPILE_OPTIONS)
    kept: list[Tensor] = []
    total = torch.zeros(rows, n_columns, dtype=series.dtype)
    since = 0
    with torch.set_grad_enabled(wants_gradient):
        for k, row in enumerate(series.unbind(0)):
            carried, total = step(packed, carried, row, total)
            if analysis is not None and (k + 1) % analysis.every == 0:
                carried = _carried(analysis.change(k + 1, _unpack_state(carried, n_given)), n_columns)
            if (k + 1) % mean_over == 0:
                kept.append(total[:, :n_given] / mean_over)
                total = torch.zeros_like(total)
            since += 1
            if on_steps is not None and since == _PROGRESS_EVERY:
                on_steps(since)
                since = 0
    if on_steps is not None and since:
        on_steps(since)

    columns = torch.stack(kept)
    by_name: dict[str, Tensor] = {}
    at = 0
    for name, size in zip(outputs, sizes, strict=True):
        part = columns[:, at : at + size] if size > 1 else columns[:, at]
        by_name[name] = part
        at += size
    return Integration(state=_unpack_state(carried, n_given), outputs=by_name)


def _n_columns(column: SoilColumn, state: ColumnState, forcing: Forcing) -> int:
    if column.surface is None or state.surface is None:
        raise ValueError("a column without a surface cannot be driven by weather; use soil_step")
    return max(t.shape[-1] for t in (*column.soil, *_tile_properties(column.surface), *state[:3], *forcing))


def _tile_properties(surface: SurfaceProperties) -> list[Tensor]:
    return [getattr(surface, name) for name in _PLAIN] + list(surface.leaf)


def _pack(column: SoilColumn, state: ColumnState, n_columns: int) -> tuple[_Packed, tuple[Tensor, Tensor]]:
    assert column.surface is not None
    packed = _Packed(
        soil=_widened(torch.broadcast_tensors(*column.soil), n_columns),
        dzsoil=column.dzsoil,
        tiles=_widened(torch.broadcast_tensors(*_tile_properties(column.surface)), n_columns),
        f_root=column.surface.f_root,
    )
    return packed, _carried(state, n_columns)


def _widened(properties: Sequence[Tensor], n_columns: int) -> Tensor:
    """Stack properties; one column's become those of all."""
    return torch.stack([x.expand(-1, n_columns) for x in properties]).contiguous()


def _carried(state: ColumnState, n_columns: int) -> tuple[Tensor, Tensor]:
    assert state.surface is not None
    soil_state = torch.stack([x.expand(-1, n_columns) for x in state[:3]])
    tile_state = torch.stack([x.expand(-1, n_columns) for x in state.surface])
    return soil_state, tile_state


def _unpack_column(column: SoilColumn, packed: _Packed) -> SoilColumn:
    n_leaf = len(LeafParameters._fields)
    tiles = packed.tiles.unbind(0)
    plain = dict(zip(_PLAIN, tiles[:-n_leaf], strict=True))
    surface = SurfaceProperties(**plain, f_root=packed.f_root, leaf=LeafParameters(*tiles[-n_leaf:]))
    twin = copy.copy(column)
    twin.soil, twin.dzsoil, twin.surface = SoilProperties(*packed.soil.unbind(0)), packed.dzsoil, surface
    return twin


def _unpack_state(carried: tuple[Tensor, Tensor], n_columns: int | None = None) -> ColumnState:
    """State of all columns, or of the first so many."""
    smcl, sthf, t_soil = carried[0][..., :n_columns].unbind(0)
    return ColumnState(smcl, sthf, t_soil, SurfaceState(*carried[1][..., :n_columns].unbind(0)))


def _packed_step(
    column: SoilColumn,
    outputs: tuple[str, ...],
    packed: _Packed,
    carried: tuple[Tensor, Tensor],
    weather: Tensor,
    total: Tensor,
) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """One step on packed tensors; ``total`` gathers the outputs, one row each."""
    new, out = _unpack_column(column, packed).step(_unpack_state(carried), Forcing(*weather.unbind(0)))
    assert new.surface is not None
    rows = torch.cat(
        [out[name].expand(*out[name].shape[:-1], total.shape[-1]).reshape(-1, total.shape[-1]) for name in outputs]
    )
    return (torch.stack(new[:3]), torch.stack(new.surface)), total + rows


def _output_rows(
    column: SoilColumn, state: ColumnState, forcing: Forcing, outputs: Sequence[str]
) -> tuple[int, list[int]]:
    with torch.no_grad():
        _, known = column.step(state, Forcing(*(x[0] for x in forcing)))
    unknown = [name for name in outputs if name not in known]
    if unknown:
        raise ValueError(f"no output is called {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    sizes = [known[name].shape[0] if known[name].ndim == 2 else 1 for name in outputs]
    return sum(sizes), sizes
