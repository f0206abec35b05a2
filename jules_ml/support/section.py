"""Tables of an experiment file: the base class of every section, and types for paths and layers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo


class Section(BaseModel):
    """Table of the experiment file. Unknown keys are refused, and values cannot change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _relative_to_experiment(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    path = path.expanduser()
    return path if folder is None else Path(folder) / path


#: File or folder. A relative path is relative to the folder of the experiment file.
DataPath = Annotated[Path, AfterValidator(_relative_to_experiment)]


def _scalar_as_tuple(value: object) -> object:
    return (value,) if isinstance(value, int | float) else value


#: One number per soil layer from the top down, or one number for all layers.
PerLayer = Annotated[tuple[float, ...], Field(min_length=1), BeforeValidator(_scalar_as_tuple)]
