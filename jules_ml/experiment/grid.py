"""Sections ``[grid]`` and ``[grid.drive]``: a run of the column on a grid. Keys have the names of JULES's namelists."""

from __future__ import annotations

from datetime import datetime, time
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from jules_ml.physics.constants import SECONDS_PER_DAY
from jules_ml.support.section import DataPath, Section

#: Variables of JULES_DRIVE, with their units.
DRIVING: Final = {
    "sw_down": "W m-2",
    "lw_down": "W m-2",
    "t": "K",
    "q": "kg kg-1",
    "pstar": "Pa",
    "wind": "m s-1",
    "u": "m s-1",
    "v": "m s-1",
    "precip": "kg m-2 s-1",
    "tot_rain": "kg m-2 s-1",
    "tot_snow": "kg m-2 s-1",
    "ls_rain": "kg m-2 s-1",
    "con_rain": "kg m-2 s-1",
    "ls_snow": "kg m-2 s-1",
    "con_snow": "kg m-2 s-1",
    "dt_range": "K",
}
#: Sets of variables that make up precipitation, by JULES's ``io_precip_type``.
PRECIPITATION: Final = (
    ("precip",),
    ("tot_rain", "tot_snow"),
    ("ls_rain", "con_rain", "tot_snow"),
    ("ls_rain", "con_rain", "ls_snow", "con_snow"),
)

Interp = Literal["b", "c", "f", "i", "nb", "nc", "nf"]


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        return moment
    offset = moment.utcoffset()
    assert offset is not None
    return moment.replace(tzinfo=None) - offset


_Moment = Annotated[datetime, AfterValidator(_utc)]


class DriveSection(Section):
    """``[grid.drive]``: driving data, as in JULES_DRIVE."""

    file: DataPath = Field(
        description="netCDF file; `%vv` stands for the variable's name (`tpl_name`), `%y4`, `%y2`, `%m2`, `%m1`, `%mc` and `%d2` for the "
        "date at which a file begins, and `*` for any text"
    )
    data_start: _Moment = Field(description="time of the first data, UTC")
    data_end: _Moment = Field(description="end of the data, UTC")
    data_period: float = Field(gt=0.0, le=SECONDS_PER_DAY, description="interval of the data [s]")
    read_list: bool = Field(
        default=False,
        description="`file` is a text file that lists, line by line, each file and the time of its first data",
    )
    var: tuple[str, ...] = Field(min_length=6, description=f"variables: {', '.join(f'`{name}`' for name in DRIVING)}")
    var_name: tuple[str, ...] | None = Field(
        default=None, description="their names in the files, in the order of `var`; default: those of `var`"
    )
    tpl_name: tuple[str, ...] | None = Field(
        default=None, description="their names in the names of files, in the order of `var`; default: `var_name`"
    )
    interp: tuple[Interp, ...] | None = Field(
        default=None, description="interpolation of each variable in time, by JULES's flags; default: `nf`"
    )
    z1_tq_in: float = Field(default=2.0, gt=0.0, le=500.0, description="height of temperature and humidity [m]")
    z1_uv_in: float = Field(default=10.0, gt=0.0, le=500.0, description="height of the wind [m]")
    t_for_snow: float = Field(
        default=274.0, ge=250.0, le=300.0, description="air temperature at and below which `precip` is snow [K]"
    )
    l_daily_disagg: bool = Field(
        default=False, description="disaggregate daily data to time steps; needs the diurnal range `dt_range`"
    )
    l_disagg_const_rh: bool = Field(
        default=False, description="keep relative humidity constant through the day, in place of specific humidity"
    )
    precip_disagg_method: Literal[1, 3] = Field(
        default=3, description="1: precipitation is constant through the day; 3: one event a day at a random time"
    )
    dur_ls_rain: float = Field(
        default=18000.0, gt=0.0, le=SECONDS_PER_DAY, description="duration of large-scale rain [s]"
    )
    dur_conv_rain: float = Field(
        default=7200.0, gt=0.0, le=SECONDS_PER_DAY, description="duration of convective rain [s]"
    )
    dur_ls_snow: float = Field(
        default=18000.0, gt=0.0, le=SECONDS_PER_DAY, description="duration of large-scale snow [s]"
    )
    dur_conv_snow: float = Field(
        default=3600.0, gt=0.0, le=SECONDS_PER_DAY, description="duration of convective snow [s]"
    )
    seed: int = Field(default=0, ge=0, description="seed of the times of events")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        unknown = [name for name in self.var if name not in DRIVING]
        if unknown:
            raise ValueError(f"'{unknown[0]}' is not a driving variable: choose among {', '.join(DRIVING)}")
        wind = ("u", "v") if "wind" not in self.var else ("wind",)
        needed = ["sw_down", "lw_down", "t", "q", "pstar", *wind, *(["dt_range"] if self.l_daily_disagg else [])]
        missing = [name for name in needed if name not in self.var]
        if missing:
            raise ValueError(f"var lacks {', '.join(missing)}: add it to var, and to var_name if that is given")
        given = {name for kind in PRECIPITATION for name in kind if name in self.var}
        if given not in [set(kind) for kind in PRECIPITATION]:
            raise ValueError(
                "var has no complete precipitation: give precip; or tot_rain and tot_snow; or ls_rain, con_rain and tot_snow; or these "
                "with con_snow"
            )
        for name in ("var_name", "tpl_name", "interp"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.var):
                raise ValueError(
                    f"{name} has {len(values)} entries for {len(self.var)} variables of var: give one for each, in the order of var"
                )
        if self.data_end <= self.data_start:
            raise ValueError("data_end is not after data_start: give a later data_end")
        if self.l_daily_disagg and self.data_period != SECONDS_PER_DAY:
            raise ValueError("l_daily_disagg is for daily data: set data_period = 86400, or leave out l_daily_disagg")
        if self.l_daily_disagg and self.data_start.time() != time():
            raise ValueError("l_daily_disagg needs days that begin at midnight, UTC: give data_start at 00:00")
        return self


