"""Calibration of the soil of one site to its own sensors, with scores of the test period: ``jules-ml calibrate``, and a fit of one site."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.experiment import Experiment
from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.learned.hydraulics.calibration import Calibration, best_calibration, calibrate
from jules_ml.learned.hydraulics.columns import ColumnBatch, HydraulicSite, column_batch
from jules_ml.learned.hydraulics.misfit import first_sensors, sensor_weights
from jules_ml.learned.hydraulics.network import LearnedHydraulics
from jules_ml.learned.hydraulics.pretraining import texture_parameters
from jules_ml.learned.hydraulics.report import column_predictions, save_report_figures, sensor_scores
from jules_ml.learned.hydraulics.result import HydraulicsFit, hydraulics_card
from jules_ml.learned.hydraulics.simulation import at_sensors, batch_soil, concatenate_soils, simulate
from jules_ml.learned.hydraulics.site import TIMESTEP, hydraulic_site
from jules_ml.learned.hydraulics.soil import PARAMETERS, LearnedSoil, unbounded_parameters
from jules_ml.learned.hydraulics.soil_section import Soil, column_soil
from jules_ml.learned.hydraulics.stock_comparison import StockComparison, compare_with_stock, training_parts
from jules_ml.learned.kind import Outcome, score_row
from jules_ml.learned.store import refuse_other_files, write_module_folder
from jules_ml.physics.constants import SECONDS_PER_DAY
from jules_ml.physics.hydraulics import VAN_GENUCHTEN
from jules_ml.physics.soil_names import LAYERED, RESIDUAL
from jules_ml.scoring.splits import last_fraction
from jules_ml.support.files import atomic_write
from jules_ml.support.progress import Progress, renamed

#: Soils that are scored: their keys in ``scores.json``, and their labels.
SOILS = {"uncalibrated": "uncalibrated soil", "texture": "texture soil", "learned": "calibrated soil"}
#: Default weight of the squared bias of the first sensor: a run needs the water content of its own site, with its mean.
BIAS_WEIGHT: Final = 1.0
#: Weight of the squared bias of deeper sensors relative to the first. Neighbouring sensors have different offsets, and one soil for topsoil
#: or subsoil cannot have the mean of each.
DEEP_BIAS: Final = 0.1
#: Default weight of the distance of the parameters from the prior. With a standard error of 0.02 m3 m-3, a root mean square error of that
#: size costs as much as the displacement of one parameter by 1.
TIE: Final = 1.0


def calibrate_site(experiment: Experiment, out: Path, *, progress: Progress | None = None) -> Outcome:
    """Calibrate the soil of an experiment's site to its sensors, and write it as a module folder.

    Parameters
    ----------
    experiment, out, progress
        As for :func:`fit_site`.

    Returns
    -------
    Outcome

    Raises
    ------
    BadInput
        As :func:`fit_site`.
    """
    fit = fit_site(experiment, out, progress=renamed(progress, "calibration"))
    rows = (
        score_row(sensor["site"], f"{description}, {sensor['depth']:g} m", sensor[name], "m3 m-3")
        for sensor in fit.scores["sensors"]
        for name, description in SOILS.items()
    )
    return Outcome(out, fit.scores, tuple(rows), fit.notes)


def fit_site(experiment: Experiment, out: Path, *, progress: Progress | None = None) -> HydraulicsFit:
    """Calibrate the soil of an experiment's site to its sensors, and write it as a module folder.

    The last part of the record, ``test_fraction`` of the days with a measurement, is the test period. The parameters are those of topsoil
    and subsoil; ``tie`` is the weight of their distance from the soil of ``[soil]``, or from that of the texture regression where
    ``[soil]`` has Clapp and Hornberger's form. Whether the calibrated soil is better than that of ``[soil]`` is judged on parts of the
    training period that are left out of the calibration in turn.

    Parameters
    ----------
    experiment : Experiment
        With a record of weather and of ``theta`` at depth, ``[soil]`` and ``[surface]``; optionally with ``[hydraulics]``.
    out : Path
        Module folder to write, of kind hydraulics; ``soil.toml`` in it is the calibrated soil as section ``[soil]`` of an experiment.
    progress : callable, optional
        Receives the progress, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    HydraulicsFit

    Raises
    ------
    BadInput
        If the experiment has no soil moisture or too few days of it, or the folder cannot be written.
    """
    refuse_other_files(out)
    settings = experiment.hydraulics or HydraulicSettings()
    site = hydraulic_site(experiment, settings)
    own = column_soil(experiment.required(experiment.soil, "soil"), torch.float32, where=str(experiment.file))
    dzsoil = own.dzsoil.flatten().tolist()
    test = last_fraction(np.isfinite(site.observed).any(1), settings.test_fraction)
    train = replace(site, observed=np.where(test[:, None], np.nan, site.observed))
    calibrations = _calibrations(train, own, settings, progress)
    complete = column_batch([site], dzsoil=dzsoil, timestep=TIMESTEP, spin_up_days=settings.spin_up_days)
    network = site_network(calibrations.raw[..., :1])
    stock, *left_out = _readings(complete, own, calibrations.raw[..., 1:])
    comparison = _comparison(train, stock, left_out)
    predictions = _with_uncalibrated(column_predictions(network, complete, [test]), stock)
    part = "test" if settings.test_fraction else "train"
    scores = sensor_scores(predictions, part=part, soils=tuple(SOILS)) | {"cost": calibrations.cost[:, 0].tolist()}
    notes = tuple(note for note in (comparison.note(), *_score_notes(scores), *site.notes) if note)
    single = settings.model_copy(update={"members": 1, "hidden": 1})
    card = hydraulics_card([experiment], [train], single, [], notes=notes)
    card["method"] = "calibration of one site by the Levenberg-Marquardt method"
    card["comparison_with_stock"] = comparison.card()
    write_module_folder(out, state=dict(network.state_dict()), card=card, scores=scores, predictions=predictions)
    with atomic_write(out / "soil.toml") as file:
        file.write_text(soil_section(predictions, site.name), encoding="utf-8")
    save_report_figures(predictions, out)
    return HydraulicsFit(out, network, scores, notes)


def _calibrations(
    train: HydraulicSite, own: Soil, settings: HydraulicSettings, progress: Progress | None
) -> Calibration:
    """Calibrate on all training days, first column, and with each part of them left out, next columns.

    The columns with all initial soils run in one batch, up to the last training day: further columns cost little beside the time steps.
    """
    parts = training_parts(train.observed)
    days = int(np.flatnonzero(np.isfinite(train.observed).any(1))[-1]) + 1
    steps = days * round(SECONDS_PER_DAY / TIMESTEP)
    weather = type(train.forcing)(*(x[:steps] for x in train.forcing))
    observed = [train.observed, *(np.where(part[:, None], np.nan, train.observed) for part in parts)]
    sites = [replace(train, forcing=weather, observed=each[:days]) for each in observed]
    one = column_batch(sites[:1], dzsoil=own.dzsoil.flatten().tolist(), timestep=TIMESTEP)
    starts = [texture_parameters([train.inputs]).to(one.dzsoil.dtype)]
    if own.form is VAN_GENUCHTEN:
        starts.insert(0, _horizon_parameters(own, one))
    batch = column_batch(
        sites * len(starts),
        dzsoil=own.dzsoil.flatten().tolist(),
        timestep=TIMESTEP,
        spin_up_days=settings.spin_up_days,
    )
    bias_weight = BIAS_WEIGHT if settings.bias_weight is None else settings.bias_weight
    calibration = calibrate(
        batch,
        starts[0].expand(-1, -1, len(batch.sites)),
        start=torch.cat([start.expand(-1, -1, len(sites)) for start in starts], dim=2),
        bias_weight=torch.where(first_sensors(batch), bias_weight, DEEP_BIAS * bias_weight).double(),
        prior_weight=TIE if settings.tie is None else settings.tie,
        rounds=settings.rounds,
        sensor_weight=sensor_weights(batch, settings.deep_weight),
        progress=progress,
    )
    by_start = zip(calibration.raw.split(len(sites), 2), calibration.cost.split(len(sites), 1), strict=True)
    return best_calibration([Calibration(raw, cost) for raw, cost in by_start])


def _horizon_parameters(soil: Soil, batch: ColumnBatch) -> Tensor:
    """Unbounded parameters of topsoil and subsoil, shape (parameter, horizon, 1), from means over the layers of a soil."""
    values = {name: soil.theta_r if name == "theta_r" else getattr(soil.properties, name) for name in PARAMETERS}
    horizons = [batch.horizon == number for number in (0, 1)]
    # a horizon without layers has the parameters of the other
    horizons = [layers if bool(layers.any()) else torch.ones_like(layers) for layers in horizons]
    means = {
        name: torch.stack(
            [value[layers].log().mean(0).exp() if name != "theta_r" else value[layers].mean(0) for layers in horizons]
        )
        for name, value in values.items()
    }
    return unbounded_parameters(means, batch.organic).to(batch.dzsoil.dtype)


def site_network(raw: Tensor) -> LearnedHydraulics:
    """Soil of one site as a module: a network without inputs, whose output is constant.

    Parameters
    ----------
    raw : Tensor, shape (parameter, horizon, 1)
        Unbounded parameters [1].

    Returns
    -------
    LearnedHydraulics
    """
    network = LearnedHydraulics([], members=1, hidden=1)
    with torch.no_grad():
        network.outward.zero_()
        network.level.copy_(raw.flatten()[None])
    return network


def _readings(batch: ColumnBatch, own: Soil, raw: Tensor) -> list[NDArray[np.float32]]:
    """Sensor readings, shape (day, sensor), with the soil of ``[soil]``, and with the soil of each column of ``raw``."""
    stock = LearnedSoil(own.properties, own.theta_r)
    soils = [batch_soil(batch, each) for each in raw.split(1, dim=2)]
    if own.form is VAN_GENUCHTEN:
        theta = simulate(batch, concatenate_soils([stock, *soils]))
    else:
        theta = torch.cat([simulate(batch, stock, form=own.form), simulate(batch, concatenate_soils(soils))], dim=2)
    return [at_sensors(batch, each).numpy() for each in theta.split(1, dim=2)]


def _comparison(
    train: HydraulicSite, stock: NDArray[np.float32], left_out: Sequence[NDArray[np.float32]]
) -> StockComparison:
    """Compare the calibrated soils with that of ``[soil]`` at the first sensor, each on the part that was left out of its calibration."""
    parts = training_parts(train.observed)
    calibrated = np.select([part[:, None] for part in parts], left_out)
    return compare_with_stock(calibrated[:, 0], stock[:, 0], train.observed[:, 0])


def _with_uncalibrated(predictions: xr.Dataset, stock: NDArray[np.float32]) -> xr.Dataset:
    """Add the water content with the soil of ``[soil]`` to predictions as ``uncalibrated``."""
    attributes = {"units": "m3 m-3", "cell_methods": "day: mean", "long_name": "water content with the soil of [soil]"}
    return predictions.assign(uncalibrated=(("day", "sensor"), stock, attributes))


def _score_notes(scores: dict[str, Any]) -> list[str]:
    """Note if another soil has a lower error than the calibrated soil."""
    errors = {name: scores["all"][name]["rmse"] for name in SOILS}
    best = min(errors, key=lambda name: errors[name])
    if best == "learned" or not np.isfinite(errors["learned"]):
        return []
    return [
        f"in the {scores['part']} period the {SOILS[best]} has a lower RMSE than the calibrated soil "
        f"({errors[best]:.3f} against {errors['learned']:.3f} m3 m-3)"
    ]


def soil_section(predictions: xr.Dataset, site: str) -> str:
    """Format the calibrated soil as sections ``[soil]`` and ``[soil.properties]`` of an experiment (TOML).

    Parameters
    ----------
    predictions : xarray.Dataset
        From :func:`~jules_ml.learned.hydraulics.report.column_predictions`, for one site.
    site : str
        Name of the site.

    Returns
    -------
    str
    """

    def toml_array(values: NDArray[np.floating]) -> str:
        return "[" + ", ".join(f"{float(value):.6g}" for value in values) + "]"

    lines = [
        f"# Soil of {site}, calibrated by jules-ml calibrate. It replaces [soil] of an experiment.",
        "[soil]",
        f"dzsoil = {toml_array(predictions['dzsoil'].to_numpy())}",
        'form = "van_genuchten"',
        "",
        "[soil.properties]",
    ]
    for name in (*LAYERED, *RESIDUAL):
        lines.append(
            f"{name} = {toml_array(predictions[name].isel(site=0).to_numpy())}  # {predictions[name].attrs['units']}"
        )
    return "\n".join(lines) + "\n"
