"""Tables of an experiment file: the base class of every section, and types for paths and layers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo


class Section(BaseModel):
    """A table of the experiment file. Unknown keys are refused, and values do not change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _beside_the_experiment(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    path = path.expanduser()
    return path if folder is None else Path(folder) / path


#: A file or folder. A relative path is taken from the folder of the experiment file, wherever the command is called from.
DataPath = Annotated[Path, AfterValidator(_beside_the_experiment)]


def _one_for_all(value: object) -> object:
    return (value,) if isinstance(value, int | float) else value


#: A number for each soil layer from the top, or one number for all of them.
PerLayer = Annotated[tuple[float, ...], Field(min_length=1), BeforeValidator(_one_for_all)]
