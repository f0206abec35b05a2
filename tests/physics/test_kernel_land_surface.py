"""JULES's land surface in a compiled step: equal to torch through freezing, snow layers that come and go, day and night."""

from __future__ import annotations

from operator import itemgetter
from pathlib import Path

import _loobos_land
import pytest
import torch

from jules_ml.physics.compilation import can_compile
from jules_ml.physics.kernel.stepper import stepper_of
from jules_ml.physics.kernel.trees import mapped, tensors
from jules_ml.physics.land_surface.state import LandSurfaceState

pytestmark = pytest.mark.skipif(not can_compile(), reason="no C++ compiler")


@pytest.mark.no_cover
@pytest.mark.slow
def test_every_step_of_a_cold_month_equals_that_of_torch(shared_data: Path, tmp_path: Path) -> None:
    folder = _loobos_land.write_folder(shared_data, "snow3_cold", tmp_path / "snow3_cold")
    column, state, forcing = _loobos_land.land_run(folder, days=30)
    series = tensors(forcing)
    with torch.no_grad():
        now = mapped(itemgetter(0), forcing)
        integrator = stepper_of(column, state, now, ("smcl", "gpp_gb"), 1).start(state)
        layers = set()
        for k in range(0, 1440, 3):
            before = integrator.state()
            integrator.steps(series, k, k + 1, mean_over=1, threads=1)
            weather = mapped(itemgetter(k), forcing)
            after, _ = column.step(before, weather)
            for mine, its in zip(tensors(integrator.state()), tensors(after), strict=True):
                torch.testing.assert_close(mine, its, rtol=1e-8, atol=1e-8)
            assert isinstance(after.surface, LandSurfaceState)
            layers.add(int((after.surface.snow.ds > 0.0).sum()))
            integrator.steps(series, k + 1, k + 3, mean_over=1, threads=1)
    assert len(layers) > 3
