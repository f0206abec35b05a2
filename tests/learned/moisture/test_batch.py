"""Batches of soil moisture: the days of a training step are taken from each site's own record."""

import numpy as np
import torch
from helpers.moisture_site import site

from jules_ml.learned.moisture.batch import make_batch
from jules_ml.learned.moisture.moments import jules_moments, sensor_moments
from jules_ml.learned.moisture.record import moisture_record
from jules_ml.learned.moisture.training import training_window


def test_training_days_are_drawn_within_each_record() -> None:
    record, all_days = moisture_record(site(400)), np.ones(400, dtype=bool)
    train = np.zeros((2, 400), dtype=bool)
    train[0, 100:150], train[1, 300:380] = True, True
    batch = make_batch(
        [record, record],
        jules=[jules_moments(record, all_days)] * 2,
        moments=[sensor_moments(record, all_days)] * 2,
        static=(),
        statics=[{}] * 2,
        train=list(train),
    )
    generator = torch.Generator().manual_seed(0)
    start, days, restarted = training_window(batch, None, context=60, generator=generator)
    assert (start.tolist(), days, restarted) == ([10, 240], 140, False)
    for _ in range(20):
        start, days, restarted = training_window(batch, 100, context=60, generator=generator)
        assert (days, restarted) == (100, True)
        assert 40 <= start[0] <= 50
        assert 240 <= start[1] <= 280
        windows = batch.windows(start, days, restarted=restarted)
        assert torch.equal(windows.target[1], batch.target[1, :, int(start[1]) : int(start[1]) + 100])
        assert torch.equal(windows.inputs.rain[0], batch.inputs.rain[0, int(start[0]) : int(start[0]) + 100])
