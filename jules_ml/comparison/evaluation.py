"""Evaluation of runs against a record beyond scores: time scales, relationships between variables, and ranks among regressions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from jules_ml.comparison.benchmarks import BenchmarkRank, benchmark_ranks
from jules_ml.comparison.evaluation_figures import rank_figure, relationship_figure
from jules_ml.comparison.night_respiration import observed_respiration
from jules_ml.comparison.relationships import Relationship, relationships
from jules_ml.comparison.runs import ECOSYSTEM_RESPIRATION, QUANTITIES, Quantity, Run
from jules_ml.comparison.scores import QuantityScore, observations
from jules_ml.comparison.taylor import taylor_diagrams
from jules_ml.comparison.time_scales import ScaleScore, time_scale_scores
from jules_ml.errors import BadInput
from jules_ml.experiment.respiration import RespirationSettings
from jules_ml.support.figures import save_figure


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Evaluation of runs against a record.

    Attributes
    ----------
    time_scales : list of ScaleScore
    relationships : list of Relationship
    ranks : list of BenchmarkRank
    notes : list of str
        What could not be evaluated, for the user.
    images : dict of str to Path
        Figures by their names: ``taylor``, ``relationships``, ``ranks``.
    """

    time_scales: list[ScaleScore]
    relationships: list[Relationship]
    ranks: list[BenchmarkRank]
    notes: list[str]
    images: dict[str, Path]

    def to_json(self) -> dict[str, Any]:
        """Entries of ``scores.json``."""
        return {
            "time_scales": [asdict(each) for each in self.time_scales],
            "relationships": [
                {"flux": each.flux, "driver": each.driver, "scores": each.scores, "shape_scores": each.shape_scores}
                for each in self.relationships
            ],
            "benchmarks": [
                {
                    "quantity": each.quantity,
                    "run": each.run,
                    "n": each.n,
                    "measures": each.measures.to_dict("index"),
                    "mean_ranks": each.ranks.to_dict(),
                    "as_good_as_three_variables": each.as_good,
                }
                for each in self.ranks
            ],
            "notes": self.notes,
        }


def evaluate_runs(
    runs: Sequence[Run],
    record: xr.Dataset,
    scored: Sequence[QuantityScore],
    folder: Path,
    *,
    respiration: RespirationSettings | None = None,
) -> Evaluation:
    """Evaluate runs against a record, and draw the figures.

    Parameters
    ----------
    runs : sequence of Run
    record : xarray.Dataset
        Site dataset.
    scored : sequence of QuantityScore
        Of the same runs and record.
    folder : Path
        For the figures.
    respiration : RespirationSettings, optional
        ``[respiration]`` of the record's experiment: which flux is respiration, and which rows are used; by default night-time NEE of a
        tower, otherwise chambers.

    Returns
    -------
    Evaluation
    """
    scales = time_scale_scores(scored)
    fluxes, notes = _fluxes(record, respiration)
    related = relationships(runs, record, fluxes)
    ranks, more = benchmark_ranks(runs, record)
    images, names = {}, [run.name for run in runs]
    if scales:
        images["taylor"] = save_figure(taylor_diagrams(scales, names), folder / "taylor.png")
    if related:
        images["relationships"] = save_figure(relationship_figure(related, names), folder / "relationships.png")
    if ranks:
        images["ranks"] = save_figure(rank_figure(ranks, names), folder / "ranks.png")
    return Evaluation(scales, related, ranks, [*notes, *more], images)


def _fluxes(record: xr.Dataset, settings: RespirationSettings | None) -> tuple[dict[Quantity, pd.Series], list[str]]:
    """Observed fluxes of relationships: respiration by the rules of ``[respiration]``, and latent heat."""
    fluxes: dict[Quantity, pd.Series] = {}
    notes = []
    by_name = {quantity.name: quantity for quantity in QUANTITIES}
    rules = settings or _default_settings(record)
    try:
        respiration = observed_respiration(record, rules, {})
    except BadInput as error:
        respiration, notes = None, [f"relationships of respiration are left out: {error.problem}"]
    if respiration is not None:
        fluxes[ECOSYSTEM_RESPIRATION if rules.target == "ecosystem" else by_name["soil respiration"]] = respiration
    latent = observations(record, by_name["latent heat"])
    if latent:
        fluxes[by_name["latent heat"]] = latent[0][2]
    return fluxes, notes


def _default_settings(record: xr.Dataset) -> RespirationSettings:
    if "nee" not in record and "resp_soil" in record:
        return RespirationSettings(target="soil")
    if "nee" not in record and "resp_het" in record:
        return RespirationSettings(target="heterotrophic")
    return RespirationSettings()
