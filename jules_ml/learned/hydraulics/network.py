r"""Learned soil hydraulics: a small network from static inputs to JULES's soil properties.

For topsoil and subsoil of every site the network gives five unbounded numbers, of which :mod:`jules_ml.learned.hydraulics.soil` makes a
consistent soil:

.. math:: u = c_h + A\,x + B_h\tanh(C\,x + d)

with :math:`x` the scaled inputs and :math:`h` the horizon. Several networks side by side are an ensemble; their mean is what is given, and
their spread says how far the data leave it open.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from jules_ml.learned.hydraulics.inputs import LOGARITHMIC
from jules_ml.learned.hydraulics.soil import PARAMETERS

_HORIZONS = 2


class LearnedHydraulics(nn.Module):
    """An ensemble of networks from static inputs to unbounded soil parameters.

    Parameters
    ----------
    inputs : sequence of str
        Names among :data:`~jules_ml.learned.hydraulics.inputs.INPUTS`, in order.
    members : int
        Networks side by side.
    hidden : int
        Units of the hidden layer of each.
    seed : int
        Of the first weights.
    """

    centre: Tensor
    spread: Tensor
    seen_min: Tensor
    seen_max: Tensor

    def __init__(self, inputs: Sequence[str], *, members: int = 8, hidden: int = 8, seed: int = 0) -> None:
        super().__init__()
        self.inputs = tuple(inputs)
        n, outputs = len(self.inputs), len(PARAMETERS) * _HORIZONS
        generator = torch.Generator().manual_seed(seed)

        def drawn(*shape: int, scale: float) -> nn.Parameter:
            return nn.Parameter(scale * torch.randn(*shape, generator=generator, dtype=torch.float64))

        self.level = nn.Parameter(torch.zeros(members, outputs, dtype=torch.float64))
        self.direct = nn.Parameter(torch.zeros(members, outputs, n, dtype=torch.float64))
        self.inward = drawn(members, hidden, n, scale=1.0 / np.sqrt(max(n, 1)))
        self.threshold = drawn(members, hidden, scale=0.5)
        self.outward = drawn(members, outputs, hidden, scale=0.01)
        for name, value in (("centre", 0.0), ("spread", 1.0), ("seen_min", 0.0), ("seen_max", 0.0)):
            self.register_buffer(name, torch.full((n,), value, dtype=torch.float64))

    def scale_to(self, table: NDArray[np.floating]) -> None:
        """Take scaling, and the range that counts as seen, from the inputs of the sites learned from.

        Parameters
        ----------
        table : array, shape (site, input)
            As :func:`input_table` gives it.
        """
        known = np.isfinite(table)
        count = np.maximum(known.sum(0), 1)
        mean = np.where(known, table, 0.0).sum(0) / count
        deviation = np.sqrt((np.where(known, table - mean, 0.0) ** 2).sum(0) / count)
        self.centre.copy_(torch.tensor(mean))
        self.spread.copy_(torch.tensor(np.where(deviation > 1e-6, deviation, 1.0)))
        self.seen_min.copy_(torch.tensor(np.where(known, table, np.inf).min(0)).nan_to_num(posinf=0.0))
        self.seen_max.copy_(torch.tensor(np.where(known, table, -np.inf).max(0)).nan_to_num(neginf=0.0))

    def forward(self, table: Tensor) -> Tensor:
        """Give the unbounded parameters of every member.

        Parameters
        ----------
        table : Tensor, shape (site, input)
            As :func:`input_table` gives it. An input that is not known (NaN) counts as the mean of the sites learned from; one beyond what
            was seen there counts as the nearest that was.

        Returns
        -------
        Tensor, shape (member, parameter, horizon, site)
        """
        held = torch.minimum(torch.maximum(table.double(), self.seen_min), self.seen_max)
        x = ((held - self.centre) / self.spread).nan_to_num(nan=0.0)
        hidden = torch.tanh(torch.einsum("mhi,si->mhs", self.inward, x) + self.threshold[..., None])
        u = self.level[..., None] + torch.einsum("moi,si->mos", self.direct, x) + self.outward @ hidden
        return u.unflatten(1, (len(PARAMETERS), _HORIZONS))


def input_table(sites: Sequence[dict[str, float]], names: Sequence[str]) -> NDArray[np.float64]:
    """Static inputs as the network takes them.

    Parameters
    ----------
    sites : sequence of dict of str to float
        Inputs of each site by name; NaN, or left out, where not known.
    names : sequence of str
        Which ones, in order.

    Returns
    -------
    array, shape (site, input)
        Logarithms of those that spread over orders of magnitude.
    """
    table = np.array([[site.get(name, np.nan) for name in names] for site in sites], dtype=np.float64)
    for k, name in enumerate(names):
        if name in LOGARITHMIC:
            table[:, k] = np.log(np.maximum(table[:, k], 1e-3))
    return table
