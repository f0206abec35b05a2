r"""Soil respiration in JULES's four-pool scheme (RothC), for the benchmarks that reproduce JULES's own runs.

The pools are in JULES's order: decomposable and resistant plant material (DPM, RPM), microbial biomass (BIO) and humus (HUM). The
``resp_s`` that JULES writes is what reaches the atmosphere: :func:`resp_frac` of the carbon respired.

References
----------
Clark et al. (2011), Geosci. Model Dev. 4, 701-722; Coleman and Jenkinson (1999), RothC-26.3; Burke et al. (2017), Geosci. Model Dev.
10, 959-975, for layered carbon.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

#: Specific respiration rate of each pool at 282.4 K and optimal wetness [s-1].
KAPS_4POOL: Final = (3.22e-7, 9.65e-9, 2.12e-8, 6.43e-10)


def fprf(veg_frac: Tensor) -> Tensor:
    r"""Vegetation modifier of soil respiration, which is larger for bare soil.

    .. math:: F_v = 0.6 + 0.4\,(1 - v)

    Parameters
    ----------
    veg_frac : Tensor
        Fraction of the ground under vegetation [1].

    Returns
    -------
    Tensor, shape of ``veg_frac``
        Vegetation modifier [1]; JULES applies it in the four-pool scheme only.

    References
    ----------
    Clark et al. (2011); JULES name ``fprf``.

    Examples
    --------
    >>> [round(x, 3) for x in fprf(torch.tensor([0.0, 1.0])).tolist()]
    [1.0, 0.6]
    """
    return 0.6 + 0.4 * (1.0 - veg_frac)


def resp_frac(clay: Tensor) -> Tensor:
    r"""Fraction of the respired carbon that goes to the atmosphere; the rest becomes BIO and HUM.

    .. math:: \frac{3.0895 + 2.672\,e}{4.0895 + 2.672\,e}, \qquad e = \exp(-7.86\,c)

    Parameters
    ----------
    clay : Tensor
        Clay as a fraction of the mineral soil [1].

    Returns
    -------
    Tensor, shape of ``clay``
        Fraction to the atmosphere [1]: 0.852 in soil without clay, and less with clay, which protects carbon.

    References
    ----------
    Coleman and Jenkinson (1999), RothC-26.3; Clark et al. (2011), whose :math:`\beta_R` is one minus this; JULES name
    ``resp_frac`` in its surface scheme (TRIFFID uses the same name for the complement).

    Examples
    --------
    >>> [round(x, 5) for x in resp_frac(torch.tensor([0.0, 0.2])).tolist()]
    [0.8521, 0.78468]
    """
    protected = 2.672 * torch.exp(-7.86 * clay)
    return (3.0895 + protected) / (4.0895 + protected)


def depth_factor(layer_thickness: Tensor, tau_resp: Tensor | float) -> Tensor:
    r"""Depth modifier of the respiration of layered carbon.

    .. math:: D_k = \exp(-\tau\, z_k)

    Parameters
    ----------
    layer_thickness : Tensor, shape (..., layer)
        Thickness of each layer [m]; JULES name ``dzsoil``.
    tau_resp : Tensor or float, broadcastable to ``layer_thickness``
        Decay with depth [m-1]; JULES name ``tau_resp``.

    Returns
    -------
    Tensor, shape of ``layer_thickness``
        Depth modifier at the middle of each layer [1].

    References
    ----------
    Burke et al. (2017).

    Examples
    --------
    >>> [round(x, 3) for x in depth_factor(torch.tensor([0.1, 0.25, 0.65, 2.0]), 2.0).tolist()]
    [0.905, 0.638, 0.259, 0.018]
    """
    middle = torch.cumsum(layer_thickness, dim=-1) - 0.5 * layer_thickness
    return torch.exp(-tau_resp * middle)


def respiration_four_pool(
    cs: Tensor,
    fsth: Tensor,
    ftemp: Tensor,
    fprf: Tensor,
    *,
    kaps: Tensor | Sequence[float] = KAPS_4POOL,
    depth_factor: Tensor | float = 1.0,
) -> Tensor:
    r"""Carbon respired by each of RothC's four pools, of which a fraction stays in the soil.

    .. math:: R_i = \kappa_i\, C_i\, f\, g\, F_v\, D

    Parameters
    ----------
    cs : Tensor, shape (..., pool)
        Soil carbon of DPM, RPM, BIO and HUM [kg m-2].
    fsth, ftemp, fprf : Tensor, broadcastable to ``cs`` without its last dimension
        Moisture, temperature and vegetation modifiers [1].
    kaps : Tensor or sequence, shape (pool,)
        Specific rates at 282.4 K and optimal wetness [s-1].
    depth_factor : Tensor or float, broadcastable to ``fsth``
        From :func:`depth_factor` for layered carbon [1].

    Returns
    -------
    Tensor, shape (..., pool)
        Respired carbon [kg m-2 s-1], of which :func:`resp_frac` goes to the atmosphere; for ``cs`` of 1, the decay
        rates [s-1].

    References
    ----------
    Clark et al. (2011); JULES names ``resp_s`` (before its output), ``kaps_4pool``.
    """
    modifier = fsth * ftemp * fprf * depth_factor
    return torch.as_tensor(kaps, dtype=cs.dtype, device=cs.device) * cs * modifier.unsqueeze(-1)
