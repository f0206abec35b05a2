"""Write the inputs of ``calibrate.toml`` and ``grid.toml`` into a folder, with copies of both files.

Usage: python docs/examples/make_inputs.py FOLDER

All values are synthetic. The soil moisture and latent heat of ``tower.csv`` are those of the column with other parameters than in
``calibrate.toml``, with noise, so that the calibration has a known answer.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from jules_ml.column.run import run_column
from jules_ml.data.readers.column_output import liquid_theta
from jules_ml.data.sun import mean_cos_zenith
from jules_ml.experiment import load_experiment

EXAMPLES = Path(__file__).parent
#: True parameters of the synthetic tower, as replacements in calibrate.toml.
TRUTH = (
    ("b = 4.0", "b = 6.0"),
    ("satcon = 0.002", "satcon = 0.006"),
    ("lai = 4.0", "lai = 2.5"),
    ("rootd_ft = 0.8", "rootd_ft = 0.4"),
    ("mean_over = 24", "mean_over = 1"),
)
#: Soil of the grid; satcon is larger in the north.
SOIL = {
    "b": 6.63,
    "sathh": 0.04946,
    "satcon": 0.004715,
    "sm_sat": 0.45815,
    "sm_crit": 0.242433,
    "sm_wilt": 0.136328,
    "hcap": 1.185676e6,
    "hcon": 0.226873,
    "albsoil": 0.11,
}


def weather(starts: pd.DatetimeIndex, seed: int) -> dict[str, np.ndarray]:
    """Hourly weather of spring and summer, by the start of each hour: sunny days, and showers on one day in four."""
    rng = np.random.default_rng(seed)
    hour = starts.hour.to_numpy() + 0.5
    day = (starts.normalize() - starts[0].normalize()).days.to_numpy()
    wet = (rng.random(day.max() + 1) < 0.25)[day]
    step = pd.Timedelta("1h")
    sun = mean_cos_zenith(starts + step, step, latitude=52.0, longitude=5.0)
    rain = np.where(wet & (hour > 14.0) & (hour < 18.0), rng.gamma(1.0, 1.5e-3, len(starts)), 0.0)
    t_air = 285.0 + 0.06 * day + 5.0 * np.sin((hour - 9.0) * np.pi / 12.0)
    return {
        "t_air": t_air,
        "q": 0.0065 + 0.001 * np.sin(day / 6.0),
        "pstar": 101000.0 + 600.0 * np.sin(day / 5.0) + 30.0 * np.cos(hour),
        "wind": 3.0 + rng.gamma(2.0, 0.4, len(starts)),
        "sw_down": sun * np.where(wet, 350.0, 900.0),
        "lw_down": np.where(wet, 350.0, 310.0),
        "precip": rain,
    }


def write_tower(folder: Path) -> None:
    """Write tower.csv: weather of 150 days, and what the column with the true parameters gives for it."""
    time = pd.date_range("2001-04-01 01:00", periods=150 * 24, freq="h")
    table = pd.DataFrame(weather(time - pd.Timedelta("1h"), seed=1)).assign(theta_5cm=0.3, le=0.0)
    table.insert(0, "time", time.strftime("%Y-%m-%d %H:%M"))
    table.to_csv(folder / "tower.csv", index=False, float_format="%.6g")
    text = (EXAMPLES / "calibrate.toml").read_text(encoding="utf-8")
    for prior, truth in TRUTH:
        text = text.replace(prior, truth, 1)
    sections = text[text.index("[site]") : text.index("[calibration]")].rstrip()
    text = f"# The true parameters of the synthetic tower.\n\n{sections}\n"
    (folder / "truth.toml").write_text(text, encoding="utf-8")
    output = run_column(load_experiment(folder / "truth.toml")).output
    rng = np.random.default_rng(2)
    table["theta_5cm"] = liquid_theta(output, 0).to_numpy() + rng.normal(0.0, 0.005, len(time))
    table["le"] = output["latent_heat"].to_numpy() + rng.normal(0.0, 10.0, len(time))
    table.to_csv(folder / "tower.csv", index=False, float_format="%.6g")


def write_grid(folder: Path) -> None:
    """Write ancillaries and monthly driving files of a grid of 2 x 3 points, of which one is sea."""
    folder.mkdir(exist_ok=True)
    coordinates = {"lat": [52.0, 52.5], "lon": [5.0, 5.5, 6.0]}
    frac = np.empty((3, 2, 3))
    # more forest and less grass towards the east, more bare ground in the north
    trees, bare = np.array([0.1, 0.3, 0.6]), np.array([[0.1], [0.3]])
    frac[0], frac[2] = trees, bare
    frac[1] = 1.0 - trees - bare
    frac[:, 0, 0] = np.nan
    xr.Dataset({"frac": (("type", "lat", "lon"), frac)}, coordinates).to_netcdf(folder / "frac.nc")
    soil = {name: (("lat", "lon"), np.full((2, 3), value)) for name, value in SOIL.items()}
    # sandier soil in the north drains faster
    soil["satcon"] = (("lat", "lon"), SOIL["satcon"] * np.array([[1.0], [3.0]]) * np.ones(3))
    xr.Dataset(soil, coordinates).to_netcdf(folder / "soil.nc")
    time = pd.date_range("2001-05-01", "2001-07-01", freq="h", inclusive="left")
    values = weather(time, seed=3)
    values |= {"tot_rain": values["precip"], "tot_snow": np.zeros(len(time))}
    names = {
        "t_air": ("Tair", "K"),
        "q": ("Qair", "kg kg-1"),
        "pstar": ("PSurf", "Pa"),
        "wind": ("Wind", "m s-1"),
        "sw_down": ("SWdown", "W m-2"),
        "lw_down": ("LWdown", "W m-2"),
        "tot_rain": ("Rainf", "kg m-2 s-1"),
        "tot_snow": ("Snowf", "kg m-2 s-1"),
    }
    for name, (in_file, unit) in names.items():
        maps = np.broadcast_to(values[name][:, None, None], (len(time), 2, 3)).astype(np.float32)
        dataset = xr.Dataset({in_file: (("time", "lat", "lon"), maps, {"units": unit})}, {"time": time, **coordinates})
        for month in (5, 6):
            dataset.sel(time=dataset["time.month"] == month).to_netcdf(folder / f"{in_file}_2001{month:02d}.nc")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    for example in ("calibrate.toml", "grid.toml"):
        shutil.copy(EXAMPLES / example, target)
    write_tower(target)
    write_grid(target / "grid")
