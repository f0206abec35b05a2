"""The soil column as a component of the Basic Model Interface: CSDMS's tester, and a coupling to another component.

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

from _claims import REPOSITORY, Claims, argument_parser

DAYS = 3


def experiment(folder: Path, data: Path) -> Path:
    """The Loobos example of the documentation for some days."""
    text = (REPOSITORY / "docs" / "examples" / "loobos.toml").read_text(encoding="utf-8")
    path = folder / "loobos.toml"
    path.write_text(text.replace("[run]\n", f"[run]\nend = 1997-01-{DAYS:02d}T23:00:00\n"), encoding="utf-8")
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
    return claims.finish()


if __name__ == "__main__":
    raise SystemExit(main())
