"""Module folders: weights, card, scores, predictions and figures of a learned module, without pickles."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from jules_ml.errors import BadInput
from jules_ml.learned.card import CARD as _CARD
from jules_ml.learned.card import Entries, read_card
from jules_ml.learned.card_versions import CARD_VERSION, FIRST_WITH_CHECKSUMS, current_card
from jules_ml.learned.checksums import CHECKSUMS, REMEDY, check_card, check_file, with_checksums
from jules_ml.learned.contents import check_card_entries, check_weights, contents_of
from jules_ml.learned.model_verdict import VERDICT
from jules_ml.support.cf import write_dataset
from jules_ml.support.output_folder import Contents, replaced_folder

#: Prefix of the weights of photosynthesis in a respiration module.
ASSIMILATION_PREFIX = "assimilation."
_WEIGHTS, _SCORES = "model.safetensors", "scores.json"
#: File of observations and predictions.
PREDICTIONS = "predictions.nc"
#: Files that define a module.
MODULE_FILES = (_WEIGHTS, _CARD)
#: Contents of module and evaluation folders; a folder with anything else is not replaced.
_RESULTS = (_SCORES, VERDICT, PREDICTIONS, "figures", "report.html")
MODULE: Final = Contents("a module", (_CARD,), (*_RESULTS, _WEIGHTS, _CARD, "experiment.toml", "soil.toml"))
EVALUATION: Final = Contents("an evaluation", (_SCORES, VERDICT), (*_RESULTS, "runs"))


def write_module_folder(
    folder: Path,
    *,
    state: Mapping[str, Tensor],
    card: Mapping[str, Any],
    scores: Mapping[str, Any],
    predictions: xr.Dataset,
) -> Path:
    """Write a module folder atomically.

    Parameters
    ----------
    folder : Path
        A new folder, an empty one, or an older module folder, which is replaced.
    state : mapping of str to Tensor
        ``state_dict`` of the module.
    card, scores : mapping
        Contents of ``card.json`` and ``scores.json``; NaN becomes null.
    predictions : xarray.Dataset
        Observed and predicted values.

    Raises
    ------
    BadInput
        If the folder contains other files, or cannot be written.
    """
    with replaced_folder(folder, MODULE) as staged:
        staging = staged.path
        (staging / "figures").mkdir()
        save_file({name: value.detach().contiguous().clone() for name, value in state.items()}, staging / _WEIGHTS)
        (staging / _WEIGHTS).chmod(0o644)
        _write_json(staging / _SCORES, scores)
        write_predictions(predictions, staging / PREDICTIONS, kind=str(card.get("kind", "")))
        content = _plain({key: value for key, value in card.items() if key != CHECKSUMS})
        files = [staging / name for name in (_WEIGHTS, _SCORES, PREDICTIONS)]
        _write_json(staging / _CARD, with_checksums({"card_version": CARD_VERSION, **content}, files))
    return folder


def write_predictions(predictions: xr.Dataset, path: Path, *, kind: str = "") -> None:
    """Write observed and predicted values of a module as a file of the CF conventions."""
    of_kind = f" of learned {kind}" if kind else ""
    write_dataset(predictions, path, title=f"observations and predictions{of_kind}", history="jules-ml fit or evaluate")


def write_evaluation_folder(folder: Path, *, scores: Mapping[str, Any], predictions: xr.Dataset) -> Path:
    """Write an evaluation folder atomically: scores, predictions, and an empty folder for figures.

    Parameters
    ----------
    folder : Path
        A new folder, an empty one, or an older evaluation folder, which is replaced.
    scores : mapping
        Content of ``scores.json``; NaN becomes null.
    predictions : xarray.Dataset
        Observed and predicted values.

    Raises
    ------
    BadInput
        If the folder contains a module or other files, or cannot be written.
    """
    with replaced_folder(folder, EVALUATION) as staged:
        (staged.path / "figures").mkdir()
        _write_json(staged.path / _SCORES, scores)
        write_predictions(predictions, staged.path / PREDICTIONS)
    return folder


def refuse_other_files(folder: Path) -> None:
    """Refuse an output folder of a module with other files, before a long computation starts.

    Parameters
    ----------
    folder : Path
        A new folder, an empty one, or an older module folder.

    Raises
    ------
    BadInput
        If the folder contains other files.
    """
    MODULE.refuse_others(folder)


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json_text(content), encoding="utf-8")


def json_text(content: Mapping[str, Any]) -> str:
    """Convert a mapping to JSON text; NaN becomes null."""
    return json.dumps(_plain(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def read_module_folder(folder: str | Path, *, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the weights and the card of a module folder.

    Parameters
    ----------
    folder : str or Path
    kind : str
        Expected kind of module, such as ``"respiration"``.

    Returns
    -------
    state : dict of str to Tensor
    card : dict

    Raises
    ------
    BadInput
        If the folder contains no module, or one of another kind or an unknown version; if a file is damaged, was changed or belongs to
        another module; if an entry of the card or the weights do not match the kind.
    """
    card_path, weights = Path(folder) / _CARD, Path(folder) / _WEIGHTS
    card = _checked_card(card_path, kind)
    if not weights.is_file():
        raise BadInput("there is no such file", where=weights, remedy="give a folder that 'jules-ml fit' wrote")
    check_file(card, weights)
    try:
        state = load_file(weights)
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise BadInput("the file is damaged", where=weights, remedy=REMEDY) from error
    check_weights(contents_of(kind), card, state, weights)
    return state, Entries(card, str(card_path))


def _checked_card(path: Path, kind: str) -> dict[str, Any]:
    """Read the card of a kind, and convert it to the current version."""
    card = read_card(path)
    try:
        current = current_card(card)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BadInput(
            f"the file is damaged (of version {card.get('card_version')})", where=path, remedy=REMEDY
        ) from error
    if current is None:
        raise BadInput(
            f"the card has version {str(card.get('card_version'))[:40]}, which this version of jules_ml cannot read",
            where=path,
            remedy="read it with the version of jules_ml that wrote it, or fit the module again with this version",
        )
    if current.get("module") != kind:
        raise BadInput(
            f"the folder contains a module of kind {str(current.get('module'))[:40]}",
            where=path,
            remedy=f"give a folder with a module of kind {kind}",
        )
    check_card(card, path, required=card["card_version"] >= FIRST_WITH_CHECKSUMS)
    check_card_entries(contents_of(kind), current, path)
    return current


def _plain(value: Any) -> Any:
    """Convert a value to JSON types: without NaN, tuples and NumPy scalars."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
