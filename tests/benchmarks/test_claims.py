"""The recorder of claims: its output, its result file, and its exit code."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from helpers.paths import REPOSITORY


@pytest.fixture
def recorder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    source = REPOSITORY / "benchmarks" / "_claims.py"
    spec = importlib.util.spec_from_file_location("benchmark_claims", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # dataclasses need their module in sys.modules
    monkeypatch.setitem(sys.modules, "benchmark_claims", module)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "RESULTS", tmp_path / "results")
    return module


def test_a_claim_that_is_met_passes_and_is_written(recorder: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    claims = recorder.Claims("example", quick=False)
    claims.check("difference", 1e-7, "<=", 2e-6)
    claims.report("speed", 12.0, unit="years s-1")
    claims.not_measured("ratio to JULES", ">=", 100.0, why="no executable was given")
    assert claims.finish() == 0
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()[:2]] == ["pass", "reported"]
    results = json.loads((recorder.RESULTS / "example.json").read_text(encoding="utf-8"))
    assert [claim["verdict"] for claim in results["claims"]] == ["pass", "reported", "not measured"]
    assert set(results["environment"]) == {"python", "torch", "numpy", "xarray", "jules_ml", "system", "machine", "cpu"}
    assert [path.name for path in recorder.RESULTS.iterdir()] == ["example.json"]


@pytest.mark.parametrize("measured", [3e-6, float("nan")])
def test_a_missed_claim_gives_exit_code_1(recorder: ModuleType, measured: float) -> None:
    claims = recorder.Claims("example", quick=False)
    claims.check("difference", measured, "<=", 2e-6)
    assert claims.finish() == 1
    json.loads((recorder.RESULTS / "example.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)


def test_a_quick_run_writes_no_file(recorder: ModuleType) -> None:
    claims = recorder.Claims("example", quick=True)
    claims.check("speed", 5.0, ">=", 1.0)
    assert claims.finish() == 0
    assert not recorder.RESULTS.exists()
