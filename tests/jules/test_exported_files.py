"""Files that an export wrote are checked when a run reads them: soil properties, prescribed state, networks, static inputs, verdicts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from torch import nn

from jules_ml.bridge.network import NetworkModifiers
from jules_ml.bridge.static_inputs import StaticInputs
from jules_ml.errors import BadInput
from jules_ml.jules.input_files import write_ancillary, write_prescribed
from jules_ml.jules.net_backend import DESCRIPTION, EXPORTED, write_respiration_net
from jules_ml.jules.net_files import NetInput
from jules_ml.jules.run_folder import RunFolder, read_run_folder
from jules_ml.jules.swap.ancillary import read_ancillary
from jules_ml.jules.swap.prescribed import swap_prescribed
from jules_ml.learned.model_verdict import verdict_warning

SOIL = {
    "b": 5.0, "sathh": 0.1, "satcon": 0.005, "sm_sat": 0.45, "sm_crit": 0.25, "sm_wilt": 0.12, "hcap": 1e6, "hcon": 0.2,
}  # fmt: skip
Change = Callable[[xr.Dataset], xr.Dataset]


def with_values(name: str, value: Any) -> Change:
    return lambda ds: ds.assign(
        {name: (ds[name].dims, np.full(ds[name].shape, value, dtype=object if isinstance(value, str) else None))}
    )


CHANGES: dict[str, tuple[Change, str]] = {
    "NaN": (with_values("sm_sat", np.nan), "not finite"),
    "infinity": (with_values("b", np.inf), "not finite"),
    "text": (with_values("hcap", "wet"), "not numbers"),
    "another dimension": (lambda ds: ds.rename(soil="depth"), "dimension depth is not one of the run"),
    "no layer": (lambda ds: ds.isel(soil=slice(0)), "no values"),
    "no properties": (lambda ds: ds[[]], "no soil properties"),
}


@pytest.fixture
def run(user: Path) -> RunFolder:
    return read_run_folder(user)


@pytest.mark.parametrize("change", CHANGES)
def test_damaged_soil_properties_are_refused(change: str, run: RunFolder, tmp_path: Path) -> None:
    path = write_ancillary(tmp_path / "soil.nc", {name: np.full(4, value) for name, value in SOIL.items()})
    assert set(read_ancillary(path, run)[0]) == set(SOIL)
    rewrite(path, CHANGES[change][0])
    with pytest.raises(BadInput, match=CHANGES[change][1]) as caught:
        read_ancillary(path, run)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(("value", "problem"), [(np.nan, "missing or not finite"), ("wet", "not numbers")])
def test_damaged_prescribed_state_is_refused(value: Any, problem: str, run: RunFolder, tmp_path: Path) -> None:
    path = write_prescribed(
        tmp_path / "state.nc",
        {"t_soil": np.full((400, 4), 280.0)},
        start="1990-01-01 00:00:00",
        period_seconds=864000.0,
    )
    rewrite(path, with_values("t_soil", value))
    with pytest.raises(BadInput, match=problem) as caught:
        swap_prescribed(run, path)
    assert str(path) in str(caught.value)


def rewrite(path: Path, change: Change) -> None:
    with xr.open_dataset(path, decode_times=False) as opened:
        ds = change(opened.load())
    path.unlink()
    ds.to_netcdf(path, engine="netcdf4", encoding={name: {"_FillValue": None} for name in ds.variables})


@pytest.fixture
def net(tmp_path: Path) -> tuple[Path, Path]:
    network = nn.Sequential(nn.Linear(1, 2), nn.LayerNorm(2), nn.Linear(2, 2))
    inputs = [NetInput(name="sthu", seen_min=0.1, seen_max=0.9)]
    write_respiration_net(tmp_path, network, inputs, ["fsth", "ftemp"], name="a net")
    return tmp_path / DESCRIPTION, tmp_path / EXPORTED


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("inputs", None), ("inputs", []), ("inputs", [{"name": "sthu"}]), ("outputs", "fsth"), ("outside", 3), ("sha256", 4),
        ("inputs", [{"name": "../x", "seen_min": 0.0, "seen_max": 1.0, "offset": 0.0, "scale": 1.0}]),
        ("inputs", [{"name": "sthu", "seen_min": float("nan"), "seen_max": 1.0, "offset": 0.0, "scale": 1.0}]),
        ("inputs", [{"name": "sthu", "seen_min": 0.0, "seen_max": 1.0, "offset": 0.0, "scale": 0.0}]),
    ],
)  # fmt: skip
def test_a_damaged_description_of_a_network_is_refused(entry: str, value: Any, net: tuple[Path, Path]) -> None:
    description, exported = net
    NetworkModifiers(description, exported)
    content = json.loads(description.read_text(encoding="utf-8"))
    description.write_text(json.dumps(content | {entry: value}), encoding="utf-8")
    with pytest.raises(BadInput, match="no description of a network") as caught:
        NetworkModifiers(description, exported)
    assert str(description) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not a network", b"\x80\x04."])
def test_a_damaged_network_is_refused_before_it_is_loaded(content: bytes, net: tuple[Path, Path]) -> None:
    description, exported = net
    exported.write_bytes(content)
    with pytest.raises(BadInput, match="missing, damaged, or another"):
        NetworkModifiers(description, exported)
    settings = json.loads(description.read_text(encoding="utf-8"))
    del settings["sha256"]
    description.write_text(json.dumps(settings), encoding="utf-8")
    with pytest.raises(BadInput, match="the file is no network"):
        NetworkModifiers(description, exported)


@pytest.mark.parametrize(
    "arrays",
    [
        {"latitude": np.array([np.nan]), "longitude": np.zeros(1)},
        {"latitude": np.zeros((1, 1)), "longitude": np.zeros((1, 1))},
        {"latitude": np.zeros(1), "longitude": np.zeros(1), "clay": np.array(["much"])},
        {"latitude": np.zeros(1), "longitude": np.zeros(1), "clay": np.array([np.inf])},
        {"latitude": np.zeros(1), "longitude": np.zeros(1), "clay": np.array([{}])},
        {"latitude": np.zeros(1)},
    ],
)
def test_damaged_static_inputs_are_refused(arrays: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "static.npz"
    np.savez(path, **arrays)
    with pytest.raises(BadInput) as caught:
        StaticInputs.read(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"\x93NUMPY", torch.zeros(1).numpy().tobytes()])
def test_a_file_that_has_no_static_inputs_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "static.npz"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="not a file of static inputs"):
        StaticInputs.read(path)


@pytest.mark.parametrize(
    "content",
    [
        "", "[]", "null", '{"result": 1}', '{"result": "worse", "sentence": "s", "worse": 5}',
        '{"result": "x", "sentence": "s", "worse": [], "kind": []}',
    ],
)  # fmt: skip
def test_a_damaged_verdict_is_noted(content: str, tmp_path: Path) -> None:
    (tmp_path / "verdict.json").write_text(content, encoding="utf-8")
    warning = verdict_warning(tmp_path)
    assert warning is not None
    assert "is damaged: write it again" in warning
