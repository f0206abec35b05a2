"""The four pools of soil carbon in the runs of JULES at Loobos in 1997, under the modifiers of these runs, for tests and benchmarks.

Litter is not part of the output of the runs. It follows from DPM and RPM: their gain in a period of TRIFFID, and their respiration in it.
BIO, HUM, the layers and respiration are then a test of the scheme.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import xarray as xr
from _loobos import jules_output

from jules_ml.physics.constants import KAPS_4POOL
from jules_ml.physics.soil_carbon import FourPoolCarbon, depth_factor, initial_soil_carbon, soil_carbon_step

TIMESTEP = 1800.0
#: Steps between two calls of TRIFFID, the first of which ends with step 479 of the output.
PERIOD = 480
DZSOIL = torch.tensor([0.1, 0.25, 0.65, 2.0], dtype=torch.float64).unsqueeze(-1)


class Pools(NamedTuple):
    """Pools of JULES and of this package, shape (step, pool, layer) [kg m-2], and their respiration [kg m-2 s-1], shape (step,)."""

    jules: np.ndarray
    own: np.ndarray
    jules_resp_s: np.ndarray
    own_resp_s: np.ndarray


def run(data: Path, name: str, periods: int) -> Pools:
    """Run the pools of ``trif`` or ``layeredcn`` for some periods of TRIFFID from the state at the end of the first step."""
    jules = jules_output(data, name)
    layered = name == "layeredcn"
    steps = periods * PERIOD
    cs = _with_layers(jules.cs)[:steps]
    litter = _litter(jules, cs, layered=layered)
    one = torch.ones(1, dtype=torch.float64)
    state = initial_soil_carbon(torch.tensor(cs[0]).unsqueeze(-1))._replace(asteps_since_triffid=one)
    fsth, ftemp, t_soil = (
        torch.tensor(jules[v].values[:steps].astype(float)).unsqueeze(-1) for v in ("fsth", "ftemp", "t_soil")
    )
    veg_frac = 1.0 - (torch.tensor(jules.fprf.values[:steps].astype(float)).unsqueeze(-1) - 0.6) / 0.4
    own, respired = [], []
    for k in range(1, steps):
        dpm, rpm = litter[k // PERIOD]
        carbon = FourPoolCarbon(
            veg_frac=veg_frac[k],
            litter=one * (dpm + rpm),
            dpm_ratio=one * dpm / (dpm + rpm),
            clay=torch.zeros(1, 1, dtype=torch.float64),
            l_layeredc=layered,
            l_soil_resp_lev2=not layered,
        )
        state, out = soil_carbon_step(
            state, fsth[k], ftemp[k], t_soil[k], carbon.litter, carbon=carbon, dzsoil=DZSOIL, timestep=TIMESTEP
        )
        own.append(state.cs.squeeze(-1).numpy())
        respired.append(float(out["resp_s_gb"]))
    return Pools(cs[1:], np.array(own), jules.resp_s_gb.values[1:steps].astype(float), np.array(respired))


def _with_layers(pools: xr.DataArray) -> np.ndarray:
    """Pools of shape (step, pool, layer)."""
    layered = pools if "sclayer" in pools.dims else pools.expand_dims("sclayer")
    return layered.transpose("time", "scpool", "sclayer").values.astype(float)


def _litter(jules: xr.Dataset, cs: np.ndarray, *, layered: bool) -> np.ndarray:
    """Litter that became DPM and RPM in each period [kg m-2 s-1], shape (period, 2)."""
    steps = len(cs)
    modifier = (jules.fsth * jules.ftemp * jules.fprf).transpose("time", "soil").values[:steps].astype(float)
    modifier = modifier * depth_factor(DZSOIL, 2.0).squeeze(-1).numpy() if layered else modifier[:, 1:2]
    rates = []
    for last in range(PERIOD - 1, steps, PERIOD):
        before = cs[last - 1, :2]
        respired = np.array(KAPS_4POOL[:2])[:, None] * before * modifier[last - PERIOD + 1 : last + 1].sum(0) * TIMESTEP
        rates.append((cs[last, :2] - before + respired).sum(1) / (PERIOD * TIMESTEP))
    return np.array(rates)
