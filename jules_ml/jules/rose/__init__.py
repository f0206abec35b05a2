"""Rose applications of JULES: reading one as a run folder, and writing changes as an optional configuration.

Optional configurations, environment variables and files are resolved as ``rose app-run`` resolves them. Rose itself is not needed.
"""

from __future__ import annotations

from jules_ml.jules.rose.app import APP, RoseApp, is_rose_app, read_rose_app
from jules_ml.jules.rose.files import RoseFile, installed_files
from jules_ml.jules.rose.install import install_files, source_path
from jules_ml.jules.rose.namelists import rose_namelists
from jules_ml.jules.rose.option import OPTION, optional_configuration

__all__ = [
    "APP",
    "OPTION",
    "RoseApp",
    "RoseFile",
    "install_files",
    "installed_files",
    "is_rose_app",
    "optional_configuration",
    "read_rose_app",
    "rose_namelists",
    "source_path",
]
