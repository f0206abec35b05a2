"""The soil column as a component of the Basic Model Interface: CSDMS's tester, semantics, many columns, adapters, and a coupling.

Run as ``python benchmarks/bmi.py [--quick]``.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import _bmi
from _claims import REPOSITORY, Claims, argument_parser

DAYS = 10
COLUMNS = 1000


def semantics(claims: Claims, path: Path) -> None:
    """Pointers, restart and the coupled mode."""
    by_pointer, by_value = _bmi.rain_by_pointer_and_by_value(path)
    claims.check(
        "7.2 mm of rain by pointer and by set_value, difference", abs(by_pointer - by_value), "<=", 0.0, unit="kg m-2",
        note=f"{by_value:.2f} kg m-2 reach the soil",
    )  # fmt: skip
    claims.check("bytes that differ after a restart from a file", _bmi.bytes_that_differ_after_restart(path), "<=", 0)
    difference = _bmi.difference_coupled(path)
    claims.check(f"coupled without a record, {DAYS} days, relative difference", difference, "<=", 1e-10)
    name = f"coupled with JULES's land surface, {DAYS} days, relative difference"
    if claims.quick:
        claims.not_measured(name, "<=", 1e-10, why="takes long")
    else:
        claims.check(name, _bmi.difference_coupled(_bmi.with_land_surface(path)), "<=", 1e-10)


def columns(claims: Claims, path: Path) -> None:
    """Cost of many columns in one instance."""
    days, rounds = (2, 5) if claims.quick else (DAYS - 1, 11)
    cost = _bmi.cost_of_columns(path, columns=COLUMNS, days=days, rounds=rounds)
    for mode, name in (("record", "in one instance"), ("coupled", "in one coupled instance")):
        claims.check(
            f"cost of {COLUMNS} columns {name}, of the batched column", cost[mode] / cost["batched"], "<=", 1.05,
            note=f"{cost[mode]:.3f} ms a step, {cost['batched']:.3f} of the batched column",
        )  # fmt: skip
        claims.check(
            f"cost of {COLUMNS} columns {name}, of the batched column by single steps", cost[mode] / cost["stepwise"], "<=", 1.05,
            note=f"{cost['stepwise']:.3f} ms a single step, its weather copied",
        )  # fmt: skip


def adapters(claims: Claims, path: Path) -> None:
    """Runs in frameworks that are installed."""
    name = f"{{}}, {DAYS} days, relative difference from the column"
    claims.check(name.format("conventions of ngen"), _bmi.difference_ngen(path), "<=", 1e-10)
    if importlib.util.find_spec("finam") is None:
        claims.not_measured(name.format("FINAM"), "<=", 1e-10, why="FINAM is not installed")
    else:
        claims.check(name.format("FINAM"), _bmi.difference_finam(path), "<=", 1e-10)
    for framework in ("unifhy", "eWaterCycle"):
        claims.not_measured(name.format(framework), "<=", 1e-10, why=run_by_hand(framework))


def run_by_hand(framework: str) -> str:
    """Versions and date of the last run of a framework's test, from the table of the documentation."""
    table = (REPOSITORY / "docs" / "frameworks.md").read_text(encoding="utf-8")
    row = next(line for line in table.splitlines() if line.startswith(f"| {framework} |"))
    versions, date = (cell.strip() for cell in row.split("|")[2:4])
    installed = "" if importlib.util.find_spec(framework.lower()) is None else "; installed here: run tests/frameworks"
    return f"by hand in tests/frameworks, {date}, with {versions}{installed}"


def experiment(folder: Path, data: Path) -> Path:
    """The Loobos example of the documentation for some days."""
    text = (REPOSITORY / "docs" / "examples" / "loobos.toml").read_text(encoding="utf-8")
    path = folder / "loobos.toml"
    text = text.replace("mean_over = 48\n", f"mean_over = 1\ncompiled = false\nend = 1997-01-{DAYS:02d}T23:00:00\n")
    path.write_text(text, encoding="utf-8")
    shutil.copyfile(data / "jules" / "loobos_inputs" / "Loobos_1997.dat", folder / "Loobos_1997.dat")
    return path


def main() -> int:
    options = argument_parser(__doc__).parse_args()
    claims = Claims("bmi", quick=options.quick)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = experiment(folder, options.data)
        tester = shutil.which("bmi-test", path=str(Path(sys.executable).parent))
        if tester is None:
            claims.not_measured("bmi-tester, tests that fail", "<=", 0, why="bmi-tester is not installed")
        else:
            command = [tester, "jules_ml.frameworks.bmi:SoilColumnBmi", "--config-file", path.name, "--root-dir", "."]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            report = done.stdout + done.stderr
            passed, failed = (sum(map(int, re.findall(rf"(\d+) {word}", report))) for word in ("passed", "failed"))
            claims.check(
                "bmi-tester, tests that fail", failed if done.returncode == 0 else max(failed, 1), "<=", 0,
                note=f"{passed} pass",
            )  # fmt: skip
        example = REPOSITORY / "docs" / "examples" / "couple_groundwater.py"
        spec = importlib.util.spec_from_file_location(example.stem, example)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        balance = module.couple(str(path))
        lost = abs(balance["baseflow"] + balance["stored"] - balance["drainage"]) / balance["drainage"]
        claims.check("water lost between two coupled components, relative", lost, "<=", 1e-9)
        semantics(claims, path)
        columns(claims, path)
        adapters(claims, path)
    return claims.finish()


if __name__ == "__main__":
    raise SystemExit(main())
