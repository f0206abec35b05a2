"""Learned soil properties for maps: time and memory of 250 000 points, real stations as land points, and a cut in a real JULES.

The static map is synthetic, and marked so in its attributes. The module is a network ensemble that is only pre-trained, on the soil of
HYPRES: time depends on its size alone. The map is exported by the command, in a process of its own, whose peak memory is that of the
system's account.

The last claims take ``JULES_EXE``, ``JULES_VERSION`` and, where that JULES needs them, ``JULES_EXTRA_ENTRIES``, as ``experiments_jules.py``
does; "not measured" without.

Run as ``python benchmarks/hydraulics_maps.py [--quick]``.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import xarray as xr
from _claims import REPOSITORY, Claims, argument_parser
from _grid_runs import write_grid_run
from _jules_runs import branch_entries
from _static_maps import synthetic_map, write_map, write_soils_module
from _station_map import INPUTS, land_vector, station_places, write_station_module

from jules_ml.experiment import load_experiment
from jules_ml.jules.export.ancillary import export_ancillaries
from jules_ml.jules.export.map_file import SOIL_MAP
from jules_ml.jules.export.soil_map import RANGE_MAP, export_soil_map
from jules_ml.jules.input_files import InputGrid, write_ancillary
from jules_ml.jules.run import run_jules
from jules_ml.learned.uses import MapRequest
from jules_ml.physics.soil_names import LAYERED, RESIDUAL
from jules_ml.support.files import safe_file_names

#: Rows and columns of the map of the claim, its members, and the cut that JULES runs.
SIZE, MEMBERS, CUT = 560, 8, 32
QUICK_SIZE, QUICK_CUT = 120, 4
GIBIBYTE = 1024.0**3
_COMMAND = "from jules_ml.cli import main; main()"


def export_timed(module: Path, grid: Path, out: Path) -> tuple[float, float, float]:
    """Export a map with all members by the command, with one thread; wall-clock and processor time [s] and peak memory [GiB]."""
    command = [sys.executable, "-c", _COMMAND, "export", str(module), "--to", "ancillary", "--grid", str(grid)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
    start = time.perf_counter()
    process = subprocess.Popen([*command, "--members", "--out", str(out), "--quiet"], env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"the export failed with status {os.waitstatus_to_exitcode(status)}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024.0 / GIBIBYTE


def large_map(claims: Claims, work: Path, size: int) -> Path:
    """Export a large map, and check that its figures and files are there; return the map."""
    module = write_soils_module(work / "module", members=MEMBERS)
    grid = write_map(synthetic_map(size, size, kind="projected"), work / "static.nc")
    seconds, processor, memory = export_timed(module, grid, work / "map")
    with xr.open_dataset(work / "map" / SOIL_MAP) as ds:
        points, layers = int(ds["b"][0].notnull().sum()), ds.sizes["soil"]
    note = f"{points} land points of {size} x {size}, {layers} layers, {MEMBERS} members, all written, with figures; synthetic map"
    claims.check(
        "time of a map, whole command", seconds, "<=", 60.0, unit="s", note=f"{note}; processor time {processor:.0f} s"
    )
    claims.check("peak memory of a map, whole command", memory, "<=", 2.0, unit="GiB", note=note)
    if not claims.quick:
        quarter = write_map(synthetic_map(size // 4, size // 4, kind="projected"), work / "small.nc")
        least = export_timed(module, quarter, work / "small")[2]
        name = f"{(size // 4) ** 2} points: {least:.2f} GiB"
        claims.check("memory that 16 times the points add", memory - least, "<=", 0.3, unit="GiB", note=name)
    pictures = list((work / "map" / "figures").glob("*.png"))
    claims.check("map figures", len(pictures), ">=", len(LAYERED) + len(RESIDUAL), note="one for each soil property")
    if not claims.quick:
        target = REPOSITORY / "docs" / "images" / "hydraulics_map.png"
        shutil.copyfile(work / "map" / "figures" / "satcon.png", target)
    with xr.open_dataset(work / "map" / RANGE_MAP) as flags:
        outside = float((flags["n_outside"] > 0).sum() / flags["n_outside"].notnull().sum())
    claims.report("points with an input outside the training range", 100.0 * outside, unit="%")
    return work / "map" / SOIL_MAP


def real_points(claims: Claims, work: Path, data: Path) -> None:
    """Compare a vector of real stations and towers with the export of sites."""
    places = station_places(data)
    module = write_station_module(work / "stations", places, members=MEMBERS)
    export_ancillaries(module, work / "sites")
    land_vector(places).to_netcdf(work / "stations.nc")
    (work / "vector").mkdir()
    export_soil_map(module, work / "vector", MapRequest((work / "stations.nc",)))
    files = safe_file_names(list(places.index))
    worst = 0.0
    with xr.open_dataset(work / "vector" / SOIL_MAP) as exported:
        for point, name in enumerate(places.index):
            with xr.open_dataset(work / "sites" / f"{files[name]}.nc") as site:
                for each in (*LAYERED, *RESIDUAL):
                    one, two = exported[each].to_numpy()[:, point], site[each].to_numpy()[:, 0, 0]
                    worst = max(worst, float(np.max(np.abs(one - two) / np.maximum(np.abs(two), 1e-3))))
    note = f"{len(places)} USCRN stations and NEON towers, {len(INPUTS)} inputs; sites are exported in single precision"
    claims.check("largest relative difference to the export of sites", worst, "<=", 1e-4, note=note)


def cut_in_jules(claims: Claims, work: Path, soil_map: Path, size: int) -> None:
    """Run a cut of the map in a real JULES, by the experiment file and by a file written by hand."""
    if claims.lacks(("JULES_EXE", "JULES_VERSION"), f"a cut of {size} x {size} points in a real JULES"):
        return
    with xr.open_dataset(soil_map) as ds:
        whole = ds.load()
    cut = with_sea(whole, size)
    land = cut["b"][0].notnull().to_numpy()
    run = write_grid_run(work / "grid", cut["latitude"].to_numpy(), cut["longitude"].to_numpy(), land)
    by_hand = {name: np.where(land, cut[name].to_numpy(), float(cut[name].median())) for name in LAYERED}
    hand_file = write_ancillary(work / "written.nc", by_hand, grid=InputGrid(nx=size, ny=size), land=land)
    by_map, hand, own = (
        run_with(work / f"{name}.toml", run, ancillary)
        for name, ancillary in (("by_map", soil_map), ("by_hand", hand_file), ("own_soil", None))
    )
    names = [str(name) for name in by_map.data_vars if by_map[name].dtype.kind == "f"]
    note = f"{size} x {size} of the map, {int(land.sum())} land points, {len(names)} variables, {os.environ['JULES_VERSION']}"
    claims.check(
        "output that differs: map by 'via', values by hand", differing(by_map, hand, names), "<=", 0, note=note
    )
    claims.check(
        "output that differs: map, soil of the run", differing(by_map, own, names), ">=", 5, note="the map was read"
    )


def with_sea(whole: xr.Dataset, size: int) -> xr.Dataset:
    """Cut out of a map whose fraction of land is nearest to three quarters."""
    land = whole["b"][0].notnull()
    starts = [(y, x) for y in range(0, land.sizes["y"] - size, size) for x in range(0, land.sizes["x"] - size, size)]

    def cut(at: tuple[int, int]) -> dict[str, slice]:
        return {"y": slice(at[0], at[0] + size), "x": slice(at[1], at[1] + size)}

    best = min(starts, key=lambda at: abs(float(land.isel(cut(at)).mean()) - 0.75))
    return whole.isel(cut(best))


def differing(first: xr.Dataset, second: xr.Dataset, names: list[str]) -> int:
    """Number of variables that differ in any bit."""
    return sum(first[name].to_numpy().tobytes() != second[name].to_numpy().tobytes() for name in names)


def run_with(path: Path, folder: Path, ancillary: Path | None) -> xr.Dataset:
    """Run JULES with an ancillary, or with its own soil, and read its output."""
    extra = os.environ.get("JULES_EXTRA_ENTRIES", "{}").strip() or "{}"
    path.write_text(
        f'[jules]\nfolder = "{folder}"\nexecutable = "{Path(os.environ["JULES_EXE"]).resolve()}"\n'
        + ("" if ancillary is None else f'ancillary = "{ancillary}"\n')
        + f'{branch_entries(extra)}set = {extra}\n[run]\nmodel = "jules"\n'
        + ("" if ancillary is None else 'via = "ancillary"\n'),
        encoding="utf-8",
    )
    done = run_jules(load_experiment(path), path.with_suffix(""))
    with xr.open_dataset(done.output[0]) as ds:
        return ds.load()


def main() -> int:
    parser = argument_parser(__doc__)
    options = parser.parse_args()
    claims = Claims("hydraulics_maps", quick=options.quick)
    size, cut = (QUICK_SIZE, QUICK_CUT) if options.quick else (SIZE, CUT)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        soil_map = large_map(claims, work, size)
        real_points(claims, work, options.data)
        cut_in_jules(claims, work, soil_map, cut)
    claims.report(
        "peak memory of this script", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0 / GIBIBYTE, unit="GiB"
    )
    return claims.finish()


if __name__ == "__main__":
    raise SystemExit(main())
