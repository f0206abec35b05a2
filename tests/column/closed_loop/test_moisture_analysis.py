"""Learned moisture in the closed loop: its water is counted, a gain of 0 changes nothing, and unsuitable modules are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import xarray as xr
from helpers.module_folders import write_cores, write_soils
from helpers.moisture_site import QUICK, site
from helpers.respiration_folder import write_module
from helpers.small_experiment import EXPERIMENT, write_experiment
from typer.testing import CliRunner

from jules_ml.cli import app
from jules_ml.column.closed_loop.carbon_soil import hypres_of_carbon
from jules_ml.column.closed_loop.loop import LoopRun, SoilOfCarbon, closed_loop
from jules_ml.column.closed_loop.moisture_analysis import FollowedMoisture, MoistureLedger, matched_wetness, moments
from jules_ml.column.closed_loop.run import run_closed_loop
from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.learned.moisture.fit import fit_moisture
from jules_ml.learned.moisture.record import moisture_record
from jules_ml.learned.moisture.site import MoistureSite
from jules_ml.physics.column import ColumnState, SoilColumn
from jules_ml.physics.surface import Forcing
from jules_ml.physics.tiles import C3_GRASS, surface_properties

DZSOIL = torch.tensor([0.1, 0.25, 0.65, 2.0], dtype=torch.float64)[:, None]
DAYS, DAY = 4, 24
CS = torch.tensor([8.0, 16.0], dtype=torch.float64)


def layers(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64).expand(4)[:, None].clone()


def hypres() -> SoilOfCarbon:
    topsoil = layers(1.0, 1.0, 0.0, 0.0)
    return hypres_of_carbon(layers(0.3), layers(0.2), layers(1300.0), layers(0.02), topsoil, torch.tensor(8.0).double())


def weather() -> Forcing:
    hour = torch.arange(DAY * DAYS, dtype=torch.float64)[:, None]
    sun = torch.clamp(600.0 * torch.sin(2.0 * torch.pi * (hour % 24.0 - 6.0) / 24.0), min=0.0)
    flat = torch.ones_like(hour)
    values = {
        "sw_down": sun, "lw_down": 320.0 * flat, "tot_rain": torch.where(hour % 29.0 == 3.0, 2.0e-3, 0.0), "tot_snow": 0.0 * flat,
        "t_air": 285.0 + 0.01 * sun, "q": 0.006 * flat, "wind": 3.0 * flat, "pstar": 1.0e5 * flat,
    }  # fmt: skip
    return Forcing(**{name: values[name] for name in Forcing._fields})


def column() -> tuple[SoilColumn, ColumnState]:
    soil = hypres()(CS)
    surface = surface_properties([C3_GRASS], [1.0], albsoil=0.17, dzsoil=DZSOIL, height=10.0)
    col = SoilColumn(soil, DZSOIL, timestep=3600.0, surface=surface)
    return col, col.initial_state(torch.full((4, 2), 0.6).double(), torch.full((4, 2), 284.0).double())


def followed(wetness: float = 0.8, gain: float = 0.6) -> FollowedMoisture:
    """Two upper layers nudged towards the same wetness on every day."""
    target = layers(wetness, wetness, torch.nan, torch.nan)
    return FollowedMoisture(lambda cs: target.expand(DAYS, -1, len(cs)), gain, DAY)


def loop(moisture: FollowedMoisture | None, *, passes: int = 3, moves: bool = True) -> LoopRun:
    col, state = column()
    return closed_loop(
        col, state, weather(), CS, passes=passes, period=DAY, litter=torch.full((2,), 1e-6).double(), moves=moves,
        soil_of_carbon=hypres() if moves else None, moisture=moisture, compiled=False,
    )  # fmt: skip


def test_the_water_that_is_added_closes_the_budget() -> None:
    run = loop(followed())
    assert run.water.relative < 1e-12
    assert run.carbon.relative < 1e-12
    assert float(run.water.moved.min()) > 1.0
    assert bool((run.water.moved >= run.water.analysed.abs()).all())
    assert run.added.shape == (3 * DAYS, 4, 2)
    torch.testing.assert_close(run.added.sum((0, 1)), run.water.analysed)
    assert bool((run.added[:, 2:] == 0.0).all())
    # with the term left out the budget is open
    assert run.water._replace(analysed=torch.zeros(2)).relative > 1e-3


def test_the_soil_approaches_the_target_and_respiration_follows() -> None:
    wet, dry = loop(followed(0.9, gain=1.0)), loop(followed(0.3, gain=1.0))
    sat = 1000.0 * DZSOIL * wet.sm_sat[-1]
    assert torch.allclose((wet.state.smcl / sat)[:2], torch.full((2, 2), 0.9).double(), atol=0.01)
    assert float(dry.water.analysed.max()) < 0.0
    assert bool((wet.outputs["resp_s_gb"][-1] != dry.outputs["resp_s_gb"][-1]).all())


def test_with_a_gain_of_0_it_is_the_plain_loop() -> None:
    off, none = loop(None), loop(followed(gain=0.0))
    for name, values in off.outputs.items():
        torch.testing.assert_close(none.outputs[name], values, rtol=1e-12, atol=0.0)
    assert float(none.water.moved.max()) == 0.0
    torch.testing.assert_close(off.cs, none.cs, rtol=1e-12, atol=0.0)


def test_a_continued_run_equals_an_uninterrupted_one() -> None:
    whole, half = loop(followed(), passes=4, moves=False), loop(followed(), passes=2, moves=False)
    col, _ = column()
    rest = closed_loop(
        col, half.state, weather(), CS, passes=2, period=DAY, moves=False, moisture=followed(), compiled=False
    )
    for broken, unbroken in zip(rest.state[:3], whole.state[:3], strict=True):
        assert torch.equal(broken, unbroken)
    assert torch.equal(torch.cat([half.added, rest.added]), whole.added)


def test_rescaled_moisture_has_the_moments_of_the_column_and_moves_less_water() -> None:
    course = torch.linspace(0.85, 0.95, DAYS).double()[:, None, None] * layers(1.0, 1.0, torch.nan, torch.nan)
    moisture = FollowedMoisture(lambda cs: course.expand(-1, -1, len(cs)), 0.6, DAY)
    as_learned, matched = loop(moisture, moves=False), loop(replace(moisture, matched=True), moves=False)
    assert bool((matched.added[:DAYS] == 0.0).all())  # the first pass is free
    assert matched.water.relative < 1e-12
    assert bool((matched.water.moved < 0.6 * as_learned.water.moved).all())
    free = moments(torch.rand(DAYS, 4, 2, generator=torch.Generator().manual_seed(0)).double() * 0.2 + 0.4)
    rescaled = moments(matched_wetness(course.expand(-1, -1, 2), free, 1))
    torch.testing.assert_close(rescaled.mean[:2], free.mean[:2])
    torch.testing.assert_close(rescaled.spread[:2], free.spread[:2])


def test_a_frozen_layer_is_not_nudged_and_a_larger_porosity_takes_more_water() -> None:
    col, state = column()
    ledger = MoistureLedger(col, followed().wetness(CS), followed())
    frozen = state._replace(sthf=layers(0.2, 0.0, 0.0, 0.0).expand(-1, 2))
    after = ledger.analysis.change(DAY, frozen)
    assert torch.equal(after.smcl[0], state.smcl[0])
    assert bool((after.smcl[1] > state.smcl[1]).all())
    assert float(ledger.added[0, 1, 1]) > float(ledger.added[0, 1, 0])  # the richer soil has more pores


def test_a_period_is_a_whole_number_of_days() -> None:
    col, state = column()
    with pytest.raises(ValueError, match="not a whole number of days"):
        closed_loop(col, state, weather(), CS, passes=1, period=12, moisture=followed(), compiled=False)


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of all four modules, hardly trained."""
    folder = tmp_path_factory.mktemp("modules")
    record = moisture_record(site(name="Somewhere"), static={"soc_stock": 5.0, "clay": 0.2, "sand": 0.5})
    fit_moisture([MoistureSite(record)], QUICK, folder / "theta")
    write_soils(folder / "soils")
    write_cores(folder / "cores")
    write_module(folder / "curves")
    return folder


