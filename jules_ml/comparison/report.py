"""Folder of a comparison: scores as JSON and CSV, figures, and a self-contained report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from itertools import cycle
from pathlib import Path
from typing import Any, Final

import pandas as pd
import xarray as xr

from jules_ml.comparison.between_runs import score_between_runs
from jules_ml.comparison.days import common_period, daily_means
from jules_ml.comparison.evaluation import Evaluation, evaluate_runs
from jules_ml.comparison.figures import COLOURS, compare_series
from jules_ml.comparison.forcing_regressions import BENCHMARKS
from jules_ml.comparison.run_panels import run_panels
from jules_ml.comparison.run_verdict import comparison_sentence, run_numbers
from jules_ml.comparison.runs import QUANTITIES, Quantity, Run
from jules_ml.comparison.scores import QuantityScore, period_means, score_runs
from jules_ml.errors import BadInput
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.store import json_text
from jules_ml.scoring.scores import Scores
from jules_ml.support.figures import save_figure
from jules_ml.support.files import atomic_write
from jules_ml.support.output_folder import Contents
from jules_ml.support.page import embedded, render_page
from jules_ml.support.provenance import software

#: Contents of the folder of a comparison.
COMPARISON: Final = Contents("a comparison", ("scores.csv",), ("scores.csv", "scores.json", "report.html", "figures"))

#: Reference of scores against a record.
OBSERVATIONS: Final = "observations"
_CAPTION: Final = (
    "Daily means of each run, and their differences from the observations or, without them, from the first run."
)
_COLUMNS: Final = ["quantity", "sensor", "run", "reference", *(field.name for field in fields(Scores)), "unit"]


@dataclass(frozen=True)
class ComparisonResult:
    """Result of a comparison: scores against observations and against the first run, means, files, evaluation by the record, verdict."""

    scores: tuple[QuantityScore, ...]
    between_runs: tuple[QuantityScore, ...]
    period_means: pd.DataFrame
    files: tuple[Path, ...]
    evaluation: Evaluation | None
    sentence: str


def compare_runs(
    runs: Sequence[Run],
    record: xr.Dataset | None,
    out: Path,
    *,
    respiration: RespirationSettings | None = None,
    inputs: Sequence[Path] = (),
) -> ComparisonResult:
    """Compare runs with each other and with a record, and write a report.

    Parameters
    ----------
    runs : sequence of Run
        The others are also scored against the first one.
    record : xarray.Dataset or None
        Site dataset.
    out : Path
        Folder for ``report.html``, ``scores.json``, ``scores.csv`` and ``figures``.
    respiration : RespirationSettings, optional
        See :func:`~jules_ml.comparison.evaluation.evaluate_runs`.
    inputs : sequence of Path
        Files that the comparison depends on besides the runs, for the provenance.

    Returns
    -------
    ComparisonResult

    Raises
    ------
    BadInput
        If two runs have the same name; if the folder contains a module, or cannot be written.
    """
    _check_names(runs)
    if (out / "card.json").exists():
        raise BadInput(
            "the folder contains a module", where=out, remedy="give a new folder for the comparison with --out"
        )
    scored, between = score_runs(runs, record), score_between_runs(runs)
    means = period_means(runs)
    images = _figures(runs, scored, out / "figures")
    evaluation = (
        None if record is None else evaluate_runs(runs, record, scored, out / "figures", respiration=respiration)
    )
    table = out / "scores.csv"
    rows = [_row(s, OBSERVATIONS) for s in scored] + [_row(s, runs[0].name) for s in between]
    with atomic_write(table) as part:
        pd.DataFrame(rows, columns=_COLUMNS).to_csv(part, index=False, float_format="%.6g")
    numbers = out / "scores.json"
    document = {
        "runs": {run.name: run.summary.get("via", []) for run in runs},
        "scores": rows,
        "means": means.to_dict(),
        **({} if evaluation is None else evaluation.to_json()),
        "software": software(),
    }
    with atomic_write(numbers) as part:
        part.write_text(json_text(document), encoding="utf-8")
    page = out / "report.html"
    with atomic_write(page) as part:
        part.write_text(_page(runs, scored, between, means, images, record, evaluation, inputs), encoding="utf-8")
    more = () if evaluation is None else tuple(evaluation.images.values())
    return ComparisonResult(
        tuple(scored),
        tuple(between),
        means,
        (page, *more, *images, table, numbers),
        evaluation,
        comparison_sentence(scored, between, runs[0].name),
    )


def _check_names(runs: Sequence[Run]) -> None:
    names = [run.name for run in runs]
    duplicate = next((name for name in names if names.count(name) > 1), None)
    if duplicate is not None:
        raise BadInput(
            f"{names.count(duplicate)} runs have the same name {duplicate}",
            where=duplicate,
            remedy="give each folder once, and rename folders that have the same name",
        )


def _row(scored: QuantityScore, reference: str) -> dict[str, Any]:
    """Row of ``scores.csv`` and entry of ``scores.json``."""
    values = {
        "quantity": scored.quantity.name,
        "sensor": scored.sensor,
        "run": scored.run,
        "reference": reference,
        "unit": scored.quantity.unit,
    }
    return values | asdict(scored.scores)


def _figures(runs: Sequence[Run], scored: Sequence[QuantityScore], folder: Path) -> list[Path]:
    """Draw a figure of each quantity, at the shallowest sensor if there are sensors, otherwise in the top layer."""
    images = []
    # a run has one colour in all figures, also where another lacks the quantity
    colours = dict(zip((run.name for run in runs), cycle(COLOURS), strict=False))
    for quantity in QUANTITIES:
        by_run = {run.name: run.series[quantity.name] for run in runs if quantity.name in run.series}
        if not by_run:
            continue
        of_quantity = [s for s in scored if s.quantity == quantity]
        sensor = of_quantity[0].sensor if of_quantity else ""
        pairs = {s.run: _daily(s) for s in of_quantity if s.sensor == sensor}
        # a record with few values of each day has scores, but no daily means
        if any(p["observed"].notna().any() for p in pairs.values()):
            series = {name: p["modelled"] for name, p in pairs.items()}
            observed = next(iter(pairs.values()))["observed"]
            title = f"{quantity.name.capitalize()}{f' at {sensor}' if sensor else ''}"
        else:
            series = common_period({name: _daily_top(values, quantity) for name, values in by_run.items()})
            observed, title = None, f"{quantity.name.capitalize()}{', top layer' if quantity.layered else ''}"
        cumulative = quantity.name == "runoff"
        unit = "kg m-2" if cumulative else quantity.unit
        figure = compare_series(
            series, observed=observed, title=title, unit=unit, cumulative=cumulative, colours=colours
        )
        images.append(save_figure(figure, folder / f"{quantity.name.replace(' ', '_')}.png"))
    return images


def _daily(of: QuantityScore) -> pd.DataFrame:
    """Daily means of pairs."""
    return pd.DataFrame({name: daily_means(of.pairs[name], of.seconds) for name in ("observed", "modelled")})


def _daily_top(values: xr.DataArray, quantity: Quantity) -> pd.Series:
    """Daily means of a flux, or of the top layer of a profile."""
    top = values.isel(soil=0) if quantity.layered else values
    return daily_means(top.reset_coords(drop=True).to_series(), float(values.attrs["interval_seconds"]))


def _time(text: str) -> str:
    """Time of a summary, UTC, in one format for runs of the column and of JULES; also of other calendars."""
    return text.replace("T", " ").removesuffix("Z").removesuffix(":00")


def _page(
    runs: Sequence[Run],
    scored: Sequence[QuantityScore],
    between: Sequence[QuantityScore],
    means: pd.DataFrame,
    images: Sequence[Path],
    record: xr.Dataset | None,
    evaluation: Evaluation | None,
    inputs: Sequence[Path],
) -> str:
    figures = [
        {"title": path.stem.replace("_", " ").capitalize(), "data": embedded(path), "caption": _CAPTION, "style": ""}
        for path in images
    ]
    colours = dict(zip((run.name for run in runs), cycle(COLOURS), strict=False))
    site = (
        {} if record is None else {k: str(record.attrs[k]) for k in ("site", "source", "licence") if k in record.attrs}
    )
    return render_page(
        "jules_ml.comparison",
        "report.html.j2",
        verdict=comparison_sentence(scored, between, runs[0].name),
        numbers=run_numbers(scored),
        panels=run_panels(runs, scored, colours),
        inputs=inputs,
        runs=[
            {
                "name": run.name,
                "model": run.summary.get("model", "column"),
                "via": ", ".join(run.summary.get("via", [])) or "none",
                "notes": run.summary.get("notes", []),
                "start": _time(run.summary.get("start", "")),
                "end": _time(run.summary.get("end", "")),
            }
            for run in runs
        ],
        site=site,
        scored=scored,
        between=between,
        reference=runs[0].name,
        names=list(means.columns),
        means=[(row, [float(v) for v in values]) for row, values in zip(means.index, means.to_numpy(), strict=True)],
        figures=figures,
        evaluation=evaluation,
        evaluated={} if evaluation is None else {name: embedded(path) for name, path in evaluation.images.items()},
        benchmarks=list(BENCHMARKS),
    )
