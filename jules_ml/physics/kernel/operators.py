"""What each operation of torch means for the elements of a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.physics.kernel.elements import REAL, TRUTH, WHOLE, CannotGenerate, Elements, Origin

Numbers = NDArray[np.int64]
#: Function of the recorder, the result without values, and the arguments; returns the element numbers of the result.
Operand = Callable[..., Numbers | None]


class Record(Protocol):
    """What an operation needs of a :class:`~jules_ml.physics.kernel.recorder.Recorder`."""

    elements: Elements
    n_columns: int

    def numbers(self, tensor: Tensor) -> Numbers:
        """Element numbers of a tensor of the step."""

    def by_column(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Shape of the element numbers of a tensor."""

    def table(self, tensor: Tensor) -> int | None:
        """Return the number of a table, or None for what the step computes."""

    def same_values(self, tensor: Tensor, like: Tensor) -> None:
        """State that a tensor has the values of a constant, for example in another precision."""


_KINDS: Final = {torch.bool: TRUTH, torch.int64: WHOLE, torch.int32: WHOLE}


def kind_of(tensor: Tensor) -> str:
    """Kind of the values of a tensor."""
    return REAL if tensor.dtype.is_floating_point else _KINDS.get(tensor.dtype, WHOLE)


def _as_numbers(recorder: Record, x: Any, kind: str) -> Numbers:
    """Elements of a tensor or a number, as values of a kind."""
    if isinstance(x, Tensor):
        return converted(recorder, recorder.numbers(x), kind)
    return np.array(recorder.elements.literal(float(x), kind), dtype=np.int64)


def converted(recorder: Record, numbers: Numbers, kind: str) -> Numbers:
    """Convert elements to values of a kind.

    Parameters
    ----------
    recorder : Record
        Of the step.
    numbers : array of int
        Elements.
    kind : str
        Kind wanted.

    Returns
    -------
    array of int
    """
    elements = recorder.elements

    def convert(number: int) -> int:
        element = elements.all[number]
        if element.kind == kind:
            return number
        if element.operation == "literal":
            return elements.literal(float(element.operands[0]), kind)
        return elements.add(f"{element.kind}_to_{kind}", kind, number)

    return _each(convert, numbers)


def _each(function: Callable[..., int], *arrays: Numbers) -> Numbers:
    """Apply a function to each element of arrays that broadcast."""
    shape = np.broadcast_shapes(*(x.shape for x in arrays))
    flat = [np.broadcast_to(x, shape).reshape(-1).tolist() for x in arrays]
    return np.array([function(*each) for each in zip(*flat, strict=True)], dtype=np.int64).reshape(shape)


def _operation(recorder: Record, operation: str, kind: str, *arrays: Numbers) -> Numbers:
    elements = recorder.elements
    shape = np.broadcast_shapes(*(x.shape for x in arrays))
    flat = [np.broadcast_to(x, shape).reshape(-1).tolist() for x in arrays]
    elements.serial += 1
    numbers = []
    for place, each in enumerate(zip(*flat, strict=True)):
        elements.now = Origin(elements.serial, shape[:-1], place)
        numbers.append(elements.add(operation, kind, *each))
    elements.now = None
    return np.array(numbers, dtype=np.int64).reshape(shape)


def _arithmetic(operation: str) -> Operand:
    def operand(recorder: Record, result: Tensor, *args: Any, alpha: float = 1) -> Numbers:
        kind = kind_of(result)
        arrays = [_as_numbers(recorder, x, kind) for x in args]
        if alpha != 1:
            arrays[1] = _operation(recorder, "mul", kind, arrays[1], _as_numbers(recorder, alpha, kind))
        return _operation(recorder, operation, kind, *arrays)

    return operand


def _comparison(operation: str) -> Operand:
    def operand(recorder: Record, result: Tensor, a: Any, b: Any) -> Numbers:
        del result
        kinds = {kind_of(x) if isinstance(x, Tensor) else WHOLE if isinstance(x, int) else REAL for x in (a, b)}
        kind = REAL if REAL in kinds else WHOLE
        return _operation(recorder, operation, TRUTH, _as_numbers(recorder, a, kind), _as_numbers(recorder, b, kind))

    return operand


def _logical(operation: str) -> Operand:
    def operand(recorder: Record, result: Tensor, *args: Any) -> Numbers:
        del result
        return _operation(recorder, operation, TRUTH, *(_as_numbers(recorder, x, TRUTH) for x in args))

    return operand


