"""Vertical footprint of a cosmic-ray neutron sensor: differentiable weights of the layers of a soil-moisture profile."""

from __future__ import annotations

import torch
from torch import Tensor

#: Bottoms of JULES's four layers [m].
LAYER_BOTTOMS = (0.1, 0.35, 1.0, 3.0)
#: Distance from the sensor at which COSMOS-UK states the penetration depth [m].
DISTANCE = 75.0


def d86(theta: Tensor, bulk_density: Tensor | float, *, distance: float = DISTANCE) -> Tensor:
    r"""Compute the penetration depth, above which 86 % of the detected neutrons originate.

    .. math:: D_{86} = \frac{10}{\rho_b}\left[8.321 + 0.14249\,(0.96655 + e^{-0.01 r})\,\frac{20 + \theta}{0.0429 + \theta}\right]
              \text{ m}

    with :math:`\rho_b` in kg m-3; the papers use g cm-3 and cm.

    Parameters
    ----------
    theta : Tensor
        Water content, lattice and organic water included [m3 m-3].
    bulk_density : Tensor or float
        Dry bulk density [kg m-3].
    distance : float, optional
        Scaled distance from the sensor [m].

    Returns
    -------
    Tensor, shape of ``theta``
        Depth [m].

    References
    ----------
    Köhli et al. (2015), Water Resour. Res. 51, 5772-5790, eq. A5; Schrön et al. (2017), Hydrol. Earth Syst. Sci. 21, 5009-5030, eq. 7.
    """
    near = 0.96655 + torch.exp(torch.tensor(-0.01 * distance, dtype=theta.dtype, device=theta.device))
    return 10.0 / bulk_density * (8.321 + 0.14249 * near * (20.0 + theta) / (0.0429 + theta))


def layer_weights(theta: Tensor, bulk_density: Tensor | float, *, bottoms: tuple[float, ...] = LAYER_BOTTOMS) -> Tensor:
    r"""Compute the weight of each layer in the footprint: the integral of :math:`e^{-2 z / D_{86}}` over the layer.

    Parameters
    ----------
    theta : Tensor, shape (...)
        Water content that determines the penetration depth [m3 m-3].
    bulk_density : Tensor or float
        Dry bulk density [kg m-3].
    bottoms : tuple of float, optional
        Bottom of each layer, from the top [m].

    Returns
    -------
    Tensor, shape (..., layer)
        Weights that sum to 1.

    References
    ----------
    Schrön et al. (2017), eq. 8.
    """
    depth = d86(theta, bulk_density)[..., None]
    edges = torch.tensor((0.0, *bottoms), dtype=theta.dtype, device=theta.device)
    below = torch.exp(-2.0 * edges / depth)
    weight = below[..., :-1] - below[..., 1:]
    return weight / weight.sum(-1, keepdim=True)


def footprint_weights(profile: Tensor, bulk_density: Tensor | float, *, iterations: int = 2) -> Tensor:
    """Compute the weight of each layer in the footprint over a profile.

    The penetration depth depends on the weighted mean water content: it is computed by fixed-point iteration, starting from the water
    content of the upper layer.

    Parameters
    ----------
    profile : Tensor, shape (..., layer)
        Water content of the layers [m3 m-3]; clipped to 0.01 to 1.
    bulk_density : Tensor or float
        Dry bulk density [kg m-3].
    iterations : int, optional
        Number of iterations.

    Returns
    -------
    Tensor, shape (..., layer)
        Weights that sum to 1.
    """
    bounded = profile.clamp(0.01, 1.0)
    weights = layer_weights(bounded[..., 0], bulk_density)
    for _ in range(iterations - 1):
        weights = layer_weights((weights * bounded).sum(-1), bulk_density)
    return weights
