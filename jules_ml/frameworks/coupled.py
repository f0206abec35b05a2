"""Component whose inputs come from a record or from other components, and whose state can be saved and restored."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.errors import BadInput
from jules_ml.frameworks.component import Component
from jules_ml.frameworks.inputs import Inputs
from jules_ml.frameworks.saved_state import SavedState, state_bytes, state_from_bytes
from jules_ml.frameworks.setup import Setup
from jules_ml.frameworks.stepping import Exchange, Stepping, Steps, stepping_of
from jules_ml.frameworks.variables import TEMPERATURE, WATER, Array, in_units_of
from jules_ml.physics.column import ColumnState, freeze_soil
from jules_ml.physics.constants import RHO_WATER
from jules_ml.support.files import atomic_write

#: Fraction by which water may exceed saturation by rounding.
_ROUNDING = 1e-9
#: Part of a step by which dates, which are rounded to microseconds, may deviate from whole steps.
_BETWEEN = 1e-5


class CoupledComponent(Component):
    """Component with the soil of columns as its state.

    Subclasses implement :meth:`initialize`, which calls :meth:`begin`.

    Attributes
    ----------
    notes : tuple of str
        Messages for the user; empty before :meth:`initialize`.
    """

    notes: tuple[str, ...] = ()
    _setup: Setup
    _inputs: Inputs
    _stepping: Stepping
    #: Water and temperature before another component may have changed them; None if it cannot have.
    _shown_state: tuple[Array, Array] | None
    _state_has_pointer: bool

    def begin(self, setup: Setup, column: Steps, forcing: Callable[..., Any]) -> None:
        """Take a set-up: declare grids and time axis, and show the state and the first weather.

        Parameters
        ----------
        setup : Setup
        column : Steps
            What is stepped.
        forcing : callable
            Named tuple of what drives a step, in the order of the inputs.
        """
        self._setup = setup
        self.declare(
            timestep=setup.column.timestep,
            n_steps=setup.n_steps,
            depths=setup.depths,
            places=setup.places,
            start=setup.section.seconds_since_epoch(setup.start),
            time_units=setup.section.time_units,
        )
        inputs = {name: each for name, each in self.variables.items() if each.role == "input"}
        self._inputs = Inputs(inputs, setup.coupled, setup.places.size)
        self.values |= self._inputs.values
        land = setup.land
        outputs = {name: each for name, each in self.variables.items() if each.role != "input"}
        exchange = Exchange(
            forcing if land is None else land.forcing,
            [*(self.values[name] for name in self._inputs.names), *(() if land is None else land.arrays.values())],
            {each.jules: self.grids.size(each.grid) for each in outputs.values()},
        )
        self._stepping, problem = stepping_of(column, setup.state, exchange, compiled=setup.compiled)
        self.notes = setup.notes if problem is None else (*setup.notes, problem)
        self.values |= dict(zip(outputs, self._stepping.outputs, strict=True))
        self._shown_state, self._state_has_pointer = None, False
        self._show_state(setup.state)
        self._show_record()
        if setup.section.state is not None:
            self.restore_state(setup.section.state)

    @property
    def state(self) -> ColumnState:
        """State of the columns."""
        self._require_initialised()
        return self._stepping.state

    @property
    def coupled_inputs(self) -> frozenset[str]:
        """Inputs that other components must set before each call, by CSDMS name."""
        self._require_initialised()
        return self._inputs.coupled

    def start_date(self) -> datetime | None:
        """Start of the run, UTC; None without a record and ``run.start``."""
        self._require_initialised()
        return None if self._setup.start is None else self._setup.start.to_pydatetime()

    def update(self) -> None:
        """Step once.

        Raises
        ------
        BadInput
            If the end time is reached, a coupled input has not been set, or a value that was set is not finite or outside the range.
        """
        self._require_inputs()
        self._step_once()
        self._inputs.forget()

    def update_until(self, time: float) -> None:
        """Step until a time, with the coupled inputs as they are in all steps; the last step is the one that contains the time.

        Raises
        ------
        BadInput
            As :meth:`update`; or if the time is not finite, before the current time or after the end time.
        """
        self._require_reachable(time)
        if self._has_reached(time):
            return
        self._require_inputs()
        while not self._has_reached(time):
            self._step_once()
        self._inputs.forget()

    def get_value_ptr(self, name: str) -> NDArray[Any]:
        """Array of the values of a variable, without a copy.

        What is written to the array of an input is as if it were set with :meth:`set_value`. What is written to that of the state changes
        the state. That of an output cannot be written to.
        """
        name = self.name_of(name)
        if self.variables[name].role == "input":
            self._require_initialised()
            return self._inputs.pointer(name)
        array = super().get_value_ptr(name)
        if self.variables[name].role == "state":
            self._watch_state()
            self._state_has_pointer = True
        return array

    def set_value(self, name: str, src: NDArray[Any]) -> None:
        """Set the values of an input, which the record does not drive any more, or of the state; see :class:`Component`."""
        self._before_setting(name)
        super().set_value(name, src)
        self._inputs.mark(self.name_of(name), complete=True)

    def set_value_at_indices(self, name: str, inds: NDArray[Any], src: NDArray[Any]) -> None:
        """Set values at indices; see :meth:`set_value`."""
        self._before_setting(name)
        super().set_value_at_indices(name, inds, src)
        self._inputs.mark(self.name_of(name))

    def set_value_in_units(self, name: str, src: NDArray[Any], units: str) -> None:
        """Set the values of an input or of the state, given in another unit.

        Raises
        ------
        BadInput
            As :meth:`set_value`; or if the unit is unknown or of another dimension.
        """
        variable = self.variables[self.name_of(name)]
        self.set_value(name, in_units_of(variable, src, units, where=self._place(name)))

    def set_soil(self, water: Array, temperature: Array, ice: Array) -> None:
        """Set water, temperature and ice of the layers, as they are at the end of a step.

        Parameters
        ----------
        water, temperature, ice : array, shape (layer × column,)
            Liquid water and ice [kg m-2], temperature [K], and ice as a fraction of saturation [1], which need not be in equilibrium.

        Raises
        ------
        BadInput
            As :meth:`set_value`; or if ice is negative or more than all water.
        """
        for name, values in ((WATER, water), (TEMPERATURE, temperature)):
            self.set_value(name, values)
        self._take_changes()
        state = self._stepping.state
        sthf, sthuf = torch.from_numpy(np.array(ice)).reshape(state.smcl.shape), self._wetness(state.smcl)
        if not bool(((sthf >= 0.0) & (sthf <= sthuf + _ROUNDING)).all()):
            raise BadInput(
                "ice is negative or more than all water",
                where=self._place("sthf"),
                remedy="give the ice of each layer as a fraction of saturation",
            )
        state = state._replace(sthf=sthf)
        self._stepping.set_state(state)
        self._show_state(state)

    def to_state(self) -> bytes:
        """State of the component: :meth:`from_state` continues from it to the last bit."""
        self._require_initialised()
        self._take_changes()
        start, timestep = self.start_date(), self.get_time_step()
        inputs = self._inputs
        saved = SavedState(
            self._step,
            None if start is None else start + timedelta(seconds=self._step * timestep),
            self._stepping.state,
            {name: values for name, values in self.values.items() if name not in inputs.of_record},
            tuple(inputs.set - inputs.coupled),
        )
        return state_bytes(saved, component=self._name, timestep=timestep, column=self._setup.column)

    def from_state(self, content: bytes, *, where: str | None = None) -> None:
        """Continue from a state, forwards or backwards in time.

        The run continues at the date of the state, or after as many steps if the state or the run has no dates.

        Parameters
        ----------
        content : bytes
            From :meth:`to_state` of a component with the same soil, surface types and columns.
        where : str, optional
            Source, for messages.

        Raises
        ------
        BadInput
            If the bytes are damaged or of another component or soil, or the date is not in the run.
        """
        where = where or f"state of {self._name}"
        saved = state_from_bytes(
            content,
            like=self._stepping.state,
            names=self.variables,
            component=self._name,
            timestep=self.get_time_step(),
            column=self._setup.column,
            where=where,
        )
        self._step = self._step_of(saved, where)
        self._stepping.set_state(saved.state)
        self._inputs.forget()
        for name, values in saved.values.items():
            self.values[name][...] = values
        self._show_state(saved.state)
        self._inputs.restore(saved.inputs_set)
        self._show_record()

    def save_state(self, path: str | Path) -> None:
        """Write :meth:`to_state` to a file."""
        with atomic_write(Path(path)) as part:
            part.write_bytes(self.to_state())

    def restore_state(self, path: str | Path) -> None:
        """Continue from a file of :meth:`save_state`.

        Raises
        ------
        BadInput
            As :meth:`from_state`; or if the file cannot be read.
        """
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            raise BadInput(
                f"the state cannot be read ({error.strerror})", where=path, remedy="give a file of save_state"
            ) from error
        self.from_state(content, where=str(path))

    def _step_of(self, saved: SavedState, where: str) -> int:
        """Steps from the start of this run to a state; refuse one outside the run."""
        start, end = self.start_date(), self._n_steps
        remedy = "restore a state of a date in this run, or change run.start and run.end"
        if start is None or saved.date is None:
            if end is not None and saved.step > end:
                raise BadInput(
                    f"the state is after {saved.step} steps, and the run has {end}", where=where, remedy=remedy
                )
            return saved.step
        steps = (saved.date - start).total_seconds() / self.get_time_step()
        step = round(steps)
        problem = (
            f"before the start of the run, {start}" if step < 0
            else "after the end of the run" if end is not None and step > end
            else f"between two steps of the run, which starts at {start}" if abs(steps - step) > _BETWEEN
            else ""
        )  # fmt: skip
        if problem:
            raise BadInput(f"the state is of {saved.date}, {problem}", where=where, remedy=remedy)
        return step

    def _require_inputs(self) -> None:
        """Refuse a step after the end, and inputs that are missing or not possible."""
        self._require_initialised()
        if self._n_steps is not None and self._step >= self._n_steps:
            raise BadInput(
                "the record has ended", where=self._name, remedy="stop at get_end_time(), or give a longer record"
            )
        self._inputs.settle()
        suspects = self._inputs.suspects()
        if suspects:
            labels = {name: f"{name} ({self.variables[name].jules})" for name in self._inputs.names}
            self._inputs.require_all(self._name, labels)
        for name in suspects:
            self._check(name, self.values[name])

    def _step_once(self) -> None:
        self._take_changes()
        if self._setup.land is not None:
            self._setup.land.show(self._step)
        self._stepping.step()
        self._shown_state = None
        if self._state_has_pointer:
            self._watch_state()
        self.advance()
        self._show_record()

    def _take_changes(self) -> None:
        """Take the changes of the state that other components made through :meth:`set_value` or the arrays themselves."""
        if self._shown_state is None:
            return
        water, temperature = self.values[WATER], self.values[TEMPERATURE]
        if np.array_equal(water, self._shown_state[0]) and np.array_equal(temperature, self._shown_state[1]):
            return
        for name in (WATER, TEMPERATURE):
            self._check(name, self.values[name])
        old = self._stepping.state
        smcl, t_soil = (torch.from_numpy(x.copy()).reshape(old.smcl.shape) for x in (water, temperature))
        sthuf = self._wetness(smcl)
        wrong = (sthuf < 0.0) | (sthuf > 1.0 + _ROUNDING)
        if bool(wrong.any()):
            raise BadInput(
                f"water of {float(smcl[wrong][0]):g} kg m-2 is negative or above saturation",
                where=self._place(WATER),
                remedy="set values from 0 to 1000 kg m-3 times thickness and sm_sat",
            )
        state = old._replace(smcl=smcl, t_soil=t_soil, sthf=freeze_soil(sthuf, t_soil, self._setup.column.soil))
        self._stepping.set_state(state)
        self._show_state(state)

    def _wetness(self, smcl: Tensor) -> Tensor:
        """Water as a fraction of saturation [1]."""
        column = self._setup.column
        return smcl / (RHO_WATER * column.dzsoil * column.soil.sm_sat)

    def _show_state(self, state: ColumnState) -> None:
        """Copy the state, and the liquid water and ice in it, into the exchanged variables."""
        wetness = self._wetness(state.smcl)
        parts = {"smcl": state.smcl, "t_soil": state.t_soil, "sthf": state.sthf, "sthu": wetness - state.sthf}
        for name, variable in self.variables.items():
            if variable.jules in parts:
                self.values[name][...] = parts[variable.jules].reshape(-1).numpy()
        self._shown_state = None
        if self._state_has_pointer:
            self._watch_state()

    def _before_setting(self, name: str) -> None:
        """Keep the state before it is set."""
        if self.variables[self.name_of(name)].role == "state":
            self._require_initialised()
            self._watch_state()

    def _watch_state(self) -> None:
        """Keep water and temperature, which another component may change from now on."""
        if self._shown_state is None:
            self._shown_state = (self.values[WATER].copy(), self.values[TEMPERATURE].copy())

    def _show_record(self) -> None:
        """Show the record's weather of the next step in the inputs that no component has set."""
        record = self._setup.record
        if record is not None:
            self._inputs.show(record[min(self._step, len(record) - 1)])
