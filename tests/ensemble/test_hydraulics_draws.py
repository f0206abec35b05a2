"""Draws of learned hydraulics: each member has its own soil, in the column and in JULES."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from _ensemble import jules_ensemble
from helpers.small_experiment import write_experiment

from jules_ml.column.run import run_column
from jules_ml.ensemble.manifest import member_folder
from jules_ml.ensemble.member_experiment import member_experiment, soil_experiment
from jules_ml.ensemble.member_file import read_member
from jules_ml.ensemble.members import plan_members
from jules_ml.ensemble.results import write_results
from jules_ml.ensemble.run import run_ensemble
from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment
from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.learned.hydraulics.network import LearnedHydraulics
from jules_ml.learned.store import write_module_folder

DRAWS = """
[ensemble]
draws = ["hydraulics"]
batch = 4
"""


def write_module(folder: Path) -> Path:
    """Write three networks with constant output, a different soil each."""
    network = LearnedHydraulics(("sand", "clay"), members=3, hidden=2)
    with torch.no_grad():
        network.outward.zero_()
        network.level.copy_(torch.linspace(-0.5, 0.5, 3, dtype=torch.float64)[:, None].expand_as(network.level))
    card = {
        "module": "hydraulics",
        "inputs": {"sand": {}, "clay": {}},
        "settings": HydraulicSettings(members=3, hidden=2).model_dump(),
        "dzsoil": [0.1, 0.25, 0.65, 2.0],
        "sites": {},
    }
    return write_module_folder(folder, state=dict(network.state_dict()), card=card, scores={}, predictions=xr.Dataset())


def experiment_file(folder: Path, ensemble: str) -> Path:
    write_module(folder / "soils")
    path = write_experiment(folder, ("[run]", '[modules]\nhydraulics = "soils"\n\n[run]'), days=3)
    path.write_text(path.read_text(encoding="utf-8") + ensemble, encoding="utf-8")
    return path


def test_each_member_has_the_soil_of_one_network(tmp_path: Path) -> None:
    experiment = load_experiment(experiment_file(tmp_path, DRAWS))
    done = run_ensemble(experiment, tmp_path / "out")
    assert (done.done, done.failed) == (3, 0)
    assert [member.draws for member in done.members] == [{"hydraulics": k} for k in range(3)]
    saturated = []
    for member in done.members:
        own = member_experiment(experiment, member)
        assert own.modules.hydraulics is None
        assert own.soil is not None
        assert own.soil.properties is not None
        saturated.append(own.soil.properties.sm_sat[0])
        alone = run_column(own).output
        member_output = read_member(member_folder(tmp_path / "out", member.number))
        for name in ("smcl", "t_soil", "sthu"):
            np.testing.assert_allclose(
                np.asarray(member_output[name].values, dtype=np.float64), alone[name].to_numpy(), rtol=1e-13
            )
    assert saturated == sorted(set(saturated))
    files = {path.name for path in write_results(done)}
    assert {"spread_theta.nc", "spread_theta.png"} <= files
    with xr.open_dataset(tmp_path / "out" / "spread_theta.nc") as spread:
        june = spread.sel(month=6)
        assert float(june["offline"]) == pytest.approx(float(spread["offline_year"]))
        assert float(june["online_draws"]) > 0.0


def test_parameters_change_the_drawn_soil(tmp_path: Path) -> None:
    more = (
        '\n[ensemble]\nmembers = 6\ndraws = ["hydraulics"]\n\n[[ensemble.parameters]]\n'
        'parameter = "soil.properties.satcon"\nbounds = [1.5, 2.0]\nfactor = true\n'
    )
    experiment = load_experiment(experiment_file(tmp_path, more))
    for member in plan_members(experiment):
        own, drawn = (
            member_experiment(experiment, member).soil,
            soil_experiment(experiment, member.draws["hydraulics"]).soil,
        )
        assert own is not None
        assert own.properties is not None
        assert drawn is not None
        assert drawn.properties is not None
        assert own.properties.b == drawn.properties.b
        expected = [member.values["satcon"] * each for each in drawn.properties.satcon]
        assert own.properties.satcon == pytest.approx(expected)
    run = run_ensemble(experiment, tmp_path / "out")
    assert run.done == 6


def test_members_without_draws_have_the_mean_soil(tmp_path: Path) -> None:
    more = (
        '\n[ensemble]\nmembers = 2\n\n[[ensemble.parameters]]\nparameter = "carbon.kaps"\nbounds = [0.4e-8, 0.6e-8]\n'
    )
    experiment = load_experiment(experiment_file(tmp_path, more))
    run_ensemble(experiment, tmp_path / "out")
    alone = run_column(experiment).output
    member_output = read_member(member_folder(tmp_path / "out", 1))
    np.testing.assert_allclose(
        np.asarray(member_output["smcl"].values, dtype=np.float64), alone["smcl"].to_numpy(), rtol=1e-13
    )


def jules_file(data: Path, folder: Path, via: str) -> Path:
    path = jules_ensemble(data, folder, 2)
    write_module(folder / "soils")
    text = path.read_text(encoding="utf-8")
    text = text[: text.index("[ensemble]")].replace('model = "jules"\n', f'model = "jules"\n{via}')
    text = text.replace("[run]", "[jules.set.jules_soil]\nl_vg_soil = true\n\n[run]")
    path.write_text(f'{text}[modules]\nhydraulics = "soils"\n{DRAWS[: DRAWS.index("batch")]}', encoding="utf-8")
    return path


def test_jules_reads_the_soil_of_one_network(tmp_path: Path, shared_data: Path) -> None:
    experiment = load_experiment(jules_file(shared_data, tmp_path, 'via = "ancillary"\n'))
    done = run_ensemble(experiment, tmp_path / "out")
    assert (done.done, done.failed) == (3, 0), done.messages
    for member in done.members:
        own = member_experiment(experiment, member).soil
        assert own is not None
        assert own.properties is not None
        with xr.open_dataset(member_folder(tmp_path / "out", member.number) / "run/swapped/soil_properties.nc") as ds:
            np.testing.assert_allclose(ds["sm_sat"].to_numpy().ravel(), own.properties.sm_sat)
            np.testing.assert_allclose(ds["b"].to_numpy().ravel(), own.properties.b)


def test_draws_without_a_way_into_jules_are_refused(tmp_path: Path, shared_data: Path) -> None:
    with pytest.raises(BadInput) as caught:
        run_ensemble(load_experiment(jules_file(shared_data, tmp_path, "")), tmp_path / "out")
    assert "run.via" in str(caught.value.where)
    assert "'ancillary'" in caught.value.remedy
    assert not (tmp_path / "out").exists()
