"""Variables of ``predictions.nc`` that are common to all kinds, and the reading of older files with other names.

Every file has ``observed``, ``predicted``, ``lower``, ``upper`` and ``split``; other variables depend on the kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from jules_ml.data.netcdffile import read_netcdf
from jules_ml.errors import BadInput
from jules_ml.learned.checksums import REMEDY, check_file
from jules_ml.learned.contents import check_predictions, contents_of
from jules_ml.learned.store import PREDICTIONS, read_module_folder
from jules_ml.scoring.splits import SPLIT_NAMES

#: Attributes of ``split``, a flag variable of the CF conventions.
SPLIT_ATTRIBUTES: Final[Mapping[str, Any]] = {
    "long_name": "use of the row in the fit",
    "flag_values": np.arange(len(SPLIT_NAMES), dtype=np.int8),
    "flag_meanings": " ".join(SPLIT_NAMES),
}

#: Current name of each variable by its name in older folders (package version 0.1.0, before all kinds had the same names).
_OLD_NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "respiration": {
        "measured": "observed",
        "modelled": "predicted",
        "low": "lower",
        "high": "upper",
        "part": "split",
        "held_out": "cross_validated",
        "nee_measured": "nee_observed",
        "nee_modelled": "nee_predicted",
        "nee_part": "nee_split",
    },
    "moisture": {"measured": "observed", "modelled": "predicted", "low": "lower", "high": "upper", "part": "split"},
    "hydraulics": {"learned": "predicted", "low": "lower", "high": "upper", "test": "split"},
    "carbon": {
        "low": "lower",
        "high": "upper",
        "bulk_density_at_low": "bulk_density_at_lower",
        "bulk_density_at_high": "bulk_density_at_upper",
    },
}
#: Old flags that were 1 for the test period; the current flag 1 is ``validation``.
_TEST_WAS_ONE: Final = {"respiration": ("part", "nee_part"), "hydraulics": ("test",)}


def prediction_variables(
    dims: str | tuple[str, ...],
    *,
    observed: ArrayLike,
    predicted: ArrayLike,
    lower: ArrayLike,
    upper: ArrayLike,
    split: ArrayLike,
    quantity: str,
    interval: str,
    attributes: Mapping[str, str],
) -> dict[str, tuple[Any, ...]]:
    """Create the variables common to all kinds, for :class:`xarray.Dataset`.

    Parameters
    ----------
    dims : str or tuple of str
        Dimensions of all five variables.
    observed, predicted, lower, upper : array
        Observation, prediction, and the ends of its interval.
    split : array of int
        Flags of :meth:`jules_ml.scoring.splits.Split.flags`.
    quantity : str
        Predicted quantity, for ``long_name``.
    interval : str
        Kind of interval, for ``long_name``: ``"90 % interval of an observation"``.
    attributes : mapping of str to str
        Further attributes of the first four variables, including ``units``.

    Returns
    -------
    dict of str to tuple
    """
    quantities = {
        "observed": (observed, f"{quantity}, observed"),
        "predicted": (predicted, f"{quantity}, predicted"),
        "lower": (lower, f"{quantity}, lower end of the {interval}"),
        "upper": (upper, f"{quantity}, upper end of the {interval}"),
    }
    variables: dict[str, tuple[Any, ...]] = {
        name: (dims, np.asarray(values), {**attributes, "long_name": long_name})
        for name, (values, long_name) in quantities.items()
    }
    return variables | {"split": (dims, np.asarray(split, dtype=np.int8), dict(SPLIT_ATTRIBUTES))}


def read_predictions(folder: str | Path, *, kind: str) -> xr.Dataset:
    """Read the predictions in a module folder.

    Parameters
    ----------
    folder : str or Path
    kind : str
        Expected kind of module, such as ``"respiration"``.

    Returns
    -------
    xarray.Dataset
        In memory, with the current names for every version of the folder.

    Raises
    ------
    BadInput
        As :func:`~jules_ml.learned.store.read_module_folder`; if the predictions are missing or damaged.
    """
    _, card = read_module_folder(folder, kind=kind)
    path = Path(folder) / PREDICTIONS
    if not path.is_file():
        raise BadInput("there is no such file", where=path, remedy="fit the module again")
    check_file(card, path)
    predictions = read_netcdf(path, kind="the predictions of a module")
    try:
        predictions = _with_common_names(xr.decode_cf(predictions), kind)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise BadInput(f"the file is damaged ({error})", where=path, remedy=REMEDY) from error
    check_predictions(contents_of(kind), predictions, path)
    return predictions


def _with_common_names(predictions: xr.Dataset, kind: str) -> xr.Dataset:
    """Rename the variables of an older folder to the current names."""
    names = _OLD_NAMES.get(kind, {})
    if "split" in predictions or not set(names) & set(predictions.variables):
        return predictions
    for name in _TEST_WAS_ONE.get(kind, ()):
        if name in predictions:
            flags = np.where(predictions[name].to_numpy() == 1, SPLIT_NAMES.index("test"), 0).astype(np.int8)
            predictions = predictions.assign({name: (predictions[name].dims, flags, dict(SPLIT_ATTRIBUTES))})
    predictions = predictions.rename({old: new for old, new in names.items() if old in predictions})
    if kind == "carbon":
        flags = np.where(np.isfinite(predictions["observed"].to_numpy()), *map(SPLIT_NAMES.index, ("test", "unused")))
        predictions = predictions.assign(split=("site", flags.astype(np.int8), dict(SPLIT_ATTRIBUTES)))
    return predictions
