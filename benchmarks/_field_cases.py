"""What the checks of the cases share: a command and its text, and a record that is read or refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import xarray as xr
from typer.testing import CliRunner

from jules_ml.cli.application import app
from jules_ml.errors import BadInput
from jules_ml.experiment import load_experiment

#: Exit code of a command that refuses its input.
REFUSED = 2


@dataclass(frozen=True)
class Done:
    """Exit code of a command, and all that it printed on one line."""

    code: int
    text: str

    def faults(self, code: int, *words: str) -> list[str]:
        """Return what is wrong with the command: another exit code, or words that it did not print."""
        wrong = [] if self.code == code else [f"exit code {self.code}: {self.text[-200:]}"]
        return wrong + [f"does not print {word!r}: {self.text[-300:]}" for word in words if word not in self.text]


def command(*arguments: str | Path) -> Done:
    """Run a command of ``jules-ml``; an exception other than a refusal is an exit code of 1 with its name."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    unexpected = done.exception if not isinstance(done.exception, SystemExit | None) else None
    return Done(done.exit_code, re.sub(r"\s+", " ", f"{done.output} {unexpected!r}" if unexpected else done.output))


def record_or_refusal(file: Path) -> xr.Dataset | str:
    """Return the record of an experiment file, or the text of its refusal."""
    try:
        return load_experiment(file).record()
    except BadInput as error:
        return f"{error.where}: {error.problem}. {error.remedy}"


def differ(name: str, value: object, right: object) -> list[str]:
    """Return a list with one fault if a value is not the right one."""
    return [] if value == right else [f"{name} is {value}, not {right}"]
