"""Learning of soil moisture: an ensemble of networks, learned from all sites together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from jules_ml.experiment.moisture import MoistureSettings
from jules_ml.learned.moisture.batch import MoistureBatch
from jules_ml.learned.moisture.inputs import MoistureInputs
from jules_ml.learned.moisture.network import LearnedMoisture, jules_features
from jules_ml.support.progress import Progress

#: Every so many steps a run is started anew in the middle of the record.
_START_EVERY = 4
#: Part of the steps after which weights are averaged.
_AVERAGE_FROM = 0.6
#: Chance that a step does without JULES, and without surface temperature, so that a module serves sites that lack them.
_DROP_INPUT = 0.15


def learn_member(
    batches: Sequence[MoistureBatch],
    settings: MoistureSettings,
    *,
    seed: int,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> LearnedMoisture:
    """Learn one network.

    Parameters
    ----------
    batches : sequence of MoistureBatch
        Groups of sites; every step takes some of each.
    settings : MoistureSettings
    seed : int
    device : torch.device or str, optional
    progress : callable, optional

    Returns
    -------
    LearnedMoisture
        On the CPU, ready to predict.
    """
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    first = batches[0].inputs
    module = LearnedMoisture(first.dynamic.shape[1], first.static.shape[1], settings).to(device)
    average = torch.optim.swa_utils.AveragedModel(module)
    optimiser = torch.optim.AdamW(module.parameters(), lr=settings.rate, weight_decay=settings.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=settings.rate, total_steps=settings.steps, pct_start=0.2, final_div_factor=20.0
    )
    held = [batch.learned_from().to(device) for batch in batches]
    features = [module.features(batch.inputs) for batch in held]
    for step in range(settings.steps):
        optimiser.zero_grad()
        for batch, given in zip(held, features, strict=True):
            _loss_of_step(module, batch, given, settings, generator, restart=step % _START_EVERY == 0).backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step >= _AVERAGE_FROM * settings.steps:
            average.update_parameters(module)
        if progress is not None:
            progress("fit", step + 1, settings.steps)
    learned = average.module if int(average.n_averaged) else module
    assert isinstance(learned, LearnedMoisture)
    return learned.to("cpu").eval()


def predict(members: Sequence[LearnedMoisture], inputs: MoistureInputs) -> tuple[Tensor, Tensor]:
    """Mean and spread of the ensemble's anomalies, each of shape (site, layer, day).

    The spread joins that which members give with that between them.
    """
    means, variances = [], []
    with torch.inference_mode():
        features = members[0].features(inputs)
        for member in members:
            mean, log_spread = member(inputs, features)
            means.append(mean)
            variances.append(torch.exp(2.0 * log_spread))
    mean = torch.stack(means)
    variance = torch.stack(variances).mean(0) + mean.var(0, unbiased=False)
    return mean.mean(0), variance.sqrt()


def _loss_of_step(
    module: LearnedMoisture,
    batch: MoistureBatch,
    features: Tensor,
    settings: MoistureSettings,
    generator: torch.Generator,
    *,
    restart: bool,
) -> Tensor:
    device = batch.target.device
    some = torch.randperm(len(batch.inputs), generator=generator)[: batch.a_step].to(device)
    batch, given = batch.take(some), features[some]
    level_weight = batch.level_weight
    if settings.window is not None and settings.window < batch.inputs.days:
        level_weight = 1.0  # a part of the days does not know the level of all
        day = int(torch.randint(0, batch.inputs.days - settings.window, (1,), generator=generator))
        batch, given = batch.window(day, day + settings.window), given[..., day : day + settings.window]
    inputs = batch.inputs
    given = _without_some(given, inputs.dynamic.shape[1], batch.lst, generator)
    mean, log_spread = module(inputs, given)
    seen, spread = batch.sensors.see(mean, torch.exp(log_spread))
    # a sensor that a site lacks sees nothing, with no spread
    log_seen = torch.log(spread.clamp_min(1e-3))
    loss = fit_loss(
        seen,
        log_seen,
        batch.target,
        batch.weight,
        level_weight=level_weight,
        gradient_weight=settings.gradient_weight,
    )
    if settings.bounds_weight > 0.0:
        loss = loss + settings.bounds_weight * batch.limits.out_of_bounds(mean)
    if settings.balance_weight > 0.0:
        loss = loss + settings.balance_weight * batch.limits.from_nowhere(mean)
    if restart and (settings.start_weight > 0.0 or settings.initial_weight > 0.0):
        one = torch.randint(0, len(some), (min(2, len(some)),), generator=generator).to(device)
        start = torch.randint(0, max(inputs.days - 200, 1), (len(one),), generator=generator).to(device)
        loss = loss + _start_loss(module, inputs.take(one), mean[one].detach(), start, settings)
    return loss


def fit_loss(
    mean: Tensor,
    log_spread: Tensor,
    target: Tensor,
    weight: Tensor,
    *,
    level_weight: float,
    gradient_weight: float,
) -> Tensor:
    """Negative log-likelihood and error of the daily change, each site alike.

    The likelihood of a day weighs by its spread, without gradient, so that days that are hard to predict are not given up
    (Seitzer et al. 2022, ICLR, with β = 0.5). What a sensor's errors have in common over all of its days counts by ``level_weight``.
    All tensors have shape (site, sensor, day).
    """
    miss, spread = target - mean, torch.exp(log_spread)
    # by the weights that days have in the likelihood, so that what is common and what is left do not mix
    precise = weight / spread.detach()
    common = (precise * miss).sum(2, keepdim=True) / precise.sum(2, keepdim=True).clamp_min(1e-6)
    miss = miss - (1.0 - math.sqrt(level_weight)) * common
    each = spread.detach() * (0.5 * (miss / spread) ** 2 + log_spread)
    share = weight / weight.sum((1, 2), keepdim=True).clamp_min(1.0)
    loss = (share * each).sum()
    pair = torch.minimum(weight[..., 1:], weight[..., :-1])
    change = (mean[..., 1:] - mean[..., :-1]) - (target[..., 1:] - target[..., :-1])
    share = pair / pair.sum((1, 2), keepdim=True).clamp_min(1.0)
    loss = loss + gradient_weight * (share * change**2).sum()
    return loss / max(int((weight.sum((1, 2)) > 0).sum()), 1)


def _start_loss(
    module: LearnedMoisture, inputs: MoistureInputs, whole: Tensor, start: Tensor, settings: MoistureSettings
) -> Tensor:
    """A later start must change little once a season has passed, and a run must leave from its initial condition."""
    late = inputs.started_at(start)
    mean, _ = module(late)
    age = late.since_start[:, None]
    lived = (age >= 60.0) & (age < 1e4)
    change = ((mean - whole) ** 2 * lived).sum() / lived.expand_as(mean).sum().clamp_min(1)
    known = late.initial.isfinite()
    near = (age >= 0.0) & (age < 5.0) & known[:, :, None]
    away = (mean - torch.nan_to_num(late.initial)[:, :, None]) ** 2 * torch.exp(-age / 2.0)
    departure = (away * near).sum() / near.sum().clamp_min(1)
    return settings.start_weight * change + settings.initial_weight * departure


def _without_some(features: Tensor, dynamic: int, lst: int | None, generator: torch.Generator) -> Tensor:
    """Take JULES's run, or surface temperature, away from some sites: a module must serve without."""
    drop = (torch.rand(2, len(features), 1, generator=generator) < _DROP_INPUT).to(features.device)
    given = features.clone()
    away = [(drop[1], *jules_features(dynamic))]
    if lst is not None:
        away += [(drop[0], lst, lst + 1), (drop[0], dynamic + lst, dynamic + lst + 1)]  # the value and its mask
    for lost, first, last in away:
        given[:, first:last] = given[:, first:last].masked_fill(lost[:, :, None], 0.0)
    return given
