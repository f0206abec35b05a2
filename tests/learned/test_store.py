"""Module folders are written atomically, and refused when they are damaged or of another kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from helpers.module_folders import seal, smallest

from jules_ml.errors import BadInput
from jules_ml.learned.store import read_module_folder, write_module_folder

STATE, OF_KIND = smallest("respiration")
CARD = {
    **OF_KIND,
    "module": "respiration",
    "r0": np.float64(2.5),
    "range": np.array([1.0, 2.0]),
    "missing": float("nan"),
}
PREDICTIONS = xr.Dataset({"observed": ("row", [1.0, 2.0])})


def write(folder: Path, **changes: object) -> Path:
    arguments: dict[str, Any] = {"state": STATE, "card": CARD, "scores": {}, "predictions": PREDICTIONS}
    return write_module_folder(folder, **(arguments | changes))


def test_a_folder_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = write(tmp_path / "module")
    state, card = read_module_folder(folder, kind="respiration")
    assert torch.equal(state["log_f"], STATE["log_f"])
    assert (card["r0"], card["range"], card["missing"]) == (2.5, [1.0, 2.0], None)
    assert sorted(path.name for path in folder.iterdir()) == [
        "card.json",
        "figures",
        "model.safetensors",
        "predictions.nc",
        "scores.json",
    ]


def test_an_older_module_is_replaced(tmp_path: Path) -> None:
    folder = write(tmp_path / "module")
    write(folder, card=CARD | {"r0": 3.0})
    assert read_module_folder(folder, kind="respiration")[1]["r0"] == 3.0
    assert [path.name for path in tmp_path.iterdir()] == ["module"]


def test_a_failure_leaves_the_older_module(tmp_path: Path) -> None:
    folder = write(tmp_path / "module")
    with pytest.raises(TypeError):
        write(folder, card=CARD | {"no JSON": object()})
    assert read_module_folder(folder, kind="respiration")[1]["r0"] == 2.5
    assert [path.name for path in tmp_path.iterdir()] == ["module"]


def test_other_files_are_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(BadInput, match="already exists and contains other files") as caught:
        write(tmp_path)
    assert "--out" in caught.value.remedy


def test_a_folder_without_a_module_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file") as caught:
        read_module_folder(tmp_path, kind="respiration")
    assert "card.json" in str(caught.value.where)


def test_a_module_of_another_kind_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "module", card=CARD | {"module": "moisture"})
    with pytest.raises(BadInput, match="contains a module of kind moisture"):
        read_module_folder(tmp_path / "module", kind="respiration")


def test_an_unknown_version_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "module")
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"card_version": 99}))
    with pytest.raises(BadInput, match="card has version 99"):
        read_module_folder(folder, kind="respiration")


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "module")
    (folder / "model.safetensors").write_bytes(b"not tensors")
    with pytest.raises(BadInput, match=r"model\.safetensors: the file is damaged, or belongs to another module"):
        read_module_folder(folder, kind="respiration")
    seal(folder)
    with pytest.raises(BadInput, match=r"model\.safetensors: the file is damaged\. Remedy: copy the folder again"):
        read_module_folder(folder, kind="respiration")
