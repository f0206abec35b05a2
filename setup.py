"""Copies the sources of the Fortran bridge and the namelists into the wheel; everything else is in pyproject.toml.

In a checkout they are at the top level, where CMake and Fortran users look for them. `jules-ml hooks` and `jules-ml init` need them
wherever jules_ml is installed.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
#: Files that `jules-ml hooks` and `jules-ml init jules` need; tests and host are not copied.
CARRIED = ("CMakeLists.txt", "fortran_bridge/CMakeLists.txt", "fortran_bridge/src", "fortran_bridge/hooks")
CARRIED += ("fortran_bridge/include", "namelists")


class BuildWithBridge(build_py):
    """Copies the package, then the sources into it."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        inside = Path(self.build_lib) / "jules_ml" / "bridge_sources"
        for name in CARRIED:
            target = inside / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (HERE / name).is_dir():
                shutil.copytree(HERE / name, target, dirs_exist_ok=True)
            else:
                shutil.copy2(HERE / name, target)


setup(cmdclass={"build_py": BuildWithBridge})
