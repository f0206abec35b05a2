"""The folder of a learned module: weights, card, scores, predictions, figures. No pickles."""

from __future__ import annotations

import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from jules_ml.errors import BadInput
from jules_ml.learned.card_versions import CARD_VERSION, current_card

#: What weights of photosynthesis are named by, beside those of respiration.
ASSIMILATION_PREFIX = "assimilation."
_WEIGHTS, _CARD, _SCORES = "model.safetensors", "card.json", "scores.json"
#: File of observations and predictions.
PREDICTIONS = "predictions.nc"
#: Files that make a module what it is.
MODULE_FILES = (_WEIGHTS, _CARD)
#: What a folder of ours may hold; anything else is somebody's, and is not replaced.
_OURS = {_WEIGHTS, _CARD, _SCORES, PREDICTIONS, "figures", "experiment.toml", "soil.toml"}


def write_module_folder(
    folder: Path,
    *,
    state: Mapping[str, Tensor],
    card: Mapping[str, Any],
    scores: Mapping[str, Any],
    predictions: xr.Dataset,
) -> Path:
    """Write a module folder, whole or not at all.

    Parameters
    ----------
    folder : Path
        A new folder, an empty one, or an older module folder, which is replaced.
    state : mapping of str to Tensor
        What the module's ``state_dict`` gave.
    card, scores : mapping
        What is to be said of it, for JSON; NaN becomes null.
    predictions : xarray.Dataset
        Observed and predicted.

    Raises
    ------
    BadInput
        If the folder holds something else, or cannot be written.
    """
    with _whole_folder(folder, mark=_CARD) as beside:
        save_file({name: value.detach().contiguous().clone() for name, value in state.items()}, beside / _WEIGHTS)
        (beside / _WEIGHTS).chmod(0o644)
        _write_json(beside / _CARD, {"card_version": CARD_VERSION, **card})
        _write_json(beside / _SCORES, scores)
        predictions.to_netcdf(beside / PREDICTIONS, engine="netcdf4")
    return folder


def write_evaluation_folder(folder: Path, *, scores: Mapping[str, Any], predictions: xr.Dataset) -> Path:
    """Write the folder of an evaluation, whole or not at all: scores, predictions, and an empty folder for figures.

    Raises
    ------
    BadInput
        If the folder holds something else, or cannot be written.
    """
    if (folder / _CARD).exists():
        raise BadInput("the folder holds a module", where=folder, remedy="give a new folder for the scores with --out")
    with _whole_folder(folder, mark=_SCORES) as beside:
        _write_json(beside / _SCORES, scores)
        predictions.to_netcdf(beside / PREDICTIONS, engine="netcdf4")
    return folder


def refuse_foreign(folder: Path, *, mark: str = _CARD) -> None:
    """Refuse a place where something else than an older folder of this kind stands: before the long work, not after.

    Parameters
    ----------
    folder : Path
        A new folder, an empty one, or an older one of this kind.
    mark : str
        File that tells an older one; that of a module unless given.

    Raises
    ------
    BadInput
        If the folder holds anything else.
    """
    others = {path.name for path in folder.iterdir()} - _OURS if folder.is_dir() else set()
    foreign = folder.is_dir() and bool(others or (any(folder.iterdir()) and not (folder / mark).is_file()))
    if foreign or (folder.exists() and not folder.is_dir()):
        raise BadInput(
            "there is something else in this place already", where=folder, remedy="give a new folder with --out"
        )


@contextmanager
def _whole_folder(folder: Path, *, mark: str) -> Iterator[Path]:
    """Give a folder beside ``folder`` that takes its place once the block has ended well; ``mark`` tells an older one."""
    refuse_foreign(folder, mark=mark)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".writing-"))
    except OSError as error:
        raise BadInput(
            f"the folder cannot be written ({error.strerror})",
            where=folder.parent,
            remedy="give another folder with --out",
        ) from error
    try:
        (beside / "figures").mkdir()
        yield beside
        beside.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(beside, folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json_text(content), encoding="utf-8")


def json_text(content: Mapping[str, Any]) -> str:
    """Give what is to be said as JSON, which knows no NaN: it becomes null."""
    return json.dumps(_plain(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def module_kind(folder: str | Path) -> str:
    """Say which module a folder holds, as ``"respiration"``.

    Parameters
    ----------
    folder : str or Path

    Raises
    ------
    BadInput
        If the folder is none of a module, or its card is damaged.
    """
    path = Path(folder) / _CARD
    if not path.is_file():
        raise BadInput("there is no such file", where=path, remedy="give a folder that 'jules-ml fit' wrote")
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["module"])
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise BadInput("the file is damaged", where=path, remedy="fit the module again") from error


def read_module_folder(folder: str | Path, *, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read weights and card of a module folder.

    Parameters
    ----------
    folder : str or Path
    kind : str
        Module that is wanted, as ``"respiration"``.

    Returns
    -------
    state : dict of str to Tensor
    card : dict

    Raises
    ------
    BadInput
        If the folder is none of a module, of another module, of another version, or damaged.
    """
    folder = Path(folder)
    card_path, weights = folder / _CARD, folder / _WEIGHTS
    for path in (card_path, weights):
        if not path.is_file():
            raise BadInput("there is no such file", where=path, remedy="give a folder that 'jules-ml fit' wrote")
    try:
        card = json.loads(card_path.read_text(encoding="utf-8"))
        state = load_file(weights)
    except (json.JSONDecodeError, UnicodeDecodeError, SafetensorError) as error:
        raise BadInput("the file is damaged", where=folder, remedy="fit the module again") from error
    try:
        current = current_card(card)
    except (KeyError, TypeError, AttributeError) as error:
        raise BadInput("the file is damaged", where=card_path, remedy="fit the module again") from error
    if current is None:
        raise BadInput(
            f"the card is of version {card.get('card_version')}",
            where=card_path,
            remedy="fit the module again with this version",
        )
    if current.get("module") != kind:
        raise BadInput(
            f"the folder holds a module of {current.get('module')}", where=card_path, remedy=f"give one of {kind}"
        )
    return state, current


def _plain(value: Any) -> Any:
    """For JSON: no NaN, no tuples, no NumPy scalars."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
