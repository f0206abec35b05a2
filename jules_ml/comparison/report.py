"""Folder of a comparison: scores as JSON and CSV, figures, and a self-contained report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final

import pandas as pd
import xarray as xr

from jules_ml.comparison.figures import compare_series
from jules_ml.comparison.runs import QUANTITIES, Run
from jules_ml.comparison.scores import QuantityScore, period_means, score_runs
from jules_ml.errors import BadInput
from jules_ml.learned.store import json_text
from jules_ml.scoring.scores import Scores
from jules_ml.support.figures import save_figure
from jules_ml.support.files import atomic_write
from jules_ml.support.output_folder import Contents
from jules_ml.support.page import embedded, render_page
from jules_ml.support.provenance import software

#: Contents of the folder of a comparison.
COMPARISON: Final = Contents("a comparison", ("scores.csv",), ("scores.csv", "scores.json", "report.html", "figures"))


@dataclass(frozen=True)
class ComparisonResult:
    """Result of a comparison: scores, means, and the files written."""

    scores: tuple[QuantityScore, ...]
    period_means: pd.DataFrame
    files: tuple[Path, ...]


def compare_runs(runs: Sequence[Run], record: xr.Dataset | None, out: Path) -> ComparisonResult:
    """Compare runs with each other and with a record, and write a report.

    Parameters
    ----------
    runs : sequence of Run
        Without observations, the others are compared with the first run.
    record : xarray.Dataset or None
        Site dataset.
    out : Path
        Folder for ``report.html``, ``scores.json``, ``scores.csv`` and ``figures``.

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
    scored = score_runs(runs, record)
    means = period_means(runs)
    images = _figures(runs, scored, out / "figures")
    table = out / "scores.csv"
    with atomic_write(table) as part:
        _table(scored).to_csv(part, index=False, float_format="%.6g")
    numbers = out / "scores.json"
    document = {
        "runs": {run.name: run.summary.get("via", []) for run in runs},
        "scores": [
            {
                "quantity": s.quantity.name,
                "unit": s.quantity.unit,
                "sensor": s.sensor,
                "run": s.run,
                **asdict(s.scores),
            }
            for s in scored
        ],
        "means": means.to_dict(),
        "software": software(),
    }
    with atomic_write(numbers) as part:
        part.write_text(json_text(document), encoding="utf-8")
    page = out / "report.html"
    with atomic_write(page) as part:
        part.write_text(_page(runs, scored, means, images, record), encoding="utf-8")
    return ComparisonResult(tuple(scored), means, (page, *images, table, numbers))


def _check_names(runs: Sequence[Run]) -> None:
    names = [run.name for run in runs]
    duplicate = next((name for name in names if names.count(name) > 1), None)
    if duplicate is not None:
        raise BadInput(
            f"{names.count(duplicate)} runs have the same name {duplicate}",
            where=duplicate,
            remedy="give each folder once, and rename folders that have the same name",
        )


def _table(scored: Sequence[QuantityScore]) -> pd.DataFrame:
    columns = ["quantity", "sensor", "run", *(field.name for field in fields(Scores)), "unit"]
    rows = [
        {
            "quantity": s.quantity.name,
            "sensor": s.sensor,
            "run": s.run,
            **asdict(s.scores),
            "unit": s.quantity.unit,
        }
        for s in scored
    ]
    return pd.DataFrame(rows, columns=columns)


def _figures(runs: Sequence[Run], scored: Sequence[QuantityScore], folder: Path) -> list[Path]:
    """Draw a figure of each quantity, at the shallowest sensor if there are sensors, otherwise in the top layer."""
    images = []
    for quantity in QUANTITIES:
        by_run = {run.name: run.series[quantity.name] for run in runs if quantity.name in run.series}
        if not by_run:
            continue
        of_quantity = [s for s in scored if s.quantity == quantity]
        if of_quantity:
            sensor = of_quantity[0].sensor
            pairs = {s.run: s.pairs for s in of_quantity if s.sensor == sensor}
            series = {name: p["modelled"] for name, p in pairs.items()}
            observed = next(iter(pairs.values()))["observed"]
            title = f"{quantity.name.capitalize()}{f' at {sensor}' if sensor else ''}"
        else:
            flat = {name: x.isel(soil=0) if quantity.layered else x for name, x in by_run.items()}
            series = {name: x.reset_coords(drop=True).to_series() for name, x in flat.items()}
            observed, title = None, f"{quantity.name.capitalize()}{', top layer' if quantity.layered else ''}"
        cumulative = quantity.name == "runoff"
        unit = "kg m$^{-2}$" if cumulative else quantity.unit
        figure = compare_series(series, observed=observed, title=title, unit=unit, cumulative=cumulative)
        images.append(save_figure(figure, folder / f"{quantity.name.replace(' ', '_')}.png"))
    return images


def _page(
    runs: Sequence[Run],
    scored: Sequence[QuantityScore],
    means: pd.DataFrame,
    images: Sequence[Path],
    record: xr.Dataset | None,
) -> str:
    figures = [{"title": path.stem.replace("_", " ").capitalize(), "data": embedded(path)} for path in images]
    site = (
        {} if record is None else {k: str(record.attrs[k]) for k in ("site", "source", "licence") if k in record.attrs}
    )
    return render_page(
        "jules_ml.comparison",
        "report.html.j2",
        runs=[
            {
                "name": run.name,
                "model": run.summary.get("model", "column"),
                "via": ", ".join(run.summary.get("via", [])) or "none",
                "notes": run.summary.get("notes", []),
                "start": run.summary.get("start", ""),
                "end": run.summary.get("end", ""),
            }
            for run in runs
        ],
        site=site,
        scored=scored,
        names=list(means.columns),
        means=[(row, [float(v) for v in values]) for row, values in zip(means.index, means.to_numpy(), strict=True)],
        figures=figures,
    )
