"""Soil properties and soil water by file on a grid in a real JULES: every point equals a point run.

Water is prescribed at the start of each step, and output at its end: the change by Richards' equation within the step is computed here
with the step of the column; with half the time step it is half as large.

Takes ``JULES_EXE``, ``JULES_VERSION`` and, where that JULES needs them, ``JULES_EXTRA_ENTRIES``, as ``experiments_jules.py`` does; "not
measured" without.

Run as ``python benchmarks/experiments_grid_jules.py [--quick]``.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from _claims import Claims, argument_parser
from _jules_runs import branch_entries
from _mpi_grid import DRIVING, rewrite

from jules_ml.experiment import load_experiment
from jules_ml.jules.input_files import InputGrid, write_ancillary, write_prescribed
from jules_ml.jules.run import run_jules
from jules_ml.jules.template import write_template
from jules_ml.physics.constants import RHO_WATER
from jules_ml.physics.hydraulics import VAN_GENUCHTEN
from jules_ml.physics.soil_water import richards_step

NX, NY = 3, 2
POINT = {"y": 1, "x": 2}
DZSOIL = np.array([0.1, 0.25, 0.65, 2.0])[:, None, None]
STEP, HALF_STEP = 1800, 900
#: Daily rain below which a day is dry [kg m-2].
DRY = 0.05
#: Initial state by constants, because an ASCII file has one point only.
INITIAL = {"use_file": [False] * 6, "const_val": [0.0, 283.0, 10.0, 0.0, 0.7, 281.0]}


def grid_of_template(folder: Path) -> None:
    """Write the shipped point run on a grid, with uniform netCDF inputs."""
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


def moved_in_a_step(soil: dict[str, np.ndarray], wetness: np.ndarray, timestep: float) -> np.ndarray:
    """Change of water content within one step from a wetness [m3 m-3], without rain, ice or evaporation; shape (day, soil, y, x)."""
    layers = {name: torch.tensor(soil[name])[:, None] for name in ("b", "sathh", "satcon", "sm_sat")}
    dzsoil = torch.tensor(DZSOIL)[:, None]
    layer_first = torch.tensor(wetness).movedim(1, 0)
    water = RHO_WATER * dzsoil * layers["sm_sat"] * layer_first
    nothing = torch.zeros_like(water)
    after = richards_step(
        water,
        nothing,
        nothing[0],
        nothing,
        b=layers["b"],
        sathh=layers["sathh"],
        satcon=layers["satcon"],
        sm_sat=layers["sm_sat"],
        dzsoil=dzsoil,
        timestep=timestep,
        form=VAN_GENUCHTEN,
    )
    return ((after.smcl - water) / (RHO_WATER * dzsoil)).movedim(0, 1).numpy()


def prescribed_in_output(
    claims: Claims, output: xr.Dataset, soil: dict[str, np.ndarray], wetness: np.ndarray, timestep: int
) -> None:
    """Compare daily means of soil water with prescribed ones, and their difference with the change within a step."""
    prescribed = wetness[: output.sizes["time"]]
    error = output["smcl"].to_numpy() / (RHO_WATER * DZSOIL) - prescribed * soil["sm_sat"]
    rain = 86400.0 * output["precip"].to_numpy()
    day, layer, y, x = np.unravel_index(int(np.abs(error).argmax()), error.shape)
    claims.check(
        f"prescribed water in output, daily means, worst point and layer: steps of {timestep} s", np.abs(error).max(), "<=", 0.01,
        unit="m3 m-3",
        note=f"layer {layer + 1}, on a day with {rain[day, y, x]:.0f} mm of rain; "
        f"{(np.abs(error) > 0.01).any(axis=(1, 2, 3)).sum()} of {len(error)} days",
    )  # fmt: skip
    plain = (rain < DRY).all((1, 2)) & (output["sthf"].to_numpy() == 0.0).all((1, 2, 3))
    left = error - moved_in_a_step(soil, prescribed, timestep)
    claims.report(
        f"the same, less what Richards' equation moves within the step: steps of {timestep} s",
        float(np.abs(left[plain]).max()),
        unit="m3 m-3",
        note=f"{plain.sum()} days without rain and ice; with it {np.abs(error[plain]).max():.4f}",
    )


def main() -> int:
    options = argument_parser(__doc__).parse_args()
    claims = Claims("experiments_grid_jules", quick=options.quick)
    if claims.lacks(("JULES_EXE", "JULES_VERSION"), "swapped files on a grid, in a real JULES"):
        return 0
    rng = np.random.default_rng(1)
    bounds = {
        "b": (1.0, 3.0), "sathh": (0.05, 0.5), "satcon": (0.001, 0.02), "sm_sat": (0.4, 0.5), "sm_crit": (0.2, 0.3),
        "sm_wilt": (0.05, 0.12), "hcap": (1e6, 1.3e6), "hcon": (0.1, 0.3),
    }  # fmt: skip
    soil = {name: rng.uniform(*span, (4, NY, NX)) for name, span in bounds.items()}
    days = np.arange(368)[:, None, None, None]
    wetness = 0.55 + 0.15 * np.sin(2 * np.pi * days / 365 + rng.uniform(0.0, 1.0, (1, 4, NY, NX)))
    extra = os.environ.get("JULES_EXTRA_ENTRIES", "{}").strip().removeprefix("{").removesuffix("}").strip()
    entries = f"{extra}{', ' if extra else ''}jules_spinup = {{max_spinup_cycles = 0}}"
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

        def run(case: str, via: list[str], timestep: int = STEP) -> xr.Dataset:
            path = work / f"{case}_{len(via)}_{timestep}.toml"
            path.write_text(
                f'[jules]\nfolder = "{case}"\nexecutable = "{Path(os.environ["JULES_EXE"]).resolve()}"\n'
                f'ancillary = "{case}_soil.nc"\n{branch_entries("{" + extra + "}")}'
                f"set = {{{entries}, jules_time = {{timestep_len = {timestep}}}}}\n"
                f'prescribed = {{file = "{case}_water.nc"}}\n[run]\nmodel = "jules"\nvia = {via}\n',
                encoding="utf-8",
            )
            done = run_jules(load_experiment(path), work / f"run_{path.stem}")
            with xr.open_dataset(done.output[0]) as ds:
                return ds.load()

        for via in (["ancillary"], ["ancillary", "prescribed"]):
            output = {case: run(case, via) for case in ("grid", "point")}
            here, alone = output["grid"].isel(POINT), output["point"].squeeze(("y", "x"))
            names = [str(v) for v in alone.data_vars if str(v) not in ("latitude", "longitude", "time_bounds")]
            differing = sum(not np.array_equal(here[v].to_numpy(), alone[v].to_numpy()) for v in names)
            note = f"{len(names)} variables, {os.environ['JULES_VERSION']}"
            claims.check(
                f"output that differs, point of a grid and alone: {', '.join(via)}", differing, "<=", 0, note=note
            )
        prescribed_in_output(claims, output["grid"], soil, wetness, STEP)
        prescribed_in_output(claims, run("grid", via, HALF_STEP), soil, wetness, HALF_STEP)
    return claims.finish()


if __name__ == "__main__":
    raise SystemExit(main())
