"""The ready-made modules of respiration: soil chambers of COSORE by IGBP class, each class scored at places held out.

COSORE has hourly fluxes by chamber. The mean of the chambers is averaged over six hours, because neighbouring hours are almost the same
observation. Wetness is water content as a fraction of its 99.9 % quantile, since the database has no porosity. Data sets within 50 km are
one place. A place is predicted by curves that were fitted without it, and so are the baselines; each form then has the base respiration
that fits the place best, as two runs have whose rate is fitted: scored are f and g alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import torch
import xarray as xr
from _ready_folder import Described
from _respiration import EVERY_ROW
from numpy.typing import NDArray

from jules_ml.data.readers.cosore import read_cosore
from jules_ml.data.site import SiteMeta, site_dataset
from jules_ml.errors import BadInput
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.baselines import baselines
from jules_ml.learned.respiration.fit import fit_respiration
from jules_ml.learned.respiration.site import Rows, select_rows
from jules_ml.learned.respiration.training import ConcurvityWarning, train_respiration
from jules_ml.scoring.scores import score

SETTINGS: Final = RespirationSettings(
    target="soil",
    state="sensors",
    rows=EVERY_ROW,
    base_respiration="constant",
    antecedent=False,
    test_fraction=0.0,
)
#: IGBP classes of each module. Classes with fewer than three places are only in the module of all classes.
GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "respiration-deciduous-broadleaf": ("Deciduous broadleaf forest",),
    "respiration-evergreen-needleleaf": ("Evergreen needleleaf forest",),
    "respiration-evergreen-broadleaf": ("Evergreen broadleaf forest",),
    "respiration-dry-shrubland": ("Open shrubland", "Closed shrubland", "Woody savanna", "Desert woodland"),
    "respiration-grassland": ("Grassland",),
    "respiration-all": (),
}
#: Data sets within this distance are one place [km].
NEAR_KM: Final = 50.0
#: Fewest places of a group: with fewer there is no standard error to decide by.
LEAST_PLACES: Final = 3
#: JULES's own form, and the other baselines that are reported.
JULES: Final = "JULES"
BASELINES: Final = (JULES, "JULES, Q10 fitted", "Q10", "Lloyd-Taylor", "spline")
_HOURS: Final = 6
_LIMITS: Final = [
    "f and g were fitted to sensors, not to the soil of a model, where they lose part of their skill: compare the runs with "
    "'jules-ml evaluate --in-model' where there are observations",
    "the flux is soil respiration with roots; 0.54 of it counts as heterotrophic in the base rate",
    "wetness is a fraction of the wettest 0.1 % of each record, not of a measured porosity",
]

_Array = NDArray[np.float64]


class Chambers(NamedTuple):
    """Data sets of COSORE: their metadata, and a six-hourly site dataset of each."""

    table: pd.DataFrame
    datasets: dict[str, xr.Dataset]
    left_out: dict[str, str]

    def of(self, classes: Sequence[str]) -> list[str]:
        """Names of the data sets of IGBP classes; of all for no class."""
        igbp = self.table.loc[list(self.datasets), "igbp"]
        return [str(name) for name in igbp.index[igbp.isin(list(classes)) if classes else igbp.notna()]]


def read_chambers(data: Path, classes: Sequence[str] = ()) -> Chambers:
    """Read the data sets with soil respiration of IGBP classes, by default of all; those that a fit refuses are listed with the reason."""
    table = pd.read_csv(Path(__file__).with_name("cosore_sites.csv"), index_col="dataset")
    table["number"] = _places(table)
    path = data / "respiration" / "cosore_hourly.parquet"
    datasets: dict[str, xr.Dataset] = {}
    left_out: dict[str, str] = {}
    for name, row in table[table["igbp"].isin(list(classes) or table["igbp"])].iterrows():
        try:
            ds = _six_hourly(read_cosore(path, str(name), utc_offset_hours=0.0), row)
            select_rows(ds, SETTINGS)
            datasets[str(name)] = ds
        except BadInput as refusal:
            left_out[str(name)] = refusal.problem
    return Chambers(table, datasets, left_out)


def _places(table: pd.DataFrame) -> NDArray[np.int64]:
    """Number of the place of each data set; neighbours of neighbours are one place."""
    lat, lon = (np.radians(table[name].to_numpy(dtype=np.float64))[:, None] for name in ("latitude", "longitude"))
    chord = np.sin(0.5 * (lat - lat.T)) ** 2 + np.cos(lat) * np.cos(lat.T) * np.sin(0.5 * (lon - lon.T)) ** 2
    near = 2.0 * 6371.0 * np.arcsin(np.sqrt(chord)) < NEAR_KM
    place = np.arange(len(table))
    for _ in range(len(table)):
        place = np.where(near, place[None, :], len(table)).min(1)
    return place


def _six_hourly(ds: xr.Dataset, row: pd.Series) -> xr.Dataset:
    """Means of six hours of the mean of the chambers, where flux, temperature and water content were measured."""
    rows = select_rows(ds, SETTINGS)
    table = pd.DataFrame({"resp_soil": rows.flux, "t_soil": rows.t_soil, "theta": rows.theta}, index=rows.time)
    means = table.resample(f"{_HOURS}h", closed="right", label="right").mean().dropna()
    meta = SiteMeta(
        site=rows.sites[0],
        source=f"COSORE (Bond-Lamberty et al. 2020, doi:10.1111/gcb.15353), data set {rows.sites[0]}: {row['place']}",
        licence="CC BY 4.0",
        latitude=float(row["latitude"]),
        longitude=float(row["longitude"]),
        # the stamps are UTC; days and months are those of the sun
        utc_offset_hours=float(np.round(row["longitude"] / 15.0)),
    )
    six = site_dataset(
        {"resp_soil": means["resp_soil"], "t_soil": means[["t_soil"]], "theta": means[["theta"]]},
        time=pd.DatetimeIndex(means.index),
        interval=pd.Timedelta(hours=_HOURS),
        meta=meta,
        depth=[np.nan],
        where=str(rows.sites[0]),
    )
    return six.assign_attrs(porosity=rows.porosity[rows.sites[0]])


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Scores at held-out places.

    Attributes
    ----------
    table : DataFrame
        One row for each data set: its ``place`` and the NSE of each form.
    gains : dict of str to array, shape (place,)
        Logarithm of the RMSE of each baseline over that of the module, mean of the data sets of each place.
    """

    table: pd.DataFrame
    gains: dict[str, _Array]

    @property
    def places(self) -> int:
        """Number of places."""
        return int(self.table["place"].nunique())

    def gain(self, baseline: str = JULES) -> tuple[float, float]:
        """Mean over the places, and its standard error."""
        values = self.gains[baseline]
        return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))

    @property
    def ships(self) -> bool:
        """Whether the module is better than JULES's own form by more than one standard error."""
        if self.places < LEAST_PLACES:
            return False
        mean, error = self.gain()
        return mean > error


