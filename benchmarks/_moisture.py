"""Records, splits and fits of the benchmark of learned soil moisture."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _hydraulics import neon as hydraulic_neon
from _local_days import local_days
from _neon import DOUBTFUL, Halves, halves, neon_record
from _neon_daily import neon_sites
from numpy.typing import NDArray

from jules_ml.data.readers.cosmos_uk import read_cosmos_uk
from jules_ml.data.readers.uscrn import read_uscrn, uscrn_stations
from jules_ml.errors import BadInput
from jules_ml.experiment.moisture import MoistureSettings, StaticKind
from jules_ml.learned.hydraulics.columns import column_batch
from jules_ml.learned.hydraulics.pretraining import texture_parameters
from jules_ml.learned.hydraulics.simulation import batch_soil, concatenate_soils, simulate
from jules_ml.learned.moisture.baselines import climatology, rain_index, regression, rescaled
from jules_ml.learned.moisture.ensemble import MoistureEnsemble
from jules_ml.learned.moisture.ensemble_training import train_moisture
from jules_ml.learned.moisture.moments_model import static_properties
from jules_ml.learned.moisture.record import LAYER_DEPTHS, MoistureRecord, moisture_record
from jules_ml.learned.moisture.simulated import simulated_sites
from jules_ml.learned.moisture.training_site import TrainingSite
from jules_ml.scoring.scores import score

#: Last training day of Spen Farm.
SPEN_TRAIN_END = pd.Timestamp("2019-12-31")
FOLDS = 4
#: Columns of USCRN's soil table [%, g cm-3] by static property, and the factor that converts them to its unit.
_USCRN_STATIC = {"clay": ("clay", 0.01), "sand": ("sand", 0.01), "bulk_density": ("bulk_density_5cm", 1000.0)}


@dataclass(frozen=True, eq=False)
class Records:
    """All shared records of soil moisture, by site.

    Attributes
    ----------
    neon, uscrn : dict of str to MoistureRecord
    parts : dict of str to Halves
        Halves of the NEON towers.
    spen : MoistureRecord
    jules : dict of str to array, shape (day, 4)
        JULES's own runs at NEON [m3 m-3]; the records have the first guess that the networks are given.
    runs : dict of str to array, shape (run, day, 4)
        Runs of the column at NEON with other soils [m3 m-3].
    """

    neon: dict[str, MoistureRecord]
    parts: dict[str, Halves]
    uscrn: dict[str, MoistureRecord]
    spen: MoistureRecord
    jules: dict[str, NDArray[np.float64]]
    runs: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    @property
    def sound(self) -> list[str]:
        return [site for site in self.neon if site not in DOUBTFUL]

    def of(self, site: str) -> MoistureRecord:
        """Record of a tower or of a station."""
        return self.neon[site] if site in self.neon else self.uscrn[site]


def read_records(folder: Path, *, stations: int | None = None) -> Records:
    """Read the shared records; ``stations`` thins USCRN."""
    runs = folder / "jules" / "neon_daily.nc"
    table = neon_sites(runs)
    neon = {site: neon_record(runs, site, table=table) for site in table.index}
    parts = {site: found for site, record in neon.items() if (found := halves(record.theta, record.usable))}
    daily = folder / "moisture" / "uscrn_2020_daily.parquet"
    soils = uscrn_stations(daily, folder / "carbon" / "uscrn_station_soil.csv")
    uscrn = {}
    for wban in soils.index[:stations]:
        row = soils.loc[wban]
        static = {
            name: factor * float(row[column])
            for name, (column, factor) in _USCRN_STATIC.items()
            if np.isfinite(row[column])
        }
        try:
            record = moisture_record(read_uscrn(daily, wban), static=static)
        except BadInput:  # one station has no precipitation in the whole year
            continue
        # stations without soil samples, or without precipitation for months, cannot test the value of texture or climate
        if record.usable[:, 0].sum() >= 100 and {"clay", "precip_annual"} <= set(static_properties(record)):
            uscrn[wban] = record
    spen = moisture_record(read_cosmos_uk(folder / "moisture" / "SPENF-2016-11-24-2021-09-05.csv"))
    return Records(neon, parts, uscrn, spen, {site: record.jules for site, record in neon.items()})


def with_runs(records: Records, folder: Path, *, soils: int, seed: int = 3) -> Records:
    """The same with runs of the column under each tower's weather.

    Their soils are those of HYPRES for the texture, shifted by a standard normal deviate in each unbounded soil parameter. Nothing
    measured in the soil is used.
    """
    sites, table = hydraulic_neon(folder)
    columns = column_batch(sites)
    of_texture = texture_parameters([site.inputs for site in sites]).float()
    generator = torch.Generator().manual_seed(seed)
    drawn = [of_texture + torch.randn(of_texture.shape, generator=generator) for _ in range(soils)]
    theta = simulate(columns, concatenate_soils([batch_soil(columns, raw) for raw in drawn])).numpy()
    by_site = theta.reshape(len(theta), len(LAYER_DEPTHS), soils, len(sites)).transpose(3, 2, 0, 1)
    runs = {}
    for site, of_site in zip(sites, by_site, strict=True):
        assert site.start is not None
        # a column with shorter weather than the others repeats it: only its first period is used
        midnight = site.start + pd.Timedelta(hours=table.loc[site.name, "utc_offset_hours"])
        days = pd.date_range(midnight, periods=len(site.observed), freq="D")
        at = days.get_indexer(records.neon[site.name].days)
        runs[site.name] = np.where((at >= 0)[None, :, None], of_site[:, at], np.nan).astype(np.float64)
    return replace(records, runs=runs)


def every_day(record: MoistureRecord) -> np.ndarray:
    return np.ones(len(record), dtype=bool)


def main_sensor(records: Records, site: str) -> int:
    """The scored sensor: by the rules at NEON, at 5 cm at USCRN."""
    return records.parts[site].sensor if site in records.parts else 0


def tower(records: Records, site: str, train: NDArray[np.bool_]) -> TrainingSite:
    """A NEON tower and its runs, with the training days."""
    record = records.neon[site]
    runs = simulated_sites(record, records.runs[site], train) if site in records.runs else ()
    return TrainingSite(record, train, records.parts[site].sensor, runs)


def time_split(records: Records) -> list[TrainingSite]:
    """First halves of NEON, all of USCRN, Spen Farm to 2019."""
    sites = [
        tower(records, site, np.arange(len(record)) < records.parts[site].boundary)
        for site, record in records.neon.items()
    ]
    sites += [TrainingSite(record, every_day(record), 0) for record in records.uscrn.values()]
    spen = records.spen
    return [*sites, TrainingSite(spen, np.asarray(spen.days <= SPEN_TRAIN_END), spen.names.index("theta_crns"))]


def folds(records: Records, *, seed: int = 0) -> list[tuple[list[str], list[str]]]:
    """Sites of NEON and USCRN in each fold; sound NEON sites are distributed first, so that folds have the same number of them."""
    order = np.random.default_rng(seed)
    neon = [*order.permutation(records.sound), *order.permutation([s for s in DOUBTFUL if s in records.neon])]
    uscrn = list(order.permutation(list(records.uscrn)))
    return [([str(s) for s in neon[k::FOLDS]], [str(s) for s in uscrn[k::FOLDS]]) for k in range(FOLDS)]


def without(records: Records, held_out: Sequence[str]) -> list[TrainingSite]:
    """All sites except those of a fold, with all their days."""
    towers = [tower(records, site, every_day(record)) for site, record in records.neon.items() if site not in held_out]
    stations = [
        TrainingSite(record, every_day(record), 0) for site, record in records.uscrn.items() if site not in held_out
    ]
    return [*towers, *stations]


def scored_days(records: Records, site: str) -> np.ndarray:
    """All valid days of a held-out site."""
    if site in records.parts:
        return records.parts[site].first | records.parts[site].second
    return records.uscrn[site].usable[:, 0]


@dataclass(frozen=True, eq=False)
class Predicted:
    """Water content of the scored sensor and its interval, each of shape (day,) [m3 m-3]."""

    theta: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Predictions of the scored sensor at held-out sites, by site, and after adaptation to local days, by name and site."""

    unseen: dict[str, Predicted]
    adapted: dict[str, dict[str, Predicted]]


