"""Outcome of attacks on module folders: what loading, reading the predictions and exporting do with a changed folder."""

from __future__ import annotations

import hashlib
import shutil
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from torch import Tensor, nn

from helpers.module_attacks import EXECUTED, Attack
from jules_ml.errors import BadInput
from jules_ml.learned.contents import contents_of
from jules_ml.learned.kind import kind_of
from jules_ml.learned.predictions import read_predictions
from jules_ml.learned.uses import export_of

#: ``clear``: refused by a message; ``harmless``: the same module; the others are faults.
Outcome = Literal["clear", "harmless", "silent", "outside", "executed", "traceback"]
#: Export of each kind.
EXPORTS = {"respiration": "curves", "hydraulics": "ancillary", "moisture": "prescribed", "carbon": "initial"}


def use(folder: Path, kind: str, out: Path) -> dict[str, str]:
    """Use a module folder in every way that needs no record, and return digests of the results."""
    module, _ = kind_of(kind).load(folder)
    contents = contents_of(kind)
    assert contents is not None
    required = [name for name, variable in contents.predictions.items() if variable.required]
    predictions = read_predictions(folder, kind=kind)
    files = export_of(EXPORTS[kind]).write(folder, out).files
    return {
        "module": _digest(_parts(module)),
        "predictions": _digest({name: predictions[name].to_numpy() for name in required}),
        "files": _digest(sorted(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)),
    }


def outcome_of(attack: Attack, folder: Path, kind: str, expected: Mapping[str, str], work: Path) -> tuple[Outcome, str]:
    """Change a copy of a folder, use it, and classify the result, with its message."""
    name, change = attack
    shutil.rmtree(work, ignore_errors=True)
    copy, out = work / "in" / "side" / "module", work / "in" / "side" / "out"
    shutil.copytree(folder, copy)
    out.mkdir()
    change(copy)
    before = _files(work, out)
    try:
        result = use(copy, kind, out)
    except BadInput as error:
        outcome: tuple[Outcome, str] = ("clear", str(error))
    except BaseException:
        return "traceback", f"{name}: {traceback.format_exc()}"
    else:
        different = [key for key, value in result.items() if value != expected[key]]
        harmless = not different or (name.startswith("site name") and "module" not in different)
        outcome = ("harmless", "") if harmless else ("silent", f"{name}: {', '.join(different)}")
    if (copy / EXECUTED).exists():
        return "executed", name
    if _files(work, out) != before or Path("/tmp/jules_ml_evil.nc").exists():
        return "outside", name
    return outcome


def _files(work: Path, out: Path) -> set[Path]:
    return {path for path in work.rglob("*") if not path.is_relative_to(out)}


def _parts(module: Any) -> Any:
    if isinstance(module, nn.Module):
        # the networks of the curves of respiration are kept, and not used
        return {name: value for name, value in module.state_dict().items() if not name.startswith("networks.")}
    if hasattr(module, "members"):
        return [dict(member.state_dict()) for member in module.members]
    return module


def _digest(value: Any) -> str:
    return hashlib.sha256(repr(_plain(value)).encode("utf-8", "replace")).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in sorted(value.items(), key=lambda item: str(item[0]))}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Tensor):
        value = value.numpy()
    if isinstance(value, np.ndarray):
        return (
            value.shape,
            str(value.dtype),
            value.tobytes() if value.dtype != object else [str(x) for x in value.ravel()],
        )
    if isinstance(value, pd.Timestamp):
        return str(value)
    return value
