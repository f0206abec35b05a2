"""Training of one network of soil moisture on all sites together, its loss, and the prediction of a network ensemble."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from jules_ml.experiment.moisture import MoistureSettings
from jules_ml.learned.moisture.batch import MoistureBatch
from jules_ml.learned.moisture.inputs import MoistureInputs, select_days
from jules_ml.learned.moisture.network import LearnedMoisture, jules_features
from jules_ml.support.progress import Progress

#: Steps between those that restart runs in the middle of the record.
_START_EVERY = 4
#: Fraction of the steps over which the learning rate rises.
_RISING = 0.2
#: Fraction of the steps after which weights are averaged.
_AVERAGE_FROM = 0.6
#: Probability that JULES, and that surface temperature, is masked at a site, so that a module can predict sites without them.
_DROP_INPUT = 0.15


def train_member(
    batches: Sequence[MoistureBatch],
    settings: MoistureSettings,
    *,
    seed: int,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> LearnedMoisture:
    """Train one network.

    Parameters
    ----------
    batches : sequence of MoistureBatch
        Groups of sites; each step samples sites of every group.
    settings : MoistureSettings
    seed : int
        Seed of the initial weights and of the sampling.
    device : torch.device or str, optional
    progress : callable, optional

    Returns
    -------
    LearnedMoisture
        On the CPU, in evaluation mode.
    """
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    first = batches[0].inputs
    module = LearnedMoisture(first.dynamic.shape[1], first.static.shape[1], settings).to(device)
    average = torch.optim.swa_utils.AveragedModel(module)
    optimiser = torch.optim.AdamW(module.parameters(), lr=settings.rate, weight_decay=settings.decay)
    # a first phase of a single step is a division by zero in torch
    rising = _RISING if settings.steps * _RISING != 1.0 else 2.0 * _RISING
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=settings.rate, total_steps=settings.steps, pct_start=rising, final_div_factor=20.0
    )
    on_device = [batch.training_period().to(device) for batch in batches]
    features = [module.features(batch.inputs) for batch in on_device]
    for step in range(settings.steps):
        optimiser.zero_grad()
        for batch, of_batch in zip(on_device, features, strict=True):
            _loss_of_step(module, batch, of_batch, settings, generator, restart=step % _START_EVERY == 0).backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step >= _AVERAGE_FROM * settings.steps:
            average.update_parameters(module)
        if progress is not None:
            progress("fit", step + 1, settings.steps)
    trained = average.module if int(average.n_averaged) else module
    assert isinstance(trained, LearnedMoisture)
    return trained.to("cpu").eval()


def predict_anomalies(members: Sequence[LearnedMoisture], inputs: MoistureInputs) -> tuple[Tensor, Tensor]:
    """Predict the mean and standard deviation of the anomalies by a network ensemble, each of shape (site, layer, day).

    The variance is the sum of the mean variance of the members and the variance between them.
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
    sites = torch.randperm(len(batch.inputs), generator=generator)[: batch.sites_per_step].to(device)
    batch, features = batch.take(sites), features[sites]
    first, days, drawn = training_window(batch, settings.window, context=module.context, generator=generator)
    # the mean error over a window is not that over all days
    level_weight = 1.0 if drawn else batch.level_weight
    features = select_days(features, first[:, None] + torch.arange(days, device=device))
    batch = batch.windows(first, days, restarted=drawn)
    inputs = batch.inputs
    features = _mask_inputs(features, inputs.dynamic.shape[1], batch.lst, generator)
    mean, log_spread = module(inputs, features)
    observed, spread = batch.sensors.observe(mean, torch.exp(log_spread))
    # where a site has fewer sensors than others, the standard deviation of the padding is 0
    log_observed = torch.log(spread.clamp_min(1e-3))
    loss = fit_loss(
        observed,
        log_observed,
        batch.target,
        batch.weight,
        level_weight=level_weight,
        gradient_weight=settings.gradient_weight,
    )
    if settings.bounds_weight > 0.0:
        loss = loss + settings.bounds_weight * batch.limits.bounds_penalty(mean)
    if settings.balance_weight > 0.0:
        loss = loss + settings.balance_weight * batch.limits.balance_penalty(mean)
    if restart and (settings.start_weight > 0.0 or settings.initial_weight > 0.0):
        restarted = torch.randint(0, len(sites), (min(2, len(sites)),), generator=generator).to(device)
        start = torch.randint(0, max(inputs.days - 200, 1), (len(restarted),), generator=generator).to(device)
        loss = loss + _start_loss(module, inputs.take(restarted), mean[restarted].detach(), start, settings)
    return loss


