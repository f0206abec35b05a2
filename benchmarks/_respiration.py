"""What the benchmark of respiration does: cross-validation, sites left out, recovery of known curves, a year at Loobos."""

from __future__ import annotations

import json
import tomllib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.cosore import cosore_datasets, read_cosore
from jules_ml.data.table import read_table
from jules_ml.data.table_spec import TableSpec
from jules_ml.errors import BadInput
from jules_ml.modules.respiration import MOISTURE_NODES, TEMPERATURE_NODES
from jules_ml.modules.respiration_settings import RespirationSettings, RowSettings
from jules_ml.physics.respiration import KAPS, T_REFERENCE, fsth, ftemp_q10
from jules_ml.training.baselines import Baseline, baselines, boosting
from jules_ml.training.held_out import outer_folds
from jules_ml.training.levels import LEVEL_DAYS, level_of, level_prior
from jules_ml.training.likelihood import fit_noise
from jules_ml.training.respiration import ConcurvityWarning, Learned, learn_respiration
from jules_ml.training.rows import MIN_ROWS, Rows, select_rows
from jules_ml.training.scores import r_squared

#: Rows that a baseline is fitted to at most: its few numbers need no more, and boosting and the spline take their time.
BASELINE_ROWS = 8000
#: Records shorter than this are left out, and named.
LEAST_SPAN = pd.Timedelta(days=182)
#: Nothing is dropped but what has no value: rows as the claims have them.
EVERY_ROW = RowSettings(
    night_max_potential=None, night_max_ppfd=5.0, frozen_below=None, stuck_after=None, least_flux=None, most_flux=None
)
HYYTIALA = """
site = "FI-Hyy"
latitude = 61.85
longitude = 24.29
utc_offset_hours = 2.0
stamp_at = "start"
interval = "30min"
columns.NEE = {variable = "nee", unit = "umol m-2 s-1", quality = {column = "NEE_QC", measured = [0], filled = [1, 2]}}
columns.USTAR = {variable = "ustar", unit = "m s-1"}
columns.TA = {variable = "t_air", unit = "degC"}
columns.TS_A = {variable = "t_soil", unit = "degC", depth = nan}
columns.TS_B = {variable = "t_soil", unit = "degC", depth = nan}
columns.RH = {variable = "relative_humidity", unit = "%"}
columns.PAR = {variable = "ppfd", unit = "umol m-2 s-1"}
columns.SWC_B = {variable = "theta", unit = "m3 m-3", depth = nan}
"""

_Array = NDArray[np.float64]


def hyytiala(folder: Path) -> xr.Dataset:
    """Half-hours of Hyytiälä, 2016 to 2020."""
    path = folder / "respiration" / "fi_hyy_2016_2020_30min.parquet"
    return read_table(path, TableSpec.model_validate(tomllib.loads(HYYTIALA)))


def every_baseline(wilting: float) -> dict[str, Baseline]:
    """All baselines, boosting too."""
    return {**baselines(wilting), "boosting": boosting}


@dataclass(frozen=True, eq=False)
class CrossValidated:
    """Predictions of rows by models that have not seen them: learned, with interval, and every baseline."""

    rows: Rows
    predicted: dict[str, _Array]
    low: _Array
    high: _Array
    weights: tuple[float, ...]

    @property
    def known(self) -> NDArray[np.bool_]:
        """Rows that were held out once."""
        return np.isfinite(self.predicted["learned"])

    def r2(self) -> dict[str, float]:
        """R² of each form on the rows held out."""
        return {
            name: r_squared(values[self.known], self.rows.flux[self.known]) for name, values in self.predicted.items()
        }

    def coverage(self) -> float:
        """Share of observations within their interval."""
        inside = (self.rows.flux >= self.low) & (self.rows.flux <= self.high)
        return float(inside[self.known].mean())


