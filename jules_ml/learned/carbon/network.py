r"""Network and ridge regression that predict soil carbon from soil moisture.

Both predict the logarithm of organic carbon, or of bulk density. The network is small enough for tens of sites. It has three branches,
each of which can be omitted: a seasonal one (weekly climatology, circular convolution), an event one (the two weeks from the start of each
rain event, causal convolution, attention over days, mean over events) and a static one (climate, topography, land cover). Its weights are
shared between weeks, days and events. They have a Gaussian prior with mean zero, at which the network predicts the mean of the training
sites.

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

#: Kernel sizes of the two convolutions: in weeks, and in days.
_WEEKS, _DAYS = 5, 3
#: Standard deviation of the priors of the convolution weights and of the head weights [1].
_PRIOR_KERNEL, _PRIOR_HEAD = 1.0, 0.3


class CarbonInputs(NamedTuple):
    """Inputs of the network, with gaps filled.

    Attributes
    ----------
    static : Tensor, shape (site, input)
    season : Tensor, shape (site, channel, week)
        Weekly climatology.
    events : Tensor, shape (site, event, channel, day)
    present : Tensor, shape (site, event)
        1 for an event, 0 for padding.
    """

    static: Tensor
    season: Tensor
    events: Tensor
    present: Tensor


class CarbonNetwork(nn.Module):
    """One member of the network ensemble.

    Parameters
    ----------
    inputs : CarbonInputs
        Training sites, which define the scaling of the inputs.
    branches : sequence of {'static', 'season', 'event'}
        Branches that are used.
    hidden : int
        Features of each convolution.
    seed : int
        Seed of the initial weights.
    """

    def __init__(self, inputs: CarbonInputs, branches: Sequence[Branch], *, hidden: int = 4, seed: int = 0) -> None:
        super().__init__()
        self.branches = tuple(branches)
        generator = torch.Generator().manual_seed(seed)

        def initial(*shape: int, fan: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=generator) / fan**0.5)

        features = 0
        if "static" in self.branches:
            self._scale("static", inputs.static, (0,))
            features += inputs.static.shape[1]
        if "season" in self.branches:
            channels = inputs.season.shape[1]
            self._scale("season", inputs.season, (0, 2))
            self.season_kernel = initial(hidden, channels, _WEEKS, fan=channels * _WEEKS)
            self.season_offset = initial(hidden, fan=1)
            features += hidden
        if "event" in self.branches:
            channels = inputs.events.shape[2]
            self._scale("events", inputs.events, (0, 1, 3))
            self.event_kernel = initial(hidden, channels, _DAYS, fan=channels * _DAYS)
            self.event_offset = initial(hidden, fan=1)
            self.attention = initial(hidden, fan=hidden)
            features += hidden
        self.head = nn.Parameter(torch.zeros(features))
        self.intercept = nn.Parameter(torch.zeros(()))
        self.log_sigma = nn.Parameter(torch.tensor(-0.7))

    def _scale(self, name: str, values: Tensor, over: tuple[int, ...]) -> None:
        self.register_buffer(f"{name}_mean", values.mean(over, keepdim=True)[0].clone())
        self.register_buffer(f"{name}_sd", values.std(over, keepdim=True)[0].clamp(min=1e-6).clone())

    def _scaled(self, name: str, values: Tensor) -> Tensor:
        scaled: Tensor = (values - getattr(self, f"{name}_mean")) / getattr(self, f"{name}_sd")
        return scaled

    def forward(self, inputs: CarbonInputs) -> Tensor:
        """Predict the target of each site, standardised by its mean and standard deviation at the training sites, shape (site,)."""
        features = []
        if "static" in self.branches:
            features.append(self._scaled("static", inputs.static))
        if "season" in self.branches:
            season = self._scaled("season", inputs.season)
            windows = torch.cat([season, season[..., : _WEEKS - 1]], dim=-1).unfold(-1, _WEEKS, 1)
            hidden = torch.einsum("scwk,hck->shw", windows, self.season_kernel) + self.season_offset[:, None]
            features.append(torch.tanh(hidden).mean(-1))
        if "event" in self.branches:
            events = self._scaled("events", inputs.events)
            before = torch.zeros_like(events[..., : _DAYS - 1])
            windows = torch.cat([before, events], dim=-1).unfold(-1, _DAYS, 1)
            hidden = torch.tanh(torch.einsum("secdk,hck->sedh", windows, self.event_kernel) + self.event_offset)
            weight = torch.softmax(hidden @ self.attention, dim=-1)
            pooled = (weight[..., None] * hidden).sum(-2) * inputs.present[..., None]
            features.append(pooled.sum(1) / inputs.present.sum(1, keepdim=True).clamp(min=1.0))
        return torch.cat(features, dim=1) @ self.head + self.intercept


def negative_log_prior(parameters: Mapping[str, Tensor]) -> Tensor:
    """Compute the negative logarithm of the prior density of a network's weights, without its constant.

    Parameters
    ----------
    parameters : mapping of str to Tensor
        Parameters of :class:`CarbonNetwork` by name.

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
    """A linear regression on standardised inputs, fitted by ridge regression.

    Parameters
    ----------
    inputs : int
        Number of inputs.
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
        """Predict the logarithm of the target, shape (site,), from inputs of shape (site, input); NaN is replaced by the median."""
        filled = torch.where(torch.isnan(inputs), self.fill, inputs)
        return ((filled - self.mean) / self.sd) @ self.weight + self.intercept
