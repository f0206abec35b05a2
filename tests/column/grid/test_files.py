"""Values of land points in files, and columns of structures of tensors."""

from __future__ import annotations

from pathlib import Path

import netCDF4
import numpy as np
import pytest
import torch
from helpers.small_grid import write_grid

from jules_ml.column.grid.files import PointIndex, read_points
from jules_ml.column.grid.trees import columns_of
from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment

INDEX = PointIndex(("y", "x"), (2, 2), np.arange(4))


def read(path: Path, dims: tuple[str, ...], shape: tuple[int, ...], leading: slice = slice(None)) -> np.ndarray:
    """Write and read consecutive numbers."""
    with netCDF4.Dataset(path, "w") as file:
        for dim, size in zip(dims, shape, strict=True):
            file.createDimension(dim, size)
        variable = file.createVariable("v", "f8", dims)
        variable[:] = np.arange(np.prod(shape)).reshape(shape)
        return read_points(variable, INDEX, np.arange(4), leading)


def test_one_other_dimension_is_read(tmp_path: Path) -> None:
    np.testing.assert_array_equal(
        read(tmp_path / "a.nc", ("time", "y", "x"), (3, 2, 2), slice(1, 3)), np.arange(4, 12).reshape(2, 4)
    )
    np.testing.assert_array_equal(
        read(tmp_path / "b.nc", ("time", "z", "y", "x"), (1, 3, 2, 2)), np.arange(12).reshape(3, 4)
    )
    np.testing.assert_array_equal(
        read(tmp_path / "c.nc", ("time", "z", "y", "x"), (3, 1, 2, 2), slice(2, 3)), [[8, 9, 10, 11]]
    )


def test_time_and_level_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"it has time \(2\) and z \(3\) beside"):
        read(tmp_path / "a.nc", ("time", "z", "y", "x"), (2, 3, 2, 2))
    # the range of times was that of levels
    with pytest.raises(BadInput, match=r"it has time \(1\) and z \(3\) beside"):
        read(tmp_path / "b.nc", ("time", "z", "y", "x"), (1, 3, 2, 2), slice(0, 1))


def test_a_tensor_without_columns_is_an_error() -> None:
    chosen = columns_of(np.array([2, 0]), 3)
    assert chosen(torch.arange(3.0)).tolist() == [2.0, 0.0]
    assert chosen(torch.ones(4, 1)).shape == (4, 1)
    with pytest.raises(ValueError, match="has not 3 columns"):
        chosen(torch.ones(5))


def test_a_gpu_without_a_grid_is_refused(tmp_path: Path) -> None:
    path = write_grid(tmp_path, "[drive]\n", run='device = "cuda"\n')
    text = path.read_text(encoding="utf-8")
    path.write_text(text[text.index("[soil]") :], encoding="utf-8")
    with pytest.raises(BadInput, match="is for a run on a grid"):
        load_experiment(path)
