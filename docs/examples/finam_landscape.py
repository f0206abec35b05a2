"""A hillslope in FINAM: four soil columns with learned modules, above the groundwater of Landlab.

Two components are coupled. The soil is one instance with four columns, driven by the record of the experiment. Its hydraulic parameters
and its respiration are those of ready-made modules. Its drainage recharges an unconfined aquifer, the component
``GroundwaterDupuitPercolator`` of Landlab (Litwin et al. 2020, Journal of Open Source Software 5, 1935), which flows downhill to a river
at the foot of the slope. Surface runoff of the soil and seepage from the aquifer reach the river in the same step. FINAM connects grids
and units. Run as

    python finam_landscape.py loobos.toml DAYS

with an experiment of a column. The script writes ``landscape.png`` and prints the water budget. Landlab (MIT licence) is installed by
``pip install landlab``; on Python 3.11 with ``requireit<0.6`` beside it, because later versions of this dependency need Python 3.12.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import finam
import matplotlib.pyplot as plt
import numpy as np
from landlab import RasterModelGrid
from landlab.components import GroundwaterDupuitPercolator

from jules_ml.frameworks.finam import SoilColumnComponent

#: Places of the columns from the top of the slope to its foot [degree].
LATITUDE, LONGITUDE = (52.160, 52.161, 52.162, 52.163), (5.744, 5.744, 5.744, 5.744)
#: Side of the square below each column [m], slope of surface and bedrock [1], and depth of bedrock [m].
SIDE, SLOPE, DEPTH = 100.0, 0.02, 8.0
#: Saturated hydraulic conductivity [m s-1], drainable porosity [1] and initial thickness [m] of the aquifer: fine sand.
CONDUCTIVITY, POROSITY, THICKNESS = 2e-4, 0.2, 1.5
WATER_DENSITY = 1000.0
SECONDS_PER_DAY = 86400.0
PLACES = len(LATITUDE)


class Hillslope(finam.TimeComponent):
    """Landlab's groundwater below the columns, and the river at the foot of the slope, which takes seepage and runoff at once."""

    def __init__(self, soil: SoilColumnComponent) -> None:
        super().__init__()
        self._soil = soil
        # a strip of nodes: a closed node at the divide, one node for each column, and the river
        self.grid = RasterModelGrid((3, PLACES + 2), xy_spacing=SIDE)
        self.grid.set_closed_boundaries_at_grid_edges(False, True, True, True)
        self.nodes = self.grid.core_nodes
        surface = self.grid.add_zeros("topographic__elevation", at="node")
        surface[:] = SLOPE * (self.grid.x_of_node.max() - self.grid.x_of_node)
        bedrock = self.grid.add_zeros("aquifer_base__elevation", at="node")
        bedrock[:] = surface - DEPTH
        table = self.grid.add_zeros("water_table__elevation", at="node")
        table[:] = bedrock + THICKNESS
        self.aquifer = GroundwaterDupuitPercolator(self.grid, CONDUCTIVITY, porosity=POROSITY)
        #: Water in the aquifer at the start, and water that has reached the river as groundwater, seepage and runoff [kg m-2].
        self.first = self.stored
        self.groundwater = self.seepage = self.runoff = 0.0
        self.aquifer.callback_fun = self._after_substep

    @property
    def stored(self) -> float:
        """Water in the aquifer, mean of the places [kg m-2]."""
        return WATER_DENSITY * self.aquifer.calc_total_storage() / (PLACES * SIDE**2)

    def _after_substep(self, grid: RasterModelGrid, _recharge, dt: float) -> None:
        area = PLACES * SIDE**2
        self.groundwater += WATER_DENSITY * dt * self.aquifer.calc_gw_flux_out() / area
        exfiltration = grid.at_node["surface_water__specific_discharge"][self.nodes]
        self.seepage += WATER_DENSITY * dt * float(np.mean(exfiltration))

    def _initialize(self) -> None:
        self._time, self._step = self._soil.time, timedelta(seconds=self._soil.bmi.get_time_step())
        places = finam.UnstructuredPoints(np.stack([LONGITUDE, LATITUDE], axis=1), axes_names=["lon", "lat"])
        for name in ("recharge", "runoff"):
            self.inputs.add(name=name, time=self._time, grid=places, units="kg m-2 s-1")
        self.outputs.add(name="water_table_depth", time=self._time, grid=places, units="m")
        self.outputs.add(name="discharge", time=self._time, grid=finam.NoGrid(), units="kg m-2 s-1")
        self.create_connector()

    def _connect(self, start_time) -> None:
        self.try_connect(start_time, push_data={"water_table_depth": self._depth(), "discharge": np.array(0.0)})

    def _validate(self) -> None:
        pass

    def _update(self) -> None:
        self._time += self._step
        dt = self._step.total_seconds()
        recharge, runoff = (
            finam.data.get_magnitude(self.inputs[name].pull_data(self._time))[0] for name in ("recharge", "runoff")
        )
        rate = np.zeros(self.grid.number_of_nodes)
        rate[self.nodes] = recharge / WATER_DENSITY
        self.aquifer.recharge = rate
        before = self.left
        self.aquifer.run_with_adaptive_time_step_solver(dt)
        self.runoff += dt * float(np.mean(runoff))
        self.outputs["water_table_depth"].push_data(self._depth(), self._time)
        self.outputs["discharge"].push_data(np.array((self.left - before) / dt), self._time)

    @property
    def left(self) -> float:
        """Water that has reached the river [kg m-2]."""
        return self.groundwater + self.seepage + self.runoff

    def _depth(self):
        """Depth of the water table below the surface at the places [m]."""
        surface, table = (self.grid.at_node[f"{name}__elevation"] for name in ("topographic", "water_table"))
        return (surface - table)[self.nodes]

    def _next_time(self):
        return self._time + self._step

    def _finalize(self) -> None:
        pass


