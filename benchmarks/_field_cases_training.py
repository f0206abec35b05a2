"""Cases of trainings: first guesses, satellite series, and the first errors of a user."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
from _field_cases import REFUSED, command, differ
from typer.testing import CliRunner

from jules_ml.cli.application import app
from jules_ml.data.readers.satellite_products import read_lst_product
from jules_ml.errors import BadInput


def _first_guess(file: Path) -> tuple[int, float]:
    done = CliRunner().invoke(app, ["fit", "moisture", str(file), "--out", str(file.with_suffix("")), "--json"])
    if done.exit_code:
        return 0, math.nan
    baselines = json.loads(done.stdout)["sites"]["made-up"]["baselines"]
    return baselines["JULES"]["n"], round(baselines["JULES"]["kge"], 2)


def first_guess_by_bounds(folder: Path) -> list[str]:
    wrong = []
    for name in ("jules_hourly", "jules_xr_daily_right"):
        wrong += differ(f"days and KGE of {name}.toml", _first_guess(folder / f"{name}.toml"), (270, 1.0))
    return wrong


def monthly_first_guess(folder: Path) -> list[str]:
    done = command("fit", "moisture", folder / "jules_monthly.toml", "--out", folder / "module")
    return done.faults(REFUSED, "31 days")


def appeears_points(folder: Path) -> list[str]:
    values = read_lst_product(folder / "two.csv", site="SiteA")["lst"].to_numpy()
    days, mean = int(np.isfinite(values).sum()), round(float(np.nanmean(values)), 2)
    wrong = differ("days and mean of SiteA", (days, mean), (551, 282.94))
    try:
        read_lst_product(folder / "two.csv", site="SiteZ")
    except BadInput:
        return wrong
    return [*wrong, "a site that is not in the file is read"]


def lst_of_360_days(folder: Path) -> list[str]:
    done = command("fit", "moisture", folder / "lst_360_day.toml", "--out", folder / "module")
    return done.faults(REFUSED, "360_day", "lst_360_day.nc")


def sign_of_nee(folder: Path) -> list[str]:
    done = command("fit", "respiration", folder / "sign_flipped.toml", "--out", folder / "module")
    return done.faults(REFUSED, "sign")


def stuck_sensor(folder: Path) -> list[str]:
    done = command("fit", "moisture", folder / "const.toml", "--out", folder / "module")
    if done.code == REFUSED:
        return done.faults(REFUSED, "stuck")
    return done.faults(0, "stuck")


def nee_without_quality(folder: Path) -> list[str]:
    done = command("fit", "respiration", folder / "t.toml", "--out", folder / "module")
    return done.faults(REFUSED, "nee_is_measured")


def depths_that_differ(folder: Path) -> list[str]:
    wrong = command("fit", "respiration", folder / "depth_fault.toml", "--out", folder / "module").faults(0)
    deep = command("fit", "respiration", folder / "depth5m.toml", "--out", folder / "module5")
    return wrong + deep.faults(deep.code, "5 m", "depth")
