"""An unfinished run on a grid whose files are damaged, or whose inputs have changed, is not continued."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.small_grid import write_grid, write_wfde5

from jules_ml.column.grid import engine
from jules_ml.column.grid.model import GridModel, experiment_model
from jules_ml.column.grid.run import run_grid
from jules_ml.column.grid.segments import Segment
from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment


def model_of(folder: Path) -> GridModel:
    return experiment_model(load_experiment(write_grid(folder, write_wfde5(folder, days=2))))


@pytest.fixture
def unfinished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[GridModel, Path]:
    """A run that ended after the first of two days."""
    model = model_of(tmp_path)
    whole = engine._run_segment

    def until_second(run: object, segment: Segment, *others: object) -> None:
        if segment.first > 0:
            raise KeyboardInterrupt
        whole(run, segment, *others)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(engine, "_run_segment", until_second)
        with pytest.raises(KeyboardInterrupt):
            run_grid(model, tmp_path / "out")
    return model, tmp_path / "out"


def test_an_unfinished_run_is_continued(unfinished: tuple[GridModel, Path]) -> None:
    model, out = unfinished
    assert run_grid(model, out, resume=True) is not None


@pytest.mark.parametrize("length", [None, 0, 10])
def test_output_shorter_than_the_checkpoint_is_refused(unfinished: tuple[GridModel, Path], length: int | None) -> None:
    """It was filled with zeros."""
    model, out = unfinished
    file = out / "unfinished" / "block_00001.dat"
    if length is None:
        file.unlink()
    else:
        os.truncate(file, length)
    with pytest.raises(BadInput, match="by its checkpoint at least"):
        run_grid(model, out, resume=True)


def test_a_truncated_checkpoint_is_refused(unfinished: tuple[GridModel, Path]) -> None:
    model, out = unfinished
    file = out / "unfinished" / "block_00001.npz"
    os.truncate(file, file.stat().st_size // 2)
    with pytest.raises(BadInput, match="the checkpoint is damaged"):
        run_grid(model, out, resume=True)


def test_a_run_whose_inputs_changed_is_not_continued(
    unfinished: tuple[GridModel, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Driving data, version and compilation."""
    model, out = unfinished
    refused = pytest.raises(BadInput, match="has changed since the unfinished run")
    with refused:
        run_grid(replace(model, compiled=True), out, resume=True)
    with monkeypatch.context() as patch, refused:
        patch.setattr("jules_ml.__version__", "0.0.0")
        run_grid(model, out, resume=True)
    os.utime(out.parent / "Tair_WFDE5_CRU_200106_v2.1.nc", (0, 0))
    with refused:
        run_grid(model, out, resume=True)


def test_another_format_replaces_the_earlier_result(tmp_path: Path) -> None:
    pytest.importorskip("zarr")
    model, out = model_of(tmp_path), tmp_path / "out"
    for one, other in (("netcdf", "grid.zarr"), ("zarr", "grid.nc"), ("netcdf", "grid.zarr")):
        assert run_grid(replace(model, format=one), out) is not None  # type: ignore[arg-type]
        assert not (out / other).exists()
