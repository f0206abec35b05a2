"""The gathered file as a Zarr store."""

from __future__ import annotations

from pathlib import Path

import pytest
import xarray as xr
from _ensemble import IdleWork, run_idle

from jules_ml.ensemble.gathering import gather
from jules_ml.ensemble.schedule import serial_pool
from jules_ml.ensemble.zarr_store import write_zarr

pytest.importorskip("zarr")


def test_store_equals_the_file_block_by_block(tmp_path: Path) -> None:
    run = run_idle(tmp_path, 70, serial_pool, IdleWork(fails=(3,)))
    gather(run.experiment, run.members, tmp_path)
    path = write_zarr(tmp_path)
    with xr.open_dataset(tmp_path / "ensemble.nc") as file, xr.open_zarr(path, consolidated=False) as store:
        xr.testing.assert_equal(store.load(), file.load())
        assert store.attrs["data_sha256"] == file.attrs["data_sha256"]
    assert write_zarr(tmp_path) == path
    assert not list(tmp_path.glob(".writing-*"))
