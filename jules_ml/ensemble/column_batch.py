"""Members that are runs of the column, integrated together as a batch of columns."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, NamedTuple, TypeVar

import numpy as np
import pandas as pd
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from jules_ml.column.land_setup import column_forcing
from jules_ml.column.learned_respiration import learned_factors
from jules_ml.column.output import OUTPUTS, is_sound
from jules_ml.column.run import run_weather, to_be_compiled
from jules_ml.column.setup import experiment_column, initial_state
from jules_ml.column.soil_processes import jules_factors_of
from jules_ml.column.spin_up import steps_of_a_cycle
from jules_ml.ensemble.draws import curves_by_column, drawn_tables
from jules_ml.ensemble.member_experiment import Carbons, Soils, member_experiment, site_experiment
from jules_ml.ensemble.member_file import Series
from jules_ml.ensemble.members import Member
from jules_ml.ensemble.work import Failure, Result, Unit
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.learned.hydraulics.soil_section import Soil
from jules_ml.physics.column import (
    ColumnState,
    RespirationFactors,
    SoilColumn,
)
from jules_ml.physics.integration import integrate, whole_vectors
from jules_ml.physics.kernel.trees import flattened, mapped, tensors
from jules_ml.physics.land_surface.state import LandForcing
from jules_ml.physics.surface import Forcing
from jules_ml.support.cf import TIME
from jules_ml.weather import Weather

_Tree = TypeVar("_Tree")

#: Approximate number of time steps that are integrated at a time; more would need memory without saving time.
_BLOCK = 1440
#: Greatest number of steps of an output period in a measurement of speed.
_PERIOD = 48
#: Name of the liquid water content including residual water, as a sensor measures it: from ``sthu`` and the member's soil.
THETA = "theta"


class _SiteWeather(NamedTuple):
    """Weather of a run at a site, and the site dataset that it is made of."""

    weather: Weather
    record: xr.Dataset


@dataclass
class ColumnWork:
    """Runs members of ``model = "column"``, one batch per unit.

    Attributes
    ----------
    experiment : Experiment
        Experiment of the ensemble.
    outputs : tuple of str
        Variables that are saved for each member.
    """

    forks: ClassVar[bool] = False
    experiment: Experiment
    outputs: tuple[str, ...]
    _weather: dict[tuple[Path | None, Path | None], _SiteWeather] = field(default_factory=dict, repr=False)
    _soils: Soils = field(default_factory=dict, repr=False)
    _carbons: Carbons = field(default_factory=dict, repr=False)

    def results(self, unit: Unit, folder: Path) -> Iterator[tuple[int, Result | Failure]]:
        """Run the members of a unit together; a member that cannot be set up is reported, and a copy of another fills the batch."""
        prepared: list[tuple[SoilColumn, Soil, ColumnState, Member]] = []
        weather, record = self._weather_of(unit.members[0])
        t_mean = float(weather.series["t_air"].mean())
        for member in unit.members:
            try:
                prepared.append((*self._column(member, t_mean), member))
            except BadInput as error:
                if member.number in unit.pending:
                    yield member.number, Failure(str(error))
        if not prepared:
            return
        batch = _Batch(self.experiment, prepared, self._factors([member for *_, member in prepared]))
        at_site = site_experiment(self.experiment, unit.members[0].site, unit.members[0].forcing)
        forcing = column_forcing(at_site, prepared[0][0], weather, record)
        outputs = batch.run(forcing, weather, self.outputs, size=self._size)
        for k, (_, soil, _, member) in enumerate(prepared):
            if member.number in unit.pending:
                own = {name: values[k] for name, values in outputs.items()}
                yield member.number, _result(own, soil, weather, self, batch.notes)

    def shortened(self, member: Member, periods: int, *, compiled: bool) -> ColumnWork:
        """Return work on the beginning of a member's weather, without spin-up, to measure its speed.

        Parameters
        ----------
        member : Member
            Member of the unit that is to be run.
        periods : int
            Number of output periods, of at most 48 steps each.
        compiled : bool
            Whether the step is compiled.
        """
        section = self.experiment.required(self.experiment.run, "run")
        mean_over = min(section.mean_over, _PERIOD)
        spin_up = section.spin_up.model_copy(update={"cycles": 0})
        run = section.model_copy(update={"spin_up": spin_up, "compiled": compiled, "mean_over": mean_over})
        weather, record = self._weather_of(member)
        part = _SiteWeather(replace(weather, series=weather.series.isel(time=slice(periods * mean_over))), record)
        key = (member.site, member.forcing)
        return ColumnWork(self.experiment.model_copy(update={"run": run}), self.outputs, {key: part})

    def steps(self, member: Member) -> int:
        """Return the number of time steps of a member, without spin-up."""
        return int(self._weather_of(member).weather.series.sizes["time"])

    @property
    def _size(self) -> int:
        """Columns per batch: constant, so that it is compiled once, and in whole vectors, so that columns do not affect each other."""
        section = self.experiment.ensemble
        assert section is not None
        return whole_vectors(section.batch, self._dtype)

    @property
    def _dtype(self) -> torch.dtype:
        section = self.experiment.required(self.experiment.run, "run")
        return torch.float32 if section.precision == "float32" else torch.float64

    def _weather_of(self, member: Member) -> _SiteWeather:
        key = (member.site, member.forcing)
        if key not in self._weather:
            self._weather.clear()
            at_site = site_experiment(self.experiment, member.site, member.forcing)
            record = at_site.record()
            weather, _ = run_weather(at_site, at_site.required(at_site.run, "run"), record)
            self._weather[key] = _SiteWeather(weather, record)
        return self._weather[key]

    def _column(self, member: Member, t_mean: float) -> tuple[SoilColumn, Soil, ColumnState]:
        experiment = member_experiment(self.experiment, member, self._soils, self._carbons)
        section = experiment.required(experiment.run, "run")
        column, soil = experiment_column(experiment, timestep=section.timestep, dtype=self._dtype)
        return column, soil, initial_state(column, section.initial, t_air_mean=t_mean, experiment=experiment)

    def _factors(self, members: Sequence[Member]) -> RespirationFactors:
        folder = self.experiment.modules.respiration
        if folder is None:
            return jules_factors_of(self.experiment)
        if "respiration" not in members[0].draws:
            return learned_factors(folder)
        draws = [member.draws["respiration"] for member in members]
        padded = draws + [draws[-1]] * (self._size - len(draws))
        unique = sorted(set(padded))
        return curves_by_column(drawn_tables(folder, unique), [unique.index(draw) for draw in padded])


def _rows(first: int, last: int, series: Tensor) -> Tensor:
    """Steps of a series."""
    return series[first:last]


class _Batch:
    """Batch of columns, which are the last dimension of every tensor."""

    def __init__(
        self,
        experiment: Experiment,
        prepared: Sequence[tuple[SoilColumn, Soil, ColumnState, Member]],
        factors: RespirationFactors,
    ) -> None:
        self.section = experiment.required(experiment.run, "run")
        self.columns = [column for column, *_ in prepared]
        self.states = [state for _, _, state, _ in prepared]
        self.factors = factors
        self.notes: list[str] = []

    def run(
        self, forcing: Forcing | LandForcing, weather: Weather, outputs: Sequence[str], *, size: int
    ) -> dict[str, NDArray[np.floating]]:
        """Spin up and run, and return arrays of shape (column, period) or (column, period, layer)."""
        n = len(self.columns)
        padding = max(size - n, 0)
        column = stacked_column([*self.columns, *[self.columns[-1]] * padding], self.factors)
        state = _joined([*self.states, *[self.states[-1]] * padding])
        stamps = pd.DatetimeIndex(weather.series["time"].to_numpy())
        spin = self.section.spin_up
        n_spin = steps_of_a_cycle(stamps, self.section.timestep, spin)
        compiled = to_be_compiled(self.section, len(stamps) + n_spin * spin.cycles, self.notes)
        active = torch.ones(state.smcl.shape[-1], dtype=torch.bool)
        for _ in range(spin.cycles):
            final, _ = _integrate_in_blocks(
                column, state, mapped(lambda x: x[:n_spin], forcing), outputs, n_spin, None, compiled
            )
            d_smcl = (final.smcl - state.smcl).abs().amax(0)
            d_t_soil = (final.t_soil - state.t_soil).abs().amax(0)
            # a column that has converged keeps its state while others continue, so that its result does not depend on them
            state = _where(active, final, state)
            active = active & ~((d_smcl <= spin.water) & (d_t_soil <= spin.temperature))
            if not bool(active.any()):
                break
        _, blocks = _integrate_in_blocks(column, state, forcing, outputs, len(stamps), self.section.mean_over, compiled)
        return {
            name: np.ascontiguousarray(np.moveaxis(torch.cat(parts)[..., :n].numpy(), -1, 0))
            for name, parts in blocks.items()
        }


def _integrate_in_blocks(
    column: SoilColumn,
    state: ColumnState,
    forcing: Forcing | LandForcing,
    outputs: Sequence[str],
    steps: int,
    mean_over: int | None,
    compiled: bool,
) -> tuple[ColumnState, dict[str, list[Tensor]]]:
    """Integrate block by block; without ``mean_over`` only the final state is meaningful."""
    length = _BLOCK if mean_over is None else max(_BLOCK // mean_over, 1) * mean_over
    blocks: dict[str, list[Tensor]] = {name: [] for name in outputs}
    for first in range(0, steps, length):
        block = mapped(functools.partial(_rows, first, min(first + length, steps)), forcing)
        over = block.t_air.shape[0] if mean_over is None else mean_over
        done = integrate(column, state, block, outputs=outputs, mean_over=over, compiled=compiled)
        state = done.state
        for name in outputs:
            blocks[name].append(done.outputs[name])
    return state, blocks


def stacked_column(columns: Sequence[SoilColumn], factors: RespirationFactors) -> SoilColumn:
    """Join single columns along the last dimension.

    Parameters
    ----------
    columns : sequence of SoilColumn
        Columns with a surface, and with the same form of soil hydraulics, layers, time step and measurement height.
    factors : callable
        Respiration factors of all columns.

    Returns
    -------
    SoilColumn
    """
    first = columns[0]
    # respiration depends on the rate only through its product with the carbon stock
    carbon = torch.stack([torch.as_tensor(c.cs, dtype=first.dzsoil.dtype) * (c.kaps / first.kaps) for c in columns])
    return SoilColumn(
        _joined([c.soil for c in columns]),
        first.dzsoil,
        timestep=first.timestep,
        form=first.form,
        surface=_joined([c.surface for c in columns]),
        factors=factors,
        cs=carbon,
        kaps=first.kaps,
        co2=first.co2,
        height=first.height,
        l_soil_sat_down=first.l_soil_sat_down,
        l_holdwater=first.l_holdwater,
        l_dpsids_dsdz=first.l_dpsids_dsdz,
        soilhc_method=first.soilhc_method,
        topmodel=_joined([c.topmodel for c in columns]),
        carbon=_joined([c.carbon for c in columns]),
        l_soil_resp_lev2=first.l_soil_resp_lev2,
        heat_solutions=first.heat_solutions,
    )


def _joined(trees: Sequence[_Tree]) -> _Tree:
    """Join the tensors of equal trees along their last dimension."""
    if len({flattened(tree)[1] for tree in trees}) > 1:
        raise BadInput(
            "members of a batch have different settings of TOPMODEL or of the pools of soil carbon, which are no numbers of a column",
            where="ensemble.parameters",
            remedy="perturb ti_mean, ti_sig, fexp, litter, dpm_rpm_ratio, clay or fractions, and leave the rest the same",
        )
    following = zip(*(tensors(tree) for tree in trees), strict=True)
    return mapped(lambda _: torch.cat(next(following), dim=-1), trees[0])


def _where(mask: Tensor, new: ColumnState, old: ColumnState) -> ColumnState:
    """Select columns of one of two states."""
    following = iter(tensors(old))
    return mapped(lambda x: torch.where(mask, x, next(following)), new)


def _result(
    values: dict[str, NDArray[np.floating]], soil: Soil, weather: Weather, work: ColumnWork, notes: Sequence[str]
) -> Result | Failure:
    bad = [name for name, series in values.items() if not is_sound(name, series).all()]
    if bad:
        return Failure(
            f"the column became numerically unstable in {', '.join(bad)}: check the member's soil properties"
        )
    section = work.experiment.run
    assert section is not None
    period = pd.Timedelta(seconds=section.timestep * section.mean_over)
    n = len(next(iter(values.values())))
    start = pd.Timestamp(weather.series["time"].to_numpy()[0]) - pd.Timedelta(seconds=section.timestep)
    seconds = period.total_seconds() * np.arange(1, n + 1)
    variables = {
        "time": Series(
            ("time",),
            seconds,
            {
                **TIME,
                "units": f"seconds since {start:%Y-%m-%d %H:%M:%S}",
                "calendar": "standard",
                "long_name": "end of the period, UTC",
            },
        ),
        "dzsoil": Series(
            ("soil",), soil.dzsoil.flatten().double().numpy(), {"units": "m", "long_name": "thickness of soil layer"}
        ),
    }
    for name, series in values.items():
        variables[name] = Series(
            ("time", "soil") if OUTPUTS[name].layered else ("time",),
            series,
            OUTPUTS[name].attributes | {"cell_methods": "time: mean"},
        )
    if "sthu" in values:
        n_layers = soil.dzsoil.shape[0]
        sat, residual = (x.flatten().expand(n_layers).numpy() for x in (soil.properties.sm_sat, soil.theta_r))
        variables[THETA] = Series(
            ("time", "soil"),
            values["sthu"] * sat + residual,
            {"units": "m3 m-3", "long_name": "liquid water content including residual water, as a sensor measures it"},
        )
    return Result(variables, tuple(notes))
