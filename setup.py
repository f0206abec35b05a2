"""Puts the sources of the Fortran bridge into the package; all else is said in pyproject.toml.

They lie beside the package in a checkout, where CMake and Fortran users look for them. A wheel carries them inside, so that
`jules-ml hooks` can build them wherever jules_ml is installed.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
#: What building the hooks takes; the tests and the host stay behind.
CARRIED = ("CMakeLists.txt", "fortran_bridge/CMakeLists.txt", "fortran_bridge/src", "fortran_bridge/hooks")
CARRIED += ("fortran_bridge/include", "namelists/jules_ml.nml")


class BuildWithBridge(build_py):
    """Copies the package, then the sources of the bridge into it."""

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
