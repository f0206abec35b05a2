"""Observations of a calibration: daily means of a record, and what of a run they are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.calibration.flux_file import DailyFlux, daily_fluxes
from jules_ml.calibration.site import CalibrationSite
from jules_ml.comparison.night_respiration import observed_respiration
from jules_ml.data.quality import thawed, where_measured
from jules_ml.data.record import interval, place
from jules_ml.errors import BadInput
from jules_ml.experiment.calibration import CalibrationSection, ObservedSection
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.hydraulics.columns import layer_weights
from jules_ml.physics.constants import RHO_WATER, SECONDS_PER_DAY
from jules_ml.scoring.splits import last_fraction

_Array = NDArray[np.float64]
#: Carbon of a flux of CO2 [kg umol-1].
_KG_PER_UMOL: Final = 12.0e-9


class Kind(NamedTuple):
    """An observed variable: outputs of the run that it is the sum of, the factor to its unit, and the least fraction of a day.

    The outputs in ``less`` are subtracted.
    """

    outputs: tuple[str, ...]
    factor: float
    units: str
    long_name: str
    least: float
    less: tuple[str, ...] = ()


#: Observed variables. A flux of the night is measured in few steps of a day.
KINDS: Final = {
    "theta": Kind(("smcl",), 1.0, "m3 m-3", "soil moisture", 0.5),
    "t_soil": Kind(("t_soil",), 1.0, "K", "soil temperature", 0.5),
    "le": Kind(("latent_heat",), 1.0, "W m-2", "latent heat flux", 0.5),
    "h": Kind(("ftl_gb",), 1.0, "W m-2", "sensible heat flux", 0.5),
    "gpp": Kind(("gpp_gb",), 1.0 / _KG_PER_UMOL, "umol m-2 s-1", "gross primary productivity", 0.5),
    "night_nee": Kind(("resp_s_gb",), 1.0 / _KG_PER_UMOL, "umol m-2 s-1", "night-time respiration", 0.08),
    "nee": Kind(
        ("resp_s_gb", "resp_p_gb", "gpp_gb"),
        1.0 / _KG_PER_UMOL,
        "umol m-2 s-1",
        "net ecosystem exchange, positive upward",
        0.5,
        less=("gpp_gb",),
    ),
}


@dataclass(frozen=True, eq=False)
class Series:
    """Daily observations of one sensor or flux at one site.

    Attributes
    ----------
    site : int
        Index of the site.
    settings : ObservedSection
    depth : float
        Depth of the sensor [m]; NaN for a flux.
    observed : array, shape (day,)
        NaN where missing.
    weights : array, shape (day, step)
        Weight of each time step in the mean of its day [1]; a day without observation has equal weights.
    fit, test : array of bool, shape (day,)
        Days of the fitting period and of the test period with an observation.
    offset : float
        Standard deviation of an unknown constant offset, in the unit of the variable.
    uncertainty : array, shape (day,), optional
        Standard error of the measurement of each day, to which that of the model is added; default: 0.
    """

    site: int
    settings: ObservedSection
    depth: float
    observed: _Array
    weights: _Array
    fit: NDArray[np.bool_]
    test: NDArray[np.bool_]
    offset: float
    uncertainty: _Array | None = None

    @property
    def kind(self) -> Kind:
        """The observed variable."""
        return KINDS[self.settings.variable]

    @property
    def label(self) -> str:
        """Name of the series at its site."""
        return self.settings.variable if np.isnan(self.depth) else f"{self.settings.variable}, {self.depth:g} m"


def site_series(site: CalibrationSite, number: int, section: CalibrationSection) -> list[Series]:
    """Daily observations of a site.

    Parameters
    ----------
    site : CalibrationSite
    number : int
        Its index among the sites.
    section : CalibrationSection

    Returns
    -------
    list of Series
        Sensors from the top; a sensor with too few days in the fitting period is left out.

    Raises
    ------
    BadInput
        If the record has no usable observation of any variable.
    """
    frames = {each.variable: _steps(site, each) for each in section.observations}
    daily = {name: _daily(site, steps, KINDS[name].least) for name, steps in frames.items()}
    fluxes = _of_flux_file(site, section)
    daily |= {name: (each.observed[:, None], _equal_weights(site)) for name, each in fluxes.items() if name in daily}
    if "theta" in daily:
        daily["theta"][0][~_thawed_days(site, section)] = np.nan
    any_observed = np.any([np.isfinite(observed).any(1) for observed, _ in daily.values()], axis=0)
    fit_days, test_days = _periods(site, site.experiment.calibration or section, any_observed)
    series = []
    for settings in section.observations:
        observed, weights = daily[settings.variable]
        offset = settings.offset
        depths = [np.nan] if settings.variable in fluxes else _depths(site, settings)
        uncertainty = fluxes[settings.variable].uncertainty if settings.variable in fluxes else None
        for column in np.argsort(depths, kind="stable").tolist():
            depth = depths[column]
            present = np.isfinite(observed[:, column])
            fit, test = present & fit_days, present & test_days
            if fit.sum() >= settings.least_days and _is_used(settings, depth, site):
                values = observed[:, column], weights[..., column]
                series.append(Series(number, settings, depth, *values, fit, test, offset, uncertainty))
                offset = max(settings.offset, settings.deep_offset)
    if not series:
        names = ", ".join(frames)
        raise BadInput(
            f"there are no observations of {names} in the fitting period: no sensor or flux has the days that least_days requires",
            where=place(site.record),
            remedy="give their columns in [data], a longer fitting period, or a smaller least_days in [[calibration.observations]]",
        )
    return series


def _of_flux_file(site: CalibrationSite, section: CalibrationSection) -> dict[str, DailyFlux]:
    """Daily fluxes of the site's own ``flux_file``, or of the calibration's if it is the first site."""
    _refuse_nee_without_plants(site, section)
    own = site.experiment.calibration
    path = None if own is None else own.flux_file
    return {} if path is None else daily_fluxes(path, start=site.start, days=site.days)


def _refuse_nee_without_plants(site: CalibrationSite, section: CalibrationSection) -> None:
    """Refuse NEE with the simple surface, which has no respiration of plants."""
    if site.land is None and any(each.variable == "nee" for each in section.observations):
        raise BadInput(
            "NEE needs the respiration of plants, which the simple surface does not have",
            where=f"{site.experiment.file}, calibration.observations",
            remedy="add [physics], or fit night_nee and gpp",
        )


def _equal_weights(site: CalibrationSite) -> _Array:
    """Weights of the steps in means of whole days, shape (day, step, 1)."""
    per_day = round(SECONDS_PER_DAY / site.timestep)
    return np.full((site.days, per_day, 1), 1.0 / per_day)


def _depths(site: CalibrationSite, settings: ObservedSection) -> list[float]:
    """Depth of each sensor of a variable [m], NaN for a flux; none if the record does not have it."""
    name = settings.variable
    if name in ("theta", "t_soil"):
        return site.record["depth"].to_numpy().astype(np.float64).tolist() if name in site.record else []
    return [np.nan] if name == "night_nee" or name in site.record else []


def _is_used(settings: ObservedSection, depth: float, site: CalibrationSite) -> bool:
    if settings.variable not in ("theta", "t_soil"):
        return True
    low, high = settings.depths or (0.0, float(site.soil.dzsoil.sum()))
    # an unknown depth is in no range
    return low <= depth <= high


def _steps(site: CalibrationSite, observed: ObservedSection) -> pd.DataFrame:
    """Measured values in the time steps of the run, a column for each sensor; NaN where missing."""
    record, name = site.record, observed.variable
    if name == "night_nee":
        settings = site.experiment.respiration or RespirationSettings()
        flux = observed_respiration(record, settings, {}) if "nee" in record else None
        values = pd.DataFrame({0: flux}) if flux is not None else pd.DataFrame()
    elif name in record:
        values = _frame(where_measured(record, name))
    else:
        values = pd.DataFrame()
    ends = site.start + pd.to_timedelta(site.timestep * np.arange(1, site.weather.t_air.shape[0] + 1), unit="s")
    if values.empty:
        return pd.DataFrame(np.nan, index=ends, columns=range(len(_depths(site, observed))))
    step, own = pd.Timedelta(seconds=site.timestep), interval(record)
    if own <= step:
        place_of = np.ceil((values.index - site.start) / step).astype(int)
        return values.groupby(place_of).mean().reindex(range(1, len(ends) + 1)).set_index(ends)
    # a mean over several steps is that of each of them
    return values.reindex(ends, method="bfill", tolerance=own - step)


def _frame(values: xr.DataArray) -> pd.DataFrame:
    array = values.transpose("time", ...).to_numpy().astype(np.float64)
    return pd.DataFrame(array.reshape(len(array), -1), index=pd.DatetimeIndex(values["time"].to_numpy()))


def _daily(site: CalibrationSite, steps: pd.DataFrame, least: float) -> tuple[_Array, _Array]:
    """Daily means, shape (day, sensor), and the weights of the steps, shape (day, step, sensor)."""
    values = steps.to_numpy(dtype=np.float64).reshape(site.days, round(SECONDS_PER_DAY / site.timestep), -1)
    present = np.isfinite(values)
    count = present.sum(1)
    enough = count >= least * values.shape[1]
    total = np.where(present, values, 0.0).sum(1)
    observed = np.where(enough, total / np.maximum(count, 1), np.nan)
    weights = np.where(enough[:, None], present / np.maximum(count, 1)[:, None], 1.0 / values.shape[1])
    return observed, weights


def _thawed_days(site: CalibrationSite, section: CalibrationSection) -> NDArray[np.bool_]:
    """Days without frost in the soil, shape (day,)."""
    t_air = site.weather.t_air.numpy().reshape(site.days, -1).mean(1)
    t_soil = None
    if "t_soil" in site.record:
        steps = _steps(site, ObservedSection(variable="t_soil"))
        t_soil = _daily(site, steps, KINDS["t_soil"].least)[0]
    return thawed(t_air, t_soil, frozen_below=section.frozen_below)


def _periods(
    site: CalibrationSite, section: CalibrationSection, observed: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Days of the fitting and of the test period, shape (day,) each."""
    days = site.start + pd.to_timedelta(np.arange(site.days), unit="D")
    begun = np.asarray(days >= pd.Timestamp(section.fit_start)) if section.fit_start else np.ones(site.days, dtype=bool)
    if section.fit_end is not None:
        late = np.asarray(days >= pd.Timestamp(section.fit_end))
    else:
        late = last_fraction(observed & begun, section.test_fraction)
        if late.any():
            late = np.arange(site.days) >= int(np.flatnonzero(late)[0])
    return begun & ~late, late


