"""Members of the column: a batch gives the same as single runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.small_experiment import write_experiment

from jules_ml.column.run import run_column
from jules_ml.ensemble.manifest import member_folder
from jules_ml.ensemble.member_experiment import member_experiment
from jules_ml.ensemble.member_file import read_member
from jules_ml.ensemble.run import run_ensemble
from jules_ml.experiment import load_experiment

ENSEMBLE = """
[ensemble]
members = 5
batch = 3

[[ensemble.parameters]]
parameter = "soil.properties.sathh"
prior = "lognormal"
mean = 1.0
sd = 0.5
bounds = [0.3, 3.0]
factor = true

[[ensemble.parameters]]
parameter = "soil.properties.satcon"
index = 2
prior = "loguniform"
bounds = [1e-4, 1e-2]

[[ensemble.parameters]]
parameter = "surface.tiles.lai"
index = 1
bounds = [2.0, 6.0]

[[ensemble.parameters]]
parameter = "carbon.kaps"
bounds = [0.3e-8, 0.8e-8]

[[ensemble.parameters]]
parameter = "run.initial.sthuf"
bounds = [0.4, 0.9]
"""


@pytest.mark.parametrize("cycles", [0, 4])
def test_a_batch_equals_a_loop(tmp_path: Path, cycles: int) -> None:
    changes = ("cycles = 0", f"cycles = {cycles}\nwater = 3.0\ntemperature = 3.0")
    path = write_experiment(tmp_path, changes, days=2)
    path.write_text(path.read_text(encoding="utf-8") + ENSEMBLE, encoding="utf-8")
    experiment = load_experiment(path)
    done = run_ensemble(experiment, tmp_path / "out")
    assert (done.done, done.failed) == (5, 0)
    for member in done.members:
        alone = run_column(member_experiment(experiment, member)).output
        output = read_member(member_folder(tmp_path / "out", member.number))
        for name in ("smcl", "t_soil", "resp_s_gb", "sthu", "fqw_gb"):
            np.testing.assert_allclose(
                np.asarray(output[name].values, dtype=np.float64), alone[name].to_numpy(), rtol=1e-13, err_msg=name
            )
    wet = {float(read_member(member_folder(tmp_path / "out", k))["theta"].values[0, 0]) for k in range(5)}
    assert len(wet) == 5


def test_members_have_the_land_surface_of_the_experiment(tmp_path: Path) -> None:
    """Parameters of plants and soil that are perturbed reach JULES's land surface."""
    path = write_experiment(tmp_path, ("[run]\n", "[physics]\n\n[run]\n"), days=1)
    ensemble = ENSEMBLE.replace("members = 5\nbatch = 3", "members = 2\nbatch = 2")
    path.write_text(path.read_text(encoding="utf-8") + ensemble, encoding="utf-8")
    experiment = load_experiment(path)
    done = run_ensemble(experiment, tmp_path / "out")
    assert (done.done, done.failed) == (2, 0)
    outputs = [read_member(member_folder(tmp_path / "out", member.number)) for member in done.members]
    alone = run_column(member_experiment(experiment, done.members[1])).output
    for name in ("smcl", "t_soil", "fqw_gb", "gpp_gb"):
        members = [np.asarray(output[name].values, dtype=np.float64) for output in outputs]
        np.testing.assert_allclose(members[1], alone[name].to_numpy(), rtol=1e-12, err_msg=name)
        assert not np.allclose(members[0], members[1], rtol=1e-6), name
