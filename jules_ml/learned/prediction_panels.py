"""Interactive time series of the predictions in an output folder, for its report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from jules_ml.learned.store import PREDICTIONS
from jules_ml.support.figures import BLACK, BLUE, GREY, ORANGE, VERMILION
from jules_ml.support.interactive import Band, Line, Panel

#: Lines besides the prediction: name of the variable, label and colour.
_OTHERS: Final = (("prior", "prior", ORANGE), ("jules", "JULES", ORANGE), ("texture", "texture regression", ORANGE))


def prediction_panels(folder: Path) -> list[Panel]:
    """Make a panel for each site or sensor with observations in ``predictions.nc``.

    Parameters
    ----------
    folder : Path
        Output folder of a fit, an evaluation or a calibration.

    Returns
    -------
    list of Panel
        Empty if the predictions are not time series, or there are none.
    """
    path = folder / PREDICTIONS
    if not path.is_file():
        return []
    with xr.open_dataset(path) as opened:
        predictions = opened.load()
    if not {"observed", "predicted"} <= set(predictions.variables):
        return []
    dims = predictions["observed"].dims
    if dims == ("row",) and "time" in predictions:
        return list(_of_rows(predictions))
    return list(_of_columns(predictions, dims[1])) if dims[:1] == ("day",) and "start" in predictions else []


def _of_rows(predictions: xr.Dataset) -> Iterator[Panel]:
    times = pd.DatetimeIndex(predictions["time"].to_numpy())
    sites = predictions["site"].to_numpy().astype(str) if "site" in predictions else np.full(len(times), "")
    for site in dict.fromkeys(sites):
        rows = np.flatnonzero(sites == site)
        yield _panel(
            predictions.isel(row=rows), times[rows], site, str(predictions["observed"].attrs.get("units", "1"))
        )


def _of_columns(predictions: xr.Dataset, dim: str) -> Iterator[Panel]:
    """Panels of files with days and sensors or series, whose first days are those of their sites."""
    for number in range(predictions.sizes[dim]):
        one = predictions.isel({dim: number})
        if "sensor_site" in predictions:
            one = one.isel(site=int(one["sensor_site"]))
        start = pd.Timestamp(str(one["start"].to_numpy()))
        times = pd.date_range(start, periods=one.sizes["day"], freq="1D") + pd.Timedelta(days=1)
        units = str(one["units"].item()) if "units" in one.coords else str(one["observed"].attrs.get("units", "1"))
        depth = float(one["depth"]) if "depth" in one.variables else np.nan
        parts = [str(one["site"].item())]
        parts += [str(one["variable"].item())] if "variable" in one.coords else []
        parts += [] if np.isnan(depth) else [f"{depth:g} m"]
        if bool(one["observed"].notnull().any()):
            yield _panel(one, times, ", ".join(parts), units)


def _panel(predictions: xr.Dataset, times: pd.DatetimeIndex, title: str, units: str) -> Panel:
    def series(name: str, where: Any = True) -> pd.Series:
        return pd.Series(np.where(where, predictions[name].to_numpy(), np.nan), index=times)

    test = _in_test(predictions)
    lines = [Line(label, series(name), colour) for name, label, colour in _OTHERS if name in predictions]
    lines.append(Line("predicted", series("predicted"), VERMILION))
    observed = (
        [("observed", GREY, ~test), ("observed, test", BLACK, test)] if test.any() else [("observed", BLACK, ~test)]
    )
    lines += [
        Line(name, series("observed", part), colour, points=True) for name, colour, part in observed if part.any()
    ]
    bands = [Band("interval", series("lower"), series("upper"), BLUE)] if "lower" in predictions else []
    return Panel(title, units, [_without_gaps(line) for line in lines], bands)


def _without_gaps(line: Line) -> Line:
    """Points without missing values, which need no place in the page."""
    return Line(line.name, line.values.dropna(), line.colour, line.points) if line.points else line


def _in_test(predictions: xr.Dataset) -> Any:
    """Whether each value is in the test period; none where the file has no splits, or all values are."""
    if "split" not in predictions:
        return np.zeros(predictions["observed"].shape, dtype=bool)
    split = predictions["split"]
    flags = dict(
        zip(
            str(split.attrs.get("flag_meanings", "")).split(),
            np.atleast_1d(split.attrs.get("flag_values", [])),
            strict=False,
        )
    )
    return split.to_numpy() == flags.get("test", -99)
