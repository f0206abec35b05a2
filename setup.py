"""Copy the sources of the Fortran bridge and the namelists into the wheel; all other settings are in pyproject.toml.

In a checkout they are at the top level, where CMake and Fortran users look for them. `jules-ml hooks` and `jules-ml init` also need
them when jules_ml is installed from a wheel.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
#: Files that `jules-ml hooks` and `jules-ml init jules` need; tests and host are not copied.
COPIED: tuple[str, ...] = (
    "CMakeLists.txt",
    "fortran_bridge/CMakeLists.txt",
    "fortran_bridge/src",
    "fortran_bridge/hooks",
    "fortran_bridge/include",
    "namelists",
)


class BuildWithBridge(build_py):
    """Build step that copies the package, then these sources into it."""

    def run(self) -> None:
        """Copy the files, except in an editable install."""
        super().run()
        if self.editable_mode:
            return
        inside = Path(self.build_lib) / "jules_ml" / "bridge_sources"
        for name in COPIED:
            target = inside / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (HERE / name).is_dir():
                shutil.copytree(HERE / name, target, dirs_exist_ok=True)
            else:
                shutil.copy2(HERE / name, target)


setup(cmdclass={"build_py": BuildWithBridge})
