"""Records of several files, and files that ``reader = "auto"`` recognises."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from fuzz.binary_sources import SOURCES as BINARY
from fuzz.sources import Document, Source, is_flagged
from fuzz.text_sources import SOURCES as TEXT
from fuzz.truth import Table

_FLUXES: Final = ("NEE", "H", "LE", "USTAR")
#: Files that are recognised with the keys of their reader.
_RECOGNISED: Final = (
    "AmeriFlux BASE",
    "ICOS ETC",
    "FLUXNET",
    "REddyProc",
    "EddyPro full output",
    "COSMOS-UK archive",
    "COSMOS-UK portal",
    "ALMA",
    "OzFlux",
)


def _named(name: str) -> Source:
    return next(source for source in (*TEXT, *BINARY) if source.name == name)


def _flags(table: Table, source: Source) -> Document:
    """Flags of COSMOS-UK: every tenth value of precipitation is interpolated."""
    names = [column.name for column in _COSMOS.columns]
    marked = is_flagged(len(table.ends))
    rows = [
        [text, "SPENF", *("I" if name == "PRECIP" and marked[row] else "" for name in names)]
        for row, text in enumerate(table.ends.strftime("%Y-%m-%d %H:%M:%S"))
    ]
    return Document([], ["DATE_TIME", "SITE_ID", *names], [], rows, ",")


_ICOS, _COSMOS = _named("ICOS ETC"), _named("COSMOS-UK archive")
_METEO = replace(
    _ICOS,
    name="ICOS ETC, METEO of two",
    columns=tuple(column for column in _ICOS.columns if column.name not in _FLUXES),
    data=("ICOSETC_BE-Xyz_METEO_L2.csv", "ICOSETC_BE-Xyz_FLUXES_L2.csv"),
)
_FLUX = replace(
    _METEO,
    name="ICOS ETC, FLUXES of two",
    file="ICOSETC_BE-Xyz_FLUXES_L2.csv",
    columns=tuple(column for column in _ICOS.columns if column.name in _FLUXES),
)
_DATA: Final = "COSMOS-UK_SPENF_HydroSoil_SH_2013-2021.csv"
_FLAGS: Final = Source(
    "COSMOS-UK flags",
    "text",
    "COSMOS-UK_SPENF_HydroSoil_SH_2013-2021_Flags.csv",
    "",
    (),
    _COSMOS.step,
    _COSMOS.n,
    write_document=_flags,
)
_WITH_FLAGS = replace(_COSMOS, name="COSMOS-UK, with flags", file=_DATA, flagged="precip")


SOURCES: Final = (
    replace(_METEO, beside=(_FLUX,)),
    replace(_FLUX, beside=(_METEO,)),
    replace(_WITH_FLAGS, beside=(_FLAGS,)),
    *(
        replace(
            source,
            name=f"{source.name}, auto",
            keys="\n".join(
                'reader = "auto"' if line.startswith("reader =") else line for line in source.keys.splitlines()
            ),
        )
        for source in map(_named, _RECOGNISED)
    ),
)
