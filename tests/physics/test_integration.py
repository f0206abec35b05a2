"""A column through time: periods, progress, and compiled against eager."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import _loobos
import pytest
import torch

from jules_ml.physics.column import ColumnState
from jules_ml.physics.compilation import can_compile
from jules_ml.physics.integration import integrate, whole_vectors
from jules_ml.physics.surface import Forcing, SurfaceState


def first(forcing: Forcing, steps: int) -> Forcing:
    return Forcing(*(x[:steps] for x in forcing))


def test_periods_are_means_and_progress_counts_every_step(shared_data: Path) -> None:
    forcing, state, column = _loobos.standalone(shared_data)
    counts: list[int] = []
    with torch.no_grad():
        each = integrate(column, state, first(forcing, 96), outputs=["smcl", "fqw_gb"], compiled=False)
        daily = integrate(
            column,
            state,
            first(forcing, 96),
            outputs=["smcl", "fqw_gb"],
            mean_over=48,
            compiled=False,
            on_steps=counts.append,
        )
    assert each.outputs["smcl"].shape == (96, 4, 1)
    assert daily.outputs["fqw_gb"].shape == (2, 1)
    torch.testing.assert_close(daily.outputs["smcl"][1], each.outputs["smcl"][48:].mean(0))
    assert sum(counts) == 96


def test_incomplete_periods_and_unknown_outputs_are_refused(shared_data: Path) -> None:
    forcing, state, column = _loobos.standalone(shared_data)
    with pytest.raises(ValueError, match="whole periods"):
        integrate(column, state, first(forcing, 50), outputs=["smcl"], mean_over=48, compiled=False)
    with pytest.raises(ValueError, match="has no output nonsense"):
        integrate(column, state, first(forcing, 4), outputs=["nonsense"], compiled=False)


def test_without_a_compiler_it_warns_and_runs(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forcing, state, column = _loobos.standalone(shared_data)
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.warns(UserWarning, match="no C\\+\\+ compiler"):
        result = integrate(column, state, first(forcing, 2), outputs=["smcl"], compiled=True)
    assert result.outputs["smcl"].shape[0] == 2


def test_a_compiler_needs_the_headers_of_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


@pytest.mark.slow
@pytest.mark.skipif(not can_compile(), reason="no C++ compiler")
def test_more_columns_than_torch_compiles_by_default(shared_data: Path) -> None:
    forcing, state, column = _loobos.standalone(shared_data, torch.float32)
    with torch.no_grad(), torch._dynamo.config.patch(recompile_limit=1):
        for timestep in (1800.0, 900.0):
            column.timestep = timestep
            integrate(column, state, first(forcing, 2), outputs=["smcl"], compiled=True)


def test_a_single_column_fills_a_vector_and_equals_itself_among_others(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal to the last bit. The eager step replaces the compiled one here; ``benchmarks/ensemble.py`` compiles it."""
    widths: list[int] = []

    def as_it_is(step: Callable[..., Any], **_: object) -> Callable[..., Any]:
        def call(packed: Any, carried: Any, row: torch.Tensor, total: torch.Tensor) -> Any:
            widths.append(total.shape[-1])
            return step(packed, carried, row, total)

        return call

    monkeypatch.setattr("torch.compile", as_it_is)
    monkeypatch.setattr("jules_ml.physics.integration.can_compile", lambda: True)
    forcing, state, column = _loobos.standalone(shared_data)
    names = ["smcl", "t_soil", "sthf", "fqw_gb", "ext", "resp_s_gb", "heat_residual"]
    assert state.surface is not None
    company = ColumnState(
        smcl=state.smcl.expand(-1, 24),
        t_soil=state.t_soil.expand(-1, 24),
        sthf=state.sthf.expand(-1, 24),
        surface=SurfaceState(*(x.expand(-1, 24) for x in state.surface)),
    )
    with torch.no_grad():
        alone = integrate(column, state, first(forcing, 96), outputs=names, compiled=True)
        together = integrate(column, company, first(forcing, 96), outputs=names, compiled=True)
    assert set(widths) == {8, 24}
    for name in names:
        assert alone.outputs[name].shape[-1] == 1
        assert torch.equal(together.outputs[name][..., :1], alone.outputs[name]), name
    assert alone.state.smcl.shape == (4, 1)
    assert torch.equal(together.state.t_soil[:, 7:8], alone.state.t_soil)


def test_whole_vectors_contain_all_columns() -> None:
    assert [whole_vectors(n, torch.float64) for n in (1, 8, 9, 1000)] == [8, 8, 16, 1000]
    assert whole_vectors(1000, torch.float32) == 1008
