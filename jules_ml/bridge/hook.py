"""Functions that the Fortran bridge calls in the embedded interpreter: they bind the user's callables and pass arrays of JULES to them.

All functions except :func:`arrange` and :func:`ping` return None or an error message, since an exception must not propagate to Fortran
and ``exit()`` must not end the host. :func:`arrange` is called once for each set of arrays and returns a callable without arguments, which
the bridge calls whenever the host passes the same arrays. The arrays are views of the host's memory: a callable must copy those that
it keeps beyond its call.

No import may load its own HDF5. In a program that is linked with the system's netCDF library, a second HDF5 library leads to a crash.
Therefore, if the bridge has started the interpreter, packages that include HDF5 cannot be imported.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jules_ml import __version__
from jules_ml.bridge.served import Served, ServedMoisture, ServedProperties, ServedRespiration
from jules_ml.errors import BadInput

#: Version of the calls between the bridge and this module; the same number is in ``fortran_bridge/src/jml_python.c``. It rises with each
#: change of the names, arguments or results of the functions below.
INTERFACE = 2
#: Packages whose wheels include HDF5.
HDF5_PACKAGES = ("netCDF4", "h5py", "h5netcdf", "tables", "rasterio", "fiona", "pyogrio", "osgeo")
#: NumPy types for the type codes of the bridge; Fortran's default logical has the size of its default integer.
DTYPES = {"f": np.float32, "d": np.float64, "i": np.int32, "l": np.int32}
#: Slot of a trial call, which only checks that the moisture module can return a result.
TRIAL = "moisture_trial"

#: Memory, type code and shape of an array.
ArrayDescription = tuple[memoryview, str, tuple[int, ...]]


class _State:
    """Settings from :func:`start` and callables from :func:`bind`."""

    threads = 1
    embedded = False
    torch_limited = False
    served: dict[str, Served] = {}  # noqa: RUF012 - one interpreter has one bridge


def start(folder: str, threads: int, embedded: int, interface: int = 1) -> str | None:
    """Prepare the interpreter for :func:`bind`.

    Parameters
    ----------
    folder : str
        Folder of ``jules_ml.nml``, which is added to the import path.
    threads : int
        Number of threads of torch.
    embedded : int
        1 if the bridge started this interpreter; 0 if the host is Python, whose threads and imports are not restricted.
    interface : int
        :data:`INTERFACE` of the bridge; bridges of the first interface do not pass it.
    """
    if interface != INTERFACE:
        remedy = "give the environment with the jules_ml of the hooks in &jules_ml_python, or build and link the hooks again with this one"
        return (
            f"Python: {Path(__file__).parents[1]} is jules_ml {__version__} with interface {INTERFACE} of the bridge, and the hooks were "
            f"built with another jules_ml, with interface {interface}: {remedy}"
        )
    _State.threads = threads
    _State.embedded = bool(embedded)
    _State.torch_limited = False
    place = str(Path(folder or ".").resolve())
    if place not in sys.path:
        sys.path.insert(0, place)
    if embedded:
        for name in HDF5_PACKAGES:
            sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # None: cannot be imported
    # inputs are read-only views, of which torch warns although it only reads them
    warnings.filterwarnings("ignore", message="The given NumPy array is not writable", category=UserWarning)
    return None


def bind(slot: str, name: str, static_file: str) -> str | None:
    """Import the callable for a hook.

    Parameters
    ----------
    slot : {"respiration", "properties", "moisture"}
        Hook.
    name : str
        ``module:function``, or ``module:Class`` for a callable with memory.
    static_file : str
        File of static inputs of the properties; empty if there is none.
    """

    def work() -> None:
        kinds: dict[str, Callable[[], Served]] = {
            "respiration": lambda: ServedRespiration(name),
            "properties": lambda: ServedProperties(name, static_file),
            "moisture": lambda: ServedMoisture(name),
        }
        _State.served[slot] = kinds[slot]()
        _limit_torch()

    return _error_message_of(work)


def arrange(slot: str, descriptions: Sequence[ArrayDescription]) -> Callable[[], str | None] | str:
    """Create views of a set of arrays.

    Parameters
    ----------
    slot : {"respiration", "properties", "moisture", "moisture_trial"}
        Hook; a trial call uses a separate object.
    descriptions : sequence of (memoryview, str, tuple of int)
        Memory, type code and C-ordered shape of each array, in the order of the Fortran arguments. Memory of inputs is read-only.

    Returns
    -------
    callable or str
        Function that runs the user's callable with these arrays; or an error message.
    """
    runs: list[Callable[[], None]] = []

    def make() -> None:
        arrays: list[NDArray[np.generic]] = [
            np.ndarray(shape, dtype=DTYPES[code], buffer=memory) for memory, code, shape in descriptions
        ]
        served = _moisture().copy_for_trial() if slot == TRIAL else _State.served[slot]
        runs.append(served.arrange(*arrays))

    problem = _error_message_of(make)
    if problem is not None:
        return problem
    run = runs[0]

    def serve() -> str | None:
        try:
            run()
        except BaseException as error:
            return _error_message(error)
        if not _State.torch_limited:
            _limit_torch()
        return None

    return serve


def write_state(path: str, latitude: memoryview | None = None, longitude: memoryview | None = None) -> str | None:
    """Write the history of the moisture module to a ``.npz`` file.

    Parameters
    ----------
    path : str
        File.
    latitude, longitude : memoryview of float64, optional
        Positions of the points [degrees], with which another number of processes can read the file.
    """
    return _error_message_of(lambda: _moisture().write_state(Path(path), _positions(latitude, longitude)))


def read_state(path: str, latitude: memoryview | None = None, longitude: memoryview | None = None) -> str | None:
    """Read the history of the moisture module from files of :func:`write_state`.

    Parameters
    ----------
    path : str
        File, or several files separated by line breaks.
    latitude, longitude : memoryview of float64, optional
        Positions of the points of this process [degrees], which are selected from the files.
    """
    paths = [Path(line) for line in path.splitlines() if line]
    return _error_message_of(lambda: _moisture().read_state(paths, _positions(latitude, longitude)))


def close() -> str | None:
    """Release the callables and flush their output."""
    _State.served.clear()
    sys.stdout.flush()
    sys.stderr.flush()
    return None


def ping() -> None:
    """Do nothing, to measure the cost of a call."""


def _positions(latitude: memoryview | None, longitude: memoryview | None) -> NDArray[np.float64] | None:
    """Return latitude and longitude of shape (point, 2), or None."""
    if latitude is None or longitude is None:
        return None
    return np.stack([np.frombuffer(latitude), np.frombuffer(longitude)], axis=1)


def _moisture() -> ServedMoisture:
    served = _State.served["moisture"]
    assert isinstance(served, ServedMoisture)
    return served


def _limit_torch() -> None:
    """Set the number of threads of torch as soon as it has been imported."""
    if _State.embedded and "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(_State.threads)
        _State.torch_limited = True


def _error_message_of(work: Callable[[], None]) -> str | None:
    try:
        work()
    except BaseException as error:
        return _error_message(error)
    return None


def _error_message(error: BaseException) -> str:
    """Return the last line of a traceback and the line of code of the error."""
    import traceback  # takes a tenth of the start of Python, and most runs have no error

    if isinstance(error, BadInput):
        return str(error)
    text = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno}, in {frames[-1].name})" if frames else ""
    blocked = isinstance(error, ImportError) and (error.name or "").partition(".")[0] in HDF5_PACKAGES
    reason = ": packages that include HDF5 cannot be imported inside JULES" if blocked and _State.embedded else ""
    return f"Python: {text}{place}{reason}"
