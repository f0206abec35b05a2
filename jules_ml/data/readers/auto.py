"""``reader = "auto"``: the reader that recognises the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self, get_origin

import xarray as xr
from pydantic import ConfigDict, Field, PrivateAttr, ValidationError, ValidationInfo, model_validator

from jules_ml.data.recognition import recognise
from jules_ml.data.record_section import PATHS, Record, reader_names, reader_section
from jules_ml.errors import BadInput
from jules_ml.support.section import DataPaths


class AutoRecord(Record):
    """A record whose reader is chosen by the content of its files; further keys are those of that reader."""

    model_config = ConfigDict(extra="allow")

    reader: Literal["auto"] = Field(
        description="the reader that recognises the file; further keys are those of that reader"
    )
    path: DataPaths = Field(description=PATHS)

    _folder: Path | None = PrivateAttr(default=None)
    _site: str | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _remember_folder(self, info: ValidationInfo) -> Self:
        self._folder = (info.context or {}).get("folder")
        return self

    def named(self, name: str | None) -> Self:
        """Return the section with a name for the site, for readers that have a key ``site``."""
        copy = self.model_copy()
        copy._site = name
        return copy

    def read(self) -> xr.Dataset:
        """Read the record by the reader that recognises all files.

        Returns
        -------
        xarray.Dataset
            Site dataset; its attribute ``recognised`` says what the files were taken for.

        Raises
        ------
        BadInput
            If no reader, or more than one, recognises all files; if a key of that reader is missing or wrong; and as that reader.
        """
        name, description = self._recognised()
        keys: dict[str, Any] = {**(self.model_extra or {}), "reader": name}
        several = get_origin(reader_section(name).model_fields["path"].annotation) is tuple
        keys["path"] = [str(path) for path in self.path] if several else str(self.path[0])
        if not several and len(self.path) > 1:
            raise BadInput(
                f"reader '{name}' takes one file, and {len(self.path)} are given",
                where=self.path[1],
                remedy="give one file in 'path'",
            )
        try:
            section = reader_section(name).model_validate(keys, context={"folder": self._folder})
        except ValidationError as error:
            raise self._wrong_key(error, name, description) from error
        ds = section.named(self._site).read()
        return ds.assign_attrs(recognised=f"{description}, read by reader '{name}'")

    def _recognised(self) -> tuple[str, str]:
        """Name of the reader of all files, and what it takes them for."""
        kinds: dict[str, str] | None = None
        for path in self.path:
            if not path.is_file():
                raise BadInput("there is no such file", where=path, remedy="correct the path")
            others = recognise(path)
            kinds = others if kinds is None else {name: text for name, text in kinds.items() if name in others}
        if kinds and len(kinds) == 1:
            return next(iter(kinds.items()))
        names = sorted(kinds or [name for name in reader_names() if name != "auto"])
        taken_for = "; ".join(f"{text} (reader '{name}')" for name, text in (kinds or {}).items())
        raise BadInput(
            f"several readers recognise the file: {taken_for}"
            if kinds
            else "no reader recognises the file"
            if len(self.path) == 1
            else "no reader recognises all files",
            where=", ".join(map(str, self.path)),
            remedy=f"set reader to one of {', '.join(names)}"
            + ("" if kinds else "; reader 'table' reads any table, with its columns under [data.columns]")
            + "; 'jules-ml inspect' drafts the section",
        )

    def _wrong_key(self, error: ValidationError, name: str, description: str) -> BadInput:
        details = error.errors()[0]
        key = ".".join(str(part) for part in details["loc"])
        wrong = {"missing": f"key '{key}' is missing", "extra_forbidden": f"key '{key}' is unknown"}
        known = ", ".join(key for key in reader_section(name).model_fields if key != "reader")
        return BadInput(
            f"the file is {description}, and for reader '{name}' {wrong.get(details['type'], f'{key}: ' + details['msg'])}",
            where=self.path[0],
            remedy=f"give its keys under [data]: {known}",
        )
