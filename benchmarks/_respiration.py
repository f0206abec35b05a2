"""Parts of the benchmark of respiration: cross-validation, held-out sites, recovery of known curves, a year at Loobos."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import xarray as xr
from numpy.typing import NDArray

from jules_ml.data.readers.cosore import cosore_datasets, read_cosore
from jules_ml.errors import BadInput
from jules_ml.experiment.respiration import RespirationSettings, RowSettings
from jules_ml.learned.respiration.base_respiration import WINDOW_DAYS, fit_r0_prior, r0_from_ratio
from jules_ml.learned.respiration.baseline_intervals import BaselinePrediction, baseline_predictions
from jules_ml.learned.respiration.baselines import baselines
from jules_ml.learned.respiration.likelihood import Noise, fit_noise
from jules_ml.learned.respiration.network import MOISTURE_NODES, TEMPERATURE_NODES, Band
from jules_ml.learned.respiration.site import Rows, select_rows, thinned_rows
from jules_ml.learned.respiration.training import ConcurvityWarning, TrainedRespiration, train_respiration
from jules_ml.physics.constants import ZERODEGC
from jules_ml.physics.respiration import fsth, ftemp_q10
from jules_ml.scoring.fluxes import noise_ceiling
from jules_ml.scoring.scores import coverage, interval_score, score
from jules_ml.scoring.splits import years_or_blocks

#: Largest number of rows that a baseline is fitted to: more do not change its few parameters, and boosting and the spline are slow.
BASELINE_ROWS = 8000
#: Shorter records are left out and listed.
LEAST_SPAN = pd.Timedelta(days=182)
#: Only rows without a value are dropped, as in the claims.
EVERY_ROW = RowSettings(
    night_max_potential=None, night_max_ppfd=5.0, frozen_below=None, stuck_after=None, least_flux=None, most_flux=None
)

_Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CrossValidated:
    """Out-of-sample predictions, with intervals, of the module and of every baseline.

    ``steady`` are those of f and g with the mean base respiration, without R0(t).
    """

    rows: Rows
    forms: dict[str, BaselinePrediction]
    steady: _Array
    learned: tuple[TrainedRespiration, ...]
    interval: float

    @property
    def with_flux(self) -> NDArray[np.bool_]:
        """Rows with an out-of-sample prediction."""
        return np.isfinite(self.steady)

    def predicted(self) -> dict[str, _Array]:
        """Predicted flux of each form."""
        return {name: form.predicted for name, form in self.forms.items()} | {"learned, mean R0": self.steady}

    def nse(self, rows: NDArray[np.bool_] | None = None) -> dict[str, float]:
        """NSE of each form on held-out rows, or on some of them."""
        chosen = self.with_flux if rows is None else self.with_flux & rows
        return {name: score(values[chosen], self.rows.flux[chosen]).nse for name, values in self.predicted().items()}

    def coverage(self) -> float:
        """Fraction of observations within their interval."""
        learned = self.forms["learned"]
        return coverage(*(values[self.with_flux] for values in (learned.lower, learned.upper, self.rows.flux)))

    def interval_scores(self) -> dict[str, float]:
        """Interval score of each form relative to the mean flux [1]."""
        chosen, mean = self.with_flux, float(np.abs(self.rows.flux[self.with_flux]).mean())
        return {
            name: interval_score(*(v[chosen] for v in (form.lower, form.upper, self.rows.flux)), cover=self.interval)
            / mean
            for name, form in self.forms.items()
        }


def cross_validate(rows: Rows, settings: RespirationSettings, *, folds: int | None = None) -> CrossValidated:
    """Hold out each outer fold in turn; ``folds`` takes the first few only."""
    fold = years_or_blocks(rows.middle)
    names = [name for name in np.unique(fold) if name >= 0][:folds]
    empty = np.full(len(rows), np.nan)
    forms = {
        name: BaselinePrediction(empty.copy(), empty.copy(), empty.copy())
        for name in ("learned", *baselines(settings.wilting, settings.critical))
    }
    steady, every = empty.copy(), []
    for name in names:
        test = fold == name
        train, scored = rows.take(~test), rows.take(test)
        learned = quietly(train, settings)
        every.append(learned)
        with torch.no_grad():
            steady[test] = learned.module(*learned.inputs(scored)).numpy()
        predicted = baseline_predictions(train.take(thinned_rows(len(train), BASELINE_ROWS)), scored, settings)
        predicted["learned"] = BaselinePrediction(learned.predict(scored), *learned.interval(scored))
        for form, values in predicted.items():
            for key in ("predicted", "lower", "upper"):
                getattr(forms[form], key)[test] = getattr(values, key)
    return CrossValidated(rows, forms, steady, tuple(every), settings.interval)


def wet_end(learned: Sequence[TrainedRespiration]) -> float:
    """Greatest f above s = 0.9 of the fits with fewer than 100 rows there that are warmer than 5 degC; NaN if there are none."""
    s = torch.linspace(0.9, 1.0, 21, dtype=torch.float64)
    values = []
    for each in learned:
        warm_and_wet = (each.rows.wetness > 0.9) & (each.rows.t_soil > ZERODEGC + 5.0)
        if int(warm_and_wet.sum()) < 100:
            with torch.no_grad():
                values.append(float(each.module.f(s).max()))
    return max(values, default=float("nan"))


def quietly(rows: Rows, settings: RespirationSettings) -> TrainedRespiration:
    """Train without warnings about collinearity."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConcurvityWarning)
        return train_respiration(rows, settings)


