r"""Factors of one variable, known by their logarithm at nodes: what a learned flux is a product of.

A factor is evaluated where its nodes are and interpolated linearly in between, in learning as in use. So the network sees a few
hundred numbers whatever the length of the record, and the table that JULES reads *is* the learned curve, not a likeness of it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

#: Lowest temperature of Lloyd and Taylor's form, where respiration ceases [K].
LLOYD_TAYLOR_T0 = 227.13
#: Temperature sensitivity of Lloyd and Taylor's form [K], the value they found over all their sites.
LLOYD_TAYLOR_E0 = 308.56


class Factor(nn.Module):
    """Logarithm of a factor at its nodes; fitted by :mod:`jules_ml.learned.respiration.training`.

    Subclasses give :meth:`forward`: the logarithm, and the part of it that is to be smooth and small, both of shape (node,).
    """

    def forward(self) -> tuple[Tensor, Tensor]:
        raise NotImplementedError


class Level(Factor):
    """Logarithm of a free positive number for each group of rows (a site, a chamber, a site and year).

    Parameters
    ----------
    groups : int
        How many groups there are.
    start : float
        First guess of the number, in the unit of the flux; above zero.
    """

    def __init__(self, groups: int, start: float = 1.0) -> None:
        super().__init__()
        self.log_level = nn.Parameter(torch.full((groups,), float(start)).log().double())

    def forward(self) -> tuple[Tensor, Tensor]:
        return self.log_level, self.log_level


class Curve(Factor):
    """Free curve of one variable: a network of one hidden layer, or more.

    Parameters
    ----------
    nodes : Tensor, shape (node,)
        Nodes, scaled so that most of the data lies in -1 to 1.
    hidden : tuple of int
        Width of each hidden layer.
    generator : torch.Generator
        Source of the initial weights.

    Notes
    -----
    The hidden units of the first layer start spread over the range of the data, each a step about 1 wide, and the last layer
    starts at zero: a curve starts flat, and members of an ensemble differ by where their units lie.
    """

    nodes: Tensor

    def __init__(self, nodes: Tensor, hidden: tuple[int, ...], generator: torch.Generator) -> None:
        super().__init__()
        self.register_buffer("nodes", nodes.double())
        self.network = _network(hidden, generator)

    def forward(self) -> tuple[Tensor, Tensor]:
        log = self.network(self.nodes.unsqueeze(-1)).squeeze(-1)
        return log, log


class LloydTaylorCurve(Factor):
    r"""Lloyd and Taylor's curve of temperature times a free one.

    .. math:: \ln g = E_0 \left(\frac{1}{56.02} - \frac{1}{T - 227.13}\right) + h(T)

    With the free curve held at zero this *is* Lloyd and Taylor's form, so that the two are compared as one family.

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
        free, _ = self.free()
        return self.sensitivity * self.base + free, free


class RisingCurve(Factor):
    r"""Curve of temperature that never falls: its logarithm is the integral of a positive slope.

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
        free, _ = self.free()
        # softplus(0.5413) is 1, so that with a network at zero this is Lloyd and Taylor's form
        log = torch.cumsum(torch.exp(self.log_sensitivity) * self.rises * softplus(free + 0.5413248546129181), dim=0)
        return log - log.mean(), free


class Surface(Factor):
    """Free surface of two variables on a lattice of nodes: what separability is held against.

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
        log = self.network(self.nodes).squeeze(-1)
        return log, log


def _network(hidden: tuple[int, ...], generator: torch.Generator, inputs: int = 1) -> nn.Sequential:
    layers: list[nn.Module] = []
    width_in = inputs
    for number, width in enumerate(hidden):
        layer = nn.Linear(width_in, width, dtype=torch.float64)
        with torch.no_grad():
            direction = torch.randn(width, width_in, generator=generator, dtype=torch.float64)
            direction = direction / direction.norm(dim=1, keepdim=True)
            steepness = 1.0 + 2.0 * torch.rand(width, 1, generator=generator, dtype=torch.float64)
            # centres spread evenly, then jittered: a curve can bend anywhere in the range of the data
            even = torch.linspace(-1.2, 1.2, width, dtype=torch.float64)
            centre = even + (torch.rand(width, generator=generator, dtype=torch.float64) - 0.5) * 2.4 / width
            scale = 1.0 if number == 0 else 1.0 / width_in**0.5
            layer.weight.copy_(direction * steepness * scale)
            layer.bias.copy_(-(direction[:, 0] * steepness[:, 0]) * centre if number == 0 else torch.zeros(width))
        layers += [layer, nn.Tanh()]
        width_in = width
    last = nn.Linear(width_in, 1, dtype=torch.float64)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(*layers, last)
