"""Small Rose applications, and their files by ``rose app-run`` and by jules_ml: for tests and benchmarks."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jules_ml.jules.rose import installed_files, read_rose_app

#: Environment variable with the folder of a small application, and its placeholder in stored files.
HERE, PLACEHOLDER = "SMALL_APP", b"@SMALL_APP@"


@dataclass(frozen=True)
class SmallApp:
    """Rose application of a test.

    Attributes
    ----------
    conf : str
        Text of ``rose-app.conf``.
    files : mapping of str to str
        Other files by path; the application is in the folder ``app``.
    environment : mapping of str to str
        Environment variables; the placeholder in a value is the folder of ``app``.
    """

    conf: str
    files: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def build(self, folder: Path) -> Path:
        """Write the application, and return its folder."""
        for name, text in {"app/rose-app.conf": self.conf, **self.files}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return folder / "app"

    def variables(self, folder: Path) -> dict[str, str]:
        """Return the environment variables of an application in a folder."""
        given = {name: value.replace(PLACEHOLDER.decode(), str(folder)) for name, value in self.environment.items()}
        return {HERE: str(folder), **given}


def rose_executable() -> str | None:
    """Return the path of Rose: ``ROSE_EXE``, or ``rose`` on the path; None if it is not installed."""
    return os.environ.get("ROSE_EXE") or shutil.which("rose")


def rose_app_run(rose: str, small: SmallApp, folder: Path) -> dict[str, bytes] | None:
    """Return the files that ``rose app-run`` installs for a small application, by path; None if it fails."""
    work = folder / "work"
    work.mkdir(parents=True)
    files = installed_by_rose(rose, small.build(folder), work, small.variables(folder))
    return None if files is None else {name: _placed(text, folder) for name, text in files.items()}


def installed_by_rose(rose: str, app: Path, work: Path, environment: Mapping[str, str]) -> dict[str, bytes] | None:
    """Return the files that ``rose app-run`` installs in an empty folder, by path; None if it fails."""
    command = [rose, "app-run", "--install-only", "--quiet", "--config", str(app)]
    variables = {**os.environ, **environment, "PWD": str(work)}
    done = subprocess.run(command, cwd=work, env=variables, check=False, capture_output=True)
    if done.returncode:
        return None
    paths = [path for path in sorted(work.rglob("*")) if path.is_file() and path.name != "rose-app-run.conf"]
    names = {path: path.relative_to(work).as_posix() for path in paths}
    return {name: path.read_bytes() for path, name in names.items() if not name.startswith(".rose")}


def _placed(text: bytes, folder: Path) -> bytes:
    return text.replace(str(folder).encode(), PLACEHOLDER)


def resolved(app: Path, folder: Path) -> dict[str, bytes]:
    """Return the files that jules_ml resolves, by path."""
    contents = {}
    for path, file in installed_files(read_rose_app(app)).items():
        if file.kind == "link":
            source = file.parts[0]
            assert isinstance(source, Path)
            if source.is_file():
                contents[path] = source.read_bytes()
        elif file.kind == "file":
            contents[path] = file.contents()
    return {name: _placed(text, folder) for name, text in sorted(contents.items())}
