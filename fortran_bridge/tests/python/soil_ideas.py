"""Callables for the tests of the bridge, with valid and invalid results."""

import sys
import threading

import numpy as np


def respiration(sthu, t_soil, **_):
    """A parabola of wetness, and Q10 = 2."""
    return 4 * sthu * (1 - sthu), np.exp2((t_soil - sthu.dtype.type(282.4)) / 10)


def careless(sthu, t_soil, **_):
    """Raises all floating-point exceptions that a host may trap, and returns a valid result."""
    with np.errstate(all="ignore"):
        zero = sthu - sthu
        (zero / zero, 1 / zero, np.exp(sthu + 1e4), np.sqrt(zero - 1))
    return respiration(sthu, t_soil)


def raises(**_):
    raise RuntimeError("no data")


def leaves(**_):
    sys.exit(3)


def other_kind(sthu, **_):
    kind = np.float64 if sthu.dtype == np.float32 else np.float32
    return sthu.astype(kind), sthu.astype(kind)


def other_shape(sthu, **_):
    return sthu[:1], sthu[:1]


def not_finite(sthu, **_):
    return np.full_like(sthu, np.nan), sthu


def writes(sthu, **_):
    sthu[:] = 0


def reads_hdf5(**_):
    import netCDF4  # noqa: F401


def properties(cs, latitude, longitude, static, sm_levels):
    """Porosity depends on carbon; the other properties are constant."""
    total = cs.sum(axis=(0, 1))
    level = np.ones((sm_levels, total.size), dtype=cs.dtype)
    more = np.ones((sm_levels + 1, total.size), dtype=cs.dtype)
    kind = cs.dtype.type
    return {
        "b": 5 * level,
        "sathh": kind(0.1) * level,
        "satcon": kind(0.005) * more,
        "sm_sat": level * (kind(0.4) + kind(0.01) * total),
        "sm_crit": kind(0.3) * level,
        "sm_wilt": kind(0.1) * level,
        "hcap": kind(1e6) * level,
        "hcon": kind(0.2) * more,
    }


class Moisture:
    """Its only state is the number of its calls."""

    def __init__(self):
        self.calls = 0

    def __call__(self, date, latitude, longitude, forcing, smcl, sthu, sthf, t_soil):
        assert threading.current_thread() is threading.main_thread()
        self.calls += 1
        target = np.full_like(sthu, 0.01 * self.calls)
        target[0] = forcing["rain"] * 86400 / 1000
        target[1] = forcing["vpd"] / 1000
        mask = np.ones(sthu.shape, dtype=bool)
        mask[-1] = date[1] == 7
        return target, mask

    def state(self):
        return {"calls": np.array(self.calls)}

    def set_state(self, state):
        self.calls = int(state["calls"])
