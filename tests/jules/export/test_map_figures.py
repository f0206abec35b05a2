"""Figures of an exported map: their axes."""

from __future__ import annotations

import numpy as np
import pytest

from jules_ml.jules.export.map_figures import MapSample, soil_map_figure
from jules_ml.learned.maps.grid import MapGrid


@pytest.mark.parametrize(
    ("longitude", "extent"),
    [
        (np.arange(355.0, 365.0, 0.5) % 360.0, (-5.25, 4.75)),
        (np.arange(175.0, 185.0, 0.5), (174.75, 184.75)),
        ((np.arange(175.0, 185.0, 0.5) + 180.0) % 360.0 - 180.0, (174.75, 184.75)),
        (np.arange(0.0, 360.0, 1.0), (-0.5, 359.5)),
        (np.arange(-10.0, 0.0, 1.0), (-10.5, -0.5)),
    ],
)
def test_longitudes_of_a_regular_grid_are_continuous(longitude: np.ndarray, extent: tuple[float, float]) -> None:
    latitude = np.arange(50.0, 55.0, 0.5)
    grid = MapGrid(("lat", "lon"), (len(latitude), len(longitude)), latitude, longitude, {})
    values = np.arange(float(grid.size)).reshape(grid.shape)
    figure = soil_map_figure(MapSample(grid, (0.1, 0.25), values={("top", "b"): values}), "b")
    axis = figure.axes[0]
    np.testing.assert_allclose(axis.get_xlim(), extent)
    assert figure.get_size_inches()[1] < 6.0
