"""The hooks in a host with two ranks of MPI."""

from __future__ import annotations

import pandas as pd
import pytest
from helpers.hosts import HostRunner, moisture_files, respiration_files


@pytest.mark.parametrize(
    "files", [respiration_files(), moisture_files("wet", "mode = 'nudge', tau_hours = 6.0")], ids=["curves", "moisture"]
)
def test_two_ranks_give_the_result_of_one(host: HostRunner, two_ranks: tuple[str, ...], files: dict[str, str]) -> None:
    tables = []
    for launch in ((), two_ranks):
        run = host.complete("host_mpi", "nx = 4, ny = 3, n_days = 3", files, launch=launch)
        tables.append(run.steps.set_index(["latitude", "longitude", "time", "level"])[["smcl", "fsth", "resp"]])
    pd.testing.assert_frame_equal(tables[0].sort_index(), tables[1].sort_index(), check_exact=True)


def test_one_rank_that_fails_stops_both(host: HostRunner, two_ranks: tuple[str, ...]) -> None:
    run = host.run("host_mpi", "nx = 4, n_days = 6", moisture_files("fail_east"), launch=two_ranks)
    assert run.code != 0
    assert "no series in the east" in run.log
    assert run.steps.groupby("rank")["time"].max().tolist() == ["2001-01-03T23"] * 2
