"""``jules-ml calibrate``: calibration of the soil of one site to its own sensors, with scores of the test period."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.data.clock import clock_notes
from jules_ml.experiment import Experiment
from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.learned.hydraulics.calibration import Calibration, best_calibration, calibrate
from jules_ml.learned.hydraulics.columns import ColumnBatch, column_batch
from jules_ml.learned.hydraulics.fit import hydraulics_card
from jules_ml.learned.hydraulics.misfit import sensor_weights
from jules_ml.learned.hydraulics.network import LearnedHydraulics
from jules_ml.learned.hydraulics.pretraining import texture_parameters
from jules_ml.learned.hydraulics.report import column_predictions, save_report_figures, sensor_scores
from jules_ml.learned.hydraulics.simulation import at_sensors, simulate
from jules_ml.learned.hydraulics.site import TIMESTEP, hydraulic_site
from jules_ml.learned.hydraulics.soil import PARAMETERS, LearnedSoil, unbounded_parameters
from jules_ml.learned.kind import Outcome, score_row
from jules_ml.learned.store import refuse_other_files, write_module_folder
from jules_ml.physics.hydraulics import VAN_GENUCHTEN, HydraulicForm
from jules_ml.physics.soil_names import LAYERED, RESIDUAL
from jules_ml.scoring.splits import last_fraction
from jules_ml.support.files import atomic_write
from jules_ml.support.progress import Progress, portion

#: Soils that are scored: their keys in ``scores.json``, and their labels.
SOILS = {"uncalibrated": "uncalibrated soil", "texture": "texture soil", "learned": "calibrated soil"}


class SiteSoil(NamedTuple):
    """Soil of ``[soil]``: JULES's soil properties and residual water, shape (layer, 1), and the form of the hydraulic curves."""

    soil: LearnedSoil
    form: HydraulicForm


def calibrate_site(experiment: Experiment, own: SiteSoil, out: Path, *, progress: Progress | None = None) -> Outcome:
    """Calibrate the soil of an experiment's site to its sensors, and write it as a module folder.

    The last part of the record, ``test_fraction`` of the days with a measurement, is the test period. The parameters are those of topsoil
    and subsoil; ``tie`` is the weight of their distance from the parameters of the texture regression.

    Parameters
    ----------
    experiment : Experiment
        With a record of weather and of ``theta`` at depth, ``[soil]`` and ``[surface]``; optionally with ``[hydraulics]``.
    own : SiteSoil
        Soil of ``[soil]``, which is scored too. In van Genuchten's form it is also a second initial soil.
    out : Path
        Module folder to write, of kind hydraulics; ``soil.toml`` in it is the calibrated soil as section ``[soil]`` of an experiment.
    progress : callable, optional
        Receives the progress, see :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    Outcome

    Raises
    ------
    BadInput
        If the experiment has no soil moisture or too few days of it, or the folder cannot be written.
    """
    refuse_other_files(out)
    settings = experiment.hydraulics or HydraulicSettings()
    site = hydraulic_site(experiment, settings)
    dzsoil = experiment.required(experiment.soil, "soil").dzsoil
    test = last_fraction(np.isfinite(site.observed).any(1), settings.test_fraction)
    train = replace(site, observed=np.where(test[:, None], np.nan, site.observed))
    batch, complete = (
        column_batch([each], dzsoil=dzsoil, timestep=TIMESTEP, spin_up_days=settings.spin_up_days)
        for each in (train, site)
    )
    calibrated = _best_fit(batch, own, settings, progress)
    network = site_network(calibrated.raw)
    predictions = _with_uncalibrated(column_predictions(network, complete, [test]), complete, own)
    part = "test" if settings.test_fraction else "train"
    scores = sensor_scores(predictions, part=part, soils=tuple(SOILS)) | {"cost": calibrated.cost[:, 0].tolist()}
    notes = (*clock_notes(experiment.record()), *_notes(scores))
    single = settings.model_copy(update={"members": 1, "hidden": 1})
    card = hydraulics_card([experiment], [train], single, [], notes=notes)
    card["method"] = "calibration of one site by the Levenberg-Marquardt method"
    write_module_folder(out, state=dict(network.state_dict()), card=card, scores=scores, predictions=predictions)
    with atomic_write(out / "soil.toml") as file:
        file.write_text(soil_section(predictions, site.name), encoding="utf-8")
    save_report_figures(predictions, out)
    rows = (
        score_row(sensor["site"], f"{description}, {sensor['depth']:g} m", sensor[name], "m3 m-3")
        for sensor in scores["sensors"]
        for name, description in SOILS.items()
    )
    return Outcome(out, scores, tuple(rows), notes)


def _best_fit(batch: ColumnBatch, own: SiteSoil, settings: HydraulicSettings, progress: Progress | None) -> Calibration:
    """Best calibration started from the texture regression and, in van Genuchten's form, from the soil of ``[soil]``."""
    prior = texture_parameters([batch.sites[0].inputs]).to(batch.dzsoil.dtype)
    starts = [prior]
    if own.form is VAN_GENUCHTEN:
        starts.append(_horizon_parameters(own.soil, batch))
    calibrations = [
        calibrate(
            batch,
            prior,
            start=start,
            bias_weight=settings.bias_weight,
            prior_weight=settings.tie,
            rounds=settings.rounds,
            sensor_weight=sensor_weights(batch, settings.deep_weight),
            progress=portion(progress, number / len(starts), (number + 1) / len(starts)),
        )
        for number, start in enumerate(starts)
    ]
    return best_calibration(calibrations)


def _horizon_parameters(soil: LearnedSoil, batch: ColumnBatch) -> Tensor:
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


def _with_uncalibrated(predictions: xr.Dataset, batch: ColumnBatch, own: SiteSoil) -> xr.Dataset:
    """Add the water content with the soil of ``[soil]`` to predictions as ``uncalibrated``."""
    dtype = batch.dzsoil.dtype
    soil = LearnedSoil(
        type(own.soil.properties)(*(value.to(dtype) for value in own.soil.properties)), own.soil.theta_r.to(dtype)
    )
    theta = at_sensors(batch, simulate(batch, soil, form=own.form)).numpy()
    attributes = {"units": "m3 m-3", "cell_methods": "time: mean", "long_name": "water content with the soil of [soil]"}
    return predictions.assign(uncalibrated=(("day", "sensor"), theta, attributes))


def _notes(scores: dict[str, Any]) -> list[str]:
    """Note if another soil has a lower error than the calibrated soil."""
    errors = {name: scores["all"][name]["ubrmse"] for name in SOILS}
    best = min(errors, key=lambda name: errors[name])
    if best == "learned" or not np.isfinite(errors["learned"]):
        return []
    return [
        f"in the {scores['part']} period the {SOILS[best]} has a lower ubRMSE than the calibrated soil "
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
