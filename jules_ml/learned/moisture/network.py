"""Learned soil moisture: causal convolutions over days, attention over seasons, four layers with mean and spread.

The network works in anomalies: water content less its mean, over its standard deviation. Where a record's mean and spread come
from is said by :mod:`jules_ml.learned.moisture.level`. It is not autoregressive, and a day depends on the
:data:`~LearnedMoisture.context` days before it and on nothing else, so that a later start changes nothing once that long has passed.
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
#: Days that these filters look back.
MEMORY_DAYS = 110
#: What filtered rain and evaporation are where nothing is known [cm d-1], and what weight that has beside a full record's 1.
PRIOR, PRIOR_WEIGHT = 0.25, 0.02
#: JULES's layers, for each of which there is a mean and a spread.
LAYERS = 4
#: Days that make one step of the attention.
FORTNIGHT = 14
_KERNEL = 3


def jules_features(dynamic: int) -> tuple[int, int]:
    """Number of the first of JULES's layers among the features, and of what follows them and their mask."""
    first = 2 * dynamic + 2 * len(MEMORIES)
    return first, first + LAYERS + 1


class _Block(nn.Module):
    """A gated causal convolution with a way past it."""

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.reach = (_KERNEL - 1) * dilation
        self.convolution = nn.Conv1d(width, 2 * width, _KERNEL, dilation=dilation)
        self.mix = nn.Conv1d(width, width, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.convolution(functional.pad(x, (self.reach, 0))).chunk(2, dim=1)
        return x + self.mix(self.dropout(torch.tanh(value) * torch.sigmoid(gate)))


class _Seasons(nn.Module):
    """Attention of a day to the means of the fortnights before it, a bounded number of them: its cost is linear in the days.

    Day t looks at the fortnights that end on days t - 14, t - 28, …; so days of one remainder by fourteen make a sequence of their
    own, and each is cut into chunks that look at themselves and at the chunk before.
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
        batch, width, days = x.shape
        chunk = FORTNIGHT * self.fortnights
        query, key, value = self.project(x).chunk(3, dim=1)
        # a key is the mean of the fortnight that ends on its day
        key, value = (
            functional.avg_pool1d(functional.pad(part, (FORTNIGHT - 1, 0)), FORTNIGHT, stride=1)
            for part in (key, value)
        )
        more = -days % chunk
        chunks = (days + more) // chunk

        def by_chunk(part: Tensor) -> Tensor:
            # (batch, width, day) to (batch, head, remainder, chunk, fortnight, part of the width)
            part = functional.pad(part, (0, more)).view(
                batch, self.heads, width // self.heads, chunks, self.fortnights, FORTNIGHT
            )
            return part.permute(0, 1, 5, 3, 4, 2)

        query, key, value = by_chunk(query), by_chunk(key), by_chunk(value)

        def with_before(part: Tensor) -> Tensor:
            return torch.cat([functional.pad(part, (0, 0, 0, 0, 1, 0))[:, :, :, :-1], part], dim=4)

        lag: Tensor = self.lag  # type: ignore[assignment]
        inside = (lag >= 1) & (lag <= self.fortnights)
        first = torch.zeros(chunks, 1, 2 * self.fortnights, dtype=torch.bool, device=x.device)
        first[0, :, : self.fortnights] = True
        hidden = ~inside | first
        bias = self.bias[:, (lag - 1).clamp(0, self.fortnights - 1)]
        score = query @ with_before(key).transpose(-1, -2) / math.sqrt(width / self.heads)
        score = (score + bias[None, :, None, None]).masked_fill(hidden, -math.inf)
        # an empty key, of score 0 and value 0, is always there to look at
        weight = torch.softmax(functional.pad(score, (1, 0)), dim=-1)[..., 1:]
        seen = (weight @ with_before(value)).permute(0, 1, 5, 3, 4, 2).reshape(batch, width, days + more)
        return x + self.out(seen[..., :days])


class LearnedMoisture(nn.Module):
    """One member of the ensemble.

    Parameters
    ----------
    dynamic, static : int
        Numbers of inputs that change by the day, and that do not.
    settings : MoistureSettings
    """

    def __init__(self, dynamic: int, static: int, settings: MoistureSettings) -> None:
        super().__init__()
        width = settings.width
        self.settings = settings
        # values, masks, filtered rain and evaporation, first guess with its mask, start with its decay
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
        """Days that a prediction looks back at most, its own among them."""
        reach = sum((_KERNEL - 1) * d for d in self.settings.dilations)
        return reach + FORTNIGHT * self.settings.fortnights + FORTNIGHT - 1 + MEMORY_DAYS

    def features(self, inputs: MoistureInputs) -> Tensor:
        """What does not depend on the weights, shape (site, feature, day): values, masks, filtered rain, the start's decay."""
        filtered = []
        for wetting in (inputs.rain, inputs.drying):
            # days on which nobody measured are not dry days: they have no weight, and the prior's shows once few others have any
            known = wetting.isfinite().to(wetting.dtype)
            sums, weights = (
                functional.conv1d(functional.pad(part[:, None], (MEMORY_DAYS - 1, 0)), self.kernel)  # type: ignore[arg-type]
                for part in (torch.nan_to_num(wetting), known)
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
        """Anomaly and the logarithm of its spread.

        Parameters
        ----------
        inputs : MoistureInputs
        features : Tensor, optional
            What :meth:`features` gave, where it is at hand.

        Returns
        -------
        tuple of Tensor, each of shape (site, layer, day)
        """
        given = self.features(inputs) if features is None else features
        place = torch.cat([torch.nan_to_num(inputs.static), inputs.static.isfinite().float()], dim=1)
        place = self.of_place(place)[:, :, None].expand(-1, -1, given.shape[2])
        x = self.enter(torch.cat([given, place], dim=1))
        for block in self.blocks:
            x = block(x)
        x = self.seasons(x)
        mean, log_spread = self.leave(self.dropout(x)).chunk(2, dim=1)
        first = jules_features(inputs.dynamic.shape[1])[0]
        first_guess = given[:, first : first + LAYERS] * torch.sigmoid(self.trust)[:, None]
        return first_guess + mean, log_spread.clamp(-3.0, 1.0)
