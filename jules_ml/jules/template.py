"""Templates of complete point runs of JULES, with synthetic weather or for a site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.experiment.sections import RunSection
from jules_ml.experiment.surface import SurfaceSection
from jules_ml.jules.input_files import write_ancillary
from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.versions import VERSIONS, Versions
from jules_ml.learned.hydraulics.soil_section import column_soil
from jules_ml.physics.column import SoilProperties
from jules_ml.physics.hydraulics import VAN_GENUCHTEN
from jules_ml.physics.parameter_names import PARAMETERS
from jules_ml.physics.soil_names import LAYERED
from jules_ml.support.files import atomic_write
from jules_ml.support.namelist_text import Value
from jules_ml.support.sources import POINT_RUN
from jules_ml.weather import Weather, site_weather

#: Surface types, in the order of JULES_SURFACE_TYPES in the template.
_TYPES = ("broadleaf_tree", "needleleaf_tree", "c3_grass", "c4_grass", "shrub", "urban", "lake", "bare_soil", "ice")
_N_PLANTS = 5
#: Driving variables, in the order of JULES_DRIVE in the template and by their names in a site dataset.
_WEATHER = ("sw_down", "lw_down", "tot_rain", "tot_snow", "t_air", "wind", "pstar", "q")
_SOIL_FILE = "soil_properties.nc"
_FORMAT = "%Y-%m-%d %H:%M:%S"
#: Ratio of the molar masses of CO2 and dry air, which converts a mole fraction to a mass mixing ratio [1].
_CO2_MASS_RATIO = 44.01 / 28.966
#: [W m-2 K-4].
_STEFAN_BOLTZMANN = 5.67e-8


def write_template(folder: Path, *, version: str = VERSIONS[-1]) -> list[Path]:
    """Write a point run of JULES: grass at 52 degrees north, with a year of synthetic weather.

    Parameters
    ----------
    folder : Path
        New or empty folder; namelists are written to its subfolder ``namelists``.
    version : str
        Version of JULES; entries that it does not have are left out.

    Returns
    -------
    list of Path
        Files written.

    Raises
    ------
    BadInput
        If the version is unknown, or the folder is not empty or cannot be written.
    """
    _refuse_version(version)
    _refuse_full(folder)
    weather = synthetic_weather(latitude=52.0, year=2001)
    return [
        *_write_namelists(folder, {}, version),
        _write_weather(folder, weather, "synthetic weather from jules-ml init"),
    ]


def write_site(experiment: Experiment, folder: Path, *, version: str = VERSIONS[-1]) -> list[Path]:
    """Write a point run of JULES with the weather, soil, surface and carbon of an experiment with the column.

    Parameters
    ----------
    experiment : Experiment
        With ``[data]``, ``[soil]``, ``[surface]``, ``[carbon]`` and ``[run]``.
    folder : Path
        New or empty folder; namelists are written to its subfolder ``namelists``.
    version : str
        Version of JULES; entries that it does not have are left out.

    Returns
    -------
    list of Path
        Files written.

    Raises
    ------
    BadInput
        If the version is unknown; if a section is missing or inconsistent; if the record has no position, or lacks a variable that cannot
        be substituted; if the folder is not empty, or cannot be written.
    """
    _refuse_version(version)
    _refuse_full(folder)
    section = experiment.required(experiment.run, "run")
    surface = experiment.required(experiment.surface, "surface")
    carbon = experiment.required(experiment.carbon, "carbon")
    soil = column_soil(experiment.required(experiment.soil, "soil"), torch.float64, where=str(experiment.file))
    layers = soil.dzsoil.flatten().tolist()
    properties = {
        name: getattr(soil.properties, name).flatten().expand(len(layers)).numpy() for name in SoilProperties._fields
    }
    weather = _whole_days(experiment, section)
    series = weather.series
    step = pd.Timedelta(seconds=section.timestep)
    stamps = pd.DatetimeIndex(series["time"].to_numpy())
    start, end = stamps[0] - step, stamps[-1]
    position = [_position(experiment, series, name) for name in ("latitude", "longitude")]
    t_mean = float(series["t_air"].mean())
    initial = section.initial
    sthuf, t_soil = (_per_layer(v, len(layers)) for v in (initial.sthuf, initial.t_soil or (t_mean,)))
    changes: dict[str, dict[str, Value]] = {
        "jules_time": {
            "main_run_start": f"{start:{_FORMAT}}",
            "main_run_end": f"{end:{_FORMAT}}",
            "timestep_len": round(section.timestep),
        },
        "jules_spinup": _spin_up(section, start, end),
        "jules_drive": {
            "data_start": f"{start:{_FORMAT}}",
            "data_end": f"{end:{_FORMAT}}",
            "data_period": round(section.timestep),
            "z1_uv_in": experiment.forcing.height,
            "z1_tq_in": experiment.forcing.height,
        },
        "jules_latlon": {"const_val": position},
        "jules_soil": {
            "sm_levels": len(layers),
            "dzsoil_io": layers,
            "l_vg_soil": soil.form is VAN_GENUCHTEN,
            "l_soil_sat_down": experiment.soil.l_soil_sat_down if experiment.soil else True,
            "soilhc_method": experiment.soil.soilhc_method if experiment.soil else 2,
        },
        "jules_soil_props": _soil_properties(properties, surface.albsoil),
        "jules_co2": {"co2_mmr": surface.co2 * _CO2_MASS_RATIO},
        "jules_soil_biogeochem": {"kaps": carbon.kaps},
        "jules_initial": {"const_val": [0.0, t_mean, carbon.cs, 0.0, 0.0, 0.0]},
        "jules_pftparm": _plants(surface, experiment),
        "jules_output": {"run_id": experiment.file.stem},
    }
    written = _write_namelists(folder, changes, version)
    _write_row(folder / "initial_conditions.dat", "sthuf, t_soil: one value per layer", [*sthuf, *t_soil])
    fractions = {kind: sum(t.frac for t in surface.tiles if t.type == kind) for kind in _TYPES}
    total = sum(fractions.values())
    _write_row(folder / "tile_fractions.dat", ", ".join(_TYPES), [fraction / total for fraction in fractions.values()])
    if changes["jules_soil_props"].get("file"):
        written.append(write_ancillary(folder / _SOIL_FILE, properties))
    source = f"{series.attrs.get('site', 'a site')}: {series.attrs.get('source', 'a record')}"
    return [*written, _write_weather(folder, series, source)]


def synthetic_weather(*, latitude: float, year: int) -> xr.Dataset:
    """Generate a year of plausible hourly weather.

    Temperature and radiation have annual and diurnal cycles, rain falls in 120 events of some hours, and the other variables are derived
    from these.

    Parameters
    ----------
    latitude : float
        Latitude [degrees north].
    year : int
        Year.

    Returns
    -------
    xarray.Dataset
        ``sw_down lw_down tot_rain tot_snow t_air wind pstar q`` by hour, with time stamps at the end of each hour.
    """
    time = pd.date_range(f"{year}-01-01 01:00", f"{year + 1}-01-01 00:00", freq="h")
    middle = time - pd.Timedelta(minutes=30)
    day = np.asarray(middle.day_of_year, dtype=np.float64)
    hour_angle = 2.0 * np.pi * (np.asarray(middle.hour, dtype=np.float64) + 0.5 - 12.0) / 24.0
    declination = np.radians(23.44) * np.sin(2.0 * np.pi * (day - 81.0) / 365.0)
    phi = np.radians(latitude)
    cos_zenith = np.maximum(
        np.sin(phi) * np.sin(declination) + np.cos(phi) * np.cos(declination) * np.cos(hour_angle), 0.0
    )
    rng = np.random.default_rng(0)
    rain = np.zeros(len(time))
    for start, length in zip(rng.integers(0, len(time) - 12, 120), rng.integers(2, 9, 120), strict=True):
        rain[start : start + length] += rng.gamma(2.0, 4.5) / length / 3600.0
    wet = np.convolve(rain > 0.0, np.ones(9), mode="same") > 0.0
    clear = np.where(wet, 0.35, 0.75)
    t_air = (
        283.0 + 8.0 * np.sin(2.0 * np.pi * (day - 110.0) / 365.0) + np.where(wet, 1.5, 4.0) * np.cos(hour_angle - 0.6)
    )
    pstar = np.full(len(time), 1.0e5)
    saturation = 611.2 * np.exp(17.67 * (t_air - 273.15) / (t_air - 29.65))
    vapour = np.minimum(
        np.where(wet, 0.95, 0.7) * 611.2 * np.exp(17.67 * (t_air.mean() - 273.15) / (t_air.mean() - 29.65)),
        0.98 * saturation,
    )
    frozen = t_air < 274.15
    values = {
        "sw_down": 1361.0 * clear * cos_zenith,
        "lw_down": np.where(wet, 0.95, 0.78) * _STEFAN_BOLTZMANN * t_air**4,
        "tot_rain": np.where(frozen, 0.0, rain),
        "tot_snow": np.where(frozen, rain, 0.0),
        "t_air": t_air,
        "wind": np.full(len(time), 3.0),
        "pstar": pstar,
        "q": 0.622 * vapour / (pstar - 0.378 * vapour),
    }
    return xr.Dataset({name: ("time", v) for name, v in values.items()}, coords={"time": time})


def _refuse_full(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput("the folder already exists and is not empty", where=folder, remedy="give a new folder")


def _refuse_version(version: str) -> None:
    if version not in VERSIONS:
        raise BadInput(
            f"JULES {version} is not a version whose namelists are known",
            where="--jules-version",
            remedy=f"choose one of {', '.join(VERSIONS)}",
        )


def _write_namelists(folder: Path, changes: Mapping[str, Mapping[str, Value]], version: str) -> list[Path]:
    """Write the namelists of the template with changed entries and without those that the version lacks, and its data files."""
    namelists = NamelistFolder.read(POINT_RUN)
    versions = Versions((version,), "the template")
    for _, group, present in list(namelists.groups()):
        namelists.remove(group, [name for name in present if versions.entry(group, name) is None])
    for group, entries in changes.items():
        namelists.set(group, entries)
    written = namelists.write(folder / "namelists")
    for data in sorted(POINT_RUN.glob("*.dat")):
        with atomic_write(folder / data.name) as part:
            part.write_bytes(data.read_bytes())
        written.append(folder / data.name)
    return written


def _write_weather(folder: Path, series: xr.Dataset, source: str) -> Path:
    """Write weather in the columns of JULES_DRIVE, with seven digits, which exceed the precision of any instrument."""
    path = folder / "weather.dat"
    table = np.stack([np.asarray(series[name].to_numpy(), dtype=np.float64) for name in _WEATHER], axis=1)
    header = f"{source}\nsw_down lw_down tot_rain tot_snow t wind pstar q; periods end at the stamps of the record, UTC"
    with atomic_write(path) as part:
        np.savetxt(part, table, fmt="%.7g", header=header, encoding="utf-8")
    return path


def _write_row(path: Path, header: str, values: Sequence[float]) -> None:
    with atomic_write(path) as part:
        part.write_text(f"# {header}\n{' '.join(f'{value:.7g}' for value in values)}\n", encoding="utf-8")


def _whole_days(experiment: Experiment, section: RunSection) -> Weather:
    """Return the weather of the run for whole days UTC, since the output is daily."""
    weather = site_weather(
        experiment.record(),
        experiment.forcing,
        timestep=section.timestep,
        start=None if section.start is None else pd.Timestamp(section.start),
        end=None if section.end is None else pd.Timestamp(section.end),
    )
    stamps = pd.DatetimeIndex(weather.series["time"].to_numpy())
    step = pd.Timedelta(seconds=section.timestep)
    first, last = (stamps[0] - step).ceil("D"), stamps[-1].floor("D")
    if last <= first:
        raise BadInput(
            "the run contains no whole day UTC",
            where=f"{experiment.file}, run",
            remedy="set start and end further apart",
        )
    whole = weather.series.isel(time=np.flatnonzero((stamps > first) & (stamps <= last)))
    return Weather(whole, weather.substitutions)


def _position(experiment: Experiment, series: xr.Dataset, name: str) -> float:
    if name not in series.attrs:
        raise BadInput(
            f"{name} is missing from the record and from [site]",
            where=f"{experiment.file}, site.{name}",
            remedy=f"give {name} in [site]: the solar elevation depends on it",
        )
    return float(series.attrs[name])


def _per_layer(values: Sequence[float], n_layers: int) -> list[float]:
    return list(values) * (n_layers if len(values) == 1 else 1)


def _spin_up(section: RunSection, start: pd.Timestamp, end: pd.Timestamp) -> dict[str, Value]:
    if section.spin_up.cycles == 0:
        return {"max_spinup_cycles": 0}
    last = min(start + pd.DateOffset(years=section.spin_up.years), end)
    return {
        "max_spinup_cycles": section.spin_up.cycles,
        "spinup_start": f"{start:{_FORMAT}}",
        "spinup_end": f"{last:{_FORMAT}}",
        "tolerance": [section.spin_up.water, section.spin_up.temperature],
    }


def _soil_properties(properties: Mapping[str, NDArray[np.float64]], albsoil: float) -> dict[str, Value]:
    """Return entries of JULES_SOIL_PROPS: constants if all layers are equal, otherwise a file."""
    names = [*LAYERED, "albsoil"]
    if all(np.ptp(values) == 0.0 for values in properties.values()):
        return {"const_val": [*(float(properties[name][0]) for name in LAYERED), albsoil]}
    return {
        "file": _SOIL_FILE,
        "var": names,
        "var_name": names,
        "use_file": [True] * len(LAYERED) + [False],
        "const_val": [0.0] * len(LAYERED) + [albsoil],
    }


def _plants(surface: SurfaceSection, experiment: Experiment) -> dict[str, Value]:
    """Return leaf area, height, root depth and other parameters of each plant type that the experiment sets; otherwise the template's."""
    defaults = NamelistFolder.read(POINT_RUN).get("jules_pftparm")
    entries: dict[str, Value] = {}
    changed = {name for tile in surface.tiles for name in tile.changes}
    for key in sorted({"lai", "canht_ft", "rootd_ft"} | changed):
        entry = PARAMETERS[key].entry
        values = [float(v) for v in defaults[entry]]
        for tile in surface.tiles:
            index = _TYPES.index(str(tile.type))
            if key in tile.changes and index < _N_PLANTS:
                if sum(t.type == tile.type for t in surface.tiles) > 1:
                    raise BadInput(
                        f"two tiles of {tile.type} have {key}, but JULES has one surface type {tile.type}",
                        where=f"{experiment.file}, surface.tiles",
                        remedy="merge them into one tile",
                    )
                values[index] = tile.changes[key]
        entries[entry] = values
    return entries
