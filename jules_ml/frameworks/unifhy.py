"""The soil in unifhy: a sub-surface component, beside a surface layer and open water of the framework.

Needs the packages ``bmipy`` and ``unifhy`` 1.x with its dependencies, among them UDUNITS-2, and ``esmpy`` where components have different
grids (conda-forge; not on PyPI).

References
----------
Hallouin et al. (2022), Geosci. Model Dev. 15, 9177-9196: unifhy 0.1.0.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from unifhy.component import SubSurfaceComponent

from jules_ml.errors import BadInput
from jules_ml.frameworks.places import Places
from jules_ml.frameworks.soil_only import SoilOnlyBmi
from jules_ml.frameworks.variables import TEMPERATURE, WATER

Array = NDArray[np.float64]
_FLUXES = {
    "canopy_liquid_throughfall_and_snow_melt_flux": "tfall",
    "transpiration_flux_from_root_uptake": "et_stom_gb",
    "direct_water_evaporation_flux_from_soil": "esoil_gb",
}
_STATES = {"soil_water": WATER, "soil_temperature": TEMPERATURE, "soil_ice": "sthf"}


class SoilSubSurface(SubSurfaceComponent):  # type: ignore[misc]
    """Soil of an experiment as a sub-surface component.

    A subclass names the experiment: unifhy writes its module and class to the configuration of a model::

        class LoobosSoil(SoilSubSurface):
            experiment = "loobos.toml"

    Each cell has a column with the soil of the experiment. The time step of the component must be that of the experiment. unifhy
    exchanges no heat: the flux into the soil is a constant, 0 unless it is given. Drainage goes to the rivers as groundwater. The soil has
    no standing water: its area fractions are 0, and its inwards are not used.

    Attributes
    ----------
    experiment : str or Path
        Experiment file with ``[soil]``, ``[carbon]`` and ``[run]``.
    """

    experiment: ClassVar[str | Path] = ""

    _inwards: ClassVar = set(_FLUXES)
    _outwards: ClassVar = {
        "soil_water_stress_for_transpiration",
        "soil_water_stress_for_direct_soil_evaporation",
        "standing_water_area_fraction",
        "total_water_area_fraction",
        "surface_runoff_flux_delivered_to_rivers",
        "net_groundwater_flux_to_rivers",
    }
    _inputs_info: ClassVar[dict[str, Any]] = {}
    _parameters_info: ClassVar[dict[str, Any]] = {}
    _constants_info: ClassVar = {
        "soil_layers": {
            "description": "number of soil layers, as in the experiment",
            "units": "1",
            "default_value": 4,
        },
        "soil_heat_flux": {"description": "heat flux into the soil", "units": "W m-2", "default_value": 0.0},
    }
    _states_info: ClassVar = {
        "soil_water": {
            "description": "liquid water and ice of each layer",
            "units": "kg m-2",
            "divisions": "soil_layers",
        },
        "soil_temperature": {"description": "temperature of each layer", "units": "K", "divisions": "soil_layers"},
        "soil_ice": {
            "description": "ice of each layer as a fraction of saturation",
            "units": "1",
            "divisions": "soil_layers",
        },
    }
    _outputs_info: ClassVar = {
        "soil_respiration_flux": {"description": "soil respiration, as carbon", "units": "kg m-2 s-1"},
        "evaporation_shortage_flux": {
            "description": "transpiration and evaporation for which the soil had no liquid water",
            "units": "kg m-2 s-1",
        },
    }
    _solver_history: ClassVar = 1

    @property
    def bmi(self) -> SoilOnlyBmi:
        """The BMI component of a model that is initialised."""
        component: SoilOnlyBmi = self.shelf["bmi"]
        return component

    def initialise(self, soil_layers: Any, soil_water: Any, soil_temperature: Any, soil_ice: Any, **_: Any) -> None:
        """Set up the soil, and the states unless they come from a dump.

        Raises
        ------
        BadInput
            If the class names no experiment, its layers or time step differ from those of the component, or it has states that no dump
            keeps.
        """
        if not self.experiment:
            raise BadInput(
                "the class names no experiment",
                where=type(self).__name__,
                remedy="derive a class from SoilSubSurface with experiment = 'FILE.toml'",
            )
        bmi = SoilOnlyBmi(Places("points", *(np.zeros(int(np.prod(self.spaceshape))) for _ in range(2))))
        bmi.initialize(str(self.experiment))
        state = bmi.state
        if state.topmodel is not None or state.carbon is not None:
            raise BadInput(
                "the experiment has TOPMODEL or four pools of soil carbon, which dumps of unifhy do not keep",
                where=self.experiment,
                remedy="remove [soil.topmodel] and [carbon.four_pools] in a copy of the experiment",
            )
        self.shelf["bmi"] = bmi
        self._require("layers", len(bmi.grids.depths), int(soil_layers), "set constants={'soil_layers': (N, '1')}")
        self._require(
            "a time step [s] of",
            bmi.get_time_step(),
            self.timedelta_in_seconds,
            "set run.timestep, or the step of the TimeDomain",
        )
        states = {"soil_water": soil_water, "soil_temperature": soil_temperature, "soil_ice": soil_ice}
        if not self.initialised_states:
            for name, state in states.items():
                state.set_timestep(-1, self._by_cell(bmi.array(_STATES[name])))

    def run(
        self, soil_heat_flux: Any, soil_water: Any, soil_temperature: Any, soil_ice: Any, **transfers: Any
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """Step the soil once."""
        bmi = self.bmi
        states = {"soil_water": soil_water, "soil_temperature": soil_temperature, "soil_ice": soil_ice}
        soil = [np.moveaxis(state.get_timestep(-1), -1, 0).reshape(-1) for state in states.values()]
        # the states of a dump differ from those of the soil, which continues from them to the last bit
        if any(not np.array_equal(x, bmi.array(name)) for x, name in zip(soil, _STATES.values(), strict=True)):
            bmi.set_soil(*soil)
        for name, jules in _FLUXES.items():
            # cells of the sea have no fluxes
            bmi.set_value(jules, np.ma.filled(np.ma.asarray(transfers[name], dtype=np.float64), 0.0))
        bmi.set_value("surf_ht_flux_gb", np.full(bmi.get_grid_size(0), float(soil_heat_flux)))
        bmi.update()
        for name, state in states.items():
            state.set_timestep(0, self._by_cell(bmi.array(_STATES[name])))
        nothing = np.zeros(self.spaceshape)
        return (
            {
                "soil_water_stress_for_transpiration": self._cells("fsmc_gb"),
                "soil_water_stress_for_direct_soil_evaporation": self._cells("fsoil"),
                "standing_water_area_fraction": nothing,
                "total_water_area_fraction": nothing,
                "surface_runoff_flux_delivered_to_rivers": self._cells("surf_roff"),
                "net_groundwater_flux_to_rivers": self._cells("sub_surf_roff"),
            },
            {
                "soil_respiration_flux": self._cells("resp_s_gb"),
                "evaporation_shortage_flux": self._cells("shortage"),
            },
        )

    def finalise(self, **_: Any) -> None:
        """Release the soil."""
        self.shelf.pop("bmi").finalize()

    def _cells(self, name: str) -> Array:
        """Copy of values with one for each column, in the shape of the cells."""
        return np.array(self.bmi.array(name)).reshape(self.spaceshape)

    def _by_cell(self, values: Array) -> Array:
        """Values of layers, shape (layer × column,), in the shape of the cells with the layers last."""
        return np.moveaxis(values.reshape(-1, *self.spaceshape), 0, -1)

    def _require(self, what: str, experiment: float, component: float, remedy: str) -> None:
        if experiment != component:
            raise BadInput(
                f"the experiment has {what} {experiment:g}, and the component {component:g}",
                where=self.experiment,
                remedy=remedy,
            )
