"""Provenance of results: versions and the git commit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from jules_ml.support.provenance import git_commit, software


def test_versions_are_listed() -> None:
    versions = software()
    assert versions["jules_ml"]
    assert set(versions["packages"]) >= {"torch", "numpy", "xarray"}  # type: ignore[call-overload]


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *identity, *words], check=True, capture_output=True)


def test_only_a_checkout_has_a_commit(tmp_path: Path) -> None:
    package = tmp_path / "checkout" / "jules_ml"
    package.mkdir(parents=True)
    assert git_commit(package) is None
    git(package.parent, "init", "-q")
    (package / "a.py").write_text("1\n", encoding="utf-8")
    git(package.parent, "add", ".")
    git(package.parent, "commit", "-q", "-m", "one")
    commit = git_commit(package)
    assert commit is not None
    assert len(commit) == 40
    (package / "a.py").write_text("2\n", encoding="utf-8")
    assert git_commit(package) == commit + "+"
    installed = package.parent / ".venv" / "jules_ml"
    installed.mkdir(parents=True)
    assert git_commit(installed) is None


def test_without_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object, **__: object) -> None:
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", absent)
    assert git_commit(tmp_path) is None
