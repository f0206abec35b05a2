"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from coverage import Coverage
from helpers.builds import DEFAULT_COMPILER, build_folder, build_targets, configure, locked
from helpers.paths import REPOSITORY
from helpers.pictures import rendered_once

from jules_ml.bridge.library import Bridge

#: A test that is marked as slow takes about as long as so many others.
SLOW_AS_TESTS = 30


@pytest.fixture(scope="module", autouse=True)
def _figures_rendered_once(request: pytest.FixtureRequest) -> Iterator[None]:
    """Render each kind of figure once in a process, and all figures in the tests of figures."""
    with nullcontext() if "figure" in request.path.name else rendered_once():
        yield


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


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Measure no coverage in tests marked ``no_cover``, nor in processes that they start.

    Processes of pytest-xdist measure more than once, and pytest-cov stops one measurement.
    """
    if item.get_closest_marker("no_cover") is None:
        return (yield)
    stopped = []
    while (measurement := Coverage.current()) is not None:
        measurement.stop()
        stopped.append(measurement)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("COVERAGE_PROCESS")]:
            patch.delenv(name)
        try:
            return (yield)
        finally:
            for measurement in reversed(stopped):
                measurement.start()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that use the Fortran bridge or ranks of MPI, which their fixtures tell; order them in processes of pytest-xdist."""
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        if "bridge_build" in names:
            item.add_marker("fortran")
        if "mpiexec" in names:
            item.add_marker("mpi")
    if hasattr(config, "workerinput"):
        _begin_with_long_files(items)


def _begin_with_long_files(items: list[pytest.Item]) -> None:
    """Sort the files by their duration, which the number of tests and of slow ones tells, so that all processes end at the same time."""
    durations = Counter[Path]()
    for item in items:
        durations[item.path] += SLOW_AS_TESTS if item.get_closest_marker("slow") else 1
    items.sort(key=lambda item: -durations[item.path])


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
