"""Weights and scores of members, from observations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jules_ml.comparison.runs import on_common_periods
from jules_ml.data.model_variables import check_model_values
from jules_ml.data.netcdffile import read_netcdf
from jules_ml.data.profile import layer_at
from jules_ml.data.quality import measured
from jules_ml.data.record import interval
from jules_ml.data.times import GREGORIAN, Dates, calendar_of, elapsed, gregorian_dates
from jules_ml.ensemble.gathering import gathered_dataset
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.ensemble import WeightsSection
from jules_ml.scoring.scores import Scores, score

#: Variables of a record that correspond to outputs: name in the record, and factor from its unit to that of the output.
_RECORD_NAMES = {"theta": ("theta", 1.0), "t_soil": ("t_soil", 1.0), "latent_heat": ("le", 1.0), "ftl_gb": ("h", 1.0)}


@dataclass(frozen=True)
class MemberWeights:
    """Weights and scores of members, from observations.

    Attributes
    ----------
    weights : array, shape (member,)
        Sum 1; 0 for members that are missing, or have gaps where others have none.
    effective : float
        Effective number of members.
    scores : list of Scores
        Scores of each member.
    measurements : int
        Number of periods compared.
    """

    weights: NDArray[np.float64]
    effective: float
    scores: list[Scores]
    measurements: int

    def table(self) -> pd.DataFrame:
        """Return a table with the weight and scores of each member."""
        rows = [{"weight": w, **asdict(score)} for w, score in zip(self.weights, self.scores, strict=True)]
        return pd.DataFrame(rows).rename_axis("member")


def likelihood_weights(log_likelihood: NDArray[np.floating]) -> NDArray[np.float64]:
    r"""Compute the weights of members that were sampled from the prior.

    .. math:: w_i = \frac{p(y \mid x_i)}{\sum_j p(y \mid x_j)}

    Parameters
    ----------
    log_likelihood : array, shape (member,)
        NaN or minus infinity for missing members.

    Returns
    -------
    array, shape (member,)
        Together 1.

    References
    ----------
    Beven and Binley (1992), Hydrol. Process. 6, 279-298; van Leeuwen (2009), Mon. Weather Rev. 137, 4089-4114.
    """
    log_w = np.where(np.isfinite(log_likelihood), log_likelihood, -np.inf)
    if not np.isfinite(log_w).any():
        raise BadInput(
            "no member can be weighted", remedy="check that members are done and overlap in time with the observations"
        )
    w = np.exp(log_w - log_w.max())
    return np.asarray(w / w.sum(), dtype=np.float64)


def effective_members(weights: NDArray[np.floating]) -> float:
    r"""Compute the effective number of members, :math:`1 / \sum w^2`."""
    return float(1.0 / np.sum(np.square(weights)))


def systematic_resampling(weights: NDArray[np.floating], n: int, *, seed: int) -> NDArray[np.int64]:
    """Draw members with equal weight from weighted members by systematic resampling.

    Parameters
    ----------
    weights : array, shape (member,)
        Together 1.
    n : int
        Number of draws.
    seed : int

    Returns
    -------
    array of int, shape (n,)
        Members in ascending order; each occurs ``n`` times its weight, rounded up or down.

    References
    ----------
    Kitagawa (1996), J. Comput. Graph. Stat. 5, 1-25.
    """
    positions = (np.arange(n) + np.random.default_rng(seed).random()) / n
    return np.minimum(np.searchsorted(np.cumsum(weights), positions), len(weights) - 1).astype(np.int64)


def weight_members(experiment: Experiment, folder: Path, section: WeightsSection) -> MemberWeights:
    r"""Weight gathered members by a Gaussian likelihood.

    .. math:: \ln p(y \mid x) = -\frac{1}{2 \tau} \sum_t \Big(\frac{y_t - x_t}{\sigma}\Big)^2

    with :math:`\tau` the number of periods that count as one independent measurement.

    Parameters
    ----------
    experiment : Experiment
    folder : Path
        Folder of a gathered ensemble.
    section : WeightsSection

    Returns
    -------
    MemberWeights

    Raises
    ------
    BadInput
        If the variable was not gathered, or there are no observations of it in the time of the run.
    """
    with gathered_dataset(folder) as source:
        source.set_auto_mask(False)
        if section.variable not in source.variables:
            raise BadInput(
                f"{section.variable} was not gathered",
                where=f"{experiment.file}, ensemble.weights.variable",
                remedy="choose a variable of the output, and include it in run.outputs",
            )
        variable = source[section.variable]
        layered = "soil" in variable.dimensions
        if layered and section.layer is None:
            raise BadInput(
                f"{section.variable} has layers",
                where=f"{experiment.file}, ensemble.weights",
                remedy="give layer, from 1 at the top",
            )
        times = member_times(source, decode=elapsed)
        calendar = calendar_of({"calendar": getattr(source["time"], "calendar", "standard")})
        layer = None if not layered else section.layer
        thickness = tuple(source["dzsoil"][:].tolist()) if "dzsoil" in source.variables else ()
        observed, seconds = _observed(experiment, section, thickness, calendar)
        length = float(np.median(np.diff(times.to_numpy())) / np.timedelta64(1, "s")) if len(times) > 1 else seconds
        logs, scores = np.full(len(variable), np.nan), []
        counts = np.zeros(len(variable), dtype=np.int64)
        for member in range(len(variable)):
            values = variable[member, :, layer - 1] if layer is not None else variable[member]
            pairs = on_common_periods(observed, pd.Series(values, times), seconds=(seconds, length))
            scores.append(score(pairs["modelled"].to_numpy(), pairs["observed"].to_numpy()))
            if len(pairs):
                misfit = (pairs["observed"] - pairs["modelled"]) / section.sigma
                logs[member] = -0.5 * float((misfit**2).sum()) / section.periods
                counts[member] = len(pairs)
    n = int(counts.max(initial=0))
    if n == 0:
        raise BadInput(
            f"there are no observations of {section.variable} in the time of the run",
            where=f"{experiment.file}, ensemble.weights",
            remedy="give observations of this time",
        )
    # a member with gaps is compared with fewer measurements, which would raise its likelihood
    logs[counts < n] = np.nan
    weights = likelihood_weights(logs)
    return MemberWeights(weights, effective_members(weights), scores, n)


def member_times(source: netCDF4.Dataset, *, decode: Callable[..., Dates] = gregorian_dates) -> pd.DatetimeIndex:
    """Read the ends of the periods of a gathered file, UTC.

    Raises
    ------
    BadInput
        As ``decode``: :func:`~jules_ml.data.times.gregorian_dates` refuses calendars of 360 and 365 days.
    """
    time = source["time"]
    attrs = {"units": time.units, "calendar": getattr(time, "calendar", "standard")}
    return pd.DatetimeIndex(decode(np.asarray(time[:]), attrs, where=f"{source.filepath()}, variable time"))


def _observed(
    experiment: Experiment, section: WeightsSection, thickness: tuple[float, ...], calendar: str
) -> tuple[pd.Series, float]:
    """Observations by time in the calendar of the members, and the length of their periods [s]."""
    if section.observations is not None:
        return _from_file(section, calendar)
    if calendar not in GREGORIAN:
        raise BadInput(
            f"the members have the calendar {calendar}, and records the Gregorian one",
            where=f"{experiment.file}, ensemble.weights",
            remedy=f"give observations in the calendar {calendar}, or run the members with l_360 = F and l_leap = T in JULES_TIME",
        )
    if section.variable not in _RECORD_NAMES:
        raise BadInput(
            f"{section.variable} cannot be compared with a record",
            where=f"{experiment.file}, ensemble.weights",
            remedy=f"give observations, or choose one of {', '.join(_RECORD_NAMES)}",
        )
    record = experiment.record()
    name, factor = _RECORD_NAMES[section.variable]
    if name not in record:
        raise BadInput(
            f"the record has no {name}",
            where=f"{experiment.file}, ensemble.weights.variable",
            remedy="give observations, a netCDF file in which the variable has a time dimension",
        )
    values = record[name]
    if f"{name}_qc" in record:
        values = values.where(measured(record, name))
    if "depth" in values.dims:
        in_layer = [
            k
            for k, depth in enumerate(values["depth"].to_numpy())
            if np.isfinite(depth) and thickness and layer_at(float(depth), thickness) == (section.layer or 1) - 1
        ]
        if not in_layer:
            raise BadInput(
                f"no sensor of {name} is in layer {section.layer}",
                where=f"{experiment.file}, ensemble.weights.layer",
                remedy="give the layer of a sensor with known depth",
            )
        values = values.isel(depth=in_layer).mean("depth")
    series = pd.Series(factor * values.to_numpy(), pd.DatetimeIndex(record["time"].to_numpy()))
    return series, interval(record).total_seconds()


def _from_file(section: WeightsSection, calendar: str) -> tuple[pd.Series, float]:
    path = section.observations
    assert path is not None
    ds = read_netcdf(path, required=("time",), kind="a file of observations with time")
    if section.variable not in ds or "time" not in ds[section.variable].dims:
        raise BadInput(
            f"the file has no variable {section.variable} with a time dimension",
            where=path,
            remedy="give a netCDF file in which the variable has the name of the output",
        )
    check_model_values(section.variable, ds[section.variable].to_numpy(), where=path)
    of_file = calendar_of(ds["time"].attrs)
    if of_file != calendar and not {of_file, calendar} <= set(GREGORIAN):
        raise BadInput(
            f"the calendar of the observations is {of_file}, and that of the members {calendar}",
            where=f"{path}, variable time",
            remedy=f"convert the observations with xarray: ds.convert_calendar('{calendar}', align_on='date')",
        )
    dates = elapsed(ds["time"].to_numpy(), ds["time"].attrs, where=f"{path}, variable time")
    values = ds.assign_coords(time=dates)[section.variable].squeeze(drop=True)
    if "soil" in values.dims:
        values = values.isel(soil=(section.layer or 1) - 1)
    index = pd.DatetimeIndex(values["time"].to_numpy())
    series = pd.Series(values.to_numpy(), index)
    return series, float(np.median(np.diff(index.to_numpy())) / np.timedelta64(1, "s"))
