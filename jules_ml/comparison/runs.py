"""Runs of JULES and of the column, read as the same quantities for comparison with each other and with a record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr

from jules_ml.comparison.jules_folder import is_jules_folder, output_files
from jules_ml.comparison.run_summary import completed_summary, output_of_jules
from jules_ml.data.netcdffile import read_cf
from jules_ml.data.readers.jules import read_jules, with_layers
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.jules.run_folder import SUMMARY, SWAPPED
from jules_ml.jules.swap.ancillary import SOIL_FILE
from jules_ml.learned.hydraulics.soil_section import column_soil
from jules_ml.physics.constants import M_CARBON

#: Factor from kg m-2 s-1 of carbon to umol m-2 s-1.
_UMOL = 1.0e6 / M_CARBON


@dataclass(frozen=True)
class Quantity:
    """Quantity that runs are compared by: its name, its unit, and whether it is a profile over soil layers."""

    name: str
    unit: str
    layered: bool = False


QUANTITIES = (
    Quantity("soil water", "m3 m-3", layered=True),
    Quantity("soil temperature", "K", layered=True),
    Quantity("soil respiration", "umol m-2 s-1"),
    Quantity("net ecosystem exchange", "umol m-2 s-1"),
    Quantity("gross primary productivity", "umol m-2 s-1"),
    Quantity("latent heat", "W m-2"),
    Quantity("sensible heat", "W m-2"),
    Quantity("runoff", "kg m-2 s-1"),
    Quantity("snow mass", "kg m-2"),
)
#: Respiration of soil and plants, which night-time NEE of a tower measures; it is compared as a function of temperature and moisture.
ECOSYSTEM_RESPIRATION = Quantity("ecosystem respiration", "umol m-2 s-1")


@dataclass(frozen=True)
class Run:
    """Output of a run.

    Attributes
    ----------
    name : str
        Name of its folder.
    series : dict of str to DataArray
        Available quantities by their names in :data:`QUANTITIES`, and :data:`ECOSYSTEM_RESPIRATION`, with
        dimensions ``time`` and, for profiles, ``soil``.
    dzsoil : tuple of float
        Thickness of the layers [m].
    summary : dict
        Contents of ``run_summary.json``.
    """

    name: str
    series: dict[str, xr.DataArray]
    dzsoil: tuple[float, ...]
    summary: dict[str, Any]


def is_run(folder: Path) -> bool:
    """Whether ``jules-ml run`` wrote a folder."""
    return (folder / SUMMARY).is_file()


def read_run(folder: str | Path, *, theta_r: Sequence[float] | float = 0.0) -> Run:
    """Read the output of a run.

    Parameters
    ----------
    folder : str or Path
        Folder that ``jules-ml run`` wrote, of JULES or of the column, or run folder of JULES in which JULES has run.
    theta_r : float or sequence of float
        Residual water [m3 m-3] of the layers, which sensors measure and JULES's soil water excludes. Values in the column's output, or in
        soil properties that were passed to JULES, take precedence.

    Returns
    -------
    Run

    Raises
    ------
    BadInput
        If the folder is not that of a successful run, or its output has no quantity to compare.
    """
    folder = Path(folder)
    if not is_run(folder) and is_jules_folder(folder):
        return _of_jules(folder, theta_r)
    if not is_run(folder):
        raise BadInput(
            "this is not the folder of a run", where=folder, remedy="give a folder that 'jules-ml run' wrote"
        )
    summary = completed_summary(folder)
    if summary.get("model") == "jules":
        dzsoil, paths = output_of_jules(folder, summary)
        files = [_read_output(path, dzsoil) for path in paths]
        series = _jules_series(files, _residual_of_layers(folder, theta_r, len(dzsoil)))
    else:
        ds = read_cf(folder / "column.nc", required=("dzsoil", "theta_r"), kind="output of the column")
        of_column = column_run(ds, folder.resolve().name, summary)
        dzsoil, series = of_column.dzsoil, of_column.series
    _refuse_nothing(series, folder)
    return Run(folder.resolve().name, series, dzsoil, summary)


def _of_jules(folder: Path, theta_r: Sequence[float] | float) -> Run:
    """Read what JULES wrote in its own run folder; the name tells it from a run of the column with the same folder."""
    run, paths = output_files(folder)
    files = [_read_output(path, run.dzsoil) for path in paths]
    series = _jules_series(files, _residual_of_layers(folder, theta_r, len(run.dzsoil)))
    _refuse_nothing(series, folder)
    summary = {"model": "jules", "start": str(run.start), "end": str(run.end)}
    return Run(f"{folder.resolve().name} (JULES)", series, run.dzsoil, summary)


def _refuse_nothing(series: dict[str, xr.DataArray], folder: Path) -> None:
    if not series:
        raise BadInput(
            "the output has no quantity to compare",
            where=folder,
            remedy="write sthu, t_soil, resp_s_gb, latent_heat or runoff in an output profile",
        )


def column_run(output: xr.Dataset, name: str, summary: dict[str, Any]) -> Run:
    """Make a run of the output of the column.

    Parameters
    ----------
    output : xarray.Dataset
        From :func:`~jules_ml.column.output.output_dataset`.
    name : str
        Name of the run.
    summary : dict
        Contents of its ``run_summary.json``.

    Returns
    -------
    Run
    """
    dzsoil = tuple(float(dz) for dz in output["dzsoil"].to_numpy())
    return Run(name, _series(output, output["theta_r"]), dzsoil, summary)


def residual_water(experiment: Experiment | None) -> tuple[float, ...] | float:
    """Return the residual water content of an experiment by layer [m3 m-3]; 0 if it has no section ``[soil]``."""
    if experiment is None or experiment.soil is None:
        return 0.0
    soil = column_soil(experiment.soil, torch.float64, where=str(experiment.file))
    return tuple(soil.theta_r.flatten().tolist())


def _read_output(path: Path, dzsoil: tuple[float, ...]) -> xr.Dataset:
    """Read one output file; an output profile with fluxes only has no soil layers."""
    ds = read_jules(path)
    return with_layers(ds, dzsoil, where=path) if "soil" in ds.dims else ds


def _residual_of_layers(folder: Path, theta_r: Sequence[float] | float, layers: int) -> np.ndarray:
    residual = np.asarray(_residual(folder, theta_r), dtype=np.float64)
    if residual.size not in (1, layers):
        raise BadInput(
            f"residual water is given for {residual.size} layers, but the run has {layers}",
            where=folder,
            remedy="set soil.dzsoil in the record's experiment file to the layers of the run",
        )
    return np.broadcast_to(residual, layers)


def _residual(folder: Path, default: Sequence[float] | float) -> Sequence[float] | float:
    """Read residual water from the soil properties passed to JULES, if they have it; else return the default."""
    path = folder / SWAPPED / SOIL_FILE
    if not path.is_file():
        return default
    with xr.open_dataset(path) as ds:
        return ds["theta_r"].to_numpy().ravel().tolist() if "theta_r" in ds else default


def _jules_series(files: list[xr.Dataset], theta_r: np.ndarray) -> dict[str, xr.DataArray]:
    """Take each quantity from the output profile with the shortest period, and join files that JULES splits by year or month."""
    pieces: dict[str, list[xr.DataArray]] = {}
    for ds in files:
        if "point" in ds.dims:
            raise BadInput(
                f"the run has {ds.sizes['point']} points", where="evaluate", remedy="compare runs of a single point"
            )
        for name, values in _series(ds, xr.DataArray(theta_r, dims="soil")).items():
            pieces.setdefault(name, []).append(values)
    return {name: _joined(values) for name, values in pieces.items()}


def _joined(pieces: list[xr.DataArray]) -> xr.DataArray:
    shortest = min(float(each.attrs["interval_seconds"]) for each in pieces)
    same_period = [each for each in pieces if float(each.attrs["interval_seconds"]) == shortest]
    if len(same_period) == 1:
        return same_period[0]
    joined = xr.concat(
        [each.reset_coords(drop=True) for each in same_period], dim="time", coords="minimal", compat="override"
    )
    # if two files contain the same time, as spin-up and main run may, the later one takes precedence
    return joined.drop_duplicates("time", keep="last").sortby("time").assign_attrs(same_period[0].attrs)


def _series(ds: xr.Dataset, theta_r: xr.DataArray) -> dict[str, xr.DataArray]:
    # variables that a quantity is computed from: the first set of which all are in the output
    ways: dict[str, list[tuple[tuple[str, ...], Callable[[], xr.DataArray]]]] = {
        "soil water": [
            (("sthu", "sm_sat"), lambda: ds["sthu"] * ds["sm_sat"] + theta_r),
            (
                ("smcl", "dzsoil", "sthu", "sthf"),
                lambda: ds["smcl"] / (1000.0 * ds["dzsoil"]) * _unfrozen(ds) + theta_r,
            ),
            (("smcl", "dzsoil"), lambda: ds["smcl"] / (1000.0 * ds["dzsoil"]) + theta_r),
        ],
        "soil temperature": [(("t_soil",), lambda: ds["t_soil"])],
        "soil respiration": [(("resp_s_gb",), lambda: ds["resp_s_gb"] * _UMOL)],
        ECOSYSTEM_RESPIRATION.name: [
            (("resp_s_gb", "resp_p_gb"), lambda: (ds["resp_s_gb"] + ds["resp_p_gb"]) * _UMOL),
            (("resp_s_gb", "gpp_gb", "npp_gb"), lambda: (ds["resp_s_gb"] + ds["gpp_gb"] - ds["npp_gb"]) * _UMOL),
        ],
        "net ecosystem exchange": [
            (("resp_s_gb", "npp_gb"), lambda: (ds["resp_s_gb"] - ds["npp_gb"]) * _UMOL),
            (
                ("resp_s_gb", "resp_p_gb", "gpp_gb"),
                lambda: (ds["resp_s_gb"] + ds["resp_p_gb"] - ds["gpp_gb"]) * _UMOL,
            ),
        ],
        "gross primary productivity": [(("gpp_gb",), lambda: ds["gpp_gb"] * _UMOL)],
        "latent heat": [(("latent_heat",), lambda: ds["latent_heat"])],
        "sensible heat": [(("ftl_gb",), lambda: ds["ftl_gb"])],
        "runoff": [(("runoff",), lambda: ds["runoff"])],
        "snow mass": [(("snow_mass_gb",), lambda: ds["snow_mass_gb"])],
    }
    length = float(ds.attrs["interval_seconds"])
    series = {}
    for name, choices in ways.items():
        for needed, compute in choices:
            if all(variable in ds.variables for variable in needed):
                series[name] = compute().astype(np.float64).assign_attrs(interval_seconds=length)
                break
    return series


def _unfrozen(ds: xr.Dataset) -> xr.DataArray:
    """Fraction of a layer's water that is liquid [1]."""
    water = ds["sthu"] + ds["sthf"]
    return (ds["sthu"] / water).where(water > 0.0, 1.0)