@dataclass(frozen=True)
class Bounds:
    """Bounds of curves over the whole range of the tables, s in [0, 1] and T in [223, 333] K.

    Attributes
    ----------
    f_max, g_max : float
        Greatest value [1].
    least : float
        Least value of either; NaN where one is not finite.
    jump : float
        Greatest change of f over 0.001 in s, or of the logarithm of g over 0.01 K.
    """

    f_max: float
    g_max: float
    least: float
    jump: float


def bounds(learned: Sequence[TrainedRespiration]) -> Bounds:
    """Worst bounds of the median curves of several modules."""
    s = torch.linspace(0.0, 1.0, 1001, dtype=torch.float64)
    t = torch.linspace(223.0, 333.0, 11001, dtype=torch.float64)
    found = []
    for each in learned:
        with torch.no_grad():
            f, g = each.module.f(s), each.module.g(t)
        jump = max(float(torch.diff(f).abs().max()), float(torch.diff(torch.log(g)).abs().max()))
        found.append((float(f.max()), float(g.max()), min(float(f.min()), float(g.min())), jump))
    f_max, g_max, least, jump = np.array(found).T
    return Bounds(f_max.max(), g_max.max(), least.min(), jump.max())


@dataclass(frozen=True)
class Scored:
    """Result of the cross-validation of one set of chambers."""

    name: str
    nse: dict[str, float]
    interval_scores: dict[str, float]
    coverage: float
    rows: int
    ceiling: float
    bounds: Bounds
    wet_end: float


def cosore_names(path: Path) -> list[tuple[str, str]]:
    """Sets of COSORE, and the fluxes that each may contain."""
    return [(str(name), flux) for name in cosore_datasets(path).index for flux in ("Rs", "Rh")]


def cosore_rows(path: Path, name: str, flux: str) -> Rows | str | None:
    """Rows of one set and flux of COSORE, or the reason why it is left out; None where the set lacks the flux."""
    ds = read_cosore(path, name, utc_offset_hours=0.0)
    settings = cosore_settings(flux)
    if settings.flux not in ds or not bool(ds[settings.flux].notnull().any()):
        return None
    try:
        rows = select_rows(ds, settings)
    except BadInput as refusal:
        return refusal.problem
    span = rows.time[-1] - rows.time[0]
    return rows if span >= LEAST_SPAN else f"{span.days} days, less than six months"


