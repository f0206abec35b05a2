"""Network of soil moisture: causal convolutions over days, attention over seasons, mean and standard deviation of four layers.

The network predicts anomalies: water content minus its mean, divided by its standard deviation. Both moments come from
:mod:`jules_ml.learned.moisture.moments` at training sites and from :mod:`jules_ml.learned.moisture.moments_model` at new sites. The
network is not autoregressive. A prediction depends only on the last :attr:`LearnedMoisture.context` days, so a later start of the run
has no effect after that many days.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from jules_ml.experiment.moisture import MoistureSettings
from jules_ml.learned.moisture.inputs import MoistureInputs

#: Time scales of the exponential filters of rain and of potential evaporation [d].
MEMORIES = (3.0, 10.0, 35.0)
#: Length of these filters [d].
MEMORY_DAYS = 110
#: Prior of filtered rain and evaporation [cm d-1], and its weight relative to a complete record.
PRIOR, PRIOR_WEIGHT = 0.25, 0.02
#: Number of JULES's layers.
LAYERS = 4
#: Length of one step of the attention [d].
FORTNIGHT = 14
_KERNEL = 3


def jules_features(dynamic: int) -> tuple[int, int]:
    """Return the range of features with JULES's layers and their mask: the first index, and the index after the last."""
    first = 2 * dynamic + 2 * len(MEMORIES)
    return first, first + LAYERS + 1


