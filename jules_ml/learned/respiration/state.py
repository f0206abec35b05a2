"""Soil state of a model at the times of measured fluxes: wetness and temperature that f and g are fitted to.

Curves that run in a model are fitted to the soil of that model. JULES computes the respiration of a time step from the state at the end
of the previous step, in one layer: the first, or with ``l_soil_resp_lev2`` the second and its frozen water too. Layered carbon
(``l_layeredc``) respires in all layers, whose effective state is that of :mod:`jules_ml.learned.respiration.layers`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.model_variables import check_model_data
from jules_ml.data.netcdffile import read_cf
from jules_ml.data.readers.jules import read_jules
from jules_ml.data.record import end_of_interval, interval, place
from jules_ml.errors import BadInput
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.layers import LAYER_RATIO, effective_state, layer_weights
from jules_ml.learned.respiration.network import LearnedRespiration
from jules_ml.learned.respiration.state_link import CHECKSUM, COLUMN, RUN, checksum_of

#: Variables of a site dataset with the state of a model.
_WETNESS, _TEMPERATURE = "model_wetness", "model_t_soil"
#: Attribute with the water content at saturation in the model, whose soil differs from that of the sensors.
_POROSITY = "model_porosity"
#: Variables with the state and the weight of each layer, and attribute with the mean weights, with layered carbon.
_LAYERS = ("model_layer_wetness", "model_layer_t_soil", "model_layer_weight")
_LAYER_WEIGHTS = "layer_weights"
#: Longest output period of a model [s]: the state has a diurnal cycle.
_LONGEST_PERIOD = 3 * 3600.0


def with_soil_state(
    record: xr.Dataset, source: Path | xr.Dataset, settings: RespirationSettings | None = None
) -> xr.Dataset:
    """Add the soil state of a model to a site dataset.

    Parameters
    ----------
    record : xarray.Dataset
        Site dataset.
    source : Path or xarray.Dataset
        Run folder of the column, output file of the column or of JULES, or its content: ``sthu`` [1] and ``t_soil`` [K] of dimensions
        ``time`` (end of each step, UTC) and ``soil``, with ``l_soil_resp_lev2`` also ``sthf`` [1], and with ``l_layeredc`` also ``cs``
        [kg m-2] in layers, unless the settings have it.
    settings : RespirationSettings, optional
        With ``l_soil_resp_lev2``, ``l_layeredc`` and ``layers``; default: the first layer.

    Returns
    -------
    xarray.Dataset
        The record with ``model_wetness`` [1] and ``model_t_soil`` [K], dims ('time',): the state from which the model computes the
        respiration of each interval. NaN in intervals that the run does not cover. Its attributes ``model_porosity`` [m3 m-3] and
        ``wilting`` and ``critical`` (wilting and critical point as fractions of saturation [1]) are those of the model; ``porosity`` of
        the sensors stays. With
        ``l_layeredc`` the state and the weight of each layer are ``model_layer_wetness`` [1], ``model_layer_t_soil`` [K] and
        ``model_layer_weight`` [1], dims ('time', 'model_layer').

    Raises
    ------
    BadInput
        If the file is not such an output; if its periods are longer than three hours; if it does not overlap with the record; if neither
        the output has ``sm_sat`` nor the record ``porosity``; if the carbon of the layers is unknown.
    """
    where = str(source) if isinstance(source, Path) else "soil state"
    settings = RespirationSettings() if settings is None else settings
    output = _read(source, settings.l_soil_resp_lev2) if isinstance(source, Path) else source
    states, layers = _states(output, settings, where)
    weights = layers[-1].mean(axis=0)
    at_fluxes = _at_start_of_intervals(states, end_of_interval(record), interval(record), where)
    if not bool(at_fluxes[_WETNESS].notna().any()):
        raise BadInput(
            f"the run ({states.index[0]:%Y-%m-%d} to {states.index[-1]:%Y-%m-%d}) does not overlap in time with the record",
            where=where,
            remedy="run the model over the period of the record",
        )
    added = {
        _WETNESS: ("time", at_fluxes[_WETNESS].to_numpy(), {"units": "1", "long_name": "wetness of the model's soil"}),
        _TEMPERATURE: (
            "time",
            at_fluxes[_TEMPERATURE].to_numpy(),
            {"units": "K", "long_name": "model's soil temperature"},
        ),
    }
    attributes = {_POROSITY: _porosity(output, weights, record, where), RUN: Path(where).name}
    if isinstance(source, Path):
        attributes[CHECKSUM] = checksum_of(source)
    for name, point in (("wilting", "sm_wilt"), ("critical", "sm_crit")):
        if point in output and "sm_sat" in output:
            attributes[name] = _constant(output[point] / output["sm_sat"], weights)
    result = record.assign(added).assign_attrs(attributes)
    if not settings.l_layeredc:
        return result
    in_layers = {
        name: (
            ("time", "model_layer"),
            _at_start_of_intervals(
                pd.DataFrame(values, index=states.index), end_of_interval(record), interval(record), where
            ).to_numpy(),
        )
        for name, values in zip(_LAYERS, layers, strict=True)
    }
    return result.assign(in_layers).assign_attrs({_LAYER_WEIGHTS: weights.tolist()})


def layer_entries(
    ds: xr.Dataset, times: pd.DatetimeIndex, module: LearnedRespiration, settings: RespirationSettings
) -> dict[str, Any]:
    """Describe layered carbon for the card of a module.

    Parameters
    ----------
    ds : xarray.Dataset
        Site dataset.
    times : DatetimeIndex
        End of the intervals that R0 is estimated from [UTC].
    module : LearnedRespiration
    settings : RespirationSettings
        With ``moisture``.

    Returns
    -------
    dict
        ``layer_weights``, the fraction of each layer in the mean over the run [1], and ``layer_ratio``, the mean of f g of the effective
        state over the mean of the sum over layers [1]. R0 times this ratio is the base respiration of a model that respires in each layer.
        Empty without layered carbon.
    """
    if _LAYER_WEIGHTS not in ds.attrs:
        return {}
    to_variable = float(ds.attrs[_POROSITY]) if settings.moisture == "theta" else 1.0
    names = (_WETNESS, _TEMPERATURE, *_LAYERS)
    s, t, *in_layers, weight = (torch.from_numpy(ds[name].sel(time=times).to_numpy()) for name in names)
    with torch.no_grad():
        one, each = (module.f(to_variable * x) * module.g(y) for x, y in ((s, t), in_layers))
        ratio = float(one.mean() / (weight * each).sum(1).mean())
    return {_LAYER_WEIGHTS: ds.attrs[_LAYER_WEIGHTS], LAYER_RATIO: ratio}


def has_state(ds: xr.Dataset) -> bool:
    """Whether a site dataset has the soil state of a model."""
    return _WETNESS in ds


def without_state(ds: xr.Dataset) -> xr.Dataset:
    """Return a site dataset without the soil state of a model."""
    kept = ds.drop_vars([_WETNESS, _TEMPERATURE, *_LAYERS], errors="ignore")
    kept.attrs = {
        name: value for name, value in ds.attrs.items() if name not in (_POROSITY, RUN, CHECKSUM, _LAYER_WEIGHTS)
    }
    return kept


def state_temperature(ds: xr.Dataset) -> xr.DataArray:
    """Soil temperature of the model [K], dims ('time',)."""
    return ds[_TEMPERATURE]


def state_theta(ds: xr.Dataset) -> xr.DataArray:
    """Water content of the model without residual water [m3 m-3], dims ('time',)."""
    return ds[_WETNESS] * float(ds.attrs[_POROSITY])


def porosity_of(ds: xr.Dataset) -> float | None:
    """Water content at saturation [m3 m-3] of the soil that moisture is taken from, the model's or the sensors'; None if unknown."""
    value = ds.attrs.get(_POROSITY if has_state(ds) else "porosity")
    return None if value is None else float(value)


def _read(path: Path, level2: bool) -> xr.Dataset:
    """Read the output of the column or of JULES."""
    file = path / COLUMN if path.is_dir() else path
    if path.is_dir() and not file.is_file():
        raise BadInput(
            f"the folder contains no {COLUMN}",
            where=path,
            remedy="give a run folder of the column, or the netCDF file of a JULES output profile with sthu, sthf and t_soil",
        )
    names = ("sthu", "t_soil", *(("sthf",) if level2 else ()))
    ds = read_cf(file, required=names, kind="output of a model with sthu and t_soil")
    check_model_data(ds, where=file)
    return ds if "x" not in ds.dims else read_jules(file)


def _states(
    output: xr.Dataset, settings: RespirationSettings, where: str
) -> tuple[pd.DataFrame, tuple[NDArray[np.float64], ...]]:
    """Wetness and temperature that respire at each time of the output; and wetness, temperature and weight of layers, (time, layer)."""
    in_layers = [output["t_soil"], output["sthu"] + output["sthf"] if settings.l_soil_resp_lev2 else output["sthu"]]
    t_soil, wetness = (each.transpose("time", "soil").to_numpy().astype(np.float64) for each in in_layers)
    if settings.l_layeredc:
        weights = layer_weights(output, settings.layers, where)
        s, t = effective_state(wetness, t_soil, weights, settings)
    else:
        layer = 1 if settings.l_soil_resp_lev2 else 0
        weights = np.eye(output.sizes["soil"])[[layer]]
        s, t = wetness[:, layer], t_soil[:, layer]
    states = pd.DataFrame({_WETNESS: s, _TEMPERATURE: t}, index=pd.DatetimeIndex(output["time"].to_numpy()))
    return states, (wetness, t_soil, weights)


def _at_start_of_intervals(
    states: pd.DataFrame, ends: pd.DatetimeIndex, length: pd.Timedelta, where: str
) -> pd.DataFrame:
    """Take the state at the start of each flux interval; over a longer interval, the mean of the states of its steps."""
    step = pd.Timedelta(np.diff(states.index.to_numpy()).min())
    if step.total_seconds() > _LONGEST_PERIOD:
        raise BadInput(
            f"the output has a period of {step.total_seconds() / 3600.0:g} h, and f and g need the state at the times of the fluxes",
            where=where,
            remedy="write sthu, sthf and t_soil at every time step of the model (run.mean_over = 1 for the column)",
        )
    steps = max(int(length / step), 1)
    if steps > 1:
        states = states.rolling(steps).mean().shift(freq=(1 - steps) * step)
    tolerance = step - pd.Timedelta(seconds=1)
    result: pd.DataFrame = states.reindex(ends - length, method="ffill", tolerance=tolerance)
    return result


def _porosity(output: xr.Dataset, weights: NDArray[np.float64], record: xr.Dataset, where: str) -> float:
    """Water content at saturation in the model [m3 m-3]."""
    if "sm_sat" in output:
        return _constant(output["sm_sat"], weights)
    if "porosity" not in record.attrs:
        raise BadInput(
            "the output contains no sm_sat",
            where=where,
            remedy=f"add sm_sat to the output, or give porosity under [place] ({place(record)})",
        )
    return float(record.attrs["porosity"])


def _constant(values: xr.DataArray, weights: NDArray[np.float64]) -> float:
    """Weighted mean over layers of a soil property, which JULES writes at every output time."""
    return float((values.isel(time=0) if "time" in values.dims else values).to_numpy() @ weights)