def held_out_settings(settings: MoistureSettings, *, static: StaticKind, members: int) -> MoistureSettings:
    """Settings of the networks for the folds of sites."""
    # windows of 500 days make the many folds 2.5 times as fast
    return settings.model_copy(update={"validation_fraction": 0.0, "window": 500, "static": static, "members": members})


def learn_held_out(
    records: Records,
    settings: MoistureSettings,
    *,
    adaptations: Sequence[str] = (),
    say: Callable[[str], None],
    folds_to_do: int = FOLDS,
) -> HeldOut:
    """Hold out each fold in turn and predict it."""
    held_out = HeldOut({}, {name: {} for name in adaptations})
    for number, (neon, uscrn) in enumerate(folds(records)[:folds_to_do]):
        begun = time.perf_counter()
        ensemble = train_moisture(without(records, [*neon, *uscrn]), settings)
        for site in [*neon, *uscrn]:
            try:
                _predict_unseen(ensemble, records, records.of(site), held_out)
            except BadInput as error:  # two stations have no humidity or surface temperature for months
                say(f"not predicted: {error}")
        say(f"static = {settings.static}, fold {number + 1}: {time.perf_counter() - begun:.0f} s")
    return held_out


def predicted(ensemble: MoistureEnsemble, record: MoistureRecord, sensor: int) -> Predicted:
    """Predict one sensor."""
    found = ensemble.predict(record)
    return Predicted(found.theta[:, sensor], found.low[:, sensor], found.high[:, sensor])


