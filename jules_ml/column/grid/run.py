"""``jules-ml run`` with ``[grid]``: the column at all land points of a grid."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from jules_ml.column.grid.blocks import (
    Block,
    BlockFiles,
    blocks_of_rank,
    divide,
    read_manifest,
    width_of,
    write_manifest,
)
from jules_ml.column.grid.engine import PointRun, output_rows, run_blocks, unsound_columns
from jules_ml.column.grid.fingerprint import run_fingerprint
from jules_ml.column.grid.maps import Layout, Means, create_zarr, write_netcdf, write_zarr_parts
from jules_ml.column.grid.model import GridModel
from jules_ml.column.grid.team import Team
from jules_ml.errors import BadInput, RunFailed
from jules_ml.physics.land_surface.properties import LandSurface
from jules_ml.support.files import atomic_write
from jules_ml.support.output_folder import Contents, held_folder
from jules_ml.support.progress import Progress, counted
from jules_ml.support.provenance import software

#: Folder of an unfinished run within its output folder.
UNFINISHED: Final = "unfinished"
NETCDF, ZARR, SUMMARY, _EXPERIMENT = "grid.nc", "grid.zarr", "run_summary.json", "experiment.toml"
#: Written by :func:`jules_ml.comparison.grid_report.report_grid`.
_REPORT: Final = "report.html"
#: Contents of the folder of a run on a grid.
GRID_RUN: Final = Contents(
    "a run on a grid", (SUMMARY, UNFINISHED), (NETCDF, ZARR, SUMMARY, _EXPERIMENT, _REPORT, "figures", UNFINISHED)
)


@dataclass(frozen=True, eq=False)
class GridRun:
    """Result of a run on a grid.

    Attributes
    ----------
    layout : Layout
    means : Means
    files : tuple of Path
        Files written.
    summary : dict
        As in ``run_summary.json``.
    notes : tuple of str
        Messages for the user.
    """

    layout: Layout
    means: Means
    files: tuple[Path, ...]
    summary: dict[str, Any]
    notes: tuple[str, ...]


def run_grid(
    model: GridModel,
    out: Path,
    *,
    team: Team | None = None,
    resume: bool = False,
    text: str = "",
    progress: Progress | None = None,
) -> GridRun | None:
    """Run a model on a grid, and write its output, summary and figure.

    Parameters
    ----------
    model : GridModel
    out : Path
        Output folder. An unfinished run is in its folder ``unfinished``; results of an earlier run remain until this one has ended.
    team : Team, optional
        Ranks that share the run; the results are the same to the last bit for any number of them.
    resume : bool
        Continue an unfinished run.
    text : str
        Text of the experiment, which is copied to the folder.
    progress : callable, optional
        Receives how far all ranks have got.

    Returns
    -------
    GridRun or None
        None on ranks other than 0.

    Raises
    ------
    BadInput
        If the folder has an unfinished run and ``resume`` is not set, or the run to be continued differs; as :class:`FileDriving`.
    RunFailed
        If all points became numerically unstable, or the disk is full.
    """
    team = team or Team()
    torch.set_num_threads(1)
    if not team.leads:
        _work(model, out, team, *team.follow())
        return None
    GRID_RUN.refuse_others(out)
    out.mkdir(parents=True, exist_ok=True)
    with held_folder(out):
        began = time.perf_counter()
        blocks = _prepare(model, out / UNFINISHED, team.size, resume)
        width = width_of(blocks)
        team.follow((blocks, width))
        bad, means, layout = _work(model, out, team, blocks, width, progress=progress)
        return _finish(model, out, layout, means, bad, text=text, seconds=time.perf_counter() - began, team=team)


def _prepare(model: GridModel, folder: Path, ranks: int, resume: bool) -> list[Block]:
    """Make the folder of the run, and divide the points; or read how an unfinished run has divided them."""
    manifest = read_manifest(folder)
    fingerprint = run_fingerprint(model)
    if manifest is not None and not resume:
        raise BadInput(
            "the folder has an unfinished run",
            where=folder,
            remedy="continue it with --resume, remove this folder, or give another folder with --out",
        )
    if manifest is None and resume:
        raise BadInput("there is no unfinished run", where=folder, remedy="leave out --resume")
    if manifest is not None:
        if manifest["fingerprint"] != fingerprint or manifest["points"] != model.land.points.size:
            raise BadInput(
                "the experiment, a file that it reads, the version of jules_ml or whether the step is compiled has changed since the "
                "unfinished run was started",
                where=folder,
                remedy="restore what that run had, or remove this folder and leave out --resume",
            )
        ends = manifest["ends"]
    else:
        ends = [block.stop for block in divide(model.land.points.size, model.block, ranks)]
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        write_manifest(folder, {"fingerprint": fingerprint, "points": model.land.points.size, "ends": ends})
    return [Block(k, start, stop) for k, (start, stop) in enumerate(zip([0, *ends], ends, strict=False))]


def _work(
    model: GridModel, out: Path, team: Team, blocks: Sequence[Block], width: int, *, progress: Progress | None = None
) -> tuple[list[int], Means, Layout]:
    """Integrate the blocks of this rank, wait for the others, and write the maps together."""
    run = PointRun(
        model.land.column,
        model.land.state,
        model.driving,
        model.timetable,
        model.outputs,
        model.spin_up,
        width,
        model.weather,
        model.compiled,
        model.device,
    )
    files = BlockFiles(out / UNFINISHED)
    own = blocks_of_rank(blocks, team.rank, team.size)
    total = model.land.points.size * sum(segment.steps for segment in model.timetable.segments)
    states = run_blocks(run, own, files, on_steps=team.counted(counted(progress, "run", total)))
    bad = [int(k) for block, each in zip(own, states, strict=True) for k in unsound_columns(block, each)]
    gathered = team.gathered(bad)
    layout = Layout(
        model.land.points,
        tuple(blocks),
        output_rows(run),
        model.timetable.bounds,
        tuple(model.land.column.dzsoil.flatten().tolist()),
        model.attrs,
        _saturation(model),
        model.land.column.surface.types.names if isinstance(model.land.column.surface, LandSurface) else (),
    )
    means = _write_maps(model, layout, files, team, progress)
    return [k for each in gathered or [] for k in each], means, layout


def _saturation(model: GridModel) -> NDArray[np.float32]:
    """Water content at saturation, shape (soil, point): water content is its product with sthu."""
    layers = model.land.column.dzsoil.shape[0]
    return model.land.column.soil.sm_sat.expand(layers, model.land.points.size).float().numpy()


def _write_maps(model: GridModel, layout: Layout, files: BlockFiles, team: Team, progress: Progress | None) -> Means:
    """Write the maps: rank 0 alone to netCDF, all ranks to Zarr, each its own chunks."""
    report = None if progress is None else (lambda done, total: progress("maps", done, total))
    if model.format == "netcdf":
        means = Means()
        if team.leads:
            with atomic_write(files.folder.parent / NETCDF) as part:
                means = write_netcdf(layout, files, part, on_part=report)
        team.follow()
        return means
    path = files.folder / ZARR
    if team.leads:
        create_zarr(layout, path)
    team.follow()
    parts = layout.parts[team.rank :: team.size]
    means = write_zarr_parts(layout, files, path, parts, on_part=report)
    joined = Means()
    for each in team.gathered(means) or []:
        joined.join(each)
    if team.leads:
        final = files.folder.parent / ZARR
        shutil.rmtree(final, ignore_errors=True)
        os.replace(path, final)
    return joined


def _finish(
    model: GridModel,
    out: Path,
    layout: Layout,
    means: Means,
    bad: Sequence[int],
    *,
    text: str,
    seconds: float,
    team: Team,
) -> GridRun:
    """Write summary and figure, and remove the folder of the unfinished run."""
    from jules_ml.column.grid.figures import grid_figure
    from jules_ml.support.figures import save_figure

    notes = list(model.notes)
    if bad:
        at = bad[0]
        points = model.land.points
        place = f"the first at {points.latitude[at]:.4f}, {points.longitude[at]:.4f}"
        message = f"{len(bad)} of {points.size} points became numerically unstable, {place}"
        if len(bad) == points.size:
            raise RunFailed(f"{message}; check soil properties, units of the driving data and run.timestep")
        notes.append(f"{message}: check their soil, or give a shorter run.timestep")
    summary: dict[str, Any] = {
        "software": software(),
        "points": layout.land.size,
        "grid": list(layout.land.grid.shape),
        "start": f"{layout.bounds[0]:%Y-%m-%dT%H:%M:%SZ}",
        "end": f"{layout.bounds[-1]:%Y-%m-%dT%H:%M:%SZ}",
        "periods": layout.periods,
        "ranks": team.size,
        "blocks": len(layout.blocks),
        "compiled": model.compiled,
        "wall_seconds": round(seconds, 2),
        "unstable_points": [int(layout.land.number[k]) for k in bad],
        "notes": notes,
        "means": {name: float(np.round(series.mean(), 10)) for name, series in means.series.items()},
    }
    files = [out / (NETCDF if model.format == "netcdf" else ZARR), out / SUMMARY]
    # a result of an earlier run in the other format is not that of this summary
    if model.format == "netcdf":
        shutil.rmtree(out / ZARR, ignore_errors=True)
    else:
        (out / NETCDF).unlink(missing_ok=True)
    with atomic_write(out / SUMMARY) as part:
        part.write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if text:
        with atomic_write(out / _EXPERIMENT) as part:
            part.write_text(text, encoding="utf-8")
        files.append(out / _EXPERIMENT)
    files.append(save_figure(grid_figure(layout, means), out / "figures" / "grid.png"))
    shutil.rmtree(out / UNFINISHED, ignore_errors=True)
    return GridRun(layout, means, tuple(files), summary, tuple(notes))
