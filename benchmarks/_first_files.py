"""Real records as new users have them: plain CSV, and the formats of networks."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd

_HANFORD, _HYYTIALA = "us_hn1_2016_2017_30min.parquet", "fi_hyy_2016_2020_30min.parquet"


def _hanford(data: Path) -> pd.DataFrame:
    """US-Hn1, stamps at the end in local standard time, with NEE where it was measured."""
    frame = pd.read_parquet(data / "respiration" / _HANFORD)
    return frame.assign(NEE=frame["NEE"].where(frame["NEE_QC"] == 0))


def plain_csv(data: Path, folder: Path) -> list[Path]:
    """Write half-hours as a student exports them from a spreadsheet."""
    frame = _hanford(data)
    table = pd.DataFrame(
        {
            "TIMESTAMP": frame.index.strftime("%Y-%m-%d %H:%M"),
            "NEE": frame["NEE"].round(3).to_numpy(),
            "Ts_15cm": frame["TS_15cm"].round(2).to_numpy(),
            "SWC_15cm": (100.0 * frame["SWC_15cm"]).round(2).to_numpy(),
            "Rg": frame["SW_IN"].round(1).to_numpy(),
            "ustar": frame["USTAR"].round(3).to_numpy(),
            "Tair": frame["TA"].round(2).to_numpy(),
        }
    )
    path = folder / "student.csv"
    table.to_csv(path, index=False)
    return [path]


def german_csv(data: Path, folder: Path) -> list[Path]:
    """Write dates and clock in two columns, decimal commas, units in the header."""
    frame = pd.read_parquet(data / "respiration" / _HYYTIALA).loc["2017":"2018"]
    table = pd.DataFrame(
        {
            "Datum": frame.index.strftime("%d.%m.%Y"),
            "Zeit": frame.index.strftime("%H:%M"),
            "NEE [umol m-2 s-1]": frame["NEE"].where(frame["NEE_QC"] == 0).round(3).to_numpy(),
            "u* [m/s]": frame["USTAR"].round(3).to_numpy(),
            "Tsoil_5cm [degC]": frame["TS_A"].round(2).to_numpy(),
            "SWC_5cm [m3/m3]": frame["SWC_B"].round(3).to_numpy(),
            "PAR": frame["PAR"].round(1).to_numpy(),
        }
    )
    path = folder / "hyytiala.csv"
    table.to_csv(path, index=False, sep=";", decimal=",")
    return [path]


def _as_published(name: str) -> Callable[[Path, Path], list[Path]]:
    def write(data: Path, folder: Path) -> list[Path]:
        path = folder / name
        shutil.copyfile(data / "respiration" / name, path)
        return [path]

    return write


def _stamps(frame: pd.DataFrame) -> dict[str, pd.Index]:
    start = frame.index - pd.Timedelta(minutes=30)
    return {"TIMESTAMP_START": start.strftime("%Y%m%d%H%M"), "TIMESTAMP_END": frame.index.strftime("%Y%m%d%H%M")}


def _write(path: Path, columns: dict[str, object], head: str = "") -> list[Path]:
    plain = {name: getattr(values, "to_numpy", lambda values=values: values)() for name, values in columns.items()}
    path.write_text(head + pd.DataFrame(plain).fillna(-9999).to_csv(index=False), encoding="utf-8")
    return [path]


def ameriflux(data: Path, folder: Path) -> list[Path]:
    """Write the values of US-Hn1 as AmeriFlux BASE."""
    frame = _hanford(data)
    columns = _stamps(frame) | {
        "FC": frame["NEE"],
        "USTAR": frame["USTAR"],
        "TA": frame["TA"],
        "SW_IN": frame["SW_IN"],
        "TS_1_1_1": frame["TS_15cm"],
        "SWC_1_1_1": 100.0 * frame["SWC_15cm"],
        "P": frame["P"],
    }
    return _write(folder / "AMF_US-Hn1_BASE_HH_1-5.csv", columns, "# Site: US-Hn1\n# Version: 1-5\n")


def fluxnet(data: Path, folder: Path) -> list[Path]:
    """Write the values of US-Hn1 as FLUXNET."""
    frame = _hanford(data)
    columns = _stamps(frame) | {
        "TA_F": frame["TA"],
        "TA_F_QC": 0,
        "SW_IN_F": frame["SW_IN"],
        "SW_IN_F_QC": 0,
        "USTAR": frame["USTAR"],
        "TS_F_MDS_1": frame["TS_15cm"],
        "TS_F_MDS_1_QC": 0,
        "SWC_F_MDS_1": 100.0 * frame["SWC_15cm"],
        "SWC_F_MDS_1_QC": 0,
        "NEE_VUT_REF": frame["NEE"],
        "NEE_VUT_REF_QC": frame["NEE_QC"],
    }
    return _write(folder / "FLX_US-Hn1_FLUXNET2015_SUBSET_HH_2016-2017_1-4.csv", columns)


def icos(data: Path, folder: Path) -> list[Path]:
    """Write the values of US-Hn1 as the two files of ICOS ETC."""
    frame = _hanford(data)
    fluxes = _stamps(frame) | {"NEE": frame["NEE"], "NEE_SSITC_TEST": 0, "USTAR": frame["USTAR"]}
    meteo = _stamps(frame) | {
        "TA": frame["TA"],
        "SW_IN": frame["SW_IN"],
        "SWC_1": 100.0 * frame["SWC_15cm"],
        "TS_1": frame["TS_15cm"],
    }
    return [
        *_write(folder / "ICOSETC_BE-Xyz_METEO_L2.csv", meteo),
        *_write(folder / "ICOSETC_BE-Xyz_FLUXES_L2.csv", fluxes),
    ]


def reddyproc(data: Path, folder: Path) -> list[Path]:
    """Write the values of US-Hn1 as text for REddyProc, with a column of soil moisture."""
    frame = _hanford(data)
    end = frame.index
    before = end - pd.Timedelta(minutes=1)
    hours = (end - before.normalize()).total_seconds() / 3600.0
    columns = {
        "Year": before.year,
        "DoY": before.dayofyear,
        "Hour": hours,
        "NEE": frame["NEE"].round(3),
        "Rg": frame["SW_IN"].clip(lower=0.0),
        "Tair": frame["TA"],
        "Tsoil": frame["TS_15cm"],
        "rH": frame["RH"],
        "Ustar": frame["USTAR"],
        "SWC": frame["SWC_15cm"],
    }
    units = ["--", "--", "--", "umolm-2s-1", "Wm-2", "degC", "degC", "%", "ms-1", "m3m-3"]
    table = pd.DataFrame({name: getattr(values, "to_numpy", lambda v=values: v)() for name, values in columns.items()})
    text = table.fillna(-9999).to_csv(index=False, sep="\t")
    head, _, rest = text.partition("\n")
    path = folder / "Example_USHn1.txt"
    path.write_text(f"{head}\n" + "\t".join(units) + f"\n{rest}", encoding="utf-8")
    return [path]


#: Writers by name; the first is the file of the quick run.
FILES: dict[str, Callable[[Path, Path], list[Path]]] = {
    "plain CSV of a student (US-Hn1)": plain_csv,
    "CSV with decimal commas (FI-Hyy)": german_csv,
    "Parquet with quality codes (US-Hn1)": _as_published(_HANFORD),
    "Parquet with quality codes (FI-Hyy)": _as_published(_HYYTIALA),
    "chambers of COSORE": _as_published("cosore_hourly.parquet"),
    "AmeriFlux BASE": ameriflux,
    "FLUXNET": fluxnet,
    "ICOS ETC, two files": icos,
    "REddyProc text": reddyproc,
}
QUICK = ("plain CSV of a student (US-Hn1)",)
