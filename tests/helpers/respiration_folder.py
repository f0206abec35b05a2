"""A module folder of learned respiration that needs no training: three draws with a Q10 each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.learned.respiration.network import MOISTURE_NODES, TEMPERATURE_NODES, LearnedRespiration
from jules_ml.learned.store import write_module_folder
from jules_ml.physics.respiration import T_REFERENCE

Q10 = (1.5, 2.0, 3.0)


#: Curves of antecedent drivers, nodes and logarithms, by the number of the driver.
Curves = Mapping[int, tuple[Tensor, Tensor]]


def write_module(folder: Path, *, q10: tuple[float, float, float] = Q10, antecedent: Curves | None = None) -> Path:
    """Write three draws with a Q10 each, and the base respiration with which all have the same flux at 292.4 K."""
    module = three_draws(q10) if antecedent is None else with_antecedent(three_draws(q10), antecedent)
    time = np.datetime64("2001-01-01", "ns") + np.arange(365) * np.timedelta64(1, "D")
    rows = {"time": time, "wetness": np.full(365, 0.5), "t_soil": np.full(365, T_REFERENCE + 10.0)}
    return write_module_folder(
        folder,
        state=module.state_dict(),
        card={
            "module": "respiration",
            "settings": RespirationSettings(target="soil", temperature="t_soil").model_dump(),
            "groups": ["a tower"],
            "sites": {"a tower": {}},
            "level_prior": None,
        },
        scores={},
        predictions=xr.Dataset({name: ("row", values) for name, values in rows.items()}),
    )


def three_draws(q10: tuple[float, float, float] = Q10) -> LearnedRespiration:
    """Module of three draws with a Q10 each, and no other dependence."""
    warmth = (TEMPERATURE_NODES - T_REFERENCE) / 10.0
    return LearnedRespiration(
        log_f=torch.zeros(3, len(MOISTURE_NODES)),
        log_g=torch.stack([warmth * np.log(value) for value in q10]),
        log_level=torch.log(torch.tensor([[4.0 / value] for value in q10])),
        level=torch.tensor([2.0]),
        seen_moisture=torch.tensor([0.1, 0.9]),
        seen_temperature=torch.tensor([270.0, 300.0]),
        reference=torch.tensor(0.65),
        noise=torch.ones(1, 2),
        quantiles=torch.tensor([-1.0, 1.0]),
    )


def with_antecedent(module: LearnedRespiration, curves: Curves) -> LearnedRespiration:
    """Give a module curves of antecedent drivers."""
    return LearnedRespiration.from_state(
        module.state_dict()
        | {
            "antecedent_drivers": torch.tensor(list(curves)),
            "antecedent_x": torch.stack([x for x, _ in curves.values()]),
            "antecedent_log_h": torch.stack([log_h for _, log_h in curves.values()]),
        }
    )
