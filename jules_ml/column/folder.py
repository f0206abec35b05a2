"""The folder of a run: output, summary, experiment file and figure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from jules_ml.column.figures import soil_moisture
from jules_ml.column.output import DERIVED, OUTPUTS, write_output
from jules_ml.column.run import ColumnRun
from jules_ml.data.quality import measured
from jules_ml.support.files import atomic_write
from jules_ml.support.output_folder import Contents
from jules_ml.support.provenance import software

_OUTPUT, _LOOP, _SUMMARY, _EXPERIMENT = "column.nc", "closed_loop.nc", "run_summary.json", "experiment.toml"
#: Contents of the folder of a run of the column, with or without the closed loop.
RUN: Final = Contents(
    "a run of the column",
    (_SUMMARY, _OUTPUT, _LOOP),
    (_OUTPUT, _LOOP, _SUMMARY, _EXPERIMENT, "report.html", "figures", "namelists"),
)


def write_run(run: ColumnRun, folder: Path) -> list[Path]:
    """Write ``column.nc``, ``run_summary.json`` and a copy of the experiment file.

    Parameters
    ----------
    run : ColumnRun
        Result of :func:`~jules_ml.column.run.run_column`.
    folder : Path
        Created if it does not exist.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    BadInput
        If the folder cannot be written.
    """
    written, experiment = write_results(run, run_summary(run), folder), folder / _EXPERIMENT
    with atomic_write(experiment) as part:
        part.write_text(run.experiment.text, encoding="utf-8")
    return [*written, experiment]


def write_results(run: ColumnRun, contents: Mapping[str, object], folder: Path) -> list[Path]:
    """Write ``column.nc`` and ``run_summary.json``.

    Parameters
    ----------
    run : ColumnRun
    contents : mapping
        Of the summary, ready for JSON.
    folder : Path
        Created if it does not exist.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    BadInput
        If the folder cannot be written.
    """
    output, summary = folder / _OUTPUT, folder / _SUMMARY
    write_output(run.output, output)
    with atomic_write(summary) as part:
        part.write_text(json.dumps(contents, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return [output, summary]


def run_figure(run: ColumnRun) -> Figure | None:
    """Draw the soil moisture of a run, with the shallowest sensor of known depth in the record.

    Parameters
    ----------
    run : ColumnRun
        Result of :func:`~jules_ml.column.run.run_column`.

    Returns
    -------
    Figure or None
        None if the output does not include ``sthu``.
    """
    if "sthu" not in run.output:
        return None
    observed = _shallowest_sensor(run)
    # gap-filling and substitutions are in the report and in the summary
    return soil_moisture(run.output, observed=observed)


def _shallowest_sensor(run: ColumnRun) -> xr.DataArray | None:
    """Water content by the shallowest sensor with measurements during the run, without values that the source gap-filled."""
    if "theta" not in run.record:
        return None
    theta = run.record["theta"]
    if "theta_qc" in run.record:
        theta = theta.where(measured(run.record, "theta"))
    bounds = run.output["time_bounds"].to_numpy()
    theta = theta.sel(time=slice(bounds[0, 0], bounds[-1, 1]))
    usable = theta["depth"].notnull() & theta.notnull().any("time")
    theta = theta.isel(depth=np.flatnonzero(usable.to_numpy()))
    return theta.isel(depth=int(np.argmin(theta["depth"].to_numpy()))) if theta.sizes["depth"] else None


def run_summary(run: ColumnRun) -> dict[str, object]:
    """Summarise a run: software, record, time, spin-up, budgets, means and substitutions.

    Parameters
    ----------
    run : ColumnRun
        Result of :func:`~jules_ml.column.run.run_column`.

    Returns
    -------
    dict
        Ready for JSON. Means are over the whole run, in the units of the output.
    """
    ds = run.output
    bounds = pd.DatetimeIndex(ds["time_bounds"].to_numpy().ravel())
    means = {
        name: ds[name].mean("time").round(10).to_numpy().tolist()
        for name in [*run.weather.series.data_vars, *OUTPUTS, *DERIVED]
        if name in ds
    }
    return {
        "experiment": run.experiment.file.name,
        "site": {k: ds.attrs[k] for k in ("site", "source", "licence") if k in ds.attrs},
        "software": software(),
        "start": f"{bounds[0]:%Y-%m-%dT%H:%M:%SZ}",
        "end": f"{bounds[-1]:%Y-%m-%dT%H:%M:%SZ}",
        "steps": run.weather.series.sizes["time"],
        "periods": ds.sizes["time"],
        "precision": run.experiment.required(run.experiment.run, "run").precision,
        "compiled": run.compiled,
        "wall_seconds": round(run.wall_seconds, 2),
        "spin_up": run.spin_up.to_json(),
        "budgets": asdict(run.budgets),
        "substitutions": [asdict(s) for s in run.weather.substitutions],
        "notes": list(run.notes),
        "means": means,
    }
