"""Draws of learned respiration in the column, and their spread in the model and offline."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from helpers.respiration_folder import Q10, write_module
from helpers.small_experiment import write_experiment

from jules_ml.column.run import run_column
from jules_ml.ensemble.draws import drawn_respiration, write_drawn_module
from jules_ml.ensemble.manifest import member_folder
from jules_ml.ensemble.member_file import read_member
from jules_ml.ensemble.members import plan_members
from jules_ml.ensemble.results import write_results
from jules_ml.ensemble.run import run_ensemble
from jules_ml.experiment import load_experiment
from jules_ml.physics.respiration import T_REFERENCE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ensemble of three draws, run and gathered."""
    folder = tmp_path_factory.mktemp("draws")
    write_module(folder / "module")
    path = write_experiment(folder, ("[run]", '[modules]\nrespiration = "module"\n\n[run]'), days=2)
    text = path.read_text(encoding="utf-8") + '\n[ensemble]\ndraws = ["respiration"]\nbatch = 4\n'
    path.write_text(text, encoding="utf-8")
    write_results(run_ensemble(load_experiment(path), folder / "out"))
    return folder


def test_each_draw_is_run_once_and_equals_a_single_run(folder: Path) -> None:
    experiment = load_experiment(folder / "small.toml")
    assert [member.draws["respiration"] for member in plan_members(experiment)] == [0, 1, 2]
    alone = write_drawn_module(folder / "module", 2, folder / "drawn")
    modules = experiment.modules.model_copy(update={"respiration": alone})
    output = run_column(experiment.model_copy(update={"modules": modules})).output
    member = read_member(member_folder(folder / "out", 2))
    for name in ("resp_s_gb", "fsth", "ftemp", "smcl"):
        np.testing.assert_allclose(
            np.asarray(member[name].values, dtype=np.float64), output[name].to_numpy(), rtol=1e-9
        )
    # daily means: g of the mean temperature differs a little from the mean of g
    warmer = output["t_soil"].to_numpy()[:, 3] - T_REFERENCE
    np.testing.assert_allclose(
        np.asarray(member["ftemp"].values, dtype=np.float64)[:, 3], np.power(Q10[2], warmer / 10.0), rtol=1e-3
    )


def test_the_median_of_one_draw_is_that_draw(folder: Path) -> None:
    from jules_ml.learned.respiration.store import load_respiration

    module = drawn_respiration(load_respiration(folder / "module")[0], 1)
    t = torch.tensor([292.4], dtype=torch.float64)
    torch.testing.assert_close(module.g(t), torch.tensor([2.0], dtype=torch.float64))


def test_draws_with_equal_flux_offline_differ_in_the_model(folder: Path) -> None:
    """The base respiration of each draw compensates for its curve at the temperature of the record, which the model does not have."""
    with xr.open_dataset(folder / "out" / "spread.nc") as spread:
        june = spread.sel(month=6)
        assert float(june["offline"]) == pytest.approx(0.0, abs=1e-6)
        assert float(june["online_draws"]) > 0.05
        assert float(june["online_all"]) == pytest.approx(float(june["online_draws"]))
    assert (folder / "out" / "figures" / "spread.png").is_file()
    assert (folder / "out" / "figures" / "fan.png").is_file()
