r"""Soil carbon from a site's soil moisture: a network small enough for tens of sites, and the regression that it has to beat.

Both give the logarithm of organic carbon, or of bulk density. The network has three branches, of which any can be left out: a seasonal one
(weekly climatology, circular convolution), an event one (the two weeks from each rain event on, causal convolution, attention over the
days, mean over the events) and a static one (climate, topography, cover). Its weights are shared between weeks, days and events; a
Gaussian prior holds them near zero, where it gives the mean of the sites that it learned from.

References
----------
Hoerl and Kennard (1970), Technometrics 12, 55-67, for the regression; Lakshminarayanan et al. (2017), NeurIPS 30, for ensembles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from jules_ml.experiment.carbon_module import Branch

#: Weeks and days that the kernels of the two convolutions span.
_WEEKS, _DAYS = 5, 3
#: Standard deviation of the prior of the convolutions' weights and of the head's [1].
_PRIOR_KERNEL, _PRIOR_HEAD = 1.0, 0.3


class CarbonInputs(NamedTuple):
    """What the network sees of sites, gaps filled.

    ``static`` (site, input); ``season`` (site, channel, week), weekly climatology; ``events`` (site, event, channel, day), ``known``
    (site, event), 1 where there is such an event.
    """

    static: Tensor
    season: Tensor
    events: Tensor
    known: Tensor


class CarbonNetwork(nn.Module):
    """One member of the ensemble.

    Parameters
    ----------
    inputs : CarbonInputs
        Sites that it is to learn from, which scale its inputs.
    branches : sequence of {'static', 'season', 'event'}
        Which are used.
    hidden : int
        Features of each convolution.
    seed : int
        Of the first weights.
    """

    def __init__(self, inputs: CarbonInputs, branches: Sequence[Branch], *, hidden: int = 4, seed: int = 0) -> None:
        super().__init__()
        self.branches = tuple(branches)
        generator = torch.Generator().manual_seed(seed)

        def small(*shape: int, fan: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=generator) / fan**0.5)

        features = 0
        if "static" in self.branches:
            self._scale("static", inputs.static, (0,))
            features += inputs.static.shape[1]
        if "season" in self.branches:
            channels = inputs.season.shape[1]
            self._scale("season", inputs.season, (0, 2))
            self.season_kernel = small(hidden, channels, _WEEKS, fan=channels * _WEEKS)
            self.season_offset = small(hidden, fan=1)
            features += hidden
        if "event" in self.branches:
            channels = inputs.events.shape[2]
            self._scale("events", inputs.events, (0, 1, 3))
            self.event_kernel = small(hidden, channels, _DAYS, fan=channels * _DAYS)
            self.event_offset = small(hidden, fan=1)
            self.attention = small(hidden, fan=hidden)
            features += hidden
        self.head = nn.Parameter(torch.zeros(features))
        self.intercept = nn.Parameter(torch.zeros(()))
        self.log_sigma = nn.Parameter(torch.tensor(-0.7))

    def _scale(self, name: str, values: Tensor, over: tuple[int, ...]) -> None:
        self.register_buffer(f"{name}_mean", values.mean(over, keepdim=True)[0].clone())
        self.register_buffer(f"{name}_sd", values.std(over, keepdim=True)[0].clamp(min=1e-6).clone())

    def _scaled(self, name: str, values: Tensor) -> Tensor:
        return (values - getattr(self, f"{name}_mean")) / getattr(self, f"{name}_sd")

    def forward(self, inputs: CarbonInputs) -> Tensor:
        """Give the target of each site in units of its spread among those learned from, shape (site,)."""
        found = []
        if "static" in self.branches:
            found.append(self._scaled("static", inputs.static))
        if "season" in self.branches:
            season = self._scaled("season", inputs.season)
            round_the_year = torch.cat([season, season[..., : _WEEKS - 1]], dim=-1).unfold(-1, _WEEKS, 1)
            hidden = torch.einsum("scwk,hck->shw", round_the_year, self.season_kernel) + self.season_offset[:, None]
            found.append(torch.tanh(hidden).mean(-1))
        if "event" in self.branches:
            events = self._scaled("events", inputs.events)
            before = torch.zeros_like(events[..., : _DAYS - 1])
            windows = torch.cat([before, events], dim=-1).unfold(-1, _DAYS, 1)
            hidden = torch.tanh(torch.einsum("secdk,hck->sedh", windows, self.event_kernel) + self.event_offset)
            weight = torch.softmax(hidden @ self.attention, dim=-1)
            pooled = (weight[..., None] * hidden).sum(-2) * inputs.known[..., None]
            found.append(pooled.sum(1) / inputs.known.sum(1, keepdim=True).clamp(min=1.0))
        return torch.cat(found, dim=1) @ self.head + self.intercept


def negative_log_prior(parameters: Mapping[str, Tensor]) -> Tensor:
    """Negative logarithm of the prior density of a network's weights, but for a constant.

    Parameters
    ----------
    parameters : mapping of str to Tensor
        By the names of :class:`CarbonNetwork`'s.

    Returns
    -------
    Tensor, shape ()
    """
    total = 0.5 * (parameters["head"] / _PRIOR_HEAD).square().sum()
    for name, value in parameters.items():
        if name not in ("head", "intercept", "log_sigma"):
            total = total + 0.5 * (value / _PRIOR_KERNEL).square().sum()
    return total


class CarbonRegression(nn.Module):
    """A linear regression on scaled inputs, as ridge regression left it.

    Parameters
    ----------
    inputs : int
        How many.
    """

    mean: Tensor
    sd: Tensor
    fill: Tensor
    weight: Tensor
    intercept: Tensor

    def __init__(self, inputs: int) -> None:
        super().__init__()
        for name in ("mean", "sd", "fill", "weight"):
            self.register_buffer(name, torch.zeros(inputs, dtype=torch.float64))
        self.register_buffer("intercept", torch.zeros((), dtype=torch.float64))

    def forward(self, inputs: Tensor) -> Tensor:
        """Give the logarithm of the target, shape (site,), of inputs of shape (site, input); NaN counts as the median."""
        filled = torch.where(torch.isnan(inputs), self.fill, inputs)
        return ((filled - self.mean) / self.sd) @ self.weight + self.intercept
