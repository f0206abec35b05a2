"""What the Fortran bridge calls in the Python that it keeps: binds the user's callables, and hands them the host's arrays.

Every function but :func:`arrange` and :func:`ping` gives back None, or a sentence that says what went wrong: an exception
must not cross into Fortran, and ``exit()`` must not end the host. :func:`arrange` is called once for each set of arrays and
gives back a callable without arguments, which is then called whenever the host comes with the same arrays. The arrays are
views of the host's memory: a callable that wants to keep one beyond its call must copy it.

Nothing that is imported here may bring its own HDF5. In a program that is linked with the system's netCDF library, a second
HDF5 crashes it; so, where the bridge has started the interpreter, the packages known to bring one cannot be imported.
"""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jules_ml.bridge.served import Served, ServedMoisture, ServedProperties, ServedRespiration
from jules_ml.errors import BadInput

#: Packages whose wheels bring their own HDF5.
HDF5_PACKAGES = ("netCDF4", "h5py", "h5netcdf", "tables", "rasterio", "fiona", "pyogrio", "osgeo")
#: NumPy's types for the bridge's codes; Fortran's default logical is as wide as its default integer.
DTYPES = {"f": np.float32, "d": np.float64, "i": np.int32, "l": np.int32}
#: The slot of a call that is made for its checks alone.
TRIAL = "moisture_trial"

#: Where an array lies, the code of its type, and its shape.
ArrayDescription = tuple[memoryview, str, tuple[int, ...]]


class _State:
    """What :func:`start` was told, and what :func:`bind` made of it."""

    threads = 1
    embedded = False
    torch_held = False
    served: dict[str, Served] = {}  # noqa: RUF012 - one interpreter has one bridge


def start(folder: str, threads: int, embedded: int) -> str | None:
    """Make the interpreter ready for :func:`bind`.

    Parameters
    ----------
    folder : str
        Folder of ``jules_ml.nml``, from which the user's modules may be imported.
    threads : int
        Threads that torch may use.
    embedded : int
        1 when the bridge started this interpreter, 0 when the host is itself Python, whose threads and imports are
        its own business.
    """
    _State.threads = threads
    _State.embedded = bool(embedded)
    _State.torch_held = False
    place = str(Path(folder or ".").resolve())
    if place not in sys.path:
        sys.path.insert(0, place)
    if embedded:
        for name in HDF5_PACKAGES:
            sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # None: cannot be imported
    # Inputs are read-only views; torch reads them all the same, but warns of writing
    warnings.filterwarnings("ignore", message="The given NumPy array is not writable", category=UserWarning)
    return None


def bind(slot: str, name: str, static_file: str) -> str | None:
    """Import a callable.

    Parameters
    ----------
    slot : {"respiration", "properties", "moisture"}
        What it serves.
    name : str
        ``module:function``, or ``module:Class`` for one that remembers.
    static_file : str
        File of static inputs, for properties; empty for none.
    """

    def work() -> None:
        kinds: dict[str, Callable[[], Served]] = {
            "respiration": lambda: ServedRespiration(name),
            "properties": lambda: ServedProperties(name, static_file),
            "moisture": lambda: ServedMoisture(name),
        }
        _State.served[slot] = kinds[slot]()
        _hold_torch()

    return _sentence_of_failure(work)


def arrange(slot: str, descriptions: Sequence[ArrayDescription]) -> Callable[[], str | None] | str:
    """Make views of a set of arrays.

    Parameters
    ----------
    slot : {"respiration", "properties", "moisture", "moisture_trial"}
        What the arrays are for; a trial is served by an object of its own.
    descriptions : sequence of (memoryview, str, tuple of int)
        Memory, type and C-ordered shape of each array, in the order of the Fortran arguments; memory that may not be
        written to is read-only.

    Returns
    -------
    callable or str
        Serves one call with these arrays; or what went wrong.
    """
    runs: list[Callable[[], None]] = []

    def make() -> None:
        arrays: list[NDArray[np.generic]] = [
            np.ndarray(shape, dtype=DTYPES[code], buffer=memory) for memory, code, shape in descriptions
        ]
        served = _moisture().another() if slot == TRIAL else _State.served[slot]
        runs.append(served.arrange(*arrays))

    problem = _sentence_of_failure(make)
    if problem is not None:
        return problem
    run = runs[0]

    def serve() -> str | None:
        try:
            run()
        except BaseException as error:
            return _sentence(error)
        if not _State.torch_held:
            _hold_torch()
        return None

    return serve


def write_state(path: str) -> str | None:
    """Keep the history of the moisture module in a ``.npz`` file."""
    return _sentence_of_failure(lambda: _moisture().write_state(Path(path)))


def read_state(path: str) -> str | None:
    """Give the moisture module back what :func:`write_state` kept."""
    return _sentence_of_failure(lambda: _moisture().read_state(Path(path)))


def close() -> str | None:
    """Let go of the callables, and write out what they printed."""
    _State.served.clear()
    sys.stdout.flush()
    sys.stderr.flush()
    return None


def ping() -> None:
    """Do nothing: shows what a call costs."""


def _moisture() -> ServedMoisture:
    served = _State.served["moisture"]
    assert isinstance(served, ServedMoisture)
    return served


def _hold_torch() -> None:
    """Hold torch to its threads, as soon as something has imported it."""
    if _State.embedded and "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(_State.threads)
        _State.torch_held = True


def _sentence_of_failure(work: Callable[[], None]) -> str | None:
    try:
        work()
    except BaseException as error:
        return _sentence(error)
    return None


def _sentence(error: BaseException) -> str:
    """The last line of a traceback, and the line of code it came from."""
    if isinstance(error, BadInput):
        return str(error)
    text = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno}, in {frames[-1].name})" if frames else ""
    blocked = isinstance(error, ImportError) and (error.name or "").partition(".")[0] in HDF5_PACKAGES
    why = ": inside JULES nothing may bring its own HDF5" if blocked and _State.embedded else ""
    return f"Python: {text}{place}{why}"
