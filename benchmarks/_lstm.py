"""An LSTM of the size of NeuralHydrology's, as a baseline.

References
----------
Kratzert et al. (2019), Hydrol. Earth Syst. Sci. 23, 5089-5110; Kratzert et al. (2022), J. Open Source Softw. 7, 4050 (NeuralHydrology).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jules_ml.learned.moisture.batch import MoistureBatch

#: As in NeuralHydrology's examples: 64 cells, dropout 0.4 before the head, Adam at 5e-3 at most.
HIDDEN, DROPOUT, RATE = 64, 0.4, 5e-3
#: Days of a training sequence, and of its spin-up.
SEQUENCE, SETTLE = 365, 120


class MoistureLstm(nn.Module):
    """An LSTM over daily weather and static inputs, with one linear head.

    Parameters
    ----------
    inputs : int
        Number of inputs of each day.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, HIDDEN, batch_first=True)
        self.dropout = nn.Dropout(DROPOUT)
        self.head = nn.Linear(HIDDEN, 1)
        with torch.no_grad():  # initial forget-gate bias as in NeuralHydrology
            self.lstm.get_parameter("bias_hh_l0")[HIDDEN : 2 * HIDDEN] = 3.0

    def forward(self, x: Tensor) -> Tensor:
        """Give the target of each day, shape (site, day), from shape (site, day, input)."""
        target: Tensor = self.head(self.dropout(self.lstm(x)[0]))[..., 0]
        return target


def lstm_inputs(batch: MoistureBatch) -> Tensor:
    """Daily inputs without JULES, and static ones, shape (site, day, input); 0 where missing."""
    dynamic = torch.nan_to_num(batch.inputs.dynamic)
    static = torch.nan_to_num(batch.inputs.static)[:, :, None].expand(-1, -1, dynamic.shape[2])
    return torch.cat([dynamic, static], dim=1).transpose(1, 2)


def learn_lstm(x: Tensor, target: Tensor, weight: Tensor, *, steps: int, seed: int, sites: int = 32) -> MoistureLstm:
    """Train by squared errors over windows of a year.

    Parameters
    ----------
    x : Tensor, shape (site, day, input)
    target, weight : Tensor, shape (site, day)
        Target, and 1 where it is used for training.
    steps, seed : int
    sites : int, optional
        Windows in each step.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = MoistureLstm(x.shape[2])
    optimiser = torch.optim.Adam(model.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=RATE, total_steps=steps)
    x = torch.cat([x[:, :1].expand(-1, SETTLE, -1), x], dim=1)  # the first days are repeated as spin-up
    target, weight = (torch.cat([torch.zeros(len(v), SETTLE), v], dim=1) for v in (target, weight))
    last = int(torch.nonzero(weight.sum(0))[-1]) + 1
    for _ in range(steps):
        some = torch.randint(0, len(x), (sites,), generator=generator)
        start = torch.randint(0, max(last - SEQUENCE, 1), (sites,), generator=generator)
        span = (start[:, None] + torch.arange(min(SEQUENCE, x.shape[1])))[..., None]
        inputs = torch.gather(x[some], 1, span.expand(-1, -1, x.shape[2]))
        goal, mask = (torch.gather(v[some], 1, span[..., 0]) for v in (target, weight))
        mask = mask.clone()
        mask[:, :SETTLE] = 0.0
        loss = (mask * (model(inputs) - goal) ** 2).sum() / mask.sum().clamp_min(1.0)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    return model.eval()


def predict_lstm(model: MoistureLstm, x: Tensor) -> Tensor:
    """Give the target of each day, shape (site, day); the first day is repeated as spin-up."""
    with torch.inference_mode():
        target: Tensor = model(torch.cat([x[:, :1].expand(-1, SETTLE, -1), x], dim=1))[:, SETTLE:]
    return target
