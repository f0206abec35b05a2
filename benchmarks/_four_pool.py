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

import torch
from torch import Tensor

from jules_ml.physics.constants import KAPS_4POOL
from jules_ml.physics.soil_carbon import depth_factor, fprf, resp_frac

__all__ = ["KAPS_4POOL", "depth_factor", "fprf", "resp_frac", "respiration_four_pool"]


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
