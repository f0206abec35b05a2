"""Checks of a module folder against what its kind needs: entries of the card, shapes and values of the weights, variables of predictions.

A kind gives its :class:`Contents` by a method ``contents()``. Kinds of other packages may have none; their folders are checked by their
checksums, and their weights must be finite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from jules_ml.errors import BadInput
from jules_ml.learned.card import CARD
from jules_ml.learned.checksums import REMEDY

if TYPE_CHECKING:
    import xarray as xr
    from torch import Tensor

#: Kinds of NumPy types: numbers, times, text.
NUMBERS: Final = "iufb"
TIMES: Final = "M"
TEXT: Final = "OUST"


class CardTable(BaseModel):
    """A table of a card. Entries that describe the module without being used are not in the schema; types are not converted."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


#: Training days of a site: first and last day of each interval.
Intervals = list[
    Annotated[list[Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]], Field(min_length=2, max_length=2)]
]


def _known_days(intervals: Intervals) -> Intervals:
    import pandas as pd

    for interval in intervals:
        for day in interval:
            pd.Timestamp(day)
    return intervals


TrainingDays = Annotated[Intervals, AfterValidator(_known_days)]


def settings_of(model: type[BaseModel], *, known: bool = False) -> Any:
    """Type of an entry with the settings of a fit, validated by their schema; with ``known`` other keys are left out."""

    def validated(values: dict[str, Any]) -> dict[str, Any]:
        model.model_validate({key: value for key, value in values.items() if not known or key in model.model_fields})
        return values

    return Annotated[dict[str, Any], AfterValidator(validated)]


@dataclass(frozen=True)
class Weight:
    """What a tensor of the weights must be.

    Attributes
    ----------
    shape : tuple of int or str, or None
        Sizes; a name stands for a size that is the same wherever the name occurs. None for any shape.
    missing : bool
        Whether it may contain NaN.
    optional : bool
        Whether it may be absent, as from folders of earlier versions.
    least, most : float
        Range of its values.
    above : float
        Value that all its values are above.
    """

    shape: tuple[int | str, ...] | None
    missing: bool = False
    optional: bool = False
    least: float = float("-inf")
    most: float = float("inf")
    above: float = float("-inf")


@dataclass(frozen=True)
class Variable:
    """What a variable of ``predictions.nc`` must be.

    Attributes
    ----------
    dims : tuple of str
        Dimensions.
    types : str
        :data:`NUMBERS`, :data:`TIMES` or :data:`TEXT`.
    required : bool
        Whether it must be there.
    needs : tuple of str
        Variables that must be there if it is.
    """

    dims: tuple[str, ...]
    types: str = NUMBERS
    required: bool = False
    needs: tuple[str, ...] = ()


def _no_order(state: Mapping[str, Tensor]) -> str:
    return ""


@dataclass(frozen=True)
class Contents:
    """Contents of the folders of a kind.

    Attributes
    ----------
    card : type of CardTable
        Schema of the card.
    weights : callable
        Returns the tensors by name from the card and the weights; a name that ends with ``*`` stands for all with its beginning.
    predictions : mapping of str to Variable
        Variables of ``predictions.nc`` by their current names.
    problem : callable
        Returns what is wrong between the tensors, such as ranges that end before they start; '' if nothing is.
    """

    card: type[CardTable]
    weights: Callable[[Mapping[str, Any], Mapping[str, Tensor]], Mapping[str, Weight]]
    predictions: Mapping[str, Variable] = field(default_factory=dict)
    problem: Callable[[Mapping[str, Tensor]], str] = _no_order


def contents_of(kind: str) -> Contents | None:
    """Return the contents of a kind; None for a kind of another package that has none."""
    from jules_ml.learned.kind import kind_of

    contents = getattr(kind_of(kind), "contents", None)
    return None if contents is None else contents()


def check_card_entries(contents: Contents | None, card: Mapping[str, Any], path: Path) -> None:
    """Refuse a card that does not have the entries of its kind.

    Parameters
    ----------
    contents : Contents or None
    card : mapping
        Current version of the card.
    path : Path
        File, for the message.

    Raises
    ------
    BadInput
        If an entry is missing, or has another type or an impossible value.
    """
    if contents is None:
        return
    try:
        contents.card.model_validate(dict(card))
    except ValidationError as error:
        details = error.errors()[0]
        entry = ".".join(map(str, details["loc"]))
        message = details["msg"][0].lower() + details["msg"][1:]
        what = f"the entry {entry[:200]}" if entry else "the card"
        raise BadInput(f"{what} is not valid: {message}", where=path, remedy=REMEDY) from error
    except RecursionError as error:
        raise BadInput("the card has too many tables inside each other", where=path, remedy=REMEDY) from error