def _where(recorder: Record, result: Tensor, condition: Tensor, a: Any, b: Any) -> Numbers:
    kind = kind_of(result)
    arrays = (_as_numbers(recorder, condition, TRUTH), _as_numbers(recorder, a, kind), _as_numbers(recorder, b, kind))
    return _operation(recorder, "select", kind, *arrays)


def _clamp(recorder: Record, result: Tensor, x: Tensor, min: Any = None, max: Any = None) -> Numbers:
    kind = kind_of(result)
    numbers = _as_numbers(recorder, x, kind)
    if min is not None:
        numbers = _operation(recorder, "max", kind, numbers, _as_numbers(recorder, min, kind))
    if max is not None:
        numbers = _operation(recorder, "min", kind, numbers, _as_numbers(recorder, max, kind))
    return numbers


def _power(recorder: Record, result: Tensor, base: Any, exponent: Any) -> Numbers:
    """Whole powers up to 8 are products, halves are roots, and a third is the cubic root."""
    numbers = _as_numbers(recorder, base, REAL)
    if isinstance(exponent, int | float):
        if float(exponent).is_integer() and 0 < abs(exponent) <= 8:
            power = _product(recorder, numbers, int(abs(exponent)))
            return _operation(recorder, "reciprocal", REAL, power) if exponent < 0 else power
        if exponent in (0.5, -0.5):
            root = _operation(recorder, "sqrt", REAL, numbers)
            return _operation(recorder, "reciprocal", REAL, root) if exponent < 0 else root
        if exponent == 1.0 / 3.0:
            return _operation(recorder, "cbrt", REAL, numbers)
    return _operation(recorder, "pow", REAL, numbers, _as_numbers(recorder, exponent, REAL))


