"""Output of a run of the column: a CF netCDF file with JULES's variable names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jules_ml.physics.column import SoilColumn
from jules_ml.physics.land_surface.properties import LandSurface
from jules_ml.physics.soil_names import LAYERED, RESIDUAL
from jules_ml.support.cf import LATITUDE, LONGITUDE, TIME, variable_attributes, write_dataset


class Output(NamedTuple):
    """Output variable of JULES, for the whole column, or for each soil layer, surface type (``tile``) or PFT (``pft``)."""

    units: str
    long_name: str
    standard_name: str | None = None
    layered: bool = False
    types: Literal["tile", "pft"] | None = None

    @property
    def dims(self) -> tuple[str, ...]:
        """Dimensions."""
        second = "soil" if self.layered else self.types
        return ("time",) if second is None else ("time", second)

    @property
    def attributes(self) -> dict[str, str]:
        """Attributes of the variable in a file."""
        attrs = {"units": self.units, "long_name": self.long_name}
        return variable_attributes(
            attrs | ({} if self.standard_name is None else {"standard_name": self.standard_name})
        )


_RATE = "kg m-2 s-1"

#: All outputs of a step, by JULES's names.
OUTPUTS: dict[str, Output] = {
    "smcl": Output("kg m-2", "water in soil layer", "mass_content_of_water_in_soil_layer", True),
    "sthu": Output("1", "liquid water as a fraction of saturation", None, True),
    "sthf": Output("1", "ice as a fraction of saturation", None, True),
    "t_soil": Output("K", "soil temperature", "soil_temperature", True),
    "ext": Output(_RATE, "extraction from soil layer by roots and bare-soil evaporation", None, True),
    "fsth": Output("1", "moisture modifier of soil respiration", None, True),
    "ftemp": Output("1", "temperature modifier of soil respiration", None, True),
    "resp_s_gb": Output(
        _RATE,
        "soil respiration, as carbon",
        "surface_upward_mass_flux_of_carbon_dioxide_expressed_as_carbon_due_to_heterotrophic_respiration",
    ),
    "runoff": Output(_RATE, "surface and subsurface runoff", "runoff_flux"),
    "surf_roff": Output(_RATE, "surface runoff", "surface_runoff_flux"),
    "sub_surf_roff": Output(
        _RATE, "drainage from the bottom layer, or base flow with TOPMODEL", "subsurface_runoff_flux"
    ),
    "infiltration": Output(_RATE, "infiltration into the soil"),
    "tfall": Output(_RATE, "throughfall"),
    "snow_melt_gb": Output(_RATE, "snow melt", "surface_snow_melt_flux"),
    "fqw_gb": Output(_RATE, "evapotranspiration", "water_evapotranspiration_flux"),
    "esoil_gb": Output(_RATE, "transpiration and bare-soil evaporation"),
    "ecan_gb": Output(_RATE, "evaporation from wet leaves"),
    "ei_gb": Output(_RATE, "sublimation of snow"),
    "canopy_gb": Output("kg m-2", "water on leaves", "canopy_water_amount"),
    "snow_mass_gb": Output("kg m-2", "snow on the ground", "surface_snow_amount"),
    "snow_depth_gb": Output("m", "depth of snow", "surface_snow_thickness"),
    "rad_net": Output("W m-2", "net downward radiation", "surface_net_downward_radiative_flux"),
    "sw_net": Output("W m-2", "net downward shortwave radiation", "surface_net_downward_shortwave_flux"),
    "latent_heat": Output("W m-2", "latent heat flux", "surface_upward_latent_heat_flux"),
    "ftl_gb": Output("W m-2", "sensible heat flux", "surface_upward_sensible_heat_flux"),
    "surf_ht_flux_gb": Output("W m-2", "heat flux into the soil", "downward_heat_flux_in_soil"),
    "tstar_gb": Output("K", "surface temperature", "surface_temperature"),
    "gpp_gb": Output(
        _RATE,
        "gross primary productivity, as carbon",
        "gross_primary_productivity_of_biomass_expressed_as_carbon",
    ),
    "fsmc_gb": Output("1", "soil moisture stress factor of transpiration"),
    "water_residual": Output("kg m-2", "residual of the water budget, mean of the steps"),
    "heat_residual": Output("W m-2", "residual of the soil's heat budget"),
}


def _of_tiles(units: str, long_name: str) -> Output:
    return Output(units, long_name, types="tile")


def _of_pfts(units: str, long_name: str) -> Output:
    return Output(units, long_name, types="pft")


#: Further outputs of a column with JULES's land surface.
LAND_OUTPUTS: dict[str, Output] = {
    "et_stom_gb": Output(_RATE, "transpiration through stomata", "transpiration_flux"),
    "npp_gb": Output(
        _RATE,
        "net primary productivity, as carbon",
        "net_primary_productivity_of_biomass_expressed_as_carbon",
    ),
    "resp_p_gb": Output(
        _RATE,
        "plant respiration, as carbon",
        "surface_upward_mass_flux_of_carbon_dioxide_expressed_as_carbon_due_to_plant_respiration",
    ),
    "snow_soil_htf_gb": Output("W m-2", "heat flux into the soil beneath snow"),
    "gs": Output("m s-1", "surface conductance to evaporation"),
    "tstar": _of_tiles("K", "surface temperature"),
    "ftl": _of_tiles("W m-2", "sensible heat flux"),
    "le": _of_tiles("W m-2", "latent heat flux"),
    "fqw": _of_tiles(_RATE, "evapotranspiration"),
    "ecan": _of_tiles(_RATE, "evaporation from wet leaves"),
    "esoil": _of_tiles(_RATE, "transpiration and bare-soil evaporation"),
    "ei": _of_tiles(_RATE, "sublimation of snow"),
    "elake": _of_tiles(_RATE, "evaporation of lakes"),
    "gc": _of_tiles("m s-1", "surface conductance"),
    "rad_net_tile": _of_tiles("W m-2", "net downward radiation"),
    "surf_ht_flux": _of_tiles("W m-2", "heat flux into the ground"),
    "snow_soil_htf": _of_tiles("W m-2", "heat flux into the soil beneath snow"),
    "snow_melt": _of_tiles(_RATE, "snow melt"),
    "canopy": _of_tiles("kg m-2", "water on leaves"),
    "snow_can": _of_tiles("kg m-2", "snow on the canopy"),
    "snow_grnd": _of_tiles("kg m-2", "snow on the ground beneath the canopy"),
    "snow_mass": _of_tiles("kg m-2", "snow"),
    "snow_depth": _of_tiles("m", "depth of snow"),
    "gpp": _of_pfts(_RATE, "gross primary productivity, as carbon"),
    "npp": _of_pfts(_RATE, "net primary productivity, as carbon"),
    "resp_p": _of_pfts(_RATE, "plant respiration, as carbon"),
    "fsmc": _of_pfts("1", "soil moisture stress factor of transpiration"),
}

#: Further outputs of a column with TOPMODEL.
TOPMODEL_OUTPUTS: dict[str, Output] = {
    "zw": Output("m", "depth of the water table", "water_table_depth"),
    "sthzw": Output("1", "water below the soil layers as a fraction of saturation"),
    "fsat": Output("1", "saturated fraction of the ground"),
    "sat_excess_roff": Output(_RATE, "runoff from the saturated fraction"),
}

#: Further outputs of a column with four pools of soil carbon, sums over its layers.
CARBON_OUTPUTS: dict[str, Output] = {
    "cs_gb": Output("kg m-2", "soil carbon", "soil_mass_content_of_carbon"),
    "c_dpm_gb": Output("kg m-2", "carbon in decomposable plant material"),
    "c_rpm_gb": Output("kg m-2", "carbon in resistant plant material"),
    "c_bio_gb": Output("kg m-2", "carbon in soil biomass"),
    "c_hum_gb": Output("kg m-2", "carbon in humus"),
}

#: Computed from the weather after the run, under JULES's names.
DERIVED: dict[str, Output] = {
    "fao_et0": Output(_RATE, "reference crop evapotranspiration by the FAO Penman-Monteith equation"),
}

#: Range of soil temperature in which the equations are valid [K]; only an unstable column leaves it.
SOIL_TEMPERATURES = (173.0, 373.0)

#: Longest side of a chunk of the output file.
_CHUNK = 1024

#: Soil properties in the output file, from which water content and suction follow.
_SOIL = LAYERED | RESIDUAL


def outputs_of(column: SoilColumn) -> dict[str, Output]:
    """Return the outputs of a column: those of every one, and those of JULES's land surface, TOPMODEL and pools of carbon.

    Parameters
    ----------
    column : SoilColumn

    Returns
    -------
    dict of str to Output
        By JULES's names.
    """
    land = LAND_OUTPUTS if isinstance(column.surface, LandSurface) else {}
    topmodel = TOPMODEL_OUTPUTS if column.topmodel is not None else {}
    return OUTPUTS | land | topmodel | (CARBON_OUTPUTS if column.carbon is not None else {})


def is_sound(name: str, values: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether the values of an output are possible in a stable column.

    Parameters
    ----------
    name : str
        Name in :data:`OUTPUTS`.
    values : array
        Any shape.

    Returns
    -------
    array of bool, shape of ``values``
        True if finite and, for soil temperature, within :data:`SOIL_TEMPERATURES`.
    """
    sound: NDArray[np.bool_] = np.isfinite(values)
    if name == "t_soil":
        coldest, hottest = SOIL_TEMPERATURES
        sound = (values > coldest) & (values < hottest)
    return sound


