"""Real sites for learned soil carbon: NEON towers with cores, and USCRN stations with bulk density."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from _neon import DOUBTFUL, halves, thawed_days
from _neon_daily import neon_sites, read_neon_daily

from jules_ml.data.readers.uscrn import read_uscrn, uscrn_stations
from jules_ml.learned.carbon.table import CarbonSite, climate_of

#: NEON's ecoclimatic domains: sites of one domain are held out together.
DOMAINS = {
    "OSBS": "D03", "STEI": "D05", "TREE": "D05", "UNDE": "D05", "KONA": "D06", "UKFS": "D06", "GRSM": "D07", "MLBS": "D07",
    "DELA": "D08", "DCFS": "D09", "NOGP": "D09", "CLBJ": "D11", "OAES": "D11", "YELL": "D12", "MOAB": "D13", "SRER": "D14",
}  # fmt: skip
_DAY = pd.Timedelta(days=1)


def cores(data: Path) -> pd.DataFrame:
    """NEON's cores by site: median ``soc`` [kg kg-1] and ``bulk_density`` [kg m-3], and the spread of ``soc`` [ln]."""
    plots = pd.read_csv(data / "carbon" / "neon_plot_soc_0_30cm.csv").groupby("site")
    soc, density = np.log(0.001 * plots.obj["OC_gkg_0_30"]), np.log(1000.0 * plots.obj["BD_0_30"])
    by_site = plots.obj["site"]

    def spread(x: pd.Series) -> pd.Series:
        # quartiles, because a few plots in a bog would inflate a standard deviation
        return (x.groupby(by_site).quantile(0.75) - x.groupby(by_site).quantile(0.25)) / 1.349

    return pd.DataFrame(
        {
            "soc": np.exp(soc.groupby(by_site).median()),
            "soc_spread": spread(soc).clip(lower=0.1),
            "bulk_density": np.exp(density.groupby(by_site).median()),
        }
    )


def neon(data: Path, *, doubtful: bool = False) -> list[CarbonSite]:
    """NEON towers with soil moisture and cores; the doubtful ones only on request."""
    daily = data / "jules" / "neon_daily.nc"
    table, cored = neon_sites(daily), cores(data)
    sites = []
    for name, row in table.iterrows():
        if name in DOUBTFUL and not doubtful:
            continue
        ds = read_neon_daily(daily, str(name))
        t_air = ds["obs_tair"].to_numpy().astype(np.float64) + 273.15
        t_soil = ds["observed_t_soil"].to_numpy().astype(np.float64)[:, 0]
        theta = ds["observed_theta"].to_numpy().astype(np.float64)
        usable = np.isfinite(theta) & thawed_days(t_air, t_soil)[:, None]
        chosen = halves(theta, usable)
        if chosen is None:
            continue
        fractions = [float(x) for x in str(row["surface_fracs_BT_NT_C3_C4_SH_soil"]).split()]
        precip = ds["obs_precip"].to_numpy().astype(np.float64)
        end = pd.DatetimeIndex(ds["time"].to_numpy()) + pd.Timedelta(hours=float(row["utc_offset_hours"]))
        core = cored.loc[str(name)]
        sites.append(
            CarbonSite(
                name=str(name),
                days=(end - 0.5 * _DAY).floor("D"),
                theta=np.where(usable, theta, np.nan)[:, chosen.sensor],
                precip=precip,
                t_air=t_air,
                t_soil=t_soil,
                static=climate_of(precip, t_air)
                | {
                    "elevation": float(row["elevation"]),
                    "frac_tree": fractions[0] + fractions[1],
                    "frac_bare": fractions[5],
                },
                soc=float(core["soc"]),
                soc_spread=float(core["soc_spread"]),
                bulk_density=float(core["bulk_density"]),
                region=DOMAINS[str(name)],
            )
        )
    return sites


def uscrn(data: Path) -> list[CarbonSite]:
    """USCRN stations with bulk density and a complete year of the sensor at 5 cm; their carbon is unknown."""
    daily, soil = data / "moisture" / "uscrn_2020_daily.parquet", data / "carbon" / "uscrn_station_soil.csv"
    table = uscrn_stations(daily, soil)
    sites = []
    for wban, row in table.iterrows():
        density = row[["bulk_density_5cm", "bulk_density_10cm"]].dropna()
        if density.empty:
            continue
        ds = read_uscrn(daily, str(wban))
        theta = ds["theta"].transpose("time", "depth").to_numpy()[:, 0]
        t_soil = ds["t_soil"].transpose("time", "depth").to_numpy()[:, 0]
        t_air = ds["t_air"].to_numpy()
        precip = 86400.0 * ds["precip"].to_numpy()
        end = pd.DatetimeIndex(ds["time"].to_numpy()) + pd.Timedelta(hours=float(ds.attrs.get("utc_offset_hours", 0.0)))
        sites.append(
            CarbonSite(
                name=str(wban),
                days=(end - 0.5 * _DAY).floor("D"),
                theta=np.where(thawed_days(t_air, t_soil), theta, np.nan),
                precip=precip,
                t_air=t_air,
                t_soil=t_soil,
                static=climate_of(precip, t_air),
                bulk_density=float(density.mean()),
                region=f"{5 * round(float(row['latitude']) / 5):d}N{10 * round(float(row['longitude']) / 10):d}",
            )
        )
    return sites
