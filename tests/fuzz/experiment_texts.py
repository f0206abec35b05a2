"""Valid experiment files of every kind, and the possible ranges of their numbers, which do not come from the schema."""

from __future__ import annotations

from typing import Final

_SITE: Final = """\
[site]
name = "NL-Loo"
latitude = 52.168
longitude = 5.744
elevation = 25.0
"""
_DATA: Final = """
[data]
reader = "table"
path = "tower.csv"
site = "NL-Loo"
licence = "none"
interval = "30min"
utc_offset_hours = 1.0
stamp_at = "end"
missing = [-9999]

[data.time]
columns = ["time"]
format = "%Y-%m-%d %H:%M"

[data.columns.TA]
variable = "t_air"
unit = "degC"

[data.columns.RH]
variable = "relative_humidity"
unit = "%"

[data.columns.SWC]
variable = "theta"
unit = "%"
depth = 0.05

[data.columns.TS]
variable = "t_soil"
unit = "degC"
depth = 0.05

[data.columns.NEE]
variable = "nee"
unit = "umol m-2 s-1"
"""
_DRIVING: Final = """
[data]
reader = "jules_driving"
path = "driving.dat"
start = 2020-02-26T00:00:00
end = 2020-03-14T00:00:00
period = 1800.0
licence = "BSD-3-Clause"
"""
_PLACE: Final = """
[place]
sand = 0.6
silt = 0.3
clay = 0.1
bulk_density = 1300.0
porosity = 0.45
organic_carbon = 0.02
precip_annual = 800.0
t_air_mean = 283.0
"""
_COLUMN: Final = """
[soil]
dzsoil = [0.1, 0.25, 0.65, 2.0]
form = "van_genuchten"

[soil.properties]
b = 6.63
sathh = 0.04946
satcon = 0.004715
sm_sat = 0.45815
sm_crit = 0.242433
sm_wilt = 0.136328
hcap = 1.185676e6
hcon = 0.226873

[surface]
albsoil = 0.11
co2 = 391e-6

[[surface.tiles]]
type = "needleleaf_tree"
frac = 0.8
lai = 4.0
canht_ft = 16.0
rootd_ft = 1.0

[[surface.tiles]]
type = "bare_soil"
frac = 0.2

[carbon]
cs = 12.1
kaps = 0.5e-8

[run]
model = "column"
timestep = 1800.0
mean_over = 48
start = 2020-02-26T00:00:00
end = 2020-03-13T00:00:00
precision = "float64"
compiled = false

[run.spin_up]
cycles = 2
years = 1
water = 1.0
temperature = 0.1

[run.initial]
sthuf = [0.749, 0.743, 0.754, 0.759]
t_soil = [276.78, 277.46, 278.99, 282.48]
"""
_RESPIRATION: Final = """
[respiration]
target = "ecosystem"
temperature = "t_soil"
moisture = "saturation"
wilting = 0.3
critical = 0.53
pools = 1
q10 = 2.0
hidden = [12]
f_max = 1.5
members = 8
bootstrap_days = 30
interval = 0.9
test_fraction = 0.2
seed = 0

[respiration.rows]
nee_is_measured = true
"""
_MOISTURE: Final = """
[moisture]
static = "both"
width = 24
heads = 2
dropout = 0.2
members = 8
steps = 600
rate = 0.004
frozen_below = 274.15
interval = 0.9
test_fraction = 0.3
dzsoil = [0.1, 0.25, 0.65, 2.0]
sm_sat = 0.45
theta_r = 0.05
"""
_HYDRAULICS: Final = """
[hydraulics]
texture = true
members = 8
hidden = 8
rounds = 6
deep_weight = 0.5
spin_up_days = 365
frozen_below = 274.15
test_fraction = 0.3
"""
_CARBON: Final = """
[carbon_module]
soc_spread = 0.4
frozen_below = 274.15
learner = "regression"
members = 4
steps = 250
cover = 0.9
topsoil_share = 0.55
"""
_ENSEMBLE: Final = """
[ensemble]
members = 20
seed = 1
sampling = "latin_hypercube"
batch = 250
keep_runs = true
quantiles = [0.05, 0.5, 0.95]

[[ensemble.parameters]]
parameter = "soil.properties.b"
prior = "uniform"
bounds = [5.0, 8.0]
"""
_JULES: Final = """
[jules]
folder = "loobos"
version = "7.6"

[run]
model = "jules"
start = 1997-01-01T00:00:00
end = 1997-02-01T00:00:00
"""
#: Experiment files by kind.
TEXTS: Final = {
    "respiration": _SITE + _DATA + _PLACE + _RESPIRATION,
    "moisture": _SITE + _DATA + _PLACE + _MOISTURE,
    "hydraulics": _SITE + _DATA + _PLACE + _HYDRAULICS,
    "carbon": _SITE + _DATA + _PLACE + _CARBON,
    "run": _SITE + _DRIVING + _COLUMN,
    "ensemble": _SITE + _DRIVING + _COLUMN + _ENSEMBLE,
    "jules": _SITE + _JULES,
}
#: Sections that the command of each kind asks for.
NEEDED: Final = {
    "respiration": ("data", "respiration"),
    "moisture": ("data", "moisture"),
    "hydraulics": ("data", "hydraulics"),
    "carbon": ("data", "carbon_module"),
    "run": ("data", "soil", "surface", "run"),
    "ensemble": ("data", "soil", "surface", "run", "ensemble"),
    "jules": ("jules", "run"),
}
#: Possible ranges of physical quantities and fractions, by key: no soil, site or record is outside.
POSSIBLE: Final = {
    "latitude": (-90.0, 90.0),
    "longitude": (-180.0, 180.0),
    "elevation": (-450.0, 9000.0),
    "utc_offset_hours": (-12.0, 14.0),
    "depth": (0.0, 30.0),
    "sand": (0.0, 1.0),
    "silt": (0.0, 1.0),
    "clay": (0.0, 1.0),
    "bulk_density": (30.0, 2600.0),
    "porosity": (0.05, 0.98),
    "organic_carbon": (0.0, 0.58),
    "precip_annual": (0.0, 15000.0),
    "t_air_mean": (210.0, 310.0),
    "dzsoil": (0.001, 30.0),
    "b": (0.3, 60.0),
    "sathh": (1e-3, 50.0),
    "satcon": (1e-8, 10.0),
    "sm_sat": (0.1, 0.98),
    "sm_crit": (0.005, 0.95),
    "sm_wilt": (0.001, 0.9),
    "hcap": (1e5, 5e6),
    "hcon": (0.01, 10.0),
    "albsoil": (0.01, 0.99),
    "co2": (1e-4, 5e-3),
    "frac": (0.0, 1.0),
    "lai": (0.0, 15.0),
    "canht_ft": (0.01, 100.0),
    "rootd_ft": (0.01, 10.0),
    "cs": (0.0, 500.0),
    "kaps": (1e-11, 1e-5),
    "sthuf": (0.0, 1.0),
    "t_soil": (200.0, 350.0),
    "wilting": (0.0, 1.0),
    "critical": (0.0, 1.0),
    "q10": (1.0, 5.0),
    "f_max": (1.0, 5.0),
    "interval": (0.5, 1.0),
    "test_fraction": (0.0, 0.8),
    "frozen_below": (223.0, 283.0),
    "theta_r": (0.0, 0.4),
    "dropout": (0.0, 0.95),
    "cover": (0.5, 1.0),
    "topsoil_share": (0.0, 1.0),
    "soc_spread": (0.0, 3.0),
    "timestep": (1.0, 86400.0),
    "period": (60.0, 86400.0),
    "water": (1e-4, 100.0),
    "temperature": (1e-3, 20.0),
    "quantiles": (0.0, 1.0),
    "bounds": (0.3, 60.0),
    "deep_weight": (0.0, 10.0),
    "rate": (1e-6, 1.0),
}