def held_out_scores(chambers: Chambers, names: Sequence[str]) -> HeldOut:
    """Hold out each place in turn, and score its data sets."""
    place = chambers.table["number"]
    scored = []
    for number in dict.fromkeys(place[list(names)]):
        train = [name for name in names if place[name] != number]
        held_out = [name for name in names if place[name] == number]
        if train:
            scored += _scores_at(chambers, train, held_out)
    table = pd.DataFrame(scored).set_index("dataset")
    errors = {name: table.pop(f"{name} rmse") for name in ("module", *BASELINES)}
    gains = {
        name: np.log(errors[name] / errors["module"]).groupby(table["place"]).mean().to_numpy() for name in BASELINES
    }
    return HeldOut(table, gains)


def _scores_at(chambers: Chambers, train: Sequence[str], held_out: Sequence[str]) -> list[dict[str, Any]]:
    """NSE and RMSE of each form, fitted to some data sets, at others."""
    rows = select_rows([chambers.datasets[name] for name in train], SETTINGS)
    learned = quietly_trained(rows)
    # all sites count alike for the baselines, as they do for the module, which has relative errors
    scale = (np.bincount(rows.site, rows.flux) / np.bincount(rows.site))[rows.site]
    fitted = {
        name: baselines(SETTINGS.wilting, SETTINGS.critical)[name](
            rows.t_soil, rows.wetness, rows.group, rows.flux / scale
        )
        for name in BASELINES
    }
    found = []
    for name in held_out:
        at = select_rows(chambers.datasets[name], SETTINGS)
        with torch.no_grad():
            x = learned.inputs(at)
            shapes = {"module": (learned.module.f(x[0]) * learned.module.g(x[1])).numpy()}
        shapes |= {form: of(at.t_soil, at.wetness, np.zeros(len(at), dtype=np.int64)) for form, of in fitted.items()}
        entry: dict[str, Any] = {"dataset": name, "place": int(chambers.table.loc[name, "number"])}
        for form, shape in shapes.items():
            result = score(shape * float(shape @ at.flux / (shape @ shape)), at.flux)
            entry |= {form: result.nse, f"{form} rmse": result.rmse}
        found.append(entry)
    return found


