"""Rosetta 3 by interpolation: the networks of the package, unknown density, and what lies outside the table."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from jules_ml.physics.rosetta import van_genuchten_rosetta

NAN = float("nan")


@pytest.mark.parametrize("with_density", [False, True])
def test_the_table_has_the_soil_of_the_networks(with_density: bool) -> None:
    rosetta = pytest.importorskip("rosetta").rosetta
    generator = np.random.default_rng(0)
    clay = generator.uniform(0.02, 0.6, 200)
    sand = generator.uniform(0.02, 0.98, 200) * (1.0 - clay)
    density = generator.uniform(800.0, 1800.0, 200)
    rows = 100.0 * np.stack([sand, 1.0 - sand - clay, clay], axis=1)
    theirs = rosetta(3, np.column_stack([rows, 0.001 * density]) if with_density else rows, estimate_type="geo")[0]
    theta_r, theta_s, alpha, n, k = theirs[:, :5].T
    expected = (1.0 / (n - 1.0), 0.01 / alpha, k * 10.0 / 86400.0, theta_s - theta_r, theta_r)
    given = torch.tensor(density if with_density else np.full(200, NAN))
    ours = van_genuchten_rosetta(torch.tensor(sand), torch.tensor(clay), given)
    for actual, reference in zip(ours, expected, strict=True):
        relative = np.abs(actual.numpy() / reference - 1.0)
        assert relative.max() < 0.05
        assert relative.mean() < 0.01


def test_unknown_density_leaves_texture_and_unknown_texture_nothing() -> None:
    sand, clay = torch.tensor([0.4, 0.4, NAN]), torch.tensor([0.2, 0.2, 0.2])
    soil = van_genuchten_rosetta(sand, clay, torch.tensor([NAN, 1300.0, 1300.0]))
    assert torch.stack(soil).isfinite().all(0).tolist() == [True, True, False]
    alone = van_genuchten_rosetta(sand[:1], clay[:1], torch.tensor([NAN]))
    assert torch.stack(alone)[:, 0].tolist() == torch.stack(soil)[:, 0].tolist()


def test_soils_outside_the_table_are_those_at_its_edge() -> None:
    heavy = van_genuchten_rosetta(torch.tensor(0.0), torch.tensor([0.8, 1.0]), torch.tensor([2000.0, 2500.0]))
    for values in heavy:
        assert values.isfinite().all()
        assert float(values[0]) == pytest.approx(float(values[1]))
