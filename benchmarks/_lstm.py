"""An LSTM of the size of NeuralHydrology's, as a baseline.

References
----------
Kratzert et al. (2019), Hydrol. Earth Syst. Sci. 23, 5089-5110; Kratzert et al. (2022), J. Open Source Softw. 7, 4050 (NeuralHydrology).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jules_ml.learned.moisture.batch import MoistureBatch

#: As in NeuralHydrology's examples: 64 cells, dropout 0.4 before the head, Adam with learning rates that decrease at fixed steps.
HIDDEN, DROPOUT = 64, 0.4
#: Last step of each learning rate.
RATES = ((500, 5e-3), (1500, 1e-3), (1_000_000, 5e-4))
#: Days of a training sequence, and of its spin-up.
SEQUENCE, SETTLE = 365, 120
#: Windows of a step; steps between evaluations, and without an improvement before training ends.
WINDOWS, EVALUATE, PATIENCE = 16, 50, 800


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


class LstmTraining:
    """Training by squared errors over windows of a year.

    Parameters
    ----------
    x : Tensor, shape (site, day, input)
    target, weight : Tensor, shape (site, day)
        Target, and 1 where it is used for training.
    seed : int
    main : int
        The first so many sites make half of each step, whatever the number of the others.
    """

    def __init__(self, x: Tensor, target: Tensor, weight: Tensor, *, seed: int, main: int) -> None:
        torch.manual_seed(seed)
        self._generator = torch.Generator().manual_seed(seed)
        self.model = MoistureLstm(x.shape[2])
        self._optimiser = torch.optim.Adam(self.model.parameters())
        self._x = _with_spin_up(x)
        self._target, self._weight = (torch.cat([torch.zeros(len(v), SETTLE), v], dim=1) for v in (target, weight))
        self._main = main
        trained = [torch.nonzero(days)[:, 0] for days in weight]
        self._first = torch.stack([days[0] for days in trained])
        # a window is scored after its spin-up only, and the last one ends with the training days
        last = torch.stack([days[-1] for days in trained]) + 1 + SETTLE - SEQUENCE
        self._starts = (last - self._first).clamp_min(0) + 1
        self._done = 0

    def step(self) -> None:
        """Take one step."""
        rate = next(rate for until, rate in RATES if self._done < until)
        self._done += 1
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        some = torch.cat([self._drawn(0, self._main), self._drawn(self._main, len(self._x))])
        start = self._first[some] + (torch.rand(len(some), generator=self._generator) * self._starts[some]).long()
        span = (start[:, None] + torch.arange(SEQUENCE)).clamp_max(self._x.shape[1] - 1)
        inputs = torch.gather(self._x[some], 1, span[..., None].expand(-1, -1, self._x.shape[2]))
        goal, mask = (torch.gather(v[some], 1, span)[:, SETTLE:] for v in (self._target, self._weight))
        loss = (mask * (self.model(inputs)[:, SETTLE:] - goal) ** 2).sum() / mask.sum().clamp_min(1.0)
        self._optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._optimiser.step()

    def _drawn(self, first: int, last: int) -> Tensor:
        if first == last:
            return torch.empty(0, dtype=torch.long)
        return torch.randint(first, last, (WINDOWS // 2,), generator=self._generator)


def learn_lstm(x: Tensor, target: Tensor, weight: Tensor, *, steps: int, seed: int, main: int) -> MoistureLstm:
    """Train by so many steps; see :class:`LstmTraining`."""
    training = LstmTraining(x, target, weight, seed=seed, main=main)
    for _ in range(steps):
        training.step()
    return training.model.eval()


def best_steps(x: Tensor, target: Tensor, weight: Tensor, held_back: Tensor, *, most: int, main: int) -> int:
    """Number of training steps after which the error on days held back was smallest.

    Training ends where it has not become smaller for :data:`PATIENCE` steps. The error is the mean over sites, and over three subsequent
    evaluations, since a single one is noisy.

    Parameters
    ----------
    x, target, weight, main
        See :class:`LstmTraining`.
    held_back : Tensor, shape (site, day)
        1 on the days held back, which are not used for training.
    most : int
        Most steps.
    """
    training = LstmTraining(x, target, weight * (1.0 - held_back), seed=0, main=main)
    rows = held_back.any(1)
    days, goal = held_back[rows], target[rows]
    errors: list[float] = []
    best, best_error = most, float("inf")
    for done in range(1, most + 1):
        training.step()
        if done % EVALUATE:
            continue
        training.model.eval()
        error = (days * (predict_lstm(training.model, x[rows]) - goal) ** 2).sum(1) / days.sum(1)
        training.model.train()
        errors.append(float(error.mean()))
        if len(errors) >= 3 and (smooth := sum(errors[-3:]) / 3.0) < best_error:
            best, best_error = done - EVALUATE, smooth
        elif done - best > PATIENCE:
            break
    return best


def _with_spin_up(x: Tensor) -> Tensor:
    """Repeat the first day as spin-up."""
    return torch.cat([x[:, :1].expand(-1, SETTLE, -1), x], dim=1)


def predict_lstm(model: MoistureLstm, x: Tensor) -> Tensor:
    """Give the target of each day, shape (site, day); the first day is repeated as spin-up."""
    with torch.inference_mode():
        target: Tensor = model(_with_spin_up(x))[:, SETTLE:]
    return target