def cosore_settings(flux: str) -> RespirationSettings:
    """Settings for every set."""
    return RespirationSettings(target="soil" if flux == "Rs" else "heterotrophic", rows=EVERY_ROW)


def score_set(job: tuple[Path, str, str]) -> Scored | str | None:
    """Cross-validate one set and flux; return the reason as text where it is left out."""
    torch.set_num_threads(1)
    path, name, flux = job
    rows = cosore_rows(path, name, flux)
    if not isinstance(rows, Rows):
        return rows
    done = cross_validate(rows, cosore_settings(flux))
    ceiling = noise_ceiling(rows.flux, rows.time, pd.Timedelta(hours=1))
    return Scored(
        name=f"{name} {flux}",
        nse=done.nse(),
        interval_scores=done.interval_scores(),
        coverage=done.coverage(),
        rows=int(done.with_flux.sum()),
        ceiling=ceiling,
        bounds=bounds(done.learned),
        wet_end=wet_end(done.learned),
    )


def scored_half(name: str) -> bool:
    """Whether a set belongs to the half that claims are made on; choices and margins were made on the other half."""
    return int(hashlib.sha256(name.split(maxsplit=1)[0].encode()).hexdigest(), 16) % 2 == 1


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


def joined(parts: list[Rows]) -> Rows:
    """Rows of several sites as one, with wetness relative to the range of each site, because sensors differ."""
    sites = tuple(part.sites[0] for part in parts)
    number = np.concatenate([np.full(len(part), k, dtype=np.int64) for k, part in enumerate(parts)])

    def wet(part: Rows) -> _Array:
        dry, full = np.quantile(part.theta, [0.01, 0.99])
        return np.asarray(np.clip((part.theta - dry) / (full - dry), 0.0, 1.0))

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


def leave_sites_out(parts: list[Rows], *, sites: int | None = None) -> pd.DataFrame:
    """Hold out each site in turn; every form takes the base respiration from its first thirty days in the same way.

    Plots of one group of authors are often within metres of each other: all of them are held out.

    Returns
    -------
    DataFrame
        One row for each scored day: ``site``, ``measured``, and the prediction of each form.
    """
    settings = RespirationSettings(target="soil", moisture="relative", rows=EVERY_ROW)
    frames = []
    for held_out in parts[:sites]:
        others = [part for part in parts if _group(part) != _group(held_out)]
        train, test = joined(others), joined([held_out])
        learned = quietly(train, settings)
        curves = learned.module
        x_train, x_test = learned.inputs(train), learned.inputs(test)
        with torch.no_grad():
            shapes = {"learned": tuple((curves.f(x[0]) * curves.g(x[1])).numpy() for x in (x_train, x_test))}
        scale = _site_means(train)
        for name in ("Lloyd-Taylor", "spline"):
            predict = baselines(settings.wilting, settings.critical)[name](
                train.t_soil, train.wetness, train.group, train.flux / scale
            )
            shapes[name] = tuple(predict(r.t_soil, r.wetness, np.zeros(len(r), dtype=np.int64)) for r in (train, test))
        first = np.asarray(test.time < test.time[0] + pd.Timedelta(days=WINDOW_DAYS))
        frame = pd.DataFrame({"site": held_out.sites[0], "measured": test.flux})
        for name, (of_train, of_test) in shapes.items():
            prior = fit_r0_prior(train, of_train)
            frame[name] = prior.r0(r0_from_ratio(of_test[first], test.flux[first])) * of_test
        frames.append(frame[~first])
    return pd.concat(frames)


def _group(part: Rows) -> str:
    """Authors of a set, from its name: a date, their name, and the plot."""
    return part.sites[0].split("_")[1]


def _site_means(rows: Rows) -> _Array:
    return (np.bincount(rows.site, rows.flux) / np.bincount(rows.site))[rows.site]


@dataclass(frozen=True)
class Recovery:
    """Recovery of a known curve: relative RMS error, and fraction of its range inside the band."""

    rms: float
    inside: float


