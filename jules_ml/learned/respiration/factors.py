r"""Factors of a learned flux, each represented by its logarithm at nodes.

A factor is evaluated at its nodes and interpolated linearly between them, in training and in use. The network is therefore evaluated at
a few hundred points whatever the length of the record, and the table that JULES reads is exactly the learned curve.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

#: Temperature at which respiration becomes zero in Lloyd and Taylor's form [K].
LLOYD_TAYLOR_T0 = 227.13
#: Temperature sensitivity of Lloyd and Taylor's form [K], their value over all sites.
LLOYD_TAYLOR_E0 = 308.56


class Factor(nn.Module):
    """Logarithm of a factor at its nodes; fitted by :mod:`jules_ml.learned.respiration.training`.

    Subclasses implement :meth:`forward`.
    """

    def forward(self) -> tuple[Tensor, Tensor]:
        """Return the logarithm of the factor and its penalised part, both of shape (node,)."""
        raise NotImplementedError


class GroupFactor(Factor):
    """Logarithm of one free positive number per group of rows (site, chamber, or site and year), such as R0.

    Parameters
    ----------
    groups : int
        Number of groups.
    start : float
        Initial value of the numbers, in the unit of the flux; above zero.
    """

    def __init__(self, groups: int, start: float = 1.0) -> None:
        super().__init__()
        self.log_level = nn.Parameter(torch.full((groups,), float(start)).log().double())

    def forward(self) -> tuple[Tensor, Tensor]:
        """Return the logarithm of the number of each group, twice, shape (group,)."""
        return self.log_level, self.log_level


class Curve(Factor):
    """Free curve of one variable, represented by a network with one or more hidden layers.

    Parameters
    ----------
    nodes : Tensor, shape (node,)
        Nodes, scaled so that most of the data lie in -1 to 1.
    hidden : tuple of int
        Width of each hidden layer.
    generator : torch.Generator
        Source of the initial weights.

    Notes
    -----
    The hidden units of the first layer are initially spread over the range of the data, each a step about 1 wide, and the last layer
    is initially zero. A curve is therefore initially flat, and members of the network ensemble differ by the positions of their units.
    """

    nodes: Tensor

    def __init__(self, nodes: Tensor, hidden: tuple[int, ...], generator: torch.Generator) -> None:
        super().__init__()
        self.register_buffer("nodes", nodes.double())
        self.network = _network(hidden, generator)

    def forward(self) -> tuple[Tensor, Tensor]:
        """Return the logarithm of the curve, twice, shape (node,)."""
        log = self.network(self.nodes.unsqueeze(-1)).squeeze(-1)
        return log, log


class LloydTaylorCurve(Factor):
    r"""Lloyd and Taylor's temperature curve multiplied by a free curve.

    .. math:: \ln g = E_0 \left(\frac{1}{56.02} - \frac{1}{T - 227.13}\right) + h(T)

    If the free curve is fixed at zero, this is Lloyd and Taylor's form.

    Parameters
    ----------
    t_nodes : Tensor, shape (node,)
        Temperature of the nodes [K].
    free : Curve
        Free curve on the same nodes.

    References
    ----------
    Lloyd and Taylor (1994), Funct. Ecol. 8, 315-323, eq. 11.
    """

    base: Tensor

    def __init__(self, t_nodes: Tensor, free: Curve) -> None:
        super().__init__()
        above = torch.clamp(t_nodes.double() - LLOYD_TAYLOR_T0, min=5.0)
        self.register_buffer("base", LLOYD_TAYLOR_E0 * (1.0 / 56.02 - 1.0 / above))
        self.sensitivity = nn.Parameter(torch.ones(1, dtype=torch.float64))
        self.free = free

    def forward(self) -> tuple[Tensor, Tensor]:
        """Return the logarithm of the curve, and that of its free part, shape (node,)."""
        free, _ = self.free()
        return self.sensitivity * self.base + free, free


class RisingCurve(Factor):
    r"""Temperature curve that never decreases: its logarithm is the integral of a positive slope.

    .. math:: \ln g(T) = E_0 \int^{T} \frac{\operatorname{softplus}(h(T') + 0.54)}{(T' - 227.13)^2}\,\mathrm{d}T'

    Parameters
    ----------
    t_nodes : Tensor, shape (node,)
        Temperature of the nodes [K], evenly spaced.
    free : Curve
        Network of the slope, on the same nodes.
    """

    rises: Tensor

    def __init__(self, t_nodes: Tensor, free: Curve) -> None:
        super().__init__()
        above = torch.clamp(t_nodes.double() - LLOYD_TAYLOR_T0, min=5.0)
        base = -LLOYD_TAYLOR_E0 / above
        self.register_buffer("rises", torch.diff(base, prepend=base[:1]))
        self.log_sensitivity = nn.Parameter(torch.zeros(1, dtype=torch.float64))
        self.free = free

    def forward(self) -> tuple[Tensor, Tensor]:
        """Return the logarithm of the curve, and its network, shape (node,)."""
        free, _ = self.free()
        # softplus(0.5413) is 1, so that a network of zero gives Lloyd and Taylor's form
        log = torch.cumsum(torch.exp(self.log_sensitivity) * self.rises * softplus(free + 0.5413248546129181), dim=0)
        return log - log.mean(), free


class Surface(Factor):
    """Free surface of two variables on a grid of nodes, with which separability is tested.

    Parameters
    ----------
    nodes : Tensor, shape (node, 2)
        Nodes, both variables scaled as in :class:`Curve`.
    hidden, generator
        As in :class:`Curve`.
    """

    nodes: Tensor

    def __init__(self, nodes: Tensor, hidden: tuple[int, ...], generator: torch.Generator) -> None:
        super().__init__()
        self.register_buffer("nodes", nodes.double())
        self.network = _network(hidden, generator, inputs=2)

    def forward(self) -> tuple[Tensor, Tensor]:
        """Return the logarithm of the surface, twice, shape (node,)."""
        log = self.network(self.nodes).squeeze(-1)
        return log, log


def _network(hidden: tuple[int, ...], generator: torch.Generator, inputs: int = 1) -> nn.Sequential:
    """Build a network of tanh layers whose first units are spread over -1.2 to 1.2 and whose output is zero."""
    layers: list[nn.Module] = []
    width_in = inputs
    for number, width in enumerate(hidden):
        layer = nn.Linear(width_in, width, dtype=torch.float64)
        with torch.no_grad():
            direction = torch.randn(width, width_in, generator=generator, dtype=torch.float64)
            direction = direction / direction.norm(dim=1, keepdim=True)
            steepness = 1.0 + 2.0 * torch.rand(width, 1, generator=generator, dtype=torch.float64)
            # evenly spread centres with a random shift, so that a curve can bend anywhere in the range of the data
            spacing = torch.linspace(-1.2, 1.2, width, dtype=torch.float64)
            centre = spacing + (torch.rand(width, generator=generator, dtype=torch.float64) - 0.5) * 2.4 / width
            scale = 1.0 if number == 0 else 1.0 / width_in**0.5
            layer.weight.copy_(direction * steepness * scale)
            layer.bias.copy_(-(direction[:, 0] * steepness[:, 0]) * centre if number == 0 else torch.zeros(width))
        layers += [layer, nn.Tanh()]
        width_in = width
    last = nn.Linear(width_in, 1, dtype=torch.float64)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(*layers, last)