class GridSection(Section):
    """``[grid]``: land points of a grid, their soil and surface, and how the run is divided."""

    frac: DataPath = Field(description="file of JULES_FRAC, with the fractions of surface types (type, y, x)")
    frac_name: str = Field(default="frac", description="variable of `frac`")
    types: tuple[str, ...] = Field(
        default=(
            "broadleaf_tree",
            "needleleaf_tree",
            "c3_grass",
            "c4_grass",
            "shrub",
            "urban",
            "lake",
            "bare_soil",
            "ice",
        ),
        min_length=1,
        description="types of `frac`, in the order of the file; types that the column lacks are left out",
    )
    pft_params: DataPath | None = Field(
        default=None,
        description="namelist with JULES_PFTPARM and the like, for `[physics]`; default: the values of JULES's shipped Loobos run",
    )
    nveg_params: DataPath | None = Field(
        default=None,
        description="namelist with JULES_NVEGPARM, for `[physics]`; default: the values of JULES's shipped Loobos run",
    )
    soil_props: DataPath | None = Field(
        default=None, description="file of JULES_SOIL_PROPS, (soil, y, x) or (y, x); default: `[soil]` at all points"
    )
    soil_names: dict[str, str] = Field(
        default={}, description="`var_name` of JULES_SOIL_PROPS: names in the file, by JULES's names"
    )
    latlon: DataPath | None = Field(
        default=None, description="file of JULES_LATLON; default: latitude and longitude of `frac`"
    )
    land_frac: DataPath | None = Field(
        default=None, description="file of JULES_LAND_FRAC; default: where `frac` has land"
    )
    land_frac_name: str = Field(default="land_frac", description="variable of `land_frac`")
    lat_bounds: tuple[float, float] | None = Field(default=None, description="southern and northern bound [degree]")
    lon_bounds: tuple[float, float] | None = Field(default=None, description="western and eastern bound [degree]")
    initial: DataPath | None = Field(
        default=None,
        description="file of JULES_INITIAL with `sthuf`, `t_soil` (soil, y, x) or `cs`; default: `[run.initial]` and `[carbon]`",
    )
    co2: float = Field(default=4.0e-4, gt=0.0, lt=0.01, description="mole fraction of carbon dioxide in air [1]")
    albsoil: float = Field(
        default=0.11, gt=0.0, lt=1.0, description="albedo of bare soil where `soil_props` has no `albsoil` [1]"
    )
    block: int = Field(default=1024, ge=1, le=1_000_000, description="most land points that are integrated together")
    chunk_days: int = Field(default=10, ge=1, le=366, description="days of driving data that are read at a time")
    monthly: bool = Field(default=False, description="write monthly means, in place of means over `run.mean_over`")
    weather: bool = Field(
        default=False,
        description="also write the weather of each period, from which a module of soil moisture predicts on the grid",
    )
    format: Literal["netcdf", "zarr"] = Field(default="netcdf", description="format of the output")
    drive: DriveSection = Field(description="driving data")

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        for name in ("lat_bounds", "lon_bounds"):
            bounds = getattr(self, name)
            if bounds is not None and bounds[0] >= bounds[1]:
                raise ValueError(f"{name} are not in order: give the smaller one first")
        return self
