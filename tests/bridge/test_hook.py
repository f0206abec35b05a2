"""The Python side of the bridge: arrays and results, without the Fortran library."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from jules_ml.bridge import hook
from jules_ml.bridge.served import FORCING, PROPERTIES
from jules_ml.bridge.static_inputs import StaticInputs
from jules_ml.errors import BadInput

POINTS, LEVELS = 5, 4
CODES = {np.dtype(np.float32): "f", np.dtype(np.float64): "d", np.dtype(np.int32): "l"}

Bind = Callable[[str, object], None]


@pytest.fixture
def bind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Bind]:
    """Bind a function or class to a slot."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert hook.start(str(tmp_path), 1, 0, hook.INTERFACE) is None

    def bind(slot: str, function: object, static_file: str = "") -> None:
        module = ModuleType("idea")
        vars(module)["of_mine"] = function
        monkeypatch.setitem(sys.modules, "idea", module)
        assert hook.bind(slot, "idea:of_mine", static_file) is None

    yield bind
    hook.close()


def describe(array: NDArray[Any], *, writable: bool = False) -> hook.ArrayDescription:
    memory = memoryview(array.data).cast("B")
    return (memory if writable else memory.toreadonly()), CODES[array.dtype], array.shape


def respire(kind: type[np.floating] = np.float32) -> tuple[str | None, NDArray[np.floating], NDArray[np.floating]]:
    """Call the bound callable once; return its message and its two outputs."""
    state: NDArray[np.floating] = np.full((LEVELS, POINTS), 0.5, dtype=kind)
    soil = np.ones(POINTS, dtype=np.int32)
    soil[3] = 0
    fsth, ftemp = np.full_like(state, -1), np.full_like(state, -1)
    inputs = [describe(array) for array in (state, state, state, state, state, soil)]
    run = hook.arrange("respiration", [*inputs, describe(fsth, writable=True), describe(ftemp, writable=True)])
    assert callable(run)
    return run(), fsth, ftemp


def test_results_are_written_to_the_hosts_arrays(bind: Bind) -> None:
    bind("respiration", lambda sthu, l_soil_point, **_: (sthu * l_soil_point, sthu + 1))
    message, fsth, ftemp = respire()
    assert message is None
    np.testing.assert_array_equal(fsth[0], np.array([0.5, 0.5, 0.5, 0, 0.5], dtype=np.float32))
    np.testing.assert_array_equal(ftemp[:, 0], np.float32(1.5))


def test_tensors_are_detached(bind: Bind) -> None:
    def of_torch(sthu: NDArray[np.floating], **_: object) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.from_numpy(sthu).requires_grad_()
        return x * 2, x * 3

    bind("respiration", of_torch)
    message, fsth, _ = respire(np.float64)
    assert message is None
    assert fsth[1, 1] == 1.0


@pytest.mark.parametrize(
    ("give", "problem", "remedy"),
    [
        (lambda x: (x[0], x), "fsth has shape (5,), not (4, 5)", "in the shape of the inputs"),
        (lambda x: (x, x.astype(np.float64)), "ftemp is float64, but the host uses float32", "as float32"),
        (lambda x: (x, 1.0), "ftemp is of type float", "as an array of shape (4, 5)"),
        (lambda x: x, "the callable returned ndarray, not a pair", "return fsth, ftemp"),
        (lambda x: (x * np.nan, x), "fsth is nan at (0, 0)", "finite, non-negative values of fsth"),
        (lambda x: (x, -x), "ftemp is -0.5 at (0, 0)", "finite, non-negative values of ftemp"),
    ],
)
def test_bad_results_are_refused(bind: Bind, give: Callable[..., object], problem: str, remedy: str) -> None:
    bind("respiration", lambda sthu, **_: give(sthu))
    message, _, _ = respire()
    assert message is not None
    assert message.startswith(f"idea:of_mine: {problem}")
    assert remedy in message


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("too wet"), "ValueError: too wet"),
        (SystemExit(1), "SystemExit: 1"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
    ],
)
def test_exceptions_become_messages(bind: Bind, error: BaseException, text: str) -> None:
    def fails(**_: object) -> None:
        raise error

    bind("respiration", fails)
    message, _, _ = respire()
    assert message is not None
    assert text in message
    assert "(test_hook.py, line " in message


