"""Ready-made curves of chambers at two towers that no ready-made module was trained on: FI-Hyy (pine) and US-Hn1 (sagebrush), night NEE."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import torch
import xarray as xr
from _claims import Claims
from _hyytiala import hyytiala
from _respiration import EVERY_ROW

from jules_ml.experiment import load_experiment
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.baselines import baselines
from jules_ml.learned.respiration.site import Rows, select_rows
from jules_ml.learned.respiration.store import load_respiration
from jules_ml.scoring.scores import score
from jules_ml.support.ready import FOLDER, ready_names

_SETTINGS: Final = RespirationSettings(target="ecosystem", state="sensors", rows=EVERY_ROW, antecedent=False)


def tower_claims(claims: Claims, data: Path) -> None:
    """Report NSE of night NEE with the base respiration fitted, for each module of respiration and for JULES's own f and g."""
    towers: dict[str, xr.Dataset] = {
        "FI-Hyy": hyytiala(data),
        "US-Hn1": load_experiment(data / "respiration" / "us_hn1_column.toml").record(),
    }
    for tower, record in towers.items():
        rows = select_rows(record, _SETTINGS).with_flux()
        jules = baselines(_SETTINGS.wilting, _SETTINGS.critical)["JULES"](
            rows.t_soil, rows.wetness, np.zeros(len(rows), dtype=np.int64), rows.flux
        )(rows.t_soil, rows.wetness, np.zeros(len(rows), dtype=np.int64))
        of_jules = score(jules, rows.flux).nse
        for name in ready_names():
            if name.startswith("respiration-"):
                note = f"JULES's f and g {of_jules:.3f}; {len(rows)} rows of the night, base respiration fitted"
                claims.report(f"{tower}: NSE of {name}", _nse(name, rows), note=note)


def _nse(name: str, rows: Rows) -> float:
    """NSE of the curves of a module at the rows of a tower, with the scale that fits best."""
    module, _, _ = load_respiration(FOLDER / name)
    with torch.no_grad():
        f, g = module.f(torch.tensor(rows.wetness)), module.g(torch.tensor(rows.t_soil))
    shape = (f * g).numpy()
    return score(shape * float(shape @ rows.flux / (shape @ shape)), rows.flux).nse
