"""Cost and accuracy of the Fortran bridge: tables, nets and Python, each compared with its alternative.

All ratios are of two times that are measured alternately, in one run and one thread. JULES's own formulas are written from the
published equations in ``fortran_bridge/tests/cost_respiration_bits.f90.in`` and compiled with -O3; the bridge is built as for
a user, and selects its kernels for the processor at run time. The numbers of a real JULES are in another benchmark.

Run as ``python benchmarks/bridge.py [--quick]``; needs CMake and gfortran.
"""

from __future__ import annotations

import copy
import ctypes
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _claims import REPOSITORY, Claims, argument_parser
from torch import nn

from jules_ml.bridge.library import SUFFIXES, Bridge
from jules_ml.jules.curve_files import write_curve
from jules_ml.jules.net_files import NetInput, write_net
from jules_ml.learned.respiration.tables import CurveTable

#: Ordinates of the two tables.
TABLE_POINTS = 201
#: Points at which the nets are compared, as four levels.
NET_SHAPE = (4, 2500)
#: Largest cost of the tables as a fraction of the cost of JULES's own formulas.
TABLE_TARGET = 0.5
#: Smallest factor by which the native net must be faster than torch.
NET_TARGET = 3.0
#: Largest error of the native net against 64-bit torch.
ERROR_TARGETS: dict[np.dtype[Any], float] = {np.dtype(np.float32): 1e-6, np.dtype(np.float64): 1e-13}
#: Longest time of a bound Python call without work [us].
CALL_TARGET = 1.0

CALLABLE = """
import numpy as np
{imports}
ONES = np.ones((4, 1), dtype=np.float32)


def respiration(**_):
    return ONES, ONES
"""


def build() -> Path:
    """Build the library as a user does, and return the folder of the build."""
    folder = REPOSITORY / "build" / "bridge-benchmark"
    configure = ["cmake", "-S", str(REPOSITORY), "-B", str(folder)]
    for command in (configure, ["cmake", "--build", str(folder), "--target", "bridge_programs"]):
        subprocess.run(command, check=True, capture_output=True)
    return folder / "fortran_bridge"


def configure(folder: Path, text: str) -> Path:
    """Write ``jules_ml.nml``."""
    path = folder / "jules_ml.nml"
    path.write_text(text, encoding="utf-8")
    return path


def tables(claims: Claims, library: Path, folder: Path) -> None:
    """Compare two tables with the formulas of JULES's one-pool and four-pool schemes."""
    wetness, temperature = np.linspace(0, 1, TABLE_POINTS), np.linspace(250, 320, TABLE_POINTS)
    f, g = 0.2 + 0.8 * np.sin(np.pi * wetness), 2 ** ((temperature - 282.4) / 10)
    write_curve(CurveTable("fsth", "sthu", 0, 1, f, 0, 1, 0.5), folder / "fsth.nml")
    write_curve(CurveTable("ftemp", "t_soil", 250, 320, g, 250, 320, 282.4), folder / "ftemp.nml")
    config = configure(folder, "&jules_ml_respiration fsth_table = 'fsth.nml', ftemp_table = 'ftemp.nml' /\n")
    done = subprocess.run([library / "tests" / "cost_respiration", config], check=True, capture_output=True, text=True)
    for line in done.stdout.splitlines():
        bits, points, one_pool, four_pool, bridge = line.split()
        note = f"{bridge} of {{}} ns a point"
        for scheme, formulas in (("one-pool", one_pool), ("four-pool", four_pool)):
            claims.check(
                f"tables, share of {scheme} formulas, {bits}-bit, {points} points",
                float(bridge) / float(formulas),
                "<=",
                TABLE_TARGET,
                note=note.format(formulas),
            )


def nets(claims: Claims, library: Path, folder: Path, rounds: int) -> None:
    """Compare a net of 2-16-16-1 with the same in torch."""
    torch.manual_seed(0)
    inputs = [
        NetInput(name="sthu", seen_min=0, seen_max=1, offset=0.5, scale=0.3),
        NetInput(name="t_soil", seen_min=250, seen_max=320, offset=285, scale=15),
    ]
    output = nn.Linear(16, 1)
    net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), output).double()
    nn.init.constant_(output.bias, 1.0)  # above zero, so that the bridge does not clip it
    write_net(folder / "net.nml", net, inputs, ["joint"], name="joint")
    bridge = Bridge(library / "libjules_ml_bridge.so")
    bridge.start(configure(folder, "&jules_ml_respiration net = 'net.nml' /\n"))
    for kind in ERROR_TARGETS:
        compare_net(claims, library, net, inputs, kind, rounds)
    bridge.stop()


