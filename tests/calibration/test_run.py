"""A calibration from its file to its folder: known parameters are recovered, by both methods, and the files can be used."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import f90nml
import numpy as np
import pytest
import torch
import xarray as xr
from helpers.browser import check_opens
from helpers.calibration_sites import changed, write_twin
from helpers.conventions import check_conventions
from typer.testing import CliRunner

from jules_ml.calibration.columns import column_step
from jules_ml.calibration.cost import first_errors
from jules_ml.calibration.files import topmodel_lines
from jules_ml.calibration.lbfgs import cost_and_gradient
from jules_ml.calibration.report import verdict
from jules_ml.calibration.run import calibrate, prepare
from jules_ml.cli.application import app
from jules_ml.column.run import run_column
from jules_ml.column.setup import experiment_column
from jules_ml.column.soil_processes import SOIL_SWITCHES
from jules_ml.errors import BadInput, RunFailed
from jules_ml.experiment import Experiment, load_experiment
from jules_ml.experiment.sections import SoilSection
from jules_ml.physics.column import ColumnState, SoilColumn
from jules_ml.physics.compilation import can_compile
from jules_ml.physics.kernel.trees import tensors
from jules_ml.physics.land_surface.properties import LandSurface

TRUTH = {"b": 2.6, "satcon": 0.006, "lai": 3.0, "hcap": 1.6e6}
SECTION = """\
[calibration]
spin_up_days = 0
test_fraction = 0.25
segment_days = 5
method = "METHOD"

[[calibration.parameters]]
name = "b"
prior_sd = 10.0

[[calibration.parameters]]
name = "satcon"
prior_sd = 10.0

[[calibration.parameters]]
name = "lai"
prior_sd = 10.0

[[calibration.parameters]]
name = "hcap"
prior_sd = 10.0

[[calibration.observations]]
variable = "theta"
error = 0.002
independent_days = 1.0
least_days = 5

[[calibration.observations]]
variable = "t_soil"
error = 0.05
independent_days = 1.0
least_days = 5

[[calibration.observations]]
variable = "le"
error = 2.0
independent_days = 1.0
least_days = 5

