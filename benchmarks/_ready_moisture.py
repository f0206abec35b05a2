"""The ready-made module of soil moisture: networks and trees from all days of all NEON towers and USCRN stations.

Settings are those of the held-out sites of ``moisture_skill.py``, whose scores this module has. The first guess is the column with six
fixed soils under the weather of each site, so that nothing measured in the soil is used for it.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from _claims import RESULTS, Claims
from _moisture import Records, held_out_settings, main_sensor, without
from _moisture_columns import prepared_records
from _ready_folder import Described
from _stages import kept
from moisture_skill import HELD_OUT_MEMBERS

from jules_ml.experiment.moisture import MoistureSettings
from jules_ml.learned.moisture.ensemble import MoistureEnsemble
from jules_ml.learned.moisture.ensemble_training import train_moisture
from jules_ml.learned.moisture.fit import moisture_card
from jules_ml.learned.moisture.record import MoistureRecord
from jules_ml.learned.moisture.report import predictions_of
from jules_ml.learned.moisture.site import MoistureSite
from jules_ml.learned.moisture.store import state_of
from jules_ml.learned.store import write_module_folder
from jules_ml.scoring.splits import Split

SOURCES = {
    "NEON (National Ecological Observatory Network) towers in AmeriFlux FLUXNET: weather, soil moisture, longwave": "CC BY 4.0",
    "NEON soil plots: texture, bulk density, organic carbon": "CC0",
    "NOAA U.S. Climate Reference Network, 2020, daily: weather, surface temperature, soil moisture; USGS/NOAA soil samples at the "
    "stations": "public domain",
}
_GROUPS = {"NEON": "NEON, 11 sound sites", "USCRN": "USCRN"}
_ADAPTED = "held-out, 30 days of local data, {}: rmse"


def fitted_ensemble(claims: Claims, data: Path, folder: Path | None) -> tuple[Records, MoistureEnsemble]:
    """Train on all days of all sites."""
    records = prepared_records(claims, data, folder)
    settings = held_out_settings(MoistureSettings(), static="both", members=HELD_OUT_MEMBERS)
    ensemble: MoistureEnsemble = kept(folder, "ready_moisture", lambda: train_moisture(without(records, []), settings))
    return records, ensemble


def moisture_module(claims: Claims, data: Path, folder: Path | None) -> Described:
    """Fit the module to all sites, and describe it with the scores of ``moisture_skill.py``."""
    records, ensemble = fitted_ensemble(claims, data, folder)
    entry = _entry(records)
    for name, text in entry["held_out"]["also"].items():
        claims.report(f"moisture, {name}", float("nan"), note=text)
    return Described(partial(_write, records, ensemble), entry)


def _write(records: Records, ensemble: MoistureEnsemble, folder: Path) -> None:
    """Write the module folder, without time series."""
    used = [records.of(name) for name in ensemble.sites]
    sites = [MoistureSite(r, "CC BY 4.0" if r.site in records.neon else "public domain") for r in used]
    splits = []
    for record in used:
        every = record.usable[:, main_sensor(records, record.site)]
        splits.append(Split(every, np.zeros_like(every), np.zeros_like(every)))
    card = moisture_card(ensemble, sites, splits, [])
    write_module_folder(
        folder, state=state_of(ensemble), card=card, scores={}, predictions=_one_day(ensemble, used[0], splits[0])
    )


def _one_day(ensemble: MoistureEnsemble, record: MoistureRecord, split: Split) -> xr.Dataset:
    """Predictions of the last day of one site, for the variables that a module folder has."""
    return predictions_of(ensemble, [record], [split]).isel(row=slice(-1, None))


def _entry(records: Records) -> dict[str, Any]:
    """Entry of the card."""
    claims = json.loads((RESULTS / "moisture_skill.json").read_text(encoding="utf-8"))["claims"]
    measured = {each["name"]: each["measured"] for each in claims}
    learned = {
        place: {m: measured[f"held-out sites, {group}: {m}"] for m in ("kge", "rmse", "ubrmse", "r")}
        for place, group in _GROUPS.items()
    }
    jules = {m: measured[f"the same days, JULES, {_GROUPS['NEON']}: {m}"] for m in ("kge", "rmse", "ubrmse", "r")}
    also = {
        "how": f"four folds over both networks, medians of sites, {HELD_OUT_MEMBERS} networks; measured by benchmarks/moisture_skill.py",
        "NEON": f"module {_text(learned['NEON'])}; JULES {_text(jules)}",
        "USCRN": f"module {_text(learned['USCRN'])}; no run of JULES there",
        "after 30 days of local data": f"RMSE {measured[_ADAPTED.format(_GROUPS['NEON'])]:.3f} at NEON, "
        f"{measured[_ADAPTED.format(_GROUPS['USCRN'])]:.3f} m3 m-3 at USCRN",
    }
    stations = len(records.uscrn)
    return {
        "title": "daily soil moisture of JULES's layers from weather, a first guess of JULES or the column, and static properties",
        "trained_on": {
            "data": f"soil moisture at {len(records.neon)} NEON towers and {stations} USCRN stations",
            "sites": [f"NEON {', '.join(records.neon)}", f"USCRN {', '.join(records.uscrn)}"],
            "places": len(records.neon) + stations,
        },
        "licence": "CC BY 4.0",
        "attribution": [f"{source} ({licence})" for source, licence in SOURCES.items()],
        "held_out": {
            "measure": "median ubRMSE at NEON, m3 m-3",
            "sites": len(records.sound) + stations,
            "module": learned["NEON"]["ubrmse"],
            "jules": jules["ubrmse"],
            "jules_form": "JULES with Rosetta 3's soil from measured texture",
            "gain": {
                "measure": "ln(median ubRMSE of JULES / median ubRMSE); the errors of single sites are not stored",
                "mean": float(np.log(jules["ubrmse"] / learned["NEON"]["ubrmse"])),
                "standard_error": None,
            },
            "also": also,
        },
        "limits": [
            "all training sites are in the United States, and those of USCRN have the year 2020 only",
            "the mean water content at a new site is not better than that of JULES: adapt the module to some days of a local sensor with "
            "'jules-ml fit moisture --adapt', or use the anomalies",
            "it was trained with the column as first guess: give [moisture] jules",
        ],
    }


def _text(scores: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in scores.items())
