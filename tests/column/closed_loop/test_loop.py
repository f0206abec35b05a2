"""The closed loop: carbon and water are conserved, a constant stock gives the plain column, and carbon changes the soil."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import xarray as xr
from helpers.browser import check_opens
from helpers.conventions import check_conventions
from helpers.module_folders import write_cores, write_soils
from helpers.progress import Reports
from helpers.small_experiment import EXPERIMENT, write_experiment
from typer.testing import CliRunner

from jules_ml.cli import app
from jules_ml.column.closed_loop.carbon_soil import hypres_of_carbon, organic_matter
from jules_ml.column.closed_loop.loop import LOOP_OUTPUTS, SoilOfCarbon, changed_soil, closed_loop
from jules_ml.column.closed_loop.run import run_closed_loop
from jules_ml.errors import BadInput, RunFailed
from jules_ml.experiment import load_experiment
from jules_ml.physics.column import ColumnState, SoilColumn, SoilProperties
from jules_ml.physics.integration import integrate
from jules_ml.physics.surface import Forcing
from jules_ml.physics.tiles import C3_GRASS, surface_properties

DZSOIL = torch.tensor([0.1, 0.25, 0.65, 2.0], dtype=torch.float64)[:, None]
DAYS = 4


def layers(value: float) -> torch.Tensor:
    return torch.full((4, 1), value, dtype=torch.float64)


def hypres(cs: float = 8.0) -> SoilOfCarbon:
    topsoil = torch.tensor([1.0, 1.0, 0.0, 0.0], dtype=torch.float64)[:, None]
    return hypres_of_carbon(
        layers(0.3), layers(0.2), layers(1300.0), layers(0.02), topsoil, torch.tensor(cs, dtype=torch.float64)
    )


def weather() -> Forcing:
    hour = torch.arange(24 * DAYS, dtype=torch.float64)[:, None]
    sun = torch.clamp(600.0 * torch.sin(2.0 * torch.pi * (hour % 24.0 - 6.0) / 24.0), min=0.0)
    rain = torch.where(hour % 29.0 == 3.0, 2.0e-3, 0.0)
    flat = torch.ones_like(hour)
    values = {
        "sw_down": sun, "lw_down": 320.0 * flat, "tot_rain": rain, "tot_snow": 0.0 * flat, "t_air": 285.0 + 0.01 * sun,
        "q": 0.006 * flat, "wind": 3.0 * flat, "pstar": 1.0e5 * flat,
    }  # fmt: skip
    return Forcing(**{name: values[name] for name in Forcing._fields})


def column(columns: int = 2) -> SoilColumn:
    soil = hypres()(torch.full((columns,), 8.0, dtype=torch.float64))
    surface = surface_properties([C3_GRASS], [1.0], albsoil=0.17, dzsoil=DZSOIL, height=10.0)
    return SoilColumn(soil, DZSOIL, timestep=3600.0, surface=surface)


def start(col: SoilColumn) -> tuple[SoilColumn, ColumnState]:
    return col, col.initial_state(
        torch.full((4, 2), 0.6, dtype=torch.float64), torch.full((4, 2), 284.0, dtype=torch.float64)
    )


CS = torch.tensor([8.0, 16.0], dtype=torch.float64)


def test_carbon_and_water_are_conserved_and_carbon_changes_the_soil() -> None:
    col, state = start(column())
    run = closed_loop(
        col, state, weather(), CS, passes=3, period=24, litter=torch.full((2,), 1e-6, dtype=torch.float64),
        soil_of_carbon=hypres(), compiled=False,
    )  # fmt: skip
    assert run.carbon.relative < 1e-12
    assert run.water.relative < 1e-9
    assert run.cs.shape == (3 * DAYS, 2)
    assert float(run.cs[-1, 0]) > 8.0
    assert bool((run.sm_sat[-1, 0] > run.sm_sat[0, 0])[0])
    assert float(run.sm_sat[0, 0, 1]) > float(run.sm_sat[0, 0, 0])


def test_a_constant_stock_gives_the_plain_column() -> None:
    col, state = start(column())
    run = closed_loop(col, state, weather(), CS, passes=1, period=24, moves=False, compiled=False)
    plain = column()
    plain.cs = CS
    direct = integrate(plain, state, weather(), outputs=LOOP_OUTPUTS, mean_over=24, compiled=False)
    for name in LOOP_OUTPUTS:
        torch.testing.assert_close(run.outputs[name], direct.outputs[name], rtol=1e-12, atol=0.0)
    assert torch.equal(run.outputs["smcl"], direct.outputs["smcl"])
    assert torch.equal(run.cs[-1], CS)


def test_with_the_default_litter_carbon_stays_near_balance() -> None:
    col, state = start(column())
    run = closed_loop(col, state, weather(), CS, passes=2, period=24, compiled=False)
    assert torch.allclose(run.cs[-1], CS, rtol=1e-3)


def test_the_soil_at_the_start_is_the_one_described() -> None:
    soil = hypres()
    at_start, richer = soil(CS[:1]), soil(2.0 * CS[:1])
    again = organic_matter(layers(26.0), layers(1.0))  # 0.02 of 1300 kg m-3
    assert again.shape == (4, 1)
    assert bool((richer.sm_sat > at_start.sm_sat).all())
    assert bool((at_start.sm_wilt < at_start.sm_crit).all())


def test_water_above_the_new_saturation_is_counted() -> None:
    col, state = start(column())
    less = SoilProperties(
        *(0.5 * p if name == "sm_sat" else p for name, p in zip(SoilProperties._fields, col.soil, strict=True))
    )
    after, excess = changed_soil(col, state, less)
    assert torch.allclose(state.smcl.sum(0) - after.smcl.sum(0), excess)
    assert float(excess.min()) > 0.0


def test_periods_must_be_whole() -> None:
    col, state = start(column())
    with pytest.raises(ValueError, match="whole periods"):
        closed_loop(col, state, weather(), CS, passes=1, period=37, compiled=False)


HYPRES = """[soil.texture]
pedotransfer = "hypres"
sand = 0.5
silt = 0.3
clay = 0.2
bulk_density = 1300.0
organic_carbon = 0.02
"""


def loop_experiment(folder: Path, *, soil: str = HYPRES, more: str = "") -> Path:
    properties = EXPERIMENT[EXPERIMENT.index("[soil.properties]") : EXPERIMENT.index("[surface]")]
    loop = f"\n[closed_loop]\nyears = 0.02\nperiod_days = 1\n{more}"
    return write_experiment(
        folder, (properties, soil + "\n"), ("285.0, 284.0, 283.0, 282.0]\n", f"285.0, 284.0, 283.0, 282.0]\n{loop}")
    )


def test_every_stage_of_a_loop_is_reported_to_its_end(tmp_path: Path) -> None:
    path = loop_experiment(tmp_path)
    settling = path.read_text().replace("cycles = 0", "cycles = 4\nwater = 50.0\ntemperature = 50.0")
    path.write_text(settling)
    reports = Reports()
    run_closed_loop(load_experiment(path), progress=reports)
    reports.check("spin-up", "loop")


def test_the_command_closes_the_loop(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["run", str(loop_experiment(tmp_path)), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "follows carbon by HYPRES" in done.output.replace("\n", " ")
    check_conventions(tmp_path / "out" / "closed_loop.nc")
    with xr.open_dataset(tmp_path / "out" / "closed_loop.nc") as ds:
        assert ds["cs"].sizes["year"] == 6
        assert ds["sm_sat"].dims == ("pass", "soil")
    summary = json.loads((tmp_path / "out" / "run_summary.json").read_text())
    assert summary["carbon"]["budget_relative"] < 1e-12
    assert summary["water"]["budget_relative"] < 1e-9
    check_opens(tmp_path / "out" / "report.html", tmp_path / "browser")


def test_the_loop_starts_after_spin_up(tmp_path: Path) -> None:
    path = loop_experiment(tmp_path)
    plain = run_closed_loop(load_experiment(path))
    path.write_text(path.read_text().replace("cycles = 0", "cycles = 2"))
    spun = run_closed_loop(load_experiment(path))
    assert any(note.startswith("spin-up: NOT converged after 2 cycles") for note in spun.notes)
    assert any("raise run.spin_up.cycles" in warning for warning in spun.warnings)
    assert not any("spin_up" in warning for warning in plain.warnings)
    assert spun.loop.water.relative < 1e-9
    assert not torch.equal(spun.loop.outputs["smcl"][0], plain.loop.outputs["smcl"][0])


def test_a_soil_that_cannot_follow_its_carbon_is_refused(tmp_path: Path) -> None:
    properties = EXPERIMENT[EXPERIMENT.index("[soil.properties]") : EXPERIMENT.index("[surface]")]
    with pytest.raises(BadInput, match=r"soil: the soil cannot follow its carbon.*soil_follows = false"):
        run_closed_loop(load_experiment(loop_experiment(tmp_path, soil=properties)))


def test_learned_hydraulics_and_learned_carbon_join_the_loop(tmp_path: Path) -> None:
    write_soils(tmp_path / "soils")
    write_cores(tmp_path / "cores")
    path = loop_experiment(tmp_path, more='hydraulics = "soils"\ncarbon = "cores"\nlitter = 5.0\n')
    done = run_closed_loop(load_experiment(path))
    assert float(done.loop.cs[0, 0]) == pytest.approx(7.5, rel=1e-2)
    assert done.loop.carbon.relative < 1e-12
    assert done.loop.water.relative < 1e-9
    assert any("learned hydraulics" in note for note in done.notes)
    assert not torch.equal(done.loop.sm_sat[0], done.loop.sm_sat[-1])
    path.write_text(path.read_text().replace('name = "Somewhere"', 'name = "Elsewhere"'))
    with pytest.raises(BadInput, match=r"no carbon for the site 'Elsewhere'.*Somewhere"):
        run_closed_loop(load_experiment(path))


@pytest.mark.slow
def test_the_initial_soil_has_the_learned_carbon(tmp_path: Path) -> None:
    described = run_closed_loop(load_experiment(loop_experiment(tmp_path)))
    runs = {}
    for soc in (20.0, 40.0):
        write_cores(tmp_path / f"cores{soc:g}", soc=soc)
        path = loop_experiment(tmp_path, more=f'carbon = "cores{soc:g}"\n')
        runs[soc] = run_closed_loop(load_experiment(path))
    # 20 g kg-1 is what the description has, at whatever carbon of the column
    torch.testing.assert_close(runs[20.0].loop.sm_sat[0], described.loop.sm_sat[0], rtol=1e-5, atol=0.0)
    assert bool((runs[40.0].loop.sm_sat[0] > 1.01 * described.loop.sm_sat[0])[:2].all())
    assert any("52 kg m-3 in the topsoil; predicted by a fit without the site" in note for note in runs[40.0].notes)


def test_a_broken_number_of_years_is_warned_of_and_steps_left_out_are_noted(tmp_path: Path) -> None:
    path = loop_experiment(tmp_path)
    path.write_text(path.read_text().replace("period_days = 1", "period_days = 2"))
    done = run_closed_loop(load_experiment(path))
    assert any("covers 0.01 years, not a whole number: the seasons shift" in warning for warning in done.warnings)
    assert any("the last 48 steps of the weather" in note for note in done.notes)


def test_an_unstable_column_stops_the_loop() -> None:
    col, state = start(column())
    forcing = weather()
    forcing = forcing._replace(sw_down=torch.where(torch.arange(24 * DAYS)[:, None] < 30, forcing.sw_down, torch.nan))
    with pytest.raises(RunFailed, match=r"became numerically unstable: .* in pass 1"):
        closed_loop(col, state, forcing, CS, passes=3, period=24, compiled=False)


def test_hydraulics_of_a_constant_soil_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="hydraulics are given but soil_follows is false"):
        load_experiment(loop_experiment(tmp_path, more='soil_follows = false\nhydraulics = "soils"\n'))
