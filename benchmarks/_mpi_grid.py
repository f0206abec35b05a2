"""Grids of land points, each with its own soil and weather, for a JULES on several MPI ranks."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from jules_ml.jules.input_files import InputGrid, write_ancillary
from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.template import write_template

START = "2001-06-01 00:00:00"
DRIVING = ("sw_down", "lw_down", "tot_rain", "tot_snow", "t", "wind", "pstar", "q")
#: Output at the end of each step; it contains what the hooks change and what depends on it.
VARIABLES = ("smcl", "sthu", "sthf", "t_soil", "fsth", "ftemp", "resp_s_gb", "sm_sat", "latent_heat", "runoff")
_BOUNDS = {
    "b": (4.0, 8.0), "sathh": (0.05, 0.3), "satcon": (0.002, 0.01), "sm_sat": (0.42, 0.5), "sm_crit": (0.22, 0.3),
    "sm_wilt": (0.08, 0.14), "hcap": (1.0e6, 1.3e6), "hcon": (0.15, 0.3),
}  # fmt: skip


def write_grid(folder: Path, size: int, days: int, extra: Mapping[str, Mapping[str, object]]) -> None:
    """Write a run of ``size`` x ``size`` points: the shipped point run, with soil and weather that differ between points.

    Parameters
    ----------
    folder : Path
        New folder.
    size : int
        Points in each direction.
    days : int
        Length of the run.
    extra : mapping
        Further entries that this JULES needs, by group.
    """
    write_template(folder)
    rng = np.random.default_rng(size)
    warmth, wetter = rng.uniform(-3.0, 3.0, (size, size)), rng.uniform(0.5, 2.0, (size, size))
    hours = 24 * (days + 1)
    first = int((np.datetime64(START[:10]) - np.datetime64("2001-01-01")) / np.timedelta64(1, "h"))
    weather = np.loadtxt(folder / "weather.dat")[first : first + hours]
    fields = {name: np.broadcast_to(weather[:, n, None, None], (hours, size, size)) for n, name in enumerate(DRIVING)}
    fields["t"], fields["tot_rain"] = fields["t"] + warmth, fields["tot_rain"] * wetter
    xr.Dataset({name: (("time", "y", "x"), value.astype(np.float32)) for name, value in fields.items()}).to_netcdf(
        folder / "weather.nc", format="NETCDF3_64BIT", unlimited_dims=["time"]
    )
    cover = np.loadtxt(folder / "tile_fractions.dat")
    y, x = np.meshgrid(np.arange(1, size + 1) / size, np.arange(1, size + 1) / size, indexing="ij")
    xr.Dataset(
        {
            "frac": (("type", "y", "x"), np.broadcast_to(cover[:, None, None], (cover.size, size, size))),
            "land": (("y", "x"), np.ones((size, size))),
            "latitude": (("y", "x"), 52.0 + y),
            "longitude": (("y", "x"), 5.0 + x),
        }
    ).to_netcdf(folder / "grid.nc", format="NETCDF3_64BIT")
    soil = {name: rng.uniform(*bounds, (4, size, size)) for name, bounds in _BOUNDS.items()}
    write_ancillary(folder / "soil.nc", soil, grid=InputGrid(nx=size, ny=size))
    end = f"{np.datetime64(START[:10]) + np.timedelta64(days, 'D')} 00:00:00"
    changes: dict[str, dict[str, object]] = {
        "jules_input_grid": {"nx": size, "ny": size},
        "jules_land_frac": {"file": "grid.nc", "land_frac_name": "land"},
        "jules_latlon": {"file": "grid.nc", "use_file": [True, True], "var_name": ["latitude", "longitude"]},
        "jules_frac": {"file": "grid.nc", "frac_name": "frac"},
        "jules_soil_props": {
            "file": "soil.nc", "const_z": False, "nvars": 9, "var": [*_BOUNDS, "albsoil"], "var_name": [*_BOUNDS, "albsoil"],
            "use_file": [True] * 8 + [False], "const_val": [0.0] * 8 + [0.15],
        },
        "jules_drive": {
            "file": "weather.nc", "var_name": list(DRIVING), "data_start": START,
            "data_end": f"{np.datetime64(START[:10]) + np.timedelta64(days + 1, 'D')} 00:00:00",
        },
        "jules_initial": {"use_file": [False] * 6, "const_val": [0.0, 283.0, 10.0, 0.0, 0.7, 281.0]},
        "jules_time": {"main_run_start": START, "main_run_end": end},
        "jules_spinup": {"max_spinup_cycles": 0},
        "jules_output_profile": {
            "output_period": 10800, "nvars": len(VARIABLES), "var": list(VARIABLES), "output_type": ["S"] * len(VARIABLES),
        },
    }  # fmt: skip
    rewrite(folder, {**changes, **extra})


def rewrite(folder: Path, changes: Mapping[str, Mapping[str, object]]) -> None:
    """Change entries of the namelists of a run."""
    namelists = NamelistFolder.read(folder / "namelists")
    for group, entries in changes.items():
        namelists.set(group, entries)  # type: ignore[arg-type]
    namelists.write(folder / "changed")
    extra = [path for path in (folder / "namelists").iterdir() if path.name not in namelists.files]
    for path in extra:
        shutil.move(path, folder / "changed")
    shutil.rmtree(folder / "namelists")
    (folder / "changed").rename(folder / "namelists")


def differing_values(first: Path, second: Path) -> int:
    """Number of values that differ to the bit between the outputs of two runs, at the times that both have."""
    with xr.open_dataset(output_file(first)) as one, xr.open_dataset(output_file(second)) as two:
        shared = np.intersect1d(one["time"], two["time"])
        if shared.size == 0:
            raise SystemExit(f"the outputs of {first.name} and {second.name} share no time")
        differing = 0
        for name in VARIABLES:
            a, b = (ds[name].sel(time=shared).to_numpy().astype(np.float32).view(np.int32) for ds in (one, two))
            differing += int((a != b).sum())
    return differing


def greatest_difference(first: Path, second: Path, variable: str) -> float:
    """Greatest absolute difference of a variable between the outputs of two runs, at the times that both have."""
    with xr.open_dataset(output_file(first)) as one, xr.open_dataset(output_file(second)) as two:
        shared = np.intersect1d(one["time"], two["time"])
        a, b = (ds[variable].sel(time=shared).to_numpy().astype(np.float64) for ds in (one, two))
        return float(np.abs(a - b).max())


def output_file(folder: Path) -> Path:
    """The output of a run."""
    (path,) = (folder / "output").glob("*.day.nc")
    return path