def output_dataset(
    outputs: Mapping[str, NDArray[np.floating]],
    weather: xr.Dataset,
    *,
    start: pd.Timestamp,
    period: pd.Timedelta,
    dzsoil: Sequence[float],
    soil: Mapping[str, NDArray[np.floating]],
) -> xr.Dataset:
    """Make a CF dataset of the output of a column and its weather.

    Parameters
    ----------
    outputs : mapping of str to array, shape (time,), (time, soil), (time, tile) or (time, pft)
        Means over each period, by name in :data:`OUTPUTS`, :data:`DERIVED`, :data:`LAND_OUTPUTS`, :data:`TOPMODEL_OUTPUTS` and
        :data:`CARBON_OUTPUTS`.
    weather : xarray.Dataset
        Site dataset that drove the run, whose steps make whole periods.
    start : Timestamp
        Beginning of the first period, UTC.
    period : Timedelta
        Length of a period.
    dzsoil : sequence of float, shape (soil,)
        Thickness of the layers [m].
    soil : mapping of str to array, shape (soil,)
        Soil properties by JULES's names, and ``theta_r``.

    Returns
    -------
    xarray.Dataset
        Dimensions ``time`` (end of each period, UTC, as JULES stamps it) and ``soil``.
    """
    n = len(next(iter(outputs.values())))
    end = pd.date_range(start + period, periods=n, freq=period)
    steps = weather.sizes["time"] // n
    minutes = period.total_seconds() / 60.0 / steps
    method = {"cell_methods": f"time: mean (interval: {minutes:g} minutes comment: stamp at end of interval)"}
    data: dict[str, tuple[tuple[str, ...], NDArray[np.floating], dict[str, str]]] = {}
    for name, values in outputs.items():
        output = (OUTPUTS | DERIVED | LAND_OUTPUTS | TOPMODEL_OUTPUTS | CARBON_OUTPUTS)[name]
        data[name] = (output.dims, values, output.attributes | method)
    for variable, column in weather.data_vars.items():
        means = column.to_numpy().reshape(n, steps).mean(axis=1)
        attrs = {k: str(column.attrs[k]) for k in ("units", "long_name", "standard_name") if k in column.attrs}
        data[str(variable)] = (("time",), means, attrs | method)
    for name, values in soil.items():
        units, long_name = _SOIL[name]
        data[name] = (("soil",), values, {"units": units, "long_name": long_name})
    thickness = np.asarray(dzsoil, dtype=np.float64)
    middle = np.cumsum(thickness) - thickness / 2
    coords: dict[str, object] = {
        "time": (
            "time",
            end.to_numpy(),
            {**TIME, "long_name": "end of the period, UTC", "bounds": "time_bounds"},
        ),
        "time_bounds": (("time", "bounds"), np.stack([(end - period).to_numpy(), end.to_numpy()], axis=1)),
        "depth": (
            "soil",
            middle,
            {"units": "m", "positive": "down", "standard_name": "depth", "long_name": "middle of soil layer"},
        ),
        "dzsoil": ("soil", thickness, {"units": "m", "long_name": "thickness of soil layer"}),
    }
    for name, position in (("latitude", LATITUDE), ("longitude", LONGITUDE)):
        if name in weather.attrs:
            coords[name] = ((), weather.attrs[name], dict(position))
    site = {k: weather.attrs[k] for k in ("site", "source", "licence", "elevation") if k in weather.attrs}
    return xr.Dataset(
        data,
        coords=coords,
        attrs={
            "title": f"JULES's soil column at {site.get('site', 'a site')}",
            **site,
            "interval_seconds": period.total_seconds(),
        },
    )


