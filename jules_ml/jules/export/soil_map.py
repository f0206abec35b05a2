"""Soil properties by learned hydraulics for a map, as ancillaries for JULES_SOIL_PROPS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import netCDF4
import numpy as np
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.jules.export.map_figures import MapSample, save_map_figures
from jules_ml.jules.export.map_file import (
    FLAG_FILL,
    MEMBER_MAP,
    SOIL_MAP,
    CopiedMap,
    MapField,
    NewMap,
    Template,
    copied_map,
    new_map,
    read_template,
)
from jules_ml.jules.export.map_points import (
    MapPoints,
    RangeCount,
    map_points,
    require_soil,
    required_inputs,
    with_inputs,
)
from jules_ml.jules.input_files import FILL
from jules_ml.learned.hydraulics.network import LearnedHydraulics
from jules_ml.learned.hydraulics.places import PlaceSoils, properties_at, training_range
from jules_ml.learned.hydraulics.store import load_hydraulics
from jules_ml.learned.maps.flags import INSIDE, MISSING
from jules_ml.learned.maps.names import ALBSOIL
from jules_ml.learned.maps.static import StaticMap, open_netcdf, open_static_map
from jules_ml.learned.uses import Exported, MapRequest
from jules_ml.physics.soil_names import LAYERED, RESIDUAL
from jules_ml.support.progress import Progress

_Array = NDArray[np.float64]
_Mask = NDArray[np.bool_]

#: Further files of an exported map.
SPREAD_MAP: Final = "soil_properties_spread.nc"
RANGE_MAP: Final = "training_range.nc"
_PROPERTIES: Final = LAYERED | RESIDUAL
_FORM: Final = "van_genuchten"
#: Why a module has no inputs, and the remedy.
_SAME: Final = (
    "the module has no inputs: it is the soil of its training site, the same everywhere",
    "give a module that was fitted to several sites",
)


def export_soil_map(folder: Path, out: Path, request: MapRequest, *, progress: Progress | None = None) -> Exported:
    """Predict the soil properties of all points of a map, part by part.

    Parameters
    ----------
    folder : Path
        Module folder of learned hydraulics.
    out : Path
        Folder for the files.
    request : MapRequest
    progress : callable, optional
        See :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    Exported
        :data:`SOIL_MAP`, soil of the ensemble; with ``members`` :data:`MEMBER_MAP` of each; :data:`SPREAD_MAP`, the standard deviation over
        the members; :data:`RANGE_MAP`, the inputs that are missing or outside the training range; and figures.

    Raises
    ------
    BadInput
        If the folder is no module of hydraulics for several sites, or a file of the map cannot be used.
    """
    network, card = load_hydraulics(folder)
    dzsoil = request.dzsoil or tuple(card["dzsoil"])
    with (
        open_static_map(request.grid, names=request.names, leave_out=request.leave_out) as static,
        ExitStack() as stack,
    ):
        present = required_inputs(static, network.inputs, folder, request.grid, without=_SAME)
        require_soil(present, network.inputs, request.grid)
        template = None if request.like is None else read_template(request.like, static.grid, _FORM)
        if template is not None and template.layers != len(dzsoil):
            raise BadInput(
                f"it has {template.layers} soil layers, and the export {len(dzsoil)} (of {', '.join(map(str, dzsoil))} m)",
                where=request.like,
                remedy="give the thickness of its layers with --dzsoil",
            )
        points = map_points(static, None if template is None else template.grid, request.like)
        files = _open_files(stack, out, points, template, network, request, dzsoil, folder.name)
        count = RangeCount(network.inputs)
        sample = MapSample(points.grid, dzsoil)
        for start, stop in points.parts():
            _export_part(files, points, network, present, dzsoil, (start, stop), count, sample)
            if progress is not None:
                progress("map", stop, points.grid.size)
        count.refuse_none(present, request.grid, request.like)
        notes = _notes(static, count, points, present, template)
    figures = save_map_figures(sample, out / "figures", progress=progress)
    return Exported([*files.paths, *figures], tuple(notes))


@dataclass(eq=False)
class _Files:
    """Files that are being written."""

    mean: NewMap | CopiedMap
    members: list[NewMap | CopiedMap]
    spread: NewMap | None
    flags: NewMap
    paths: list[Path]
    like: netCDF4.Dataset | None = field(repr=False)
    template: Template | None = None

    def soil_mask(self, start: int, stop: int) -> _Mask | None:
        """Points with soil in the ancillary; None without one."""
        if self.template is None or self.like is None:
            return None
        return self.template.has_soil(self.like, start, stop)


def _open_files(
    stack: ExitStack,
    out: Path,
    points: MapPoints,
    template: Template | None,
    network: LearnedHydraulics,
    request: MapRequest,
    dzsoil: Sequence[float],
    module: str,
) -> _Files:
    """Create the files of the export."""
    paths: list[Path] = []
    n_members = len(network.level)

    def new(name: str, fields: Mapping[str, MapField], title: str) -> NewMap:
        paths.append(out / name)
        return stack.enter_context(new_map(out / name, points.grid, fields, attributes=_attributes(title, dzsoil)))

    def soil(name: str, title: str) -> NewMap | CopiedMap:
        if template is not None:
            paths.append(out / name)
            return stack.enter_context(copied_map(out / name, template, attributes=_attributes(title, dzsoil)))
        fields = _layered_fields(len(dzsoil))
        if ALBSOIL in points.static.names:
            fields[ALBSOIL] = MapField("1", "albedo of bare soil")
        return new(name, fields, title)

    of = f"soil properties by {module}, for JULES_SOIL_PROPS"
    mean = soil(SOIL_MAP, of)
    members: list[NewMap | CopiedMap] = []
    if request.members:
        members = [soil(MEMBER_MAP.format(k + 1), f"{of}: member {k + 1} of {n_members}") for k in range(n_members)]
    spread = None
    if n_members > 1:
        title = f"standard deviation of {of} over {n_members} members"
        spread = new(SPREAD_MAP, _layered_fields(len(dzsoil), "f4"), title)
    flags = new(RANGE_MAP, _flag_fields(network), f"inputs of {module} relative to their training range")
    like = None if template is None else stack.enter_context(open_netcdf(template.path))
    return _Files(mean, members, spread, flags, paths, like, template)


def _attributes(title: str, dzsoil: Sequence[float]) -> dict[str, str]:
    layers = ", ".join(f"{dz:g}" for dz in dzsoil)
    return {"title": title, "hydraulic_form": _FORM, "dzsoil": f"{layers} m"}


def _layered_fields(layers: int, dtype: str = "f8") -> dict[str, MapField]:
    return {
        name: MapField(units, long_name, {"soil": layers}, dtype) for name, (units, long_name) in _PROPERTIES.items()
    }


def _flag_fields(network: LearnedHydraulics) -> dict[str, MapField]:
    flags = "inside below above missing"
    each = {
        name: MapField("1", f"{name} relative to the training range", dtype="i1", flags=flags)
        for name in network.inputs
    }
    return {**each, "n_outside": MapField("1", "number of inputs below or above the training range", dtype="i1")}


def _export_part(
    files: _Files,
    points: MapPoints,
    network: LearnedHydraulics,
    present: Sequence[str],
    dzsoil: Sequence[float],
    part: tuple[int, int],
    count: RangeCount,
    sample: MapSample,
) -> None:
    """Read, predict and write a range of points."""
    start, stop = part
    inputs = points.read(start, stop)
    use = with_inputs(inputs, present, files.soil_mask(start, stop))
    here = {name: values[use] for name, values in inputs.items()}
    several = files.spread is not None
    soils = properties_at(network, here, dzsoil, members=several)
    spread = {name: values.std(axis=0) for name, values in soils.members.items()}
    _write_soil(files.mean, soils.mean, part, use, inputs)
    for k, member in enumerate(files.members):
        _write_soil(member, _member(soils, k), part, use, inputs)
    if files.spread is not None:
        _write_soil(files.spread, spread, part, use, {})
    flags = training_range(network, here)
    count.add(flags)
    _write_flags(files.flags, network.inputs, flags, part, use)
    sample.add_soil(start, stop, use, soils.mean, spread, here)


def _member(soils: PlaceSoils, k: int) -> dict[str, _Array]:
    return {name: values[k] for name, values in soils.members.items()} if soils.members else soils.mean


def _write_soil(
    file: NewMap | CopiedMap,
    soil: Mapping[str, _Array],
    part: tuple[int, int],
    use: _Mask,
    inputs: Mapping[str, _Array],
) -> None:
    """Write a range of points; points without a prediction keep the fill value, or that of the ancillary."""
    start, stop = part
    for name, values in soil.items():
        full = np.full((len(values), stop - start), FILL)
        full[:, use] = values
        if isinstance(file, CopiedMap):
            file.write(name, start, stop, full, use)
        else:
            file.write(name, start, stop, full)
    if isinstance(file, NewMap) and ALBSOIL in file.file.variables and ALBSOIL in inputs:
        albedo = np.where(use, inputs[ALBSOIL], np.nan)
        file.write(ALBSOIL, start, stop, np.nan_to_num(albedo, nan=FILL))


def _write_flags(
    file: NewMap, names: Sequence[str], flags: NDArray[np.int8], part: tuple[int, int], use: _Mask
) -> None:
    start, stop = part
    outside = ((flags != INSIDE) & (flags != MISSING)).sum(axis=0)
    for name, values in [*zip(names, flags, strict=True), ("n_outside", outside)]:
        full = np.full(stop - start, FLAG_FILL, dtype=np.int8)
        full[use] = values
        file.write(name, start, stop, full)


def _notes(
    static: StaticMap, count: RangeCount, points: MapPoints, present: Sequence[str], template: Template | None
) -> list[str]:
    """Notes for the user on the inputs and on what JULES needs in addition."""
    of_points = count.notes(
        points.grid.size,
        present,
        replaced="the mean of the training sites",
        outside=f"where the nearest value within is taken ({RANGE_MAP})",
        rest="have the fill value" if template is None else f"keep the values of {template.path.name}",
    )
    notes = [*static.notes, *of_points]
    if template is not None and template.form is None:
        notes.append(f"{template.path.name} states no hydraulic_form: the values that it keeps must be van Genuchten's")
    if template is None and ALBSOIL not in static.names:
        notes.append(
            "the map has no albsoil, which JULES needs: via = 'ancillary' keeps that of the run; --like keeps it too"
        )
    notes.append("the curves are van Genuchten's: the run needs l_vg_soil = T")
    return notes
