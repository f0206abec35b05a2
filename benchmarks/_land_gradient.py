"""Gradient through a year with snow of JULES's land surface, by the kernels of calibration, and by finite differences."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import NamedTuple

import _loobos_land
import torch
from _claims import Claims
from torch import Tensor

from jules_ml.physics.adjoint import AdjointSteps
from jules_ml.physics.column import ColumnState
from jules_ml.physics.compilation import NO_COMPILER, can_compile
from jules_ml.physics.kernel.trees import mapped, tensors
from jules_ml.physics.land_surface.properties import LandSurface
from jules_ml.physics.land_surface.state import LandForcing

STEPS_A_DAY = 48
#: Outputs whose means over the run are differentiated, with the scale on which they vary.
OUTPUTS = {"latent_heat": 10.0, "gpp_gb": 1e-8, "snow_mass_gb": 1.0, "smcl": 10.0, "t_soil": 1.0}
#: Displacement of finite differences, in the logarithm of a parameter.
_STEP = 1e-4


class Factors(NamedTuple):
    """Logarithms of the factors by which parameters differ, shape (1, column).

    ``satcon`` of the hydraulic conductivity, ``hcon`` of the conductivity of dry soil, ``b`` of the exponent of the retention curve, and
    ``lai`` of the leaf area.
    """

    satcon: Tensor
    hcon: Tensor
    b: Tensor
    lai: Tensor


class Gradient(NamedTuple):
    """Derivatives of the mean outputs, shape (output, parameter), by both methods."""

    adjoint: Tensor
    finite: Tensor


def gradient(folder: Path, days: int) -> Gradient:
    """Differentiate means of outputs over the first days of a run folder."""
    land = _loobos_land.land_run(folder, days)
    count = len(Factors._fields)
    _loobos_land.widen(land.column, 1 + 2 * count)
    surface = land.column.surface
    assert isinstance(surface, LandSurface)
    displaced = torch.zeros(count, 1 + 2 * count, dtype=torch.float64)
    for k in range(count):
        displaced[k, 1 + 2 * k], displaced[k, 2 + 2 * k] = _STEP, -_STEP

    def step(factors: Factors, state: ColumnState, weather: LandForcing) -> tuple[ColumnState, dict[str, Tensor]]:
        column, (satcon, hcon, b, lai) = copy.copy(land.column), (torch.exp(x) for x in factors)
        soil = column.soil
        column.soil = soil._replace(satcon=soil.satcon * satcon, hcon=soil.hcon * hcon, b=soil.b * b)
        column.surface = surface.with_vegetation(surface.lai * lai, None)
        return column.step(state, weather)

    n = displaced.shape[1]
    state = mapped(lambda x: x.expand(*x.shape[:-1], n), land.state)
    weather = mapped(lambda x: x[0].expand(*x.shape[1:-1], n), land.forcing)
    factors = Factors(*displaced.unsqueeze(1))
    steps = AdjointSteps(step, factors, state, weather, outputs=tuple(OUTPUTS), n_columns=n, compiled=can_compile())
    logs = displaced.clone().requires_grad_()
    packed, now = steps.pack(Factors(*logs.unsqueeze(1))), steps.pack(state)
    rows = torch.cat([x.reshape(x.shape[0], -1, x.shape[-1]) for x in tensors(land.forcing)], dim=1).expand(-1, -1, n)
    total = torch.zeros(())
    for day, part in enumerate(rows.split(STEPS_A_DAY)):
        now, outputs = steps.segment(packed, now, part.contiguous(), label=day)
        total = total + outputs.sum(0)
    means = _grouped(total / len(rows))
    adjoint = torch.stack([torch.autograd.grad(x[0], logs, retain_graph=True)[0][:, 0] for x in means])
    finite = (means[:, 1::2] - means[:, 2::2]).detach() / (2.0 * _STEP)
    return Gradient(adjoint, finite)


def _grouped(rows: Tensor) -> Tensor:
    """Scaled sums of the rows of each output, shape (output, column)."""
    sizes = {"smcl": 4, "t_soil": 4}
    parts = rows.split([sizes.get(name, 1) for name in OUTPUTS])
    return torch.stack([part.sum(0) / scale for part, scale in zip(parts, OUTPUTS.values(), strict=True)])


def gradient_claims(claims: Claims, data: Path, *, quick: bool) -> None:
    """Check that the gradient of the year is finite, and compare that of January with finite differences.

    Over a year finite differences do not converge: the smallest displacement changes in which step snow or soil freezes, melts or is solved
    once more, and each such event is a jump of the outputs.
    """
    name = "snow3_cold, full surface: gradient"
    if not can_compile():
        claims.not_measured(name, why=NO_COMPILER)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = _loobos_land.write_folder(data, "snow3_cold", Path(scratch) / "run")
        month = gradient(folder, 31)
        longest = month if quick else gradient(folder, 365)
    days = 31 if quick else 365
    bad = float((~torch.isfinite(longest.adjoint)).sum())
    claims.check(f"{name} of {days} days: elements that are not finite", bad, "<=", 0.0)
    errors = (month.adjoint - month.finite).abs() / month.finite.abs().amax(1, keepdim=True)
    note = f"largest {float(errors.max()):.1e}, median {float(errors.median()):.1e}"
    claims.check(
        f"{name} of January: elements within 2 % of differences",
        float((errors <= 0.02).double().mean()),
        ">=",
        0.9,
        note=note,
    )
