"""``jules-ml demo``: download of the record, run of the column, fit in the model, swap, verdict, figures and report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from jules_ml.column.figures import soil_moisture, soil_temperature, water_budget
from jules_ml.column.folder import RUN, write_run
from jules_ml.column.run import ColumnRun, run_column
from jules_ml.data.readers.davos import fetch_davos, read_davos
from jules_ml.data.variables import VARIABLES
from jules_ml.demo.figures import swap_figure, theta_figure
from jules_ml.demo.headlines import headlines, sentence
from jules_ml.demo.moisture import fit_soil_moisture, theta_by_day
from jules_ml.demo.report import CAPTIONS, render_report
from jules_ml.demo.swap import MODULE, OUTPUT, VERDICT, Swap, fit_and_swap
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment, load_experiment
from jules_ml.learned.moisture.fit import MoistureFit
from jules_ml.physics.compilation import NO_COMPILER, can_compile, compilation_obstacle
from jules_ml.support.figures import save_figure
from jules_ml.support.files import atomic_write
from jules_ml.support.headline import Headline
from jules_ml.support.output_folder import Contents, replaced_folder
from jules_ml.support.progress import Progress, renamed
from jules_ml.weather.driving import PARTITIONED

#: Number of years in the record.
YEARS = 10
_REPORT: Final = "report.html"
#: Contents of the folder of a demonstration.
DEMO: Final = Contents(
    "a demonstration",
    ("column.nc", _REPORT),
    (*RUN.names, _REPORT, OUTPUT, VERDICT, MODULE.parts[0]),
)


@dataclass(frozen=True)
class Demo:
    """Results of the demonstration.

    Attributes
    ----------
    run : ColumnRun
        With JULES's own forms.
    swap : Swap
        Learned respiration, the run with it, and the verdict.
    sentence : str
        What the swap changes.
    headlines : tuple of Headline
        The same in three numbers.
    files : tuple of Path
    """

    run: ColumnRun
    swap: Swap
    sentence: str
    headlines: tuple[Headline, ...]
    files: tuple[Path, ...]


def run_demo(
    folder: Path,
    *,
    data: Path | None = None,
    years: int = YEARS,
    message: Callable[[str], None] = print,
    progress: Progress | None = None,
) -> Demo:
    """Run the column at Davos, fit respiration to its soil, swap it in, and write verdict, figures and a report.

    Parameters
    ----------
    folder : Path
        Folder for the results; a new one, or that of an earlier demonstration, which is replaced at the end.
    data : Path, optional
        The wheel of diive 0.90.0 or the Parquet file in it; downloaded if not given.
    years : int
        Number of years to run, at the end of the record; 1 without a C++ compiler.
    message : callable
        Receives each line of text for the user.
    progress : callable, optional
        As in :func:`~jules_ml.column.run.run_column`.

    Returns
    -------
    Demo

    Raises
    ------
    BadInput
        If the record cannot be downloaded or read, or the folder cannot be written.
    """
    if data is not None and not data.is_file():
        raise BadInput(
            "there is no such file", where=data, remedy="give the wheel of diive 0.90.0, or the Parquet file in it"
        )
    with replaced_folder(folder, DEMO) as staged:
        record = read_davos(fetch_davos(message=message) if data is None else data)
        done = _run_demo(staged.path, record, years, message, progress)
    return replace(done, files=tuple(map(staged.final, done.files)))


def _run_demo(
    folder: Path, record: xr.Dataset, years: int, message: Callable[[str], None], progress: Progress | None
) -> Demo:
    """Fill the folder of a demonstration."""
    experiment = davos_experiment()
    if not can_compile():
        message(
            f"{compilation_obstacle() or NO_COMPILER}: the column is many times slower, and only the last year is run, with one "
            "spin-up cycle."
        )
        years, experiment = 1, _spun_up_once(experiment)
    run = run_column(experiment, record=last_years(record, years), progress=progress)
    written = write_run(run, folder)
    swap = fit_and_swap(run, folder, progress=progress)
    theta = fit_soil_moisture(run.record, run.output, folder, progress=renamed(progress, "theta"))
    numbers, notes = headlines(swap, theta), report_notes(run)
    images = [
        save_figure(figure, folder / "figures" / f"{name}.png") for name, figure in _figures(run, swap, theta).items()
    ]
    of_theta = [] if theta is None else sorted(path for path in theta.folder.rglob("*") if path.is_file())
    by_name = {path.stem: path for path in (*swap.verdict.files, *images) if path.suffix == ".png"}
    page = folder / _REPORT
    with atomic_write(page) as part:
        shown = [by_name[name] for name in CAPTIONS if name in by_name]
        part.write_text(render_report(run, swap, numbers, shown, notes), encoding="utf-8")
    every = (page, *images, *written, *swap.files, *of_theta)
    return Demo(run, swap, sentence(swap), numbers, tuple(dict.fromkeys(every)))


def davos_experiment() -> Experiment:
    """Load the experiment of the demonstration, which is part of the package."""
    with as_file(files("jules_ml.demo") / "davos.toml") as path:
        return load_experiment(path)


def _spun_up_once(experiment: Experiment) -> Experiment:
    assert experiment.run is not None
    once = experiment.run.spin_up.model_copy(update={"cycles": 1})
    return experiment.model_copy(update={"run": experiment.run.model_copy(update={"spin_up": once})})


def last_years(record: xr.Dataset, years: int) -> xr.Dataset:
    """Select the last years of a record, in local standard time."""
    end = pd.Timestamp(record["time"].to_numpy()[-1])
    first = end - pd.DateOffset(years=years)
    return record.sel(time=record["time"] > first.to_datetime64())


def report_notes(run: ColumnRun) -> list[str]:
    """List the notes of the report: substitutions for missing data, and a break in the record."""
    used = [
        f"{VARIABLES[s.variable].long_name}: {s.rule}"
        + ("" if s.share == 1.0 else f" ({100.0 * s.share:.2g} % of the steps)")
        for s in run.weather.substitutions
        if s.share >= 0.01 and s.rule != PARTITIONED
    ]
    return [
        *used,
        "Soil temperature is that of the column, because it was not measured. Soil texture is assumed to be a sandy loam.",
    ]


def _figures(run: ColumnRun, swap: Swap, theta: MoistureFit | None) -> dict[str, Figure]:
    learned, nights = swap.fit.learned, swap.nights(fitted_rate=True)
    sensor = run.record["theta"].isel(depth=0).sel(time=run.output["time"])
    empty = pd.DataFrame(columns=["observed", "stock", "swapped"], index=pd.DatetimeIndex([]), dtype=float)
    return {
        "swap": swap_figure(
            learned.module,
            learned.settings,
            learned.rows.wetness,
            learned.rows.t_soil,
            empty if nights is None else nights.pairs,
        ),
        "theta": theta_figure(theta_by_day(run.output, sensor, theta), depth=f"{float(sensor['depth']):g} m"),
        "soil_moisture": soil_moisture(run.output, observed=sensor),
        "soil_temperature": soil_temperature(run.output),
        "water_budget": water_budget(run.output),
    }
