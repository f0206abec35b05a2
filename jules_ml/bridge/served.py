"""The user's callables behind the bridge: called by keyword, their results checked before the host sees them.

A result of another shape or type is refused, never broadcast or cast: NumPy would do either without a word.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from copy import deepcopy
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jules_ml.bridge.static_inputs import StaticInputs
from jules_ml.errors import BadInput
from jules_ml.support.files import whole_file

#: The columns of the moisture module's forcing, and their units: means over the steps since the last call.
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
#: What the properties module gives back, in the order of the Fortran arguments.
PROPERTIES = ("b", "sathh", "satcon", "sm_sat", "sm_crit", "sm_wilt", "hcap", "hcon")
#: Prefix of a moisture module's own arrays in a state file.
STATE = "state."

Array = NDArray[Any]


class Served(ABC):
    """A callable of the user's that serves one of the hooks.

    Parameters
    ----------
    name : str
        ``module:function``, or ``module:Class``, of which one object is made without arguments and called.

    Raises
    ------
    BadInput
        If the module has no such callable.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        module_name, _, attribute = name.partition(":")
        found = getattr(import_module(module_name), attribute, None)
        if isinstance(found, type):
            found = found()
        if not callable(found):
            raise BadInput(
                f"{module_name} has no callable {attribute}",
                where=name,
                remedy="give python_callable = 'module:function'",
            )
        self.call: Callable[..., Any] = found

    @abstractmethod
    def arrange(self, *arrays: Array) -> Callable[[], None]:
        """A callable that reads and writes just these arrays, which come in the order of the Fortran arguments."""

    def refuse(self, problem: str, remedy: str) -> BadInput:
        """The exception for a result that cannot be used."""
        return BadInput(problem, where=self.name, remedy=remedy)

    def take(self, result: object, into: Array, what: str, *, within: Array | None = None) -> None:
        """Copy a result into the host's array.

        Parameters
        ----------
        result : ndarray or Tensor
            What the callable gave back.
        into : ndarray
            The host's array, whose shape and type ``result`` must have.
        what : str
            Its name, for messages.
        within : ndarray of bool, broadcastable to ``into``, optional
            Where the result counts; it may hold anything elsewhere, and 0 is copied there.

        Raises
        ------
        BadInput
            If the result is no array of that shape and type, or is negative or not finite where it counts.
        """
        array = self.array(result, into.shape, what)
        if array.dtype != into.dtype:
            raise self.refuse(
                f"{what} is {array.dtype}, and the host computes in {into.dtype}", f"return {what} as {into.dtype}"
            )
        valid = np.isfinite(array) & (np.nan_to_num(array, nan=-1.0) >= 0.0)
        if within is not None:
            valid |= ~within
        if not valid.all():
            place = tuple(int(i) for i in np.argwhere(~valid)[0])
            raise self.refuse(f"{what} is {array[place]} at {place}", f"return {what} finite and not negative")
        np.copyto(into, array)
        if within is not None:
            np.copyto(into, 0.0, where=~within)

    def array(self, result: object, shape: tuple[int, ...], what: str) -> Array:
        """A result as an array of a given shape; a Tensor is taken off its graph."""
        detach = getattr(result, "detach", None)
        array = result if detach is None else detach().cpu().numpy()
        if not isinstance(array, np.ndarray):
            raise self.refuse(
                f"{what} is of type {type(result).__name__}", f"return {what} as an array of shape {shape}"
            )
        if array.shape != shape:
            raise self.refuse(
                f"{what} has shape {array.shape}, not {shape}", f"return {what} in the shape of the inputs"
            )
        return array

    def pair(self, result: object, what: str) -> tuple[object, object]:
        """A result that must consist of two."""
        if not isinstance(result, tuple) or len(result) != 2:
            raise self.refuse(f"it gave back {type(result).__name__}, not a pair", f"return {what}")
        return result


class ServedRespiration(Served):
    """Serves ``fsth`` and ``ftemp``.

    The callable gets ``sthu``, ``sthf`` [1], ``v_sat``, ``v_wilt`` [m3 m-3] and ``t_soil`` [K], each of shape
    (sm_levels, land_pts), and ``l_soil_point``, bool of shape (land_pts,). It gives back the pair ``fsth, ftemp`` [1] in
    the shape and type of ``sthu``.
    """

    def arrange(self, *arrays: Array) -> Callable[[], None]:
        sthu, sthf, v_sat, v_wilt, t_soil, l_soil_point, fsth, ftemp = arrays

        def run() -> None:
            soil = l_soil_point != 0
            result = self.call(
                sthu=sthu, sthf=sthf, v_sat=v_sat, v_wilt=v_wilt, t_soil=t_soil, l_soil_point=soil
            )  # fmt: skip
            f, g = self.pair(result, "fsth, ftemp")
            self.take(f, fsth, "fsth", within=soil)
            self.take(g, ftemp, "ftemp", within=soil)

        return run


