"""Integration of columns through time, eager or compiled.

The compiled step of all columns is a few C++ loops. Its inputs are packed into a few tensors, because the overhead of a compiled call grows
with the number of arguments and would exceed the arithmetic of a single column.
"""

from __future__ import annotations

import copy
import functools
import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from jules_ml.physics.column import ColumnState, SoilColumn, SoilProperties
from jules_ml.physics.compilation import NO_COMPILER, can_compile, compilation_obstacle
from jules_ml.physics.photosynthesis import LeafParameters
from jules_ml.physics.surface import Forcing, SurfaceProperties, SurfaceState
from jules_ml.support.descendants import end_descendants_with_this_process

#: The wrapper of the call is C++ as well, which halves the cost of a single column's step. Products and sums are not contracted, so that a
#: compiled run takes the same branches at the freezing point as an eager one.
_COMPILE_OPTIONS: dict[str, str | int | bool | Callable[..., object]] = {"cpp_wrapper": True}
#: Width of the processor's widest vectors [bytes]. A compiled step is vectorised over columns, and the last bit of a vectorised exponential
#: or logarithm differs from that of a scalar one. The result of a column would then depend on the number of columns: at the freezing point
#: one bit decides whether its heat is solved for again.
_VECTOR = 64
#: Compilations of the step in one process, one for each column that differs in a constant; torch stops after eight by default.
_RECOMPILE_LIMIT = 10000
#: Steps between two calls of ``on_steps``.
_PROGRESS_EVERY = 480
#: Tile properties that are one tensor of shape (tile, column) each.
_PLAIN = tuple(name for name in SurfaceProperties._fields if name not in ("f_root", "leaf"))


#: Result of a packed step: soil and tiles, and the sums of the outputs.
_Step = tuple[tuple[Tensor, Tensor], Tensor]


class Integration(NamedTuple):
    """State at the end, and outputs of shape (period, column) or (period, layer, column)."""

    state: ColumnState
    outputs: dict[str, Tensor]


class Analysis(NamedTuple):
    """Change of the state from outside the model: after every ``every`` steps, ``change`` of the steps done and the state."""

    every: int
    change: Callable[[int, ColumnState], ColumnState]


class _Packed(NamedTuple):
    """Constant inputs of a step."""

    soil: Tensor  # (property, layer, column)
    dzsoil: Tensor  # (layer, 1)
    tiles: Tensor  # (property, tile, column)
    f_root: Tensor  # (tile, layer, column)


def whole_vectors(n_columns: int, dtype: torch.dtype) -> int:
    """Round a number of columns up to whole vectors of a compiled step.

    The result of a column is the same to the last bit in any number of columns that fills whole vectors.

    Parameters
    ----------
    n_columns : int
        Number of columns.
    dtype : torch.dtype
        Precision of the state.

    Returns
    -------
    int

    Examples
    --------
    >>> whole_vectors(1, torch.float64), whole_vectors(9, torch.float64), whole_vectors(9, torch.float32)
    (8, 16, 16)
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
        Names of outputs of :meth:`SoilColumn.step`.
    mean_over : int
        Steps of one period of output; outputs are means over it.
    analysis : Analysis, optional
        Change of the state between steps; the outputs and residuals do not include what it adds or removes.
    compiled : bool, optional
        Whether to compile the step; by default if a C++ compiler is available, no gradient is needed, and there are 2000 steps or more.
        A single column is then stepped as a vector of equal columns, which takes no longer; see :func:`whole_vectors`.
    on_steps : callable, optional
        Called at intervals with the number of steps done since the last call.

    Returns
    -------
    Integration

    Raises
    ------
    ValueError
        If the length of the series is not a whole number of periods, or an output does not exist.
    """
    n_steps = forcing.t_air.shape[0]
    if n_steps == 0 or n_steps % mean_over:
        raise ValueError(f"{n_steps} steps do not make whole periods of {mean_over}")
    wants_gradient = torch.is_grad_enabled() and any(
        isinstance(p, Tensor) and p.requires_grad for p in (*column.soil, *state[:3], column.cs)
    )
    compiled = _is_compiled(compiled, n_steps, wants_gradient=wants_gradient)
    n_own = _n_columns(column, state, forcing)
    n_columns = whole_vectors(1, state.smcl.dtype) if compiled and n_own == 1 else n_own
    packed, carried = _pack(column, state, n_columns)
    rows, sizes = _output_rows(column, _unpack_state(carried), forcing, outputs)
    series = torch.stack([x.expand(n_steps, n_columns) for x in forcing], dim=1)
    step: Callable[..., _Step] = functools.partial(_packed_step, column, tuple(outputs))
    if compiled:
        end_descendants_with_this_process()
        step = _compiled_or_plain(step)
    means: list[Tensor] = []
    total = torch.zeros(rows, n_columns, dtype=series.dtype)
    since = 0
    limits = {"recompile_limit": _RECOMPILE_LIMIT, "accumulated_recompile_limit": _RECOMPILE_LIMIT}
    with torch.set_grad_enabled(wants_gradient), torch._dynamo.config.patch(limits):
        for k, row in enumerate(series.unbind(0)):
            carried, total = step(packed, carried, row, total)
            if analysis is not None and (k + 1) % analysis.every == 0:
                carried = _carried(analysis.change(k + 1, _unpack_state(carried, n_own)), n_columns)
            if (k + 1) % mean_over == 0:
                means.append(total[:, :n_own] / mean_over)
                total = torch.zeros_like(total)
            since += 1
            if on_steps is not None and since == _PROGRESS_EVERY:
                on_steps(since)
                since = 0
    if on_steps is not None and since:
        on_steps(since)
    return Integration(state=_unpack_state(carried, n_own), outputs=_by_name(torch.stack(means), outputs, sizes))