def compare_net(
    claims: Claims, library: Path, net: nn.Sequential, inputs: list[NetInput], kind: np.dtype[Any], rounds: int
) -> None:
    """Compare the net in one precision: the bridge scales, checks and evaluates; torch only evaluates scaled inputs."""
    rng = np.random.default_rng(0)
    state = [rng.uniform(item.seen_min, item.seen_max, NET_SHAPE).astype(kind) for item in inputs]
    sthu, t_soil = state
    soil = np.ones(NET_SHAPE[1], dtype=np.intc)
    fsth, ftemp = np.empty_like(sthu), np.empty_like(sthu)
    # pointers are created once, because the time of ctypes is not a cost of the bridge
    arrays = [sthu, sthu, sthu, sthu, t_soil, soil, fsth, ftemp]
    pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in arrays]
    function = getattr(ctypes.CDLL(str(library / "libjules_ml_bridge.so")), f"jml_respiration_{SUFFIXES[kind]}_c")
    exact = torch.stack(
        [(torch.from_numpy(x).double() - item.offset) / item.scale for x, item in zip(state, inputs, strict=True)], -1
    ).reshape(-1, len(inputs))
    scaled = exact.to(torch.from_numpy(sthu).dtype)
    eager = copy.deepcopy(net).to(scaled.dtype)
    with torch.inference_mode():
        ours, theirs = in_turns(lambda: function(NET_SHAPE[1], NET_SHAPE[0], *pointers), lambda: eager(scaled), rounds)
        truth = net(exact).reshape(NET_SHAPE).numpy()
    points = sthu.size
    name = f"net 2-16-16-1, {8 * kind.itemsize}-bit, {points} points"
    note = f"{ours / points * 1e9:.0f} and {theirs / points * 1e9:.0f} ns a point"
    claims.check(f"{name}, times faster than torch", theirs / ours, ">=", NET_TARGET, note=note)
    claims.check(f"{name}, worst error", float(np.abs(fsth - truth).max()), "<=", ERROR_TARGETS[kind])


def in_turns(first: Callable[[], object], second: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Shortest time of each of two alternating calls [s]."""
    best = [float("inf"), float("inf")]
    for _ in range(rounds):
        for i, call in enumerate((first, second)):
            started = time.perf_counter()
            call()
            best[i] = min(best[i], time.perf_counter() - started)
    return best[0], best[1]


def python_calls(claims: Claims, library: Path, folder: Path) -> None:
    """Time Python inside a Fortran program: its start, an empty call, and a call with four points."""
    for what, imports in (("NumPy", ""), ("torch", "import torch\n")):
        name = f"callable_of_{what.lower()}"
        (folder / f"{name}.py").write_text(CALLABLE.format(imports=imports), encoding="utf-8")
        config = configure(
            folder,
            f"&jules_ml_respiration backend = 'python', python_callable = '{name}:respiration' /\n"
            f"&jules_ml_python venv = '{sys.prefix}' /\n",
        )
        done = subprocess.run([library / "tests" / "cost_call", config], check=True, capture_output=True, text=True)
        start, ping, serve = map(float, done.stdout.split())
        claims.report(f"start of Python with {what}", start, unit="s")
        if what == "NumPy":
            claims.check("bound Python call without work", ping / 1000, "<=", CALL_TARGET, unit="us")
            claims.report("respiration by a Python callable, 4 points", serve / 1000, unit="us", note="results checked")


def main() -> int:
    arguments = argument_parser(__doc__).parse_args()
    torch.set_num_threads(1)
    claims = Claims("bridge", quick=arguments.quick)
    library = build()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        tables(claims, library, folder)
        nets(claims, library, folder, rounds=20 if arguments.quick else 300)
        python_calls(claims, library, folder)
    return claims.finish()


if __name__ == "__main__":
    sys.exit(main())