def _predict_unseen(ensemble: MoistureEnsemble, records: Records, record: MoistureRecord, held_out: HeldOut) -> None:
    site, sensor = record.site, main_sensor(records, record.site)
    held_out.unseen[site] = predicted(ensemble, record, sensor)
    for name, by_site in held_out.adapted.items():
        local = local_days(name, record.days, scored_days(records, site))
        if local is None:
            continue
        if not local.any():
            by_site[site] = held_out.unseen[site]
            continue
        only = record.usable & local[:, None] & (np.arange(record.theta.shape[1]) == sensor)
        adapted = ensemble.adapt(replace(record, usable=only), sensors=[sensor])
        by_site[site] = predicted(adapted, record, sensor)


def baseline_series(records: Records, site: str) -> dict[str, np.ndarray]:
    """Baselines without a network."""
    part, record = records.parts[site], records.neon[site]
    theta, jules = record.theta[:, part.sensor], records.jules[site][:, part.layer]
    return {
        "JULES": jules,
        "JULES matched": rescaled(jules, theta, part.first),
        "JULES regression": regression(jules, theta, part.first),
        "climatology": climatology(record.days, theta, part.first),
        "rain index": rain_index(record.dynamic["precip"], theta, part.first),
        "first-half mean": np.full(len(theta), theta[part.first].mean()),
    }


def table_of(series: dict[str, np.ndarray], records: Records) -> pd.DataFrame:
    """Scores of the second half by site."""
    return pd.DataFrame(
        {
            site: asdict(
                score(
                    values[records.parts[site].second],
                    records.neon[site].theta[records.parts[site].second, records.parts[site].sensor],
                )
            )
            for site, values in series.items()
        }
    ).T


def paired_interval(difference: np.ndarray, *, draws: int = 10000, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of the mean paired difference, with sites resampled."""
    finite = difference[np.isfinite(difference)]
    means = np.random.default_rng(seed).choice(finite, (draws, len(finite))).mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
