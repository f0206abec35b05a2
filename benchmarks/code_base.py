"""The code base: imports, start of the command line, sizes, and results that must not differ from those of another commit.

With ``--before COMMIT`` the same runs are made with the code of that commit, in a worktree of its own, and compared bit by bit: a year
at Loobos, the demonstration at CH-Dav, and module folders written by that commit and read by this one. The runs take ten minutes.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from _claims import REPOSITORY, Claims, argument_parser
from _sizes import function_sizes

PROGRAM = "from jules_ml.cli import main; main()"
#: Prints the curves of a folder of learned respiration, and the soil of one of hydraulics, with the code that is on the path.
CURVES = """
import sys, torch
{load}
module = load_respiration(sys.argv[1])[0]
s, t = torch.linspace(0, 1, 501, dtype=torch.float64), torch.linspace(230, 320, 901, dtype=torch.float64)
with torch.no_grad():
    values = torch.cat([module.f(s), module.g(t), module.level.flatten()])
sys.stdout.buffer.write(values.numpy().tobytes())
"""
SOIL = """
import sys, torch
{load}
network = load_hydraulics(sys.argv[1])[0]
inputs = [dict(zip(network.inputs, values)) for values in ((20.0, 283.0, 900.0), (60.0, 278.0, 1500.0))]
with torch.no_grad():
    values = network(torch.tensor(input_table(inputs, network.inputs)))
sys.stdout.buffer.write(values.numpy().tobytes())
"""
#: Where the code of the commit has these functions, before the packages were moved.
OLD = {
    "curves": "from jules_ml.coupling.learned_curves import load_respiration",
    "soil": "from jules_ml.fitting.hydraulics import load_hydraulics; from jules_ml.modules.hydraulics import input_table",
}
NEW = {
    "curves": "from jules_ml.learned.respiration.store import load_respiration",
    "soil": "from jules_ml.learned.hydraulics.store import load_hydraulics; "
    "from jules_ml.learned.hydraulics.network import input_table",
}


def check_imports(claims: Claims) -> None:
    """Contracts of import-linter, and modules of torch that reading an experiment loads."""
    linter = shutil.which("lint-imports", path=str(Path(sys.executable).parent)) or "lint-imports"
    report = subprocess.run([linter], cwd=REPOSITORY, capture_output=True, text=True, check=False).stdout
    summary = re.search(r"(\d+) kept, (\d+) broken", report)
    broken = float(summary[2]) if summary else float("nan")
    claims.check("import contracts broken (layers, cycles, kinds, torch, netCDF)", broken, "<=", 0.0)
    traced = [sys.executable, "-X", "importtime", "-c", "import jules_ml.experiment"]
    lines = subprocess.run(traced, cwd=REPOSITORY, capture_output=True, text=True, check=True).stderr.splitlines()
    torch = sum(line.rpartition("|")[2].strip().partition(".")[0] == "torch" for line in lines)
    claims.check("modules of torch that 'import jules_ml.experiment' loads", torch, "<=", 0.0)


def check_start(claims: Claims, data: Path, runs: int = 5) -> None:
    """Processor time of the answer to a misspelt key and of ``--help``."""
    with tempfile.TemporaryDirectory() as folder:
        path = loobos_experiment(Path(folder), data)
        path.write_text(path.read_text(encoding="utf-8").replace("albsoil", "albsoill"), encoding="utf-8")
        typo = [cpu_seconds("run", str(path), "--out", str(Path(folder) / "out")) for _ in range(runs)]
    claims.check("answer to a misspelt key, CPU, median of 5", float(np.median(typo)), "<=", 1.2, unit="s")
    page = [cpu_seconds("--help") for _ in range(runs)]
    claims.check("jules-ml --help, CPU, median of 5", float(np.median(page)), "<=", 0.4, unit="s")


def cpu_seconds(*typed: str) -> float:
    """Processor time of one call of the command line [s]."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", PROGRAM, *typed], cwd=REPOSITORY, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def check_sizes(claims: Claims) -> None:
    """Longest function, in lines of code, and longest file of package, tests and benchmarks."""
    files = [path for folder in ("jules_ml", "tests", "benchmarks") for path in (REPOSITORY / folder).rglob("*.py")]
    texts = [path.read_text(encoding="utf-8") for path in files]
    longest = max(lines for text in texts for _, lines in function_sizes(text))
    claims.check("longest function", longest, "<=", 60.0, unit="lines of code")
    claims.check("longest file", max(len(text.splitlines()) for text in texts), "<=", 400.0, unit="lines")