class Observations(NamedTuple):
    """Series of all sites as tensors.

    ``series``; ``column``, shape (series,), the site of each; ``outputs``, the outputs of the run that are needed; ``rows``, shape
    (row, series), the weight of each output row; ``residual``, shape (layer, series), that of residual water; ``weights``, shape
    (day, step, series); ``observed``, shape (day, series), NaN where missing; ``fit``, shape (day, series); ``uncertainty`` of the
    measurement, shape (day, series).
    """

    series: tuple[Series, ...]
    column: Tensor
    outputs: tuple[str, ...]
    rows: Tensor
    residual: Tensor
    weights: Tensor
    observed: Tensor
    fit: Tensor
    uncertainty: Tensor

    @property
    def fit_days(self) -> int:
        """Number of days up to the last one of a fitting period."""
        return int(self.fit.any(1).nonzero().max()) + 1


def stacked_observations(
    series: Sequence[Series], *, dzsoil: Tensor, days: int, available: Sequence[str] = ()
) -> Observations:
    """Stack the series of all sites.

    Parameters
    ----------
    series : sequence of Series
    dzsoil : Tensor, shape (layer, 1)
        Layer thicknesses [m].
    days : int
        Number of days of the longest record.
    available : sequence of str
        Outputs of the column; night-time NEE includes the respiration of plants where the column has it.

    Returns
    -------
    Observations
    """
    thickness = dzsoil.flatten().numpy()
    outputs = tuple(dict.fromkeys(name for each in series for name in _outputs_of(each, available)))
    sizes = [len(thickness) if name in ("smcl", "t_soil") else 1 for name in outputs]
    rows, residual = np.zeros((sum(sizes), len(series))), np.zeros((len(thickness), len(series)))
    per_day = series[0].weights.shape[1]
    weights = np.full((days, per_day, len(series)), 1.0 / per_day)
    observed, fit = np.full((days, len(series)), np.nan), np.zeros((days, len(series)), dtype=bool)
    uncertainty = np.zeros((days, len(series)))
    for k, each in enumerate(series):
        for name in _outputs_of(each, available):
            number = outputs.index(name)
            first = sum(sizes[:number])
            layers = layer_weights(np.array([each.depth]), thickness.tolist())[0] if sizes[number] > 1 else np.ones(1)
            if name == "smcl":
                residual[:, k] = layers
                layers = layers / (RHO_WATER * thickness)
            sign = -1.0 if name in each.kind.less else 1.0
            rows[first : first + sizes[number], k] = sign * each.kind.factor * layers
        n = len(each.observed)
        weights[:n, :, k], observed[:n, k], fit[:n, k] = each.weights, each.observed, each.fit
        if each.uncertainty is not None:
            uncertainty[:n, k] = np.nan_to_num(each.uncertainty)
    tensors = (torch.as_tensor(x) for x in (rows, residual, weights, observed, fit, uncertainty))
    return Observations(tuple(series), torch.tensor([each.site for each in series]), outputs, *tensors)


def _outputs_of(series: Series, available: Sequence[str]) -> tuple[str, ...]:
    plants = ("resp_p_gb",) if series.settings.variable == "night_nee" and "resp_p_gb" in available else ()
    return series.kind.outputs + plants
