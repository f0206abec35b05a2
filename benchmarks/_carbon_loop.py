"""The closed loop at Loobos: the weather of 1997 repeated, on a sandy soil whose hydraulics depend on carbon by HYPRES."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import torch
from _loobos import standalone

from jules_ml.column.closed_loop.carbon_soil import hypres_of_carbon
from jules_ml.column.closed_loop.loop import LOOP_OUTPUTS, LoopRun, closed_loop
from jules_ml.physics.column import SoilColumn
from jules_ml.physics.constants import SECONDS_PER_YEAR
from jules_ml.physics.integration import integrate
from jules_ml.physics.surface import Forcing

#: Soil carbon of the run of JULES [kg m-2], for which the soil properties hold.
CS = 12.1
#: Initial carbon of each column as a fraction of it.
STARTS = (1.0, 0.5, 1.5, 2.0)
#: Litter of all columns [kg m-2 s-1]: 0.5 kg in a year.
LITTER = 0.5 / SECONDS_PER_YEAR
#: Steps after which carbon is updated: five days.
PERIOD = 240


@dataclass(frozen=True, eq=False)
class Loobos:
    """A closed loop at Loobos, and its cost.

    ``seconds`` and ``processor_seconds`` include compilation; ``off_differs`` is the greatest relative difference between a plain run
    and a closed loop with all modules off.
    """

    run: LoopRun
    seconds: float
    processor_seconds: float
    off_differs: float


def closed_loobos(
    data: Path,
    *,
    years: int,
    days: int | None = None,
    compiled: bool | None = None,
) -> Loobos:
    """Run the loop for ``years`` passes, and one pass with all modules off to compare with the plain column."""
    dtype = torch.float64
    forcing, _, jules = standalone(data, dtype)
    if days is not None:
        forcing = Forcing(*(x[: 48 * days] for x in forcing))

    def layers(*values: float) -> torch.Tensor:
        return torch.tensor(values, dtype=dtype)[:, None]

    described = hypres_of_carbon(
        layers(0.06, 0.06, 0.05, 0.05),
        layers(0.03, 0.03, 0.03, 0.03),
        layers(1350.0, 1400.0, 1550.0, 1600.0),
        layers(0.02, 0.012, 0.004, 0.002),
        layers(1.0, 1.0, 0.0, 0.0),
        torch.tensor(CS, dtype=dtype),
    )
    cs = CS * torch.tensor(STARTS, dtype=dtype)
    began, busy = time.perf_counter(), time.process_time()
    column = SoilColumn(described(cs), jules.dzsoil, timestep=1800.0, surface=jules.surface)
    state = column.initial_state(
        layers(0.6, 0.6, 0.6, 0.6).expand(-1, len(cs)), layers(277.0, 277.5, 279.0, 282.0).expand(-1, len(cs))
    )
    run = closed_loop(
        column,
        state,
        forcing,
        cs,
        passes=years,
        period=PERIOD,
        litter=torch.full_like(cs, LITTER),
        soil_of_carbon=described,
        compiled=compiled,
    )
    seconds, processor_seconds = time.perf_counter() - began, time.process_time() - busy
    plain = SoilColumn(described(cs), jules.dzsoil, timestep=1800.0, surface=jules.surface, cs=cs)
    off = SoilColumn(described(cs), jules.dzsoil, timestep=1800.0, surface=jules.surface)
    direct = integrate(plain, state, forcing, outputs=LOOP_OUTPUTS, mean_over=PERIOD, compiled=compiled).outputs
    loop = closed_loop(off, state, forcing, cs, passes=1, period=PERIOD, moves=False, compiled=compiled).outputs
    differs = max(
        float((loop[name] - direct[name]).abs().max() / direct[name].abs().max().clamp(min=1e-30))
        for name in ("smcl", "t_soil", "sthf", "resp_s_gb", "runoff")
    )
    return Loobos(run, seconds, processor_seconds, differs)
