r"""Gain and loss of soil carbon in a single pool.

JULES updates its pools once in each TRIFFID period (10 days, for example) by the respiration over it. The step here is implicit: it
conserves carbon, keeps the pool positive for any time step, and is differentiable.

References
----------
Clark et al. (2011), Geosci. Model Dev. 4, 701-722.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class PoolStep(NamedTuple):
    """Carbon ``cs`` [kg m-2] at the end of a step, and the mean flux to the atmosphere over it ``co2`` [kg m-2 s-1]."""

    cs: Tensor
    co2: Tensor


def step_one_pool(cs: Tensor, rate: Tensor, litter: Tensor, timestep: float) -> PoolStep:
    r"""Advance a single pool of soil carbon by one implicit step.

    .. math:: C' = \frac{C + \Lambda\,\Delta t}{1 + r\,\Delta t}

    Stable and positive for any time step.

    Parameters
    ----------
    cs : Tensor
        Soil carbon [kg m-2].
    rate : Tensor, broadcastable to ``cs``
        Decay rate [s-1]: :func:`~jules_ml.physics.respiration.respiration_one_pool` of one unit of carbon.
    litter : Tensor, broadcastable to ``cs``
        Litter fall [kg m-2 s-1].
    timestep : float
        Length of the step [s].

    Returns
    -------
    PoolStep
        ``cs' - cs = (litter - co2) * timestep`` to rounding.

    References
    ----------
    Clark et al. (2011).

    Examples
    --------
    Ten days of the decay rate 0.5e-8 s-1, with litter that balances it, leave 10 kg m-2 as they are.

    >>> import torch
    >>> step = step_one_pool(torch.tensor(10.0), torch.tensor(0.5e-8), torch.tensor(5.0e-8), 864000.0)
    >>> round(float(step.cs), 5), round(1e8 * float(step.co2), 5)
    (10.0, 5.0)
    """
    after = (cs + timestep * litter) / (1.0 + timestep * rate)
    return PoolStep(cs=after, co2=rate * after)
