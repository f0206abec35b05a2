"""The soil of an experiment in unifhy, below a surface layer that passes rain on to the ground. No other compartment is simulated.

Run as ``python unifhy_soil.py`` in the folder of ``loobos.toml``; unifhy writes its files to the folder ``unifhy_run``.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

import numpy as np
import unifhy
from unifhy.component import (
    NullComponent,
    NutrientOpenWaterComponent,
    NutrientSubSurfaceComponent,
    NutrientSurfaceLayerComponent,
    OpenWaterComponent,
    SurfaceLayerComponent,
)

from jules_ml.frameworks.unifhy import SoilSubSurface


class LoobosSoil(SoilSubSurface):
    """The soil of the example experiment."""

    experiment = "loobos.toml"


class RainOnTheGround(SurfaceLayerComponent):
    """A surface without plants: a shower of 4 mm each noon, and evaporation of 1 mm a day where the soil is wet."""

    _inwards: ClassVar = {"soil_water_stress_for_direct_soil_evaporation"}
    _outwards: ClassVar = {
        "canopy_liquid_throughfall_and_snow_melt_flux",
        "transpiration_flux_from_root_uptake",
        "direct_water_evaporation_flux_from_soil",
    }

    def initialise(self, **kwargs):
        """Nothing is kept."""

    def run(self, soil_water_stress_for_direct_soil_evaporation, **kwargs):
        """Fluxes of a step."""
        shape = self.spaceshape
        rain = 4.0 / 3600.0 if self.current_datetime.hour == 12 else 0.0
        return {
            "canopy_liquid_throughfall_and_snow_melt_flux": np.full(shape, rain),
            "transpiration_flux_from_root_uptake": np.zeros(shape),
            "direct_water_evaporation_flux_from_soil": soil_water_stress_for_direct_soil_evaporation / 86400.0,
        }, {}

    def finalise(self, **kwargs):
        """Nothing is kept."""


def main() -> None:
    """Ten days on a grid of two cells."""
    folder = Path("unifhy_run")
    folder.mkdir(exist_ok=True)
    start = datetime(1997, 1, 1)
    domains = {
        "timedomain": unifhy.TimeDomain.from_start_end_step(start, start + timedelta(days=10), timedelta(minutes=30)),
        "spacedomain": unifhy.LatLonGrid.from_extent_and_resolution(
            latitude_extent=(52.0, 52.5), longitude_extent=(5.5, 6.5), latitude_resolution=0.5, longitude_resolution=0.5
        ),
    }
    soil = LoobosSoil(str(folder), **domains, records={"net_groundwater_flux_to_rivers": {timedelta(days=1): ["mean"]}})
    unifhy.Model(
        "loobos",
        str(folder),
        str(folder),
        RainOnTheGround(str(folder), **domains),
        soil,
        NullComponent(**domains, substituting_class=OpenWaterComponent),
        NullComponent(**domains, substituting_class=NutrientSurfaceLayerComponent),
        NullComponent(**domains, substituting_class=NutrientSubSurfaceComponent),
        NullComponent(**domains, substituting_class=NutrientOpenWaterComponent),
    ).simulate()
    print("water of the layers at the end [kg m-2]:")
    print(soil.states["soil_water"].get_timestep(-1))


if __name__ == "__main__":
    main()