def _is_compiled(compiled: bool | None, n_steps: int, *, wants_gradient: bool) -> bool:
    """Whether to compile the step; warn if that is requested and not possible."""
    if compiled is None:
        return not wants_gradient and n_steps >= 2000 and can_compile()
    if compiled and not can_compile():
        obstacle = compilation_obstacle() or NO_COMPILER
        warnings.warn(f"{obstacle}: the column runs without compilation, about ten times slower", stacklevel=3)
        return False
    return compiled


def _compiled_or_plain(step: Callable[..., _Step]) -> Callable[..., _Step]:
    """Compile a step at its first call; if the compiler fails, for example on a full disk, warn and use the step as it is."""
    compiled = torch.compile(step, fullgraph=True, dynamic=False, options=_COMPILE_OPTIONS)
    chosen: list[Callable[..., _Step]] = []

    def call(*arguments: object) -> _Step:
        if chosen:
            return chosen[0](*arguments)
        try:
            result = compiled(*arguments)
        except Exception as error:
            # whatever the step itself raises, it raises again
            result = step(*arguments)
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            warnings.warn(f"the column runs without compilation, about ten times slower ({reason})", stacklevel=3)
            chosen.append(step)
            return result
        chosen.append(compiled)
        return result

    return call


def _by_name(means: Tensor, outputs: Sequence[str], sizes: Sequence[int]) -> dict[str, Tensor]:
    """Split rows of shape (period, row, column) into outputs of shape (period, column) or (period, layer, column)."""
    by_name: dict[str, Tensor] = {}
    first = 0
    for name, size in zip(outputs, sizes, strict=True):
        by_name[name] = means[:, first : first + size] if size > 1 else means[:, first]
        first += size
    return by_name


def _n_columns(column: SoilColumn, state: ColumnState, forcing: Forcing) -> int:
    """Largest number of columns of properties, state and weather."""
    if not isinstance(column.surface, SurfaceProperties) or not isinstance(state.surface, SurfaceState):
        raise ValueError("integrate needs a column and a state with a surface; use soil_step")
    return max(t.shape[-1] for t in (*column.soil, *_tile_properties(column.surface), *state[:3], *forcing))


def _tile_properties(surface: SurfaceProperties) -> list[Tensor]:
    """Properties of shape (tile, column), those of the leaf last."""
    return [getattr(surface, name) for name in _PLAIN] + list(surface.leaf)


def _pack(column: SoilColumn, state: ColumnState, n_columns: int) -> tuple[_Packed, tuple[Tensor, Tensor]]:
    """Constant inputs, and the state of soil and tiles, as few tensors."""
    assert isinstance(column.surface, SurfaceProperties)
    packed = _Packed(
        soil=_widened(torch.broadcast_tensors(*column.soil), n_columns),
        dzsoil=column.dzsoil,
        tiles=_widened(torch.broadcast_tensors(*_tile_properties(column.surface)), n_columns),
        f_root=column.surface.f_root,
    )
    return packed, _carried(state, n_columns)


def _widened(properties: Sequence[Tensor], n_columns: int) -> Tensor:
    """Stack properties of all columns, repeating those of a single one."""
    return torch.stack([x.expand(-1, n_columns) for x in properties]).contiguous()


def _carried(state: ColumnState, n_columns: int) -> tuple[Tensor, Tensor]:
    """State of soil (variable, layer, column) and tiles (variable, tile, column)."""
    assert isinstance(state.surface, SurfaceState)
    soil_state = torch.stack([x.expand(-1, n_columns) for x in state[:3]])
    tile_state = torch.stack([x.expand(-1, n_columns) for x in state.surface])
    return soil_state, tile_state


def _unpack_column(column: SoilColumn, packed: _Packed) -> SoilColumn:
    """Copy of the column with the packed properties."""
    n_leaf = len(LeafParameters._fields)
    tiles = packed.tiles.unbind(0)
    plain = dict(zip(_PLAIN, tiles[:-n_leaf], strict=True))
    surface = SurfaceProperties(**plain, f_root=packed.f_root, leaf=LeafParameters(*tiles[-n_leaf:]))
    twin = copy.copy(column)
    twin.soil, twin.dzsoil, twin.surface = SoilProperties(*packed.soil.unbind(0)), packed.dzsoil, surface
    return twin


def _unpack_state(carried: tuple[Tensor, Tensor], n_columns: int | None = None) -> ColumnState:
    """State of all columns, or of the first ``n_columns``."""
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
    """Step on packed tensors; ``total`` accumulates the outputs, in rows."""
    new, out = _unpack_column(column, packed).step(_unpack_state(carried), Forcing(*weather.unbind(0)))
    assert new.surface is not None
    rows = torch.cat(
        [out[name].expand(*out[name].shape[:-1], total.shape[-1]).reshape(-1, total.shape[-1]) for name in outputs]
    )
    return (torch.stack(new[:3]), torch.stack(new.surface)), total + rows


def _output_rows(
    column: SoilColumn, state: ColumnState, forcing: Forcing, outputs: Sequence[str]
) -> tuple[int, list[int]]:
    """Rows of all outputs, and of each: one, or one for each layer."""
    with torch.no_grad():
        _, available = column.step(state, Forcing(*(x[0] for x in forcing)))
    unknown = [name for name in outputs if name not in available]
    if unknown:
        raise ValueError(f"the column has no output {', '.join(unknown)}; choose among {', '.join(sorted(available))}")
    sizes = [available[name].shape[0] if available[name].ndim == 2 else 1 for name in outputs]
    return sum(sizes), sizes