def test_inputs_are_read_only(bind: Bind) -> None:
    def writes(sthu: NDArray[np.floating], **_: object) -> None:
        sthu[:] = 0

    bind("respiration", writes)
    message, _, _ = respire()
    assert message is not None
    assert "read-only" in message


@pytest.mark.parametrize("name", ["no_module_of_this_name:f", "math:no_function", "math:pi"])
def test_invalid_callables_are_refused(bind: Bind, name: str) -> None:
    message = hook.bind("respiration", name, "")
    assert message is not None
    assert name.partition(":")[2 if name.startswith("math") else 0] in message


def test_nothing_with_its_own_hdf5_is_imported() -> None:
    """In an interpreter of the bridge, neither the hook nor the bound module imports it."""
    program = (
        "import sys\n"
        "from jules_ml.bridge import hook\n"
        "loaded = [name for name in hook.HDF5_PACKAGES if name in sys.modules]\n"
        "assert not loaded, loaded\n"
        "hook.start('', 1, 1, hook.INTERFACE)\n"
        "import xarray, torch\n"
        "print(hook.bind('respiration', 'netCDF4:Dataset', ''))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "packages that include HDF5 cannot be imported inside JULES" in done.stdout


def properties_of(total: NDArray[np.floating], sm_levels: int) -> dict[str, NDArray[np.floating]]:
    values = dict(zip(PROPERTIES, (5, 0.1, 0.005, 0.45, 0.3, 0.1, 1e6, 0.2), strict=True))
    return {
        name: np.full((sm_levels + (name in ("satcon", "hcon")), total.size), value, dtype=total.dtype)
        for name, value in values.items()
    }


def ask_properties() -> tuple[str | None, dict[str, NDArray[np.floating]]]:
    cs = np.ones((4, 2, POINTS), dtype=np.float32)
    latitude = np.linspace(50, 54, POINTS, dtype=np.float32)
    longitude = np.linspace(-2, 2, POINTS, dtype=np.float32)
    results = properties_of(np.zeros(POINTS, dtype=np.float32), LEVELS)
    arrays = [describe(cs), describe(latitude), describe(longitude)]
    run = hook.arrange("properties", [*arrays, *(describe(array, writable=True) for array in results.values())])
    assert callable(run)
    return run(), results


def test_static_inputs_are_selected_by_position(bind: Callable[..., None], tmp_path: Path) -> None:
    order = [3, 0, 4, 1, 2]
    latitude, longitude = np.linspace(50, 54, POINTS)[order], np.linspace(-2, 2, POINTS)[order] % 360
    np.savez(tmp_path / "static.npz", latitude=latitude, longitude=longitude, clay=np.array(order) / 10)

    def from_clay(cs, static, sm_levels, **_):  # type: ignore[no-untyped-def]
        properties = properties_of(cs[0, 0], sm_levels)
        properties["b"] = np.tile(static["clay"].astype(cs.dtype), (sm_levels, 1))
        return properties

    bind("properties", from_clay, str(tmp_path / "static.npz"))
    message, results = ask_properties()
    assert message is None
    np.testing.assert_array_equal(results["b"][2], np.arange(POINTS, dtype=np.float32) / np.float32(10))


def test_properties_must_be_in_order(bind: Bind) -> None:
    def wilts_late(cs, sm_levels, **_):  # type: ignore[no-untyped-def]
        properties = properties_of(cs[0, 0], sm_levels)
        return properties | {"sm_wilt": properties["sm_crit"] + np.float32(0.1)}

    bind("properties", wilts_late)
    message, _ = ask_properties()
    assert message is not None
    assert "sm_wilt <= sm_crit <= sm_sat" in message


def test_properties_must_be_complete(bind: Bind) -> None:
    bind("properties", lambda **_: {"b": 5})
    message, _ = ask_properties()
    assert message is not None
    assert "the callable returned b" in message
    assert "return a dict of b, sathh, satcon" in message


def test_a_point_without_static_inputs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "static.npz"
    np.savez(path, latitude=[50.0], longitude=[0.0], clay=[0.2])
    inputs = StaticInputs.read(path)
    np.testing.assert_array_equal(inputs.at(np.array([50.0005]), np.array([360.0]))["clay"], [0.2])
    with pytest.raises(
        BadInput, match=r"static\.npz: there are no static inputs at latitude 51\.0, longitude 0\.0.*add the location"
    ):
        inputs.at(np.array([50.0, 51.0]), np.array([0.0, 0.0]))


def test_invalid_static_inputs_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "static.npz", latitude=[50.0, 51.0], longitude=[0.0, 0.0], clay=[0.2])
    with pytest.raises(BadInput, match=r"clay has shape \(1,\), but latitude has shape \(2,\)"):
        StaticInputs.read(tmp_path / "static.npz")


