"""The ready-made module of hydraulics: one network and one soil ensemble from all NEON towers and USCRN stations.

Settings, weights and inner folds are those of ``hydraulics_skill.py``, which holds the same sites out in four folds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import _hydraulics
import numpy as np
import pandas as pd
import torch
import xarray as xr
from _claims import Claims
from _hydraulics import DOUBTFUL
from _ready_folder import Described
from hydraulics_skill import (
    CHOSEN,
    MEMBERS,
    NEON_WEIGHT,
    Soils,
    errors,
    fold_of,
    held_out_soils,
    stored,
    stored_runs,
    water_of_soils,
)
from numpy.typing import NDArray

from jules_ml.experiment.hydraulics import HydraulicSettings
from jules_ml.experiment.place import PROPERTIES
from jules_ml.learned.hydraulics.columns import ColumnBatch, HydraulicSite, column_batch
from jules_ml.learned.hydraulics.correction import PRIOR, ROSETTA, SOIL_SITES, CorrectedRosetta
from jules_ml.learned.hydraulics.correction_fit import fit_correction
from jules_ml.learned.hydraulics.inputs import INPUTS
from jules_ml.learned.hydraulics.network import input_table
from jules_ml.learned.hydraulics.report import soil_property
from jules_ml.learned.hydraulics.simulation import batch_soil
from jules_ml.learned.hydraulics.site import local_days
from jules_ml.learned.hydraulics.training import TrainingColumns
from jules_ml.learned.store import write_module_folder
from jules_ml.learned.training_days import TRAINING_DAYS, day_intervals
from jules_ml.physics.soil_names import LAYERED, RESIDUAL
from jules_ml.support.provenance import software

#: Hidden units of each network.
HIDDEN = 8
#: Sources of the training data, and their licences.
SOURCES = {
    "NEON (National Ecological Observatory Network) towers in AmeriFlux FLUXNET: weather, soil moisture, longwave": "CC BY 4.0",
    "NEON soil plots: texture, bulk density, organic carbon": "CC0",
    "NOAA U.S. Climate Reference Network, 2020, daily: weather, surface temperature, soil moisture; USGS/NOAA soil samples at the "
    "stations": "public domain",
}


class Sites(NamedTuple):
    """Columns of the NEON towers and of the USCRN stations, their tables, and the fold of each site."""

    batches: list[ColumnBatch]
    tables: list[pd.DataFrame]
    folds: list[NDArray[np.int64]]


def read_sites(data: Path) -> Sites:
    """Read the towers and stations."""
    both = [_hydraulics.neon(data), _hydraulics.uscrn(data)]
    tables = [table for _, table in both]
    return Sites([column_batch(sites) for sites, _ in both], tables, fold_of(tables))


def fitted_network(sites: Sites, folder: Path | None) -> tuple[CorrectedRosetta, dict[str, Any]]:
    """Fit the correction of Rosetta 3 and the soil ensemble to all sites; the second result is what was chosen in the inner folds."""
    runs = [stored_runs(b, folder, name) for b, name in zip(sites.batches, ("neon", "uscrn"), strict=True)]
    columns = [
        TrainingColumns(batch, np.ones(len(batch.sites), dtype=bool), weight=weight, expansions=run.expansions)
        for batch, run, weight in zip(sites.batches, runs, (NEON_WEIGHT, 1.0), strict=True)
    ]

    def fit() -> tuple[Soils, dict[str, Any]]:
        done = fit_correction(list(INPUTS), columns, runs, CHOSEN, members=MEMBERS, hidden=HIDDEN, folds=sites.folds)
        print("; ".join(done.notes()), flush=True)
        return dict(done.network.state_dict()), done.to_card()

    make: Callable[[], tuple[Soils, dict[str, Any]]] = fit
    state, choices = stored(folder, "ready_hydraulics", partial(make))
    network = CorrectedRosetta(list(INPUTS), members=MEMBERS, hidden=HIDDEN, soil_sites=len(state["site_inputs"]))
    network.load_state_dict(state)
    return network, choices


def held_out_errors(sites: Sites, folder: Path | None) -> list[pd.DataFrame]:
    """Errors at each tower, second half of its days, and at each station, all of 2020, by networks that were fitted without its fold.

    Columns are ``ubrmse`` and ``rmse`` [m3 m-3] of ``learned``, of the mean of the runs with the soil ensemble (``draws``), and of the
    baselines ``rosetta`` and ``cosby``; a tower whose rain or soil moisture is in doubt has NaN.
    """
    runs = [stored_runs(b, folder, name) for b, name in zip(sites.batches, ("neon", "uscrn"), strict=True)]
    weights = [NEON_WEIGHT, 1.0]
    soils, _ = held_out_soils(sites.batches, runs, sites.folds, names=list(INPUTS), weights=weights, folder=folder)
    found = []
    for batch, table, of_sites in zip(sites.batches, sites.tables, soils, strict=True):
        make = partial(water_of_soils, batch, table, of_sites)
        water: Soils = stored(folder, f"ready_water_of_{len(batch.sites)}_sites", make)
        half = table["half"].to_numpy() if "half" in table else np.zeros(len(batch.sites))
        by_soil = {name: errors(batch, theta, half.astype(np.int64)) for name, theta in water.items()}
        frame = pd.concat(by_soil, axis=1)
        frame.loc[[name in DOUBTFUL for name in frame.index]] = np.nan
        found.append(frame)
    return found


def hydraulics_module(claims: Claims, data: Path, folder: Path | None) -> Described:
    """Fit the module to all sites, score it at held-out ones, and describe it."""
    sites = read_sites(data)
    network, choices = fitted_network(sites, folder)
    held_out = pd.concat(held_out_errors(sites, folder), keys=("NEON", "USCRN"))
    for place, of_place in held_out.groupby(level=0):
        medians = of_place.median()
        for soil in ("learned", "draws", "rosetta", "cosby"):
            note = (
                f"RMSE {medians[soil, 'rmse']:.4f} m3 m-3; {int(of_place[soil, 'ubrmse'].notna().sum())} sites held out"
            )
            claims.report(f"{place}: median ubRMSE, {soil}", medians[soil, "ubrmse"], unit="m3 m-3", note=note)
    gain = np.log(held_out["rosetta", "ubrmse"] / held_out["learned", "ubrmse"]).dropna()
    error = float(gain.std(ddof=1) / np.sqrt(len(gain)))
    note = f"standard error {error:.3f}; better at {float((gain > 0.0).mean()):.0%} of {len(gain)} sites"
    claims.report("hydraulics: ln of ubRMSE with Rosetta's soil over that of the module", float(gain.mean()), note=note)
    return Described(partial(_write, sites, network, choices), _entry(sites, held_out, gain))


def _write(sites: Sites, network: CorrectedRosetta, choices: dict[str, Any], folder: Path) -> None:
    """Write the module folder, with the soils of all sites and without time series."""
    columns = [site for batch in sites.batches for site in batch.sites]
    settings = HydraulicSettings(members=MEMBERS, hidden=HIDDEN, test_fraction=0.0)
    card = {
        "module": "hydraulics",
        "inputs": {name: PROPERTIES[name].attributes() for name in INPUTS},
        "settings": settings.model_dump(),
        "dzsoil": sites.batches[0].dzsoil.flatten().tolist(),
        "form": "van_genuchten",
        "sites": {
            site.name: {
                "start": str(site.start) if site.start is not None else "2020-01-01",
                "days": len(site.observed),
                TRAINING_DAYS: day_intervals(local_days(_started(site))[np.isfinite(site.observed).any(axis=1)]),
                "inputs": site.inputs,
            }
            for site in columns
        },
        "records": [{"source": source, "licence": licence} for source, licence in SOURCES.items()],
        "gradient": "finite differences, from displaced copies of each column in the same batch",
        "notes": [
            "trained on runs with Rosetta's soil and with shifts of it; no rounds with the soils of the networks"
        ],
        "software": software(),
        PRIOR: ROSETTA,
        SOIL_SITES: len(network.site_inputs),
        "choices": choices,
    }
    soils = xr.concat([_soils(network, batch) for batch in sites.batches], dim="site")
    write_module_folder(folder, state=dict(network.state_dict()), card=card, scores={}, predictions=soils)


def _started(site: HydraulicSite) -> HydraulicSite:
    """Site with a start: the stations have one year, 2020."""
    return site if site.start is not None else replace(site, start=pd.Timestamp("2020-01-01"))


def _soils(network: CorrectedRosetta, batch: ColumnBatch) -> xr.Dataset:
    """Soil properties of the sites, as a module folder has them for the export of sites."""
    table = torch.tensor(input_table([s.inputs for s in batch.sites], network.inputs))
    with torch.no_grad():
        members = [network(table).mean(0), *network.draws(table)]
    soils = [batch_soil(batch, raw.to(batch.dzsoil.dtype)) for raw in members]
    data: dict[str, Any] = {"albsoil": ("site", np.array([s.albsoil for s in batch.sites]), {"units": "1"})}
    for name in (*LAYERED, *RESIDUAL):
        units, meaning = (LAYERED | RESIDUAL)[name]
        values = np.stack([soil_property(soil, name) for soil in soils]).astype(np.float32)
        data[name] = (("soil", "site"), values[0], {"units": units, "long_name": meaning})
        data[f"member_{name}"] = (("member", "soil", "site"), values[1:], {"units": units, "long_name": meaning})
    names = [site.name for site in batch.sites]
    return xr.Dataset(data, coords={"site": names})


def _entry(sites: Sites, held_out: pd.DataFrame, gain: pd.Series) -> dict[str, Any]:
    """Entry of the card."""
    medians = held_out.median()
    by_place = held_out.groupby(level=0).median()
    towers, stations = ([site.name for site in batch.sites] for batch in sites.batches)
    also = {
        "how": "four folds, sites within 50 km together; towers without doubtful rain or soil moisture, on the second half of their days",
        "sites": f"lower ubRMSE than with Rosetta's soil at {float((gain > 0.0).mean()):.0%} of {len(gain)}",
        "mean of the runs with the eight soils of the ensemble": f"{medians['draws', 'ubrmse']:.4f} m3 m-3",
        "Cosby et al.'s soil": f"{medians['cosby', 'ubrmse']:.4f} m3 m-3",
    }
    for place, row in by_place.iterrows():
        also[str(place)] = ", ".join(
            f"{label} {row[name, 'ubrmse']:.4f} (RMSE {row[name, 'rmse']:.4f})"
            for label, name in (("module", "learned"), ("Rosetta", "rosetta"), ("Cosby", "cosby"))
        )
    return {
        "title": "soil properties from texture, density, carbon, climate and cover: Rosetta 3 corrected, and eight soils for a place",
        "trained_on": {
            "data": f"soil moisture at {len(towers)} NEON towers and {len(stations)} USCRN stations",
            "sites": [f"NEON {', '.join(towers)}", f"USCRN {', '.join(stations)}"],
            "places": len(towers) + len(stations),
        },
        "licence": "CC BY 4.0",
        "attribution": [f"{source} ({licence})" for source, licence in SOURCES.items()],
        "held_out": {
            "measure": "median ubRMSE, m3 m-3",
            "sites": len(gain),
            "module": float(medians["learned", "ubrmse"]),
            "jules": float(medians["rosetta", "ubrmse"]),
            "jules_form": "the column with Rosetta 3's soil from measured texture",
            "gain": {
                "measure": "ln(ubRMSE with Rosetta's soil / ubRMSE)",
                "mean": float(gain.mean()),
                "standard_error": float(gain.std(ddof=1) / np.sqrt(len(gain))),
            },
            "also": also,
        },
        "limits": [
            "all training sites are in the United States; elsewhere the inputs may be within their range and the soils different",
            "the dynamics of soil moisture were fitted and not its mean, which may differ from sensors by some hundredths of m3 m-3",
            "the soils of the ensemble are for the mean of their runs, [ensemble] draws = ['hydraulics']; each alone is a worse soil",
        ],
    }
