"""The soil column in eWaterCycle: a model in the present process, or in a process of its own through grpc4bmi.

Needs the packages ``bmipy`` and ``ewatercycle`` 2.x, which is installed with conda as its documentation describes.

References
----------
Hut et al. (2022), Geosci. Model Dev. 15, 5371-5390: the eWaterCycle platform.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import grpc
import numpy as np
import pandas as pd
import xarray as xr
from ewatercycle.base.model import eWaterCycleModel
from grpc4bmi.bmi_grpc_client import BmiClient
from grpc4bmi.bmi_optionaldest import OptionalDestBmi
from pydantic import BaseModel

from jules_ml.data.inspection.draft import toml_value
from jules_ml.errors import BadInput, RunFailed
from jules_ml.experiment import load_experiment
from jules_ml.frameworks.bmi import SoilColumnBmi
from jules_ml.frameworks.variables import COLUMNS, WEATHER, in_units_of
from jules_ml.support.files import atomic_write

_BMI: Final = "jules_ml.frameworks.bmi.SoilColumnBmi"
_SERVER: Final = "grpc4bmi.run_server"
#: CMIP's names of the forcing, and the inputs that they become, in the order of a driving file of JULES.
_CMIP: Final = {
    "rsds": "sw_down",
    "rlds": "lw_down",
    "pr": "tot_rain",
    "tas": "t_air",
    "sfcWind": "wind",
    "ps": "pstar",
    "huss": "q",
}
#: Air temperature at and below which precipitation is snow [K], as JULES's default of ``t_for_snow``.
_T_FOR_SNOW: Final = 274.0
#: Longest time in which a server starts, and a call through grpc4bmi returns [s]; spin-up is the longest.
_START, _CALL = 120.0, 3600.0
#: Date from which times count.
_EPOCH: Final = datetime(1970, 1, 1)


class ServedBmi(BmiClient):  # type: ignore[misc]
    """The BMI component in a process of its own, which ends with this object.

    The command ``run-bmi-server`` is not used, as the packages grpc4bmi and remotebmi, which eWaterCycle both needs, install it.
    """

    def __init__(self) -> None:
        host = "localhost"
        port = BmiClient.get_unique_port(host)
        self._process = subprocess.Popen([sys.executable, "-m", _SERVER, "--name", _BMI, "--port", str(port)])
        channel = BmiClient.create_grpc_channel(port=port, host=host)
        try:
            grpc.channel_ready_future(channel).result(timeout=_START)
        except grpc.FutureTimeoutError as error:
            self._process.kill()
            raise RunFailed(f"the server of grpc4bmi did not start in {_START:g} s") from error
        super().__init__(channel, timeout=_CALL)

    def __del__(self) -> None:
        """End the server."""
        self._process.kill()
        self._process.wait()


class JulesSoilColumn(eWaterCycleModel):  # type: ignore[misc]
    """JULES's soil column, with the learned modules that its experiment names, as a model of eWaterCycle.

    The parameter set is a folder with an experiment file, its ``config``; the target model is ``julessoilcolumn``. With a forcing, whose
    variables must be rsds, rlds, pr, tas, sfcWind, ps and huss, the column is driven by its mean over the area; otherwise by the record
    of the experiment, or by :meth:`set_value` in the mode ``coupled``.

    Attributes
    ----------
    process : {'local', 'grpc'}
        Whether the model runs in the present process, or in a process of its own through grpc4bmi.
    """

    process: Literal["local", "grpc"] = "local"

    @property
    def version(self) -> str:
        """Version of the package."""
        from importlib.metadata import version

        return version("jules_ml")

    def _make_bmi_instance(self) -> OptionalDestBmi:
        return OptionalDestBmi(SoilColumnBmi() if self.process == "local" else ServedBmi())

    def _make_cfg_file(self, *, start_time: str | None = None, end_time: str | None = None, **component: Any) -> Path:
        """Write the experiment of a run.

        Parameters
        ----------
        start_time, end_time : str, optional
            Start and end, UTC, as ``YYYY-MM-DDTHH:MM:SSZ``; by default those of the experiment, the forcing or the record.
        **component
            Keys of ``[component]``, such as ``mode``, ``latitude`` and ``longitude``.

        Returns
        -------
        Path
        """
        if self.parameter_set is None:
            raise BadInput(
                "the model has no parameter set",
                where=type(self).__name__,
                remedy="give parameter_set, whose config is an experiment file",
            )
        source = Path(self.parameter_set.config)
        experiment = load_experiment(source)
        table = _with_full_paths(tomllib.loads(source.read_text(encoding="utf-8")), experiment)
        if self.forcing is not None:
            table["data"] = write_weather(self.forcing.to_xarray(), self._cfg_dir / "weather.dat")
        run = table.setdefault("run", {})
        for key, text in (("start", start_time), ("end", end_time)):
            if text is not None:
                run[key] = datetime.fromisoformat(text)
        table["component"] = {"epoch": _EPOCH} | table.get("component", {}) | component
        path: Path = self._cfg_dir / "experiment.toml"
        with atomic_write(path) as part:
            part.write_text(
                "".join(f"{name} = {toml_value(value)}\n" for name, value in table.items()), encoding="utf-8"
            )
        return path

    def get_latlon_grid(self, name: str) -> tuple[Any, Any, Any]:
        """Latitudes, longitudes and shape (latitude, longitude) of a variable; of points, that of each, and their number."""
        bmi = self._bmi
        shape, kind = self._columns()
        if kind == "scalar":
            return np.full(1, np.nan), np.full(1, np.nan), (1, 1)
        lon, lat = np.empty(shape[-1]), np.empty(shape[0])
        bmi.get_grid_x(COLUMNS, lon)
        bmi.get_grid_y(COLUMNS, lat)
        return lat, lon, shape

    def get_value_as_xarray(self, name: str) -> xr.DataArray:
        """Copy of the values of a variable, with coordinates and unit.

        Parameters
        ----------
        name : str
            Name of the variable, CSDMS's or JULES's.

        Returns
        -------
        xarray.DataArray
            Dimensions ``time``, ``layer`` where the variable has layers, and ``latitude`` and ``longitude``, or ``point``. The place of a
            single column is NaN if the experiment does not give it.
        """
        bmi = self._bmi
        values = np.asarray(bmi.get_value(name))
        lat, lon, shape = self.get_latlon_grid(name)
        layers = values.size // int(np.prod(shape))
        layered = bmi.get_var_grid(name) != COLUMNS
        dims = ["time", *(["layer"] if layered else []), *(["latitude", "longitude"] if len(shape) == 2 else ["point"])]
        coords: dict[str, Any] = {"time": [self.time_as_datetime]}
        coords |= (
            {"latitude": lat, "longitude": lon}
            if len(shape) == 2
            else {
                "latitude": ("point", lat),
                "longitude": ("point", lon),
            }
        )
        data = values.reshape(1, *((layers,) if layered else ()), *shape)
        return xr.DataArray(data, coords=coords, dims=dims, name=name, attrs={"units": bmi.get_var_units(name)})

    def _columns(self) -> tuple[tuple[int, ...], str]:
        """Shape of the columns, and the type of their grid."""
        kind = self._bmi.get_grid_type(COLUMNS)
        if kind == "scalar":
            return (), kind
        if kind == "points":
            return (self._bmi.get_grid_size(COLUMNS),), kind
        shape = np.empty(2, dtype=np.int32)
        self._bmi.get_grid_shape(COLUMNS, shape)
        return tuple(int(n) for n in shape), kind


def write_weather(forcing: xr.Dataset, path: Path) -> dict[str, Any]:
    """Write a driving file of JULES from a forcing of eWaterCycle.

    Parameters
    ----------
    forcing : xarray.Dataset
        Variables rsds, rlds, pr, tas, sfcWind, ps and huss with units, at regular times, on a grid or lumped. An interval begins at the
        lower bound of its time, or else at the whole interval in which its time is: daily means with stamps at noon begin at midnight.
    path : Path
        File.

    Returns
    -------
    dict
        ``[data]`` of an experiment that reads the file.

    Raises
    ------
    BadInput
        If a variable or unit is missing, or the times are not regular.
    """
    missing = [name for name in _CMIP if name not in forcing]
    if missing:
        raise BadInput(
            f"the forcing has no {', '.join(missing)}",
            where="forcing of eWaterCycle",
            remedy=f"generate it with variables={tuple(_CMIP)}",
        )
    units = {variable.jules: variable for variable in WEATHER.values()}
    series: dict[str, Any] = {}
    for name, jules in _CMIP.items():
        where = f"forcing of eWaterCycle, variable {name}"
        values = forcing[name].mean([dim for dim in forcing[name].dims if dim != "time"], keep_attrs=True)
        unit = forcing[name].attrs.get("units")
        if unit is None:
            raise BadInput("the variable has no unit", where=where, remedy="add the attribute units")
        series[jules] = in_units_of(units[jules], values.to_numpy(), unit, where=where)
    start, period = _first_interval(forcing)
    cold = series["t_air"] <= _T_FOR_SNOW
    snow, rain = np.where(cold, series["tot_rain"], 0.0), np.where(cold, 0.0, series["tot_rain"])
    columns = [series["sw_down"], series["lw_down"], rain, snow, *(series[n] for n in ("t_air", "wind", "pstar", "q"))]
    with atomic_write(path) as part:
        np.savetxt(part, np.column_stack(columns), fmt="%.17g", header="weather of a forcing of eWaterCycle")
    return {"reader": "jules_driving", "path": str(path), "start": start, "period": period}


def _first_interval(forcing: xr.Dataset) -> tuple[datetime, float]:
    """Start of the first interval, and the length of the intervals [s]."""
    stamps = forcing["time"].to_numpy()
    if stamps.dtype.kind != "M":
        raise BadInput(
            f"the times have the calendar {getattr(stamps.flat[0], 'calendar', None)}",
            where="forcing of eWaterCycle, time",
            remedy="give a forcing in the standard calendar (xarray: convert_calendar)",
        )
    times = pd.DatetimeIndex(stamps)
    steps = np.unique(np.diff(times.to_numpy()))
    if len(steps) != 1:
        raise BadInput(
            "the times of the forcing are not regular",
            where="forcing of eWaterCycle, time",
            remedy="give all intervals of a regular series, in a standard calendar",
        )
    period = pd.Timedelta(steps[0])
    bounds = next((forcing[name] for name in ("time_bnds", "time_bounds") if name in forcing), None)
    start = times[0].floor(period) if bounds is None else pd.Timestamp(bounds.to_numpy()[0, 0])
    return start.to_pydatetime(), period.total_seconds()


def _with_full_paths(written: Any, read: Any) -> Any:
    """Replace paths in a table of the experiment by full paths: what the schema has read as a path, and no other text."""
    if isinstance(read, Path):
        return str(read.resolve())
    if isinstance(written, dict):
        values = read if isinstance(read, dict) else dict(read) if isinstance(read, BaseModel) else {}
        return {key: _with_full_paths(value, values.get(key)) for key, value in written.items()}
    if isinstance(read, tuple):
        several = isinstance(written, list)  # the schema takes one value for a list of one
        if len(read) == (len(written) if several else 1):
            full = [
                _with_full_paths(one, value) for one, value in zip(written if several else [written], read, strict=True)
            ]
            return full if several else full[0]
    return written