def with_types(output: xr.Dataset, column: SoilColumn) -> xr.Dataset:
    """Add the fractions and names of the surface types of JULES's land surface.

    Parameters
    ----------
    output : xarray.Dataset
        From :func:`output_dataset`.
    column : SoilColumn
        Of one column.

    Returns
    -------
    xarray.Dataset
        With ``frac`` and names along ``tile`` and ``pft``; a type without a fraction has no values, as in JULES. Unchanged for the simple
        surface.
    """
    surface = column.surface
    if not isinstance(surface, LandSurface):
        return output
    names = list(surface.types.names)
    output = output.assign_coords({"tile": ("tile", names), "pft": ("pft", names[: surface.n_pft])})
    frac = surface.frac.squeeze(-1).numpy()
    for name, values in output.data_vars.items():
        if {"tile", "pft"} & set(values.dims):
            output[name] = values.where(xr.DataArray(frac[: values.shape[-1]] > 0.0, dims=values.dims[-1:]))
    output["frac"] = ("tile", frac, {"units": "1", "long_name": "fraction of the surface type"})
    return output


def write_output(output: xr.Dataset, path: Path) -> None:
    """Write the output as netCDF-4, atomically."""
    seconds = f"seconds since {pd.Timestamp(output['time_bounds'].to_numpy()[0, 0]):%Y-%m-%d %H:%M:%S}"
    encoding: dict[str, dict[str, object]] = {
        str(name): {
            "zlib": True,
            "complevel": 2,
            "_FillValue": None,
            "chunksizes": tuple(min(size, _CHUNK) for size in values.shape),
        }
        for name, values in output.data_vars.items()
    }
    for name in ("time", "time_bounds"):
        encoding[name] = {"units": seconds, "calendar": "standard", "dtype": "float64", "_FillValue": None}
    # unlimited as in JULES's output: then time comes before tiles in the order of dimensions that the conventions recommend
    write_dataset(output, path, encoding=encoding, unlimited_dims=["time"])
