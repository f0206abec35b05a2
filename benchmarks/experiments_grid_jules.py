"""Soil properties and soil water by file on a grid, in a real JULES: every point as it is alone.

Takes ``JULES_EXE``, ``JULES_VERSION`` and, where that JULES needs them, ``JULES_EXTRA_ENTRIES``, as ``experiments_jules.py`` does; "not
measured" without.

Run as ``python benchmarks/experiments_grid_jules.py [--quick]``.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import xarray as xr
from _claims import Claims, argument_parser

from jules_ml.coupling.experiment import run_jules
from jules_ml.coupling.files import InputGrid, write_ancillary, write_prescribed
from jules_ml.coupling.namelists import NamelistFolder
from jules_ml.coupling.template import write_template
from jules_ml.experiment import load_experiment

NX, NY = 3, 2
POINT = {"y": 1, "x": 2}
DRIVING = ("sw_down", "lw_down", "tot_rain", "tot_snow", "t", "wind", "pstar", "q")
#: State at the start by constants, since an ASCII file holds one point alone.
INITIAL = {"use_file": [False] * 6, "const_val": [0.0, 283.0, 10.0, 0.0, 0.7, 281.0]}


def rewrite(folder: Path, changes: dict[str, dict[str, object]]) -> None:
    """Change the namelists of a template."""
    namelists = NamelistFolder.read(folder / "namelists")
    for group, entries in changes.items():
        namelists.set(group, entries)  # type: ignore[arg-type]
    namelists.write(folder / "changed")
    shutil.rmtree(folder / "namelists")
    (folder / "changed").rename(folder / "namelists")


def grid_of_template(folder: Path) -> None:
    """The shipped point run on a grid, with netCDF inputs that are the same everywhere."""
    write_template(folder)
    weather = np.loadtxt(folder / "weather.dat")
    everywhere = np.ones((NY, NX))
    xr.Dataset(
        {name: (("time", "y", "x"), weather[:, n, None, None] * everywhere) for n, name in enumerate(DRIVING)}
    ).to_netcdf(folder / "weather.nc", format="NETCDF3_64BIT", unlimited_dims=["time"])
    cover = np.loadtxt(folder / "tile_fractions.dat")
    xr.Dataset(
        {
            "frac": (("type", "y", "x"), cover[:, None, None] * everywhere),
            "land": (("y", "x"), everywhere),
            "latitude": (("y", "x"), 52.0 * everywhere),
            "longitude": (("y", "x"), 5.0 * everywhere),
        }
    ).to_netcdf(folder / "grid.nc", format="NETCDF3_64BIT")
    rewrite(
        folder,
        {
            "jules_input_grid": {"nx": NX, "ny": NY},
            "jules_land_frac": {"file": "grid.nc", "land_frac_name": "land"},
            "jules_latlon": {"file": "grid.nc", "use_file": [True, True], "var_name": ["latitude", "longitude"]},
            "jules_frac": {"file": "grid.nc", "frac_name": "frac"},
            "jules_drive": {"file": "weather.nc", "var_name": list(DRIVING)},
            "jules_initial": INITIAL,
        },
    )


def main() -> int:
    options = argument_parser(__doc__).parse_args()
    claims = Claims("experiments_grid_jules", quick=options.quick)
    absent = [name for name in ("JULES_EXE", "JULES_VERSION") if name not in os.environ]
    if absent:
        claims.not_measured("swapped files on a grid, in a real JULES", why=f"{', '.join(absent)} not set")
        return 0
    rng = np.random.default_rng(1)
    bounds = {
        "b": (1.0, 3.0), "sathh": (0.05, 0.5), "satcon": (0.001, 0.02), "sm_sat": (0.4, 0.5), "sm_crit": (0.2, 0.3),
        "sm_wilt": (0.05, 0.12), "hcap": (1e6, 1.3e6), "hcon": (0.1, 0.3),
    }  # fmt: skip
    soil = {name: rng.uniform(*span, (4, NY, NX)) for name, span in bounds.items()}
    days = np.arange(368)[:, None, None, None]
    wetness = 0.55 + 0.15 * np.sin(2 * np.pi * days / 365 + rng.uniform(0.0, 1.0, (1, 4, NY, NX)))
    extra = os.environ.get("JULES_EXTRA_ENTRIES", "{}").rstrip().removesuffix("}")
    entries = f"{extra}{', ' if '=' in extra else ''}jules_spinup = {{max_spinup_cycles = 0}}}}"
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        grid_of_template(work / "grid")
        write_template(work / "point")
        rewrite(work / "point", {"jules_initial": INITIAL})
        at = (slice(None), POINT["y"], POINT["x"])
        for case, grid, part in (("grid", InputGrid(nx=NX, ny=NY), (...,)), ("point", InputGrid(), at)):
            write_ancillary(work / f"{case}_soil.nc", {n: v[part] for n, v in soil.items()}, grid=grid)
            values = wetness if case == "grid" else wetness[(slice(None), *at)]
            write_prescribed(
                work / f"{case}_water.nc", {"sthuf": values}, start="2001-01-01", period_seconds=86400.0, grid=grid
            )
        for via in (["ancillary"], ["ancillary", "prescribed"]):
            output = {}
            for case in ("grid", "point"):
                path = work / f"{case}_{len(via)}.toml"
                path.write_text(
                    f'[jules]\nfolder = "{case}"\nexecutable = "{Path(os.environ["JULES_EXE"]).resolve()}"\n'
                    f'ancillary = "{case}_soil.nc"\nset = {entries}\nprescribed = {{file = "{case}_water.nc"}}\n'
                    f'[run]\nmodel = "jules"\nvia = {via}\n',
                    encoding="utf-8",
                )
                done = run_jules(load_experiment(path), work / f"run_{case}_{len(via)}")
                with xr.open_dataset(done.output[0]) as ds:
                    output[case] = ds.load()
            here, alone = output["grid"].isel(POINT), output["point"].squeeze(("y", "x"))
            names = [str(v) for v in alone.data_vars if str(v) not in ("latitude", "longitude", "time_bounds")]
            differing = sum(not np.array_equal(here[v].to_numpy(), alone[v].to_numpy()) for v in names)
            note = f"{len(names)} variables, {os.environ['JULES_VERSION']}"
            claims.check(
                f"output that differs, point of a grid and alone: {', '.join(via)}", differing, "<=", 0, note=note
            )
            if "prescribed" in via:
                layers = 1000.0 * np.array([0.1, 0.25, 0.65, 2.0])[None, :, None, None]
                out = output["grid"]["smcl"].to_numpy() / layers
                error = np.abs(out - wetness[: len(out)] * soil["sm_sat"])
                day, layer, *_ = np.unravel_index(int(error.argmax()), error.shape)
                rain = float(output["grid"]["precip"].to_numpy()[day].max()) * 86400.0
                claims.check(
                    "prescribed water in output, daily means, worst point and layer", error.max(), "<=", 0.01, unit="m3 m-3",
                    note=f"layer {layer + 1} of unlike soils, on a day with {rain:.0f} mm of rain: water moves within a step; "
                    f"{(error > 0.01).any(axis=(1, 2, 3)).sum()} of {len(error)} days",
                )  # fmt: skip
    return claims.finish()


if __name__ == "__main__":
    raise SystemExit(main())