def experiment(folder: Path, modules: Path, *changes: tuple[str, str], more: str = "") -> Path:
    properties = EXPERIMENT[EXPERIMENT.index("[soil.properties]") : EXPERIMENT.index("[surface]")]
    texture = (
        '[soil.texture]\npedotransfer = "hypres"\nsand = 0.5\nsilt = 0.3\nclay = 0.2\nbulk_density = 1300.0\n'
        f'organic_carbon = 0.02\n\n[modules]\nrespiration = "{modules / "curves"}"\n\n'
    )
    section = (
        "\n[closed_loop]\nyears = 0.03\nperiod_days = 1\nlitter = 5.0\n"
        f'hydraulics = "{modules / "soils"}"\ncarbon = "{modules / "cores"}"\nmoisture = "{modules / "theta"}"\n'
        f'moisture_level = "learned"\n{more}'
    )
    return write_experiment(folder, (properties, texture), ("282.0]\n", "282.0]\n" + section), *changes)


@pytest.mark.slow
def test_all_four_modules_close_the_loop_reproducibly(tmp_path: Path, modules: Path) -> None:
    path = experiment(tmp_path, modules)
    done = CliRunner().invoke(app, ["run", str(path), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    output = " ".join(done.output.split())
    assert "learned moisture of theta (a site of the module; its input soc_stock follows carbon)" in output
    assert "with a time scale of 24 h, not rescaled" in output
    assert "base rate of curves: kaps =" in output
    assert "closed-loop warning the water that learned moisture adds and removes is" in output
    summary = json.loads((tmp_path / "out" / "run_summary.json").read_text())
    assert summary["carbon"]["budget_relative"] < 1e-12
    assert summary["water"]["budget_relative"] < 1e-12
    assert summary["water"]["moved"] > 0.0
    with xr.open_dataset(tmp_path / "out" / "closed_loop.nc") as ds:
        assert float(ds["analysis"].sum()) == pytest.approx(summary["water"]["analysed"])
    once, again = (run_closed_loop(load_experiment(path)).loop for _ in range(2))
    assert torch.equal(once.cs, again.cs)
    assert torch.equal(once.added, again.added)


def test_carbon_changes_moisture_that_was_trained_with_it(tmp_path: Path, modules: Path) -> None:
    rich = experiment(tmp_path, modules, ("litter = 5.0", "litter = 20.0"))
    changed = run_closed_loop(load_experiment(rich)).loop
    still = run_closed_loop(
        load_experiment(experiment(tmp_path, modules, ("litter = 5.0", "carbon_moves = false")))
    ).loop
    assert not torch.allclose(changed.added[-3:], still.added[-3:])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("[0.1, 0.25, 0.65, 2.0]\nform", "[0.2, 0.25, 0.65, 2.0]\nform"),
            r"layers of learned moisture.*dzsoil = \[0.1",
        ),
        (("litter = 5.0", "moisture_levels = [5]"), r"moisture_levels: the soil has no level 5.*1 to 4"),
        (
            ('name = "Somewhere"', 'name = "Elsewhere"'),
            r"Elsewhere.*too few sites to predict the mean and spread.*--adapt",
        ),
    ],
)
def test_moisture_that_cannot_be_used_is_refused(
    tmp_path: Path, modules: Path, change: tuple[str, str], message: str
) -> None:
    loaded = load_experiment(experiment(tmp_path, modules, change))
    loop_section = loaded.closed_loop
    assert loop_section is not None
    loaded = loaded.model_copy(update={"closed_loop": loop_section.model_copy(update={"carbon": None})})
    with pytest.raises(BadInput, match=message):
        run_closed_loop(loaded)


def test_matched_moisture_needs_a_second_pass_and_is_noted_by_the_passes_with_analysis(
    tmp_path: Path, modules: Path
) -> None:
    matched = ('moisture_level = "learned"', 'moisture_level = "matched"')
    once = experiment(tmp_path, modules, matched, ("years = 0.03", "years = 0.008"))
    with pytest.raises(BadInput, match=r"closed_loop\.years: .*would have no effect.*two passes"):
        run_closed_loop(load_experiment(once))
    done = run_closed_loop(load_experiment(experiment(tmp_path, modules, matched)))
    passes = done.loop.sm_sat.shape[0]
    fraction = float(done.loop.water.moved[0] / done.loop.water.precip[0]) * passes / (passes - 1)
    assert any(f"{100.0 * fraction:.0f} % of precipitation" in note for note in done.notes)
