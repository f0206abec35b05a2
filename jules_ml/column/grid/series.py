"""Files of a time series, by JULES's templates of their names or a list of them."""

from __future__ import annotations

import glob
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from jules_ml.errors import BadInput
from jules_ml.weather.file_names import dated_name, interval_of_files, read_file_list

_NAME = "%vv"


@dataclass(frozen=True)
class Piece:
    """A range of values in one file: the name of the file with ``%vv``, the first time level, and their number."""

    name: str
    first: int
    count: int
    #: Time of the first level of the file.
    begins: pd.Timestamp


@dataclass(frozen=True)
class FileSeries:
    """Files of values at a constant interval.

    Attributes
    ----------
    template : Path
        Name of the files, or list of them.
    start : Timestamp
        Time of the first value, UTC.
    period : Timedelta
        Interval of the values.
    listed : bool
        Whether ``template`` is a list (``read_list``).
    folder : Path, optional
        Folder of relative names in a list; by default that of the list.
    nfiles : int, optional
        Number of files of a list; by default all.
    """

    template: Path
    start: pd.Timestamp
    period: pd.Timedelta
    listed: bool = False
    folder: Path | None = None
    nfiles: int | None = None
    _list: list[tuple[pd.Timestamp, str]] = field(default_factory=list, repr=False)

    def pieces(self, first: int, stop: int) -> list[Piece]:
        """Divide values, counted from :attr:`start`, into ranges in one file each."""
        pieces: list[Piece] = []
        at = first
        while at < stop:
            time = self.start + at * self.period
            name, begins, ends = self._file_of(time)
            end = stop if ends is None else min(stop, at + int(-((time - ends) // self.period)))
            pieces.append(Piece(name, round((time - begins) / self.period), end - at, begins))
            at = end
        return pieces

    def path(self, piece: Piece, variable: str) -> Path:
        """Path of the file of a variable.

        Raises
        ------
        BadInput
            If there is no such file, or a name with ``*`` has several.
        """
        name = piece.name.replace(_NAME, variable)
        if "*" not in name:
            if not Path(name).is_file():
                raise BadInput(
                    f"there is no such file, which has {variable} from {piece.begins:%Y-%m-%d %H:%M} on",
                    where=name,
                    remedy="provide the file, or correct file, var_name or tpl_name of grid.drive, or the period of the run",
                )
            return Path(name)
        files = sorted(glob.glob(name))
        if len(files) != 1:
            listed = ", ".join(Path(each).name for each in files[:3])
            raise BadInput(
                f"there is no file with this name for {variable}"
                if not files
                else f"several files have this name: {listed}",
                where=name,
                remedy="correct grid.drive.file, or provide the file"
                if not files
                else "make grid.drive.file unambiguous",
            )
        return Path(files[0])

    def _file_of(self, time: pd.Timestamp) -> tuple[str, pd.Timestamp, pd.Timestamp | None]:
        """Name of the file of a time, the time of its first value, and that of the first value of the next file."""
        if self.listed:
            return self._listed_at(time)
        text = str(self.template)
        interval = interval_of_files(text)
        if interval == "day":
            begins, ends = time.normalize(), time.normalize() + pd.Timedelta(days=1)
        elif interval == "month":
            begins = time.normalize().replace(day=1)
            ends = begins + pd.DateOffset(months=1)
        elif interval == "year":
            begins = time.normalize().replace(month=1, day=1)
            ends = begins + pd.DateOffset(years=1)
        else:
            return text, self.start, None
        # the data may begin within the month of the first file
        return dated_name(text, year=time.year, month=time.month, day=time.day), max(begins, self.start), ends

    def _listed_at(self, time: pd.Timestamp) -> tuple[str, pd.Timestamp, pd.Timestamp | None]:
        if not self._list:
            self._list.extend(self._read_list())
        times = [moment for moment, _ in self._list]
        at = int(np.searchsorted(np.array(times, dtype="datetime64[ns]"), time.to_datetime64(), side="right")) - 1
        if at < 0:
            raise BadInput(
                f"the first file begins at {times[0]}, after {time}",
                where=self.template,
                remedy="add the earlier files, or correct data_start",
            )
        return self._list[at][1], times[at], times[at + 1] if at + 1 < len(times) else None

    def _read_list(self) -> list[tuple[pd.Timestamp, str]]:
        """Times and paths of the files of the list, in the order of the times."""
        folder = self.folder or self.template.parent
        files = read_file_list(self.template, self.nfiles)
        if not files:
            raise BadInput(
                "there are no files in the list, or nfiles is 0",
                where=self.template,
                remedy="write 'FILE', 'YYYY-MM-DD hh:mm:ss' on each line",
            )
        return sorted((each.time(), str(folder / each.name)) for each in files)
