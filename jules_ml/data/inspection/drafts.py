"""Drafted section ``[data]`` for the files of each reader."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_origin

import numpy as np
import pandas as pd
import xarray as xr

from jules_ml.data.inspection.column_names import guess_column
from jules_ml.data.inspection.draft import Draft, toml_value
from jules_ml.data.inspection.driving_draft import draft_driving
from jules_ml.data.inspection.stations import draft_ismn
from jules_ml.data.inspection.table_draft import draft_table, without_codes
from jules_ml.data.inspection.table_layout import TableLayout, as_numbers, read_texts
from jules_ml.data.inspection.utc_offset import guess_utc_offset
from jules_ml.data.netcdffile import read_netcdf
from jules_ml.data.parquetfile import read_parquet
from jules_ml.data.readers.reddyproc import RESULTS, layout_of, variable_of
from jules_ml.data.readers.sensor_heights import read_sensor_depths
from jules_ml.data.readers.unit_rows import header_and_units
from jules_ml.data.record_section import reader_section
from jules_ml.data.textfile import read_lines
from jules_ml.errors import BadInput

_SITE_CODE = re.compile(r"(?<![A-Za-z])[A-Z]{2}-[A-Za-z0-9]{3}(?![A-Za-z0-9])")
#: Names of files of metadata with the heights of sensors.
_HEIGHTS = ("*BIFVARINFO*.csv", "*VARINFO_METEO*.csv", "*BASE_MeasurementHeight*.csv", "*BADM*.csv")
_HALF_HOUR: Final = 1800.0


@dataclass(frozen=True)
class UserHints:
    """What the user states beside the files: site code, and local standard time minus UTC [h]."""

    site: str | None = None
    utc_offset_hours: float | None = None


def draft_section(reader: str, paths: Sequence[Path], hints: UserHints) -> Draft:
    """Draft the section ``[data]`` for files that a reader recognises, or for a table.

    Parameters
    ----------
    reader : str
        Name of the reader.
    paths : sequence of Path
        Files of one record.
    hints : UserHints
        What the user gives.

    Raises
    ------
    BadInput
        If the files cannot be read.
    """
    special = _SPECIAL.get(reader)
    if special is not None:
        return special(paths, hints)
    draft = Draft()
    draft.state("reader", reader)
    draft.state("path", paths[0] if not takes_list(reader) or len(paths) == 1 else list(paths))
    fields = reader_section(reader).model_fields
    if "site" in fields:
        _add_site(draft, paths, hints, reader)
    if "utc_offset_hours" in fields and (
        fields["utc_offset_hours"].is_required() or hints.utc_offset_hours is not None
    ):
        _add_offset(draft, site_of(paths) or hints.site, hints)
    if "heights" in fields:
        _add_heights(draft, paths)
    for add in _FURTHER.get(reader, ()):
        add(draft, paths, hints)
    return draft


def complete(draft: Draft, ds: xr.Dataset, hints: UserHints) -> bool:
    """Complete a draft by the record that it reads: offset from UTC by the longitude, depths of sensors; whether a key changed."""
    fields = reader_section(str(draft.keys["reader"])).model_fields
    changed = False
    if "depths" in fields and draft.keys["reader"] != "toa5":
        _suggest_depths(draft, ds, "depths")
    if "swc_depths" in fields:
        _suggest_order(draft, ds)
    longitude = ds.attrs.get("longitude")
    is_guessed = "check this" in draft.comments.get("utc_offset_hours", "")
    if longitude is not None and is_guessed and hints.utc_offset_hours is None:
        offset, reason = guess_utc_offset(str(ds.attrs.get("site", "")), float(longitude))
        changed = offset != draft.keys["utc_offset_hours"]
        draft.guess("utc_offset_hours", offset, _offset_comment(reason))
    return changed


def apply_keys(draft: Draft, problem: BadInput) -> bool:
    """Add the keys that remedy a problem; whether the draft changed."""
    fields = reader_section(str(draft.keys["reader"])).model_fields
    changed = False
    for key, wanted in problem.keys.items():
        if isinstance(wanted, Mapping):
            continue
        present, value = draft.keys.get(key), wanted
        if isinstance(wanted, list):
            before = list(present or [])
            value = [*before, *(one for one in wanted if one not in before)]
        if key not in fields or value == present:
            continue
        draft.guess(key, value, problem.problem)
        changed = True
    return _apply_columns(draft, problem) or changed


def _apply_columns(draft: Draft, problem: BadInput) -> bool:
    """Add the keys of single columns that remedy a problem; whether the draft changed."""
    changed = False
    columns = problem.keys.get("columns")
    for name, wanted in columns.items() if isinstance(columns, Mapping) else ():
        table = draft.keys["columns"][name]
        codes = list(dict.fromkeys([*table.get("missing", []), *wanted["missing"]]))
        if codes != table.get("missing", []):
            table["missing"] = codes
            draft.comments[f"columns.{name}.missing"] = f"check this: {problem.problem}"
            draft.checks.append(f"column {name}, missing = {toml_value(codes)}: {problem.problem}")
            changed = True
    return changed


def takes_list(reader: str) -> bool:
    """Whether a reader takes several files of one record."""
    return get_origin(reader_section(reader).model_fields["path"].annotation) is tuple


def site_of(paths: Sequence[Path]) -> str | None:
    """Site code in the names of files; None if there is none."""
    match = next((m for path in paths if (m := _SITE_CODE.search(path.name))), None)
    return None if match is None else match[0]


def _add_site(draft: Draft, paths: Sequence[Path], hints: UserHints, reader: str) -> None:
    """Add the site, unless the file states it."""
    if hints.site is not None:
        draft.state("site", hints.site)
    elif reader in _STATES_SITE or (site_of(paths) is not None and reader in ("fluxnet", "icos_etc")):
        return
    else:
        draft.guess("site", site_of(paths) or paths[0].name.split(".")[0], "code of the site")


def _add_offset(draft: Draft, site: str | None, hints: UserHints) -> None:
    if hints.utc_offset_hours is not None:
        draft.state("utc_offset_hours", hints.utc_offset_hours)
        return
    offset, reason = guess_utc_offset(site, None)
    draft.guess("utc_offset_hours", offset, _offset_comment(reason))


def _offset_comment(reason: str) -> str:
    return f"local standard time minus UTC [h]; {reason}"


def _add_heights(draft: Draft, paths: Sequence[Path]) -> None:
    """Add the file of sensor heights beside the record, if it has the site."""
    site = site_of(paths)
    if site is None:
        return
    for pattern in _HEIGHTS:
        for file in sorted(paths[0].parent.glob(pattern)):
            try:
                depths = read_sensor_depths(file, site)
            except BadInput:
                continue
            if depths and file not in paths:
                draft.state("heights", file, "depths of the sensors")
                return


def _suggest_depths(draft: Draft, ds: xr.Dataset, table: str) -> None:
    for variable in ("theta", "t_soil"):
        if variable not in ds or not bool(np.isnan(ds["depth"]).any()):
            continue
        for column in str(ds[variable].attrs.get("column", "")).split():
            draft.suggestions[f"{table}.{column}"] = (0.05, "depth of this sensor [m], which the file does not contain")


def _suggest_order(draft: Draft, ds: xr.Dataset) -> None:
    for variable, key in (("theta", "swc_depths"), ("t_soil", "ts_depths")):
        if variable not in ds or not bool(np.isnan(ds["depth"]).any()):
            continue
        columns = str(ds[variable].attrs.get("column", "")).split()
        depths = [round(0.05 * 2**k, 2) for k in range(len(columns))]
        draft.suggestions[key] = (depths, f"depth [m] of {', '.join(columns)}, which the file does not contain")


def _toa5_columns(draft: Draft, paths: Sequence[Path], hints: UserHints) -> None:
    rows = [next(csv.reader([line]), []) for line in read_lines(paths[0], 4)]
    names, units, processing = rows[1], rows[2], rows[3]
    table = _numbers(paths[0], TableLayout("utf-8-sig", ",", ".", 2, 5, tuple(names), ()))
    _map_columns(draft, names, units, table, {n for n, how in zip(names, processing, strict=False) if how == "Tot"})
    if not draft.keys.get("columns"):
        raise BadInput(
            "no column has the name of a known variable",
            where=paths[0],
            remedy=f"give [data.columns.NAME] for the columns that are read, of {', '.join(names[1:])}",
        )


def _reddyproc_columns(draft: Draft, paths: Sequence[Path], hints: UserHints) -> None:
    layout = layout_of(paths[0], missing=())
    if layout is None:
        return
    units = header_and_units(paths[0], layout)
    names = tuple(units)
    table = _numbers(
        paths[0], TableLayout(layout.encoding, layout.delimiter, ".", 1, layout.first_data_line, names, ())
    )
    unknown = [
        name
        for name in units
        if name not in layout.time_columns and variable_of(name) is None and not RESULTS.fullmatch(name)
    ]
    _map_columns(draft, unknown, [units[name] for name in unknown], table, set())
    left = [name for name in unknown if name not in draft.keys.get("columns", {})]
    if left:
        draft.state("ignore", left, "columns that are not read")


def _numbers(path: Path, layout: TableLayout) -> pd.DataFrame:
    """Columns as numbers, NaN where a cell is none."""
    texts = read_texts(path, layout)
    return pd.DataFrame({name: as_numbers(texts[name], layout.decimal) for name in layout.names})


def _map_columns(
    draft: Draft, names: Sequence[str], units: Sequence[str], table: pd.DataFrame, totals: set[str]
) -> None:
    columns: dict[str, dict[str, Any]] = {}
    for name, unit in zip(names, units, strict=False):
        values, _ = without_codes(table[name].to_numpy(dtype=np.float64))
        guess = guess_column(name, unit.strip("- "), values, _HALF_HOUR)
        taken = {one["variable"] for one in columns.values()}
        if guess is None or (guess.depth is None and guess.variable in taken):
            continue
        columns[name] = {"variable": guess.variable}
        draft.comments[f"columns.{name}.variable"] = "by the name of the column"
        if not guess.has_unit:
            columns[name]["unit"] = guess.unit
            if guess.is_sum and name not in totals:
                columns[name]["is_sum"] = True
        if guess.depth is not None and not np.isnan(guess.depth):
            columns[name]["depth"] = guess.depth
        if guess.depth is not None and np.isnan(guess.depth):
            draft.suggestions[f"columns.{name}.depth"] = (
                0.05,
                "depth of this sensor [m], which the file does not contain",
            )
        comment = "; ".join(filter(None, (guess.unit_comment, guess.depth_comment)))
        if comment:
            draft.comments[f"columns.{name}.variable"] += f"; check this: {comment}"
            draft.checks.append(f"column {name} is read as {guess.variable}: {comment}")
    if columns:
        draft.keys["columns"] = columns


def _choice(key: str, names: Sequence[str], hints: UserHints, draft: Draft, what: str) -> None:
    """Add the choice of one of several series of a file."""
    if hints.site in names:
        draft.state(key, hints.site)
    elif len(names) == 1:
        draft.state(key, names[0])
    else:
        shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
        draft.guess(key, names[0], f"one of {len(names)} {what}: {shown}")


def _cosore(draft: Draft, paths: Sequence[Path], hints: UserHints) -> None:
    frame = read_parquet(paths[0], required=("ds",))
    _choice("dataset", sorted(map(str, frame["ds"].unique())), hints, draft, "data sets")
    if hints.utc_offset_hours is None:
        draft.guess("utc_offset_hours", 0.0, "stamps of COSORE are UTC, unless the owner gave another time zone")


def _uscrn(draft: Draft, paths: Sequence[Path], hints: UserHints) -> None:
    frame = read_parquet(paths[0], required=("wban",))
    _choice("wban", sorted(frame["wban"].astype(str).str.zfill(5).unique()), hints, draft, "stations")


def _neon(draft: Draft, paths: Sequence[Path], hints: UserHints) -> None:
    ds = read_netcdf(paths[0], required=("site",), kind="driving data")
    _choice("tower", [str(name) for name in ds["site"].to_numpy()], hints, draft, "towers")
    if hints.utc_offset_hours is None:
        draft.guess("utc_offset_hours", -6.0, "local standard time minus UTC [h] of the tower; NEON has -10 to -4")


def _drivers(paths: Sequence[Path], hints: UserHints) -> Draft:
    return draft_driving(paths, site=hints.site)


def _table(paths: Sequence[Path], hints: UserHints) -> Draft:
    draft = draft_table(paths[0], site=hints.site or site_of(paths), utc_offset_hours=hints.utc_offset_hours)
    if len(paths) > 1:
        draft.keys["path"] = list(paths)
    site = str(draft.keys["site"])
    if hints.utc_offset_hours is None and "utc_offset_hours" in draft.keys:
        offset, reason = guess_utc_offset(site, None)
        is_known = reason.startswith("standard time of")
        if is_known or offset:
            _add_offset(draft, site, hints)
        if not is_known:
            draft.placeholders["utc_offset_hours",] = offset
    return draft


def _ismn(paths: Sequence[Path], hints: UserHints) -> Draft:
    return draft_ismn(paths[0], site=hints.site)


_SPECIAL: Mapping[str, Callable[[Sequence[Path], UserHints], Draft]] = {
    "jules_driving": _drivers,
    "table": _table,
    "ismn": _ismn,
}
_FURTHER: Mapping[str, Sequence[Callable[[Draft, Sequence[Path], UserHints], None]]] = {
    "toa5": (_toa5_columns,),
    "reddyproc": (_reddyproc_columns,),
    "cosore": (_cosore,),
    "uscrn": (_uscrn,),
    "neon_driving": (_neon,),
}
#: Readers whose files state the site.
_STATES_SITE = ("ameriflux", "ozflux", "alma", "toa5")
