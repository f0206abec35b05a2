"""Two coupled components of the Basic Model Interface: the soil column, and a groundwater store below it.

The store receives the drainage of the column and releases baseflow in proportion to its storage. Run as

    python couple_groundwater.py loobos.toml

with an experiment file of a column.
"""

from __future__ import annotations

import sys
from typing import ClassVar

import numpy as np

from jules_ml.frameworks.bmi import SoilColumnBmi
from jules_ml.frameworks.component import Component
from jules_ml.frameworks.variables import BmiVariable

DRAINAGE = "soil_bottom_water__drainage_mass_flux"
RECHARGE = "groundwater__recharge_mass_flux"
STORED, BASEFLOW = "groundwater__mass_per_area", "channel_water__baseflow_mass_flux"


class Groundwater(Component):
    """A linear store: outflow is storage over a residence time.

    Its configuration is the residence time [day], the time step [s] and the number of steps, separated by blanks.
    """

    variables: ClassVar = {
        RECHARGE: BmiVariable("kg m-2 s-1", "recharge", "input"),
        STORED: BmiVariable("kg m-2", "storage", "output"),
        BASEFLOW: BmiVariable("kg m-2 s-1", "baseflow", "output"),
    }
    _name = "linear groundwater store"

    def initialize(self, config_file: str) -> None:
        """Read the three numbers."""
        days, timestep, n_steps = (float(word) for word in config_file.split())
        self.rate = 1.0 / (days * 86400.0)
        self.declare(timestep=timestep, n_steps=int(n_steps))

    def update(self) -> None:
        """Step once, by the exact solution for a steady recharge."""
        dt, recharge, stored = self.get_time_step(), self.values[RECHARGE][0], self.values[STORED][0]
        new = recharge / self.rate + (stored - recharge / self.rate) * np.exp(-self.rate * dt)
        self.values[STORED][0] = new
        self.values[BASEFLOW][0] = recharge - (new - stored) / dt
        self.advance()


def couple(config: str, *, residence_days: float = 30.0) -> dict[str, float]:
    """Run both components to the end of the record.

    Returns
    -------
    dict of str to float
        Drainage and baseflow over the run, and storage at its end [kg m-2].
    """
    soil, store = SoilColumnBmi(), Groundwater()
    soil.initialize(config)
    dt = soil.get_time_step()
    store.initialize(f"{residence_days} {dt} {round(soil.get_end_time() / dt)}")
    flux = np.empty(1)
    drainage = baseflow = 0.0
    while soil.get_current_time() < soil.get_end_time():
        soil.update()
        store.set_value(RECHARGE, soil.get_value(DRAINAGE, flux))
        drainage += float(flux[0]) * dt
        store.update()
        baseflow += float(store.get_value(BASEFLOW, flux)[0]) * dt
    stored = float(store.get_value(STORED, np.empty(1))[0])
    soil.finalize()
    store.finalize()
    return {"drainage": drainage, "baseflow": baseflow, "stored": stored}


if __name__ == "__main__":
    for name, amount in couple(sys.argv[1]).items():
        print(f"{name:<10} {amount:8.2f} kg m-2")
