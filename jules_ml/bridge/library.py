"""Python interface of the Fortran bridge, by its C interface.

Arrays are C-ordered with land points as the last dimension, so that ``(land_pts, sm_levels)`` in Fortran is ``(sm_levels, land_pts)`` in
NumPy. All arrays of a call must have the same type, float32 or float64.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jules_ml.bridge.served import FORCING, PROPERTIES
from jules_ml.bridge.shared_library import bridge_library
from jules_ml.errors import RunFailed

Array = NDArray[Any]

#: Suffixes of the C functions, by type.
SUFFIXES = {np.dtype(np.float32): "r32", np.dtype(np.float64): "r64"}
#: Maximum length of an error message, including its terminating null.
MESSAGE_LENGTH = 2048


class BridgeFailure(RunFailed):
    """Failure of a call of the bridge.

    Attributes
    ----------
    status : int
        Status code, see ``jules_ml_bridge.h``.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Bridge:
    """Library of the bridge. All objects of this class share one configuration.

    Parameters
    ----------
    library : Path, optional
        Shared library, ``libjules_ml_bridge.so``; by default that of :func:`~jules_ml.bridge.shared_library.bridge_library`.
    """

    def __init__(self, library: Path | None = None) -> None:
        self._library = ctypes.CDLL(str(library or bridge_library()))

    def start(self, config: Path) -> None:
        """Read ``jules_ml.nml`` and initialise its modules; without the file, all hooks are off.

        Raises
        ------
        BridgeFailure
            If a file or module that it names cannot be used.
        """
        self._check(self._library.jml_init_c(str(config).encode()))

    def enabled(self, hook: str) -> bool:
        """Whether a hook is on: ``respiration``, ``properties`` or ``moisture``."""
        return bool(self._library.jml_enabled_c(hook.encode()))

    @property
    def kernels(self) -> str:
        """Kernels of the native backend: ``base``, ``x86-64-v3`` or ``x86-64-v4``; empty if the backend is not in use."""
        text = ctypes.create_string_buffer(MESSAGE_LENGTH)
        self._library.jml_kernels_c(text, MESSAGE_LENGTH)
        return text.value.decode()

    def respiration(
        self,
        sthu: Array,
        sthf: Array,
        v_sat: Array,
        v_wilt: Array,
        t_soil: Array,
        l_soil_point: Array,
        v_crit: Array | None = None,
    ) -> tuple[Array, Array]:
        """Return the moisture and temperature modifiers of soil respiration.

        Parameters
        ----------
        sthu, sthf : ndarray, shape (sm_levels, land_pts)
            Unfrozen and frozen water as a fraction of saturation [1].
        v_sat, v_wilt : ndarray, shape (sm_levels, land_pts)
            Water content at saturation and at the wilting point [m3 m-3].
        t_soil : ndarray, shape (sm_levels, land_pts)
            Soil temperature [K].
        l_soil_point : ndarray of bool, shape (land_pts,)
            Whether a point is soil.
        v_crit : ndarray, shape (sm_levels, land_pts), optional
            Water content at the critical point [m3 m-3], which some modules need.

        Returns
        -------
        fsth, ftemp : ndarray, shape (sm_levels, land_pts)
            Modifiers [1]; ``fsth`` is 0 outside soil points.

        Raises
        ------
        BridgeFailure
            If the hook is off, a value is not finite, or Python raises an exception.
        """
        fsth, ftemp = np.empty_like(sthu), np.empty_like(sthu)
        levels, points = sthu.shape
        soil = np.ascontiguousarray(l_soil_point, dtype=np.intc)
        self._call("respiration", points, levels, [sthu, sthf, v_sat, v_wilt, t_soil], soil, [fsth, ftemp, v_crit])
        return fsth, ftemp

    def soil_properties(self, cs: Array, latitude: Array, longitude: Array, sm_levels: int) -> dict[str, Array]:
        """Return soil properties as a function of soil carbon.

        Parameters
        ----------
        cs : ndarray, shape (dim_cs1, dim_cslayer, land_pts)
            Soil carbon [kg m-2].
        latitude, longitude : ndarray, shape (land_pts,)
            [degrees].
        sm_levels : int
            Number of soil levels.

        Returns
        -------
        dict of str to ndarray, shape (sm_levels, land_pts)
            By the names of :data:`~jules_ml.bridge.served.PROPERTIES`; ``satcon`` and ``hcon`` have ``sm_levels + 1`` levels.

        Raises
        ------
        BridgeFailure
            If the hook is off, a value is not finite, or Python raises an exception.
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
        """Return the target of soil water content.

        Parameters
        ----------
        date : sequence of 6 int
            Year, month, day, hour, minute, second.
        latitude, longitude : ndarray, shape (land_pts,)
            [degrees].
        forcing : mapping of str to ndarray, shape (land_pts,)
            Names and units as in :data:`~jules_ml.bridge.served.FORCING`.
        smcl : ndarray, shape (sm_levels, land_pts)
            Water in the layer [kg m-2].
        sthu, sthf : ndarray, shape (sm_levels, land_pts)
            Unfrozen and frozen water as a fraction of saturation [1].
        t_soil : ndarray, shape (sm_levels, land_pts)
            Soil temperature [K].
        trial : bool
            Only check that the module can return a result; a separate object of the class is used.

        Returns
        -------
        theta_target : ndarray, shape (sm_levels, land_pts)
            Target water content [m3 m-3]; 0 where there is no target.
        layer_mask : ndarray of bool, shape (sm_levels, land_pts)
            Whether there is a target.

        Raises
        ------
        BridgeFailure
            If the hook is off, a value is not finite, or Python raises an exception.
        """
        theta, mask = np.empty_like(smcl), np.empty(smcl.shape, dtype=np.intc)
        levels, points = smcl.shape
        weather = np.stack([forcing[name] for name in FORCING])
        inputs = [latitude, longitude, weather, smcl, sthu, sthf, t_soil]
        self._call("soil_moisture", np.array(date, dtype=np.intc), points, levels, inputs, [theta], mask, int(trial))
        return theta, mask != 0

    def write_state(self, path: Path) -> None:
        """Write the history of the moisture module to a file."""
        self._check(self._library.jml_state_write_c(str(path).encode()))

    def read_state(self, path: Path) -> None:
        """Read the history of the moisture module from a file of :meth:`write_state`."""
        self._check(self._library.jml_state_read_c(str(path).encode()))

    def ping(self) -> None:
        """Call a Python function that does nothing, e.g. to measure the cost of a call."""
        self._check(self._library.jml_ping_c())

    def stop(self) -> None:
        """Finalise the bridge and release its modules."""
        self._check(self._library.jml_finalise_c())

    def _call(self, name: str, *arguments: int | Array | list[Array] | list[Array | None]) -> None:
        """Call a hook; arrays in lists are reals, which must have the same type, and None is a null pointer."""
        listed = [array for argument in arguments if isinstance(argument, list) for array in argument]
        reals = [array for array in listed if array is not None]
        types = {array.dtype for array in reals}
        if len(types) != 1 or not types <= SUFFIXES.keys():
            raise TypeError(f"all arrays must be float32 or all float64, not {', '.join(sorted(map(str, types)))}")
        if not all(array.flags.c_contiguous for array in reals):
            raise ValueError("all arrays must be C-contiguous")
        c_arguments: list[Any] = []
        for argument in arguments:
            for item in argument if isinstance(argument, list) else [argument]:
                pointer = item.ctypes.data_as(ctypes.c_void_p) if isinstance(item, np.ndarray) else item
                c_arguments.append(pointer)
        self._check(getattr(self._library, f"jml_{name}_{SUFFIXES[types.pop()]}_c")(*c_arguments))

    def _check(self, status: int) -> None:
        if status:
            text = ctypes.create_string_buffer(MESSAGE_LENGTH)
            self._library.jml_error_c(text, MESSAGE_LENGTH)
            raise BridgeFailure(status, text.value.decode(errors="replace"))
