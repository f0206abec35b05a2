"""The benchmark's table with NaN is refused because of NaN."""

from __future__ import annotations

import numpy as np
from _hooked_errors import with_nan
from _hooked_jules import table
from helpers.hosts import HostRunner, respiration_files


def test_nan_in_a_table_is_refused(host: HostRunner) -> None:
    good = table("fsth", "sthu", np.linspace(0.1, 1.0, 65), 0.0, 1.0)
    host.complete("host_r32", "n_days = 1", respiration_files() | {"fsth.nml": good})
    run = host.run("host_r32", "n_days = 1", respiration_files() | {"fsth.nml": with_nan(good)})
    assert run.code != 0
    assert "fsth.nml" in run.log
    assert "y(1) is negative, or not finite" in run.log
    assert run.output == []
