"""The bridge through its C interface: both backends and torch give the same numbers."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.bridge_inputs import KINDS, POINTS, TOLERANCE, Serve, configure, soil
from helpers.tensors import linear
from numpy.typing import NDArray
from torch import nn

from jules_ml.bridge.library import Bridge, BridgeFailure
from jules_ml.jules.curve_files import read_curve, write_curve
from jules_ml.jules.net_files import NetInput, write_net
from jules_ml.learned.respiration.tables import CurveTable


class Scaled(nn.Module):
    """A net that bounds and scales its inputs as the bridge does."""

    seen_min: torch.Tensor
    seen_max: torch.Tensor
    offset: torch.Tensor
    scale: torch.Tensor

    def __init__(self, net: nn.Sequential, inputs: list[NetInput]) -> None:
        super().__init__()
        self.net = net
        for name in ("seen_min", "seen_max", "offset", "scale"):
            self.register_buffer(name, torch.tensor([getattr(item, name) for item in inputs], dtype=torch.float64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bounded = torch.minimum(torch.maximum(x, self.seen_min), self.seen_max)
        output: torch.Tensor = self.net((bounded - self.offset) / self.scale)
        return output


INPUTS = [
    NetInput(name="sthu", seen_min=0.1, seen_max=0.95, offset=0.5, scale=0.3),
    NetInput(name="t_soil", seen_min=258.0, seen_max=305.0, offset=283.0, scale=10.0),
]


def test_fortran_tests_pass(bridge_build: Path) -> None:
    # without the measurement of coverage, which changes the handlers of signals that these tests check
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_PROCESS")}
    done = subprocess.run(
        ["ctest", "--output-on-failure", "-R", "^bridge_"],
        cwd=bridge_build,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "bridge_python" in done.stdout


@KINDS
@POINTS
def test_tables_native_and_python_agree(
    bridge: Bridge, serve: Serve, tmp_path: Path, kind: type[np.floating], points: int
) -> None:
    wetness, temperature = np.linspace(0.05, 0.95, 31), np.linspace(250.0, 315.0, 66)
    f, g = 0.2 + np.sin(3 * wetness) ** 2, 2 ** ((temperature - 282.4) / 10) / 4
    write_curve(CurveTable("fsth", "sthu", 0.05, 0.95, f, 0.1, 0.9, 0.6), tmp_path / "f.nml")
    write_curve(CurveTable("ftemp", "t_soil", 250.0, 315.0, g, 260.0, 300.0, 302.4), tmp_path / "g.nml")
    f, g = (read_curve(tmp_path / name).y for name in ("f.nml", "g.nml"))  # as rounded in the file
    inputs = soil(kind, points)

    bridge.start(configure(tmp_path, "&jules_ml_respiration fsth_table = 'f.nml', ftemp_table = 'g.nml' /\n"))
    native = bridge.respiration(**inputs)
    serve(
        lambda sthu, t_soil, **_: (
            np.interp(sthu, wetness, f).astype(kind),
            np.interp(t_soil, temperature, g).astype(kind),
        )
    )
    python = bridge.respiration(**inputs)

    expected = np.interp(inputs["sthu"], wetness, f), np.interp(inputs["t_soil"], temperature, g)
    for mine, theirs, truth in zip(native, python, expected, strict=True):
        assert mine.dtype == theirs.dtype == kind
        np.testing.assert_allclose(mine, truth, rtol=0, atol=TOLERANCE[kind])
        np.testing.assert_allclose(theirs, truth, rtol=0, atol=TOLERANCE[kind])


@KINDS
@POINTS
@pytest.mark.parametrize("activation", [nn.Tanh, nn.Sigmoid, nn.ReLU, nn.Softplus])
def test_nets_native_python_and_torch_agree(
    bridge: Bridge, serve: Serve, tmp_path: Path, kind: type[np.floating], points: int, activation: type[nn.Module]
) -> None:
    torch.manual_seed(points)
    net = nn.Sequential(nn.Linear(2, 16), activation(), nn.Linear(16, 5), activation(), nn.Linear(5, 1), nn.Softplus())
    net = net.double()
    write_net(tmp_path / "net.nml", net, INPUTS, ["joint"], name="joint")
    inputs = soil(kind, points)

    def by_torch(
        sthu: NDArray[np.floating], t_soil: NDArray[np.floating], **_: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.stack([torch.from_numpy(sthu).double(), torch.from_numpy(t_soil).double()], -1)
        joint = Scaled(net, INPUTS)(x)[..., 0]
        return joint.to(torch.from_numpy(sthu).dtype), torch.ones(joint.shape, dtype=torch.from_numpy(sthu).dtype)

    x = torch.stack([torch.from_numpy(inputs[item.name]).double() for item in INPUTS], -1)
    expected = Scaled(net, INPUTS)(x)[..., 0].detach().numpy()

    bridge.start(configure(tmp_path, "&jules_ml_respiration net = 'net.nml' /\n"))
    native, ones = bridge.respiration(**inputs)
    serve(by_torch)
    python, _ = bridge.respiration(**inputs)

    assert native.dtype == python.dtype == kind
    assert (ones == 1).all()
    np.testing.assert_allclose(native, expected, rtol=0, atol=TOLERANCE[kind])
    np.testing.assert_allclose(python, expected, rtol=0, atol=TOLERANCE[kind])


@KINDS
@pytest.mark.parametrize("activation", [nn.Tanh, nn.Sigmoid, nn.Softplus])
def test_activations_over_all_numbers(
    bridge: Bridge, tmp_path: Path, kind: type[np.floating], activation: type[nn.Module]
) -> None:
    """Over all numbers, including saturation, through a net of one activation."""
    net = nn.Sequential(nn.Linear(1, 1), activation()).double()
    nn.init.ones_(linear(net, 0).weight)
    nn.init.zeros_(linear(net, 0).bias)
    item = NetInput(name="t_soil", seen_min=0.0, seen_max=400.0)
    inputs = soil(kind, 1000)
    inputs["t_soil"] = np.linspace(-800.0, 800.0, 4000).astype(kind).reshape(4, -1)
    if activation is nn.Tanh:
        inputs["t_soil"] /= 40
    write_net(tmp_path / "net.nml", net, [item], ["joint"], name="line", outside="extend")
    bridge.start(configure(tmp_path, "&jules_ml_respiration net = 'net.nml' /\n"))

    output, _ = bridge.respiration(**inputs)

    x = torch.from_numpy(inputs["t_soil"]).double()[..., None]
    expected = net(x)[..., 0].clamp(min=0).detach().numpy()
    eps = float(np.finfo(kind).eps)
    np.testing.assert_allclose(output, expected, rtol=4.0 * eps, atol=2.0 * eps)


REPRODUCIBLE = "&jules_ml reproducible = .true. /\n"
CURVES = "&jules_ml_respiration fsth_table = 'f.nml', ftemp_table = 'g.nml' /\n"


def look_up(curve: CurveTable, x: NDArray[np.floating]) -> NDArray[np.floating]:
    """A table in the order of operations of the kernels, each rounded once: NumPy fuses none."""
    kind = x.dtype.type
    last = curve.y.size - 1
    low, high = kind(curve.x_min), kind(curve.x_max)
    u = (np.clip(x, low, high) - low) * kind(last / (curve.x_max - curve.x_min))
    k = u.astype(np.int64)
    increments = np.append(np.diff(curve.y), 0.0).astype(kind)
    values: NDArray[np.floating] = curve.y.astype(kind)[k] + (u - k.astype(kind)) * increments[k]
    return values


@KINDS
@POINTS
def test_reproducible_tables_are_exact_to_the_bit(bridge: Bridge, tmp_path: Path, kind: type, points: int) -> None:
    f = CurveTable("fsth", "sthu", 0.05, 0.95, 0.2 + np.sin(np.linspace(0.15, 2.85, 31)) ** 2, 0.1, 0.9, 0.6)
    g = CurveTable("ftemp", "t_soil", 250.0, 315.0, np.exp2(np.linspace(-3.0, 3.0, 66)), 260.0, 300.0, 302.4)
    write_curve(f, tmp_path / "f.nml")
    write_curve(g, tmp_path / "g.nml")
    inputs = soil(kind, points)

    bridge.start(configure(tmp_path, CURVES + REPRODUCIBLE))
    assert bridge.kernels == "base"
    fsth, ftemp = bridge.respiration(**inputs)

    np.testing.assert_array_equal(fsth, look_up(read_curve(tmp_path / "f.nml"), inputs["sthu"]))
    np.testing.assert_array_equal(ftemp, look_up(read_curve(tmp_path / "g.nml"), inputs["t_soil"]))


@KINDS
@POINTS
def test_a_reproducible_net_is_exact_to_the_bit(bridge: Bridge, tmp_path: Path, kind: type, points: int) -> None:
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, 1), nn.ReLU()).double()
    write_net(tmp_path / "net.nml", net, INPUTS, ["joint"], name="joint")
    inputs = soil(kind, points)
    settings = "&jules_ml_respiration net = 'net.nml' /\n"

    bridge.start(configure(tmp_path, settings + REPRODUCIBLE))
    assert bridge.kernels == "base"
    fixed, _ = bridge.respiration(**inputs)
    bridge.start(configure(tmp_path, settings))
    chosen, _ = bridge.respiration(**inputs)

    columns = []
    for item in INPUTS:
        held = np.clip(inputs[item.name].ravel(), kind(item.seen_min), kind(item.seen_max))
        columns.append((held - kind(item.offset)) * kind(1.0 / item.scale))
    # the kernel for few points adds one product at a time, the one for blocks four
    by_four = inputs["sthu"].size > 8
    for layer in (linear(net, 0), linear(net, 2)):
        weight: NDArray[np.floating] = layer.weight.detach().numpy().astype(kind)
        bias: NDArray[np.floating] = layer.bias.detach().numpy().astype(kind)
        columns = [dense(columns, weight[j], bias[j], by_four=by_four) for j in range(len(bias))]
    np.testing.assert_array_equal(fixed.ravel(), columns[0])
    np.testing.assert_allclose(chosen, fixed, rtol=0, atol=TOLERANCE[kind])
    if points == 600 and bridge.kernels != "base":
        assert (chosen != fixed).any()  # a fused multiply-add rounds once less: without the switch, processors differ


def dense(
    x: list[NDArray[np.floating]], weight: NDArray[np.floating], bias: np.floating, *, by_four: bool
) -> NDArray[np.floating]:
    """One unit with relu, in the order of operations of the kernels."""
    y = np.full_like(x[0], bias)
    i = 0
    while by_four and i + 4 <= len(x):
        y = y + ((weight[i] * x[i] + weight[i + 1] * x[i + 1]) + (weight[i + 2] * x[i + 2] + weight[i + 3] * x[i + 3]))
        i += 4
    for k in range(i, len(x)):
        y = y + weight[k] * x[k]
    return np.maximum(y, 0)


def test_reproducible_kernels_need_no_more_than_every_processor_has(bridge_build: Path) -> None:
    """No wide register, no fused multiply-add, and no function of the runtime library, which may choose by processor."""
    if platform.machine() != "x86_64" or shutil.which("objdump") is None:
        pytest.skip("the instructions are those of x86-64, and objdump reads them")
    objects = sorted(bridge_build.glob("**/generated/jml_kernels_r*_base.f90.o"))
    assert len(objects) == 2
    for path in objects:
        command = ["objdump", "-dr", "--no-show-raw-insn", str(path)]
        code = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert re.search(r"^ +[0-9a-f]+:\tmul[ps][sd] ", code, flags=re.MULTILINE)
        assert not re.search(r"^ +[0-9a-f]+:\tv", code, flags=re.MULTILINE)  # AVX, AVX2, AVX-512 and FMA begin so
        outside = {
            name for name in re.findall(r"R_X86_64_\w+\t([a-z_]\w*)", code) if not name.startswith("__jml_kernels_")
        }
        assert outside <= {"memcpy", "memset"}


def test_kernels_have_a_name_where_the_native_backend_serves(bridge: Bridge, serve: Serve) -> None:
    assert bridge.kernels == ""
    serve(lambda sthu, t_soil, **_: (sthu, t_soil))
    assert bridge.kernels == ""


@KINDS
@pytest.mark.parametrize("backend", ["native", "python"])
def test_nan_is_a_status(bridge: Bridge, serve: Serve, tmp_path: Path, kind: type[np.floating], backend: str) -> None:
    if backend == "native":
        write_net(tmp_path / "net.nml", nn.Sequential(nn.Linear(2, 1), nn.Softplus()), INPUTS, ["joint"], name="joint")
        bridge.start(configure(tmp_path, "&jules_ml_respiration net = 'net.nml' /\n"))
    else:
        serve(lambda sthu, t_soil, **_: (np.ones_like(sthu), t_soil / 280))
    inputs = soil(kind, 9)
    inputs["t_soil"][2, 5] = np.nan
    with pytest.raises(BridgeFailure, match=r"t_soil\(6, 3\) is not finite") as failure:
        bridge.respiration(**inputs)
    assert failure.value.status == 21

    inputs["l_soil_point"][5] = False
    fsth, ftemp = bridge.respiration(**inputs)
    assert (fsth[:, 5] == 0).all()
    assert np.isfinite(fsth).all()
    assert np.isfinite(ftemp).all()


def test_an_exception_names_its_line(bridge: Bridge, serve: Serve) -> None:
    def breaks(**_: object) -> None:
        raise RuntimeError("not today")

    serve(breaks)
    with pytest.raises(
        BridgeFailure, match=r"RuntimeError: not today \(test_library.py, line \d+, in breaks\)"
    ) as failure:
        bridge.respiration(**soil(np.float32, 3))
    assert failure.value.status == 31


def test_hooks_are_off_without_a_configuration(bridge: Bridge, tmp_path: Path) -> None:
    bridge.start(tmp_path / "jules_ml.nml")
    assert not any(bridge.enabled(what) for what in ("respiration", "properties", "moisture"))
    with pytest.raises(BridgeFailure, match="respiration is off") as failure:
        bridge.respiration(**soil(np.float64, 2))
    assert failure.value.status == 1


def test_an_inconsistent_table_is_refused(bridge: Bridge, tmp_path: Path) -> None:
    (tmp_path / "f.nml").write_text(
        "&jules_ml_curve version = 1, name = 'fsth', x = 'sthu', x_units = '1', x_min = 0, x_max = 1, n = 5, y = 4*1.0 /\n"
    )
    with pytest.raises(BridgeFailure, match=r"f\.nml: n is 5 and y has 4 values") as failure:
        bridge.start(configure(tmp_path, "&jules_ml_respiration fsth_table = 'f.nml' /\n"))
    assert failure.value.status == 11


def test_kinds_are_not_mixed(bridge: Bridge) -> None:
    inputs = soil(np.float32, 3)
    inputs["t_soil"] = inputs["t_soil"].astype(np.float64)
    with pytest.raises(TypeError, match="float32, float64"):
        bridge.respiration(**inputs)


def test_ping(bridge: Bridge, serve: Serve) -> None:
    with pytest.raises(BridgeFailure, match="Python was not started"):
        bridge.ping()
    serve(lambda sthu, **_: (sthu, sthu))
    bridge.ping()


def test_torch_has_the_set_number_of_threads_in_embedded_python(bridge_build: Path, tmp_path: Path) -> None:
    """A Fortran program binds a callable that imports torch and reports its number of threads."""
    (tmp_path / "threads.py").write_text(
        "import numpy as np, torch\n"
        "def count(sthu, **_):\n"
        "    raise RuntimeError(f'{torch.get_num_threads()} of torch')\n"
    )
    configure(
        tmp_path,
        "&jules_ml_respiration backend = 'python', python_callable = 'threads:count' /\n"
        f"&jules_ml_python venv = '{sys.prefix}', threads = 3 /\n",
    )
    program = bridge_build / "fortran_bridge" / "tests" / "cost_respiration"
    done = subprocess.run([program, tmp_path / "jules_ml.nml"], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "3 of torch" in done.stderr
