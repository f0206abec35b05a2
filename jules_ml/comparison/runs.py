"""Runs of JULES and of the column in the same terms, to be held against one another and against a record."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from jules_ml.data.netcdffile import read_cf
from jules_ml.data.readers.jules import read_jules, with_layers
from jules_ml.errors import BadInput
from jules_ml.jules.run_folder import SUMMARY, SWAPPED
from jules_ml.jules.swap.ancillary import SOIL_FILE

#: kg m-2 s-1 of carbon to umol m-2 s-1.
_UMOL = 1.0e6 / 0.0120107


@dataclass(frozen=True)
class Quantity:
    """Something that runs have in common: its name, unit, and whether each soil layer has one of its own."""

    name: str
    unit: str
    layered: bool = False


QUANTITIES = (
    Quantity("soil water", "m3 m-3", layered=True),
    Quantity("soil temperature", "K", layered=True),
    Quantity("soil respiration", "umol m-2 s-1"),
    Quantity("net ecosystem exchange", "umol m-2 s-1"),
    Quantity("latent heat", "W m-2"),
    Quantity("runoff", "kg m-2 s-1"),
)


@dataclass(frozen=True)
class Run:
    """A run that has been read.

    Attributes
    ----------
    name : str
        Of its folder.
    series : dict of str to DataArray
        By the names of :data:`QUANTITIES`, those that its output holds: dims ``time`` and, where layered, ``soil``.
    dzsoil : tuple of float
        Thickness of the layers [m].
    summary : dict
        What the run says of itself.
    """

    name: str
    series: dict[str, xr.DataArray]
    dzsoil: tuple[float, ...]
    summary: dict[str, Any]


def is_run(folder: Path) -> bool:
    """Whether a folder is one that ``jules-ml run`` wrote."""
    return (folder / SUMMARY).is_file()


def read_run(folder: str | Path, *, theta_r: Sequence[float] | float = 0.0) -> Run:
    """Read what a run wrote.

    Parameters
    ----------
    folder : str or Path
        That ``jules-ml run`` wrote, of JULES or of the column.
    theta_r : float or sequence of float
        Residual water [m3 m-3] of the layers, which JULES leaves out of soil water and a sensor sees. The column's output holds its
        own, and so may soil properties that were swapped in.

    Returns
    -------
    Run

    Raises
    ------
    BadInput
        If the folder is none of a run that has ended well, or its output holds nothing to be compared.
    """
    folder = Path(folder)
    if not is_run(folder):
        raise BadInput("this is no run", where=folder, remedy="give a folder that 'jules-ml run' wrote")
    summary = _summary(folder / SUMMARY)
    if summary.get("status", "done") != "done":
        raise BadInput(
            f"the run is {summary['status']}: {summary.get('failure', 'it was stopped, or is under way')}",
            where=folder,
            remedy="run it again; what it had written is in its folder output",
        )
    if summary.get("model") == "jules":
        dzsoil = tuple(float(dz) for dz in summary["dzsoil"])
        files = [_read_output(folder / "output" / name, dzsoil) for name in summary["output"]]
        residual = np.asarray(_residual(folder, theta_r), dtype=np.float64)
        if residual.size not in (1, len(dzsoil)):
            raise BadInput(
                f"residual water is given for {residual.size} layers, and the run has {len(dzsoil)}",
                where=folder,
                remedy="give the run's layers in dzsoil of [soil] of the record's experiment file",
            )
        series = _jules_series(files, np.broadcast_to(residual, len(dzsoil)))
    else:
        ds = read_cf(folder / "column.nc", required=("dzsoil", "theta_r"), kind="output of the column")
        dzsoil = tuple(float(dz) for dz in ds["dzsoil"].to_numpy())
        series = _series(ds, ds["theta_r"])
    if not series:
        raise BadInput(
            "its output holds nothing to be compared",
            where=folder,
            remedy="write sthu, t_soil, resp_s_gb, latent_heat or runoff in an output profile",
        )
    return Run(folder.resolve().name, series, dzsoil, summary)


def _summary(path: Path) -> dict[str, Any]:
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInput("the file is damaged", where=path, remedy="run it again") from error
    if not isinstance(summary, dict):
        raise BadInput("the file is no summary of a run", where=path, remedy="give a folder that 'jules-ml run' wrote")
    return summary


def _read_output(path: Path, dzsoil: tuple[float, ...]) -> xr.Dataset:
    """One file of output; a profile of fluxes alone has no soil layers."""
    ds = read_jules(path)
    return with_layers(ds, dzsoil, where=path) if "soil" in ds.dims else ds


def _residual(folder: Path, given: Sequence[float] | float) -> Sequence[float] | float:
    """Residual water of the soil that was swapped in, where it says; else what was given."""
    path = folder / SWAPPED / SOIL_FILE
    if not path.is_file():
        return given
    with xr.open_dataset(path) as ds:
        return ds["theta_r"].to_numpy().ravel().tolist() if "theta_r" in ds else given


def _jules_series(files: list[xr.Dataset], theta_r: np.ndarray) -> dict[str, xr.DataArray]:
    """Of several output profiles, each quantity from the one with the shortest periods; of one that JULES parted by year or month, all."""
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
    alike = [each for each in pieces if float(each.attrs["interval_seconds"]) == shortest]
    if len(alike) == 1:
        return alike[0]
    whole = xr.concat([each.reset_coords(drop=True) for each in alike], dim="time", coords="minimal", compat="override")
    # where two files hold the same time, as spin-up and main run may, the later one counts
    return whole.drop_duplicates("time", keep="last").sortby("time").assign_attrs(alike[0].attrs)


def _series(ds: xr.Dataset, theta_r: xr.DataArray) -> dict[str, xr.DataArray]:
    # what each is made of; of several ways the first that the output allows
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
        "net ecosystem exchange": [
            (("resp_s_gb", "npp_gb"), lambda: (ds["resp_s_gb"] - ds["npp_gb"]) * _UMOL),
            (
                ("resp_s_gb", "resp_p_gb", "gpp_gb"),
                lambda: (ds["resp_s_gb"] + ds["resp_p_gb"] - ds["gpp_gb"]) * _UMOL,
            ),
        ],
        "latent heat": [(("latent_heat",), lambda: ds["latent_heat"])],
        "runoff": [(("runoff",), lambda: ds["runoff"])],
    }
    length = float(ds.attrs["interval_seconds"])
    found = {}
    for name, choices in ways.items():
        for needed, make in choices:
            if all(variable in ds.variables for variable in needed):
                found[name] = make().astype(np.float64).assign_attrs(interval_seconds=length)
                break
    return found


def _unfrozen(ds: xr.Dataset) -> xr.DataArray:
    """Share of a layer's water that is liquid [1]."""
    water = ds["sthu"] + ds["sthf"]
    return (ds["sthu"] / water).where(water > 0.0, 1.0)


