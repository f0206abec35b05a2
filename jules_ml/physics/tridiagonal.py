"""The tridiagonal solver of JULES's implicit soil steps."""

from __future__ import annotations

import torch
from torch import Tensor


def solve_bounded(a: Tensor, b: Tensor, c: Tensor, d: Tensor, *, lower: Tensor, upper: Tensor) -> Tensor:
    r"""Solve :math:`a_n x_{n-1} + b_n x_n + c_n x_{n+1} = d_n` from the bottom up, bounding each :math:`x_n` on the way down.

    JULES bounds an increment where it is found, so that the layer beneath is solved with the bounded value above it. A library's
    solver bounds afterwards and gives other numbers at saturation and at the freezing point.

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
    scale = torch.reciprocal(b[-1])
    e, f = [d[-1] * scale], [a[-1] * scale]
    for n in range(n_layers - 2, -1, -1):
        scale = torch.reciprocal(b[n] - c[n] * f[0])
        e.insert(0, (d[n] - c[n] * e[0]) * scale)
        f.insert(0, a[n] * scale)
    x = [torch.minimum(torch.maximum(e[0], lower[0]), upper[0])]
    for n in range(1, n_layers):
        x.append(torch.minimum(torch.maximum(e[n] - f[n] * x[n - 1], lower[n]), upper[n]))
    return torch.stack(x)
