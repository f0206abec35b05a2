"""Text files of the readers: tables, networks, loggers, stations, driving data, satellite series, in their published layouts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from fuzz.sources import DAY, HALF_HOUR, HOUR, Document, Source, texts
from fuzz.truth import Column, Read, Table, flat

from jules_ml.data.readers.satellite_products import read_lst_product, read_swi_product

_K = 273.15
TOWER = (
    Column("TA", "t_air", "degC", 1.0, _K),
    Column("RH", "relative_humidity", "%", 0.01),
    Column("SW_IN", "sw_down", "W m-2", decimals=1),
    Column("PA", "pstar", "kPa", 1e3),
    Column("WS", "wind", "m s-1"),
    Column("P", "precip", "mm", 1.0 / 1800.0, decimals=1),
    Column("NEE", "nee", "umol m-2 s-1", decimals=3),
    Column("H", "h", "W m-2"),
    Column("LE", "le", "W m-2"),
    Column("USTAR", "ustar", "m s-1", decimals=3),
)


def soil(theta: str, t_soil: str, *, factor: float = 0.01) -> tuple[Column, ...]:
    """Columns of one sensor of water content and one of temperature, at 5 cm."""
    unit = "%" if factor == 0.01 else "m3 m-3"
    return (
        Column(theta, "theta", unit, factor, depth=0.05, decimals=2 if factor == 0.01 else 4),
        Column(t_soil, "t_soil", "degC", 1.0, _K, depth=0.05),
    )


def _document(
    table: Table,
    source: Source,
    stamps: Sequence[Sequence[str]],
    names: Sequence[str],
    *,
    above: Sequence[str] = (),
    units: Sequence[Sequence[str]] = (),
    delimiter: str = ",",
    missing: str = "-9999",
    after: Callable[[list[str]], list[str]] = lambda row: row,
) -> Document:
    rows = [
        [*at, *after(cells)] for at, cells in zip(stamps, texts(table.numbers, source.columns, missing), strict=True)
    ]
    return Document(list(above), list(names), [list(row) for row in units], rows, delimiter)


def _names(source: Source) -> list[str]:
    return [column.name for column in source.columns]


def _ymdhm(table: Table, source: Source) -> list[list[str]]:
    start, end = source.local(table)
    return [list(pair) for pair in zip(start.strftime("%Y%m%d%H%M"), end.strftime("%Y%m%d%H%M"), strict=True)]


def plain(table: Table, source: Source) -> Document:
    """A table with one column of time stamps at the end of the half-hour."""
    stamps = [[text] for text in source.local(table)[1].strftime("%Y-%m-%d %H:%M")]
    return _document(table, source, stamps, ["time", *_names(source)])


def european(table: Table, source: Source) -> Document:
    """A table with day-first dates, semicolons and decimal commas."""
    stamps = [[text] for text in source.local(table)[1].strftime("%d.%m.%Y %H:%M")]
    document = _document(table, source, stamps, ["Zeit", *_names(source)], delimiter=";", missing="")
    document.rows = [[row[0], *(cell.replace(".", ",") for cell in row[1:])] for row in document.rows]
    return document


def ameriflux(table: Table, source: Source) -> Document:
    """AmeriFlux BASE."""
    names = ["TIMESTAMP_START", "TIMESTAMP_END", *_names(source)]
    return _document(table, source, _ymdhm(table, source), names, above=["# Site: US-Xyz", "# Version: 1-5"])


def icos(table: Table, source: Source) -> Document:
    """ICOS ETC level 2."""
    return _document(table, source, _ymdhm(table, source), ["TIMESTAMP_START", "TIMESTAMP_END", *_names(source)])


def fluxnet(table: Table, source: Source) -> Document:
    """FLUXNET FULLSET, every value measured."""
    names = ["TIMESTAMP_START", "TIMESTAMP_END"]
    for column in source.columns:
        names += [column.name] if column.variable == "ustar" else [column.name, f"{column.name}_QC"]
    has_code = [column.variable != "ustar" for column in source.columns]

    def with_codes(row: list[str]) -> list[str]:
        return [part for cell, code in zip(row, has_code, strict=True) for part in ([cell, "0"] if code else [cell])]

    return _document(table, source, _ymdhm(table, source), names, after=with_codes)


def reddyproc(table: Table, source: Source) -> Document:
    """REddyProc text: year, day of the year, decimal hour at the end of the half-hour, and a row of units."""
    end = source.local(table)[1]
    stamps = [[str(t.year), str(t.day_of_year), f"{t.hour + t.minute / 60:.1f}"] for t in end]
    units = ["--", "--", "--", *(column.unit.replace(" ", "") for column in source.columns)]
    return _document(table, source, stamps, ["Year", "DoY", "Hour", *_names(source)], units=[units], delimiter="\t")


def toa5(table: Table, source: Source) -> Document:
    """Campbell TOA5 with its four lines of header."""
    stamps = [[f'"{text}"', str(i)] for i, text in enumerate(source.local(table)[1].strftime("%Y-%m-%d %H:%M:%S"))]
    quoted = [f'"{name}"' for name in ("TIMESTAMP", "RECORD", *_names(source))]
    units = [f'"{unit}"' for unit in ("TS", "RN", *(column.unit for column in source.columns))]
    how = [f'"{text}"' for text in ("", "", *("Tot" if c.variable == "precip" else "Avg" for c in source.columns))]
    above = ['"TOA5","Stn","CR1000","1234","CR1000.Std.32","CPU:x.CR1","1","Table30"']
    return _document(table, source, stamps, quoted, above=above, units=[units, how], missing='"NAN"')


def eddypro(table: Table, source: Source) -> Document:
    """EddyPro full output: a row of groups, names, units."""
    end = source.local(table)[1]
    stamps = [["x.ghg", day, time] for day, time in zip(end.strftime("%Y-%m-%d"), end.strftime("%H:%M"), strict=True)]
    names = ["filename", "date", "time", *_names(source), "qc_co2_flux", "qc_H", "qc_LE"]
    units = ["", "[yyyy-mm-dd]", "[HH:MM]", *(f"[{column.unit}]" for column in source.columns), "[#]", "[#]", "[#]"]
    above = [",".join(["file_info", *[""] * (len(names) - 1)])]
    return _document(
        table,
        source,
        stamps,
        names,
        above=above,
        units=[units],
        missing="-9999.0",
        after=lambda row: [*row, "0", "0", "0"],
    )


def biomet(table: Table, source: Source) -> Document:
    """EddyPro biomet output."""
    end = source.local(table)[1]
    parts = (end.strftime("%Y-%m-%d"), end.strftime("%H:%M"), end.strftime("%j"))
    stamps = [list(text) for text in zip(*parts, strict=True)]
    units = ["[yyyy-mm-dd]", "[HH:MM]", "[ddd.ddd]", *(f"[{column.unit}]" for column in source.columns)]
    return _document(table, source, stamps, ["date", "time", "DOY", *_names(source)], units=[units])


def cosmos_archive(table: Table, source: Source) -> Document:
    """COSMOS-UK, half-hours of the archive in UTC."""
    stamps = [[text, "SPENF"] for text in table.ends.strftime("%Y-%m-%d %H:%M:%S")]
    return _document(table, source, stamps, ["DATE_TIME", "SITE_ID", *_names(source)])


def cosmos_portal(table: Table, source: Source) -> Document:
    """COSMOS-UK, daily export of the portal."""
    stamps = [[text] for text in (table.ends - DAY).strftime("%d/%m/%Y")]
    blank = "," * (len(source.columns) - 1)
    above = [f"timestamp,06/09/2021 10:33{blank}", f"site-id,SPENF{blank}", f"site-name,Spen Farm{blank}"]
    below = [
        ["parameter-name", *("A parameter" for _ in source.columns)],
        ["parameter-units", *(c.unit for c in source.columns)],
    ]
    return _document(table, source, stamps, ["parameter-id", *_names(source)], above=above, units=below, missing="")


def ismn(table: Table, source: Source) -> Document:
    """ISMN, header + values."""
    above = ["SCAN  SCAN  Abrams   51.00000  13.50000  1600.00    0.0500    0.0500  Hydraprobe"]
    stamps = [text.split(" ") for text in table.ends.strftime("%Y/%m/%d %H:%M")]
    return _document(table, source, stamps, [], above=above, delimiter=" ", after=lambda row: [*row, "G", "M"])


def ascii_driving(table: Table, source: Source) -> Document:
    """ASCII driving data of JULES, as at Loobos."""
    return _document(table, source, [[] for _ in table.ends], [], above=["# a site"], delimiter=" ")


def appeears(table: Table, source: Source) -> Document:
    """MODIS surface temperature of one point, from AppEEARS."""
    stamps = [["x", text] for text in (table.ends - DAY).strftime("%Y-%m-%d")]
    names = ["ID", "Date", *_names(source), "MOD11A1_061_QC_Day"]
    return _document(table, source, stamps, names, missing="0.0", after=lambda row: [*row, "0"])


def swi_csv(table: Table, source: Source) -> Document:
    """Copernicus soil water index of one point."""
    stamps = [[text] for text in (table.ends - DAY).strftime("%Y-%m-%d")]
    return _document(table, source, stamps, ["time", *_names(source)], missing="")


def _table_keys(columns: Sequence[Column], *, more: str) -> str:
    entries = [
        f'columns.{c.name} = {{variable = "{c.variable}", unit = "{c.unit}"'
        + (f", depth = {c.depth}" if c.depth else "")
        + (", is_sum = true" if c.variable == "precip" else "")
        + "}"
        for c in columns
    ]
    return "\n".join(['reader = "table"', more, *entries])


_PLAIN = (*TOWER, *soil("SWC", "TS"))
_WITH = 'interval = "30min"\nstamp_at = "end"\nutc_offset_hours = 1.0\nsite = "XX-Abc"\n'
_TIME = 'time = {columns = ["time"], format = "%Y-%m-%d %H:%M"}\nmissing = [-9999]'
_ZEIT = 'time = {columns = ["Zeit"], format = "%d.%m.%Y %H:%M"}\ndelimiter = ";"\ndecimal = ","\nmissing = [-9999]'
_DEPTH = 'depths = {"TS*" = 0.05, "SWC*" = 0.05}'
_FLUXNET = tuple(
    Column(name, c.variable, c.unit, c.factor, c.offset, c.depth, c.decimals)
    for name, c in zip(
        ("TA_F", "RH", "SW_IN_F", "PA_F", "WS_F", "P_F", "NEE_VUT_REF", "H_F_MDS", "LE_F_MDS", "USTAR"),
        TOWER,
        strict=True,
    )
    if name != "RH"
)
_LOGGER = (
    Column("T_Avg", "t_air", "Deg C", 1.0, _K),
    Column("Rg_Avg", "sw_down", "W/m^2", decimals=1),
    Column("VWC_Avg", "theta", "m^3/m^3", 1.0, depth=0.05, decimals=4),
    Column("TS_Avg", "t_soil", "Deg C", 1.0, _K, depth=0.05),
    Column("Rain_Tot", "precip", "mm", 1.0 / 1800.0, decimals=1),
)
_LOGGER_KEYS = "\n".join(
    f'columns.{c.name} = {{variable = "{c.variable}"' + (f", depth = {c.depth}" if c.depth else "") + "}"
    for c in _LOGGER
)
_EDDYPRO = (
    Column("co2_flux", "nee", "umol+1s-1m-2", decimals=3),
    Column("H", "h", "W+1m-2"),
    Column("LE", "le", "W+1m-2"),
    Column("air_temperature", "t_air", "K"),
    Column("air_pressure", "pstar", "Pa", decimals=0),
    Column("RH", "relative_humidity", "%", 0.01),
    Column("VPD", "vpd", "Pa", decimals=1),
    Column("wind_speed", "wind", "m+1s-1"),
    Column("u*", "ustar", "m+1s-1", decimals=3),
)
_BIOMET = (
    Column("Ta_1_1_1", "t_air", "K"),
    Column("RH_1_1_1", "relative_humidity", "%", 0.01),
    Column("Rg_1_1_1", "sw_down", "W+1m-2"),
    Column("P_RAIN_1_1_1", "precip", "m", 1000.0 / 1800.0, decimals=5),
    Column("SWC_1_1_1", "theta", "m+3m-3", depth=0.05, decimals=4),
    Column("Ts_1_1_1", "t_soil", "K", depth=0.05),
)
_REDDYPROC = (
    Column("NEE", "nee", "umol m-2 s-1", decimals=3),
    Column("Rg", "sw_down", "W m-2", decimals=1),
    Column("Tair", "t_air", "degC", 1.0, _K),
    Column("Tsoil", "t_soil", "degC", 1.0, _K, depth=0.05),
    Column("rH", "relative_humidity", "%", 0.01),
    Column("VPD", "vpd", "hPa", 100.0, decimals=3),
    Column("Ustar", "ustar", "m s-1", decimals=3),
)
_COSMOS = (
    Column("LWIN", "lw_down", "W m-2", decimals=1),
    Column("TA", "t_air", "degC", 1.0, _K),
    Column("RH", "relative_humidity", "%", 0.01),
    Column("PA", "pstar", "hPa", 100.0, decimals=1),
    Column("WS", "wind", "m s-1"),
    Column("PRECIP", "precip", "mm", 1.0 / 1800.0, decimals=1),
    Column("TDT1_VWC", "theta", "%", 0.01, depth=0.1, decimals=2),
    Column("TDT1_TSOIL", "t_soil", "degC", 1.0, _K, depth=0.1),
)
_PORTAL = (
    Column("TA_LEVEL2_MEAN", "t_air", "Deg Celsius", 1.0, _K),
    Column("RH_LEVEL2_MEAN", "relative_humidity", "%", 0.01),
    Column("PA_LEVEL2_MEAN", "pstar", "hPa", 100.0, decimals=1),
    Column("WS_LEVEL2_MEAN", "wind", "m s-1"),
    Column("TDT1_VWC_LEVEL2_MEAN", "theta", "%", 0.01, depth=0.1),
    Column("TDT1_TSOIL_LEVEL2_MEAN", "t_soil", "Deg Celsius", 1.0, _K, depth=0.1),
    Column("COSMOS_VWC_1DAY", "theta_crns", "%", 0.01),
)
DRIVING = (
    Column("sw_down", "sw_down", "W m-2", decimals=2),
    Column("lw_down", "lw_down", "W m-2", decimals=2),
    Column("tot_rain", "tot_rain", "kg m-2 s-1", decimals=7),
    Column("tot_snow", "tot_snow", "kg m-2 s-1", decimals=7),
    Column("t", "t_air", "K", decimals=2),
    Column("wind", "wind", "m s-1", decimals=2),
    Column("pstar", "pstar", "Pa", decimals=0),
    Column("q", "q", "kg kg-1", decimals=6),
)
LST = (Column("MOD11A1_061_LST_Day_1km", "lst", "K"),)
SWI = (Column("SWI_005", "swi", "%", 0.01, decimals=1),)


def lst_read(path: Path) -> Read:
    """Read a product of surface temperature."""
    return Read(flat(read_lst_product(path)))


def swi_read(path: Path) -> Read:
    """Read a product of the soil water index."""
    return Read(flat(read_swi_product(path, t_value=5)))


def _tower(
    name: str,
    file: str,
    keys: str,
    columns: tuple[Column, ...],
    write: Callable[[Table, Source], Document],
    *,
    first: int,
    days: int = 17,
) -> Source:
    """Half-hours of a tower in local time."""
    return Source(name, "text", file, keys, columns, HALF_HOUR, 48 * days, 1.0, write_document=write, first_cell=first)


_AUTO = 'reader = "{}"\nutc_offset_hours = 1.0\n'
_START = "start = 2020-02-26T00:00:00\nend = 2020-03-14T00:00:00\nperiod = 1800.0\n"
SOURCES = (
    _tower("table", "table.csv", _table_keys(_PLAIN, more=_WITH + _TIME), _PLAIN, plain, first=1),
    _tower("table, decimal commas", "tabelle.csv", _table_keys(_PLAIN, more=_WITH + _ZEIT), _PLAIN, european, first=1),
    _tower(
        "AmeriFlux BASE", "AMF_US-Xyz_BASE_HH_1-5.csv", _AUTO.format("ameriflux") + _DEPTH, _PLAIN, ameriflux, first=2
    ),
    _tower("ICOS ETC", "ICOSETC_BE-Xyz_METEO_L2.csv", _AUTO.format("icos_etc") + _DEPTH, _PLAIN, icos, first=2),
    _tower(
        "FLUXNET",
        "FLX_CH-Cha_FLUXNET2015_FULLSET_HH_2020-2020.csv",
        _AUTO.format("fluxnet") + "swc_depths = [0.05]\nts_depths = [0.05]",
        (*_FLUXNET, *soil("SWC_F_MDS_1", "TS_F_MDS_1")),
        fluxnet,
        first=2,
    ),
    _tower(
        "REddyProc", "x.txt", _AUTO.format("reddyproc") + 'depths = {"Tsoil*" = 0.05}', _REDDYPROC, reddyproc, first=3
    ),
    _tower("TOA5", "x.dat", _AUTO.format("toa5") + _LOGGER_KEYS, _LOGGER, toa5, first=2),
    _tower("EddyPro full output", "eddypro_x_full_output.csv", _AUTO.format("eddypro"), _EDDYPRO, eddypro, first=3),
    _tower(
        "EddyPro biomet",
        "eddypro_x_biomet.csv",
        _AUTO.format("eddypro") + 'depths = {"*_1_1_1" = 0.05}',
        _BIOMET,
        biomet,
        first=3,
    ),
    Source(
        "COSMOS-UK archive",
        "text",
        "COSMOS-UK_SPENF_HydroSoil_SH_2013-2019.csv",
        'reader = "cosmos_uk"',
        _COSMOS,
        HALF_HOUR,
        48 * 17,
        write_document=cosmos_archive,
        first_cell=2,
    ),
    Source(
        "COSMOS-UK portal",
        "text",
        "SPENF.csv",
        'reader = "cosmos_uk"',
        _PORTAL,
        DAY,
        120,
        write_document=cosmos_portal,
        first_cell=1,
    ),
    Source(
        "ISMN",
        "text",
        "SCAN_SCAN_Abrams_sm_0.050000_0.050000_Hydraprobe_20200226_20200401.stm",
        'reader = "ismn"\nsite = "Abrams"',
        (Column("sm", "theta", "m3 m-3", depth=0.05, decimals=4),),
        HOUR,
        24 * 35,
        write_document=ismn,
        first_cell=2,
    ),
    Source(
        "ASCII driving",
        "text",
        "driving.dat",
        'reader = "jules_driving"\n' + _START,
        DRIVING,
        HALF_HOUR,
        48 * 17,
        write_document=ascii_driving,
        has_stamps=False,
    ),
    Source(
        "LST, AppEEARS", "text", "lst.csv", "", LST, DAY, 150, write_document=appeears, read_file=lst_read, first_cell=2
    ),
    Source("SWI, CSV", "text", "swi.csv", "", SWI, DAY, 150, write_document=swi_csv, read_file=swi_read, first_cell=1),
)
