"""TOPMODEL, the four pools of soil carbon and the closed heat budget in a run of the column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.small_experiment import write_experiment

from jules_ml.column.output import CARBON_OUTPUTS, TOPMODEL_OUTPUTS
from jules_ml.column.run import ColumnRun, run_column
from jules_ml.column.setup import experiment_column
from jules_ml.ensemble.manifest import member_folder
from jules_ml.ensemble.member_experiment import member_experiment
from jules_ml.ensemble.member_file import read_member
from jules_ml.ensemble.run import run_ensemble
from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment

TOPMODEL = "[soil.topmodel]\nti_mean = 6.0\nti_sig = 2.0\nfexp = 1.0\n\n"
FOUR_POOLS = """
[carbon.four_pools]
fractions = [0.01, 0.19, 0.02, 0.78]
litter = 0.4
clay = 0.1
triffid_period = 1
"""
LAYERED = FOUR_POOLS + "l_layeredc = true\nlayers = [0.3, 0.3, 0.3, 0.1]\n"
WITH_TOPMODEL = ("[surface]\n", TOPMODEL + "[surface]\n")


def with_pools(text: str) -> tuple[str, str]:
    return "cs = 12.1\n", "cs = 12.1\n" + text


def run(folder: Path, *changes: tuple[str, str], days: int = 3) -> ColumnRun:
    return run_column(load_experiment(write_experiment(folder, *changes, days=days)))


def test_run_with_topmodel_closes_its_budget_and_writes_the_water_table(tmp_path: Path) -> None:
    done = run(tmp_path, WITH_TOPMODEL)
    assert set(TOPMODEL_OUTPUTS) <= set(done.output.data_vars)
    assert done.budgets.water_max < 1e-9
    assert done.budgets.water_stored == pytest.approx(done.budgets.water_supplied, abs=1e-8)
    assert 3.0 < float(done.output["zw"].mean()) < 6.0
    np.testing.assert_allclose(done.output["sthzw"][0], 0.75, atol=1e-3)


def test_initial_water_table_is_that_of_the_experiment(tmp_path: Path) -> None:
    done = run(tmp_path, ("[surface]\n", TOPMODEL + "sthzw = 0.9\nzw = 2.5\n[surface]\n".replace("\n[", "\n\n[")))
    assert float(done.start.topmodel.sthzw) == 0.9  # type: ignore[union-attr]
    assert float(done.start.topmodel.zw) == 2.5  # type: ignore[union-attr]


@pytest.mark.parametrize("text", [FOUR_POOLS, LAYERED])
def test_pools_gain_litter_and_lose_what_they_respire(tmp_path: Path, text: str) -> None:
    done = run(tmp_path, with_pools(text), ("mean_over = 48", "mean_over = 1"))
    assert set(CARBON_OUTPUTS) <= set(done.output.data_vars)
    cs = done.output["cs_gb"].to_numpy()
    lost = 1800.0 * float(done.output["resp_s_gb"].sum())
    assert cs[-1] - 12.1 == pytest.approx(3.0 * 0.4 / 365.25 - lost, abs=1e-9)
    assert cs[0] == cs[46] == pytest.approx(12.1)
    assert float(done.output["c_dpm_gb"][-1]) != pytest.approx(0.121, abs=1e-5)


def test_an_ensemble_with_both_equals_single_runs(tmp_path: Path) -> None:
    path = write_experiment(tmp_path, WITH_TOPMODEL, with_pools(LAYERED), days=2)
    parameters = (
        "\n[ensemble]\nmembers = 3\nbatch = 2\n"
        '\n[[ensemble.parameters]]\nparameter = "soil.topmodel.ti_mean"\nbounds = [4.0, 9.0]\n'
        '\n[[ensemble.parameters]]\nparameter = "carbon.four_pools.litter"\nbounds = [0.1, 0.9]\n'
    )
    path.write_text(path.read_text(encoding="utf-8") + parameters, encoding="utf-8")
    experiment = load_experiment(path)
    done = run_ensemble(experiment, tmp_path / "out")
    assert (done.done, done.failed) == (3, 0)
    for member in done.members:
        alone = run_column(member_experiment(experiment, member)).output
        output = read_member(member_folder(tmp_path / "out", member.number))
        for name in ("smcl", "resp_s_gb", "sub_surf_roff"):
            values = np.asarray(output[name].values, dtype=np.float64)
            np.testing.assert_allclose(values, alone[name].to_numpy(), rtol=1e-12, err_msg=name)


def test_settings_that_members_share_are_no_parameters(tmp_path: Path) -> None:
    path = write_experiment(tmp_path, with_pools(LAYERED), days=1)
    parameters = (
        "\n[ensemble]\nmembers = 2\nbatch = 2\n"
        '\n[[ensemble.parameters]]\nparameter = "carbon.four_pools.tau_resp"\nbounds = [1.0, 3.0]\n'
    )
    path.write_text(path.read_text(encoding="utf-8") + parameters, encoding="utf-8")
    with pytest.raises(BadInput, match="tau_resp"):
        run_ensemble(load_experiment(path), tmp_path / "out")


def test_switches_of_the_soil_reach_the_column(tmp_path: Path) -> None:
    changes = ("dzsoil = ", "l_holdwater = true\nl_dpsids_dsdz = true\nheat_solutions = 12\ndzsoil = ")
    text = TOPMODEL + "l_wetland_unfrozen = true\n[surface]\n".replace("\n[", "\n\n[")
    path = write_experiment(tmp_path, changes, ("[surface]\n", text), days=1)
    column, _ = experiment_column(load_experiment(path), timestep=1800.0, dtype=torch.float64)
    assert (column.l_holdwater, column.l_dpsids_dsdz, column.heat_solutions) == (True, True, 12)
    assert column.topmodel is not None
    assert column.topmodel.l_wetland_unfrozen
    assert run_column(load_experiment(path)).budgets.water_max < 1e-9


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([("[surface]\n", TOPMODEL + "zw_max = 2.0\n[surface]\n")], "zw_max must be below the soil layers"),
        ([with_pools(FOUR_POOLS.replace("0.78", "0.5"))], "add up to 1"),
        ([with_pools(FOUR_POOLS + "l_layeredc = true\n")], "go together"),
        ([with_pools(LAYERED.replace("0.3, 0.1", "0.4"))], "layers has 3 values for 4 soil layers"),
        ([with_pools(FOUR_POOLS.replace("clay = 0.1\n", ""))], "need clay"),
    ],
)
def test_impossible_settings_are_refused(tmp_path: Path, changes: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(BadInput, match=message):
        run(tmp_path, *changes)