def on_common_periods(observed: pd.Series, modelled: pd.Series, *, seconds: tuple[float, float]) -> pd.DataFrame:
    """Average an observed and a modelled series to the longer of their periods.

    Parameters
    ----------
    observed, modelled : Series
        Values by the end of each period; NaN where missing.
    seconds : tuple of float
        Lengths of their periods [s].

    Returns
    -------
    DataFrame
        ``observed`` and ``modelled``, by the end of the period. Periods with values for less than three quarters of their time are left
        out. Days that start at different hours are paired if they overlap by more than half.
    """
    period_observed, period_modelled = (pd.Timedelta(seconds=s) for s in seconds)
    observed, modelled = (
        pd.Series(s.to_numpy(), pd.DatetimeIndex(s.index).as_unit("ns")) for s in (observed, modelled)
    )
    if period_observed > period_modelled:
        modelled = _means(modelled, observed.index, period_observed, period_observed / period_modelled)
    elif period_modelled > period_observed:
        observed = _means(observed, modelled.index, period_modelled, period_modelled / period_observed)
    both = pd.merge_asof(
        observed.rename("observed").rename_axis("time").reset_index(),
        modelled.rename("modelled").rename_axis("time").reset_index(),
        on="time",
        direction="nearest",
        tolerance=max(period_observed, period_modelled) / 2 - pd.Timedelta(seconds=1),
    )
    return both.set_index("time").dropna()


def _means(values: pd.Series, ends: pd.DatetimeIndex, length: pd.Timedelta, most: float) -> pd.Series:
    """Average over the periods that end at ``ends`` and have enough values."""
    bins = pd.IntervalIndex.from_arrays(ends - length, ends, closed="right")
    at = bins.get_indexer(values.index) if not bins.is_overlapping else np.full(len(values), -1)
    groups = values[at >= 0].groupby(at[at >= 0])
    means, counts = groups.mean(), groups.count()
    complete = means[counts >= 0.75 * most]
    return pd.Series(complete.to_numpy(), index=ends[complete.index])
