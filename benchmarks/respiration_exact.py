"""Soil respiration compared with JULES 7.6: f, g and R in every step and layer of a year at Loobos.

Three runs: ``gl4`` (one pool), ``trif`` (four pools at the conditions of level 2) and ``layeredcn`` (four pools in four
layers). JULES ran in single precision, and its respiration depends on the state at the end of the previous step. So
``jules_ml.physics.respiration`` is evaluated at the state of step t - 1 and compared with the output of JULES at step t.
The first step is left out, because the state before it is not in the output.

In the runs with TRIFFID the first step after each of its calls is treated separately: the steps after one that changed
``cs``. JULES then adds to respiration the residual of the carbon budget of TRIFFID, within one step and in proportion to
the pools (``resp_s_acc``). The last claims show this: the surplus is the same fraction of every pool, and at most a few
rounding errors of the soil carbon, except after calls with a pool at the lower bound ``cs_min``, when the carbon that
the bound added is removed again.

Run as ``python benchmarks/respiration_exact.py [--quick]``.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import _four_pool
import numpy as np
import torch
import xarray as xr
from _claims import Claims, argument_parser
from torch import Tensor

from jules_ml.physics import respiration

RUNS = ("gl4", "trif", "layeredcn")
#: Largest relative difference in each precision; JULES itself rounds to 6e-8 in every operation.
TARGETS = {torch.float32: 2e-6, torch.float64: 1e-5}
#: Clay of the mineral soil in the three runs; JULES's value when no clay is given.
CLAY = 0.0
#: Length of a step in the three runs [s].
TIMESTEP = 1800.0
#: TRIFFID was called every ten days.
STEPS_BETWEEN_TRIFFID_CALLS = 480


@dataclass(frozen=True)
class Run:
    """One JULES run: its output without the grid, and the settings that respiration depends on."""

    name: str
    output: xr.Dataset
    settings: dict[str, Any]

    @property
    def pools(self) -> Literal[1, 4]:
        return 1 if self.settings["soil_bgc_model"] == 1 else 4

    @property
    def layered(self) -> bool:
        return bool(self.settings["l_layeredc"])

    @property
    def level(self) -> int:
        """Soil layer whose conditions drive carbon that is not layered."""
        return 1 if self.settings["l_soil_resp_lev2"] else 0

    def values(self, name: str, dtype: torch.dtype) -> Tensor:
        """A variable of the output; JULES's single-precision numbers, exactly."""
        return torch.from_numpy(self.output[name].to_numpy()).to(dtype)

    def steps_after_triffid(self) -> np.ndarray:
        """Steps that follow one in which TRIFFID changed the carbon."""
        changed = (self.output["cs"].diff("time", label="upper") != 0).any(("scpool", "sclayer")).to_numpy()
        # position i of `changed` is step i + 1; the step after it is i + 2
        steps = np.flatnonzero(changed) + 2
        return steps[steps < self.output.sizes["time"]]


def read_run(folder: Path, name: str, steps: int | None) -> Run:
    """Read one run of the golden output; ``steps`` shortens it."""
    settings = json.loads((folder / "loobos_settings.json").read_text(encoding="utf-8"))[name]
    with xr.open_dataset(folder / f"loobos_1997_{name}_30min.nc") as output:
        point = output.isel(x=0, y=0, time=slice(steps)).load()
    merged = {**settings["jules_soil_biogeochem"]["jules_soil_biogeochem"], **settings["jules_soil"]["jules_soil"]}
    return Run(name, point, merged)


