"""The tridiagonal solver of JULES's implicit soil steps."""

from __future__ import annotations

import torch
from torch import Tensor


def solve_bounded(a: Tensor, b: Tensor, c: Tensor, d: Tensor, *, lower: Tensor, upper: Tensor) -> Tensor:
    r"""Solve :math:`a_n x_{n-1} + b_n x_n + c_n x_{n+1} = d_n`, with bounds on each :math:`x_n` during back substitution.

    JULES bounds an increment as soon as it is computed, so that the layer beneath is solved with the bounded value. Bounds that are applied
    after the solution give different results at saturation and at the freezing point.

    Where a pivot of the elimination is 0 the increment is the explicit one, :math:`x_n = d_n`, with the same bounds, as in JULES. This
    happens in single precision next to a dry layer of clay: on the straight line of suction below ``sthu`` = 0.05 the terms of a pivot are
    :math:`10^9` and cancel.

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

    Examples
    --------
    >>> a, b, c = torch.tensor([0.0, -1.0]), torch.tensor([2.0, 2.0]), torch.tensor([-1.0, 0.0])
    >>> d, lower, upper = torch.tensor([1.0, 1.0]), torch.tensor([0.0, 0.0]), torch.tensor([0.5, 2.0])
    >>> solve_bounded(a, b, c, d, lower=lower, upper=upper)  # without bounds [1, 1]
    tensor([0.5000, 0.7500])
    """
    n_layers = b.shape[0]
    # eliminate upwards: x_n = e_n - f_n x_{n-1}
    e: list[Tensor] = []
    f: list[Tensor] = []
    for n in range(n_layers - 1, -1, -1):
        pivot = b[n] - c[n] * f[0] if f else b[n]
        right = d[n] - c[n] * e[0] if e else d[n]
        vanishes = pivot == 0.0
        # a divisor of 1 in the branch that is not used keeps its gradient finite
        scale = torch.reciprocal(torch.where(vanishes, 1.0, pivot))
        e.insert(0, torch.where(vanishes, d[n], right * scale))
        f.insert(0, torch.where(vanishes, 0.0, a[n] * scale))
    x = [torch.minimum(torch.maximum(e[0], lower[0]), upper[0])]
    for n in range(1, n_layers):
        x.append(torch.minimum(torch.maximum(e[n] - f[n] * x[n - 1], lower[n]), upper[n]))
    return torch.stack(x)