def couple(experiment: str | Path, days: float, *, figure: Path | None = None) -> dict[str, float]:
    """Run the landscape, from the experiment of one column and ``landscape.toml``, which is written beside it with places and modules.

    Returns
    -------
    dict of str to float
        Means over the four places [kg m-2]: what left the soil in the run, what reached the river as groundwater, seepage and runoff,
        the gain of the aquifer, and what was lost.
    """
    path = Path(experiment).with_name("landscape.toml")
    modules = '\n[modules]\nhydraulics = "ready:hydraulics-neon-uscrn"\nrespiration = "ready:respiration-all"\n'
    places = f"\n[component]\nlatitude = {list(LATITUDE)}\nlongitude = {list(LONGITUDE)}\n"
    path.write_text(Path(experiment).read_text(encoding="utf-8") + modules + places, encoding="utf-8")
    soil = SoilColumnComponent(path, outputs=["surf_roff", "sub_surf_roff", "resp_s_gb"])
    slope = Hillslope(soil)
    sources = {
        "sub_surf_roff": soil,
        "surf_roff": soil,
        "resp_s_gb": soil,
        "water_table_depth": slope,
        "discharge": slope,
    }
    series: dict[str, list[np.ndarray]] = {name: [] for name in sources}

    def note(name: str):
        return lambda _, data, time: series[name].append(np.array(finam.data.get_magnitude(data))[0])

    observers = {
        name: finam.components.DebugPushConsumer(
            {"In": finam.Info(time=None, grid=None, units=None)}, callbacks={"In": note(name)}
        )
        for name in sources
    }
    # components are initialised in this order: the hillslope takes time and step from the soil
    composition = finam.Composition([soil, slope, *observers.values()], log_level=40)
    dt = soil.bmi.get_time_step()
    soil.outputs["sub_surf_roff"] >> slope.inputs["recharge"]
    soil.outputs["surf_roff"] >> slope.inputs["runoff"]
    for name, source in sources.items():
        source.outputs[name] >> observers[name].inputs["In"]
    composition.run(start_time=soil.time, end_time=soil.time + timedelta(days=days))
    flows = {name: np.stack(values[1:]) for name, values in series.items()}
    if figure is not None:
        draw(flows, dt, figure)
    drained = float(dt * flows["sub_surf_roff"].sum() / PLACES)
    ran_off = float(dt * flows["surf_roff"].sum() / PLACES)
    gain = slope.stored - slope.first
    return {
        "drainage of the soil": drained,
        "surface runoff of the soil": ran_off,
        "river, from groundwater": slope.groundwater,
        "river, from seepage": slope.seepage,
        "river, from runoff": slope.runoff,
        "gain of the aquifer": gain,
        "lost": drained + ran_off - slope.left - gain,
    }


def draw(flows: dict[str, np.ndarray], dt: float, path: Path) -> None:
    """Draw daily means: drainage of the soil and discharge of the river, the water table along the slope, and soil respiration."""
    a_day = round(SECONDS_PER_DAY / dt)
    daily = {name: x[: len(x) // a_day * a_day].reshape(-1, a_day, x[0].size).mean(1) for name, x in flows.items()}
    days = np.arange(1, len(daily["discharge"]) + 1)
    colours = ("#0072B2", "#56B4E9", "#E69F00", "#D55E00")
    figure, (water, table, carbon) = plt.subplots(3, 1, figsize=(7.0, 6.6), sharex=True, layout="constrained")
    water.plot(days, SECONDS_PER_DAY * daily["sub_surf_roff"].mean(1), color="0.55", label="drainage of the soil")
    water.plot(days, SECONDS_PER_DAY * daily["discharge"], color="#0072B2", label="discharge of the river")
    water.set(ylabel="[kg m$^{-2}$ d$^{-1}$]")
    water.set_title("Drainage and discharge, mean of the slope", loc="left", fontsize="medium")
    for place, colour in enumerate(colours):
        distance = SIDE * (PLACES - place)
        table.plot(days, daily["water_table_depth"][:, place], color=colour, label=f"{distance:.0f} m from the river")
    table.invert_yaxis()
    table.set(ylabel="Depth [m]")
    table.set_title("Water table", loc="left", fontsize="medium")
    carbon.plot(days, 1000.0 * SECONDS_PER_DAY * daily["resp_s_gb"].mean(1), color="#009E73")
    carbon.set(ylabel="[g m$^{-2}$ d$^{-1}$]", xlabel="Days from the start")
    carbon.set_title("Soil respiration with learned f and g, as carbon", loc="left", fontsize="medium")
    for axes in (water, table):
        axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    for name, amount in couple(sys.argv[1], float(sys.argv[2]), figure=Path("landscape.png")).items():
        print(f"{name:<27} {amount:8.2f} kg m-2" if name != "lost" else f"{name:<27} {amount:8.0e} kg m-2")
