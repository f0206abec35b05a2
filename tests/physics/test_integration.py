"""A column through time: periods, progress, and compiled against eager."""

from __future__ import annotations

from pathlib import Path

import _loobos
import pytest
import torch

from jules_ml.physics.integration import can_compile, integrate
from jules_ml.physics.surface import Forcing


def first(forcing: Forcing, steps: int) -> Forcing:
    return Forcing(*(x[:steps] for x in forcing))


def test_periods_are_means_and_progress_counts_every_step(shared_data: Path) -> None:
    forcing, state, column = _loobos.standalone(shared_data)
    seen: list[int] = []
    with torch.no_grad():
        each = integrate(column, state, first(forcing, 96), outputs=["smcl", "fqw_gb"], compiled=False)
        daily = integrate(
            column,
            state,
            first(forcing, 96),
            outputs=["smcl", "fqw_gb"],
            mean_over=48,
            compiled=False,
            progress=seen.append,
        )
    assert each.outputs["smcl"].shape == (96, 4, 1)
    assert daily.outputs["fqw_gb"].shape == (2, 1)
    torch.testing.assert_close(daily.outputs["smcl"][1], each.outputs["smcl"][48:].mean(0))
    assert sum(seen) == 96


def test_refuses_broken_periods_and_unknown_outputs(shared_data: Path) -> None:
    forcing, state, column = _loobos.standalone(shared_data)
    with pytest.raises(ValueError, match="whole periods"):
        integrate(column, state, first(forcing, 50), outputs=["smcl"], mean_over=48, compiled=False)
    with pytest.raises(ValueError, match="no output is called nonsense"):
        integrate(column, state, first(forcing, 4), outputs=["nonsense"], compiled=False)


def test_without_a_compiler_it_says_so_and_runs(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forcing, state, column = _loobos.standalone(shared_data)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.warns(UserWarning, match="no C\\+\\+ compiler"):
        result = integrate(column, state, first(forcing, 2), outputs=["smcl"], compiled=True)
    assert result.outputs["smcl"].shape[0] == 2


def test_a_compiler_without_pythons_headers_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    assert not can_compile()
    (tmp_path / "Python.h").touch()
    assert can_compile()


@pytest.mark.skipif(not can_compile(), reason="no C++ compiler")
@pytest.mark.parametrize("dtype", [torch.float64])
def test_compiled_equals_eager(shared_data: Path, dtype: torch.dtype) -> None:
    forcing, state, column = _loobos.standalone(shared_data, dtype)
    with torch.no_grad():
        eager = integrate(column, state, first(forcing, 96), outputs=["smcl", "t_soil", "fqw_gb"], compiled=False)
        compiled = integrate(column, state, first(forcing, 96), outputs=["smcl", "t_soil", "fqw_gb"], compiled=True)
    for name, value in eager.outputs.items():
        torch.testing.assert_close(compiled.outputs[name], value, rtol=1e-9, atol=1e-15)
