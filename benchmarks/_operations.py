"""Least time of the operations of a step: each measured alone, in the vectors of the kernel, without loads and without waiting."""

from __future__ import annotations

import ctypes
import time
from collections import Counter
from importlib.resources import files
from typing import Any

import torch

from jules_ml.physics.kernel.library import library
from jules_ml.physics.kernel.plan import Plan
from jules_ml.physics.kernel.recorder import Recorder
from jules_ml.physics.kernel.trees import mapped, tensors

#: Independent chains of an operation, which hide its latency.
_CHAINS = 12
_ROUNDS = 400
#: Operations that take as long as another.
_LIKE = {
    "sub": "add", "neg": "add", "abs": "add", "max_number": "min_number", "max": "min", "reciprocal": "div", "log10": "log",
    "le": "lt", "gt": "lt", "ge": "lt", "eq": "lt", "ne": "lt",
}  # fmt: skip
_NOTHING = (
    "and",
    "or",
    "not",
    "xor",
    "truth_to_real",
    "real_to_truth",
    "whole_to_real",
    "real_to_whole",
    "look_up",
    "chosen",
)


def operations(column: Any, state: Any, now: Any, outputs: tuple[str, ...], n_columns: int) -> Counter[str]:
    """Count the operations of a step, without those of tiles without area that are the same in all columns."""
    recorder = Recorder(n_columns)
    recorder.weigh(column.surface.frac)
    with torch.no_grad(), recorder:
        own = mapped(lambda x: recorder.input((*x.shape[:-1], n_columns), x.dtype, "state"), state)
        weather = mapped(lambda x: recorder.input((*x.shape[:-1], n_columns), x.dtype, "forcing"), now)
        new, available = column.step(own, weather)
    roots = [k for x in tensors(new) for k in recorder.numbers(x).flatten().tolist()]
    roots += [k for name in outputs for k in recorder.numbers(available[name]).flatten().tolist()]
    plan = Plan(recorder.elements, roots)
    absent = {
        recorder.elements.weights[int(number)]
        for number, fraction in zip(recorder.numbers(column.surface.frac)[:, 0], column.surface.frac[:, 0], strict=True)
        if float(fraction) == 0.0
    }
    counted: Counter[str] = Counter()
    for number in filter(plan.is_computed, plan.live):
        if plan.guards[number].isdisjoint(absent):
            operation = recorder.elements.all[number].operation
            counted[_LIKE.get(operation, operation)] += 1
    return counted


def least_seconds(counted: Counter[str], dtype: torch.dtype) -> float:
    """Time of the operations of a step for one column [s]."""
    known = [name for name in counted if name not in _NOTHING]
    vectors = (files("jules_ml.physics.kernel") / "vectors.h").read_text()
    text = f'#define DOUBLE {int(dtype == torch.float64)}\n{vectors}\nextern "C" long jml_lanes() {{ return W; }}\n'
    kernel = library(text + "\n".join(map(_loop, known)))
    values = torch.rand(_CHAINS, 16, dtype=dtype) + 0.5
    total = 0.0
    for name in known:
        run = getattr(kernel, f"run_{name}")
        times = []
        for _ in range(200):
            start = time.perf_counter()
            run(ctypes.c_void_p(values.data_ptr()))
            times.append(time.perf_counter() - start)
        total += counted[name] * min(times) / (_CHAINS * _ROUNDS)
    return total / int(kernel.jml_lanes())


def _loop(name: str) -> str:
    """Loop over one operation, on chains that a compiler cannot shorten."""
    call = {
        "select": "f_select(f_lt(x{k}, y), x{k}, y)", "lt": "f_select(f_lt(x{k}, y), x{k}, y)",
        **{each: f"f_{each}(x{{k}}, y)" for each in ("add", "mul", "div", "min", "max", "min_number", "pow")},
    }.get(name, f"f_{name}(x{{k}})")  # fmt: skip
    body = "".join(f'x{k} = {call.format(k=k)}; asm volatile("" : "+v"(x{k}));\n' for k in range(_CHAINS))
    loads = "".join(f"V x{k} = loadu(p + {k} * W);\n" for k in range(_CHAINS))
    stores = "".join(f"store(q + {k} * W, x{k});\n" for k in range(_CHAINS))
    return (
        f'extern "C" void run_{name}(const T* p) {{\nalignas(64) static T q[{_CHAINS} * W];\nconst V y = splat(T(0.999));\n{loads}'
        f"for (int n = 0; n < {_ROUNDS}; n++) {{\n{body}}}\n{stores}}}\n"
    )