[[calibration.observations]]
variable = "gpp"
error = 0.2
independent_days = 1.0
least_days = 5
"""
NOT_COMPILED = pytest.mark.skipif(not can_compile(), reason="takes minutes without a C++ compiler")


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("twin")
    return write_twin(folder, truth=TRUTH, calibration=SECTION.replace("METHOD", "lbfgs"), days=20)


def _with(experiment: Experiment, **changes: object) -> Experiment:
    assert experiment.calibration is not None
    return experiment.model_copy(update={"calibration": experiment.calibration.model_copy(update=changes)})


@pytest.mark.slow
@NOT_COMPILED
@pytest.mark.parametrize("method", ["lbfgs", "gauss_newton"])
def test_known_parameters_are_recovered(twin: Path, method: str) -> None:
    result = calibrate(_with(load_experiment(twin), method=method, iterations=40))
    values = result.values(result.displacements)
    for name, true in TRUTH.items():
        assert float(values[name].amax()) == pytest.approx(true, rel=0.05), name
    assert result.costs[-1] < 1e-2 * result.costs[0]
    assert bool((result.sd < 0.3).all())


@pytest.mark.slow
@NOT_COMPILED
def test_gradient_is_that_of_finite_differences_and_of_torch(twin: Path) -> None:
    """Spin-up included; the kernels give the gradient of the steps of torch."""
    experiment = load_experiment(twin)
    simulation = prepare(_with(experiment, fit_end=np.datetime64("2001-06-06").item(), spin_up_days=1))
    simulation.compiled = True
    errors = first_errors(simulation.observations.series)
    at = torch.tensor([0.2, -0.3, 0.4, 0.1], dtype=torch.float64)
    cost, gradient = cost_and_gradient(simulation, at, errors)
    for k in range(4):
        step = 1e-5 * (torch.arange(4) == k)
        above, below = (cost_and_gradient(simulation, at + sign * step, errors)[0] for sign in (1.0, -1.0))
        assert float(gradient[k]) == pytest.approx(float(above - below) / 2e-5, rel=1e-4)
    plain = replace(simulation, compiled=False, _steps=None)
    for one, other in zip(cost_and_gradient(plain, at, errors), (cost, gradient), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)


@pytest.mark.slow
@NOT_COMPILED
@pytest.mark.parametrize("start", ["", "sthzw = 0.9\nzw = 2.5"])
def test_gradient_with_topmodel_is_that_of_finite_differences(twin: Path, start: str) -> None:
    top = f"[soil.topmodel]\nfexp = 1.0\nti_mean = 6.0\nti_sig = 2.0\n{start}\n\n[surface]"
    path = twin.with_name("topmodel.toml")
    path.write_text(twin.read_text(encoding="utf-8").replace("[surface]", top, 1), encoding="utf-8")
    experiment = load_experiment(path)
    assert experiment.soil is not None
    written = tomllib.loads("\n".join(topmodel_lines(experiment.soil)))
    assert SoilSection.model_validate(experiment.soil.model_dump() | written["soil"]) == experiment.soil
    simulation = prepare(_with(experiment, fit_end=np.datetime64("2001-06-06").item(), spin_up_days=1))
    simulation.compiled = True
    own, _ = experiment_column(experiment, timestep=10800.0, dtype=torch.float64)
    for one, other in zip(tensors(simulation.columns.topmodel), tensors(own.topmodel), strict=True):
        torch.testing.assert_close(one, other)
    errors = first_errors(simulation.observations.series)
    at = torch.tensor([0.2, -0.3, 0.4, 0.1], dtype=torch.float64)
    _, gradient = cost_and_gradient(simulation, at, errors)
    for k in range(4):
        step = 1e-5 * (torch.arange(4) == k)
        above, below = (cost_and_gradient(simulation, at + sign * step, errors)[0] for sign in (1.0, -1.0))
        assert float(gradient[k]) == pytest.approx(float(above - below) / 2e-5, rel=1e-4)


@pytest.mark.slow
@NOT_COMPILED
def test_command_writes_files_that_column_and_jules_can_use(twin: Path, tmp_path: Path) -> None:
    text = twin.read_text(encoding="utf-8")
    nl0 = '[[calibration.parameters]]\nname = "nl0"\n\n[[calibration.observations]]'
    twin = twin.with_name("files.toml")
    twin.write_text(text.replace("[[calibration.observations]]", nl0, 1).replace("5\nmethod", "5\ndraws = 3\nmethod"))
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["calibrate", str(twin), "--out", str(out), "--json"])
    assert done.exit_code == 0, done.output
    content = json.loads(done.stdout)
    assert content == json.loads((out / "calibration.json").read_text(encoding="utf-8"))
    assert [each["label"] for each in content["parameters"]] == ["b", "satcon", "lai", "hcap", "nl0"]
    assert content["cost"]["fitted"]["theta"] < content["cost"]["prior"]["theta"]
    assert "lower with the fitted parameters for 5 of 5 series" in content["verdict"]["sentence"]
    check_conventions(out / "predictions.nc")
    predictions = xr.open_dataset(out / "predictions.nc")
    assert bool((predictions["lower"] <= predictions["upper"]).all())
    plants = f90nml.read(out / "jules" / "twin" / "pft_params.nml")["jules_pftparm"]
    assert sorted(plants) == ["lai_io", "nl0_io"]
    assert plants["lai_io"][2] == pytest.approx(TRUTH["lai"], rel=0.1)
    assert plants["lai_io"][0] == 5.0
    soil = xr.open_dataset(out / "jules" / "twin" / "soil.nc")
    assert float(soil["b"].max()) == pytest.approx(TRUTH["b"], rel=0.1)
    assert sorted(path.name for path in (out / "figures").iterdir()) == ["parameters.png", "series_twin.png"]
    page = (out / "report.html").read_text(encoding="utf-8")
    for title in ("Fitted parameters, before and after", "Observations and simulations at twin"):
        assert f"<h2>{title}</h2>" in page
    check_opens(out / "report.html", tmp_path / "browser")
    _same_as_the_calibration(text, out, twin, predictions)


def _same_as_the_calibration(text: str, out: Path, record: Path, predictions: xr.Dataset) -> None:
    """The sections of the result, run by the column, give the fitted simulation."""
    head, tail = text.split("[soil]", 1)[0], text[text.index("[run]") : text.index("[calibration]")]
    file = record.with_name("fitted.toml")
    sections = (out / "sections" / "twin.toml").read_text(encoding="utf-8")
    assert set(tomllib.loads(sections)["soil"]) == {"dzsoil", "form", "properties", *SOIL_SWITCHES}
    file.write_text(head + sections + "\n" + changed(tail, {"mean_over": 8}), encoding="utf-8")
    output = run_column(load_experiment(file)).output
    k = int(np.flatnonzero(predictions["variable"].to_numpy() == "t_soil")[0])
    np.testing.assert_allclose(output["t_soil"][:, 0], predictions["predicted"][:, k], rtol=2e-6)


@pytest.mark.slow
@NOT_COMPILED
def test_sites_share_some_parameters(tmp_path: Path) -> None:
    section = SECTION.replace("METHOD", "lbfgs").replace('name = "lai"\n', 'name = "lai"\nseparate = ["site"]\n')
    write_twin(tmp_path, "other", truth=TRUTH | {"lai": 1.4}, days=16)
    one = write_twin(tmp_path, "one", truth=TRUTH, calibration=section, days=20)
    one.write_text(one.read_text().replace("[calibration]", '[calibration]\nsites = ["other.toml"]'), encoding="utf-8")
    result = calibrate(load_experiment(one))
    assert [each.label for each in result.simulation.parameters.displacements] == [
        "b",
        "satcon",
        "lai (one)",
        "lai (other)",
        "hcap",
    ]
    lai = result.values(result.displacements)["lai"][0]
    assert lai.tolist() == pytest.approx([3.0, 1.4], rel=0.05)


@pytest.mark.slow
def test_parameters_of_the_full_land_surface_change_the_run(twin: Path) -> None:
    """The surface is that of the experiment without change, and parameters of PFTs by name reach it."""
    file = twin.with_name("land.toml")
    text = twin.read_text(encoding="utf-8") + "\n[physics]\nnsmax = 3\nilayers = 2\n"
    file.write_text(text.replace('name = "satcon"', 'name = "f0"'), encoding="utf-8")
    experiment = _with(load_experiment(file), fit_end=np.datetime64("2001-06-07").item())
    simulation = prepare(experiment)
    assert [each.label for each in simulation.parameters.displacements] == ["b", "f0", "lai", "hcap"]
    zero = torch.zeros(4, dtype=torch.float64)
    of_prior = simulation.columns.column(simulation.parameters.values(simulation.parameters.of_columns(zero)))
    own, _ = experiment_column(experiment, timestep=10800.0, dtype=torch.float64)
    assert isinstance(of_prior.surface, LandSurface)
    assert isinstance(own.surface, LandSurface)
    of_both = (tensors((each.tiles, each.canopy, each.f_root, each.frac)) for each in (of_prior.surface, own.surface))
    for one, other in zip(*of_both, strict=True):
        torch.testing.assert_close(one, other.expand_as(one), rtol=1e-6, atol=1e-12)
    local = torch.cat([simulation.parameters.of_columns(0.5 * torch.eye(4)[k].double()) for k in range(4)], dim=1)
    changed_runs = simulation.predict(torch.cat([zero[:, None], local], dim=1), days=4)
    assert bool(((changed_runs[:, 1:] - changed_runs[:, :1]).abs().amax((0, 2)) > 1e-4).all())


def test_missing_observations_are_refused(twin: Path) -> None:
    experiment = load_experiment(twin)
    assert experiment.calibration is not None
    only = tuple(each.model_copy(update={"variable": "night_nee"}) for each in experiment.calibration.observations[:1])
    with pytest.raises(BadInput, match="no observations of night_nee"):
        prepare(_with(experiment, observations=only))


def test_gradient_that_is_not_finite_is_reported_with_its_day(twin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = _with(load_experiment(twin), fit_end=np.datetime64("2001-06-06").item(), segment_days=2)
    simulation = prepare(experiment)
    simulation.compiled = False

    def broken(column: SoilColumn) -> Callable[..., tuple[ColumnState, dict[str, torch.Tensor]]]:
        plain = column_step(column)

        def step(tensors: Any, state: Any, forcing: Any) -> tuple[ColumnState, dict[str, torch.Tensor]]:
            new, outputs = plain(tensors, state, forcing)
            # a root whose derivative at 0 is infinite, in rain alone
            wrong = torch.where(forcing.tot_rain > 0.0, 0.0 * tensors.soil.b[0], 1.0)
            return new, outputs | {"latent_heat": outputs["latent_heat"] + torch.sqrt(wrong)}

        return step

    monkeypatch.setattr("jules_ml.calibration.simulation.column_step", broken)
    errors = first_errors(simulation.observations.series)
    with pytest.raises(RunFailed, match=r"soil\.b \(1\) is not finite at twin on 2001-06-05"):
        cost_and_gradient(simulation, torch.zeros(4, dtype=torch.float64), errors)


def test_the_verdict_says_that_a_fit_is_worse_at_other_times() -> None:
    def row(before: float, after: float) -> dict[str, Any]:
        return {"test": {"prior": {"rmse": before}, "fitted": {"rmse": after}}}

    assert verdict([row(1.0, 2.0), row(1.0, 1.5), row(1.0, 0.9)]).startswith(
        "The fitted parameters are worse in the test period: the RMSE is higher for 2 of 3 series"
    )
    assert "lower with the fitted parameters for 2 of 2 series" in verdict([row(1.0, 0.5), row(1.0, 0.9)])


def test_a_run_shorter_than_its_spin_up_is_refused(twin: Path) -> None:
    experiment = load_experiment(twin)
    assert experiment.calibration is not None
    longer = experiment.calibration.model_copy(update={"spin_up_days": 365})
    with pytest.raises(
        BadInput, match=r"the spin-up repeats the weather of the first 365.*spin_up_days of \d+ or less"
    ):
        prepare(experiment.model_copy(update={"calibration": longer}))
