"""The user's callables for the hooks: they are called with keyword arguments, and their results are checked.

A result of another shape or type is refused and never broadcast or cast, which NumPy would do silently.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from importlib import import_module
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jules_ml.bridge.state import read_state, write_state
from jules_ml.bridge.static_inputs import StaticInputs
from jules_ml.errors import BadInput

#: Forcing of a moisture module, and units: means over the steps since the last call.
FORCING = {
    "rain": "kg m-2 s-1",
    "snow": "kg m-2 s-1",
    "sw": "W m-2",
    "lw": "W m-2",
    "t": "K",
    "q": "kg kg-1",
    "wind": "m s-1",
    "pstar": "Pa",
    "vpd": "Pa",
}
#: Results of a properties module, in the order of the Fortran arguments.
PROPERTIES = ("b", "sathh", "satcon", "sm_sat", "sm_crit", "sm_wilt", "hcap", "hcon")

Array = NDArray[Any]


class Served(ABC):
    """User's callable for one of the hooks.

    Parameters
    ----------
    name : str
        ``module:function``, or ``module:Class``, which is instantiated without arguments and called.

    Raises
    ------
    BadInput
        If the module has no such callable.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        module_name, _, attribute = name.partition(":")
        target = getattr(import_module(module_name), attribute, None)
        if isinstance(target, type):
            target = target()
        if not callable(target):
            raise BadInput(
                f"{module_name} has no callable {attribute}",
                where=name,
                remedy="give python_callable = 'module:function'",
            )
        self.call: Callable[..., Any] = target

    @abstractmethod
    def arrange(self, *arrays: Array) -> Callable[[], None]:
        """Return a function that reads and writes these arrays, which are in the order of the Fortran arguments."""

    def refuse(self, problem: str, remedy: str) -> BadInput:
        """Return the exception for a result that cannot be used."""
        return BadInput(problem, where=self.name, remedy=remedy)

    def copy_result(self, result: object, into: Array, name: str, *, within: Array | None = None) -> None:
        """Check a result and copy it into the host's array.

        Parameters
        ----------
        result : ndarray or Tensor
            Result of the callable.
        into : ndarray
            Array of the host, whose shape and type ``result`` must have.
        name : str
            Name of the result, for messages.
        within : ndarray of bool, broadcastable to ``into``, optional
            Where the result is used. Elsewhere it may have any value, and 0 is copied.

        Raises
        ------
        BadInput
            If the result is not an array of that shape and type, or is negative or not finite where it is used.
        """
        array = self.array(result, into.shape, name)
        if array.dtype != into.dtype:
            raise self.refuse(
                f"{name} is {array.dtype}, but the host uses {into.dtype}", f"return {name} as {into.dtype}"
            )
        valid = (array >= 0.0) & (array < np.inf)  # both false for NaN
        if within is not None:
            valid |= ~within
        if not valid.all():
            index = tuple(int(i) for i in np.argwhere(~valid)[0])
            raise self.refuse(f"{name} is {array[index]} at {index}", f"return finite, non-negative values of {name}")
        np.copyto(into, array)
        if within is not None:
            np.copyto(into, 0.0, where=~within)

    def array(self, result: object, shape: tuple[int, ...], name: str) -> Array:
        """Return a result as an array and check its shape; a Tensor is detached."""
        detach = getattr(result, "detach", None)
        array = result if detach is None else detach().cpu().numpy()
        if not isinstance(array, np.ndarray):
            raise self.refuse(
                f"{name} is of type {type(result).__name__}", f"return {name} as an array of shape {shape}"
            )
        if array.shape != shape:
            raise self.refuse(
                f"{name} has shape {array.shape}, not {shape}", f"return {name} in the shape of the inputs"
            )
        return array

    def pair(self, result: object, names: str) -> tuple[object, object]:
        """Return a result that must be a pair."""
        if not isinstance(result, tuple) or len(result) != 2:
            raise self.refuse(f"the callable returned {type(result).__name__}, not a pair", f"return {names}")
        return result


