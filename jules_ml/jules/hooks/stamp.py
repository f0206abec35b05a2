"""The stamp of the hooks: what they were built for. It is a text in their object, and so in every executable with hooks."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from jules_ml.errors import BadInput

#: Versions of JULES whose arguments of ``microbe`` the hooks know.
MICROBE_VARIANTS = ("7.0", "7.6", "8.2")
_STAMP = re.compile(rb"jules_ml_hooks_stamp(\{[^{}\x00]*\})")


@dataclass(frozen=True)
class Stamp:
    """What hooks were built for.

    Attributes
    ----------
    jules_ml : str
        Version of jules_ml.
    jules : str
        Versions of JULES that have the names of this one, such as ``7.6 or 7.7``.
    microbe : str
        Version of JULES from which ``microbe`` has these arguments, one of :data:`MICROBE_VARIANTS`.
    compiler : str
        Fortran compiler and its version.
    real_bits : int
        Bits of JULES's reals (``real_jlslsm``).
    mpi : str
        MPI library, or ``none``.
    has : str
        Newest name of JULES that shows its version, as ``module/name``; empty if none was found.
    lacks : tuple of str
        Names that came with later versions.
    """

    jules_ml: str
    jules: str
    microbe: str
    compiler: str
    real_bits: int
    mpi: str
    has: str
    lacks: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        """The stamp as lines for the terminal."""
        return [
            f"JULES                    {self.jules}",
            f"microbe as in JULES      {self.microbe}",
            f"compiler                 {self.compiler}",
            f"reals                    {self.real_bits} bits",
            f"MPI                      {self.mpi}",
            f"jules_ml                 {self.jules_ml}",
        ]

    def problems(self, symbols: Collection[str], spelling: str) -> list[str]:
        """Reasons why an executable does not fit these hooks.

        The names of variables show the version of JULES. Two JULES that differ in the arguments of ``microbe`` alone cannot be told
        apart in this way; the hooks then stop the run at its first call.

        Parameters
        ----------
        symbols : collection of str
            Symbols of the executable.
        spelling : str
            Spelling of the symbols of its compiler, see :data:`~jules_ml.jules.hooks.symbols.SYMBOL_NAMES`.
        """

        def contains(name: str) -> bool:
            module, _, variable = name.partition("/")
            # flang distinguishes variables (E) from procedures (P)
            spellings = {spelling.format(module=module, procedure=variable), f"_QM{module}E{variable}"}
            return not spellings.isdisjoint(symbols)

        problems = []
        if self.microbe not in MICROBE_VARIANTS:
            problems.append(f"the hooks have the arguments of microbe of JULES {self.microbe}, which is unknown")
        later = [name for name in self.lacks if contains(name)]
        built_for = f"the hooks were built for JULES {self.jules}, and the executable"
        if later:
            problems.append(f"{built_for} has {later[0]}, which came with a later version")
        elif self.has and not contains(self.has):
            problems.append(f"{built_for} lacks {self.has}, which that version has")
        return problems


def read_stamp(file: Path) -> Stamp | None:
    """Read the stamp of an executable or object file; None if it has none.

    Raises
    ------
    BadInput
        If the file has the stamps of two builds of the hooks, or one that cannot be read.
    """
    texts = {match[1] for match in _STAMP.finditer(file.read_bytes())}
    if not texts:
        return None
    if len(texts) > 1:
        raise BadInput(
            "it contains the hooks of two builds", where=file, remedy="link one jules_ml_hooks.o, and remove the other"
        )
    try:
        entries = json.loads(texts.pop())
        return Stamp(**(entries | {"lacks": tuple(entries["lacks"].split())}))
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(
            "the stamp of the hooks is that of another version of jules_ml",
            where=file,
            remedy="build the hooks with this version, and relink",
        ) from error


def jules_of_hooks(executable: Path | None) -> str | None:
    """Return the versions of JULES that the stamp of an executable names; None without executable or stamp."""
    stamp = None if executable is None else read_stamp(executable)
    return None if stamp is None else stamp.jules