class ServedProperties(Served):
    """Serves the soil's hydraulic and thermal properties.

    The callable gets ``cs`` [kg m-2] of shape (dim_cs1, dim_cslayer, land_pts), ``latitude`` and ``longitude`` [degrees]
    of shape (land_pts,), ``static``, a mapping of the static inputs by name, and ``sm_levels``. It gives back a mapping
    with ``b`` [1], ``sathh`` [m], ``sm_sat``, ``sm_crit``, ``sm_wilt`` [m3 m-3] and ``hcap`` [J K-1 m-3] of shape
    (sm_levels, land_pts), and ``satcon`` [kg m-2 s-1] and ``hcon`` [W m-1 K-1] of shape (sm_levels + 1, land_pts).

    Parameters
    ----------
    name : str
        See :class:`Served`.
    static_file : str
        See :class:`~jules_ml.bridge.static_inputs.StaticInputs`; empty for none.
    """

    def __init__(self, name: str, static_file: str) -> None:
        super().__init__(name)
        self.static_inputs = StaticInputs.read(Path(static_file)) if static_file else None

    def arrange(self, *arrays: Array) -> Callable[[], None]:
        cs, latitude, longitude = arrays[:3]
        properties = dict(zip(PROPERTIES, arrays[3:], strict=True))
        sm_levels = properties["b"].shape[0]

        def run() -> None:
            static: Mapping[str, Array] = self.static_inputs.at(latitude, longitude) if self.static_inputs else {}
            result = self.call(cs=cs, latitude=latitude, longitude=longitude, static=static, sm_levels=sm_levels)
            if not isinstance(result, Mapping) or set(result) != set(PROPERTIES):
                names = ", ".join(result) if isinstance(result, Mapping) else type(result).__name__
                raise self.refuse(f"it gave back {names}", f"return a dict of {', '.join(PROPERTIES)}")
            for name, array in properties.items():
                self.take(result[name], array, name)
            self._check_order(properties)

        return run

    def _check_order(self, properties: Mapping[str, Array]) -> None:
        wilt, crit, sat = properties["sm_wilt"], properties["sm_crit"], properties["sm_sat"]
        if not ((wilt <= crit) & (crit <= sat) & (sat <= 1.0)).all():
            raise self.refuse(
                "sm_wilt <= sm_crit <= sm_sat <= 1 does not hold everywhere", "bound what the module gives"
            )


class ServedMoisture(Served):
    """Serves the water content that the soil is to have.

    The callable gets ``date``, a tuple of year, month, day, hour, minute and second; ``latitude`` and ``longitude``
    [degrees] of shape (land_pts,); ``forcing``, a dict of arrays of shape (land_pts,) with the names and units of
    :data:`FORCING`; and ``smcl`` [kg m-2], ``sthu``, ``sthf`` [1] and ``t_soil`` [K] of shape (sm_levels, land_pts). It
    gives back the pair ``theta_target`` [m3 m-3], in the shape and type of ``sthu``, and ``layer_mask``, bool of that
    shape: true where there is a target.

    An object that remembers has ``state()``, which gives a dict of arrays, and ``set_state(dict)``, which takes it back;
    they are called with each dump and at a restart. In spin-up the date turns back: that is the object's to notice.

    At the start of a run the module is asked once for the sake of the checks alone, in mild weather of no place. A function
    is then called once more than the run needs; of a class, another object is.
    """

    def arrange(self, *arrays: Array) -> Callable[[], None]:
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
            self.take(theta, theta_target, "theta_target", within=where)
            if theta_target.max() > 1.0:
                raise self.refuse("theta_target is above 1", "return it in m3 m-3")
            np.copyto(layer_mask, where)

        return run

    def another(self) -> ServedMoisture:
        """The same module beside the one in use, which knows nothing of what this one is told: of a class a new object, else a copy."""
        other = ServedMoisture(self.name)
        if other.call is self.call:
            other.call = deepcopy(self.call)
        return other

    def write_state(self, path: Path) -> None:
        """Write what the callable remembers, and its name; the name alone where it remembers nothing."""
        state: Mapping[str, Array] = getattr(self.call, "state", dict)()
        arrays: dict[str, Any] = {"callable": np.array(self.name)}
        arrays |= {STATE + key: value for key, value in state.items()}
        with whole_file(path) as part, part.open("wb") as stream:
            np.savez(stream, **arrays)

    def read_state(self, path: Path) -> None:
        """Read what :meth:`write_state` wrote.

        Raises
        ------
        BadInput
            If the file cannot be read or was written by another callable.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                arrays = {key: stored[key] for key in stored.files}
            writer = str(arrays.pop("callable"))
        except (OSError, ValueError, KeyError) as error:
            raise BadInput(
                f"it is no state file ({error})",
                where=path,
                remedy="restart from a dump whose state file lies beside it",
            ) from error
        if writer != self.name:
            raise BadInput(
                f"it holds the state of {writer}, and {self.name} is configured",
                where=path,
                remedy="restart with the module that wrote it",
            )
        if arrays:
            self.call.set_state({key.removeprefix(STATE): value for key, value in arrays.items()})  # type: ignore[attr-defined]
