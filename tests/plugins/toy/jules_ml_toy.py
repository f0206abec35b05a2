"""A toy kind, which learns the mean air temperature, a toy reader, which reads one number per day, and a toy export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
import xarray as xr
from pydantic import Field

from jules_ml.data.record_section import Record
from jules_ml.data.site import SiteMeta, site_dataset
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.learned.adaptation import AdaptationDays
from jules_ml.learned.kind import Outcome, ScoreRow
from jules_ml.learned.store import read_module_folder, write_evaluation_folder, write_module_folder
from jules_ml.learned.uses import Exported
from jules_ml.support.progress import Progress
from jules_ml.support.section import DataPath, Section


class ToyRecord(Record):
    """A text file with a date and the day's air temperature [K] on each line."""

    reader: Literal["toy_text"] = Field(description="toy: a date and an air temperature per line")
    path: DataPath = Field(description="text file")

    def read(self) -> xr.Dataset:
        """Read the record as a site dataset."""
        table = pd.read_csv(self.path, sep=" ", names=["day", "t_air"], parse_dates=["day"])
        return site_dataset(
            {"t_air": table["t_air"].to_numpy()},
            time=pd.DatetimeIndex(table["day"]) + pd.Timedelta(days=1),
            interval=pd.Timedelta(days=1),
            meta=SiteMeta(site="toy", source="toy", licence="CC0"),
            where=str(self.path),
        )


class ToySettings(Section):
    """``[toy_mean]``."""

    offset: float = Field(default=0.0, description="added to the mean [K]")


class ToyKind:
    """The mean of a record."""

    name = "toy_mean"

    def settings(self) -> type[Section]:
        """Give the schema of ``[toy_mean]``."""
        return ToySettings

    def site(self, experiment: Experiment) -> np.ndarray:
        """Read the air temperature of one site."""
        return experiment.record()["t_air"].to_numpy()

    def fit(self, experiments: Sequence[Experiment], out: Path, *, progress: Progress | None = None) -> Outcome:
        """Average all records."""
        section = experiments[0].section_of("toy_mean")
        offset = section.offset if isinstance(section, ToySettings) else 0.0
        values = np.concatenate([self.site(each) for each in experiments])
        mean = float(values.mean()) + offset
        scores = {"all": {"rmse": float(np.sqrt(np.mean((values - mean) ** 2))), "n": len(values)}}
        if progress is not None:
            progress("fit", 1, 1)
        write_module_folder(
            out,
            state={"mean": torch.tensor([mean])},
            card={"module": "toy_mean"},
            scores=scores,
            predictions=xr.Dataset(),
        )
        return Outcome(out, scores, (ScoreRow("toy", "mean", scores["all"], "K"),), ("a toy note",))

    def adapt(
        self,
        folder: Path,
        experiments: Sequence[Experiment],
        out: Path,
        *,
        days: AdaptationDays,
        progress: Progress | None = None,
    ) -> Outcome:
        """Refuse."""
        raise BadInput("a mean cannot be adapted", where=folder, remedy="fit it again")

    def evaluate(self, folder: Path, experiments: Sequence[Experiment], out: Path) -> Outcome:
        """Score the mean on other records."""
        mean, _ = self.load(folder)
        values = np.concatenate([self.site(each) for each in experiments])
        scores = {"all": {"rmse": float(np.sqrt(np.mean((values - mean) ** 2))), "n": len(values)}}
        write_evaluation_folder(out, scores=scores, predictions=xr.Dataset())
        return Outcome(out, scores, (ScoreRow("toy", "mean", scores["all"], "K"),))

    def load(self, folder: Path) -> tuple[float, Mapping[str, Any]]:
        """Read a module folder."""
        state, card = read_module_folder(folder, kind="toy_mean")
        return float(state["mean"]), card


class ToyExport:
    """The mean as a text file."""

    kind = "toy_mean"
    options: tuple[str, ...] = ()

    def write(
        self, folder: Path, out: Path, *, predicted: bool = False, experiment: Experiment | None = None
    ) -> Exported:
        """Write the file."""
        path = out / "mean.txt"
        path.write_text(f"{KIND.load(folder)[0]:.2f}\n", encoding="ascii")
        return Exported([path])


KIND = ToyKind()
EXPORT = ToyExport()
