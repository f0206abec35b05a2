"""The Fortran bridge, built once for the tests that drive it."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jules_ml.coupling.bridge import Bridge

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def bridge_build() -> Path:
    """A build folder of the bridge, kept from run to run; skip where there is no Fortran compiler or no CMake."""
    missing = [tool for tool in ("cmake", "gfortran") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"the bridge cannot be built: no {' and no '.join(missing)}")
    build = REPOSITORY / "build" / "bridge-tests"
    build.mkdir(parents=True, exist_ok=True)
    with (build / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        configure = ["cmake", "-S", str(REPOSITORY), "-B", str(build), f"-DJML_TEST_VENV={sys.prefix}"]
        for command in (configure, ["cmake", "--build", str(build), "--target", "bridge_programs"]):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    return build


@pytest.fixture
def bridge(bridge_build: Path) -> Iterator[Bridge]:
    """The library, with every hook off before and after."""
    bridge = Bridge(bridge_build / "fortran_bridge" / "libjules_ml_bridge.so")
    bridge.stop()
    yield bridge
    bridge.stop()