def layer_at(depth: float, dzsoil: Sequence[float]) -> int | None:
    """Layer that a depth [m] lies in, from 0; None below the lowest."""
    bottoms = np.cumsum(dzsoil)
    return int(np.searchsorted(bottoms, depth, side="left")) if depth <= bottoms[-1] else None


def on_common_periods(observed: pd.Series, modelled: pd.Series, *, seconds: tuple[float, float]) -> pd.DataFrame:
    """Bring a measurement and a run to the longer of their periods.

    Parameters
    ----------
    observed, modelled : Series
        By time, stamped at the end of each period; NaN where missing.
    seconds : tuple of float
        Length of their periods [s].

    Returns
    -------
    DataFrame
        ``observed`` and ``modelled``, by the end of the period. Periods of which less than three quarters were measured are left
        out. Days that begin at different hours are paired where they overlap by more than half.
    """
    seen, run = (pd.Timedelta(seconds=s) for s in seconds)
    observed, modelled = (
        pd.Series(s.to_numpy(), pd.DatetimeIndex(s.index).as_unit("ns")) for s in (observed, modelled)
    )
    if seen > run:
        modelled = _means(modelled, observed.index, seen, seen / run)
    elif run > seen:
        observed = _means(observed, modelled.index, run, run / seen)
    both = pd.merge_asof(
        observed.rename("observed").rename_axis("time").reset_index(),
        modelled.rename("modelled").rename_axis("time").reset_index(),
        on="time",
        direction="nearest",
        tolerance=max(seen, run) / 2 - pd.Timedelta(seconds=1),
    )
    return both.set_index("time").dropna()


def _means(values: pd.Series, ends: pd.DatetimeIndex, length: pd.Timedelta, most: float) -> pd.Series:
    """Means over the periods that end at ``ends``."""
    bins = pd.IntervalIndex.from_arrays(ends - length, ends, closed="right")
    at = bins.get_indexer(values.index) if not bins.is_overlapping else np.full(len(values), -1)
    groups = values[at >= 0].groupby(at[at >= 0])
    means, counts = groups.mean(), groups.count()
    kept = means[counts >= 0.75 * most]
    return pd.Series(kept.to_numpy(), index=ends[kept.index])