def check_results(claims: Claims, commit: str, data: Path, years: int) -> None:
    """Compare runs and module folders of another commit with those of this checkout, bit by bit."""
    with tempfile.TemporaryDirectory() as name, worktree(commit) as old:
        folder = Path(name)
        experiment = loobos_experiment(folder, data)
        for code, tree in (("old", old), ("new", REPOSITORY)):
            jules_ml(tree, "run", str(experiment), "--out", str(folder / code / "loobos"), "--quiet")
            jules_ml(tree, "demo", "--years", str(years), "--out", str(folder / code / "demo"), "--quiet")
        for label, file in (
            ("year at Loobos", "loobos/column.nc"),
            (f"CH-Dav, {years} years", "demo/column.nc"),
            (f"CH-Dav with learned respiration, {years} years", "demo/column_learned.nc"),
        ):
            count = differing_variables(folder / "old" / file, folder / "new" / file)
            claims.check(f"{label}: variables that differ in any bit", count, "<=", 0.0)
        respiration = folder / "old" / "demo" / "modules" / "respiration"
        check_folder(claims, "respiration", respiration, CURVES, "curves", old)
        program = f"import sys; sys.path.insert(0, {str(old / 'tests')!r})\n" + (
            f"from pathlib import Path; from module_folders import write_soils; write_soils(Path({str(folder / 'soils')!r}))"
        )
        output(old, program)
        check_folder(claims, "hydraulics", folder / "soils", SOIL, "soil", old)


def check_folder(claims: Claims, kind: str, folder: Path, program: str, loader: str, old: Path) -> None:
    """Compare what a module folder of the other commit gives with its own code and with this one's."""
    values = [
        np.frombuffer(output(tree, program.format(load=imports[loader]), str(folder)))
        for tree, imports in ((old, OLD), (REPOSITORY, NEW))
    ]
    same = len(values[0]) == len(values[1])
    count = int((values[0] != values[1]).sum()) if same else max(map(len, values))
    claims.check(f"{kind} folder of that commit: values that differ", count, "<=", 0.0)


@contextlib.contextmanager
def worktree(commit: str) -> Iterator[Path]:
    """Check a commit out into a folder of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "before"
        subprocess.run(["git", "worktree", "add", "--detach", str(folder), commit], cwd=REPOSITORY, check=True)
        try:
            yield folder
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(folder)], cwd=REPOSITORY, check=True)


def jules_ml(tree: Path, *typed: str) -> None:
    """Run the command line with the code of a folder."""
    output(tree, PROGRAM, *typed)


def output(tree: Path, program: str, *typed: str) -> bytes:
    """Run a program with the code of a folder, and give what it prints."""
    environment = os.environ | {"PYTHONPATH": str(tree)}
    done = subprocess.run(
        [sys.executable, "-c", program, *typed], cwd=tree, env=environment, capture_output=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr.decode()[-2000:])
    return done.stdout


def differing_variables(first: Path, second: Path) -> int:
    """Count the variables of the first file that are missing or different in the second."""
    with xr.open_dataset(first, decode_times=False) as old, xr.open_dataset(second, decode_times=False) as new:
        return sum(
            name not in new.variables or old[name].to_numpy().tobytes() != new[name].to_numpy().tobytes()
            for name in old.variables
        )


def loobos_experiment(folder: Path, data: Path) -> Path:
    """Write the example of Loobos beside its driving file."""
    shutil.copy(data / "jules" / "loobos_inputs" / "Loobos_1997.dat", folder)
    path = folder / "loobos.toml"
    shutil.copy(REPOSITORY / "docs" / "examples" / "loobos.toml", path)
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write the claims."""
    parser = argument_parser(__doc__)
    parser.add_argument("--before", metavar="COMMIT", help="commit whose results are compared; not measured without")
    parser.add_argument("--years", type=int, default=10, help="years of the demonstration")
    options = parser.parse_args(arguments)
    claims = Claims("code_base", quick=options.quick)
    check_imports(claims)
    check_start(claims, options.data)
    check_sizes(claims)
    if options.before is None or options.quick:
        claims.not_measured("results of another commit, bit by bit", why="give --before COMMIT, without --quick")
    else:
        check_results(claims, options.before, options.data, options.years)
    return claims.finish()


if __name__ == "__main__":
    sys.exit(main())
