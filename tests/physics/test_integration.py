"""A column through time: periods, progress, and compiled against eager."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from pathlib import Path

import _loobos
import pytest
import torch
from torch import Tensor

from jules_ml.column.budget import stored_water
from jules_ml.physics.column import ColumnState, SoilColumn
from jules_ml.physics.compilation import can_compile
from jules_ml.physics.integration import Analysis, integrate, whole_vectors
from jules_ml.physics.kernel.trees import mapped, tensors
from jules_ml.physics.land_surface.state import LandForcing
from jules_ml.physics.surface import Forcing, SurfaceProperties, SurfaceState
from jules_ml.physics.topmodel import Topmodel

needs_compiler = pytest.mark.skipif(not can_compile(), reason="no C++ compiler")
NAMES = ["smcl", "t_soil", "sthf", "fqw_gb", "ext", "resp_s_gb", "heat_residual"]


def first(forcing: Forcing, steps: int) -> Forcing:
    return Forcing(*(x[:steps] for x in forcing))


def widened(x: Tensor, n: int) -> Tensor:
    return x.expand(-1, n).clone()


def test_periods_are_means_and_progress_counts_every_step(shared_data: Path) -> None:
    forcing, state, column = _loobos.standalone(shared_data)
    counts: list[int] = []
    with torch.no_grad():
        each = integrate(column, state, first(forcing, 96), outputs=["smcl", "fqw_gb"], compiled=False)
        daily = integrate(
            column,
            state,
            first(forcing, 96),
            outputs=["smcl", "fqw_gb"],
            mean_over=48,
            compiled=False,
            on_steps=counts.append,
        )
    assert each.outputs["smcl"].shape == (96, 4, 1)
    assert daily.outputs["fqw_gb"].shape == (2, 1)
    torch.testing.assert_close(daily.outputs["smcl"][1], each.outputs["smcl"][48:].mean(0))
    assert sum(counts) == 96


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=needs_compiler)])
def test_incomplete_periods_and_unknown_outputs_are_refused(shared_data: Path, compiled: bool) -> None:
    forcing, state, column = _loobos.standalone(shared_data)
    with pytest.raises(ValueError, match="whole periods"):
        integrate(column, state, first(forcing, 50), outputs=["smcl"], mean_over=48, compiled=compiled)
    with pytest.raises(ValueError, match="has no output nonsense"):
        integrate(column, state, first(forcing, 4), outputs=["nonsense"], compiled=compiled)


@pytest.mark.parametrize("has_other_code", [False, True])
def test_without_a_compiler_it_warns_and_runs(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_other_code: bool
) -> None:
    forcing, state, column = _loobos.standalone(shared_data)
    # a step of which this process has no recording, in a folder of its own
    monkeypatch.setattr("jules_ml.physics.kernel.stepper._recordings", OrderedDict())
    monkeypatch.setenv("JULES_ML_CACHE_DIR", str(tmp_path))
    if has_other_code:
        (tmp_path / "kernels").mkdir()
        (tmp_path / "kernels" / "other.so").touch()
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.warns(UserWarning, match="no C\\+\\+ compiler"):
        result = integrate(column, state, first(forcing, 2), outputs=["smcl"], compiled=True)
    assert result.outputs["smcl"].shape[0] == 2


@needs_compiler
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_a_compiled_step_equals_an_eager_one(shared_data: Path, dtype: torch.dtype, tolerance: float) -> None:
    forcing, state, column = _loobos.standalone(shared_data, dtype)
    state = integrate(column, state, first(forcing, 48), outputs=["smcl"], compiled=True).state
    for k in (50, 3000, 9000):
        weather = Forcing(*(x[k : k + 1] for x in forcing))
        eager = integrate(column, state, weather, outputs=NAMES, compiled=False)
        compiled = integrate(column, state, weather, outputs=NAMES, compiled=True)
        for mine, its in zip(tensors(compiled.state), tensors(eager.state), strict=True):
            torch.testing.assert_close(mine, its, rtol=tolerance, atol=tolerance)
        for name in NAMES[:-1]:
            torch.testing.assert_close(compiled.outputs[name], eager.outputs[name], rtol=10 * tolerance, atol=tolerance)


@needs_compiler
def test_periods_of_a_compiled_run_are_those_of_an_eager_one(shared_data: Path) -> None:
    forcing, state, column = _loobos.standalone(shared_data)
    runs = [
        integrate(column, state, first(forcing, 96), outputs=NAMES, mean_over=32, compiled=compiled)
        for compiled in (False, True)
    ]
    for name in NAMES[:-1]:
        torch.testing.assert_close(runs[1].outputs[name], runs[0].outputs[name], rtol=1e-9, atol=1e-12)


@needs_compiler
@pytest.mark.parametrize("compiled", [False, True])
def test_an_analysis_changes_the_state_between_steps(shared_data: Path, compiled: bool) -> None:
    forcing, state, column = _loobos.standalone(shared_data)
    seen: list[int] = []

    def change(step: int, now: ColumnState) -> ColumnState:
        seen.append(step)
        return now._replace(smcl=now.smcl * 0.5)

    run = integrate(
        column,
        state,
        first(forcing, 10),
        outputs=["smcl"],
        mean_over=5,
        analysis=Analysis(4, change),
        compiled=compiled,
    )
    assert seen == [4, 8]
    assert float(run.state.smcl.sum()) < 0.3 * float(state.smcl.sum())


@needs_compiler
def test_a_column_does_not_depend_on_others_or_on_threads(shared_data: Path) -> None:
    """Equal to the last bit."""
    forcing, state, column = _loobos.standalone(shared_data, torch.float32)
    steps = first(forcing, 96)
    alone = integrate(column, state, steps, outputs=NAMES, compiled=True)
    for n in (7, 1000):
        generator = torch.Generator().manual_seed(n)
        warmer = torch.cat([torch.zeros(1), 5.0 * torch.rand(n - 1, generator=generator)])
        company = mapped(partial(widened, n=n), state)
        company = company._replace(t_soil=company.t_soil + warmer)
        runs = []
        for threads in (1, 2):
            before = torch.get_num_threads()
            torch.set_num_threads(threads)
            try:
                runs.append(integrate(column, company, steps, outputs=NAMES, compiled=True))
            finally:
                torch.set_num_threads(before)
        for name in NAMES:
            assert torch.equal(runs[0].outputs[name], runs[1].outputs[name]), name
            assert torch.equal(runs[0].outputs[name][..., :1], alone.outputs[name]), name
        for mine, its in zip(tensors(runs[0].state), tensors(alone.state), strict=True):
            assert torch.equal(mine[..., :1], its)


@needs_compiler
def test_columns_that_differ_in_numbers_share_a_kernel(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forcing, state, column = _loobos.standalone(shared_data)
    integrate(column, state, first(forcing, 2), outputs=NAMES, compiled=True)

    def fails(*_: object) -> None:
        raise AssertionError("compiled again")

    monkeypatch.setattr("jules_ml.physics.kernel.library._compile", fails)
    for cs in (5.0, torch.tensor(3.0, dtype=torch.float64), torch.tensor(4.0, dtype=torch.float64)):
        column.timestep, column.cs = 900.0, cs
        column.soil = column.soil._replace(b=column.soil.b * 1.1)
        compiled, eager = (
            integrate(column, state, first(forcing, 2), outputs=NAMES, compiled=compiled) for compiled in (True, False)
        )
        for name in NAMES[:-1]:
            torch.testing.assert_close(compiled.outputs[name], eager.outputs[name], rtol=1e-9, atol=1e-12)


@needs_compiler
def test_what_no_kernel_is_generated_for_runs_without_one(shared_data: Path) -> None:
    forcing, state, column = _loobos.standalone(shared_data)

    class Sorted(SoilColumn):
        def step(self, state: ColumnState, forcing: Forcing | LandForcing) -> tuple[ColumnState, dict[str, Tensor]]:
            new, out = super().step(state, forcing)
            return new, {**out, "smcl": torch.sort(out["smcl"], dim=0).values}

    column.__class__ = Sorted
    with pytest.warns(UserWarning, match="sort.*without compilation"):
        integrate(column, state, first(forcing, 2), outputs=["smcl"], compiled=True)


def test_whole_vectors_contain_all_columns() -> None:
    assert [whole_vectors(n, torch.float64) for n in (1, 8, 9, 1000)] == [8, 8, 16, 1000]
    assert whole_vectors(1000, torch.float32) == 1008


@needs_compiler
def test_water_of_a_year_in_single_precision_closes_to_1e_4(shared_data: Path) -> None:
    forcing, state, column = _loobos.standalone(shared_data, torch.float32)
    names = ["water_residual", "runoff", "fqw_gb"]
    state = integrate(column, state, forcing, outputs=names, mean_over=48, compiled=True).state
    run = integrate(column, state, forcing, outputs=names, mean_over=48, compiled=True)
    assert isinstance(column.surface, SurfaceProperties)
    gained = (run.state.smcl.double() - state.smcl.double()).sum()
    assert isinstance(run.state.surface, SurfaceState)
    assert isinstance(state.surface, SurfaceState)
    for name in ("canopy", "snow"):
        change = getattr(run.state.surface, name).double() - getattr(state.surface, name).double()
        gained = gained + (column.surface.frac.double() * change).sum()
    seconds = column.timestep * len(forcing.t_air)
    supplied = (forcing.tot_rain.double() + forcing.tot_snow.double()).mean()
    lost = run.outputs["runoff"].double().mean() + run.outputs["fqw_gb"].double().mean()
    assert abs(float(gained - seconds * (supplied - lost))) < 2e-4
    assert abs(float(run.outputs["water_residual"].double().sum() * 48)) < 1e-4


@needs_compiler
def test_temperature_of_deep_layers_in_single_precision_follows_double(shared_data: Path) -> None:
    """The changes of a step are near the resolution of the numbers, and rounding would accumulate to 1e-3 K."""
    means = []
    for dtype in (torch.float32, torch.float64):
        forcing, state, column = _loobos.standalone(shared_data, dtype)
        run = integrate(column, state, forcing, outputs=["t_soil"], compiled=True)
        means.append(run.outputs["t_soil"].double()[:, 2:].unflatten(0, (5, -1)).mean(1))
    assert float((means[0] - means[1]).abs().max()) < 4e-4


@needs_compiler
def test_water_below_the_layers_in_single_precision_follows_its_fluxes(shared_data: Path) -> None:
    forcing, state, column = _loobos.standalone(shared_data, torch.float32)
    one = torch.ones(1)
    column.topmodel = Topmodel(one, 6.0 * one, 0.4556 * one, 0.6 * one, 15.0 * one, 10.0 * one)
    wetness = state.smcl / (1000.0 * column.dzsoil * column.soil.sm_sat)
    state = column.initial_state(wetness, state.t_soil)._replace(surface=state.surface)
    names = ["water_residual", "runoff", "fqw_gb"]
    run = integrate(column, state, forcing, outputs=names, compiled=True)
    gained = stored_water(column, run.state) - stored_water(column, state)
    rates = forcing.tot_rain.double() + forcing.tot_snow.double() - run.outputs["runoff"] - run.outputs["fqw_gb"]
    # the state itself has a resolution of 3e-4 kg m-2 there
    assert abs(float(gained - column.timestep * rates.sum())) < 6e-4
