"""Stages of a long benchmark, from whose results an interrupted run is continued."""

from __future__ import annotations

import argparse
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def kept(folder: Path | None, name: str, make: Callable[[], Any]) -> Any:
    """Load the result of a stage of an interrupted run, or compute and store it."""
    if folder is None:
        return make()
    path = folder / f"{name}.pkl"
    if path.is_file():
        return pickle.loads(path.read_bytes())  # written by this function
    result = make()
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(result))
    return result


def say(line: str) -> None:
    """Print a line on the progress."""
    print(line, file=sys.stderr, flush=True)


def keep_option(arguments: argparse.ArgumentParser) -> None:
    """Add the option that names the folder."""
    arguments.add_argument("--keep", type=Path, help="folder for the stages of a run, from which a later one goes on")
