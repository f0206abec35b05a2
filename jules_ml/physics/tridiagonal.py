"""The tridiagonal solver of JULES's implicit soil steps."""

from __future__ import annotations

import torch
from torch import Tensor


def solve_bounded(a: Tensor, b: Tensor, c: Tensor, d: Tensor, *, lower: Tensor, upper: Tensor) -> Tensor:
    r"""Solve :math:`a_n x_{n-1} + b_n x_n + c_n x_{n+1} = d_n` from the bottom up, bounding each :math:`x_n` on the way down.

    JULES bounds an increment where it is found, so that the layer beneath is solved with the bounded value above it. A library's
    solver bounds afterwards and gives other numbers at saturation and at the freezing point.

    Where a denominator of the elimination vanishes the increment is the explicit one, :math:`x_n = d_n`, bounded like any other, as in
    JULES. Single precision comes to that: beside a layer of clay without water, whose suction is that of the straight line below
    ``sthu`` = 0.05, the terms of a denominator are :math:`10^9` and cancel.

    Parameters
    ----------
    a, b, c, d : Tensor, shape (layer, ...)
        Coefficients of each layer, top first; ``a[0]`` and ``c[-1]`` are not used.
    lower, upper : Tensor, shape (layer, ...)
        Bounds of each layer's solution.

    Returns
    -------
    Tensor, shape (layer, ...)
        The bounded solution.

    References
    ----------
    Best et al. (2011), Geosci. Model Dev. 4, 677-699, section 5.
    """
    n_layers = b.shape[0]
    # eliminate upwards: x_n = e_n - f_n x_{n-1}
    e: list[Tensor] = []
    f: list[Tensor] = []
    for n in range(n_layers - 1, -1, -1):
        pivot = b[n] - c[n] * f[0] if f else b[n]
        right = d[n] - c[n] * e[0] if e else d[n]
        vanishes = pivot == 0.0
        # the divisor of the branch that is not used is kept off zero for the sake of its gradient
        scale = torch.reciprocal(torch.where(vanishes, 1.0, pivot))
        e.insert(0, torch.where(vanishes, d[n], right * scale))
        f.insert(0, torch.where(vanishes, 0.0, a[n] * scale))
    x = [torch.minimum(torch.maximum(e[0], lower[0]), upper[0])]
    for n in range(1, n_layers):
        x.append(torch.minimum(torch.maximum(e[n] - f[n] * x[n - 1], lower[n]), upper[n]))
    return torch.stack(x)
