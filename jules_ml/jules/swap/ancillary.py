"""Way ``ancillary``: soil properties from a file, by JULES_SOIL_PROPS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from jules_ml.column.learned_soil import with_learned_soil
from jules_ml.data.model_variables import check_model_values
from jules_ml.data.netcdffile import read_netcdf
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.jules.export.map_file import SOIL_MAP
from jules_ml.jules.input_files import write_ancillary
from jules_ml.jules.run_folder import SWAPPED, RunFolder
from jules_ml.jules.run_points import run_points
from jules_ml.jules.soil_properties import GROUP, original_values, refuse_unusable, without_time
from jules_ml.jules.swap.map_points import at_points, matched_points, refuse_missing_land
from jules_ml.jules.variable_lists import ListedVariable, from_file, list_entries, read_list
from jules_ml.learned.hydraulics.soil_section import column_soil
from jules_ml.physics.column import SoilProperties
from jules_ml.physics.hydraulics import VAN_GENUCHTEN
from jules_ml.physics.soil_names import LAYERED, RESIDUAL

#: File that is written into the new run folder.
SOIL_FILE = "soil_properties.nc"
_FORMS = {True: "van_genuchten", False: "clapp_hornberger"}


def swap_ancillary(run: RunFolder, properties: Mapping[str, ArrayLike], *, form: str | None, source: str) -> list[str]:
    """Swap soil properties into a run by an ancillary file.

    Parameters
    ----------
    run : RunFolder
        Staged run folder; its namelists are edited and the file is written into it.
    properties : mapping of str to array
        Values by JULES's names, as for :func:`~jules_ml.jules.input_files.write_ancillary`. Other properties are unchanged.
    form : {'van_genuchten', 'clapp_hornberger'} or None
        Hydraulic form to which the parameters belong; None if unknown.
    source : str
        Source of the properties, for the file and for messages.

    Returns
    -------
    list of str
        Notes on the changes.

    Raises
    ------
    BadInput
        If the properties do not fit the layers, the grid or the hydraulic form of the run, or if each surface tile of the run has its
        own soil.
    """
    place = run.namelists.place(GROUP)
    if run.entry("jules_soil", "l_tile_soil", False) and not run.entry("jules_soil", "l_broadcast_ancils", False):
        raise BadInput(
            "each surface tile of the run has its own soil (l_tile_soil), but the properties are for one soil",
            where=run.namelists.place("jules_soil"),
            remedy="set l_broadcast_ancils = T in JULES_SOIL, or l_tile_soil = F",
        )
    if form is not None and form != _FORMS[run.van_genuchten]:
        switch = "true" if form == "van_genuchten" else "false"
        raise BadInput(
            f"the properties are for {form}, but the run uses {_FORMS[run.van_genuchten]} (l_vg_soil)",
            where=run.namelists.place("jules_soil"),
            remedy=f"write jules_soil = {{l_vg_soil = {switch}}} in [jules.set], or give properties of the other form",
        )
    layers = len(run.dzsoil)
    for name in properties:
        if name in (*LAYERED, *RESIDUAL) and np.shape(properties[name])[:1] != (layers,):
            raise BadInput(
                f"{name} has {np.shape(properties[name])[0] if np.ndim(properties[name]) else 'no'} layers, but the run has {layers} "
                f"(dzsoil_io = {', '.join(f'{dz:g}' for dz in run.dzsoil)})",
                where=source,
                remedy="give the properties on the layers of the run",
            )
    group = run.namelists.get(GROUP)
    original = read_list(group)
    if group.get("read_from_dump"):
        original = [ListedVariable(name) for name in properties if name not in RESIDUAL]
    other_values = {
        v.name: original_values(run, v, original)
        for v in original
        if v.name not in properties and v.use_file and not group.get("read_from_dump")
    }
    path = run.folder / SWAPPED / SOIL_FILE
    land = run_points(run).land
    write_ancillary(path, {**other_values, **properties}, grid=run.grid, form=form, title=source, land=land)
    # JULES does not read residual water, so that it is only in the file
    properties = {name: values for name, values in properties.items() if name not in RESIDUAL}
    variables = [from_file(v) if v.name in properties or v.name in other_values else v for v in original]
    variables += [ListedVariable(name, var_name=name) for name in properties if name not in {v.name for v in variables}]
    missing = [name for name in (*LAYERED, "albsoil") if name not in {v.name for v in variables}]
    if missing:
        raise BadInput(
            f"{', '.join(missing)} are missing from the run and from the properties that are swapped in",
            where=place,
            remedy="add them to JULES_SOIL_PROPS, e.g. as constants",
        )
    # file templates belong to the original file
    variables = [replace(v, var_name=v.var_name or v.name) for v in variables]
    entries = {**list_entries(variables), "file": f"{SWAPPED}/{SOIL_FILE}", "const_z": False, "read_from_dump": False}
    if group.get("read_list"):
        # from JULES 7.8 on, file is then a list of files
        entries["read_list"] = False
    run.namelists.set(GROUP, entries)
    notes = [f"soil properties from {source}: {', '.join(properties)}"]
    if "sm_sat" in properties and not run.entry("jules_initial", "dump_file", False):
        notes.append(
            "the initial soil water is a fraction of saturation, so that a new sm_sat changes the amount of water"
        )
    return notes


def read_ancillary(path: Path, run: RunFolder) -> tuple[dict[str, NDArray[np.float64]], str | None]:
    """Read soil properties from a file of :func:`~jules_ml.jules.input_files.write_ancillary`.

    Parameters
    ----------
    path : Path
    run : RunFolder
        Run whose points the file has. They are matched by latitude and longitude if both have them; otherwise the grids must be equal. A
        file with a single point is also accepted.

    Returns
    -------
    properties : dict of str to array
    form : str or None
        Hydraulic form, the attribute ``hydraulic_form`` of the file.

    Raises
    ------
    BadInput
        If the file cannot be read, has no soil properties or not the points of the run, or a value is missing or outside its range.
    """
    ds = read_netcdf(path, kind="an ancillary of soil properties")
    names = [str(name) for name in ds.data_vars if str(name) in (*LAYERED, *RESIDUAL, "albsoil", "clay")]
    if not names:
        raise BadInput(
            f"the file has no soil properties, only {', '.join(map(str, ds.data_vars)) or 'none'}",
            where=path,
            remedy=f"give a file with {', '.join(LAYERED)}",
        )
    points = run_points(run)
    for name in names:
        refuse_unusable(ds[name], path, missing=points.land is not None or "latitude" in ds)
    matched = matched_points(ds, points, run, path)
    properties = {}
    for name in names:
        if matched is None:
            _refuse_other_dims(ds[name], run, path)
            properties[name] = _single_point(without_time(ds[name], run), run)
        else:
            properties[name] = at_points(ds[name], matched, ds["latitude"].dims, run, path)
        refuse_missing_land(properties[name], points, run, where=f"{path}, variable {name}")
        check_model_values(name, properties[name], where=path)
    form = ds.attrs.get("hydraulic_form")
    return properties, None if form is None else str(form)


def _refuse_other_dims(values: xr.DataArray, run: RunFolder, path: Path) -> None:
    """Refuse a variable with a dimension that the run does not have."""
    known = {run.grid.time_dim, run.grid.soil_dim, run.grid.carbon_dim, *run.grid.dims}
    unknown = [str(dim) for dim in values.dims if dim not in known]
    if unknown:
        raise BadInput(
            f"the dimension {unknown[0]} is not one of the run",
            where=f"{path}, variable {values.name}",
            remedy=f"give the file dimensions {run.grid.soil_dim}, {', '.join(run.grid.dims)}, or latitude and longitude",
        )


def _single_point(values: NDArray[np.float64], run: RunFolder) -> NDArray[np.float64]:
    """Remove the dimensions of the grid if the file has a single point."""
    n_grid = len(run.grid.shape)
    single_point = values.ndim > n_grid and all(n == 1 for n in values.shape[-n_grid:])
    return values.reshape(values.shape[: values.ndim - n_grid]) if single_point else values


class AncillaryWay:
    """Way ``ancillary``: soil properties from a netCDF file in JULES_SOIL_PROPS."""

    order = 1
    kinds = ("hydraulics",)

    def swap(self, experiment: Experiment, run: RunFolder, executable: Path | None) -> list[str]:
        """Swap in the soil of ``[jules] ancillary``, ``[modules] hydraulics`` or ``[soil]``; see :class:`jules_ml.learned.uses.Way`."""
        return _swap(experiment, run)


def _swap(experiment: Experiment, staged: RunFolder) -> list[str]:
    section = experiment.required(experiment.jules, "jules")
    module = experiment.modules.hydraulics
    in_folder = section.ancillary is not None and section.ancillary.is_dir()
    if section.ancillary is not None and module is not None and not in_folder:
        raise BadInput(
            f"soil properties are given by both {section.ancillary.name} and {module.name}",
            where=f"{experiment.file}, jules.ancillary",
            remedy="leave out [jules] ancillary or [modules] hydraulics",
        )
    if section.ancillary is not None:
        # the folder of an exported map
        file = section.ancillary / SOIL_MAP if in_folder else section.ancillary
        properties, form = read_ancillary(file, staged)
        return swap_ancillary(staged, properties, form=form, source=file.name)
    source = f"[soil] of {experiment.file.name}" if module is None else module.name
    experiment, notes = with_learned_soil(experiment, dzsoil=staged.dzsoil)
    if experiment.soil is None:
        raise BadInput(
            "no soil properties to swap in are given",
            where=f"{experiment.file}, run.via",
            remedy="give [modules] hydraulics, [jules] ancillary (from 'jules-ml export --to ancillary') or a section [soil]",
        )
    if experiment.soil.dzsoil != staged.dzsoil:
        raise BadInput(
            f"[soil] has layers of {experiment.soil.dzsoil} m, but the run has layers of {staged.dzsoil} m",
            where=f"{experiment.file}, soil.dzsoil",
            remedy="give the soil on the layers of the run (dzsoil_io of JULES_SOIL)",
        )
    soil = column_soil(experiment.soil, torch.float64, where=str(experiment.file))
    values: Mapping[str, NDArray[np.float64]] = {
        name: getattr(soil.properties, name).flatten().expand(len(staged.dzsoil)).numpy()
        for name in SoilProperties._fields
    }
    values = {**values, "theta_r": soil.theta_r.flatten().expand(len(staged.dzsoil)).numpy()}
    form = "van_genuchten" if soil.form is VAN_GENUCHTEN else "clapp_hornberger"
    return [*notes, *swap_ancillary(staged, values, form=form, source=source)]


WAY = AncillaryWay()
