"""Skill at held-out sites against the distance to the nearest training site, in standardised static inputs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from _claims import REPOSITORY, Claims
from _figure_distance import skill_against_distance
from _moisture import HeldOut, Records, folds
from _moisture_sites import held_out_table
from numpy.typing import NDArray
from scipy.stats import spearmanr

from jules_ml.learned.moisture.moments_model import CLIMATE, SATELLITE, TEXTURE, static_properties
from jules_ml.support.figures import save_figure

#: Static inputs that towers and stations have; climate, texture and surface temperature.
_INPUTS = (*CLIMATE, *TEXTURE, *SATELLITE)


def distances(records: Records) -> pd.Series:
    """Distance of each held-out site to the nearest training site of its fold [1].

    The distance is the root mean square difference of the static inputs that both sites have, in their standard deviations over all sites.
    """
    table = pd.DataFrame(
        {
            site: static_properties(record.without(jules=True))
            for site, record in {**records.neon, **records.uscrn}.items()
        }
    ).T.reindex(columns=list(_INPUTS))
    scaled = (table - table.mean()) / table.std()
    nearest = {}
    for neon, uscrn in folds(records):
        out = [*neon, *uscrn]
        others = scaled.drop(index=out)
        for site in out:
            nearest[site] = float(np.sqrt(((others - scaled.loc[site]) ** 2).mean(axis=1)).min())
    return pd.Series(nearest)


def report_distance(
    claims: Claims, records: Records, held_out: HeldOut, boosting: Mapping[str, NDArray[np.float64]]
) -> None:
    """Report how the error and the gain over boosting depend on the distance, and draw both."""
    learned = held_out_table(records, {site: each.theta for site, each in held_out.unseen.items()})
    baseline = held_out_table(records, {site: boosting[site] for site in learned.index})
    table = pd.DataFrame(
        {
            "distance": distances(records)[learned.index],
            "rmse": learned["rmse"],
            "difference": learned["rmse"] - baseline["rmse"],
            "neon": learned.index.isin(list(records.neon)),
        }
    )
    for name, column in (("rmse", "rmse"), ("rmse less that of boosting", "difference")):
        correlation = spearmanr(table["distance"], table[column])
        claims.report(
            f"held-out sites: Spearman correlation of distance and {name}",
            float(correlation.statistic),
            note=f"{len(table)} sites, p = {correlation.pvalue:.2g}",
        )
    if not claims.quick:
        save_figure(skill_against_distance(table), REPOSITORY / "docs" / "images" / "moisture_distance.png")
