"""Way ``prescribed``: time series of soil state from a file, by JULES_PRESCRIBED_DATASET."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import xarray as xr

from jules_ml.data.model_variables import check_model_data
from jules_ml.data.netcdffile import read_netcdf
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.jules.input_files import PRESCRIBED, write_prescribed
from jules_ml.jules.moments import Moment
from jules_ml.jules.run_folder import SWAPPED, RunFolder
from jules_ml.jules.soil_properties import refuse_unusable
from jules_ml.jules.swap.prescribed_times import prescribed_times
from jules_ml.jules.variable_lists import remove_from_initial_state
from jules_ml.support.namelist_text import Value

_GROUP = "jules_prescribed_dataset"
_FILE = "prescribed_soil.nc"
_FORMAT = "%Y-%m-%d %H:%M:%S"


def swap_prescribed(
    run: RunFolder, file: Path, *, levels: Sequence[int] | None = None, interp: str = "nf"
) -> list[str]:
    """Prescribe soil state from a file.

    Parameters
    ----------
    run : RunFolder
        Staged run folder; its namelists are edited and files are written into it.
    file : Path
        netCDF file of :func:`~jules_ml.jules.input_files.write_prescribed`: variables of dimensions (time, soil, …), and attributes
        ``data_start`` and ``data_period`` or a time coordinate with a constant step, in the calendar of the run; see
        :func:`~jules_ml.jules.swap.prescribed_times.prescribed_times`.
    levels : sequence of int, optional
        Soil layers that are prescribed, from 1 at the top; by default all. Only for ``sthuf``.
    interp : {'nf', 'i'}
        Interpolation between the times of the file: constant from one time to the next, or linear.

    Returns
    -------
    list of str
        Notes on the changes.

    Raises
    ------
    BadInput
        If the run has TOPMODEL or irrigation, which JULES does not allow with prescribed soil water; if the file has no variable that
        can be prescribed, does not cover the run, or has different layers.
    """
    ds = read_netcdf(file, kind="a file of prescribed soil state")
    names = [str(name) for name in ds.data_vars if str(name) in PRESCRIBED]
    if not names:
        raise BadInput(
            f"the file has no variable that can be prescribed, only {', '.join(map(str, ds.data_vars)) or 'none'}",
            where=file,
            remedy=f"give {', '.join(PRESCRIBED)} by time and layer",
        )
    check_model_data(ds[names], where=file)
    if "sthuf" in names:
        _refuse_water_schemes(run)
    start, period, n_times = prescribed_times(ds, names, file, run.calendar)
    _check_coverage(run, start, period, n_times, interp, file)
    levels = _checked_levels(run, names, levels, file)
    values = {name: _checked_layers(run, ds[name], file) for name in names}
    write_prescribed(
        run.folder / SWAPPED / _FILE,
        values,
        start=start,
        period_seconds=period,
        grid=run.grid,
        title=file.name,
        calendar=run.calendar,
    )
    notes = [f"{', '.join(names)} is prescribed from {file.name}, every {period:g} s from {start:{_FORMAT}} on"]
    if "sthuf" in names and levels is None:
        notes += remove_from_initial_state(run, "sthuf", run.folder / SWAPPED / "initial_conditions.dat")
    if {"satcon", "b", "sm_sat", "sm_wilt"} & set(names):
        notes.append(
            "soil properties change with time, but surface conductivity and infiltration keep their first values, and sm_crit, "
            "sathh, hcap and hcon are constant"
        )
    entries: dict[str, Value] = {
        "data_start": f"{start:{_FORMAT}}",
        "data_end": f"{start + timedelta(seconds=n_times * period):{_FORMAT}}",
        "data_period": round(period),
        "is_climatology": False,
        "read_list": False,
        "file": f"{SWAPPED}/{_FILE}",
        "nvars": len(names),
        "var": names,
        "var_name": names,
        "interp": [interp] * len(names),
    }
    number = int(run.entry("jules_prescribed", "n_datasets", 0))
    if levels is not None:
        entries["prescribed_levels"] = list(levels)
    run.namelists.set(_GROUP, entries, occurrence=number, file="prescribed_data.nml")
    run.namelists.set("jules_prescribed", {"n_datasets": number + 1})
    return notes


def _refuse_water_schemes(run: RunFolder) -> None:
    for group, switch, reason in (
        ("jules_hydrology", "l_top", "the water table of TOPMODEL would be inconsistent"),
        ("jules_irrig", "l_irrig_dmd", "irrigation adds water to the layers"),
    ):
        if run.entry(group, switch, False):
            raise BadInput(
                f"soil water cannot be prescribed with {switch} = T: {reason}, and JULES stops",
                where=run.namelists.place(group),
                remedy=f"write {group} = {{{switch} = false}} in [jules.set], or use another way than 'prescribed'",
            )
    for n, group_entries in enumerate(run.namelists.all(_GROUP)):
        names = group_entries.get("var", [])
        if n < int(run.entry("jules_prescribed", "n_datasets", 0)) and "sthuf" in np.atleast_1d(names):
            raise BadInput(
                "the run already prescribes sthuf", where=run.namelists.place(_GROUP), remedy="remove that data set"
            )


def _check_coverage(run: RunFolder, start: Moment, period: float, n_times: int, interp: str, file: Path) -> None:
    # linear interpolation needs the next value, so that the last period is not covered
    end = start + timedelta(seconds=(n_times - (interp == "i")) * period)
    moments = [run.start, run.end, *(run.log(None).spin_up or ())]
    if start > min(moments) or end < max(moments):
        raise BadInput(
            f"the file covers {start:{_FORMAT}} to {end:{_FORMAT}}, but the run needs {min(moments):{_FORMAT}} to {max(moments):{_FORMAT}}",
            where=file,
            remedy="give a file that covers the run and its spin-up, or shorten the run with [run] start and end",
        )
    if period % run.timestep:
        raise BadInput(
            f"the period of {period:g} s is not a multiple of the time step of {run.timestep:g} s",
            where=file,
            remedy="give a period of whole time steps",
        )


def _checked_levels(run: RunFolder, names: list[str], levels: Sequence[int] | None, file: Path) -> Sequence[int] | None:
    layers = len(run.dzsoil)
    if levels is None or sorted(levels) == list(range(1, layers + 1)):
        return None
    if names != ["sthuf"]:
        raise BadInput(
            f"only sthuf can be prescribed for single layers, but the file has {', '.join(names)}",
            where=file,
            remedy="leave out levels, or remove the other variables",
        )
    if min(levels) < 1 or max(levels) > layers or len(set(levels)) < len(levels):
        raise BadInput(
            f"levels are {', '.join(map(str, levels))}, but the run has layers 1 to {layers}",
            where="jules.prescribed.levels",
            remedy=f"give different numbers from 1 to {layers}",
        )
    return levels


def _checked_layers(run: RunFolder, values: xr.DataArray, file: Path) -> np.ndarray:
    refuse_unusable(values, file)
    array = np.asarray(values.to_numpy(), dtype=np.float64)
    if array.ndim < 2 or array.shape[1] != len(run.dzsoil):
        raise BadInput(
            f"{values.name} has dimensions {dict(values.sizes)}, but the run has {len(run.dzsoil)} soil layers",
            where=file,
            remedy="give (time, soil, …) with all layers of the run (dzsoil_io of JULES_SOIL)",
        )
    grid = run.grid.shape
    single_point = array.ndim == 2 + len(grid) and all(n == 1 for n in array.shape[2:])
    return array.reshape(array.shape[:2]) if single_point else array


class PrescribedWay:
    """Way ``prescribed``: time series of soil state from a netCDF file in JULES_PRESCRIBED_DATASET."""

    order = 2
    kinds = ()

    def swap(self, experiment: Experiment, run: RunFolder, executable: Path | None) -> list[str]:
        """Prescribe the file of ``[jules.prescribed]``; see :class:`jules_ml.learned.uses.Way`."""
        section = experiment.required(experiment.jules, "jules")
        if section.prescribed is None:
            raise BadInput(
                "no file to prescribe is given",
                where=f"{experiment.file}, run.via",
                remedy="give [jules.prescribed] file, e.g. from 'jules-ml export --to prescribed'",
            )
        prescribed = section.prescribed
        return swap_prescribed(run, prescribed.file, levels=prescribed.levels, interp=prescribed.interp)


WAY = PrescribedWay()