def cross_validate(rows: Rows, settings: RespirationSettings, *, folds: int | None = None) -> CrossValidated:
    """Hold out each outer fold in turn; ``folds`` takes the first few only."""
    fold = outer_folds(rows)
    names = [name for name in np.unique(fold) if name >= 0][:folds]
    forms = every_baseline(settings.wilting)
    predicted = {name: np.full(len(rows), np.nan) for name in ("learned", *forms)}
    low, high = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    weights = []
    for name in names:
        test = fold == name
        train, scored = rows.take(~test), rows.take(test)
        learned = quietly(train, settings)
        predicted["learned"][test] = learned.predict(scored)
        low[test], high[test] = learned.interval(scored)
        weights.append(learned.validation.weight)
        few = train.take(np.arange(0, len(train), max(1, -(-len(train) // BASELINE_ROWS))))
        for form, fit in forms.items():
            predict = fit(few.t_soil, few.wetness, few.group, few.flux)
            predicted[form][test] = predict(scored.t_soil, scored.wetness, scored.group)
    return CrossValidated(rows, predicted, low, high, tuple(weights))


def quietly(rows: Rows, settings: RespirationSettings) -> Learned:
    """Learn without being told of collinearity, which is looked at elsewhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConcurvityWarning)
        return learn_respiration(rows, settings)


def cosore_rows(path: Path) -> Iterator[tuple[str, str, Rows | str]]:
    """Rows of each set and flux of COSORE, or why there are none: too few, too short, or refused."""
    for name in cosore_datasets(path).index:
        ds = read_cosore(path, name, utc_offset_hours=0.0)
        for flux, target in (("Rs", "soil"), ("Rh", "heterotrophic")):
            if RespirationSettings(target=target).flux not in ds:
                continue
            try:
                rows = select_rows(ds, RespirationSettings(target=target, rows=EVERY_ROW))
            except BadInput as refusal:
                yield name, flux, refusal.problem
                continue
            span = rows.time[-1] - rows.time[0]
            yield name, flux, rows if span >= LEAST_SPAN else f"{span.days} days, less than six months"


def daily_rows(rows: Rows) -> Rows:
    """Daily means of the rows of one site."""
    day = rows.middle.floor("D")
    table = pd.DataFrame({"flux": rows.flux, "t_soil": rows.t_soil, "theta": rows.theta, "wetness": rows.wetness})
    means = table.groupby(np.asarray(day)).mean()
    index = pd.DatetimeIndex(means.index)
    return replace(
        rows,
        **{name: means[name].to_numpy() for name in means},
        group=np.zeros(len(means), dtype=np.int64),
        site=np.zeros(len(means), dtype=np.int64),
        time=index,
        middle=index,
    )


def joined(parts: list[Rows], wetness: str) -> Rows:
    """Rows of several sites as one; ``wetness`` is ``relative``, or ``theta`` for water content itself."""
    sites = tuple(part.sites[0] for part in parts)
    number = np.concatenate([np.full(len(part), k, dtype=np.int64) for k, part in enumerate(parts)])

    def wet(part: Rows) -> _Array:
        if wetness == "theta":
            return part.theta
        dry, full = np.quantile(part.theta, [0.01, 0.99])
        return np.clip((part.theta - dry) / (full - dry), 0.0, 1.0)

    time = pd.DatetimeIndex(np.concatenate([part.time for part in parts]))
    return Rows(
        flux=np.concatenate([part.flux for part in parts]),
        t_soil=np.concatenate([part.t_soil for part in parts]),
        theta=np.concatenate([part.theta for part in parts]),
        wetness=np.concatenate([wet(part) for part in parts]),
        group=number,
        groups=sites,
        site=number,
        sites=sites,
        time=time,
        middle=time,
        porosity=dict.fromkeys(sites, 0.5),
        dry=dict.fromkeys(sites, 0.0),
    )


def leave_sites_out(parts: list[Rows], wetness: str, *, sites: int | None = None) -> pd.DataFrame:
    """Hold out each site in turn, its level taken from its first thirty days by every form in the same way.

    Returns
    -------
    DataFrame
        One row a day scored: ``site``, ``measured``, and each form's prediction.
    """
    settings = RespirationSettings(
        target="soil", moisture="theta" if wetness == "theta" else "relative", rows=EVERY_ROW
    )
    frames = []
    for k, held_out in enumerate(parts[:sites]):
        train, test = joined(parts[:k] + parts[k + 1 :], wetness), joined([held_out], wetness)
        learned = quietly(train, settings)
        curves = learned.module
        x_train, x_test = learned.inputs(train), learned.inputs(test)
        with torch.no_grad():
            shapes = {"learned": tuple((curves.f(x[0]) * curves.g(x[1])).numpy() for x in (x_train, x_test))}
        scale = _site_means(train)
        for name in ("Lloyd-Taylor", "spline"):
            predict = every_baseline(settings.wilting)[name](
                train.t_soil, train.wetness, train.group, train.flux / scale
            )
            shapes[name] = tuple(predict(r.t_soil, r.wetness, np.zeros(len(r), dtype=np.int64)) for r in (train, test))
        first = np.asarray(test.time < test.time[0] + pd.Timedelta(days=LEVEL_DAYS))
        frame = pd.DataFrame({"site": held_out.sites[0], "measured": test.flux})
        for name, (of_train, of_test) in shapes.items():
            prior = level_prior(train, of_train)
            frame[name] = prior.level(level_of(of_test[first], test.flux[first])) * of_test
        frames.append(frame[~first])
    return pd.concat(frames)


def _site_means(rows: Rows) -> _Array:
    return (np.bincount(rows.site, rows.flux) / np.bincount(rows.site))[rows.site]


@dataclass(frozen=True)
class Recovery:
    """How a known curve came back: relative RMS error, and share of its range inside the band."""

    rms: float
    inside: float


def recover(rows: Rows, settings: RespirationSettings, seed: int) -> tuple[Recovery, Recovery]:
    """Learn from fluxes made of JULES's own f and g at the rows' water and temperature, with errors like the rows' own."""
    made, _ = made_rows(rows, settings, seed)
    learned = quietly(made, settings)
    s = MOISTURE_NODES
    true_f = fsth(s, torch.tensor(settings.wilting).double(), torch.ones(()).double(), pools=1).numpy()
    there = float(np.interp(float(learned.module.reference), s, true_f))
    band_f, band_g = learned.module.curve_f(), learned.module.curve_g()
    return (
        _recovery(band_f, true_f / there, rows.wetness),
        _recovery(band_g, ftemp_q10(TEMPERATURE_NODES).numpy(), rows.t_soil),
    )


def made_rows(rows: Rows, settings: RespirationSettings, seed: int) -> tuple[Rows, _Array]:
    """Rows whose flux is JULES's, with errors as large and as heavy-tailed as the measured ones; and the flux without errors."""
    wilt, one = torch.tensor(settings.wilting).double(), torch.ones(()).double()
    shape = fsth(torch.tensor(rows.wetness), wilt, one, pools=1) * ftemp_q10(torch.tensor(rows.t_soil))
    level = rows.flux.mean() / float(shape.mean())
    flux = level * shape.numpy()
    predict = every_baseline(settings.wilting)["spline"](rows.t_soil, rows.wetness, rows.group, rows.flux)
    fitted = predict(rows.t_soil, rows.wetness, rows.group)
    noise = fit_noise(fitted, rows.flux - fitted)
    rng = np.random.default_rng(seed)
    # the mean absolute value of Laplace's distribution is its scale
    return replace(rows, flux=flux + noise.scale(flux) * rng.laplace(size=len(rows))), flux


def _recovery(band: object, truth: _Array, data: _Array) -> Recovery:
    x, median, low, high = (getattr(band, name).numpy() for name in ("x", "median", "low", "high"))
    inside = (x >= np.quantile(data, 0.05)) & (x <= np.quantile(data, 0.95))
    error = median[inside] / truth[inside] - 1.0
    covered = (truth[inside] >= low[inside] - 1e-9) & (truth[inside] <= high[inside] + 1e-9)
    return Recovery(float(np.sqrt(np.mean(error**2))), float(covered.mean()))


def collinear_rows(rows: Rows) -> Rows:
    """Rows whose water follows from their temperature."""
    warm = (rows.t_soil - rows.t_soil.min()) / np.ptp(rows.t_soil)
    return replace(rows, wetness=0.9 - 0.6 * warm, theta=0.5 * (0.9 - 0.6 * warm))


def year_at_loobos(
    folder: Path, f: Callable[[torch.Tensor], torch.Tensor], g: Callable[[torch.Tensor], torch.Tensor]
) -> _Array:
    """Soil carbon through 1997 at Loobos with given curves, at JULES's wetness and temperature, and JULES's litter [kg m-2].

    Respiration takes the state at the end of the step before, as JULES does.
    """
    name = json.loads((folder / "loobos_settings.json").read_text(encoding="utf-8"))["gl4"]
    with xr.open_dataset(folder / "loobos_1997_gl4_30min.nc") as ds:
        top = ds.isel(soil=0).squeeze(drop=True)
        wetness, t_soil = (torch.tensor(top[key].to_numpy()).double() for key in ("sthu", "t_soil"))
        carbon = float(ds["cs"].isel(time=0).sum())
        jules = KAPS * ds["cs"].squeeze().to_numpy() * ds["fsth"].isel(soil=0).squeeze().to_numpy()
    assert name["soil_bgc_model"] == 1
    rate = (KAPS * 1800.0 * f(wetness) * g(t_soil)).numpy()
    litter = float(np.nanmean(jules)) * 1800.0  # what JULES respires at g of one: a litter that would hold its carbon
    course = np.empty(len(rate))
    for step, part in enumerate(rate):
        carbon += litter - part * carbon
        course[step] = carbon
    return course


def reference_of(learned: Learned) -> tuple[float, float]:
    """f at its reference and g at 282.4 K of the median curves, which are to be one."""
    with torch.no_grad():
        f = learned.module.f(learned.module.reference.reshape(1))
        g = learned.module.g(torch.tensor([T_REFERENCE], dtype=torch.float64))
    return float(f), float(g)


def left_out(rows: Rows) -> bool:
    """Whether a record of daily means is too short to be scored."""
    return len(rows) < MIN_ROWS
