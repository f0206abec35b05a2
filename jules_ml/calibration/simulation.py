"""Runs of the columns of a calibration: simulated daily values of every observation, with or without gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor

from jules_ml.calibration.columns import SiteColumns, column_step, column_tensors
from jules_ml.calibration.observations import Observations
from jules_ml.calibration.parameters import FittedParameters
from jules_ml.calibration.site import DTYPE
from jules_ml.column.soil_processes import initial_topmodel
from jules_ml.errors import RunFailed
from jules_ml.physics.adjoint import AdjointSteps, NotFinite
from jules_ml.physics.column import ColumnState, SoilColumn
from jules_ml.physics.compilation import can_compile
from jules_ml.physics.integration import integrate
from jules_ml.physics.kernel.trees import mapped, tensors
from jules_ml.physics.land_surface.state import LandForcing
from jules_ml.physics.surface import Forcing

#: Number of steps from which on kernels save time: of runs, and of gradients.
_WORTH_COMPILING, _WORTH_COMPILING_GRADIENT = 500, 40


@dataclass(eq=False)
class Simulation:
    """The columns of a calibration with their observations.

    Attributes
    ----------
    columns : SiteColumns
    parameters : FittedParameters
    observations : Observations
    spin_up_days : int
        Number of first days that are run once more before the record, at most all.
    segment_days : int
        Number of days of a segment: outputs of one segment are in memory, and a gradient stores a state at the start of each.
    compiled : bool or None
        Whether to compile; by default where it saves time.
    """

    columns: SiteColumns
    parameters: FittedParameters
    observations: Observations
    spin_up_days: int
    segment_days: int = 10
    compiled: bool | None = None
    _steps: AdjointSteps | None = None

    def predict(self, local: Tensor, *, days: int, on_days: Callable[[int], None] | None = None) -> Tensor:
        """Spin up the columns and simulate the observations, without gradient.

        Parameters
        ----------
        local : Tensor, shape (local, copy * site)
            Displacements, see :meth:`~jules_ml.calibration.parameters.FittedParameters.values`.
        days : int
            Number of days from the start.
        on_days : callable, optional
            Called with the number of days done since the last call, spin-up included.

        Returns
        -------
        Tensor, shape (day, copy, series)
        """
        with torch.no_grad():
            values = self.parameters.values(local)
            column = self.columns.column(values)
            state = self._initial_state(column)
            parts = []
            for first, number, scored in self._segments(days):
                state, outputs = self._integrated(column, state, first, number)
                if scored:
                    parts.append(self._daily(outputs, values["theta_r"], first))
                if on_days is not None:
                    on_days(number)
        return torch.cat(parts)

    def daily_outputs(self, local: Tensor, names: Sequence[str], *, days: int) -> dict[str, Tensor]:
        """Spin up the columns and return daily means of some outputs.

        Parameters
        ----------
        local : Tensor, shape (local, copy * site)
            As :meth:`predict`.
        names : sequence of str
            Outputs.
        days : int
            Number of days from the start.

        Returns
        -------
        dict of str to Tensor, shape (day, row, copy, site)
            A row is a layer, a tile, or the grid box.
        """
        n_sites, means = len(self.columns.sites), {name: list[Tensor]() for name in names}
        with torch.no_grad():
            column = self.columns.column(self.parameters.values(local))
            state = self._initial_state(column)
            for first, number, scored in self._segments(days):
                state, outputs = self._run(column, state, first, number, names)
                for name in names if scored else ():
                    steps = outputs[name] if outputs[name].ndim == 3 else outputs[name][:, None]
                    means[name].append(steps.reshape(number, -1, *steps.shape[1:]).mean(1))
        return {name: torch.cat(parts).unflatten(-1, (-1, n_sites)) for name, parts in means.items()}

    def predict_with_gradient(self, local: Tensor, *, days: int) -> Tensor:
        """Spin up and simulate so that gradients flow to the displacements; see :meth:`predict`.

        Parameters
        ----------
        local : Tensor, shape (local, site)
        days : int
            Number of days from the start.

        Returns
        -------
        Tensor, shape (day, 1, series)

        Raises
        ------
        NotFinite
            Backward, if the gradient is not finite.
        """
        values = self.parameters.values(local)
        column = self.columns.column(values)
        state = self._initial_state(column)
        steps = self._adjoint(column, state)
        constants, carried = steps.pack(column_tensors(column)), steps.pack(state)
        parts = []
        for first, number, scored in self._segments(days):
            weather = self._weather(first, number)
            rows = [x.reshape(len(x), -1, len(self.columns.sites)) for x in tensors(weather)]
            carried, outputs = steps.segment(constants, carried, torch.cat(rows, dim=1), label=first)
            if scored:
                parts.append(self._daily(outputs, values["theta_r"], first))
        return torch.cat(parts)

    def _segments(self, days: int) -> Iterator[tuple[int, int, bool]]:
        """First day and number of days of each segment, and whether it is scored; those of the spin-up come first."""
        for length, scored in ((min(self.spin_up_days, self.columns.days), False), (days, True)):
            for first in range(0, length, self.segment_days):
                yield first, min(self.segment_days, length - first), scored

    def place_of(self, error: NotFinite) -> str:
        """Tensor, site and day (UTC) of a gradient that is not finite."""
        step, column, name = error.locate()
        site = self.columns.sites[column % len(self.columns.sites)]
        day = site.start + pd.Timedelta(days=error.segment + step // self.columns.steps_per_day)
        return f"the gradient with respect to {name} is not finite at {site.name} on {day:%Y-%m-%d}"

    def _weather(self, first: int, days: int) -> Forcing | LandForcing:
        """Weather of some days, shape (step, ..., site) each."""
        per_day = self.columns.steps_per_day
        return mapped(lambda x: x[first * per_day : (first + days) * per_day], self.columns.forcing)

    def _adjoint(self, column: SoilColumn, state: ColumnState) -> AdjointSteps:
        """Steps with their derivative, traced or compiled once."""
        if self._steps is None:
            total = self.observations.fit_days * self.columns.steps_per_day
            wanted = total >= _WORTH_COMPILING_GRADIENT if self.compiled is None else self.compiled
            weather = mapped(lambda x: x[0], self.columns.forcing)
            self._steps = AdjointSteps(
                column_step(column),
                column_tensors(column),
                state,
                weather,
                outputs=self.observations.outputs,
                n_columns=len(self.columns.sites),
                compiled=wanted and can_compile(),
            )
        return self._steps

    def _initial_state(self, column: SoilColumn) -> ColumnState:
        """State before spin-up: wetness and temperature of ``[run.initial]``; by default the mean air temperature."""
        n_layers = len(self.columns.dzsoil)
        copies = column.soil.b.shape[1] // len(self.columns.sites)
        sthuf: list[Tensor] = []
        t_soil: list[Tensor] = []
        for k, site in enumerate(self.columns.sites):
            assert site.experiment.run is not None
            initial = site.experiment.run.initial
            t_mean = (float(self.columns.forcing.t_air[:, k].mean()),)
            for values, into in ((initial.sthuf, sthuf), (initial.t_soil or t_mean, t_soil)):
                into.append(torch.tensor(values, dtype=DTYPE).expand(n_layers))
        wetness, temperature = (torch.stack(each, 1).repeat(1, copies) for each in (sthuf, t_soil))
        water_tables = [initial_topmodel(site.experiment.soil, DTYPE) for site in self.columns.sites]
        given = {name: torch.cat([each[name] for each in water_tables]).repeat(copies) for name in water_tables[0]}
        return column.initial_state(wetness, temperature, **given)

    def _integrated(self, column: SoilColumn, state: ColumnState, first: int, days: int) -> tuple[ColumnState, Tensor]:
        """State after some days, and the observed outputs of each step, shape (step, row, column)."""
        names = self.observations.outputs
        state, outputs = self._run(column, state, first, days, names)
        rows = [outputs[name] if outputs[name].ndim == 3 else outputs[name][:, None] for name in names]
        return state, torch.cat(rows, dim=1)

    def _run(
        self, column: SoilColumn, state: ColumnState, first: int, days: int, names: Sequence[str]
    ) -> tuple[ColumnState, dict[str, Tensor]]:
        """State after some days, and outputs of each step, shape (step, column) or (step, row, column)."""
        per_day = self.columns.steps_per_day
        copies = column.soil.b.shape[1] // len(self.columns.sites)
        forcing = mapped(lambda x: x.repeat(*[1] * (x.ndim - 1), copies), self._weather(first, days))
        total = (self.observations.fit_days + self.spin_up_days) * per_day
        wanted = total >= _WORTH_COMPILING if self.compiled is None else self.compiled
        run = integrate(column, state, forcing, outputs=tuple(names), compiled=wanted and can_compile())
        return run.state, run.outputs

    def _daily(self, outputs: Tensor, theta_r: Tensor, first: int) -> Tensor:
        """Daily values of all series, shape (day, copy, series), from outputs of shape (step, row, copy * site)."""
        observed = self.observations
        per_day, n_sites = self.columns.steps_per_day, len(self.columns.sites)
        days = len(outputs) // per_day
        selected = outputs.reshape(days, per_day, outputs.shape[1], -1, n_sites)[..., observed.column]
        steps = (selected * observed.rows[:, None]).sum(2)
        daily = (steps * observed.weights[first : first + days, :, None]).sum(1)
        residual = theta_r.reshape(len(theta_r), -1, n_sites)[..., observed.column]
        return daily + (residual * observed.residual[:, None]).sum(0)


def refuse_not_finite(predicted: Tensor, simulation: Simulation, values: Mapping[str, Tensor]) -> None:
    """Stop if a simulated value of the first copy is not finite.

    Raises
    ------
    RunFailed
        Which names the site, the day and the soil.
    """
    bad = (~torch.isfinite(predicted[:, 0])).nonzero()
    if len(bad) == 0:
        return
    day, k = (int(x) for x in bad[0])
    number = simulation.observations.series[k].site
    site = simulation.columns.sites[number]
    soil = ", ".join(
        f"{name} {', '.join(f'{x:.3g}' for x in values[name][:, number].tolist())}" for name in ("b", "satcon")
    )
    raise RunFailed(
        f"the column of {site.name} became numerically unstable on {site.start + pd.Timedelta(days=day):%Y-%m-%d}: give a shorter "
        f"run.timestep, or check the soil, whose layers have {soil}"
    )
