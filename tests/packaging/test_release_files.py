"""Files of a release agree: version, name, dependencies, versions of Python, changelog, citation, recipes and workflows."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers.paths import REPOSITORY

import jules_ml
from jules_ml.learned.card_versions import CARD_VERSION

PACKAGING = REPOSITORY / "packaging"
WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
NOTES = runpy.run_path(str(REPOSITORY / "scripts" / "release_notes.py"))


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    return dict(tomllib.loads(text)["project"])


@pytest.fixture(scope="module")
def pythons(project: dict[str, Any]) -> list[str]:
    """Versions of Python by the classifiers."""
    return [match[1] for each in project["classifiers"] if (match := re.fullmatch(r".*:: Python :: (3\.\d+)", each))]


def test_the_version_is_that_of_the_package(project: dict[str, Any]) -> None:
    assert "version" in project["dynamic"]
    assert NOTES["package_version"]() == jules_ml.__version__
    assert read_yaml(REPOSITORY / "CITATION.cff")["version"] == jules_ml.__version__
    assert read_yaml(PACKAGING / "conda" / "recipe.yaml")["context"]["version"] == jules_ml.__version__


def test_files_that_repeat_version_and_dependencies_are_up_to_date() -> None:
    """If not, run ``python scripts/release_files.py``."""
    script = [sys.executable, str(REPOSITORY / "scripts" / "release_files.py"), "--check"]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_changelog_has_the_version_and_a_section_for_the_next() -> None:
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = list(NOTES["sections"](changelog))
    assert versions[0] == "Unreleased"
    assert versions[1] == jules_ml.__version__


@pytest.mark.parametrize(
    ("heading", "tag", "message"),
    [
        ("## [9.9.9] - 2030-01-31", "v9.9.9", None),
        ("## [9.9.9] - 2030-01-31", "v9.9.8", "the tag is v9.9.8, and the version .* is 9.9.9"),
        ("## [9.9.9] - not yet released", "v9.9.9", "give the section .* the date"),
        ("## [9.9.8] - 2030-01-31", "v9.9.9", r"no section \[9.9.9\]"),
    ],
)
def test_notes_of_a_release_need_a_tag_a_version_and_a_date(
    tmp_path: Path, heading: str, tag: str, message: str | None
) -> None:
    (tmp_path / "jules_ml").mkdir()
    (tmp_path / "jules_ml" / "__init__.py").write_text('"""A package."""\n\n__version__ = "9.9.9"\n')
    text = f"# Changelog\n\n## [Unreleased]\n\n{heading}\n\n- A change.\n\n## [0.0.1] - 2020-01-01\n\n- Another.\n"
    (tmp_path / "CHANGELOG.md").write_text(text)
    if message is None:
        assert NOTES["release_notes"](tag, tmp_path) == "- A change."
    else:
        with pytest.raises(SystemExit, match=message):
            NOTES["release_notes"](tag, tmp_path)


def test_the_page_on_releases_describes_each_version_of_the_card() -> None:
    page = (REPOSITORY / "docs" / "reference" / "releases.md").read_text(encoding="utf-8")
    table = page[page.index("| `card_version` |") :].partition("\n\n")[0]
    assert re.findall(r"^\| (\d+) \|", table, flags=re.MULTILINE) == [str(i + 1) for i in range(CARD_VERSION)]


def test_files_of_the_package_other_than_python_are_in_the_wheel() -> None:
    tables = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    for path in sorted((REPOSITORY / "jules_ml").rglob("*")):
        if path.is_file() and path.suffix not in (".py", ".pyc", ".so"):
            matches = [
                path.is_relative_to(folder) and path.relative_to(folder).match(pattern)
                for package, patterns in tables["package-data"].items()
                for folder in [REPOSITORY / package.replace(".", "/")]
                for pattern in patterns
            ]
            assert any(matches), f"{path.relative_to(REPOSITORY)} is not in [tool.setuptools.package-data]"


def test_citation_and_codemeta_agree_with_the_project(project: dict[str, Any]) -> None:
    citation = read_yaml(REPOSITORY / "CITATION.cff")
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= citation.keys()
    codemeta = json.loads((REPOSITORY / "codemeta.json").read_text(encoding="utf-8"))
    for key in ("name", "description"):
        assert codemeta[key] == project[key]
    assert codemeta["version"] == jules_ml.__version__
    assert codemeta["license"].rsplit("/", 1)[1] == citation["license"] == project["license"]
    assert codemeta["runtimePlatform"] == f"Python {project['requires-python']}"
    assert codemeta["softwareRequirements"] == project["dependencies"]
    assert codemeta["author"][0]["name"] == citation["authors"][0]["name"]
    assert codemeta["keywords"] == citation["keywords"]


def test_recipes_have_the_dependencies_of_the_project(project: dict[str, Any]) -> None:
    recipe = read_yaml(PACKAGING / "conda" / "recipe.yaml")["requirements"]["run"]
    environment = read_yaml(PACKAGING / "environment.yml")["dependencies"]
    spack = (PACKAGING / "spack" / "packages" / "py_jules_ml" / "package.py").read_text(encoding="utf-8")
    torch = next(each for each in project["dependencies"] if each.startswith("torch")).removeprefix("torch")
    assert recipe[:2] == [f"python {project['requires-python']}", f"pytorch {torch}"]
    assert len(recipe) == len(project["dependencies"]) + 1
    assert set(recipe[1:]) <= set(environment)
    assert f'depends_on("py-torch@{torch[2:6]}:{torch[2:6]}"' in spack


def test_torch_has_the_upper_bound_that_was_tested(project: dict[str, Any]) -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    tested = re.search(r"torch==(\d+)\.(\d+)", makefile)
    assert tested is not None
    major, minor = map(int, tested.groups())
    assert f"torch>={major}.{minor},<{major}.{minor + 1}" in project["dependencies"]


def test_workflows_test_each_python(project: dict[str, Any], pythons: list[str]) -> None:
    assert f">={pythons[0]}" == project["requires-python"]
    assert len(WORKFLOWS) >= 3
    for path in WORKFLOWS:
        jobs = read_yaml(path)["jobs"]
        for job in jobs.values():
            matrix = job.get("strategy", {}).get("matrix", {})
            assert matrix.get("python", pythons) == pythons, path.name
    tests = read_yaml(REPOSITORY / ".github" / "workflows" / "tests.yml")["jobs"]["tests"]["strategy"]["matrix"]
    assert tests["python"] == pythons
    assert [compiler.split("-")[0] for compiler in tests["compiler"]] == ["gfortran", "flang"]


def test_scripts_that_workflows_run_exist() -> None:
    for path in WORKFLOWS:
        for script in re.findall(r"(?:scripts|benchmarks)/\w+\.\w+", path.read_text(encoding="utf-8")):
            assert (REPOSITORY / script).is_file(), f"{path.name}: {script}"


def test_issue_forms_have_a_body() -> None:
    for path in sorted((REPOSITORY / ".github" / "ISSUE_TEMPLATE").glob("*.yml")):
        form = read_yaml(path)
        if path.name != "config.yml":
            assert {"name", "description", "body"} <= form.keys()
            assert len({each["id"] for each in form["body"]}) == len(form["body"])
