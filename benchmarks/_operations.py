"""Least time of the operations of a step: those that blocks of columns do, without loads, stores and waiting for results."""

from __future__ import annotations

import ctypes
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from importlib.resources import files
from unittest import mock

import torch

from jules_ml.physics.kernel import stepper as stepper_module
from jules_ml.physics.kernel.library import library

#: Operations of a loop that has the mix of the step, and the registers that these read.
_SIZE = 600
_REGISTERS = 12
_ROUNDS = 50
#: Operations that take as long as another.
_LIKE = {
    "sub": "add", "neg": "add", "abs": "add", "max_number": "min_number", "max": "min", "reciprocal": "div", "log10": "log",
    "le": "lt", "gt": "lt", "ge": "lt", "eq": "lt", "ne": "lt",
}  # fmt: skip
#: Operations on masks and whole numbers, which are left out.
_NOTHING = ("and", "or", "not", "xor", "truth_to_real", "real_to_truth", "whole_to_real", "real_to_whole", "look_up")
_OF_TWO = ("add", "mul", "div", "min", "max", "min_number", "pow", "atan_of_ratio")


def operations(run: Callable[[], object]) -> Counter[str]:
    """Count the operations that a run does in all of its steps and blocks; its kernel must not have been recorded before."""
    counting: list[tuple[ctypes.CDLL, list[str]]] = []

    def counted(text: str) -> ctypes.CDLL:
        before, step = text.split("static void step(", 1)
        step, after = step.split("// Number of columns in a block.", 1)
        names = sorted(set(re.findall(r"\bf_(\w+)\(", step)))
        numbers = "\n".join(
            f"#define C_{name}(...) (counted[{k}]++, f_{name}(__VA_ARGS__))" for k, name in enumerate(names)
        )
        array = f"static long counted[{len(names)}];\n"
        get = 'extern "C" const long* jml_counted() { return counted; }\n'
        changed = re.sub(r"\bf_(\w+)\(", r"C_\1(", step)
        kernel = library(f"{before}{array}{get}{numbers}\nstatic void step({changed}{after}")
        counting.append((kernel, names))
        return kernel

    with mock.patch.object(stepper_module, "library", counted):
        run()
    ((kernel, names),) = counting
    kernel.jml_counted.restype = ctypes.POINTER(ctypes.c_long)
    numbers = kernel.jml_counted()
    total: Counter[str] = Counter()
    for k, name in enumerate(names):
        if name not in _NOTHING:
            total[_LIKE.get(name, name)] += numbers[k]
    # a comparison is measured together with the choice that uses it
    total["select"] = max(0, total["select"] - total["lt"])
    return total


def least_seconds(counted: Counter[str], dtype: torch.dtype) -> float:
    """Time of operations in vectors, all independent of each other and in one mix, so that only the processor's units limit them [s]."""
    whole = sum(counted.values())
    mix = [name for name in sorted(counted) for _ in range(round(_SIZE * counted[name] / whole))]
    random.Random(0).shuffle(mix)
    vectors = (files("jules_ml.physics.kernel") / "vectors.h").read_text()
    loads = "".join(f"V x{k} = loadu(p + {k} * W);\n" for k in range(_REGISTERS))
    body = "".join(_statement(name, k % _REGISTERS) for k, name in enumerate(mix))
    kernel = library(
        f"#define DOUBLE {int(dtype == torch.float64)}\n{vectors}\n"
        f'extern "C" void run(const T* p) {{\nconst V y = splat(p[1]);\nconst M m = f_lt(splat(p[0]), splat(p[2]));\n{loads}'
        f"for (int n = 0; n < {_ROUNDS}; n++) {{\n{body}}}\n}}\n"
    )
    values = torch.rand(_REGISTERS, 16, dtype=dtype) + 0.5
    times = []
    for _ in range(300):
        start = time.perf_counter()
        kernel.run(ctypes.c_void_p(values.data_ptr()))
        times.append(time.perf_counter() - start)
    return min(times) / (_ROUNDS * len(mix)) * whole


def _statement(name: str, k: int) -> str:
    """One operation, whose operand a compiler takes for a new one and whose result it takes for used."""
    call = {"select": f"f_select(m, x{k}, y)", "lt": f"f_select(f_lt(x{k}, y), x{k}, y)"}.get(
        name, f"f_{name}(x{k}, y)" if name in _OF_TWO else f"f_{name}(x{k})"
    )
    return f'asm volatile("" : "+v"(x{k})); {{ const V z = {call}; asm volatile("" : : "v"(z)); }}\n'