class Remembers:
    """Module that stores the rain of each call."""

    def __init__(self) -> None:
        self.rain: list[NDArray[np.floating]] = []

    def __call__(self, date, forcing, sthu, **_):  # type: ignore[no-untyped-def]
        assert date == (2001, 2, 30, 0, 0, 0)  # it exists in a calendar of 360 days
        self.rain.append(forcing["rain"].copy())
        theta = np.tile(np.sum(self.rain, axis=0, dtype=sthu.dtype), (LEVELS, 1))
        return theta, np.ones(sthu.shape, dtype=bool)

    def state(self) -> dict[str, NDArray[np.floating]]:
        return {"rain": np.array(self.rain)}

    def set_state(self, state: dict[str, NDArray[np.floating]]) -> None:
        self.rain = list(state["rain"])


def moisten() -> tuple[str | None, NDArray[np.floating], NDArray[np.int32]]:
    date = np.array([2001, 2, 30, 0, 0, 0], dtype=np.int32)
    place = np.zeros(POINTS)
    forcing = np.full((len(FORCING), POINTS), 0.1)
    state: NDArray[np.floating] = np.full((LEVELS, POINTS), 0.5)
    theta, mask = np.zeros_like(state), np.zeros(state.shape, dtype=np.int32)
    inputs = [describe(array) for array in (date, place, place, forcing, state, state, state, state)]
    run = hook.arrange("moisture", [*inputs, describe(theta, writable=True), describe(mask, writable=True)])
    assert callable(run)
    return run(), theta, mask


def test_history_is_restored_from_its_file(bind: Bind, tmp_path: Path) -> None:
    path = tmp_path / "dump.state"
    bind("moisture", Remembers)
    moisten()
    message, theta, mask = moisten()
    assert message is None
    assert theta[0, 0] == pytest.approx(0.2)
    assert (mask == 1).all()
    assert hook.write_state(str(path)) is None

    bind("moisture", Remembers)
    assert hook.read_state(str(path)) is None
    _, theta, _ = moisten()
    assert theta[0, 0] == pytest.approx(0.3)


def test_a_state_of_another_module_is_refused(bind: Bind, tmp_path: Path) -> None:
    path = tmp_path / "dump.state"
    bind("moisture", Remembers)
    with path.open("wb") as stream:
        np.savez(stream, callable=np.array("other:idea"))
    message = hook.read_state(str(path))
    assert message is not None
    assert "contains the state of other:idea, but idea:of_mine is configured" in message
    path.write_text("no archive")
    message = hook.read_state(str(path))
    assert message is not None
    assert "the file is not a state file" in message


def test_a_mask_must_be_boolean(bind: Bind) -> None:
    bind("moisture", lambda sthu, **_: (sthu, np.ones(sthu.shape)))
    message, _, _ = moisten()
    assert message is not None
    assert "layer_mask is float64" in message
