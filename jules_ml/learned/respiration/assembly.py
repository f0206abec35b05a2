"""Assembly of a module from fitted members: normalised curves, base respiration, and calibrated intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.antecedent import DRIVERS, AntecedentFactor
from jules_ml.learned.respiration.base_rate_series import BaseRateSeries
from jules_ml.learned.respiration.base_respiration import r0_of_groups
from jules_ml.learned.respiration.calibration import calibrate, fitted_series
from jules_ml.learned.respiration.curves import G_SIZE, Members, site_scale
from jules_ml.learned.respiration.forms import LLOYD_TAYLOR, InnerValidation
from jules_ml.learned.respiration.likelihood import fit_noise
from jules_ml.learned.respiration.network import (
    MOISTURE_NODES,
    TEMPERATURE_NODES,
    LearnedRespiration,
    jules_optimum,
)
from jules_ml.learned.respiration.nodes import place_on_line
from jules_ml.learned.respiration.site import Rows, moisture_of
from jules_ml.learned.respiration.smoothing import smoothing_variance
from jules_ml.physics.respiration import T_REFERENCE

#: Greatest f that is one at JULES's optimum; a curve that rises further is one at its maximum.
_MOST_AT_OPTIMUM: Final = 1.1

_Array = NDArray[np.float64]


def assembled_module(
    rows: Rows,
    members: Members,
    settings: RespirationSettings,
    cross_validated: _Array,
    validation: InnerValidation,
    antecedent: AntecedentFactor,
) -> LearnedRespiration:
    """Normalise the curves, fit R0 to the median curves, and calibrate the intervals of observations.

    Parameters
    ----------
    rows : Rows
        Training rows.
    members : Members
        Averaged forms.
    settings : RespirationSettings
    cross_validated : array, shape (row,)
        Flux predicted by fits without the row's inner block [umol m-2 s-1].
    validation : InnerValidation
    antecedent : AntecedentFactor
        Factor of antecedent conditions, which ``cross_validated`` contains.
    """
    moisture = moisture_of(rows, settings)
    log_f, reference = _normalised_f(rows, members, settings, moisture)
    at_reference = place_on_line(torch.tensor([T_REFERENCE], dtype=torch.float64), TEMPERATURE_NODES)
    shift_g = at_reference.at(members.log_g)
    log_g = members.log_g - shift_g
    log_r0 = members.log_level + shift_g + (members.log_f - log_f)[:, :1]
    log_f = torch.clamp(log_f, max=float(np.log(settings.f_max)))
    scale = site_scale(rows)
    shape = torch.exp(
        place_on_line(torch.from_numpy(moisture), MOISTURE_NODES).at(log_f.mean(0))
        + place_on_line(torch.tensor(rows.t_soil), TEMPERATURE_NODES).at(log_g.mean(0))
    ).numpy() * antecedent(rows.antecedent, len(rows))
    valid = np.isfinite(cross_validated) & np.isfinite(rows.flux)
    noise = fit_noise((cross_validated / scale)[valid], ((rows.flux - cross_validated) / scale)[valid])
    median_r0 = np.exp(log_r0.mean(0).numpy())
    weight = noise.scale(median_r0[rows.group] * shape / scale) ** -settings.tempering
    n = len(rows.groups)
    weight = np.where(np.isfinite(rows.flux), weight, 0.0)
    r0 = np.bincount(rows.group, weight * shape * np.nan_to_num(rows.flux), minlength=n) / np.maximum(
        np.bincount(rows.group, weight * shape * shape, minlength=n), 1e-300
    )
    r0 = _with_other_groups(np.where(r0 > 0.0, r0, median_r0), weight, rows)
    log_r0 = log_r0 + torch.from_numpy(np.log(r0 / median_r0)) * torch.from_numpy(_absent(weight, rows))
    predicted = r0[rows.group] * shape
    series = fitted_series(rows, predicted / scale, noise, settings)
    calibration = calibrate(rows, cross_validated / scale, noise, series, settings)
    noise = calibration.noise
    smoothing_f, smoothing_g = _smoothing(rows, predicted, members, settings, validation, reference)
    group_scale = np.ones(n)
    group_scale[rows.group] = scale
    # the networks are stored in addition to their curves
    networks = {
        f"{term}|{name}".replace(".", "/"): value
        for term, parameters in members.parameters.items()
        for name, value in parameters.items()
    }
    return LearnedRespiration(
        log_f=log_f,
        log_g=log_g,
        log_level=log_r0,
        level=torch.from_numpy(r0),
        seen_moisture=torch.tensor(members.ranges.get("f", (0.0, 1.0)), dtype=torch.float64),
        seen_temperature=torch.tensor(members.ranges["g"], dtype=torch.float64),
        reference=torch.tensor(reference, dtype=torch.float64),
        noise=torch.from_numpy(np.column_stack([noise.a * group_scale, np.full(n, noise.b)])),
        quantiles=torch.tensor(calibration.quantiles, dtype=torch.float64),
        series=_series_table(series),
        series_parameters=_series_parameters(series, n),
        smoothing_f=smoothing_f,
        smoothing_g=smoothing_g,
        **_antecedent_tables(antecedent),
        networks=networks,
    )


def _absent(weight: _Array, rows: Rows) -> _Array:
    """Whether a group has no training row with a flux, as 0 or 1, shape (group,)."""
    return np.asarray(np.bincount(rows.group, weight, minlength=len(rows.groups)) == 0.0, dtype=np.float64)


def _with_other_groups(r0: _Array, weight: _Array, rows: Rows) -> _Array:
    """R0 of all groups: that of a group without training rows is the mean of the groups of its site."""
    absent = _absent(weight, rows) > 0.0
    if not absent.any():
        return r0
    names = [name for name, missing in zip(rows.groups, absent, strict=True) if not missing]
    elsewhere = float(np.exp(np.log(r0[~absent]).mean()))
    return r0_of_groups(rows.groups, names, r0[~absent], rows.sites, elsewhere)


def _smoothing(
    rows: Rows,
    predicted: _Array,
    members: Members,
    settings: RespirationSettings,
    validation: InnerValidation,
    reference: float,
) -> tuple[Tensor, Tensor]:
    """Variances of the logarithms of f and g due to the smoothness of the networks, by their weight in the module."""
    valid = np.flatnonzero(np.isfinite(rows.flux))
    scale = site_scale(rows)[valid]
    flux = {"flux": rows.flux[valid] / scale, "predicted": predicted[valid] / scale}
    ranges = (settings.smoothness, settings.size)
    if validation.free and settings.free_smoothness is not None:
        ranges = (settings.free_smoothness, settings.free_size)
    smoothness, size = (float(np.sqrt(low * high)) for low, high in ranges)
    weight = (1.0 - validation.weights.get(LLOYD_TAYLOR, 0.0)) ** 2
    t_soil = np.clip(rows.t_soil[valid], *members.ranges["g"])
    g = smoothing_variance(
        t_soil, TEMPERATURE_NODES, **flux, smoothness=smoothness, size=G_SIZE * size, reference=T_REFERENCE
    )
    if settings.moisture == "none":
        return torch.zeros(len(MOISTURE_NODES), dtype=torch.float64), weight * g
    moisture = np.clip(moisture_of(rows, settings)[valid], *members.ranges["f"])
    f = smoothing_variance(moisture, MOISTURE_NODES, **flux, smoothness=smoothness, size=size, reference=reference)
    return weight * f, weight * g


def _antecedent_tables(antecedent: AntecedentFactor) -> dict[str, Tensor]:
    """Factor of antecedent conditions, as in the module."""
    return {
        "antecedent_drivers": torch.tensor([DRIVERS.index(name) for name in antecedent.drivers]),
        "antecedent_x": torch.from_numpy(antecedent.x),
        "antecedent_log_h": torch.from_numpy(antecedent.log_h),
    }


def _series_table(series: Mapping[int, BaseRateSeries]) -> Tensor:
    """Departures of R0(t) of all groups, as in the module."""
    tables = [torch.from_numpy(process.departures.table(group)) for group, process in series.items()]
    return torch.cat([torch.zeros(0, 4, dtype=torch.float64), *tables])


def _series_parameters(series: Mapping[int, BaseRateSeries], groups: int) -> Tensor:
    """Parameters of R0(t) of each group, as in the module."""
    parameters = torch.full((groups, 3), torch.nan, dtype=torch.float64)
    for group, process in series.items():
        parameters[group] = torch.tensor([process.variance, process.timescale, process.day_variance])
    return parameters


def _normalised_f(
    rows: Rows, members: Members, settings: RespirationSettings, moisture: _Array
) -> tuple[Tensor, float]:
    """Normalise f so that the median curve is one at a reference, and return the reference.

    The reference is JULES's optimum if the data cover it and f is then nowhere much greater than one; otherwise the maximum of the median
    curve in the range that the data support. f is thus at most about one, as JULES's, and R0 is the rate at its maximum. The flux does not
    depend on the reference.

    Members have the same mean over the data, as smooths of additive models (Wood 2017, section 5.4), and are not each one at the
    reference: JULES's f has a corner there, which a smooth curve rounds off, and the error would shift the band everywhere else.
    """
    low, high = np.quantile(moisture, [0.05, 0.95])
    optimum = jules_optimum(settings, float(np.mean(list(rows.porosity.values()))))
    nodes = MOISTURE_NODES
    if settings.moisture == "none":
        return members.log_f, optimum
    over_data = place_on_line(torch.from_numpy(moisture), nodes).at(members.log_f).mean(1, keepdim=True)
    centred = members.log_f - over_data
    median = centred.mean(0)

    def one_at(reference: float) -> Tensor:
        return centred - place_on_line(torch.tensor([reference], dtype=torch.float64), nodes).at(median)

    if low <= optimum <= high and float(one_at(optimum).mean(0).max()) <= np.log(_MOST_AT_OPTIMUM):
        return one_at(optimum), optimum
    data_low, data_high = members.ranges["f"]
    inside = (nodes >= data_low) & (nodes <= data_high)
    peak = float(nodes[inside][torch.argmax(median[inside])])
    return one_at(peak), peak
