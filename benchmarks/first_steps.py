"""First steps of a user: lines of TOML, commands and refusals from a file to learned curves, and from a JULES folder to a swap.

Each file is taken from an empty folder by ``jules-ml init`` and ``jules-ml fit``, with what init wrote unchanged. The records are real:
those that are shared, and their values in the formats of other readers. Run as ``python benchmarks/first_steps.py [--quick]``.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from _claims import REPOSITORY, Claims, argument_parser
from _first_files import FILES, QUICK
from typer.testing import CliRunner

sys.path.insert(0, str(REPOSITORY / "tests"))
from helpers.loobos_folder import write_loobos_folder

from jules_ml.cli import app
from jules_ml.starters import n_lines

MOST_LINES, MOST_COMMANDS, MOST_FOR_A_SWAP = 10, 5, 3


@dataclass
class Steps:
    """Commands of a user in a folder: how many, and which were refused."""

    folder: Path
    n_commands: int = 0
    refused: list[str] = field(default_factory=list)

    def run(self, *arguments: str) -> None:
        """Run a command of jules-ml as a user types it."""
        self.n_commands += 1
        with contextlib.chdir(self.folder):
            result = CliRunner().invoke(app, [*arguments, "--quiet"])
        if result.exit_code != 0:
            text = " ".join(result.output.split()) or repr(result.exception)
            self.refused.append(f"jules-ml {' '.join(arguments)}: {text}")
            print(self.refused[-1])


def to_curves(files: list[Path], folder: Path) -> tuple[Steps, int]:
    """Take files of a user to learned curves; return the commands and the lines of TOML."""
    steps = Steps(folder)
    steps.run("init", "respiration", "--from", *(file.name for file in files), "--out", "tower")
    steps.run("fit", "respiration", "tower/experiment.toml", "--out", "modules/tower")
    steps.run("export", "modules/tower", "--to", "curves", "--out", "curves")
    experiment = folder / "tower" / "experiment.toml"
    return steps, n_lines(experiment.read_text(encoding="utf-8")) if experiment.is_file() else -1


def curve_claims(claims: Claims, data: Path) -> Path | None:
    """Claims of every file; return the module of the first, for the swap."""
    first: Path | None = None
    totals = Steps(Path())
    most_lines, most_commands, n_curves = 0, 0, 0
    chosen: dict[str, Callable[[Path, Path], list[Path]]] = {
        name: FILES[name] for name in (QUICK if claims.quick else FILES)
    }
    for name, write in chosen.items():
        folder = Path(tempfile.mkdtemp(prefix="first_steps_"))
        steps, lines = to_curves(write(data, folder), folder)
        claims.check(f"{name}: lines of TOML", lines, "<=", MOST_LINES)
        totals.refused += steps.refused
        most_lines, most_commands = max(most_lines, lines), max(most_commands, steps.n_commands)
        curves = folder / "curves"
        n_curves += int((curves / "fsth.nml").is_file() and (curves / "ftemp.nml").is_file())
        if first is None:
            first = folder / "modules" / "tower"
        else:
            shutil.rmtree(folder)
    claims.check("commands from a file to curve tables, most of the files", most_commands, "<=", MOST_COMMANDS)
    claims.check("refusals over all files", len(totals.refused), "<=", 0)
    claims.check("files whose curves were learned", n_curves, ">=", len(chosen))
    return first


def swap_claims(claims: Claims, data: Path, module: Path) -> None:
    """Claims of a run folder of JULES, with a module that exists."""
    folder = Path(tempfile.mkdtemp(prefix="first_steps_"))
    write_loobos_folder(data, "colvg", folder / "loobos")
    steps = Steps(folder)
    steps.run("init", "jules", "--from", "loobos", "--module", str(module), "--out", "swap")
    steps.run("run", "swap/swap.toml", "--prepare")
    table = tomllib.loads((folder / "swap" / "swap.toml").read_text(encoding="utf-8"))
    prepared = (folder / "loobos_swap" / "submit.sh").is_file() and "respiration" in table["modules"]
    claims.check("commands from a JULES folder to a prepared swap", steps.n_commands, "<=", MOST_FOR_A_SWAP)
    claims.check("refusals on the way to the swap", len(steps.refused), "<=", 0)
    claims.check("swaps that were prepared", int(prepared), ">=", 1)
    shutil.rmtree(folder)


def main() -> int:
    """Measure all claims."""
    arguments = argument_parser(__doc__).parse_args()
    claims = Claims("first_steps", quick=arguments.quick)
    if not (arguments.data / "respiration").is_dir():
        claims.not_measured("first steps", why=f"no records in {arguments.data}")
        return claims.finish()
    module = curve_claims(claims, arguments.data.resolve())
    if module is not None and module.is_dir():
        swap_claims(claims, arguments.data.resolve(), module)
        shutil.rmtree(module.parents[1])
    return claims.finish()


if __name__ == "__main__":
    sys.exit(main())
