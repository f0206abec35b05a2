"""Soil carbon of a map, as ``cs`` for JULES_INITIAL and organic carbon of the topsoil for learned hydraulics."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from jules_ml.jules.export.map_figures import MapSample, carbon_map_figure
from jules_ml.jules.export.map_file import FLAG_FILL, MapField, new_map
from jules_ml.jules.export.map_points import RangeCount, map_points, required_inputs, with_inputs
from jules_ml.jules.input_files import FILL
from jules_ml.learned.carbon.places import carbon_at, static_inputs, training_range
from jules_ml.learned.carbon.signatures import SIGNATURES
from jules_ml.learned.maps.static import open_static_map
from jules_ml.learned.store import read_module_folder
from jules_ml.learned.uses import Exported, MapRequest
from jules_ml.support.figures import save_figure
from jules_ml.support.progress import Progress

#: Files of an exported map.
CARBON_MAP: Final = "soil_carbon.nc"
RANGE_MAP: Final = "training_range.nc"
_FIELDS: Final = {
    "cs": MapField("kg m-2", "soil carbon of the column", {"scpool": 1, "sclayer": 1}),
    "soc_density": MapField("kg m-3", "organic carbon density of the topsoil"),
    "soc_density_low": MapField("kg m-3", "lower bound of organic carbon density"),
    "soc_density_high": MapField("kg m-3", "upper bound of organic carbon density"),
}
#: Why a module has no input that a map can have, and the remedy.
_MOIST: Final = (
    "all its inputs are signatures of soil moisture, which a map does not have",
    "give a module with climate, topography or land cover among its inputs",
)


def export_carbon_map(folder: Path, out: Path, request: MapRequest, *, progress: Progress | None = None) -> Exported:
    """Predict the soil carbon of all points of a map, part by part.

    Parameters
    ----------
    folder : Path
        Module folder of soil carbon.
    out : Path
        Folder for the files.
    request : MapRequest
        ``grid``, ``names`` and ``leave_out`` are used.
    progress : callable, optional
        See :class:`~jules_ml.support.progress.Progress`.

    Returns
    -------
    Exported
        :data:`CARBON_MAP`, :data:`RANGE_MAP` and a figure.

    Raises
    ------
    BadInput
        If the folder is no carbon module, or a file of the map cannot be used.
    """
    state, card = read_module_folder(folder, kind="carbon")
    names = static_inputs(card)
    flags_fields = {
        name: MapField("1", f"{name} relative to the training sites", dtype="i1", flags="inside below above missing")
        for name in names
    }
    title = f"soil carbon by {folder.name}, without soil moisture"
    with open_static_map(request.grid, names=request.names, leave_out=request.leave_out) as static:
        present = required_inputs(static, names, folder, request.grid, without=_MOIST)
        attributes = {"title": title, "origin": f"predicted from {', '.join(present)}"}
        points = map_points(static, None, None)
        count, sample = RangeCount(names), MapSample(points.grid, ())
        with (
            new_map(out / CARBON_MAP, points.grid, _FIELDS, attributes=attributes) as file,
            new_map(
                out / RANGE_MAP, points.grid, flags_fields, attributes={"title": f"inputs of {title}"}
            ) as flag_file,
        ):
            for start, stop in points.parts():
                inputs = points.read(start, stop)
                use = with_inputs(inputs, present)
                here = {name: values[use] for name, values in inputs.items()}
                carbon = carbon_at(state, card, here)
                flags = training_range(state, card, here)
                count.add(flags)
                chosen, place = sample.shown(start, stop, use)
                for name, values in carbon.items():
                    full = np.full(stop - start, FILL)
                    full[use] = values
                    file.write(name, start, stop, full[None, None] if name == "cs" else full)
                    sample.put(name, "carbon", place, values[chosen])
                for name, row in zip(names, flags, strict=True):
                    flagged = np.full(stop - start, FLAG_FILL, dtype=np.int8)
                    flagged[use] = row
                    flag_file.write(name, start, stop, flagged)
                if progress is not None:
                    progress("map", stop, points.grid.size)
        count.refuse_none(present, request.grid, None)
        of_points = count.notes(
            points.grid.size,
            present,
            replaced="the median of the training sites",
            outside=f"more than 3 standard deviations from their mean, where that is taken ({RANGE_MAP})",
            rest="have the fill value",
        )
        notes = [*static.notes, *of_points]
    figure = save_figure(carbon_map_figure(sample), out / "figures" / "soil_carbon.png")
    if any(name in SIGNATURES for name in card["inputs"]):
        notes.append(f"soil moisture is not used: the regression without it predicts carbon from {', '.join(present)}")
    if any(key.startswith("bulk_density.") for key in state):
        notes.append(
            "bulk density is that of the map, or else of a mixture of organic and mineral matter; the export of sites has that of the "
            "fitted regression, which needs soil moisture"
        )
    notes.append("cs is of one pool and one layer: with four pools, the spin-up of JULES partitions it")
    return Exported([out / CARBON_MAP, out / RANGE_MAP, figure], tuple(notes))