def respiration_module(chambers: Chambers, names: Sequence[str], scores: HeldOut) -> Described:
    """Fit a module to data sets, and describe it."""
    datasets = [chambers.datasets[name] for name in names]

    def write(folder: Path) -> object:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConcurvityWarning)
            return fit_respiration(datasets, SETTINGS, folder)

    rows = select_rows(datasets, SETTINGS)
    table = chambers.table.loc[list(names)]
    classes = ", ".join(dict.fromkeys(table["igbp"].str.lower()))
    medians = scores.table.drop(columns="place").median()
    mean, error = scores.gain()
    better = int((scores.gains[JULES] > 0.0).sum())
    publications = [
        f"doi:{doi}" if doi.startswith("10.") else doi for doi in dict.fromkeys(table["publication"].dropna())
    ]
    return Described(
        write,
        {
            "title": f"f and g of soil respiration ({classes}), from chambers at {scores.places} places",
            "trained_on": {
                "data": f"COSORE: {len(names)} sets of chambers at {scores.places} places",
                "sites": [f"{name}: {row['place']} ({row['igbp'].lower()})" for name, row in table.iterrows()],
                "places": scores.places,
                "rows": len(rows),
            },
            "licence": "CC BY 4.0",
            "attribution": [
                "COSORE: Bond-Lamberty et al. (2020), Glob. Change Biol. 26, 7268-7283, doi:10.1111/gcb.15353, CC BY 4.0; six-hourly "
                "means of the chambers of each site were made from it",
                f"publications of the data sets: {', '.join(publications)}",
            ],
            "held_out": {
                "measure": "median NSE",
                "sites": len(names),
                "module": float(medians["module"]),
                "jules": float(medians[JULES]),
                "jules_form": "JULES's f and g",
                "gain": {"measure": "ln(RMSE of JULES / RMSE)", "mean": mean, "standard_error": error},
                "also": {
                    "how": "each place held out in turn; the base respiration of each form is fitted there: f and g alone are scored",
                    "places": f"better than JULES at {better} of {scores.places}; RMSE {-np.expm1(-mean):.0%} lower on average",
                    **{name: f"median NSE {medians[name]:.2f}" for name in BASELINES if name != JULES},
                },
                "by_site": {
                    str(name): {form: float(row[form]) for form in ("module", JULES, "Lloyd-Taylor")}
                    for name, row in scores.table.iterrows()
                },
            },
            "limits": _LIMITS,
        },
    )


def quietly_trained(rows: Rows) -> Any:
    """Train without warnings about collinearity, which are in the card of the module."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConcurvityWarning)
        return train_respiration(rows, SETTINGS)