def _product(recorder: Record, numbers: Numbers, n: int) -> Numbers:
    if n == 1:
        return numbers
    half = _product(recorder, numbers, n // 2)
    square = _operation(recorder, "mul", REAL, half, half)
    return _operation(recorder, "mul", REAL, square, numbers) if n % 2 else square


def _sigmoid(recorder: Record, result: Tensor, x: Tensor) -> Numbers:
    grown = _operation(recorder, "exp", REAL, _operation(recorder, "neg", REAL, _as_numbers(recorder, x, REAL)))
    return _operation(
        recorder, "reciprocal", REAL, _operation(recorder, "add", REAL, _as_numbers(recorder, 1, REAL), grown)
    )


def _atan(recorder: Record, result: Tensor, x: Tensor) -> Numbers:
    """Arc of a tangent; that of a ratio is taken with one division, of the smaller by the larger number."""
    numbers = _as_numbers(recorder, x, REAL)
    ratios = [recorder.elements.all[k] for k in numbers.reshape(-1).tolist()]
    if any(ratio.operation != "div" for ratio in ratios):
        return _operation(recorder, "atan", REAL, numbers)
    up, down = (
        np.array([ratio.operands[k] for ratio in ratios], dtype=np.int64).reshape(numbers.shape) for k in (0, 1)
    )
    return _operation(recorder, "atan_of_ratio", REAL, up, down)


def _over(operation: str, *, mean: bool = False) -> Operand:
    """Reduction over dimensions other than the last, in order."""

    def operand(
        recorder: Record, result: Tensor, x: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
    ) -> Numbers:
        del dtype
        kind = TRUTH if operation in ("and", "or") else kind_of(result)
        numbers = _as_numbers(recorder, x, kind)
        dims = list(range(x.ndim)) if dim is None or dim == [] else [dim] if isinstance(dim, int) else list(dim)
        axes = sorted(d % x.ndim for d in dims)
        _refuse_columns(recorder, x, axes)
        moved = np.moveaxis(numbers, axes, range(len(axes))).reshape(
            -1, *(n for d, n in enumerate(numbers.shape) if d not in axes)
        )
        total = reduce(lambda a, b: _operation(recorder, operation, kind, a, b), list(moved))
        if mean:
            total = _operation(recorder, "div", kind, total, _as_numbers(recorder, len(moved), kind))
        return np.expand_dims(total, tuple(axes)) if keepdim else total

    return operand


def _refuse_columns(recorder: Record, x: Tensor, axes: list[int]) -> None:
    if x.ndim - 1 in axes:
        raise CannotGenerate("a reduction over columns")


def _cumulative(operation: str) -> Operand:
    def operand(recorder: Record, result: Tensor, x: Tensor, dim: int, **_: Any) -> Numbers:
        _refuse_columns(recorder, x, [dim % x.ndim])
        layers = list(np.moveaxis(_as_numbers(recorder, x, kind_of(result)), dim, 0))
        for k in range(1, len(layers)):
            layers[k] = _operation(recorder, operation, kind_of(result), layers[k - 1], layers[k])
        return np.moveaxis(np.stack(layers), 0, dim)

    return operand


def _matrix_product(recorder: Record, result: Tensor, a: Tensor, b: Tensor) -> Numbers:
    """Product with columns last: (out, in) by (in, column)."""
    left, right = _as_numbers(recorder, a, REAL), _as_numbers(recorder, b, REAL)
    terms = [_operation(recorder, "mul", REAL, left[:, k, None], right[None, k]) for k in range(right.shape[0])]
    return reduce(lambda x, y: _operation(recorder, "add", REAL, x, y), terms)


def _filled(value: float | None) -> Operand:
    def operand(recorder: Record, result: Tensor, *args: Any, **named: Any) -> Numbers:
        number = named.get("fill_value", args[-1] if value is None else value)
        shape = recorder.by_column(result.shape)
        return np.broadcast_to(_as_numbers(recorder, number, kind_of(result)), shape)

    return operand


def _copied(recorder: Record, result: Tensor, x: Tensor, **_: Any) -> Numbers | None:
    """Copies and changes of precision; those of a table wait until it is known what it is."""
    if x.is_meta:
        recorder.same_values(result, x)
        if x.ndim == 1 and x.shape[-1] not in (1, recorder.n_columns):
            return None
    return _as_numbers(recorder, x, kind_of(result))


def _looked_up(recorder: Record, result: Tensor, table: Tensor, index: list[Tensor | None]) -> Numbers:
    number = recorder.table(table)
    if number is None or any(i is None for i in index) or len(index) != table.ndim:
        raise CannotGenerate("an index into a tensor that is not a table of constants")
    flat: Numbers | None = None
    for position, size in zip(index, table.shape, strict=True):
        step = _as_numbers(recorder, position, WHOLE)
        if flat is not None:
            flat = _operation(recorder, "mul", WHOLE, flat, _as_numbers(recorder, size, WHOLE))
            step = _operation(recorder, "add", WHOLE, flat, step)
        flat = step
    assert flat is not None
    place = np.array(recorder.elements.leaf("table", number), dtype=np.int64)
    return _operation(recorder, "look_up", kind_of(result), place, flat)


def _viewed(view: Callable[..., Numbers]) -> Operand:
    def operand(recorder: Record, result: Tensor, x: Tensor, *args: Any, **named: Any) -> Numbers:
        return view(recorder.numbers(x), recorder.by_column(result.shape), *args, **named)

    return operand


def _sliced(
    x: Numbers, shape: tuple[int, ...], dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Numbers:
    if dim % x.ndim == x.ndim - 1:
        return x.reshape(shape)
    return x[(slice(None),) * (dim % x.ndim) + (slice(start, end, step),)]


def _selected(x: Numbers, shape: tuple[int, ...], dim: int, index: int) -> Numbers:
    if dim % x.ndim == x.ndim - 1 and x.ndim > 1:
        # a scalar of a tensor with one column
        index = 0
    taken: Numbers = np.take(x, index, axis=dim)
    return taken


def _scattered(recorder: Record, gradient: Tensor, sizes: Sequence[int], place: tuple[Any, ...]) -> Numbers:
    """Zeros of a shape with a gradient in one place: what is the derivative of taking that part."""
    numbers = np.array(np.broadcast_to(_as_numbers(recorder, 0.0, REAL), recorder.by_column(sizes)))
    numbers[place] = _as_numbers(recorder, gradient, REAL)
    return numbers


def _select_backward(
    recorder: Record, result: Tensor, gradient: Tensor, sizes: Sequence[int], dim: int, index: int
) -> Numbers:
    del result
    return _scattered(recorder, gradient, sizes, (slice(None),) * (dim % len(sizes)) + (index,))


def _slice_backward(
    recorder: Record, result: Tensor, gradient: Tensor, sizes: Sequence[int], dim: int, start: int, end: int, step: int
) -> Numbers:
    del result
    return _scattered(recorder, gradient, sizes, (slice(None),) * (dim % len(sizes)) + (slice(start, end, step),))


def _joined(join: Callable[..., Numbers]) -> Operand:
    def operand(recorder: Record, result: Tensor, tensors: Any, dim: int = 0) -> Numbers:
        kind = kind_of(result)
        parts = [_as_numbers(recorder, x, kind) for x in tensors if x.numel() or x.ndim != 1]
        return join(parts, axis=dim)

    return operand


def _split(recorder: Record, result: Tensor, x: Tensor, sizes: Any, dim: int = 0, *, output: int) -> Numbers:
    first = output * sizes if isinstance(sizes, int) else sum(sizes[:output])
    size = result.shape[dim]
    return _sliced(recorder.numbers(x), recorder.by_column(result.shape), dim, first, first + size)


def _unbound(recorder: Record, result: Tensor, x: Tensor, dim: int = 0, *, output: int) -> Numbers:
    del result
    taken: Numbers = np.take(recorder.numbers(x), output, axis=dim)
    return taken


_ARITHMETIC: Final = {
    "add": "add", "sub": "sub", "mul": "mul", "div": "div", "neg": "neg", "abs": "abs", "reciprocal": "reciprocal",
    "exp": "exp", "log": "log", "log10": "log10", "log1p": "log1p", "expm1": "expm1", "sqrt": "sqrt", "tanh": "tanh",
    "sin": "sin", "cos": "cos", "acos": "acos", "asin": "asin", "floor": "floor", "ceil": "ceil",
    "trunc": "trunc", "sign": "sign", "minimum": "min", "maximum": "max",
}  # fmt: skip
#: Operations in place on new tensors, which the derivatives of torch are made of, and those with a result of their own.
IN_PLACE: Final = {"masked_fill_": "masked_fill", "logical_and_": "logical_and"}
_SAME: Final = ("clone", "alias", "detach", "lift_fresh", "lift_fresh_copy", "_to_copy", "contiguous")
_RESHAPED: Final = ("view", "_unsafe_view", "reshape", "squeeze", "unsqueeze", "_reshape_alias")

OPERATORS: Final[dict[str, Operand]] = {
    **{name: _arithmetic(operation) for name, operation in _ARITHMETIC.items()},
    **{name: _comparison(name) for name in ("lt", "le", "gt", "ge", "eq", "ne")},
    **{f"{style}_{name}": _logical(name) for style in ("logical", "bitwise") for name in ("and", "or", "not", "xor")},
    "__and__": _logical("and"),
    "__or__": _logical("or"),
    "rsub": lambda recorder, result, a, b: _arithmetic("sub")(recorder, result, b, a),
    "where": _where,
    "masked_fill": lambda recorder, result, x, mask, value: _where(recorder, result, mask, value, x),
    "clamp": _clamp,
    "clamp_min": lambda recorder, result, x, low: _clamp(recorder, result, x, min=low),
    "clamp_max": lambda recorder, result, x, high: _clamp(recorder, result, x, max=high),
    "atan": _atan,
    "relu": lambda recorder, result, x: _clamp(recorder, result, x, min=0.0),
    "pow": _power,
    "square": lambda recorder, result, x: _power(recorder, result, x, 2),
    "rsqrt": lambda recorder, result, x: _power(recorder, result, x, -0.5),
    "sigmoid": _sigmoid,
    "sum": _over("add"),
    "mean": _over("add", mean=True),
    "amax": _over("max"),
    "amin": _over("min"),
    "any": _over("or"),
    "all": _over("and"),
    "cumsum": _cumulative("add"),
    "cumprod": _cumulative("mul"),
    "mm": _matrix_product,
    "empty": _filled(0.0), "zeros": _filled(0.0), "zeros_like": _filled(0.0), "new_zeros": _filled(0.0),
    "ones": _filled(1.0), "ones_like": _filled(1.0), "new_ones": _filled(1.0),
    "full": _filled(None), "full_like": _filled(None), "new_full": _filled(None), "scalar_tensor": _filled(None),
    **{name: _copied for name in _SAME},
    **{name: _viewed(lambda x, shape, *_, **__: x.reshape(shape)) for name in _RESHAPED},
    "expand": _viewed(lambda x, shape, *_, **__: np.broadcast_to(x, shape)),
    "broadcast_to": _viewed(lambda x, shape, *_, **__: np.broadcast_to(x, shape)),
    "permute": _viewed(lambda x, shape, dims: np.transpose(x, dims)),
    "transpose": _viewed(lambda x, shape, a, b: np.swapaxes(x, a, b)),
    "flip": _viewed(lambda x, shape, dims: np.flip(x, dims)),
    "slice": _viewed(_sliced),
    "select": _viewed(_selected),
    "slice_backward": _slice_backward,
    "select_backward": _select_backward,
    "cat": _joined(np.concatenate),
    "stack": _joined(np.stack),
    "split": _split,
    "split_with_sizes": _split,
    "unbind": _unbound,
    "index": _looked_up,
}  # fmt: skip