class _Block(nn.Module):
    """A gated causal convolution with a residual connection."""

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.reach = (_KERNEL - 1) * dilation
        self.convolution = nn.Conv1d(width, 2 * width, _KERNEL, dilation=dilation)
        self.mix = nn.Conv1d(width, width, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block to features of shape (batch, width, day)."""
        value, gate = self.convolution(functional.pad(x, (self.reach, 0))).chunk(2, dim=1)
        change: Tensor = self.mix(self.dropout(torch.tanh(value) * torch.sigmoid(gate)))
        return x + change


class _Seasons(nn.Module):
    """Attention of each day to the means of a fixed number of preceding fortnights; its cost is linear in the number of days.

    Day t attends to the fortnights that end on days t - 14, t - 28, … Days with the same remainder modulo 14 form one sequence. Each
    sequence is divided into chunks, which attend to themselves and to the preceding chunk.
    """

    def __init__(self, width: int, heads: int, fortnights: int) -> None:
        super().__init__()
        self.heads, self.fortnights = heads, fortnights
        self.project = nn.Conv1d(width, 3 * width, 1)
        self.out = nn.Conv1d(width, width, 1)
        self.bias = nn.Parameter(torch.zeros(heads, fortnights))
        query = torch.arange(fortnights)[:, None] + fortnights
        lag = query - torch.arange(2 * fortnights)[None, :]
        self.register_buffer("lag", lag, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the attention to features of shape (batch, width, day)."""
        batch, width, days = x.shape
        chunk = FORTNIGHT * self.fortnights
        query, key, value = self.project(x).chunk(3, dim=1)
        # a key is the mean of the fortnight that ends on its day
        key, value = (
            functional.avg_pool1d(functional.pad(each, (FORTNIGHT - 1, 0)), FORTNIGHT, stride=1)
            for each in (key, value)
        )
        padding = -days % chunk
        chunks = (days + padding) // chunk

        def by_chunk(each: Tensor) -> Tensor:
            # (batch, width, day) to (batch, head, remainder, chunk, fortnight, width of a head)
            each = functional.pad(each, (0, padding)).view(
                batch, self.heads, width // self.heads, chunks, self.fortnights, FORTNIGHT
            )
            return each.permute(0, 1, 5, 3, 4, 2)

        query, key, value = by_chunk(query), by_chunk(key), by_chunk(value)

        def with_previous(each: Tensor) -> Tensor:
            return torch.cat([functional.pad(each, (0, 0, 0, 0, 1, 0))[:, :, :, :-1], each], dim=4)

        lag: Tensor = self.lag  # type: ignore[assignment]
        inside = (lag >= 1) & (lag <= self.fortnights)
        first = torch.zeros(chunks, 1, 2 * self.fortnights, dtype=torch.bool, device=x.device)
        first[0, :, : self.fortnights] = True
        hidden = ~inside | first
        bias = self.bias[:, (lag - 1).clamp(0, self.fortnights - 1)]
        score = query @ with_previous(key).transpose(-1, -2) / math.sqrt(width / self.heads)
        score = (score + bias[None, :, None, None]).masked_fill(hidden, -math.inf)
        # an additional null key, of score 0 and value 0, is always available
        weight = torch.softmax(functional.pad(score, (1, 0)), dim=-1)[..., 1:]
        context = (weight @ with_previous(value)).permute(0, 1, 5, 3, 4, 2).reshape(batch, width, days + padding)
        change: Tensor = self.out(context[..., :days])
        return x + change


class LearnedMoisture(nn.Module):
    """One member of the network ensemble.

    Parameters
    ----------
    dynamic, static : int
        Numbers of daily and of static inputs.
    settings : MoistureSettings
    """

    def __init__(self, dynamic: int, static: int, settings: MoistureSettings) -> None:
        super().__init__()
        width = settings.width
        self.settings = settings
        # values, masks, filtered rain and evaporation, first guess with its mask, initial condition with its decay
        inputs = 2 * dynamic + 2 * len(MEMORIES) + LAYERS + 1 + LAYERS + 1
        self.of_place = nn.Sequential(nn.Linear(2 * static, settings.static_width), nn.Tanh())
        self.enter = nn.Conv1d(inputs + settings.static_width, width, 1)
        self.blocks = nn.ModuleList(_Block(width, d, settings.dropout) for d in settings.dilations)
        self.seasons = _Seasons(width, settings.heads, settings.fortnights)
        self.dropout = nn.Dropout(settings.dropout)
        self.leave = nn.Sequential(nn.Conv1d(width, width, 1), nn.GELU(), nn.Conv1d(width, 2 * LAYERS, 1))
        self.trust = nn.Parameter(torch.full((LAYERS,), -1.0))
        scales = torch.tensor(MEMORIES)
        age = torch.arange(MEMORY_DAYS - 1, -1, -1, dtype=torch.float32)
        kernel = torch.exp(-age / scales[:, None])
        self.register_buffer("kernel", (kernel / kernel.sum(1, keepdim=True))[:, None], persistent=False)

    @property
    def context(self) -> int:
        """Number of days that a prediction depends on, including its own."""
        reach = sum((_KERNEL - 1) * d for d in self.settings.dilations)
        return reach + FORTNIGHT * self.settings.fortnights + FORTNIGHT - 1 + MEMORY_DAYS

    def features(self, inputs: MoistureInputs) -> Tensor:
        """Compute the features that do not depend on the weights, shape (site, feature, day).

        They are the values and masks of the inputs, filtered rain and evaporation, the first guess, and the decaying initial condition.
        """
        filtered = []
        for flux in (inputs.rain, inputs.drying):
            # days without a measurement are not dry days: they have no weight, so the prior dominates where few days were measured
            measured = flux.isfinite().to(flux.dtype)
            sums, weights = (
                functional.conv1d(functional.pad(series[:, None], (MEMORY_DAYS - 1, 0)), self.kernel)  # type: ignore[arg-type]
                for series in (torch.nan_to_num(flux), measured)
            )
            filtered.append((sums + PRIOR_WEIGHT * PRIOR) / (weights + PRIOR_WEIGHT))
        decay = torch.exp(-inputs.since_start / 20.0)[:, None] * (inputs.since_start < MEMORY_DAYS)[:, None]
        start = torch.nan_to_num(inputs.initial)[:, :, None] * decay
        jules = inputs.jules if self.settings.jules_channel else torch.full_like(inputs.jules, float("nan"))
        return torch.cat(
            [
                torch.nan_to_num(inputs.dynamic),
                inputs.dynamic.isfinite().float(),
                *filtered,
                torch.nan_to_num(jules),
                jules[:, :1].isfinite().float(),
                start,
                decay * inputs.initial[:, :1].isfinite().float()[:, :, None],
            ],
            dim=1,
        )

    def forward(self, inputs: MoistureInputs, features: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Predict the anomaly and the logarithm of its standard deviation.

        Parameters
        ----------
        inputs : MoistureInputs
        features : Tensor, optional
            Result of :meth:`features`, if it was computed before.

        Returns
        -------
        tuple of Tensor, each of shape (site, layer, day)
        """
        features = self.features(inputs) if features is None else features
        static = torch.cat([torch.nan_to_num(inputs.static), inputs.static.isfinite().float()], dim=1)
        static = self.of_place(static)[:, :, None].expand(-1, -1, features.shape[2])
        x = self.enter(torch.cat([features, static], dim=1))
        for block in self.blocks:
            x = block(x)
        x = self.seasons(x)
        mean, log_spread = self.leave(self.dropout(x)).chunk(2, dim=1)
        first = jules_features(inputs.dynamic.shape[1])[0]
        first_guess = features[:, first : first + LAYERS] * torch.sigmoid(self.trust)[:, None]
        return first_guess + mean, log_spread.clamp(-3.0, 1.0)