def training_window(
    batch: MoistureBatch, window: int | None, *, context: int, generator: torch.Generator
) -> tuple[Tensor, int, bool]:
    """Select the days of a training step, within each site's own record.

    A record counts from as many days before its first training day as a prediction looks back, to its last one. Days before and after
    change nothing, and a record shorter than the others is not padded to their length.

    Parameters
    ----------
    batch : MoistureBatch
    window : int or None
        Number of days to draw; all by default.
    context : int
        Days that a prediction looks back.
    generator : torch.Generator

    Returns
    -------
    start : Tensor of int, shape (site,)
        First day of each site.
    days : int
        Number of days, the same at all sites.
    restarted : bool
        Whether the days are drawn, so that the run restarts on the first of them.
    """
    first, last = batch.periods()
    begin, end = (first - context).clamp_min(0), last + 1
    longest = int((end - begin).max())
    if window is None or window >= longest:
        return (end - longest).clamp_min(0), longest, False
    room = (end - window - begin).clamp_min(0)
    drawn = (torch.rand(len(room), generator=generator).to(room.device) * (room + 1)).long()
    return (torch.minimum(begin + drawn, end - window)).clamp_min(0), window, True


def fit_loss(
    mean: Tensor,
    log_spread: Tensor,
    target: Tensor,
    weight: Tensor,
    *,
    level_weight: float,
    gradient_weight: float,
) -> Tensor:
    """Compute the negative log-likelihood and the squared error of the daily change, with equal weight for each site.

    The likelihood of a day is weighted by its predicted standard deviation, without gradient, so that days that are hard to predict keep
    their influence (Seitzer et al. 2022, ICLR, with β = 0.5).

    Parameters
    ----------
    mean, log_spread : Tensor, shape (site, sensor, day)
        Predicted anomaly and the logarithm of its standard deviation.
    target, weight : Tensor, shape (site, sensor, day)
        Observed anomaly and its weight.
    level_weight : float
        Weight of the mean error of a sensor over all days.
    gradient_weight : float
        Weight of the daily change.

    Returns
    -------
    Tensor, shape ()
    """
    error, spread = target - mean, torch.exp(log_spread)
    # the mean error has the weights of the likelihood, so that it is orthogonal to the remaining error
    precision = weight / spread.detach()
    mean_error = (precision * error).sum(2, keepdim=True) / precision.sum(2, keepdim=True).clamp_min(1e-6)
    error = error - (1.0 - math.sqrt(level_weight)) * mean_error
    likelihood = spread.detach() * (0.5 * (error / spread) ** 2 + log_spread)
    fraction = weight / weight.sum((1, 2), keepdim=True).clamp_min(1.0)
    loss = (fraction * likelihood).sum()
    pair = torch.minimum(weight[..., 1:], weight[..., :-1])
    change = (mean[..., 1:] - mean[..., :-1]) - (target[..., 1:] - target[..., :-1])
    fraction = pair / pair.sum((1, 2), keepdim=True).clamp_min(1.0)
    loss = loss + gradient_weight * (fraction * change**2).sum()
    return loss / max(int((weight.sum((1, 2)) > 0).sum()), 1)


def _start_loss(
    module: LearnedMoisture, inputs: MoistureInputs, full_run: Tensor, start: Tensor, settings: MoistureSettings
) -> Tensor:
    """Penalise the effect of a later start after 60 days, and the departure from the initial condition in the first days."""
    late = inputs.started_at(start)
    mean, _ = module(late)
    age = late.since_start[:, None]
    spun_up = (age >= 60.0) & (age < 1e4)
    change = ((mean - full_run) ** 2 * spun_up).sum() / spun_up.expand_as(mean).sum().clamp_min(1)
    first_days = (age >= 0.0) & (age < 5.0) & late.initial.isfinite()[:, :, None]
    square = (mean - torch.nan_to_num(late.initial)[:, :, None]) ** 2 * torch.exp(-age / 2.0)
    departure = (square * first_days).sum() / first_days.sum().clamp_min(1)
    loss: Tensor = settings.start_weight * change + settings.initial_weight * departure
    return loss


def _mask_inputs(features: Tensor, dynamic: int, lst: int | None, generator: torch.Generator) -> Tensor:
    """Mask JULES's run, and surface temperature, at random sites, so that a module can predict without them."""
    drop = (torch.rand(2, len(features), 1, generator=generator) < _DROP_INPUT).to(features.device)
    masked = features.clone()
    ranges = [(drop[1], *jules_features(dynamic))]
    if lst is not None:
        ranges += [(drop[0], lst, lst + 1), (drop[0], dynamic + lst, dynamic + lst + 1)]  # the value and its mask
    for dropped, first, last in ranges:
        masked[:, first:last] = masked[:, first:last].masked_fill(dropped[:, :, None], 0.0)
    return masked
