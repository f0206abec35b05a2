"""What the predictions of every kind have in common."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from helpers.conventions import check_conventions


def check_common_names(path: Path, *, units: str) -> None:
    """Check the five variables that every file of predictions has, with their attributes."""
    check_conventions(path)
    with xr.open_dataset(path) as predictions:
        for name in ("observed", "predicted", "lower", "upper"):
            assert predictions[name].attrs["units"] == units
            assert predictions[name].attrs["long_name"]
            assert predictions[name].dims == predictions["split"].dims
        assert predictions["split"].dtype == np.int8
        assert predictions["split"].attrs["flag_values"].tolist() == [0, 1, 2, 3]
        assert predictions["split"].attrs["flag_meanings"] == "train validation test unused"
        known = predictions["lower"].notnull()
        assert bool((predictions["lower"] <= predictions["upper"]).where(known, True).all())
        old = {"measured", "modelled", "learned", "low", "high", "part", "test", "held_out"}
        assert not old & set(predictions.variables)
