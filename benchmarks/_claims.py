"""Claims of a benchmark beside measured values: printed, written to a file, and a failure where one is missed."""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

REPOSITORY = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"

Comparison = Literal["<=", ">="]
Verdict = Literal["pass", "MISS", "not measured", "reported"]


@dataclass(frozen=True)
class Claim:
    """One line of a benchmark's result.

    ``verdict`` is ``reported`` where there is no target, and ``not measured`` where there is no value; ``note`` then says why.
    """

    name: str
    measured: float | None
    comparison: Comparison | None
    target: float | None
    unit: str
    verdict: Verdict
    note: str

    def line(self) -> str:
        """Text of the claim, as printed."""
        value = "-" if self.measured is None else f"{self.measured:.4g} {self.unit}".strip()
        target = "-" if self.target is None else f"{self.comparison} {self.target:.4g}"
        return f"{self.name:<58} {value:>16}  {target:>10}  {self.verdict}" + (f"  ({self.note})" if self.note else "")


class Claims:
    """The claims of one benchmark.

    Parameters
    ----------
    name : str
        Name of the benchmark, and of its file in ``benchmarks/results``.
    quick : bool
        A shortened run: its numbers are printed and not written.
    """

    def __init__(self, name: str, *, quick: bool) -> None:
        self.name = name
        self.quick = quick
        self._claims: list[Claim] = []

    def check(
        self, name: str, measured: float, comparison: Comparison, target: float, *, unit: str = "", note: str = ""
    ) -> None:
        """Compare a measured value with its target; NaN is a miss."""
        met = measured <= target if comparison == "<=" else measured >= target
        self._add(Claim(name, float(measured), comparison, target, unit, "pass" if met else "MISS", note))

    def check_whole(
        self, name: str, measured: float, comparison: Comparison, target: float, *, unit: str = "", note: str = ""
    ) -> None:
        """Compare a measured value with its target; not measured in a quick run, whose data are not complete."""
        if self.quick:
            self.not_measured(name, comparison, target, why="needs the complete data and training")
        else:
            self.check(name, measured, comparison, target, unit=unit, note=note)

    def report(self, name: str, measured: float, *, unit: str = "", note: str = "") -> None:
        """Record a measured value that has no target."""
        self._add(Claim(name, float(measured), None, None, unit, "reported", note))

    def not_measured(
        self, name: str, comparison: Comparison | None = None, target: float | None = None, *, why: str
    ) -> None:
        """Record that a claim could not be measured here, and why."""
        self._add(Claim(name, None, comparison, target, "", "not measured", why))

    def lacks(self, variables: Iterable[str], name: str) -> bool:
        """Whether an environment variable of a benchmark is not set; the claims, under this name, are then not measured."""
        absent = [variable for variable in variables if variable not in os.environ]
        if absent:
            self.not_measured(name, why=f"{', '.join(absent)} not set")
        return bool(absent)

    def keep_others(self, measured: str) -> None:
        """Take over the claims of the earlier result file, but for those whose names start with ``measured``."""
        file = RESULTS / f"{self.name}.json"
        if not self.quick and file.is_file():
            earlier = json.loads(file.read_text(encoding="utf-8"))["claims"]
            self._claims += [Claim(**each) for each in earlier if not each["name"].startswith(measured)]

    def finish(self) -> int:
        """Write the result file, unless the run was quick, and return the exit code: 1 if any claim was missed."""
        if not self.quick:
            write_beside(RESULTS / f"{self.name}.json", json.dumps(self._document(), indent=2) + "\n")
        return int(any(claim.verdict == "MISS" for claim in self._claims))

    def _add(self, claim: Claim) -> None:
        self._claims.append(claim)
        print(claim.line(), flush=True)

    def _document(self) -> dict[str, object]:
        claims = [asdict(claim) for claim in self._claims]
        for claim in claims:
            if claim["measured"] is not None and not math.isfinite(claim["measured"]):
                claim["measured"] = None  # JSON has no NaN
        return {"benchmark": self.name, "environment": environment(), "claims": claims}


def environment() -> dict[str, str]:
    """Versions and processor of the measurement; no names of hosts, users or folders."""
    packages = ("torch", "numpy", "xarray", "jules_ml")
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
        "system": platform.system(),
        "machine": platform.machine(),
        "cpu": _cpu_model(),
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or "unknown"


def write_beside(path: Path, text: str) -> None:
    """Write a text file atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(beside, 0o644)
        os.replace(beside, path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def argument_parser(description: str | None) -> argparse.ArgumentParser:
    """Parser with the options of every benchmark; a benchmark adds its own."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a shortened run, printed and not written")
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("JULES_ML_DATA", REPOSITORY.parent / "shared" / "data")),
        help="folder of real records (default: the environment variable JULES_ML_DATA, or shared/data beside the checkout)",
    )
    return parser
