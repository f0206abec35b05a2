"""State files of moisture modules, written by some ranks and read by others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jules_ml.bridge.state import read_state, write_state
from jules_ml.errors import BadInput

N = 1000
POSITIONS = np.random.default_rng(1).permutation(
    np.stack(np.meshgrid(np.linspace(-60, 70, 20), np.linspace(-179.75, 180, 50)), axis=-1).reshape(N, 2)
)
STATE = {"history": np.arange(3.0 * N).reshape(3, N), "days": np.array(7)}


def write_parts(folder: Path, state: dict[str, np.ndarray], parts: int) -> list[Path]:
    """Write the state of all points as ranks would."""
    paths = []
    for rank, points in enumerate(np.array_split(np.arange(N), parts)):
        paths.append(folder / f"{rank}.npz")
        own = {key: value[..., points] if key == "history" else value for key, value in state.items()}
        write_state(paths[-1], "module:Class", own, POSITIONS[points])
    return paths


@pytest.mark.parametrize("parts", [1, 2, 7])
def test_points_are_found_by_position(tmp_path: Path, parts: int) -> None:
    paths = write_parts(tmp_path, STATE, parts)
    points = np.random.default_rng(2).permutation(N)[:300]
    positions = POSITIONS[points] + np.array([4e-5, -4e-5])  # rounding
    positions[:100, 1] += 360.0
    state = read_state(paths, "module:Class", positions)
    np.testing.assert_array_equal(state["history"], STATE["history"][:, points])
    assert state["days"] == 7


def test_the_same_points_need_no_contract(tmp_path: Path) -> None:
    odd = {"other": np.arange(5)}
    (path,) = write_parts(tmp_path, odd, 1)
    np.testing.assert_array_equal(read_state([path], "module:Class", POSITIONS)["other"], odd["other"])
    with pytest.raises(BadInput, match=r"(?s)other of the state.*shared_state"):
        read_state([path], "module:Class", POSITIONS[:9])
    state = read_state([path], "module:Class", POSITIONS[:9], shared=("other",))
    np.testing.assert_array_equal(state["other"], odd["other"])


def test_a_point_without_a_state_is_named(tmp_path: Path) -> None:
    paths = write_parts(tmp_path, STATE, 2)
    with pytest.raises(BadInput, match=r"no state of the point at 80\.0000 N, 10\.0000 E"):
        read_state(paths, "module:Class", np.array([[80.0, 10.0]]))


def test_shared_values_must_be_equal(tmp_path: Path) -> None:
    paths = write_parts(tmp_path, STATE, 2)
    half = N // 2
    write_state(
        paths[1], "module:Class", {"history": STATE["history"][:, half:], "days": np.array(8)}, POSITIONS[half:]
    )
    with pytest.raises(BadInput, match="other values on other ranks"):
        read_state(paths, "module:Class", POSITIONS[:9])


@pytest.mark.parametrize("value", [np.array([1.0, np.nan]), np.array("a name")])
def test_shared_values_may_be_nan_or_no_number(tmp_path: Path, value: np.ndarray) -> None:
    paths = write_parts(tmp_path, {**STATE, "days": value}, 2)
    state = read_state(paths, "module:Class", POSITIONS[:9], shared=("days",))
    np.testing.assert_array_equal(state["days"], value)


def test_points_at_the_same_position_are_refused_with_other_ranks_only(tmp_path: Path) -> None:
    replicates = np.array([[51.0, 0.5], [51.0, 0.5], [52.0, 0.5]])
    path = tmp_path / "0.npz"
    write_state(path, "module:Class", {"history": np.arange(3.0)}, replicates)
    np.testing.assert_array_equal(read_state([path], "module:Class", replicates)["history"], np.arange(3.0))
    assert read_state([path], "module:Class", replicates[2:])["history"].tolist() == [2.0]
    for here in (replicates[:1], replicates[[0, 1]]):
        with pytest.raises(BadInput, match=r"more than one point is at 51\.0000 N, 0\.5000 E"):
            read_state([path], "module:Class", here)


def test_a_rank_without_points_has_what_is_shared(tmp_path: Path) -> None:
    paths = write_parts(tmp_path, STATE, 2)
    state = read_state(paths[:1], "module:Class", np.empty((0, 2)))
    assert state["history"].shape == (3, 0)
    assert state["days"] == 7


@pytest.mark.parametrize(("length", "words"), [(0, "truncated"), (200, "truncated"), (None, "not a state file")])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, length: int | None, words: str) -> None:
    (path,) = write_parts(tmp_path, STATE, 1)
    path.write_bytes(b"something else" if length is None else path.read_bytes()[:length])
    with pytest.raises(BadInput, match=words):
        read_state([path], "module:Class", POSITIONS)
