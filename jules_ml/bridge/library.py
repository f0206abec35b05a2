"""The Fortran bridge called from Python, through its C face: the same library that serves JULES.

Arrays are C-ordered with land points running fastest, so that Fortran's ``(land_pts, sm_levels)`` is NumPy's
``(sm_levels, land_pts)``; all of a call are float32 or all float64.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jules_ml.bridge.served import FORCING, PROPERTIES
from jules_ml.errors import RunFailed

Array = NDArray[Any]

#: Endings of the names in C, by type.
KINDS = {np.dtype(np.float32): "r32", np.dtype(np.float64): "r64"}
#: Longest sentence of a failure, with its closing null.
MESSAGE_LENGTH = 2048


class BridgeFailure(RunFailed):
    """A call that gave back another status than 0.

    Attributes
    ----------
    status : int
        One of the codes of ``jules_ml_bridge.h``.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class Bridge:
    """The library; one configuration is in force at a time, whatever the number of these objects.

    Parameters
    ----------
    library : Path
        ``libjules_ml_bridge.so``.
    """

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))

    def start(self, config: Path) -> None:
        """Read ``jules_ml.nml`` and make ready all that it names; without the file, every hook is off.

        Raises
        ------
        BridgeFailure
            If anything that the file names cannot be used.
        """
        self._check(self._library.jml_init_c(str(config).encode()))

    def enabled(self, what: str) -> bool:
        """Whether a hook is on: ``respiration``, ``properties`` or ``moisture``."""
        return bool(self._library.jml_enabled_c(what.encode()))

    @property
    def kernels(self) -> str:
        """Name of the kernels that the native backend runs: ``base``, ``x86-64-v3`` or ``x86-64-v4``; empty if it serves no hook."""
        text = ctypes.create_string_buffer(MESSAGE_LENGTH)
        self._library.jml_kernels_c(text, MESSAGE_LENGTH)
        return text.value.decode()

    def respiration(
        self, sthu: Array, sthf: Array, v_sat: Array, v_wilt: Array, t_soil: Array, l_soil_point: Array
    ) -> tuple[Array, Array]:
        """Moisture and temperature factors of soil respiration.

        Parameters
        ----------
        sthu, sthf : ndarray, shape (sm_levels, land_pts)
            Unfrozen and frozen water, fraction of saturation [1].
        v_sat, v_wilt : ndarray, shape (sm_levels, land_pts)
            Water content at saturation and at the wilting point [m3 m-3].
        t_soil : ndarray, shape (sm_levels, land_pts)
            Soil temperature [K].
        l_soil_point : ndarray of bool, shape (land_pts,)
            Whether a point is soil.

        Returns
        -------
        fsth, ftemp : ndarray, shape (sm_levels, land_pts)
            [1]; ``fsth`` is 0 off soil points.

        Raises
        ------
        BridgeFailure
            If the hook is off, a number is not finite, or Python fails.
        """
        fsth, ftemp = np.empty_like(sthu), np.empty_like(sthu)
        levels, points = sthu.shape
        soil = np.ascontiguousarray(l_soil_point, dtype=np.intc)
        self._call("respiration", points, levels, [sthu, sthf, v_sat, v_wilt, t_soil], soil, [fsth, ftemp])
        return fsth, ftemp

    def soil_properties(self, cs: Array, latitude: Array, longitude: Array, sm_levels: int) -> dict[str, Array]:
        """Soil properties from soil carbon.

        Parameters
        ----------
        cs : ndarray, shape (dim_cs1, dim_cslayer, land_pts)
            Soil carbon [kg m-2].
        latitude, longitude : ndarray, shape (land_pts,)
            [degrees].
        sm_levels : int
            Soil levels of the result.

        Returns
        -------
        dict of str to ndarray, shape (sm_levels, land_pts)
            By the names of :data:`~jules_ml.bridge.served.PROPERTIES`; ``satcon`` and ``hcon`` with a level more.

        Raises
        ------
        BridgeFailure
            If the hook is off, a number is not finite, or Python fails.
        """
        pools, layers, points = cs.shape
        result = {
            name: np.empty((sm_levels + (name in ("satcon", "hcon")), points), dtype=cs.dtype) for name in PROPERTIES
        }
        inputs = [cs, latitude, longitude]
        self._call("soil_properties", points, layers, pools, sm_levels, inputs, list(result.values()))
        return result

    def soil_moisture(
        self,
        date: Sequence[int],
        latitude: Array,
        longitude: Array,
        forcing: Mapping[str, Array],
        *,
        smcl: Array,
        sthu: Array,
        sthf: Array,
        t_soil: Array,
        trial: bool = False,
    ) -> tuple[Array, NDArray[np.bool_]]:
        """Water content that the soil is to have.

        Parameters
        ----------
        date : sequence of 6 int
            Year, month, day, hour, minute, second.
        latitude, longitude : ndarray, shape (land_pts,)
            [degrees].
        forcing : mapping of str to ndarray, shape (land_pts,)
            With the names and units of :data:`~jules_ml.bridge.served.FORCING`.
        smcl : ndarray, shape (sm_levels, land_pts)
            Water in the layer [kg m-2].
        sthu, sthf : ndarray, shape (sm_levels, land_pts)
            Unfrozen and frozen water, fraction of saturation [1].
        t_soil : ndarray, shape (sm_levels, land_pts)
            Soil temperature [K].
        trial : bool
            Ask only to see that the module can answer; of a class another object is made for it.

        Returns
        -------
        theta_target : ndarray, shape (sm_levels, land_pts)
            [m3 m-3]; 0 where there is no target.
        layer_mask : ndarray of bool, shape (sm_levels, land_pts)
            Where there is one.

        Raises
        ------
        BridgeFailure
            If the hook is off, a number is not finite, or Python fails.
        """
        theta, mask = np.empty_like(smcl), np.empty(smcl.shape, dtype=np.intc)
        levels, points = smcl.shape
        weather = np.stack([forcing[name] for name in FORCING])
        inputs = [latitude, longitude, weather, smcl, sthu, sthf, t_soil]
        self._call("soil_moisture", np.array(date, dtype=np.intc), points, levels, inputs, [theta], mask, int(trial))
        return theta, mask != 0

    def write_state(self, path: Path) -> None:
        """Keep the history of the moisture module; see :class:`BridgeFailure`."""
        self._check(self._library.jml_state_write_c(str(path).encode()))

    def read_state(self, path: Path) -> None:
        """Take back what :meth:`write_state` kept; see :class:`BridgeFailure`."""
        self._check(self._library.jml_state_read_c(str(path).encode()))

    def ping(self) -> None:
        """Call a Python function that does nothing."""
        self._check(self._library.jml_ping_c())

    def stop(self) -> None:
        """Let go of what :meth:`start` made ready."""
        self._check(self._library.jml_finalise_c())

    def _call(self, name: str, *arguments: int | Array | list[Array]) -> None:
        """Call one of the hooks; arrays in lists are reals, which must be of one type."""
        reals = [array for argument in arguments if isinstance(argument, list) for array in argument]
        types = {array.dtype for array in reals}
        if len(types) != 1 or not types <= KINDS.keys():
            raise TypeError(f"all arrays must be float32 or all float64, not {', '.join(sorted(map(str, types)))}")
        if not all(array.flags.c_contiguous for array in reals):
            raise ValueError("all arrays must be C-contiguous")
        passed: list[Any] = []
        for argument in arguments:
            for item in argument if isinstance(argument, list) else [argument]:
                passed.append(item.ctypes.data_as(ctypes.c_void_p) if isinstance(item, np.ndarray) else int(item))
        self._check(getattr(self._library, f"jml_{name}_{KINDS[types.pop()]}_c")(*passed))

    def _check(self, status: int) -> None:
        if status:
            text = ctypes.create_string_buffer(MESSAGE_LENGTH)
            self._library.jml_error_c(text, MESSAGE_LENGTH)
            raise BridgeFailure(status, text.value.decode(errors="replace"))
