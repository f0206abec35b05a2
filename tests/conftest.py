"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.builds import DEFAULT_COMPILER, build_folder, build_targets, configure, locked
from helpers.paths import REPOSITORY

from jules_ml.bridge.library import Bridge


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real records, from ``JULES_ML_DATA`` or beside the checkout; skip where there is none."""
    folder = Path(os.environ.get("JULES_ML_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no folder of real records at {folder}: set JULES_ML_DATA")
    return folder


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Takes a line of figures, which stands at the end of the tests' output whichever process ran the test."""
    return lambda line: record_property("figures", line)


@pytest.fixture(scope="session")
def bridge_build() -> Path:
    """A build folder of the bridge, kept from run to run; skip where there is no Fortran compiler or no CMake."""
    missing = [tool for tool in ("cmake", DEFAULT_COMPILER) if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"the bridge cannot be built: no {' and no '.join(missing)}")
    build = build_folder(DEFAULT_COMPILER)
    with locked(build):
        configure(build, DEFAULT_COMPILER)
        build_targets(build, "bridge_programs")
    return build


@pytest.fixture
def bridge(bridge_build: Path) -> Iterator[Bridge]:
    """The library, with every hook off before and after."""
    bridge = Bridge(bridge_build / "fortran_bridge" / "libjules_ml_bridge.so")
    bridge.stop()
    yield bridge
    bridge.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use the Fortran bridge or ranks of MPI, which their fixtures tell."""
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        if "bridge_build" in names:
            item.add_marker("fortran")
        if "two_ranks" in names:
            item.add_marker("mpi")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests gave to ``figures``."""
    lines = [
        f"{report.nodeid.rsplit('::', 1)[-1]}: {line}"
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, line in report.user_properties
        if name == "figures"
    ]
    if lines:
        terminalreporter.section("figures")
        for line in lines:
            terminalreporter.line(line)
