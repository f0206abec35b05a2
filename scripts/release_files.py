"""Write version and dependencies of pyproject.toml into the files that repeat them: citation, codemeta, and the recipes of ``packaging``.

Usage: python scripts/release_files.py [--check]

``--check`` writes nothing, and exits with 1 if a file differs.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

from release_notes import ROOT, package_version

#: Names of dependencies on conda-forge, where they differ.
CONDA = {"torch": "pytorch", "netCDF4": "netcdf4", "matplotlib": "matplotlib-base"}
_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9_-]+)>=(?P<lower>[0-9.]+)(,<(?P<upper>[0-9.]+))?")


def release_files(root: Path = ROOT) -> dict[Path, str]:
    """Return the text that each file should have."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version, packaging = package_version(root), root / "packaging"
    spack = packaging / "spack" / "packages" / "py_jules_ml" / "package.py"
    requirements = [match for each in project["dependencies"] if (match := _REQUIREMENT.fullmatch(each))]
    if len(requirements) != len(project["dependencies"]):
        raise SystemExit("pyproject.toml: a dependency is neither name>=version nor name>=version,<version")
    conda = [f"- {_conda(each)}" for each in requirements]
    return {
        root / "codemeta.json": _codemeta(root, project, version),
        root / "CITATION.cff": _replaced(root / "CITATION.cff", r"(?<=^version: ).+?(?=$)", version),
        packaging / "conda" / "recipe.yaml": _replaced(
            packaging / "conda" / "recipe.yaml",
            r'(?<=^  version: ").+?(?="$)',
            version,
            r"(?<=^    - python >=3\.11\n).+?(?=\n\ntests:$)",
            "\n".join(f"    {line}" for line in conda),
        ),
        packaging / "environment.yml": _replaced(
            packaging / "environment.yml",
            r"(?<=^  - setuptools >=77\n).+?(?=\n  - pytorch-cpu$)",
            "\n".join(f"  {line}" for line in conda),
        ),
        spack: _replaced(
            spack,
            r'(?<=^    version\(").+?(?="\)$)',
            version,
            r'(?<=^    depends_on\("py-setuptools@77:", type="build"\)\n).+?(?=\n    depends_on\("py-mpi4py)',
            "\n".join(f'    depends_on("{_spack(each)}", type=("build", "run"))' for each in requirements),
        ),
    }


def _conda(requirement: re.Match[str]) -> str:
    name = requirement["name"]
    return f"{CONDA.get(name, name)} {requirement.string.removeprefix(name)}"


def _spack(requirement: re.Match[str]) -> str:
    """Requirement of Spack, whose upper bounds are inclusive: ``<2.14`` is ``:2.13``."""
    upper = requirement["upper"]
    major, _, minor = (upper or "").partition(".")
    return f"py-{requirement['name'].lower()}@{requirement['lower']}:" + (f"{major}.{int(minor) - 1}" if upper else "")


def _codemeta(root: Path, project: dict[str, Any], version: str) -> str:
    content = json.loads((root / "codemeta.json").read_text(encoding="utf-8"))
    content |= {
        "name": project["name"],
        "description": project["description"],
        "version": version,
        "license": f"https://spdx.org/licenses/{project['license']}",
        "runtimePlatform": f"Python {project['requires-python']}",
        "softwareRequirements": project["dependencies"],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _replaced(path: Path, *replacements: str) -> str:
    """Text of a file with each pattern, which must occur once, replaced by the text after it."""
    text = path.read_text(encoding="utf-8")
    for pattern, new in zip(replacements[::2], replacements[1::2], strict=True):
        matches = list(re.finditer(pattern, text, flags=re.MULTILINE | re.DOTALL))
        if len(matches) != 1:
            raise SystemExit(f"{path}: {len(matches)} places for '{pattern}'")
        text = text[: matches[0].start()] + new + text[matches[0].end() :]
    return text


def main() -> None:
    """Write the files, or list those that differ."""
    different = {path: text for path, text in release_files().items() if path.read_text(encoding="utf-8") != text}
    if "--check" in sys.argv[1:]:
        names = ", ".join(str(path.relative_to(ROOT)) for path in different)
        raise SystemExit(f"run scripts/release_files.py, which changes {names}" if different else 0)
    for path, text in different.items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
