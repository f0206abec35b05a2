"""Tables of an experiment file: the base class of every section, and types for paths and layers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from jules_ml.errors import BadInput
from jules_ml.support.ready import PREFIX, module_folder

#: Types that are not checked, and those of numbers.
_ANY: Final[frozenset[Any]] = frozenset({Any, object})
_NUMBERS: Final[frozenset[Any]] = frozenset({int, float})
#: Text that switches an optional value off. TOML has no null.
NONE: Final = "none"


class Section(BaseModel):
    """Table of the experiment file. Unknown keys are refused, and values cannot change after reading.

    The text ``"none"`` switches a value off where the field may be ``None``; a field that has ``"none"`` among its own choices keeps it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _types_as_written(cls, value: Any, info: ValidationInfo) -> Any:
        assert info.field_name is not None
        return as_written(value, cls.model_fields[info.field_name].annotation)

    @model_validator(mode="before")
    @classmethod
    def _none_for_off(cls, table: Any) -> Any:
        if not isinstance(table, dict):
            return table
        return {name: None if value == NONE and cls._can_be_off(name) else value for name, value in table.items()}

    @classmethod
    def _can_be_off(cls, name: str) -> bool:
        """Whether a field may be ``None`` and ``"none"`` is not one of its choices."""
        field = cls.model_fields.get(name)
        options = set() if field is None else set(_options(field.annotation))
        return NoneType in options and NONE not in options


def as_written(value: Any, annotation: Any) -> Any:
    """Refuse truth values where numbers are needed, numbers and text where truth values are, and text where numbers are.

    Pydantic converts them: ``true`` becomes 1, ``"0.3"`` becomes 0.3 and 1 becomes ``true``.

    Raises
    ------
    PydanticCustomError
        If the value, or an element of a list, has a type that none of the types of ``annotation`` is.
    """
    types = set(_types(annotation))
    if types & _ANY or (isinstance(value, dict) and dict not in types):
        return value
    elements = value if isinstance(value, list | tuple) else value.values() if isinstance(value, dict) else [value]
    for element in elements:
        if isinstance(element, list | tuple | dict):
            as_written(element, annotation)
        elif isinstance(element, bool) and bool not in types and types & _NUMBERS:
            raise PydanticCustomError("as_written", "a number is needed, not true or false")
        elif isinstance(element, int | float | str) and not isinstance(element, bool) and types <= {bool, NoneType}:
            raise PydanticCustomError("as_written", "true or false is needed, without quotes")
        elif _is_quoted_number(element) and types <= {*_NUMBERS, NoneType, tuple, list, dict}:
            raise PydanticCustomError("as_written", "a number is needed, without quotes")
    return value


def _is_quoted_number(element: object) -> bool:
    try:
        return isinstance(element, str) and float(element) is not None
    except ValueError:
        return False


def _types(annotation: Any) -> Iterator[Any]:
    """Types of the values that an annotation allows, with those of its containers."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        yield from map(type, arguments)
    elif origin is Annotated:
        yield from _types(arguments[0])
    elif annotation is not Ellipsis and not arguments:
        yield annotation
    else:
        if isinstance(origin, type) and origin is not UnionType:
            yield origin
        for argument in arguments:
            yield from _types(argument)


def _options(annotation: Any) -> Iterator[Any]:
    """Members of a union, and the choices of the literals among them."""
    for option in get_args(annotation):
        yield option
        yield from _options(option)


def _relative_to_experiment(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    try:
        path = path.expanduser()
        path = path if folder is None else Path(folder).expanduser() / path
        path.stat()
    except FileNotFoundError:
        return path  # the command that needs it says so, or writes it
    except (OSError, RuntimeError, ValueError) as error:  # too long, a zero byte, or the home of an unknown user
        if isinstance(error, PermissionError | NotADirectoryError):
            return path
        reason = error.strerror if isinstance(error, OSError) else error
        raise ValueError(f"'{str(path)[:60]}' is not a path: {reason}") from error
    return path


#: File or folder. A relative path is relative to the folder of the experiment file.
DataPath = Annotated[Path, AfterValidator(_relative_to_experiment)]


def _ready_or_relative(path: Path, info: ValidationInfo) -> Path:
    if not str(path).startswith(PREFIX):
        return _relative_to_experiment(path, info)
    try:
        return module_folder(path)
    except BadInput as error:
        raise ValueError(f"{error.problem}: {error.remedy}") from error


#: Module folder, as :data:`DataPath`, or ``ready:NAME`` for a ready-made module.
ModulePath = Annotated[Path, AfterValidator(_ready_or_relative)]


def _one_as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str | Path) else value


#: File, or list of files.
DataPaths = Annotated[tuple[DataPath, ...], Field(min_length=1), BeforeValidator(_one_as_tuple)]


def _scalar_as_tuple(value: object) -> object:
    return (value,) if isinstance(value, int | float) else value


#: One number per soil layer from the top down, or one number for all layers.
PerLayer = Annotated[tuple[float, ...], Field(min_length=1), BeforeValidator(_scalar_as_tuple)]

#: Depth of a soil sensor [m], positive downward.
Depth = Annotated[float, Field(ge=0.0, le=50.0)]
