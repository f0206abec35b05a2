r"""Learned soil hydraulics: a small network from static inputs to JULES's soil properties.

For topsoil and subsoil of each site the network predicts five unbounded parameters, from which :mod:`jules_ml.learned.hydraulics.soil`
computes consistent soil properties:

.. math:: u = c_h + A\,x + B_h\tanh(C\,x + d)

with :math:`x` the scaled inputs and :math:`h` the horizon. Several networks form an ensemble: the prediction is the mean of its members,
and their spread measures its uncertainty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from jules_ml.learned.hydraulics.inputs import LOGARITHMIC
from jules_ml.learned.hydraulics.soil import PARAMETERS

_HORIZONS = 2


class LearnedHydraulics(nn.Module):
    """An ensemble of networks that predict unbounded soil parameters from static inputs.

    Parameters
    ----------
    inputs : sequence of str
        Names among :data:`~jules_ml.learned.hydraulics.inputs.INPUTS`, in order.
    members : int
        Number of networks.
    hidden : int
        Number of units of the hidden layer of each network.
    seed : int
        Seed of the initial weights.
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

        def random_weights(*shape: int, scale: float) -> nn.Parameter:
            return nn.Parameter(scale * torch.randn(*shape, generator=generator, dtype=torch.float64))

        self.level = nn.Parameter(torch.zeros(members, outputs, dtype=torch.float64))
        self.direct = nn.Parameter(torch.zeros(members, outputs, n, dtype=torch.float64))
        self.inward = random_weights(members, hidden, n, scale=1.0 / np.sqrt(max(n, 1)))
        self.threshold = random_weights(members, hidden, scale=0.5)
        self.outward = random_weights(members, outputs, hidden, scale=0.01)
        for name, value in (("centre", 0.0), ("spread", 1.0), ("seen_min", 0.0), ("seen_max", 0.0)):
            self.register_buffer(name, torch.full((n,), value, dtype=torch.float64))

    def scale_to(self, table: NDArray[np.floating]) -> None:
        """Set the scaling and the training range from the inputs of the training sites.

        Parameters
        ----------
        table : array, shape (site, input)
            From :func:`input_table`.
        """
        finite = np.isfinite(table)
        count = np.maximum(finite.sum(0), 1)
        mean = np.where(finite, table, 0.0).sum(0) / count
        deviation = np.sqrt((np.where(finite, table - mean, 0.0) ** 2).sum(0) / count)
        self.centre.copy_(torch.tensor(mean))
        self.spread.copy_(torch.tensor(np.where(deviation > 1e-6, deviation, 1.0)))
        self.seen_min.copy_(torch.tensor(np.where(finite, table, np.inf).min(0)).nan_to_num(posinf=0.0))
        self.seen_max.copy_(torch.tensor(np.where(finite, table, -np.inf).max(0)).nan_to_num(neginf=0.0))

    def forward(self, table: Tensor) -> Tensor:
        """Predict the unbounded parameters with all members.

        Parameters
        ----------
        table : Tensor, shape (site, input)
            From :func:`input_table`. An unknown input (NaN) is replaced by the mean of the training sites; an input outside the training
            range by the nearest value within.

        Returns
        -------
        Tensor, shape (member, parameter, horizon, site)
        """
        x = self.scaled(table)
        hidden = torch.tanh(torch.einsum("mhi,si->mhs", self.inward, x) + self.threshold[..., None])
        u = self.level[..., None] + torch.einsum("moi,si->mos", self.direct, x) + self.outward @ hidden
        parameters: Tensor = u.unflatten(1, (len(PARAMETERS), _HORIZONS))
        return parameters

    def scaled(self, table: Tensor) -> Tensor:
        """Scale inputs, shape (site, input), by the mean and the spread of the training sites; 0 where unknown."""
        clipped = torch.minimum(torch.maximum(table.double(), self.seen_min), self.seen_max)
        return ((clipped - self.centre) / self.spread).nan_to_num(nan=0.0)

    def draws(self, table: Tensor) -> Tensor:
        """Predict the unbounded parameters of the soils whose spread is the uncertainty, for the runs of an ensemble.

        Parameters
        ----------
        table : Tensor, shape (site, input)
            From :func:`input_table`.

        Returns
        -------
        Tensor, shape (member, parameter, horizon, site)
            The members, as from :meth:`forward`.
        """
        members: Tensor = self(table)
        return members


def input_table(sites: Sequence[dict[str, float]], names: Sequence[str]) -> NDArray[np.float64]:
    """Array of static inputs for the network.

    Parameters
    ----------
    sites : sequence of dict of str to float
        Inputs of each site by name; NaN or absent if unknown.
    names : sequence of str
        Names of the inputs, in order.

    Returns
    -------
    array, shape (site, input)
        The inputs of :data:`~jules_ml.learned.hydraulics.inputs.LOGARITHMIC` are logarithms.
    """
    columns = {name: np.array([site.get(name, np.nan) for site in sites], dtype=np.float64) for name in names}
    return column_table(columns, names, count=len(sites))


def column_table(
    columns: Mapping[str, NDArray[np.float64]], names: Sequence[str], *, count: int
) -> NDArray[np.float64]:
    """Array of static inputs for the network, from an array of each input.

    Parameters
    ----------
    columns : mapping of str to array, shape (site,)
        Inputs by name; others are ignored. NaN or absent if unknown.
    names : sequence of str
        Names of the inputs, in order.
    count : int
        Number of sites.

    Returns
    -------
    array, shape (site, input)
        As from :func:`input_table`.
    """
    table = np.full((count, len(names)), np.nan)
    for k, name in enumerate(names):
        if name in columns:
            table[:, k] = np.log(np.maximum(columns[name], 1e-3)) if name in LOGARITHMIC else columns[name]
    return table
