"""Tables of an experiment file: the base class of every section, and types for paths and layers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Final, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator

#: Text that switches an optional value off. TOML has no null.
NONE: Final = "none"


class Section(BaseModel):
    """Table of the experiment file. Unknown keys are refused, and values cannot change after reading.

    The text ``"none"`` switches a value off where the field may be ``None``; a field that has ``"none"`` among its own choices keeps it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

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


def _options(annotation: Any) -> Iterator[Any]:
    """Members of a union, and the choices of the literals among them."""
    for option in get_args(annotation):
        yield option
        yield from _options(option)


def _relative_to_experiment(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    path = path if folder is None else Path(folder) / path.expanduser()
    try:
        path = path.expanduser()
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


def _one_as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str | Path) else value


#: File, or list of files.
DataPaths = Annotated[tuple[DataPath, ...], Field(min_length=1), BeforeValidator(_one_as_tuple)]


def _scalar_as_tuple(value: object) -> object:
    return (value,) if isinstance(value, int | float) else value


#: One number per soil layer from the top down, or one number for all layers.
PerLayer = Annotated[tuple[float, ...], Field(min_length=1), BeforeValidator(_scalar_as_tuple)]

#: Depth of a soil sensor [m], positive downward.
Depth = Annotated[float, Field(ge=0.0)]
