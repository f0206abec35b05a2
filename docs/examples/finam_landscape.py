"""A hillslope in FINAM: the learned soil at four places drains into groundwater, which feeds a river.

Three components are coupled: the soil (one instance with four columns, driven by the record of the experiment), a linear groundwater store
below each column, and a river of four reaches that carries runoff and baseflow downstream. FINAM connects their grids and units. Run as

    python finam_landscape.py loobos.toml DAYS

with an experiment file of a column; it writes ``landscape.png`` with the flows, and prints the water budget of the whole.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import finam
import matplotlib.pyplot as plt
import numpy as np

from jules_ml.frameworks.finam import SoilColumnComponent

#: Places of the columns from the top of the slope to its foot [degree], and the area of land of each [m2].
LATITUDE, LONGITUDE, AREA = (52.00, 52.01, 52.02, 52.03), (5.7, 5.7, 5.7, 5.7), 2.5e6
#: Residence times of groundwater below each place, and of water in a reach [s].
GROUNDWATER, REACH = np.array([60.0, 40.0, 30.0, 20.0]) * 86400.0, 6.0 * 3600.0


class Store(finam.TimeComponent):
    """Linear stores side by side, or in series: what leaves one enters the next."""

    def __init__(self, soil: SoilColumnComponent, inputs: tuple[str, ...], output: str, residence, *, in_series: bool):
        super().__init__()
        self._soil, self._inputs_, self._output, self._in_series = soil, inputs, output, in_series
        self._rate = 1.0 / np.broadcast_to(np.asarray(residence, dtype=float), (len(LATITUDE),))
        self.stored = np.zeros(len(LATITUDE))
        self.left = 0.0

    def _initialize(self) -> None:
        self._time, self._step = self._soil.time, timedelta(seconds=self._soil.bmi.get_time_step())
        grid = finam.UnstructuredPoints(np.stack([LONGITUDE, LATITUDE], axis=1), axes_names=["lon", "lat"])
        for name in self._inputs_:
            self.inputs.add(name=name, time=self._time, grid=grid, units="kg m-2 s-1")
        self.outputs.add(name=self._output, time=self._time, grid=grid, units="kg m-2 s-1")
        self.create_connector()

    def _connect(self, start_time) -> None:
        self.try_connect(start_time, push_data={self._output: np.zeros(len(LATITUDE))})

    def _validate(self) -> None:
        pass

    def _update(self) -> None:
        self._time += self._step
        dt = self._step.total_seconds()
        pulled = [finam.data.get_magnitude(self.inputs[name].pull_data(self._time))[0] for name in self._inputs_]
        inflow, outflow = np.sum(pulled, axis=0), np.zeros(len(LATITUDE))
        for n, rate in enumerate(self._rate):
            entering = inflow[n] + (outflow[n - 1] if self._in_series and n else 0.0)
            # exact for a steady inflow
            new = entering / rate + (self.stored[n] - entering / rate) * np.exp(-rate * dt)
            outflow[n] = entering - (new - self.stored[n]) / dt
            self.stored[n] = new
        self.left += dt * (outflow[-1] if self._in_series else outflow.sum())
        self.outputs[self._output].push_data(outflow, self._time)

    def _next_time(self):
        return self._time + self._step

    def _finalize(self) -> None:
        pass


def couple(experiment: str | Path, days: float, *, figure: Path | None = None) -> dict[str, float]:
    """Run the landscape, from the experiment of one column and ``landscape.toml``, which is written beside it with four places.

    Returns
    -------
    dict of str to float
        Means over the four places [kg m-2]: what left the soil and what left the river in the run, and the water in groundwater and river
        at the end.
    """
    path = Path(experiment).with_name("landscape.toml")
    places = f"\n[component]\nlatitude = {list(LATITUDE)}\nlongitude = {list(LONGITUDE)}\n"
    path.write_text(Path(experiment).read_text(encoding="utf-8") + places, encoding="utf-8")
    soil = SoilColumnComponent(path, outputs=["surf_roff", "sub_surf_roff"])
    groundwater = Store(soil, ("recharge",), "baseflow", GROUNDWATER, in_series=False)
    river = Store(soil, ("runoff", "baseflow"), "discharge", REACH, in_series=True)
    series: dict[str, list[np.ndarray]] = {"surf_roff": [], "sub_surf_roff": [], "baseflow": [], "discharge": []}

    def note(name: str):
        return lambda _, data, time: series[name].append(np.array(finam.data.get_magnitude(data))[0])

    observers = {
        name: finam.components.DebugPushConsumer(
            {"In": finam.Info(time=None, grid=None, units=None)}, callbacks={"In": note(name)}
        )
        for name in series
    }
    # components are initialised in this order: the stores take time and step from the soil
    composition = finam.Composition([soil, groundwater, river, *observers.values()], log_level=40)
    dt = soil.bmi.get_time_step()
    soil.outputs["sub_surf_roff"] >> groundwater.inputs["recharge"]
    soil.outputs["surf_roff"] >> river.inputs["runoff"]
    groundwater.outputs["baseflow"] >> river.inputs["baseflow"]
    for name, source in zip(series, (soil, soil, groundwater, river), strict=True):
        source.outputs[name] >> observers[name].inputs["In"]
    composition.run(start_time=soil.time, end_time=soil.time + timedelta(days=days))
    flows = {name: np.stack(values[1:]) for name, values in series.items()}
    if figure is not None:
        draw(flows, dt, figure)
    places = len(LATITUDE)
    return {
        "left the soil": float(dt * (flows["surf_roff"] + flows["sub_surf_roff"]).sum() / places),
        "left the river": river.left / places,
        "groundwater": float(groundwater.stored.sum() / places),
        "river": float(river.stored.sum() / places),
    }


def draw(flows: dict[str, np.ndarray], dt: float, path: Path) -> None:
    """Daily means of drainage and baseflow of each place, and of discharge along the river."""
    a_day = round(86400.0 / dt)
    flows = {name: x[: len(x) // a_day * a_day].reshape(-1, a_day, len(LATITUDE)).mean(1) for name, x in flows.items()}
    days = np.arange(1, len(flows["baseflow"]) + 1)
    figure, (above, below) = plt.subplots(2, 1, figsize=(7.0, 5.0), sharex=True, layout="constrained")
    above.plot(days, 86400.0 * flows["sub_surf_roff"][:, 0], color="0.6", label="drainage of the soil")
    for n, residence in enumerate(GROUNDWATER):
        above.plot(days, 86400.0 * flows["baseflow"][:, n], label=f"baseflow, {residence / 86400.0:g} days")
        below.plot(days, 1e-3 * AREA * flows["discharge"][:, n], label=f"reach {n + 1}")
    above.set_ylabel("kg m$^{-2}$ d$^{-1}$")
    below.set_ylabel("discharge, m$^3$ s$^{-1}$")
    below.set_xlabel("days from the start")
    for axes in (above, below):
        axes.legend(fontsize="small", ncols=2)
    figure.savefig(path, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    budget = couple(sys.argv[1], float(sys.argv[2]), figure=Path("landscape.png"))
    for name, amount in budget.items():
        print(f"{name:<15} {amount:9.3f} kg m-2")
    lost = budget["left the soil"] - budget["left the river"] - budget["groundwater"] - budget["river"]
    print(f"{'lost':<15} {lost:9.2e} kg m-2")