def factors(run: Run, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Moisture and temperature modifiers by step and layer, from the state at the end of the previous step."""
    wetness = run.values("sthu", dtype)
    if run.settings["l_soil_resp_lev2"]:
        wetness = wetness + run.values("sthf", dtype)
    f = respiration.fsth(wetness, run.values("sm_wilt", dtype), run.values("sm_sat", dtype), pools=run.pools)
    t_soil = run.values("t_soil", dtype)
    g = (
        respiration.ftemp_q10(t_soil, run.settings["q10_soil"])
        if run.settings["l_q10"]
        else respiration.ftemp_rothc(t_soil)
    )
    return f[:-1], g[:-1]


def respired(run: Run, f: Tensor, g: Tensor) -> Tensor:
    """Respiration to the atmosphere by step, layer of carbon and pool."""
    dtype = f.dtype
    cs = run.values("cs", dtype)[:-1].transpose(-1, -2)
    if not run.layered:
        f, g = f[:, run.level, None], g[:, run.level, None]
    if run.pools == 1:
        return respiration.respiration_one_pool(cs[..., 0], f, g, kaps=run.settings["kaps"])[..., None]
    depth: Tensor | float = 1.0
    if run.layered:
        thickness = torch.tensor(run.settings["dzsoil_io"], dtype=dtype)
        depth = _four_pool.depth_factor(thickness, run.settings["tau_resp"])
    # the vegetation factor is written by JULES in the step it is used in: no lag
    fprf = run.values("fprf", dtype)[1:, None]
    all_carbon = _four_pool.respiration_four_pool(cs, f, g, fprf, kaps=run.settings["kaps_4pool"], depth_factor=depth)
    return all_carbon * _four_pool.resp_frac(torch.tensor(CLAY, dtype=dtype))


def worst(computed: Tensor, jules: Tensor) -> float:
    """Largest relative difference; infinite where JULES is zero and the value is not."""
    computed, jules = computed.double(), jules.double()
    difference = (computed - jules).abs() / jules.abs()
    return float(torch.where(computed == jules, 0.0, difference).max())


def check_run(claims: Claims, run: Run, dtype: torch.dtype) -> None:
    """f, g and R of one run in one precision."""
    precision = str(dtype).removeprefix("torch.")
    f, g = factors(run, dtype)
    jules = run.values("resp_s", dtype)[1:].transpose(-1, -2)
    computed = respired(run, f, g)
    apart = np.zeros(len(f), dtype=bool)
    if run.pools == 4:
        apart[run.steps_after_triffid() - 1] = True
    ordinary = torch.from_numpy(~apart)
    target = TARGETS[dtype]
    measured = {
        "f": worst(f, run.values("fsth", dtype)[1:]),
        "g": worst(g, run.values("ftemp", dtype)[1:]),
        "R": worst(computed[ordinary], jules[ordinary]),
    }
    steps = {"f": len(f), "g": len(f), "R": int(ordinary.sum())}
    for name, value in measured.items():
        claims.check(
            f"{run.name} {precision} {name}: worst relative difference",
            value,
            "<=",
            target,
            note=f"{steps[name]} steps",
        )


def check_steps_after_triffid(claims: Claims, run: Run) -> None:
    """Check the surplus of respiration in the steps after TRIFFID: their number, and its cause."""
    steps = run.steps_after_triffid()
    calls = run.output.sizes["time"] // STEPS_BETWEEN_TRIFFID_CALLS
    claims.check(f"{run.name} steps held apart", len(steps), "<=", calls)
    f, g = factors(run, torch.float64)
    jules = run.values("resp_s", torch.float64)[1:].transpose(-1, -2)
    to_atmosphere = _four_pool.resp_frac(torch.tensor(CLAY, dtype=torch.float64))
    surplus = ((jules - respired(run, f, g)) * TIMESTEP / to_atmosphere)[steps - 1]
    carbon = run.values("cs", torch.float64)[:-1].transpose(-1, -2)[steps - 1]
    by_layer = surplus.sum(-1, keepdim=True)
    shared_out = by_layer * carbon / carbon.sum(-1, keepdim=True)
    unexplained = (surplus - shared_out).abs().sum(-1, keepdim=True) / by_layer.abs()
    claims.check(f"{run.name} surplus not in proportion to the pools", float(unexplained.max()), "<=", 0.01)
    at_bound = (carbon <= 1.01 * float(run.settings["cs_min"])).any(-1).any(-1)
    rounding = torch.finfo(torch.float32).eps * carbon.sum((-1, -2))
    roundings = by_layer.abs().amax((-1, -2)) / rounding
    claims.check(
        f"{run.name} surplus in roundings of the soil's carbon",
        float(roundings[~at_bound].max()),
        "<=",
        2.0,
        note=f"{int((~at_bound).sum())} steps with no pool at cs_min",
    )


def main() -> int:
    arguments = argument_parser(__doc__)
    options = arguments.parse_args()
    claims = Claims("respiration_exact", quick=options.quick)
    for name in RUNS:
        run = read_run(options.data / "jules", name, steps=1500 if options.quick else None)
        for dtype in TARGETS:
            check_run(claims, run, dtype)
        if run.pools == 4:
            check_steps_after_triffid(claims, run)
    return claims.finish()


if __name__ == "__main__":
    sys.exit(main())
