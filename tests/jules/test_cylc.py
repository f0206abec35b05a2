"""The example workflow for Cylc: its graph and tasks, run in order with a stand-in for JULES."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from _ensemble import STAND_IN
from helpers.paths import REPOSITORY

from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.rose import read_rose_app, rose_namelists
from jules_ml.jules.template import write_template

WORKFLOW = REPOSITORY / "namelists" / "cylc"


def flow_text() -> str:
    """Text of the workflow without comments, with its Jinja2 variables."""
    text = (WORKFLOW / "flow.cylc").read_text(encoding="utf-8")
    variables = dict(re.findall(r"\{% set (\w+) = (\w+) %\}", text))
    text = re.sub(r"\{\{ (\w+) \}\}", lambda match: variables[match[1]], text)
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(("#", "{%")))


def tasks() -> dict[str, dict[str, str]]:
    """Items of each section of [runtime], by name; those of [[[environment]]] are in the section ENVIRONMENT."""
    items: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for line in flow_text().partition("[runtime]")[2].splitlines():
        text = line.strip()
        if text.startswith("["):
            name = text.strip("[]")
            section = items.setdefault("ENVIRONMENT" if name == "environment" else name, {})
        elif text:
            key, _, value = text.partition(" = ")
            section[key] = value
    return items


def test_sections_are_nested_and_every_task_of_the_graph_is_defined() -> None:
    depth = 0
    for line in flow_text().splitlines():
        brackets = len(line) - len(line.lstrip("[ ")) - (len(line) - len(line.lstrip()))
        if line.strip().startswith("["):
            assert line.rstrip().endswith("]" * brackets)
            assert brackets <= depth + 1
            depth = brackets
    graph = re.search(r'R1 = """(.*?)"""', flow_text(), re.DOTALL)
    assert graph is not None
    # Cylc counts an output as required or optional in the entire graph
    assert "jules?" in graph[1]
    names = set(re.findall(r"([a-z]+(?:<\w+>)?)(?=[?:]|\s|$)", re.sub(r":\w+", "", graph[1])))
    assert names == tasks().keys() - {"root", "ENVIRONMENT"}


@pytest.mark.skipif(shutil.which("cylc") is None, reason="cylc is not installed")
def test_workflow_is_valid_for_cylc(tmp_path: Path) -> None:
    shutil.copytree(WORKFLOW, tmp_path / "flow")
    subprocess.run(["cylc", "validate", str(tmp_path / "flow")], check=True)


def test_application_is_the_template() -> None:
    of_app, template = (
        rose_namelists(read_rose_app(WORKFLOW / "app" / "jules")),
        NamelistFolder.read(WORKFLOW.parent / "point"),
    )
    assert [(f, name, values) for f, name, values in of_app.groups()] == list(template.groups())


@pytest.mark.no_cover
def test_tasks_run_in_order(tmp_path: Path) -> None:
    folder = shutil.copytree(WORKFLOW, tmp_path / "run")
    write_template(folder / "app" / "jules" / "file")
    (folder / "bin").mkdir()
    for name, line in (
        ("jules.exe", f'{sys.executable} {STAND_IN} "$@"'),
        ("jules-ml", f"{sys.executable} -c 'from jules_ml.cli import main; main()' \"$@\""),
    ):
        (folder / "bin" / name).write_text(f"#!/bin/sh\nexec {line}\n", encoding="ascii")
        (folder / "bin" / name).chmod(0o755)
    items = tasks()
    exports = "; ".join(f'export {name}="{value}"' for name, value in items["ENVIRONMENT"].items())
    environment = {
        **os.environ,
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "CYLC_WORKFLOW_RUN_DIR": str(folder),
        "CYLC_WORKFLOW_SHARE_DIR": str(tmp_path / "share"),
    }

    def run(task: str, **more: str) -> None:
        script = f"set -e; {exports}; {items[task]['script']}"
        subprocess.run(["bash", "-c", script], cwd="/", env={**environment, **more}, check=True)

    for task in ("prepare", "jules", "collect"):
        run(task)
    summary = json.loads((tmp_path / "share" / "swap" / "run_summary.json").read_text(encoding="utf-8"))
    assert summary["status"] == "done"
    assert (tmp_path / "share" / "swap" / "opt" / "rose-app-jules_ml.conf").is_file()
    shards = [
        subprocess.Popen(
            ["bash", "-c", f"{exports}; {items['members<shard>']['script']}"],
            env={**environment, "CYLC_TASK_PARAM_shard": str(k)},
        )
        for k in range(1, 5)
    ]
    assert [shard.wait() for shard in shards] == [0, 0, 0, 0]
    run("gather")
    manifest = json.loads((tmp_path / "share" / "members" / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["members"], manifest["done"]) == (16, 16)
