"""Runs of the columns of a calibration: simulated daily values of every observation, with or without gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor

from jules_ml.calibration.columns import DTYPE, SiteColumns, column_step, column_tensors
from jules_ml.calibration.observations import Observations
from jules_ml.calibration.parameters import FittedParameters
from jules_ml.errors import RunFailed
from jules_ml.physics.adjoint import AdjointSteps, NotFinite
from jules_ml.physics.column import ColumnState, SoilColumn
from jules_ml.physics.compilation import can_compile
from jules_ml.physics.constants import RHO_WATER
from jules_ml.physics.integration import integrate
from jules_ml.physics.surface import Forcing

#: Number of steps from which on compilation saves time: of runs, and of gradients.
_WORTH_COMPILING, _WORTH_COMPILING_GRADIENT = 4000, 20_000


class Start(NamedTuple):
    """State at the start of the fitting period: ``sthuf`` [1] and ``t_soil`` [K], shape (layer, column), and the rest in ``state``."""

    sthuf: Tensor
    t_soil: Tensor
    state: ColumnState


@dataclass(eq=False)
class Simulation:
    """The columns of a calibration with their observations.

    Attributes
    ----------
    columns : SiteColumns
    parameters : FittedParameters
    observations : Observations
    spin_up_days : int
        Number of first days that are run once before the record, at most all.
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

    def start(self, local: Tensor, *, on_days: Callable[[int], None] | None = None) -> Start:
        """Spin up the columns, without gradient.

        Parameters
        ----------
        local : Tensor, shape (local, copy * site)
            Displacements, see :meth:`~jules_ml.calibration.parameters.FittedParameters.values`.
        on_days : callable, optional
            Called with the number of days done since the last call.

        Returns
        -------
        Start
        """
        with torch.no_grad():
            column = self.columns.column(self.parameters.values(local))
            state = self._initial_state(column)
            for first in range(0, self.spin_up_days, self.segment_days):
                days = min(self.segment_days, self.spin_up_days - first)
                state = self._integrated(column, state, first, days, mean_over=days * self.columns.steps_per_day)[0]
                if on_days is not None:
                    on_days(days)
        saturated = RHO_WATER * column.dzsoil * column.soil.sm_sat
        return Start(state.smcl / saturated, state.t_soil, state)

    def predict(
        self, local: Tensor, start: Start | None = None, *, days: int, on_days: Callable[[int], None] | None = None
    ) -> Tensor:
        """Simulate the observations, without gradient.

        Parameters
        ----------
        local : Tensor, shape (local, copy * site)
        start : Start, optional
            By default from :meth:`start` with the same displacements.
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
            start = self.start(local, on_days=on_days) if start is None else start
            state = self._started(column, start)
            parts = []
            for first in range(0, days, self.segment_days):
                number = min(self.segment_days, days - first)
                state, outputs = self._integrated(column, state, first, number)
                parts.append(self._daily(outputs, values["theta_r"], first))
                if on_days is not None:
                    on_days(number)
        return torch.cat(parts)

    def predict_with_gradient(self, local: Tensor, start: Start, *, days: int) -> Tensor:
        """Simulate the observations so that gradients flow to the displacements; see :meth:`predict`.

        Parameters
        ----------
        local : Tensor, shape (local, site)
        start : Start
            Wetness, temperature and surface at the start, which are kept.
        days : int
            Number of days from the start.

        Returns
        -------
        Tensor, shape (day, 1, series)

        Raises
        ------
        RunFailed
            Backward, if the gradient is not finite; the error names the day and the parameter.
        """
        values = self.parameters.values(local)
        column = self.columns.column(values)
        state = self._started(column, start)
        tensors = column_tensors(column)
        steps = self._adjoint(column, state)
        constants, carried = steps.pack(tensors), steps.pack(state)
        per_day = self.columns.steps_per_day
        parts = []
        for first in range(0, days, self.segment_days):
            number = min(self.segment_days, days - first)
            weather = torch.stack([x[first * per_day : (first + number) * per_day] for x in self.columns.forcing], 1)
            carried, outputs = steps.segment(constants, carried, weather, label=first)
            parts.append(self._daily(outputs, values["theta_r"], first))
        return torch.cat(parts)

    def day_of(self, error: NotFinite) -> pd.Timestamp:
        """Day of a gradient that is not finite, at its site (UTC)."""
        site = self.columns.sites[error.column % len(self.columns.sites)]
        day = error.segment + error.step // self.columns.steps_per_day
        return (site.start + pd.Timedelta(days=day)).floor("D")

    def _adjoint(self, column: SoilColumn, state: ColumnState) -> AdjointSteps:
        """Steps with their derivative, traced or compiled once."""
        if self._steps is None:
            total = self.observations.fit_days * self.columns.steps_per_day
            wanted = total >= _WORTH_COMPILING_GRADIENT if self.compiled is None else self.compiled
            weather = Forcing(*(x[0] for x in self.columns.forcing))
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
        return column.initial_state(*(torch.stack(each, 1).repeat(1, copies) for each in (sthuf, t_soil)))

    def _started(self, column: SoilColumn, start: Start) -> ColumnState:
        """State of columns with the wetness and temperature of a start: its water follows the saturation of the soil."""
        state = column.initial_state(start.sthuf.clamp(max=1.0), start.t_soil)
        return state._replace(surface=start.state.surface)

    def _integrated(
        self, column: SoilColumn, state: ColumnState, first: int, days: int, *, mean_over: int = 1
    ) -> tuple[ColumnState, Tensor]:
        """State after some days, and the outputs of each step, shape (step, row, column)."""
        per_day = self.columns.steps_per_day
        copies = column.soil.b.shape[1] // len(self.columns.sites)
        forcing = Forcing(
            *(x[first * per_day : (first + days) * per_day].repeat(1, copies) for x in self.columns.forcing)
        )
        total = (self.observations.fit_days + self.spin_up_days) * per_day
        wanted = total >= _WORTH_COMPILING if self.compiled is None else self.compiled
        names = self.observations.outputs
        run = integrate(column, state, forcing, outputs=names, mean_over=mean_over, compiled=wanted and can_compile())
        rows = [run.outputs[name] if run.outputs[name].ndim == 3 else run.outputs[name][:, None] for name in names]
        return run.state, torch.cat(rows, dim=1)

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
