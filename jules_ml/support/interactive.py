"""Time series that the reader of a report can zoom into. The page needs no network: it contains the library that draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from jules_ml.support.figures import BLUE

if TYPE_CHECKING:
    from bokeh.plotting import figure as Plot

#: Most values of a line. A longer one is shown as means over the first of these periods [d] that makes it short enough.
_MOST: Final = 2500
_PERIODS: Final = (1, 5, 10, 30, 90, 365)
#: Most panels in a report, which keep it below a few megabytes.
_MOST_PANELS: Final = 9
#: A step that is so many times the median step is a gap, in which no line and no band is drawn.
_GAP: Final = 3.0
_HEIGHT: Final = 240


@dataclass(frozen=True)
class Line:
    """Time series of a panel.

    Attributes
    ----------
    name : str
        Label in the legend.
    values : Series
        By time (DatetimeIndex, UTC).
    colour : str
    points : bool
        Draw points instead of a line, as for observations that are no regular series.
    """

    name: str
    values: pd.Series
    colour: str
    points: bool = False


@dataclass(frozen=True)
class Band:
    """Interval that is shaded: its label, and its ends by time."""

    name: str
    lower: pd.Series
    upper: pd.Series
    colour: str = BLUE


@dataclass(frozen=True)
class Panel:
    """Lines with one axis: title, unit, and the lines from the back to the front."""

    title: str
    unit: str
    lines: Sequence[Line]
    bands: Sequence[Band] = ()

    @property
    def series(self) -> list[pd.Series]:
        """All series of the panel."""
        return [line.values for line in self.lines] + [end for band in self.bands for end in (band.lower, band.upper)]


@dataclass(frozen=True)
class Interactive:
    """Parts of a page: the library, which a page needs once, the script of the plots, their place, and a caption."""

    library: str
    script: str
    place: str
    caption: str


def interactive(panels: Sequence[Panel]) -> Interactive | None:
    """Make plots of time series that share the time axis.

    Parameters
    ----------
    panels : sequence of Panel
        Those without values, or with another calendar than the Gregorian one, are left out.

    Returns
    -------
    Interactive or None
        None if no panel is left.
    """
    usable = [panel for panel in panels if _is_usable(panel)][:_MOST_PANELS]
    if not usable:
        return None
    from bokeh.embed import components
    from bokeh.layouts import column
    from bokeh.resources import Resources

    plots: list[Any] = []
    periods = set()
    for panel in usable:
        days = _period(panel.series)
        periods.add(days)
        plots.append(_plot(panel, days, plots[0].x_range if plots else None))
    script, place = components(column(plots, sizing_mode="stretch_width"))
    means = ", ".join(f"{days} d" for days in sorted(days for days in periods if days))
    caption = (
        "Drag to move along time, select a box to enlarge it, click on an entry of the legend to hide it; the first button on the right "
        f"shows everything again.{f' Long series are shown as means over {means}.' if means else ''} Times are UTC."
    )
    # without the library's own last line, which writes to the console that it sets the level of its messages
    code = f"{Resources(mode='inline', components=['bokeh']).js_raw[0]}\nBokeh.logger.set_level('error');"
    return Interactive(f"<script>{code}</script>", script, place, caption)


def _is_usable(panel: Panel) -> bool:
    series = panel.series
    return all(isinstance(each.index, pd.DatetimeIndex) for each in series) and any(
        each.notna().any() for each in series
    )


def _period(series: Sequence[pd.Series]) -> int:
    """Period over which the series of a panel are averaged [d]; 0 if they are shown as they are."""
    if max(len(each) for each in series) <= _MOST:
        return 0
    first, last = (
        min(each.index[0] for each in series if len(each)),
        max(each.index[-1] for each in series if len(each)),
    )
    days = (last - first) / pd.Timedelta(days=1)
    return next((period for period in _PERIODS if days / period <= _MOST), _PERIODS[-1])


def thinned(series: pd.Series, days: int) -> pd.Series:
    """Values of a series, or their means over periods, with a missing value in each gap.

    Parameters
    ----------
    series : Series
        By time; the times may be irregular.
    days : int
        Length of the periods [d]; 0 keeps all values.

    Returns
    -------
    Series
    """
    series = series.sort_index()
    if days:
        series = series.resample(f"{days}D").mean().dropna()
    at = _gaps(series.index)
    gaps = pd.Series(np.nan, index=series.index[at] + (series.index[at + 1] - series.index[at]) / 2)
    return pd.concat([series, gaps]).sort_index() if len(gaps) else series


def _gaps(times: pd.Index) -> Any:
    """Positions of the times before a gap."""
    steps = np.diff(times.to_numpy())
    return np.flatnonzero(steps > _GAP * np.median(steps)) if len(steps) > 1 else np.zeros(0, int)


def band_areas(band: Band, days: int) -> tuple[list[Any], list[Any]]:
    """Outlines of the areas of a band between its gaps, because an area of Bokeh is shaded across missing values.

    Parameters
    ----------
    band : Band
    days : int
        Length of the periods of the means [d]; 0 keeps all values.

    Returns
    -------
    tuple of list of ndarray
        Times and values of each outline.
    """
    ends = pd.DataFrame({"lower": thinned(band.lower, days), "upper": thinned(band.upper, days)}).dropna()
    xs, ys = [], []
    for first, last in pairwise([0, *(_gaps(ends.index) + 1), len(ends)]):
        part = ends.iloc[first:last]
        times = part.index.to_numpy()
        xs.append(np.concatenate([times, times[::-1]]))
        ys.append(np.concatenate([_values(part["lower"]), _values(part["upper"])[::-1]]))
    return xs, ys


def _plot(panel: Panel, days: int, x_range: Any) -> Plot:
    from bokeh.models.annotations.legends import Legend
    from bokeh.models.tools import HoverTool
    from bokeh.plotting import figure

    shared = {} if x_range is None else {"x_range": x_range}
    plot = figure(
        height=_HEIGHT,
        sizing_mode="stretch_width",
        x_axis_type="datetime",
        title=panel.title,
        tools="reset,box_zoom,xpan,xwheel_zoom",
        active_drag="xpan",
        **shared,
    )
    entries: list[tuple[str, list[Any]]] = []
    for band in panel.bands:
        xs, ys = band_areas(band, days)
        area = plot.patches(xs=xs, ys=ys, fill_color=band.colour, fill_alpha=0.25, line_color=None)
        entries.append((band.name, [area]))
    for line in panel.lines:
        values = thinned(line.values, days)
        place = {"x": values.index.to_numpy(), "y": _values(values), "name": line.name}
        drawn = (
            plot.scatter(size=3, color=line.colour, **place)
            if line.points
            else plot.line(line_width=1.3, color=line.colour, **place)
        )
        entries.append((line.name, [drawn]))
    plot.add_tools(
        HoverTool(
            tooltips=[("", "$name"), ("", "@x{%F %H:%M}"), ("", f"@y{{0.000a}} {panel.unit}")],
            formatters={"@x": "datetime"},
        )
    )
    plot.add_layout(
        Legend(items=entries, orientation="horizontal", click_policy="hide", border_line_color=None), "above"
    )
    plot.yaxis.axis_label = panel.unit
    plot.toolbar.logo = None
    return plot


def _values(series: pd.Series) -> Any:
    """Values in single precision, half the size of the page."""
    return series.to_numpy(dtype=np.float32)
