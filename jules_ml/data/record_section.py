"""``[data]``: the section of a record. Each reader defines its own section and is registered by an entry point."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from pydantic import Field, ValidationInfo
from pydantic_core import PydanticCustomError

from jules_ml.support.plugins import load_plugin, plugin_names
from jules_ml.support.section import DataPath, Section

if TYPE_CHECKING:
    import xarray as xr

#: Entry-point group of readers.
READERS: Final = "jules_ml.readers"
#: Descriptions of keys of several readers.
PATH: Final = "file of the record; a relative path is taken from the experiment file"
PATHS: Final = "file of the record, or list of files of one site; a relative path is taken from the experiment file"
SITE: Final = "site code; default: from the file, or `name` under `[site]`"
HEIGHTS: Final = "file of metadata with the heights of sensors: BADM of FLUXNET or ICOS (`VARINFO`), or AmeriFlux's measurement heights"
DEPTHS: Final = 'depth [m] of soil sensors, by column or pattern of columns (`"TS_*"`)'
UTC_OFFSET: Final = "local standard time minus UTC [h]"
LICENCE: Final = "licence of the record"
IGNORE: Final = "columns to leave out, by name or by pattern"


class Record(Section):
    """Base class of the sections of readers.

    A reader is a module with a subclass that has a field ``reader: Literal["name"]``, fields for the information that its files do not
    contain, and :meth:`read`. An entry point in the group ``jules_ml.readers`` registers it. :meth:`recognises` is for ``reader = "auto"``.
    """

    reader: str
    path: DataPath | tuple[DataPath, ...] | None = Field(default=None, description=PATH)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Files of the record."""
        if self.path is None:
            return ()
        return self.path if isinstance(self.path, tuple) else (self.path,)

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that the record is read from, also those of metadata."""
        values = [getattr(self, name) for name in type(self).model_fields]
        several = [value if isinstance(value, tuple) else (value,) for value in values]
        return tuple(file for group in several for file in group if isinstance(file, Path))

    def named(self, name: str | None) -> Self:
        """Return the section with a name for the site, if it has a key ``site`` without a value."""
        has_key = "site" in type(self).model_fields
        if name is None or not has_key or getattr(self, "site", None) is not None:
            return self
        return self.model_copy(update={"site": name})

    @classmethod
    def recognises(cls, path: Path) -> str | None:
        """Say what a file is, from its content.

        Parameters
        ----------
        path : Path
            Any file.

        Returns
        -------
        str or None
            Description of the file (``"an AmeriFlux BASE file of US-Xyz"``) if the reader can read it; None otherwise, also for a file that
            cannot be opened.
        """
        return None

    @abstractmethod
    def read(self) -> xr.Dataset:
        """Read the record as a site dataset.

        Returns
        -------
        xarray.Dataset
            Dimensions ``time`` and, if needed, ``depth``; see :func:`jules_ml.data.site.site_dataset`.

        Raises
        ------
        BadInput
            If the file cannot be read, or contains a column, a unit or a quality code that is unknown.
        """


def reader_names() -> tuple[str, ...]:
    """Return the names of all installed readers, in alphabetical order."""
    return plugin_names(READERS)


def reader_section(name: str) -> type[Record]:
    """Return the section class of a reader.

    Parameters
    ----------
    name : str
        Name of the reader, as in ``[data] reader``.

    Raises
    ------
    BadInput
        If no reader has this name.
    """
    section: type[Record] = load_plugin(READERS, name)
    return section


def record_of_table(table: Any, info: ValidationInfo) -> Any:
    """Validate a table ``[data]`` by the section of its reader.

    Parameters
    ----------
    table : object
        Output of the TOML parser; a :class:`Record` or None is returned unchanged.
    info : pydantic.ValidationInfo
        Validation context, with the folder of the experiment file.

    Returns
    -------
    Record
    """
    if not isinstance(table, dict):
        return table
    name = table.get("reader")
    if name is None:
        raise PydanticCustomError("reader_missing", "key 'reader' is missing")
    if name not in reader_names():
        raise PydanticCustomError("reader_unknown", "reader '{name}' is unknown", {"name": name})
    return reader_section(str(name)).model_validate(table, context=info.context)