def recover(rows: Rows, settings: RespirationSettings, seed: int) -> dict[str, Recovery]:
    """Train on fluxes by JULES's own f and g at the wetness and temperature of the rows, with errors like those of the rows.

    Returns
    -------
    dict of str to Recovery
        ``f`` and ``g``, 1 at their references, and ``f, level apart``: scaled to the mean of the true curve, because R0 sets the level.
    """
    synthetic, _ = synthetic_rows(rows, settings, seed)
    module = quietly(synthetic, settings).module
    nodes = MOISTURE_NODES
    truth = fsth(nodes, torch.tensor(settings.wilting).double(), torch.ones(()).double(), pools=1).numpy()
    band_f, band_g = module.curve_f(), module.curve_g()
    pinned = truth / np.interp(float(module.reference), nodes, truth)
    apart = np.mean(np.interp(rows.wetness, nodes, np.log(band_f.median.numpy()) - np.log(pinned)))
    return {
        "f": _recovery(band_f, pinned, rows.wetness),
        "f, level apart": _recovery(band_f, pinned * np.exp(apart), rows.wetness),
        "g": _recovery(band_g, ftemp_q10(TEMPERATURE_NODES).numpy(), rows.t_soil),
    }


def neighbours_noise(rows: Rows) -> Noise:
    """Scale of random error from consecutive half-hours; other residuals of a model are not noise.

    References
    ----------
    Richardson et al. (2006), Agric. For. Meteorol. 136, 1-18, for random errors from differences.
    """
    follows = np.diff(rows.time.to_numpy()) <= np.timedelta64(30, "m")
    days = pd.Series(rows.flux, index=rows.time).rolling("3D", center=True).mean().to_numpy()[1:][follows]
    return fit_noise(days, (np.diff(rows.flux) / np.sqrt(2.0))[follows])


def synthetic_rows(rows: Rows, settings: RespirationSettings, seed: int) -> tuple[Rows, _Array]:
    """Rows with the flux of JULES and errors as large and as heavy-tailed as the measured ones; and the flux without errors."""
    wilt, one = torch.tensor(settings.wilting).double(), torch.ones(()).double()
    shape = fsth(torch.tensor(rows.wetness), wilt, one, pools=1) * ftemp_q10(torch.tensor(rows.t_soil))
    level = rows.flux.mean() / float(shape.mean())
    flux = level * shape.numpy()
    noise = neighbours_noise(rows)
    rng = np.random.default_rng(seed)
    # the mean absolute value of a Laplace distribution is its scale
    return replace(rows, flux=flux + noise.scale(flux) * rng.laplace(size=len(rows))), flux


def _recovery(band: Band, truth: _Array, data: _Array) -> Recovery:
    x, median, low, high = (of.numpy() for of in (band.x, band.median, band.low, band.high))
    inside = (x >= np.quantile(data, 0.05)) & (x <= np.quantile(data, 0.95))
    error = median[inside] / truth[inside] - 1.0
    covered = (truth[inside] >= low[inside] - 1e-9) & (truth[inside] <= high[inside] + 1e-9)
    return Recovery(float(np.sqrt(np.mean(error**2))), float(covered.mean()))


def collinear_rows(rows: Rows) -> Rows:
    """Rows whose wetness is a function of temperature."""
    warm = (rows.t_soil - rows.t_soil.min()) / np.ptp(rows.t_soil)
    return replace(rows, wetness=0.9 - 0.6 * warm, theta=0.5 * (0.9 - 0.6 * warm))


def ten_years(record: xr.Dataset) -> xr.Dataset:
    """Five years of half-hours twice, with gaps of wetness filled, so that every step contributes to the cost."""
    whole = record.assign(theta=record["theta"].interpolate_na("time", method="nearest").ffill("time").bfill("time"))
    later = whole.assign_coords(time=whole["time"] + (whole["time"][-1] - whole["time"][0]) + np.timedelta64(30, "m"))
    return xr.concat([whole, later], dim="time")
