"""Inspection of files."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from pydantic import ValidationError

from jules_ml.data.inspection.draft import Draft, toml_value
from jules_ml.data.inspection.drafts import UserHints, apply_keys, complete, draft_section, site_of, takes_list
from jules_ml.data.inspection.driving_draft import is_driving_text
from jules_ml.data.inspection.fit_notes import fit_notes
from jules_ml.data.inspection.other_file import OtherFile
from jules_ml.data.inspection.other_files import is_metadata, other_file, unreadable
from jules_ml.data.inspection.series import Summary, gaps_of, series_of, summary_of
from jules_ml.data.inspection.suspicions import Suspicion, notes_on, suspicions_of
from jules_ml.data.problems import collected_problems
from jules_ml.data.readers.ismn import names_in
from jules_ml.data.recognition import recognise
from jules_ml.data.record_section import reader_names, reader_section
from jules_ml.errors import BadInput

_MOST_ATTEMPTS = 5


@dataclass(frozen=True)
class Period:
    """Time axis of a record.

    Attributes
    ----------
    start, end : Timestamp
        Start of the first and end of the last step, UTC.
    interval : Timedelta
        Length of a step.
    n_steps, n_missing : int
        Steps from start to end, and how many of them have no row.
    """

    start: pd.Timestamp
    end: pd.Timestamp
    interval: pd.Timedelta
    n_steps: int
    n_missing: int


@dataclass(frozen=True, eq=False)
class Inspection:
    """What an inspection finds in the files of a record, or in another file.

    Attributes
    ----------
    paths : tuple of Path
        Files.
    kind : str
        What they are.
    reader : str or None
        Reader of ``[data]``; None for files that are no records.
    use : str
        Where a file that is no record is used.
    site : str or None
        Site code of the record.
    period : Period or None
        Time axis; None if nothing could be read.
    variables : tuple of Summary
        One for each variable and sensor.
    problems : tuple of BadInput
        What must be corrected before the record can be used, all at once.
    suspicions : tuple of Suspicion
        What may be wrong.
    notes : tuple of str
        What the reader left out, and what a fit would note.
    checks : tuple of str
        What is guessed in the drafted section.
    section : str
        Drafted TOML.
    left_out : mapping of str to str
        Columns that are not read, and why.
    draft : Draft or None
        Drafted section ``[data]``; its paths are those that were given.
    record : xarray.Dataset or None
        What was read, for figures. It must not be used as a record if there are problems.
    """

    paths: tuple[Path, ...]
    kind: str
    reader: str | None
    use: str = ""
    site: str | None = None
    period: Period | None = None
    variables: tuple[Summary, ...] = ()
    problems: tuple[BadInput, ...] = ()
    suspicions: tuple[Suspicion, ...] = ()
    notes: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    section: str = ""
    left_out: Mapping[str, str] = field(default_factory=dict)
    draft: Draft | None = None
    record: xr.Dataset | None = None


def inspect_files(
    paths: Sequence[Path], *, site: str | None = None, utc_offset_hours: float | None = None, folder: Path | None = None
) -> list[Inspection]:
    """Inspect files; those of one reader and one site are one record.

    Parameters
    ----------
    paths : sequence of Path
        Files, or folders or archives of files of ISMN.
    site : str, optional
        Site code, station or data set; default: from the file.
    utc_offset_hours : float, optional
        Local standard time minus UTC [h]; default: guessed, since most files do not contain it.
    folder : Path, optional
        Folder of the drafted file, to which its paths are relative; default: paths are written as given.

    Returns
    -------
    list of Inspection
        One for each record or other file. Problems of a file are in it; they raise no error.

    Raises
    ------
    BadInput
        If a file does not exist.
    """
    for path in paths:
        if not path.exists():
            raise BadInput("there is no such file", where=path, remedy="correct the path")
    hints = UserHints(site, utc_offset_hours)
    inspections: list[Inspection] = []
    for reader, kind, group in _groups(paths):
        result = _inspect_group(reader, kind, group, hints, folder)
        if result.record is None and len(group) > 1:
            # files that are no one record, of two intervals for example, are inspected one by one
            inspections += [_inspect_group(reader, kind, [path], hints, folder) for path in group]
        else:
            inspections.append(result)
    return inspections


def _groups(paths: Sequence[Path]) -> list[tuple[str, str, list[Path]]]:
    """Reader, description and files of each record; the reader of files that are no records is empty."""
    groups: list[tuple[str, str, list[Path]]] = []
    for path in paths:
        reader, kind = _recognised(path)
        other = next(
            (
                group
                for name, _, group in groups
                if name and name == reader and takes_list(name) and site_of(group) == site_of([path])
            ),
            None,
        )
        if other is not None:
            other.append(path)
        else:
            groups.append((reader, kind, [path]))
    return groups


def _recognised(path: Path) -> tuple[str, str]:
    sensors = len(names_in(path))
    if sensors:
        files = "1 file" if sensors == 1 else f"{sensors} files"
        return "ismn", f"a {'folder' if path.is_dir() else 'zip archive'} with {files} of ISMN"
    if path.is_dir() or is_metadata(path):
        return "", ""
    kinds = recognise(path)
    if kinds:
        return next(iter(kinds.items()))
    if is_driving_text(path):
        return "jules_driving", "rows of numbers, which seem to be driving data of JULES"
    return "", ""


def _inspect_group(reader: str, kind: str, paths: list[Path], hints: UserHints, folder: Path | None) -> Inspection:
    if not reader:
        with collected_problems() as of_other:
            other = other_file(paths[0], site=hints.site, shown=_shown(paths[0], folder))
            if other is not None:
                return _of_other(other, paths, of_other)
        if of_other:
            return Inspection(tuple(paths), "a file that cannot be read", None, problems=tuple(of_other))
        reader, kind = "table", "a table that no other reader recognises"
    try:
        draft = draft_section(reader, paths, hints)
    except BadInput as error:
        if reader == "table" and "is not a table" in error.problem:
            names = [name for name in reader_names() if name != "auto"]
            return Inspection(tuple(paths), "a file of no known kind", None, problems=(unreadable(paths[0], names),))
        return Inspection(tuple(paths), kind, reader, problems=(error,))
    ds, problems = _read(draft, hints)
    result = Inspection(
        tuple(paths),
        kind,
        reader,
        problems=tuple(problems),
        checks=tuple(draft.checks),
        section=_text(draft.for_user(), folder),
        left_out=draft.left_out,
        draft=draft,
    )
    return result if ds is None else _with_record(result, ds)


def _of_other(other: OtherFile, paths: Sequence[Path], problems: Sequence[BadInput]) -> Inspection:
    result = Inspection(
        tuple(paths), other.description, None, use=other.use, problems=tuple(problems), section=other.section
    )
    return result if other.series is None else _with_record(result, other.series)


def _read(draft: Draft, hints: UserHints) -> tuple[xr.Dataset | None, list[BadInput]]:
    """Read the record by the draft, and improve the draft until its problems stay the same."""
    for _ in range(_MOST_ATTEMPTS):
        ds, problems = _attempt(draft)
        changed = [apply_keys(draft, problem) for problem in problems]
        if ds is not None:
            changed.append(complete(draft, ds, hints))
        if not any(changed):
            return ds, problems
    return _attempt(draft)  # problems must be those of the draft that is returned


def _attempt(draft: Draft) -> tuple[xr.Dataset | None, list[BadInput]]:
    ds: xr.Dataset | None = None
    with collected_problems() as problems:
        ds = _load(draft)
    return ds, problems


def _load(draft: Draft) -> xr.Dataset:
    table: Mapping[str, Any] = tomllib.loads(_text(draft, None))["data"]
    try:
        section = reader_section(str(table["reader"])).model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(
            ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")))),
            where="the drafted section",
            remedy="correct this key, or write the section by hand; docs/running.md lists the keys",
        ) from error
    return section.read()


def _text(draft: Draft, folder: Path | None) -> str:
    shown = {
        key: _shown(value, folder)
        if isinstance(value, Path)
        else [_shown(one, folder) if isinstance(one, Path) else one for one in value]
        if isinstance(value, list)
        else value
        for key, value in draft.keys.items()
    }
    return replace(draft, keys=shown).text()


def _shown(path: Path, folder: Path | None) -> str:
    """Path as it is written in the section."""
    if folder is None or path.is_absolute():
        return str(path)
    return os.path.relpath(path, folder)


def _with_record(result: Inspection, ds: xr.Dataset) -> Inspection:
    """Add the summaries of a record and what is suspicious in it."""
    known = np.flatnonzero(~np.isnat(ds["time"].to_numpy()))
    ds = ds.isel(time=known).drop_duplicates("time").sortby("time")
    if ds.sizes["time"] == 0:
        return result
    time = pd.DatetimeIndex(ds["time"].to_numpy())
    interval = pd.Timedelta(seconds=float(ds.attrs.get("interval_seconds", 0.0)))
    # steps of a month are not all as long as the longest
    n_steps = max(gaps_of(np.ones(len(time), dtype=bool), time, interval)[0], len(time))
    series = list(series_of(ds))
    suspicions = suspicions_of(ds, series)
    return replace(
        result,
        site=str(ds.attrs["site"]) if "site" in ds.attrs else None,
        period=Period(time[0] - interval, time[-1], interval, n_steps, n_steps - len(time)),
        variables=tuple(summary_of(one, time, interval) for one in series),
        suspicions=tuple(suspicions),
        # notes of values that have to be corrected first say nothing
        notes=(*notes_on(ds), *([] if result.problems else fit_notes(ds, suspicions))),
        record=ds,
    )


def file_text(inspections: Sequence[Inspection]) -> str:
    """Return the text of a file with the drafted sections; only the first of each table is not a comment."""
    head = (
        "# Drafted by 'jules-ml inspect'. Check the lines that say so, then add the other sections of the experiment.\n"
    )
    blocks: list[str] = []
    tables: set[str] = set()
    for one in inspections:
        if not one.section:
            continue
        name = one.section.split("\n", 1)[0]
        files = ", ".join(toml_value(path.name) for path in one.paths)
        text = f"\n# {files}: {one.kind}\n{one.section}"
        blocks.append(text if name not in tables else "".join(f"# {line}\n" for line in text.strip().splitlines()))
        tables.add(name)
    return head + "".join(blocks)