class ServedRespiration(Served):
    """Callable for the hook of respiration.

    Its arguments are ``sthu``, ``sthf`` [1], ``v_sat``, ``v_wilt`` [m3 m-3] and ``t_soil`` [K], each of shape
    (sm_levels, land_pts), and ``l_soil_point``, bool of shape (land_pts,). It returns the pair ``fsth, ftemp`` [1] in
    the shape and type of ``sthu``. A callable with an argument ``v_crit`` also gets the water content at the critical point
    [m3 m-3], which the host must then have.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        try:
            named = signature(self.call).parameters.get("v_crit")
        except (TypeError, ValueError):  # some callables in C have no signature
            named = None
        # not by **kwargs, which a torch module has whatever its forward() accepts
        self.accepts_v_crit = named is not None
        self.requires_v_crit = named is not None and named.default is Parameter.empty

    def arrange(self, *arrays: Array) -> Callable[[], None]:
        """Return a function that calls the module with these arrays; see :meth:`Served.arrange`."""
        sthu, sthf, v_sat, v_wilt, t_soil, l_soil_point, fsth, ftemp, *v_crit = arrays
        optional: dict[str, Array] = {}
        if v_crit and self.accepts_v_crit:
            optional["v_crit"] = v_crit[0]
        elif self.requires_v_crit:
            raise self.refuse(
                "the callable needs v_crit, which the host does not pass", "use JULES 8.2, or remove v_crit"
            )

        def run() -> None:
            soil = l_soil_point != 0
            result = self.call(
                sthu=sthu, sthf=sthf, v_sat=v_sat, v_wilt=v_wilt, t_soil=t_soil, l_soil_point=soil, **optional
            )
            f, g = self.pair(result, "fsth, ftemp")
            self.copy_result(f, fsth, "fsth", within=soil)
            self.copy_result(g, ftemp, "ftemp", within=soil)

        return run


class ServedProperties(Served):
    """Callable for the hook of hydraulic and thermal soil properties.

    Its arguments are ``cs`` [kg m-2] of shape (dim_cs1, dim_cslayer, land_pts), ``latitude`` and ``longitude`` [degrees]
    of shape (land_pts,), ``static``, a mapping of the static inputs by name, and ``sm_levels``. It returns a mapping
    with ``b`` [1], ``sathh`` [m], ``sm_sat``, ``sm_crit``, ``sm_wilt`` [m3 m-3] and ``hcap`` [J K-1 m-3] of shape
    (sm_levels, land_pts), and ``satcon`` [kg m-2 s-1] and ``hcon`` [W m-1 K-1] of shape (sm_levels + 1, land_pts).

    Parameters
    ----------
    name : str
        See :class:`Served`.
    static_file : str
        File of static inputs, see :class:`~jules_ml.bridge.static_inputs.StaticInputs`; empty if there is none.
    """

    def __init__(self, name: str, static_file: str) -> None:
        super().__init__(name)
        self.static_inputs = StaticInputs.read(Path(static_file)) if static_file else None

    def arrange(self, *arrays: Array) -> Callable[[], None]:
        """Return a function that calls the module with these arrays; see :meth:`Served.arrange`."""
        cs, latitude, longitude = arrays[:3]
        properties = dict(zip(PROPERTIES, arrays[3:], strict=True))
        sm_levels = properties["b"].shape[0]

        def run() -> None:
            static: Mapping[str, Array] = self.static_inputs.at(latitude, longitude) if self.static_inputs else {}
            result = self.call(cs=cs, latitude=latitude, longitude=longitude, static=static, sm_levels=sm_levels)
            if not isinstance(result, Mapping) or set(result) != set(PROPERTIES):
                names = ", ".join(result) if isinstance(result, Mapping) else type(result).__name__
                raise self.refuse(f"the callable returned {names}", f"return a dict of {', '.join(PROPERTIES)}")
            for name, array in properties.items():
                self.copy_result(result[name], array, name)
            self._check_order(properties)

        return run

    def _check_order(self, properties: Mapping[str, Array]) -> None:
        wilt, crit, sat = properties["sm_wilt"], properties["sm_crit"], properties["sm_sat"]
        if not ((wilt <= crit) & (crit <= sat) & (sat <= 1.0)).all():
            raise self.refuse(
                "the condition sm_wilt <= sm_crit <= sm_sat <= 1 is violated", "bound the results of the module"
            )


class ServedMoisture(Served):
    """Callable for the hook of soil moisture.

    Its arguments are ``date``, a tuple of year, month, day, hour, minute and second; ``latitude`` and ``longitude``
    [degrees] of shape (land_pts,); ``forcing``, a dict of arrays of shape (land_pts,) with the names and units of
    :data:`FORCING`; and ``smcl`` [kg m-2], ``sthu``, ``sthf`` [1] and ``t_soil`` [K] of shape (sm_levels, land_pts). It
    returns the pair ``theta_target`` [m3 m-3], in the shape and type of ``sthu``, and ``layer_mask``, bool of the same
    shape: true where there is a target.

    An object with memory has ``state()``, which returns a dict of arrays, and ``set_state(dict)``, which restores it;
    they are called at each dump and at a restart. So that a run can restart with another number of ranks, land points are the last
    dimension of every array but scalars and those whose names are in ``shared_state``, which are the same for all points. During
    spin-up the date goes back, which the object must handle.

    At the start of a run, a trial call with mild synthetic weather checks that the module can return a result. A class is instantiated
    again for this call; a function is called once more than the run needs.
    """

    def arrange(self, *arrays: Array) -> Callable[[], None]:
        """Return a function that calls the module with these arrays; see :meth:`Served.arrange`."""
        date, latitude, longitude, forcing, smcl, sthu, sthf, t_soil, theta_target, layer_mask = arrays
        weather = dict(zip(FORCING, forcing, strict=True))

        def run() -> None:
            result = self.call(
                date=tuple(date.tolist()),
                latitude=latitude,
                longitude=longitude,
                forcing=weather,
                smcl=smcl,
                sthu=sthu,
                sthf=sthf,
                t_soil=t_soil,
            )
            theta, mask = self.pair(result, "theta_target, layer_mask")
            where = self.array(mask, layer_mask.shape, "layer_mask")
            if where.dtype != np.bool_:
                raise self.refuse(f"layer_mask is {where.dtype}", "return layer_mask as bool")
            self.copy_result(theta, theta_target, "theta_target", within=where)
            if theta_target.max() > 1.0:
                raise self.refuse("theta_target is above 1", "return it in m3 m-3")
            np.copyto(layer_mask, where)

        return run

    def copy_for_trial(self) -> ServedMoisture:
        """Return an independent copy for a trial call: a new object of a class, or a copy of any other callable."""
        other = ServedMoisture(self.name)
        if other.call is self.call:
            other.call = deepcopy(self.call)
        return other

    def write_state(self, path: Path, positions: Array | None = None) -> None:
        """Write the name of the callable and, if it has memory, its state; see :func:`jules_ml.bridge.state.write_state`."""
        arrays: Mapping[str, Array] = getattr(self.call, "state", dict)()
        write_state(path, self.name, arrays, positions)

    def read_state(self, paths: Sequence[Path], positions: Array | None = None) -> None:
        """Restore the state from files of :meth:`write_state`; see :func:`jules_ml.bridge.state.read_state`."""
        arrays = read_state(paths, self.name, positions, shared=getattr(self.call, "shared_state", ()))
        if arrays:
            self.call.set_state(arrays)  # type: ignore[attr-defined]
