"""The soil column in FINAM: a component with time step whose inputs and outputs are those of the Basic Model Interface.

Needs the packages ``bmipy`` and ``finam`` (``pip install jules_ml[finam]``; FINAM has the LGPL licence).

References
----------
Müller et al. (2024): FINAM, a Python framework for coupling models, https://finam.pages.ufz.de.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import finam
import numpy as np

from jules_ml.errors import BadInput
from jules_ml.frameworks.bmi import SoilColumnBmi
from jules_ml.frameworks.coupled import CoupledComponent
from jules_ml.frameworks.variables import COLUMNS, names_by_alias


class SoilColumnComponent(finam.TimeComponent):  # type: ignore[misc]
    """Column of an experiment as a FINAM component.

    A step from t to t + dt pulls its inputs at t + dt, where they are means over the step, and pushes its outputs with this time. Slots
    have JULES's names (``tot_rain``, ``smcl``); grids, units and metadata are those of the BMI component. FINAM converts units, and refuses
    connections whose units or grids do not fit. With ``state`` under ``[component]``, its clock starts at the date of the state.

    Parameters
    ----------
    experiment : str or Path
        Experiment file.
    start : datetime, optional
        Start of a run without a record and ``run.start``; of others it must be the same, and is not needed.
    inputs : iterable of str, optional
        Inputs that are connected, by JULES's or CSDMS's names; by default those that the mode of ``[component]`` couples. Inputs of a
        record that are connected are not taken from it any more.
    outputs : iterable of str, optional
        Outputs, by JULES's or CSDMS's names; by default all.
    component : CoupledComponent, optional
        The BMI component; by default :class:`~jules_ml.frameworks.bmi.SoilColumnBmi`. The soil alone is
        :class:`~jules_ml.frameworks.soil_only.SoilOnlyBmi`.

    Raises
    ------
    BadInput
        When FINAM initialises the component, as :meth:`~jules_ml.frameworks.bmi.SoilColumnBmi.initialize`; if there is no start, or
        another one; or if a coupled input is not among ``inputs``.
    """

    def __init__(
        self,
        experiment: str | Path,
        *,
        start: datetime | None = None,
        inputs: Iterable[str] | None = None,
        outputs: Iterable[str] | None = None,
        component: CoupledComponent | None = None,
    ) -> None:
        super().__init__()
        self._experiment, self._start = Path(experiment), start
        self._chosen = (None if inputs is None else tuple(inputs), None if outputs is None else tuple(outputs))
        #: The BMI component, whose state can be saved and restored between updates.
        self.bmi = component if component is not None else SoilColumnBmi()

    def _initialize(self) -> None:
        self.bmi.initialize(str(self._experiment))
        start = self._start or self.bmi.start_date()
        if start is None:
            raise BadInput(
                "the start of the run is missing, and there is no record",
                where=self._experiment,
                remedy="give start to the component, or start under [run]",
            )
        if self.bmi.start_date() not in (None, start):
            raise BadInput(
                f"start is {start}, and the run starts at {self.bmi.start_date()}",
                where=self._experiment,
                remedy="leave start out, or change start under [run]",
            )
        # a state that was saved after the start continues at its own date
        self._time = start + timedelta(seconds=self.bmi.get_current_time() - self.bmi.get_start_time())
        self._step = timedelta(seconds=self.bmi.get_time_step())
        coupled = tuple(name for name in self.bmi.get_input_var_names() if name in self.bmi.coupled_inputs)
        chosen_inputs, chosen_outputs = self._chosen
        self._inputs_by_slot = self._by_slot(coupled if chosen_inputs is None else chosen_inputs)
        self._outputs_by_slot = self._by_slot(
            self.bmi.get_output_var_names() if chosen_outputs is None else chosen_outputs
        )
        missing = [name for name in coupled if name not in self._inputs_by_slot.values()]
        if missing:
            raise BadInput(
                f"the coupled inputs {', '.join(missing)} are not among the inputs of the component",
                where=self._experiment,
                remedy="add them to inputs, or take them from a record (component.mode)",
            )
        for slot, name in self._inputs_by_slot.items():
            self.inputs.add(name=slot, info=self._info(name))
        for slot, name in self._outputs_by_slot.items():
            self.outputs.add(name=slot, info=self._info(name))
        self.create_connector()

    def _connect(self, start_time: datetime) -> None:
        self.try_connect(start_time, push_data={slot: self._value(slot) for slot in self._outputs_by_slot})

    def _validate(self) -> None:
        pass

    def _update(self) -> None:
        until = self._time + self._step
        for slot, name in self._inputs_by_slot.items():
            data = finam.data.get_magnitude(self.inputs[slot].pull_data(until))
            self.bmi.set_value(name, np.ma.filled(np.ma.asarray(data, dtype=np.float64), np.nan))
        self.bmi.update()
        self._time = until
        for slot in self._outputs_by_slot:
            self.outputs[slot].push_data(self._value(slot), self._time)

    def _finalize(self) -> None:
        self.bmi.finalize()

    def _next_time(self) -> datetime:
        time: datetime = self._time + self._step
        return time

    def _by_slot(self, names: Iterable[str]) -> dict[str, str]:
        """CSDMS names by the names of slots."""
        by_name = {self.bmi.name_of(name): name for name in names}
        jules = {name: alias for alias, name in reversed(names_by_alias(self.bmi.variables).items())}
        return {jules.get(name, name): name for name in by_name}

    def _info(self, name: str) -> finam.Info:
        """Grid, unit and metadata of a variable."""
        variable = self.bmi.variables[name]
        meta: dict[str, Any] = {"standard_name": name, "long_name": variable.doc}
        return finam.Info(
            time=self._time, grid=self._grid(self.bmi.get_var_grid(name)), units=self.bmi.get_var_units(name), meta=meta
        )

    def _grid(self, number: int) -> Any:
        """Grid in the terms of FINAM: of points that have the data, latitudes before longitudes, layers first."""
        grids = self.bmi.grids
        if grids.places.layout == "scalar":
            if number == COLUMNS:
                return finam.NoGrid()
            return finam.RectilinearGrid([grids.depths], data_location=finam.Location.POINTS, axes_names=["depth"])
        letters = ("x", "y") if number == COLUMNS else ("x", "y", "z")
        axes = [grids.axis(number, letter) for letter in letters]  # type: ignore[arg-type]
        names = ["lon", "lat", "depth"][: len(axes)]
        if grids.places.layout == "points":
            return finam.UnstructuredPoints(np.stack(axes, axis=1), axes_names=names)
        return finam.RectilinearGrid(
            axes, data_location=finam.Location.POINTS, axes_reversed=True, order="C", axes_names=names
        )

    def _value(self, slot: str) -> Any:
        """Copy of the present values of an output, in the shape of its grid."""
        name = self._outputs_by_slot[slot]
        values = np.array(self.bmi.array(name))
        grids, number = self.bmi.grids, self.bmi.get_var_grid(name)
        if grids.places.layout == "points":
            return values
        return values.reshape(grids.shape(number))
