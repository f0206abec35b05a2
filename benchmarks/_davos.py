"""Snow and soil water at CH-Dav in the column and in JULES 7.6, with the same namelists and the weather of ten years."""

from __future__ import annotations

import os
import tempfile
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from _claims import Claims
from _jules_runs import daily_output, with_full_surface

from jules_ml.data.readers.davos import fetch_davos, read_davos
from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.jules.column_run.run import run_folder_as_column
from jules_ml.jules.template import write_site
from jules_ml.physics.compilation import can_compile

#: Soil layer that contains the sensor at 0.15 m.
LAYER = 1
#: Snow mass [kg m-2] that most winters at Davos exceed.
SNOWY = 100.0
#: Shortest winter, July to June, that is judged [d].
WINTER_DAYS = 360


def davos_claims(claims: Claims, *, quick: bool) -> None:
    """Compare the column with JULES; needs the executable in ``JULES_EXE`` and a C++ compiler."""
    name = "CH-Dav, nsmax 3"
    if quick or not can_compile():
        claims.not_measured(name, why="needs ten years of two models" if quick else "no C++ compiler")
        return
    if claims.lacks(("JULES_EXE",), name):
        return
    try:
        record = fetch_davos(message=lambda _: None)
    except BadInput as error:
        claims.not_measured(name, why=str(error))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = _site(Path(temporary), record)
        jules = daily_output(Path(os.environ["JULES_EXE"]), folder)
        column = run_folder_as_column(folder)[0].output
    _snow_claims(claims, _snow(jules), _snow(column))
    sensor = _daily_sensor(record)
    r_jules, r_column = (sensor.corr(_liquid(ds).reindex(sensor.index)) for ds in (jules, column))
    claims.check("CH-Dav r of theta at 0.15 m, JULES minus column", r_jules - r_column, "<=", 0.02)
    claims.report("CH-Dav r of theta at 0.15 m, column", r_column, note=f"JULES {r_jules:.2f}; daily liquid water")


def _site(folder: Path, record: Path) -> Path:
    """Write the run folder of JULES from the experiment of the demonstration."""
    text = (files("jules_ml.demo") / "davos.toml").read_text(encoding="utf-8")
    file = folder / "davos.toml"
    file.write_text(text.replace('reader = "davos"', f'reader = "davos"\npath = "{record}"'), encoding="utf-8")
    site = folder / "davos"
    write_site(load_experiment(file), site)
    return with_full_surface(site, os.environ.get("JULES_EXTRA_ENTRIES", ""))


def _snow(output: xr.Dataset) -> pd.Series:
    return _daily(output, output["snow_mass_gb"].to_numpy().reshape(output.sizes["time"]))


def _liquid(output: xr.Dataset) -> pd.Series:
    """Liquid water in the layer of the sensor as a fraction of saturation [1]."""
    return _daily(output, output["sthu"].to_numpy().reshape(output.sizes["time"], -1)[:, LAYER])


def _daily(output: xr.Dataset, values: np.ndarray) -> pd.Series:
    """Daily means by the day that they are of; stamps are the end of the day."""
    days = pd.DatetimeIndex(output["time"].to_numpy()).round("s") - pd.Timedelta(days=1)
    return pd.Series(values.astype(np.float64), days)


def _daily_sensor(record: Path) -> pd.Series:
    theta = read_davos(record)["theta"].isel(depth=0).to_series()
    theta.index = pd.DatetimeIndex(theta.index) - pd.Timedelta(minutes=1)
    return theta.groupby(pd.DatetimeIndex(theta.index).floor("D")).mean()


def _snow_claims(claims: Claims, jules: pd.Series, column: pd.Series) -> None:
    winter = (pd.DatetimeIndex(jules.index) - pd.DateOffset(months=6)).year
    complete = jules.groupby(winter).size() >= WINTER_DAYS
    means, others = (x.groupby(winter).mean()[complete] for x in (jules, column.reindex(jules.index)))
    most = column.reindex(jules.index).groupby(winter).max()[complete]
    off = (others / means - 1.0).abs()
    claims.check("CH-Dav snow mass, worst winter's mean, share off JULES", off.max(), "<=", 0.1, note=str(off.idxmax()))
    claims.report(
        "CH-Dav winters with more than 100 kg m-2 of snow",
        float((most > SNOWY).sum()),
        note=f"of {len(most)}; maxima {', '.join(f'{x:.0f}' for x in most)} kg m-2",
    )
