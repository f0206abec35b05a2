"""Records of the user's files, and the lines of ``[data]`` that read them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pandas as pd
import xarray as xr

from jules_ml.data.inspection import Inspection, inspect_files
from jules_ml.data.inspection.draft import Draft, toml_key, toml_line, toml_value
from jules_ml.data.inspection.table_layout import guess_layout
from jules_ml.data.inspection.utc_offset import guess_utc_offset
from jules_ml.data.record import has_position
from jules_ml.data.variables import VARIABLES
from jules_ml.errors import BadInput
from jules_ml.starters.starter import Hints, shown_path
from jules_ml.starters.sun_clock import stamp_by_sun

#: Formats of time stamps that a table needs no key for.
_ISO: Final = ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d")
#: A sensor is used if it has this fraction of the values of the fullest one.
_FULL_ENOUGH: Final = 0.5
#: Fraction of the steps without NEE from which on a record without quality codes seems not to be gap-filled: records lack 20 to 60 %.
_NOT_FILLED: Final = 0.02
#: Keys whose guess the user is told of.
_TOLD: Final = ("utc_offset_hours", "dataset", "wban", "tower", "missing", "start", "period")
_OF_VALUES: Final = "the unit is guessed from the values"
_ONLY_MEASURED: Final = "only if the file contains no gap-filled NEE"
#: Depth of a sensor whose depth the file does not contain [m].
_DEPTH: Final = 0.05


@dataclass(frozen=True, eq=False)
class SiteRecord:
    """Record of one site.

    Attributes
    ----------
    paths : tuple of Path
        Its files.
    draft : Draft
        Drafted ``[data]``.
    ds : xarray.Dataset
        What was read.
    inspection : Inspection
        What was found.
    """

    paths: tuple[Path, ...]
    draft: Draft
    ds: xr.Dataset
    inspection: Inspection

    @property
    def site(self) -> str:
        """Site code, or the name of the file."""
        return str(self.ds.attrs.get("site") or self.paths[0].name.split(".")[0])

    def has(self, *variables: str) -> bool:
        """Whether the record has values of all these variables."""
        return all(name in self.ds and bool(self.ds[name].notnull().any()) for name in variables)

    def first_of(self, *variables: str) -> str | None:
        """First of these variables that the record has."""
        return next((name for name in variables if self.has(name)), None)


def site_records(files: Sequence[Path], hints: Hints) -> tuple[list[SiteRecord], list[Path]]:
    """Inspect files, and return the record of each site, and the files that are no records.

    Parameters
    ----------
    files : sequence of Path
        Records; files of metadata, whose heights the records use, may be among them.
    hints : Hints
        What the user states.

    Raises
    ------
    BadInput
        If a record has a problem that must be corrected first, or there is no record.
    """
    inspections = inspect_files(files, site=hints.site, utc_offset_hours=hints.utc_offset_hours)
    for one in inspections:
        if one.problems:
            raise one.problems[0]
    records = [
        SiteRecord(one.paths, one.draft, one.record, one)
        for one in inspections
        if one.draft is not None and one.record is not None
    ]
    if not records:
        kinds = "; ".join(f"{one.paths[0].name}: {one.kind}" for one in inspections)
        raise BadInput(
            f"none of the files is a record ({kinds})",
            where=str(files[0]),
            remedy="give the file of measurements; 'jules-ml inspect FILE' says what a file is",
        )
    for record in records:
        _use_position(record, hints)
    return records, [one.paths[0] for one in inspections if one.draft is None and one.paths[0].is_file()]


def _use_position(record: SiteRecord, hints: Hints) -> None:
    """Guess the offset from UTC by the longitude that the user gives, and the position of time stamps by the sun."""
    draft, ds = record.draft, record.ds
    is_guess = "check this" in draft.comments.get("utc_offset_hours", "")
    if hints.longitude is not None and hints.utc_offset_hours is None and is_guess:
        offset, reason = guess_utc_offset(record.site, hints.longitude)
        moved = pd.Timedelta(hours=draft.keys["utc_offset_hours"] - offset)
        ds = ds.assign_coords(time=ds["time"].to_numpy() + moved.to_timedelta64())
        draft.guess("utc_offset_hours", offset, f"local standard time minus UTC [h]; {reason}")
    if hints.latitude is not None and hints.longitude is not None:
        ds = ds.assign_attrs(latitude=hints.latitude, longitude=hints.longitude)
    if draft.keys["reader"] == "table":
        stamp_by_sun(draft, ds)


def data_lines(
    record: SiteRecord, wanted: Mapping[str, int], folder: Path, *, needs_depth: bool = False
) -> tuple[list[str], list[str]]:
    """Lines of ``[data]``, and notes on what is guessed in them.

    Parameters
    ----------
    record : SiteRecord
    wanted : mapping of str to int
        Number of sensors by variable; other columns of a table become comments.
    folder : Path
        Folder of the experiment, to which paths are relative.
    needs_depth : bool, optional
        Write depths that the file does not contain as keys, for the user to check; default: as comments.
    """
    draft, notes = record.draft, []
    columns: Mapping[str, Any] = draft.keys.get("columns", {})
    lines = ["[data]"]
    for key, value in draft.keys.items():
        if key == "columns" or _is_default(record, key, value):
            continue
        comment = draft.comments.get(key, "")
        shown = _shown(value, folder)
        lines.append(toml_line(key, shown, comment))
        if key in _TOLD and comment.startswith("check this"):
            notes.append(
                f"{record.site}: {key} = {toml_value(shown)} is a guess ({comment.removeprefix('check this: ')})"
            )
    if draft.keys["reader"] == "table":
        lines += _defaults(record)
    for key, (value, comment) in draft.suggestions.items():
        if key.startswith("columns."):
            continue
        is_active = needs_depth and "depth" in key
        lines.append(
            ("" if is_active else "# ") + toml_line(key, value, f"check this: {comment}" if is_active else comment)
        )
        if is_active:
            notes.append(
                f"{record.site}: {key} = {toml_value(value)} is a guess, because the file does not contain the depths"
            )
    if columns:
        lines += _column_lines(record, columns, wanted)
    return lines, notes


def position_lines(record: SiteRecord, hints: Hints, *, why: str) -> list[str]:
    """Comments for the position, if neither the record nor the user gives it."""
    if has_position(record.ds) or hints.latitude is not None:
        return []
    return [
        f"# [site]                                 # the file does not contain the position: {why}",
        "# latitude = 50.0                        # [degree], north positive",
        "# longitude = 10.0                       # [degree], east positive",
    ]


def confirmed_nee(record: SiteRecord) -> tuple[SiteRecord, list[str], list[str]]:
    """Confirm that NEE is measured, where the record does not state it.

    Quality codes of the record are enough. Without them, gaps are the evidence: a gap-filled series has none.

    Returns
    -------
    SiteRecord
        With the quality of the column in its draft, if it is that of a table.
    list of str
        Lines of ``[respiration.rows]``, for other readers.
    list of str
        Notes.
    """
    if "nee_qc" in record.ds:
        return record, [], []
    missing = float(record.ds["nee"].isnull().mean())
    if missing < _NOT_FILLED:
        note = (
            f"{record.site}: NEE has no quality codes and almost no gaps ({missing:.1%} of the steps), so it is probably gap-filled: "
            "give the file of measured NEE, or its quality column"
        )
        return record, ["# [respiration.rows]", f"# {toml_line('nee_is_measured', True, _ONLY_MEASURED)}"], [note]
    note = f"{record.site}: NEE is taken as measured, not gap-filled, because {missing:.0%} of its steps are missing: check this"
    comment = f"check this: no quality codes; {missing:.0%} of the steps are missing, so NEE seems not to be gap-filled"
    if record.draft.keys["reader"] not in ("table", "toa5", "reddyproc"):
        return record, ["[respiration.rows]", toml_line("nee_is_measured", True, comment)], [note]
    draft = deepcopy(record.draft)
    name = str(record.ds["nee"].attrs["column"])
    table = draft.keys.setdefault("columns", {}).setdefault(name, {"variable": "nee"})
    table["quality"] = "measured"
    draft.comments[f"columns.{name}.quality"] = comment
    return replace(record, draft=draft), [], [note]


def _is_default(record: SiteRecord, key: str, value: Any) -> bool:
    """Whether a table is read in the same way without a key."""
    if record.draft.keys["reader"] != "table":
        return False
    if key in ("interval", "ignore") or (key == "stamp_at" and value == "end"):
        return True
    if key == "site":
        return bool(value == record.paths[0].name.split(".")[0])
    if key != "time" or record.paths[0].suffix == ".parquet":
        return bool(key == "time" and not value)
    layout = guess_layout(record.paths[0])
    first = [] if layout is None else list(layout.names[:1])
    return value.get("columns") == first and value.get("format") in _ISO and "time.format" not in record.draft.comments


def _defaults(record: SiteRecord) -> list[str]:
    """Comments for keys of a table whose default is used."""
    keys = record.draft.keys
    lines = []
    if _is_default(record, "site", keys.get("site")):
        lines.append(f"# {toml_line('site', keys['site'], 'default: the name of the file')}")
    if _is_default(record, "stamp_at", keys["stamp_at"]):
        comment = 'default: time stamps are the end of their interval; otherwise "start" or "middle"'
        lines.append(f"# {toml_line('stamp_at', 'end', comment)}")
    return lines


def _shown(value: Any, folder: Path) -> Any:
    if isinstance(value, Path):
        return shown_path(value, folder)
    if isinstance(value, list):
        return [_shown(one, folder) for one in value]
    return value


def _column_lines(record: SiteRecord, columns: Mapping[str, Any], wanted: Mapping[str, int]) -> list[str]:
    chosen = _chosen(record, columns, wanted)
    draft = record.draft
    lines: list[str] = []
    others: list[str] = []
    for name, table in columns.items():
        keys = dict(table)
        if math.isnan(keys.get("depth", 0.0)):
            keys["depth"] = _DEPTH
        line = toml_line(f"columns.{toml_key(name)}", keys, _column_comment(draft, name, keys, table))
        (lines if name in chosen else others).append(line)
    if others:
        others = ["# Other columns of the file; remove the # to read one:", *(f"# {line}" for line in others)]
    return [*lines, *others]


def _column_comment(draft: Draft, name: str, keys: Mapping[str, Any], table: Mapping[str, Any]) -> str:
    key = f"columns.{name}"
    parts = [VARIABLES[keys["variable"]].long_name.split(",")[0]]
    if math.isnan(table.get("depth", 0.0)):
        parts.append("check this: the file does not contain the depth [m]")
    for of in ("unit", "depth", "quality", "missing", "variable"):
        text = draft.comments.get(f"{key}.{of}", "")
        if "check this" in text and "give the depth" not in text:
            parts.append(text.removeprefix("by the name of the column; ").replace(_OF_VALUES, "unit by the values"))
    return "; ".join(parts)


def _chosen(record: SiteRecord, columns: Mapping[str, Any], wanted: Mapping[str, int]) -> set[str]:
    """Columns of the wanted variables: of several sensors the shallowest ones that have enough values."""
    counts = {one.column: one.n_values for one in record.inspection.variables if one.column in columns}
    chosen: set[str] = set()
    for variable, most in wanted.items():
        names = [name for name, table in columns.items() if table["variable"] == variable]
        fullest = max((counts.get(name, 1) for name in names), default=0)
        full = [name for name in names if counts.get(name, 1) >= _FULL_ENOUGH * fullest]
        depth = {name: columns[name].get("depth", 0.0) for name in full}
        chosen |= set(sorted(full, key=lambda name: math.inf if math.isnan(depth[name]) else depth[name])[:most])
    return chosen
