"""Text of a kernel: the same in each process, so that a kernel is compiled once."""

from __future__ import annotations

import os
import subprocess
import sys

_TEXT = """
import hashlib
import torch
from jules_ml.physics.kernel.recorder import Recorder
from jules_ml.physics.kernel.source import kernel_source

recorder = Recorder(4)
with torch.no_grad(), recorder:
    x = recorder.input((9, 4), torch.float64, "state")
    for _ in range(4):
        warm, dry, sums = x > 0.5, x < 0.2, x.sum(0)
        for _ in range(9):
            x = torch.where(warm, torch.exp(-x), torch.where(dry, x * sums, x + 1.0))
numbers = recorder.numbers(x).flatten().tolist()
print(hashlib.sha256(kernel_source(recorder, numbers, [], double=True).text.encode()).hexdigest())
"""


def test_the_text_does_not_depend_on_the_process() -> None:
    texts = {
        subprocess.run(
            [sys.executable, "-c", _TEXT],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(texts) == 1