def check_weights(contents: Contents | None, card: Mapping[str, Any], state: Mapping[str, Tensor], path: Path) -> None:
    """Refuse weights of another shape than the card requires, or with values that are not finite.

    Raises
    ------
    BadInput
        If a tensor is missing, unknown, of the wrong shape or type, or has a value that is not finite or outside its range.
    """
    expected = {"*": Weight(None)} if contents is None else dict(contents.weights(card, state))
    prefixes = [name.removesuffix("*") for name in expected if name.endswith("*")]
    sizes: dict[str, int] = {}
    problem = ""
    for name, weight in expected.items():
        if name.endswith("*"):
            continue
        if name in state:
            problem = problem or _weight_problem(name, state[name], weight, sizes)
        elif not weight.optional:
            problem = problem or f"the weights '{name}' are missing"
    for name, value in state.items():
        prefix = next((prefix for prefix in prefixes if name.startswith(prefix)), None)
        if name in expected or problem:
            continue
        if prefix is None:
            problem = f"the weights '{name[:200]}' are unknown"
        else:
            problem = _weight_problem(name, value, expected[f"{prefix}*"], sizes)
    if not problem and contents is not None:
        problem = contents.problem(state)
    if problem:
        raise BadInput(f"{problem}: the weights do not match {CARD}", where=path, remedy=REMEDY)


def _weight_problem(name: str, value: Tensor, weight: Weight, sizes: dict[str, int]) -> str:
    """What is wrong with a tensor; '' if nothing is. ``sizes`` collects the sizes by name."""
    import torch

    name = name[:200]
    if not value.is_floating_point() or value.element_size() < 4:
        return f"'{name}' is of type {value.dtype}, not of 32 or 64 bits"
    if weight.shape is not None:
        shape = tuple(value.shape)
        required = [
            sizes.setdefault(n, m) if isinstance(n, str) else n for n, m in zip(weight.shape, shape, strict=False)
        ]
        if len(shape) != len(weight.shape) or list(shape) != required:
            names = ", ".join(str(sizes.get(n, n) if isinstance(n, str) else n) for n in weight.shape)
            return f"'{name}' has shape {shape}, not ({names})"
    numbers = value[~torch.isnan(value)] if weight.missing else value
    if not bool(torch.isfinite(numbers).all()):
        return f"'{name}' has values that are not finite"
    if not bool(((numbers >= weight.least) & (numbers <= weight.most) & (numbers > weight.above)).all()):
        return f"'{name}' has values outside the possible range"
    return ""


def check_predictions(contents: Contents | None, predictions: xr.Dataset, path: Path) -> None:
    """Refuse predictions whose variables are missing or have other dimensions or types.

    Raises
    ------
    BadInput
        If a variable that is used is missing, or a known variable has other dimensions or another type, or infinite values.
    """
    import numpy as np

    if contents is None:
        return
    present = {name: each for name, each in contents.predictions.items() if name in predictions.variables}
    required = [name for name, variable in contents.predictions.items() if variable.required]
    missing = [
        name for name in (*required, *(n for each in present.values() for n in each.needs)) if name not in present
    ]
    if missing:
        raise BadInput(f"there is no variable {missing[0]}", where=path, remedy=REMEDY)
    if "site" in present and predictions["site"].dims == ("site",):
        names = [str(name) for name in predictions["site"].to_numpy()]
        if len(set(names)) < len(names):
            raise BadInput("a site is repeated", where=path, remedy=REMEDY)
    for name, variable in present.items():
        values = predictions[name]
        if values.dims != variable.dims or values.dtype.kind not in variable.types:
            raise BadInput(
                f"the variable {name} has dimensions ({', '.join(map(str, values.dims))}) and type {values.dtype}, "
                f"not ({', '.join(variable.dims)}) and {_TYPE_NAMES[variable.types]}",
                where=path,
                remedy=REMEDY,
            )
        if variable.types == NUMBERS and values.dtype.kind == "f" and np.isinf(values.to_numpy()).any():
            raise BadInput(f"the variable {name} has values that are not finite", where=path, remedy=REMEDY)


_TYPE_NAMES: Final = {NUMBERS: "numbers", TIMES: "times", TEXT: "text"}
