"""Output of runs of the column, on a point or a grid, and of JULES, for conversion to the conventions of the community."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.comparison.alma import FLUXES, NEEDED
from jules_ml.comparison.jules_folder import is_jules_folder, output_files
from jules_ml.comparison.run_summary import completed_summary, output_of_jules
from jules_ml.data.netcdffile import read_netcdf
from jules_ml.data.readers.jules import read_jules, with_layers
from jules_ml.errors import BadInput
from jules_ml.jules.run_folder import SUMMARY, read_run_folder
from jules_ml.support.cf import software_name

COLUMN, GRID = "column.nc", "grid.nc"
#: Longest time step that JULES is run with [s].
_LONGEST_STEP: Final = 3600.0
#: Relative rounding of JULES's numbers.
_ROUNDING: Final = 1.0e-6
_METHOD: Final = re.compile(r"\btime\s*:\s*(\w+)")
_POSITION: Final = ("latitude", "longitude")


@dataclass(frozen=True, eq=False)
class Convertible:
    """Output of a run with JULES's names.

    Attributes
    ----------
    ds : Dataset
        Dimensions ``time``, ``lat``, ``lon``, and ``soil``, ``tile``, ``pft`` as the variables have them; coordinates ``lat``, ``lon``;
        ``dzsoil`` [m] along ``soil``.
    bounds : array of datetime64, shape (time, 2)
        Start and end of each period, UTC.
    at_end : frozenset of str
        Variables whose values are those of the end of each period; the others are means.
    site : str
        Name of the site or the run.
    source : str
        Model.
    institution : str
        That of the run's file; empty if it names none.
    """

    ds: xr.Dataset
    bounds: NDArray[np.datetime64]
    at_end: frozenset[str]
    site: str
    source: str
    institution: str = ""


def read_convertible(folder: Path) -> Convertible:
    """Read the output of a run.

    Parameters
    ----------
    folder : Path
        Folder that ``jules-ml run`` wrote, or run folder of JULES with its output; also ``column.nc`` or ``grid.nc``.

    Returns
    -------
    Convertible

    Raises
    ------
    BadInput
        If the folder is not that of a run, or a file cannot be read.
    """
    if folder.is_file():
        return _of_column(folder)
    for name in (COLUMN, GRID):
        if (folder / name).is_file():
            return _of_column(folder / name)
    if (folder / SUMMARY).is_file():
        summary = completed_summary(folder)
        if summary.get("model") == "jules":
            dzsoil, paths = output_of_jules(folder, summary)
            step = read_run_folder(folder).timestep if is_jules_folder(folder) else None
            return of_jules(paths, list(dzsoil), folder.resolve().name, step=step)
    if is_jules_folder(folder):
        run, paths = output_files(folder)
        return of_jules(paths, list(run.dzsoil), folder.resolve().name, step=run.timestep)
    raise BadInput(
        "this is not the folder of a run",
        where=folder,
        remedy="give a folder that 'jules-ml run' wrote, or a run folder of JULES with its output",
    )


def _of_column(path: Path) -> Convertible:
    """Read ``column.nc`` or ``grid.nc``."""
    raw = read_netcdf(path, required=("time", "time_bounds", *_POSITION), kind="output of the column")
    try:
        ds = xr.decode_cf(raw)
    except (ValueError, TypeError, OverflowError) as error:
        raise BadInput(f"the file is damaged ({error})", where=path, remedy="run it again") from error
    bounds = ds["time_bounds"].to_numpy()
    methods = {str(values.attrs.get("cell_methods", "")) for values in ds.data_vars.values() if "time" in values.dims}
    minutes = (bounds[0, 1] - bounds[0, 0]) / np.timedelta64(1, "m")
    one_step = any(f"interval: {minutes:g} minutes" in method for method in methods)
    site = str(ds.attrs.get("site", path.resolve().parent.name))
    at_end = frozenset(map(str, ds.data_vars)) if one_step else frozenset()
    made_at = str(ds.attrs.get("institution", ""))
    values = _on_axes(ds.drop_vars("time_bounds"), path)
    return Convertible(values, bounds, at_end, site, f"column of {software_name()}", made_at)


def of_jules(paths: list[Path], dzsoil: list[float], name: str, *, step: float | None = None) -> Convertible:
    """Read output of JULES at a point.

    Parameters
    ----------
    paths : list of Path
        Files of its profiles; that with most variables is converted, and the files of one profile follow each other in time.
    dzsoil : list of float
        Thickness of the soil layers [m].
    name : str
        Of the run.
    step : float, optional
        Time step of the run [s]; without it, snapshots of an hour or less are those of every step.

    Raises
    ------
    BadInput
        If a file cannot be read or has several points, or if a flux is a snapshot of one of several steps, or an extreme or a sum.
    """
    files = [read_jules(path) for path in paths]
    for path, ds in zip(paths, files, strict=True):
        if "point" in ds.dims:
            raise BadInput(
                f"the run has {ds.sizes['point']} points",
                where=path,
                remedy="convert a run of a single point, or a run of the column on a grid",
            )
    most = max(files, key=lambda ds: len(ds.data_vars))
    like = [ds for ds in files if set(ds.data_vars) == set(most.data_vars)]
    joined = xr.concat(like, dim="time", coords="minimal", compat="override") if len(like) > 1 else most
    joined = joined.drop_duplicates("time", keep="last").sortby("time")
    end = joined["time"].to_numpy()
    period = pd.Timedelta(seconds=float(most.attrs["interval_seconds"])).to_timedelta64()
    ds = with_layers(joined, dzsoil, where=paths[0]) if "soil" in joined.dims else joined
    longest = _LONGEST_STEP if step is None else step
    at_end = _points(most, longest, where=paths[0].parent)
    ds = _with_possible_transpiration(ds, steps=float(most.attrs["interval_seconds"]) <= longest)
    return Convertible(_on_axes(ds, paths[0]), np.stack([end - period, end], axis=1), at_end, name, "JULES")


def _with_possible_transpiration(ds: xr.Dataset, *, steps: bool) -> xr.Dataset:
    """Leave out impossible values of ``et_stom_gb``: below 0, or more than the evaporation of soil and plants together.

    JULES 7.6 has such values, down to -0.06 kg m-2 s-1, in some steps in which leaves lose their last water. In a mean over several steps
    they cannot be distinguished from others: all are left out there.
    """
    if "et_stom_gb" not in ds:
        return ds
    if not steps or "esoil_gb" not in ds:
        return ds.drop_vars("et_stom_gb")
    stomata, both = ds["et_stom_gb"], ds["esoil_gb"]
    possible = (stomata >= 0.0) & (stomata <= both + _ROUNDING * abs(both))
    return ds.assign(et_stom_gb=stomata.where(possible))


def _points(ds: xr.Dataset, step: float, *, where: Path) -> frozenset[str]:
    """Names of the snapshots in output of JULES; refuses what is neither a mean over a period nor its end."""
    methods = {
        str(name): method[1] if (method := _METHOD.search(str(values.attrs.get("cell_methods", "")))) else "mean"
        for name, values in ds.data_vars.items()
    }
    period = float(ds.attrs["interval_seconds"])
    wrong = {
        f"time: {method}": sorted(name for name, each in methods.items() if each == method and name in NEEDED)
        for method in sorted(set(methods.values()) - {"mean", "point"})
    }
    if period > step:
        wrong[f"values of a single step every {period / 3600.0:g} h"] = sorted(
            name for name, method in methods.items() if method == "point" and name in FLUXES
        )
    for problem, names in wrong.items():
        if names:
            raise BadInput(
                f"{', '.join(names)}: {problem}",
                where=where,
                remedy="set output_type = 'M' in the output profile of JULES, or leave these variables out",
            )
    return frozenset(name for name, method in methods.items() if method == "point")


def _on_axes(ds: xr.Dataset, path: Path) -> xr.Dataset:
    """Output on the axes ``lat`` and ``lon``, which a point has too."""
    latitude, longitude = (ds[name] for name in _POSITION)
    if latitude.ndim == 0:
        position = {"lat": [float(latitude)], "lon": [float(longitude)]}
        of_time = {
            str(name): v.expand_dims(["lat", "lon"], [-2, -1]) for name, v in ds.data_vars.items() if "time" in v.dims
        }
        return ds.drop_vars(_POSITION, errors="ignore").assign(of_time).assign_coords(position)
    if latitude.ndim != 1 or longitude.ndim != 1 or latitude.dims == longitude.dims:
        raise BadInput(
            "the grid is not regular in latitude and longitude",
            where=path,
            remedy="convert a run on a regular grid: the community's tools read no other",
        )
    along = {str(latitude.dims[0]): "lat", str(longitude.dims[0]): "lon"}
    values = {"lat": latitude.to_numpy(), "lon": longitude.to_numpy()}
    bare = ds.drop_vars([*_POSITION, *along], errors="ignore")
    return bare.rename({old: new for old, new in along.items() if old != new}).assign_coords(values)
