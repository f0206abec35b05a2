"""Functions of the kernel's vectors against those of NumPy, within the widest vectors of the processor and within those of older ones."""

from __future__ import annotations

import ctypes
from importlib.resources import files

import numpy as np
import pytest
import torch

from jules_ml.physics.compilation import can_compile
from jules_ml.physics.kernel import library as library_module

pytestmark = pytest.mark.skipif(not can_compile(), reason="no C++ compiler")
FUNCTIONS = {
    "exp": "exp",
    "expm1": "expm1",
    "log": "log",
    "log10": "log10",
    "log1p": "log1p",
    "tanh": "tanh",
    "atan": "arctan",
    "sqrt": "sqrt",
}
EDGES = [
    0.0,
    float("inf"),
    -float("inf"),
    float("nan"),
    1.0,
    -1.0,
    1e-40,
    88.7,
    89.0,
    -88.0,
    -103.0,
    1e30,
    710.0,
    -745.0,
    5.0,
    -0.0,
]


@pytest.fixture(params=[(), ("-mno-avx512f",), ("-mno-avx512f", "-mno-avx", "-mno-fma")], ids=["widest", "avx", "sse"])
def flags(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    if (
        "x86" not in torch.backends.cpu.get_cpu_capability().lower()
        and not torch.backends.cpu.get_cpu_capability().startswith("AVX")
    ):
        pytest.skip("another processor")
    monkeypatch.setattr(library_module, "FLAGS", (*library_module.FLAGS, *request.param))
    return tuple(request.param)


def kernel(double: bool) -> ctypes.CDLL:
    text = f"#define DOUBLE {int(double)}\n" + (files("jules_ml.physics.kernel") / "vectors.h").read_text()
    for name in (*FUNCTIONS, "cbrt"):
        text += f'extern "C" void run_{name}(const T* x, T* y, long n) {{ for (long k = 0; k < n; k += W) '
        text += f"store(y + k, f_{name}(load(x + k))); }}\n"
    for name in ("pow", "min", "max", "atan_of_ratio"):
        text += f'extern "C" void run_{name}(const T* x, const T* z, T* y, long n) {{ for (long k = 0; k < n; k += W) '
        text += f"store(y + k, f_{name}(load(x + k), load(z + k))); }}\n"
    return library_module.library(text)


def call(lib: ctypes.CDLL, name: str, *given: torch.Tensor) -> torch.Tensor:
    result = torch.empty_like(given[0])
    addresses = [ctypes.c_void_p(x.data_ptr()) for x in (*given, result)]
    getattr(lib, f"run_{name}")(*addresses, ctypes.c_long(len(result)))
    return result


@pytest.mark.usefixtures("flags")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_functions_agree_to_two_units_in_the_last_place(dtype: torch.dtype) -> None:
    lib = kernel(dtype == torch.float64)
    generator = torch.Generator().manual_seed(1)
    random = torch.rand(4096, generator=generator, dtype=torch.float64) - 0.5
    for name, of_numpy in FUNCTIONS.items():
        wide = {
            "log": torch.exp(160 * random),
            "sqrt": torch.exp(160 * random),
            "log10": torch.exp(160 * random),
            "log1p": torch.expm1(8 * random),
        }
        x = torch.cat(
            [wide.get(name, 160 * random), 1.0 + 0.1 * random if name in ("log", "log10", "sqrt") else 0.02 * random]
        ).to(dtype)
        expected = getattr(np, of_numpy)(x.numpy().astype(np.longdouble))
        error = np.abs(call(lib, name, x).numpy().astype(np.longdouble) - expected) / np.maximum(
            np.abs(expected), 1e-300
        )
        assert float(error.max()) < 2.0 * torch.finfo(dtype).eps, name
        edges = torch.tensor(EDGES, dtype=dtype)
        torch.testing.assert_close(call(lib, name, edges), getattr(torch, name)(edges), equal_nan=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_cubic_roots_agree_with_those_of_torch(dtype: torch.dtype, flags: tuple[str, ...]) -> None:
    lib = kernel(dtype == torch.float64)
    generator = torch.Generator().manual_seed(3)
    x = torch.exp(160 * torch.rand(4096, generator=generator, dtype=dtype) - 80)
    expected = np.cbrt(x.numpy().astype(np.longdouble))
    error = np.abs(call(lib, "cbrt", x).numpy().astype(np.longdouble) / expected - 1.0)
    own = dtype == torch.float32 and not flags and torch.backends.cpu.get_cpu_capability() == "AVX512"
    # elsewhere the root is a power, which has the error of the rounded third
    assert float(error.max()) < (1.0 if own else 40.0) * torch.finfo(dtype).eps
    edges = torch.tensor([0.0, float("inf"), float("nan"), -1.0, 1e-40, 1.0, 8.0, 1e30] * 2, dtype=dtype)
    torch.testing.assert_close(call(lib, "cbrt", edges), edges ** (1.0 / 3.0), equal_nan=True)


@pytest.mark.usefixtures("flags")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_powers_and_bounds_agree_with_torch(dtype: torch.dtype) -> None:
    lib = kernel(dtype == torch.float64)
    generator = torch.Generator().manual_seed(2)
    base = torch.exp(10 * torch.rand(4096, generator=generator, dtype=dtype) - 5)
    exponent = 8 * torch.rand(4096, generator=generator, dtype=dtype) - 4
    torch.testing.assert_close(
        call(lib, "pow", base, exponent), base**exponent, rtol=20 * torch.finfo(dtype).eps, atol=0.0
    )
    zero, positive = torch.zeros(16, dtype=dtype), torch.full((16,), 0.6, dtype=dtype)
    assert not call(lib, "pow", zero, positive).any()
    first, second = (x.contiguous() for x in torch.cartesian_prod(*[torch.tensor(EDGES, dtype=dtype)] * 2).unbind(1))
    expected = torch.atan(first / second)
    torch.testing.assert_close(call(lib, "atan_of_ratio", first, second), expected, equal_nan=True)
    for name in ("min", "max"):
        torch.testing.assert_close(
            call(lib, name, first, second),
            getattr(torch, f"{name}imum")(first, second),
            rtol=0.0,
            atol=0.0,
            equal_nan=True,
        )
