"""docs/how_to/hooks.md followed to the letter: its commands and namelists, with the host in the place of JULES.

``DIR`` is a folder of this name, in which the objects and .mod files of the host are where FCM writes those of JULES. ``fcm`` and the
Fortran compiler are scripts: that of FCM links the objects as JULES's platform ``custom`` does, with the flags in ``JULES_LDFLAGS_EXTRA``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.builds import DEFAULT_COMPILER, UNOPTIMISED
from helpers.hosts import HostRunner, curve_table, respiration_files
from helpers.mpi import jules_tree
from helpers.paths import REPOSITORY

PAGE = (REPOSITORY / "docs" / "how_to" / "hooks.md").read_text(encoding="utf-8")
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
NAMELISTS = [text for language, text in BLOCKS if language == "fortran"]
COMMANDS = [text.strip() for language, text in BLOCKS if re.match(r"(JULES_\w+=.*|jules-ml|gfortran -|mpif90)", text)]

FCM = """#!/bin/sh
[ "$*" = "make -f etc/fcm-make/make.cfg" ] && [ -f etc/fcm-make/make.cfg ] || exit 2
mkdir -p build/bin && {compiler} -o build/bin/jules.exe DIR/build/o/*.o $JULES_LDFLAGS_EXTRA -lnetcdff
"""


@pytest.fixture(scope="module")
def folder(hosts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder in which the commands run, with ``DIR``, FCM's configuration and the scripts ``fcm`` and ``gfortran``."""
    folder = tmp_path_factory.mktemp("documentation")
    jules_tree(folder / "DIR", hosts, "host_r32_objects")
    (folder / "etc" / "fcm-make").mkdir(parents=True)
    (folder / "etc" / "fcm-make" / "make.cfg").touch()
    (folder / "bin").mkdir()
    # the host has OpenMP, for which the page says to add this option
    compiler = f"{shutil.which(DEFAULT_COMPILER)} {'' if 'flang' in DEFAULT_COMPILER else '-fopenmp'}"
    scripts = {
        "fcm": FCM.format(compiler=compiler),
        "gfortran": f'#!/bin/sh\nexec {compiler} "$@"\n',
        "jules-ml": f'#!/bin/sh\nexec {sys.executable} -c "from jules_ml.cli import main; main()" "$@"\n',
    }
    for name, text in scripts.items():
        (folder / "bin" / name).write_text(text, encoding="utf-8")
        (folder / "bin" / name).chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def built(folder: Path) -> subprocess.CompletedProcess[str]:
    """Output of the first command of the page, which builds the hooks."""
    return _run(COMMANDS[0], folder)


def run(command: str, folder: Path) -> str:
    """Run a line of the page in a shell, and return its standard output."""
    return _run(command, folder).stdout


def _run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line in a shell; the first compiler in ``PATH`` is the script."""
    environment = os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(REPOSITORY)}
    environment |= dict([UNOPTIMISED])
    environment.pop("FC", None)
    done = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if "cannot find -lnetcdff" in done.stderr:
        pytest.skip("there is no netCDF-Fortran")
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done


def hooks_in(report: str) -> int:
    """Number of hooks that a check found in an executable."""
    return len(re.findall(r"^\w+ +in$", report, flags=re.MULTILINE))


def test_the_page_has_the_commands_that_are_tested() -> None:
    """A new command in a block must be tested here; the other blocks are messages."""
    assert [text.split()[0] for text in COMMANDS] == [
        "jules-ml", 'JULES_LDFLAGS_EXTRA="$(cat', "gfortran", "jules-ml", "mpif90",
    ]  # fmt: skip
    assert COMMANDS[4] == COMMANDS[2].replace("gfortran", "mpif90")  # run by test_toolchain.py


@pytest.mark.slow
def test_the_commands_of_the_page(folder: Path, built: subprocess.CompletedProcess[str]) -> None:
    _, fcm, link, check = COMMANDS[:4]
    flags = built.stdout.strip()
    assert (folder / "jules_ml_hooks" / "jules_ml_hooks.flags").read_text(encoding="utf-8").strip() == flags
    assert (folder / "jules_ml_hooks" / "jules_ml.nml").is_file()
    run(fcm, folder)
    assert hooks_in(run("jules-ml hooks --check build/bin/jules.exe", folder)) == 5
    run(link, folder)
    assert hooks_in(run(check, folder)) == 5


@pytest.mark.slow
def test_the_commands_of_the_readme(folder: Path) -> None:
    (commands,) = re.findall(r"^```\n(jules-ml hooks .*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    shutil.rmtree(folder / "build", ignore_errors=True)
    with pytest.raises(AssertionError, match="give the build folder of JULES"):
        run(commands.replace("DIR", "etc"), folder)  # JULES is not built where the hooks are refused
    assert not (folder / "build").exists()
    assert hooks_in(run(commands, folder)) == 5


@pytest.mark.slow
def test_the_link_command_that_is_printed(folder: Path, built: subprocess.CompletedProcess[str]) -> None:
    (printed,) = re.findall(r"^  (\S+ -o jules_ml.exe .*)$", built.stderr, flags=re.MULTILINE)
    (folder / "jules_ml.exe").unlink(missing_ok=True)
    run(printed, folder)
    assert hooks_in(run(COMMANDS[3], folder)) == 5


@pytest.mark.parametrize("text", NAMELISTS, ids=lambda text: text.split()[0] + str(len(text)))
def test_the_namelists_of_the_page(text: str, host: HostRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    """``my_module`` has functions of these names."""
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    nodes = np.linspace(0.5, 1.5, 65)
    tables = respiration_files() | {
        f"h_{driver}.nml": curve_table("antecedent", driver, nodes, -1.0, 1.0)
        for driver in ("wetness_10d", "air_temperature")
    }
    module = "from trial_module import properties\nfrom trial_module import wet as follow\n"
    group = text.split(maxsplit=1)[0].removeprefix("&jules_ml_")
    if group == "ledger":  # it records what another hook does
        group = "moisture"
        text += "\n&jules_ml_moisture python_callable = 'my_module:follow', mode = 'replace' /\n"
    files = tables | {"jules_ml.nml": text, "my_module.py": module, "regions.txt": "everywhere -90 90 -180 180\n"}
    log = host.complete("host_r32", "n_days = 2", files).log
    assert f"hooks on: {group}" in log
