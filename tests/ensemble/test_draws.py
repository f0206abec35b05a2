"""Draws of learned respiration in the column, and their spread online beside that offline."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from small_experiment import write_experiment

from jules_ml.coupling.column import learned_factors
from jules_ml.ensemble.draws import drawn_respiration, write_drawn_module
from jules_ml.ensemble.manifest import member_folder
from jules_ml.ensemble.member_file import read_member
from jules_ml.ensemble.members import plan_members
from jules_ml.ensemble.results import write_results
from jules_ml.ensemble.run import run_ensemble
from jules_ml.experiment import load_experiment
from jules_ml.modules.respiration import MOISTURE_NODES, TEMPERATURE_NODES, LearnedRespiration
from jules_ml.modules.respiration_settings import RespirationSettings
from jules_ml.modules.store import write_module_folder
from jules_ml.physics.respiration import T_REFERENCE
from jules_ml.simulation.run import run_column

Q10 = (1.5, 2.0, 3.0)


def write_module(folder: Path) -> Path:
    """Three draws with a Q10 each, and the level that gives them all the same flux at 292.4 K."""
    warmth = (TEMPERATURE_NODES - T_REFERENCE) / 10.0
    module = LearnedRespiration(
        log_f=torch.zeros(3, len(MOISTURE_NODES)),
        log_g=torch.stack([warmth * np.log(q10) for q10 in Q10]),
        log_level=torch.log(torch.tensor([[4.0 / q10] for q10 in Q10])),
        level=torch.tensor([2.0]),
        seen_moisture=torch.tensor([0.1, 0.9]),
        seen_temperature=torch.tensor([270.0, 300.0]),
        reference=torch.tensor(0.65),
        noise=torch.ones(1, 2),
        quantiles=torch.tensor([-1.0, 1.0]),
    )
    time = np.datetime64("2001-01-01", "ns") + np.arange(365) * np.timedelta64(1, "D")
    rows = {"time": time, "wetness": np.full(365, 0.5), "t_soil": np.full(365, T_REFERENCE + 10.0)}
    return write_module_folder(
        folder,
        state=module.state_dict(),
        card={
            "module": "respiration",
            "settings": RespirationSettings(target="soil", temperature="t_soil").model_dump(),
            "groups": ["a tower"],
        },
        scores={},
        predictions=xr.Dataset({name: ("row", values) for name, values in rows.items()}),
    )


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


def test_each_draw_once_and_as_if_alone(folder: Path) -> None:
    experiment = load_experiment(folder / "small.toml")
    assert [member.draws["respiration"] for member in plan_members(experiment)] == [0, 1, 2]
    alone = write_drawn_module(folder / "module", 2, folder / "drawn")
    output = run_column(experiment, factors=learned_factors(alone)).output
    found = read_member(member_folder(folder / "out", 2))
    for name in ("resp_s_gb", "fsth", "ftemp", "smcl"):
        np.testing.assert_allclose(found[name].values, output[name].to_numpy(), rtol=1e-9)
    # daily means, so below the reach of the day's warmth
    warmer = output["t_soil"].to_numpy()[:, 3] - T_REFERENCE
    np.testing.assert_allclose(found["ftemp"].values[:, 3], Q10[2] ** (warmer / 10.0), rtol=1e-3)


def test_one_draw_is_the_median_of_itself(folder: Path) -> None:
    from jules_ml.coupling.learned_curves import load_respiration

    module = drawn_respiration(load_respiration(folder / "module")[0], 1)
    t = torch.tensor([292.4], dtype=torch.float64)
    torch.testing.assert_close(module.g(t), torch.tensor([2.0], dtype=torch.float64))


def test_draws_alike_offline_part_online(folder: Path) -> None:
    """Offline each draw's own level makes up for its curve; in the model there is one level for all."""
    with xr.open_dataset(folder / "out" / "spread.nc") as spread:
        june = spread.sel(month=6)
        assert float(june["offline"]) == pytest.approx(0.0, abs=1e-6)
        assert float(june["online_draws"]) > 0.05
        assert float(june["online_all"]) == pytest.approx(float(june["online_draws"]))
    assert (folder / "out" / "figures" / "spread.png").is_file()
    assert (folder / "out" / "figures" / "fan.png").is_file()
