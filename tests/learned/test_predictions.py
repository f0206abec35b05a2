"""Predictions in module folders have one set of names for every version."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from helpers.module_folders import seal, write_smallest

from jules_ml.errors import BadInput
from jules_ml.learned.contents import NUMBERS, TEXT, TIMES, Variable, contents_of
from jules_ml.learned.predictions import prediction_variables, read_predictions
from jules_ml.scoring.splits import Split

VALUES = np.array([1.0, 2.0, np.nan])
#: Dimensions of the predictions of each kind.
DIMS = {"respiration": ("row",), "moisture": ("row",), "carbon": ("site",), "hydraulics": ("day", "sensor")}
OF_TYPE = {
    NUMBERS: np.full(3, 0.5),
    TEXT: np.array(["a", "b", "c"]),
    TIMES: np.full(3, np.datetime64("2001-01-01", "ns")),
}


def of_type(variable: Variable) -> Any:
    """Values of the dimensions and the type of a variable, each of size three."""
    return np.broadcast_to(OF_TYPE[variable.types], (3,) * len(variable.dims))


def folder_with(path: Path, kind: str, variables: Mapping[str, tuple[Any, ...]], renamed: Collection[str] = ()) -> Path:
    """Module folder with these predictions, and all others that its kind needs but for those of another name."""
    contents = contents_of(kind)
    assert contents is not None
    others = {
        name: (variable.dims, of_type(variable))
        for name, variable in contents.predictions.items()
        if variable.required and name not in (*variables, *renamed)
    }
    return write_smallest(path, kind, xr.Dataset({**others, **variables}))


def test_common_variables_are_read_as_they_were_written(tmp_path: Path) -> None:
    split = Split(*(np.arange(3) == k for k in range(3)))
    variables = prediction_variables(
        "row",
        observed=VALUES,
        predicted=VALUES + 0.5,
        lower=VALUES - 1.0,
        upper=VALUES + 1.0,
        split=split.flags(),
        quantity="water content",
        interval="90 % interval of an observation",
        attributes={"units": "m3 m-3"},
    )
    back = read_predictions(folder_with(tmp_path / "module", "moisture", variables), kind="moisture")
    assert [name for name in back.data_vars if name in variables] == list(variables)
    assert back["upper"].attrs == {
        "units": "m3 m-3",
        "long_name": "water content, upper end of the 90 % interval of an observation",
    }
    assert back["split"].to_numpy().tolist() == [0, 1, 2]
    assert back["split"].dtype == np.int8
    np.testing.assert_array_equal(back["predicted"], VALUES + 0.5)


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        (
            "respiration",
            ("measured", "modelled", "low", "high", "part", "held_out", "nee_part"),
            ("observed", "predicted", "lower", "upper", "split", "cross_validated", "nee_split"),
        ),
        (
            "moisture",
            ("measured", "modelled", "low", "high", "part"),
            ("observed", "predicted", "lower", "upper", "split"),
        ),
        (
            "hydraulics",
            ("observed", "learned", "low", "high", "test"),
            ("observed", "predicted", "lower", "upper", "split"),
        ),
        (
            "carbon",
            ("observed", "predicted", "low", "high", "bulk_density_at_low"),
            ("observed", "predicted", "lower", "upper", "bulk_density_at_lower"),
        ),
    ],
)
def test_names_of_older_folders_are_converted(
    kind: str, old: tuple[str, ...], new: tuple[str, ...], tmp_path: Path
) -> None:
    flags = {"part", "nee_part", "test"}
    shape = (3, 1)[: len(DIMS[kind])]
    variables = {
        name: (DIMS[kind], (np.array([0, 1, 1], dtype=np.int8) if name in flags else VALUES + k).reshape(shape))
        for k, name in enumerate(old)
    }
    back = read_predictions(folder_with(tmp_path / "module", kind, variables, new), kind=kind)
    assert set(new) <= set(back.data_vars)
    assert not set(old) - set(new) & set(back.data_vars)
    for k, (before, after) in enumerate(zip(old, new, strict=True)):
        if before not in flags:
            np.testing.assert_array_equal(back[after].to_numpy().ravel(), VALUES + k)
    # 1 was the test period, except for soil moisture, whose flags are unchanged; carbon had no flags
    expected = {"moisture": [0, 1, 1], "carbon": [2, 2, 3]}.get(kind, [0, 2, 2])
    assert back["split"].to_numpy().ravel().tolist() == expected
    assert back["split"].dtype == np.int8


def test_a_folder_without_predictions_is_refused(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "module", "carbon", {})
    (folder / "predictions.nc").unlink()
    with pytest.raises(BadInput, match="no such file") as caught:
        read_predictions(folder, kind="carbon")
    assert caught.value.remedy == "fit the module again"


def test_damaged_predictions_are_refused(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "module", "carbon", {})
    (folder / "predictions.nc").write_bytes(b"not netCDF")
    with pytest.raises(BadInput, match="checksum"):
        read_predictions(folder, kind="carbon")
    seal(folder)
    with pytest.raises(BadInput, match="not netCDF"):
        read_predictions(folder, kind="carbon")
