"""Daily means of the outputs of a calibration, with the prior and with the fitted parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
import xarray as xr
from torch import Tensor

from jules_ml.calibration.run import FITTED, PRIOR, Calibration
from jules_ml.calibration.site import CalibrationSite
from jules_ml.column.output import outputs_of
from jules_ml.physics.constants import SECONDS_PER_DAY
from jules_ml.support.cf import LATITUDE, LONGITUDE, TIME, write_dataset
from jules_ml.support.files import safe_file_names

#: Stages of a calibration by their copies in a run.
STAGES: Final = {"prior": PRIOR, "posterior": FITTED}
#: Fluxes whose spread over the draws is given, with the outputs that are added and subtracted.
SPREAD: Final = {
    "nee": (("resp_s_gb", "resp_p_gb"), ("gpp_gb",)),
    "latent_heat": (("latent_heat",), ()),
    "ftl_gb": (("ftl_gb",), ()),
}
_OUTPUTS: Final = (
    "rad_net",
    "sw_net",
    "latent_heat",
    "ftl_gb",
    "surf_ht_flux_gb",
    "snow_melt_gb",
    "fqw_gb",
    "ecan_gb",
    "ei_gb",
    "esoil_gb",
    "et_stom_gb",
    "esoil",
    "surf_roff",
    "sub_surf_roff",
    "runoff",
    "smcl",
    "t_soil",
    "snow_mass_gb",
    "canopy_gb",
    "tstar_gb",
    "gpp_gb",
    "npp_gb",
    "resp_p_gb",
    "resp_s_gb",
)


def simulations(result: Calibration) -> dict[str, dict[str, xr.Dataset]]:
    """Run the columns with the prior parameters, the fitted ones and the draws.

    Parameters
    ----------
    result : Calibration

    Returns
    -------
    dict of str to dict of str to Dataset
        By site and by stage, ``prior`` and ``posterior``: daily means with the names, units and dimensions of ``column.nc``; ``lai`` and
        ``cs_gb``; with draws, ``..._sd`` of the posterior is the standard deviation over them, ``nee_sd`` that of net ecosystem exchange.
    """
    simulation = result.simulation
    columns, parameters = simulation.columns, simulation.parameters
    changes = (torch.zeros_like(result.displacements), result.displacements, *result.draws)
    local = torch.cat([parameters.of_columns(x) for x in changes], 1)
    known = outputs_of(columns.column(parameters.values(local)))
    names = [name for name in _OUTPUTS if name in known]
    daily = simulation.daily_outputs(local, names, days=columns.days)
    made: dict[str, dict[str, xr.Dataset]] = {}
    for number, site in enumerate(columns.sites):
        of_site = {name: values[: site.days, :, :, number].numpy() for name, values in daily.items()}
        stages = {}
        for stage, copy in STAGES.items():
            data = {
                name: (known[name].dims, _row(values, copy), dict(known[name].attributes))
                for name, values in of_site.items()
            }
            values = columns.consistent(result.values(changes[copy]))
            ds = _on_axes(data, site, columns.dzsoil)
            ds = ds.assign(_static(result, values, number))
            stages[stage] = ds.assign(_spread(of_site) if copy == FITTED and len(result.draws) else {})
        made[site.name] = stages
    return made


def _row(values: np.ndarray[Any, Any], copy: int) -> np.ndarray[Any, Any]:
    """Values of a copy, shape (day,) or (day, row)."""
    of_copy = values[..., copy]
    return of_copy[:, 0] if of_copy.shape[1] == 1 else of_copy


def _on_axes(data: dict[str, Any], site: CalibrationSite, dzsoil: Tensor) -> xr.Dataset:
    """Dataset on the days of a site."""
    bounds = site.start + pd.to_timedelta(SECONDS_PER_DAY * np.arange(site.days + 1), unit="s")
    coords: dict[str, Any] = {
        "time": ("time", bounds[1:].to_numpy(), {**TIME, "long_name": "end of the day, UTC", "bounds": "time_bounds"}),
        "time_bounds": (("time", "bounds"), np.stack([bounds[:-1], bounds[1:]], axis=1)),
        "dzsoil": ("soil", dzsoil.flatten().numpy(), {"units": "m", "long_name": "thickness of soil layer"}),
    }
    place = site.experiment.site
    for name, value, attrs in (("latitude", place.latitude, LATITUDE), ("longitude", place.longitude, LONGITUDE)):
        if value is not None:
            coords[name] = ((), float(value), dict(attrs))
    ds = xr.Dataset(data, coords=coords, attrs={"site": site.name})
    for variable in ds.data_vars.values():
        variable.attrs["cell_methods"] = "time: mean"
    weather = site.weather
    for name, long_name in (("tot_rain", "rainfall"), ("tot_snow", "snowfall")):
        steps = getattr(weather, name).reshape(site.days, -1).mean(1).numpy()
        attrs = {"units": "kg m-2 s-1", "long_name": long_name, "cell_methods": "time: mean"}
        ds[name] = ("time", steps, attrs)
    return ds


def _static(result: Calibration, values: dict[str, Tensor], number: int) -> dict[str, Any]:
    """Leaf area index, soil carbon and fractions of the tiles, which do not vary in time."""
    columns = result.simulation.columns
    frac = columns.tiles.frac[:, number].numpy()
    cs = float(values["cs"][0, number])
    static: dict[str, Any] = {
        "cs_gb": (
            (),
            cs,
            {"units": "kg m-2", "long_name": "soil carbon", "standard_name": "soil_mass_content_of_carbon"},
        )
    }
    land = columns.sites[number].land
    if land is not None:
        lai = values["lai"][:, number].numpy()
        total = float((frac[: len(lai)] * lai)[frac[: len(lai)] > 0.0].sum())
        static["lai"] = ((), total, {"units": "1", "long_name": "leaf area index", "standard_name": "leaf_area_index"})
        static["frac"] = ("tile", frac, {"units": "1", "long_name": "fraction of the surface type"})
        static["pft"] = ("pft", np.arange(1, land.n_pft + 1), {"units": "1", "long_name": "number of the plant type"})
    return static


def _spread(daily: dict[str, np.ndarray[Any, Any]]) -> dict[str, Any]:
    """Standard deviation over the draws."""
    spread = {}
    for name, (plus, minus) in SPREAD.items():
        if all(each in daily for each in (*plus, *minus)):
            parts = [daily[each] for each in plus] + [-daily[each] for each in minus]
            total = np.sum(parts, axis=0)
            units = "W m-2" if name != "nee" else "kg m-2 s-1"
            attrs = {"units": units, "long_name": f"standard deviation of {name} over the draws from the posterior"}
            spread[f"{name}_sd"] = ("time", total[:, 0, FITTED + 1 :].std(axis=-1), attrs)
    return spread


def write_simulations(result: Calibration, folder: Path) -> list[Path]:
    """Write ``SITE_prior.nc`` and ``SITE_posterior.nc``.

    Parameters
    ----------
    result : Calibration
    folder : Path
        Created if it does not exist.

    Returns
    -------
    list of Path
    """
    made, paths = simulations(result), []
    for name, file in safe_file_names(made).items():
        for stage, ds in made[name].items():
            paths.append(folder / f"{file}_{stage}.nc")
            since = pd.Timestamp(ds["time_bounds"].to_numpy()[0, 0])
            time = {"units": f"seconds since {since:%Y-%m-%d %H:%M:%S}", "calendar": "standard", "dtype": "float64"}
            write_dataset(
                ds,
                paths[-1],
                title=f"JULES's soil column at {name} with the {stage} parameters",
                history=f"jules-ml calibrate {result.experiment.file.name}",
                encoding={"time": time, "time_bounds": time},
                unlimited_dims=["time"],
            )
    return paths
