"""``jules-ml demo``: the record fetched, the column run, compared, drawn and told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.resources import as_file, files
from pathlib import Path

import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from jules_ml.column.figures import soil_moisture, soil_temperature, water_budget
from jules_ml.column.folder import write_run
from jules_ml.column.run import ColumnRun, run_column
from jules_ml.data.readers.davos import fetch_davos, read_davos
from jules_ml.data.variables import VARIABLES
from jules_ml.demo.compare import LEVEL_CHANGE, Comparison, compare
from jules_ml.demo.figures import curves_compared, night_respiration, respiration_curves
from jules_ml.demo.learned import MODULE, LearnedDemo, learn_and_rerun
from jules_ml.demo.moisture import learn_soil_moisture, moisture_lines
from jules_ml.demo.report import render_report
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment, load_experiment
from jules_ml.physics.integration import NO_COMPILER, can_compile
from jules_ml.support.figures import save_figure
from jules_ml.support.files import atomic_write
from jules_ml.support.progress import Progress, renamed

#: Years in the record.
YEARS = 10
_SAME_STOCK = (
    "Carbon stock and rate are the same in both runs, and only the shape of the curves was learned: from air temperature and the sensor's "
    "water, while the column goes by the temperature and water of its own top layer."
)


@dataclass(frozen=True)
class Demo:
    """A demonstration that has ended: both runs, what they were compared with, what was learned, and the files that were written."""

    run: ColumnRun
    comparison: Comparison
    learned: LearnedDemo
    files: tuple[Path, ...]


def run_demo(
    folder: Path,
    *,
    data: Path | None = None,
    years: int = YEARS,
    say: Callable[[str], None] = print,
    progress: Progress | None = None,
) -> Demo:
    """Run the column at Davos, compare it with what was measured, and write figures and a page.

    Parameters
    ----------
    folder : Path
        For the results; made where it is missing.
    data : Path, optional
        The wheel of diive 0.90.0 or the Parquet file in it; fetched unless given.
    years : int
        Years to run, the last of the record. Without a C++ compiler it is one.
    say : callable
        Takes each line that the user should see.
    progress : callable, optional
        As in :func:`~jules_ml.column.run.run_column`.

    Returns
    -------
    Demo

    Raises
    ------
    BadInput
        If the record cannot be had or read, or the folder cannot be written.
    """
    if data is not None and not data.is_file():
        raise BadInput(
            "there is no such file", where=data, remedy="give the wheel of diive 0.90.0, or the Parquet file in it"
        )
    record = read_davos(fetch_davos(message=say) if data is None else data)
    experiment = davos_experiment()
    if not can_compile():
        say(f"There is {NO_COMPILER}, and the column runs some ten times slower: the last year alone, spun up once.")
        years, experiment = 1, _spun_up_once(experiment)
    driven = last_years(record, years)
    run = run_column(experiment, record=driven, progress=progress)
    comparison = compare(run.output, run.record)
    learned = learn_and_rerun(record, experiment, driven, comparison, folder, say=say, progress=progress)
    theta = learn_soil_moisture(run.record, run.output, folder, progress=renamed(progress, "theta"))
    for line in [] if theta is None else moisture_lines(theta):
        say(line)
    notes = figure_notes(run)
    images = [
        save_figure(figure, folder / "figures" / f"{name}.png")
        for name, figure in _figures(run, comparison, learned, notes).items()
    ]
    images += [folder / MODULE / "figures" / f"{name}.png" for name in ("curves", "nee")]
    # a folder used before may hold a module of another run
    learned_theta = [] if theta is None else sorted(path for path in theta.folder.rglob("*") if path.is_file())
    images += [path for path in learned_theta if path.suffix == ".png"]
    written = write_run(run, folder)
    scores = folder / "scores.json"
    with atomic_write(scores) as part:
        part.write_text(
            json.dumps([asdict(s) for s in (*comparison.scores, *learned.scores)], indent=2, ensure_ascii=False) + "\n",
            encoding="utf-8",
        )
    page = folder / "report.html"
    with atomic_write(page) as part:
        part.write_text(render_report(run, comparison, learned, images, notes), encoding="utf-8")
    return Demo(
        run, comparison, learned, (page, *dict.fromkeys((*images, scores, *written, *learned.files, *learned_theta)))
    )


def davos_experiment() -> Experiment:
    """The experiment of the demonstration, as the package ships it."""
    with as_file(files("jules_ml.demo") / "davos.toml") as path:
        return load_experiment(path)


def _spun_up_once(experiment: Experiment) -> Experiment:
    assert experiment.run is not None
    once = experiment.run.spin_up.model_copy(update={"cycles": 1})
    return experiment.model_copy(update={"run": experiment.run.model_copy(update={"spin_up": once})})


def last_years(record: xr.Dataset, years: int) -> xr.Dataset:
    """The last years of a record, by local standard time."""
    end = pd.Timestamp(record["time"].to_numpy()[-1])
    first = end - pd.DateOffset(years=years)
    return record.sel(time=record["time"] > first.to_datetime64())


def figure_notes(run: ColumnRun) -> list[str]:
    """What stands on every figure: what was not measured, and what is odd in what was."""
    used = [
        f"{VARIABLES[s.variable].long_name}: {s.rule}"
        + ("" if s.share == 1.0 else f" ({100.0 * s.share:.2g} % of the steps)")
        for s in run.weather.substitutions
        if s.share >= 0.01 and s.variable != "tot_rain"
    ]
    notes = [
        f"Stand-ins – {'; '.join(used)}.",
        "Soil temperature was not measured: it is the column's own. Soil texture is a sandy loam, for want of an analysis.",
    ]
    if pd.Timestamp(run.output["time_bounds"].to_numpy()[0, 0]).year < LEVEL_CHANGE - 1:
        notes.append(
            "Precipitation is as published: its level changes at the turn of 2015 to 2016 (680 kg m-2 a year before it, 969 after)."
        )
    return notes


def _figures(run: ColumnRun, comparison: Comparison, learned: LearnedDemo, notes: list[str]) -> dict[str, Figure]:
    output, top = run.output, run.output.isel(soil=0)
    return {
        "soil_moisture": soil_moisture(output, observed=comparison.theta, notes=notes),
        "night_respiration": night_respiration(
            comparison.steps,
            comparison.nights,
            measured="night NEE as measured: soil, roots, stems and leaves",
            modelled="column: soil carbon alone (resp_s_gb)",
            notes=notes,
        ),
        "soil_temperature": soil_temperature(output, notes=notes),
        "water_budget": water_budget(output, notes=notes),
        "respiration_curves": respiration_curves(
            top[["sm_wilt", "sm_sat"]],
            top["sthu"].to_numpy()[comparison.is_night],
            top["t_soil"].to_numpy()[comparison.is_night],
            data="nights with measured NEE (column's own θ and T)",
            notes=notes,
        ),
        "learned_nights": curves_compared(learned.nights, notes=[*notes, _SAME_STOCK]),
    }
