"""Results of an ensemble: the gathered file, quantiles, weights, figures and a manifest."""

from __future__ import annotations

import json
from pathlib import Path

import xarray as xr

from jules_ml.ensemble.figures import fan, plotted_variables, spread_online_offline, water_online_offline
from jules_ml.ensemble.gathering import Gathered, gather
from jules_ml.ensemble.offline import RESPIRATION, WATER, spread_dataset, water_spread_dataset
from jules_ml.ensemble.report import write_ensemble_report
from jules_ml.ensemble.run import EnsembleRun
from jules_ml.ensemble.summary import SUMMARISED, summarise
from jules_ml.ensemble.weights import MemberWeights, weight_members
from jules_ml.ensemble.zarr_store import write_zarr
from jules_ml.learned.store import read_module_folder
from jules_ml.support.cf import write_dataset
from jules_ml.support.figures import save_figure
from jules_ml.support.files import atomic_write

MANIFEST = "manifest.json"


def write_results(run: EnsembleRun) -> list[Path]:
    """Gather an ensemble, summarise it, weight its members and draw figures.

    Parameters
    ----------
    run : EnsembleRun
        With at least one member done.

    Returns
    -------
    list of Path
        Files that were written.

    Raises
    ------
    BadInput
        If there are no observations to weight the members with.
    RunFailed
        If members cannot be gathered, or a file cannot be written.
    """
    section = run.experiment.required(run.experiment.ensemble, "ensemble")
    # its presence shows that all results are of one run
    (run.folder / MANIFEST).unlink(missing_ok=True)
    gathered = gather(run.experiment, run.members, run.folder)
    files = [gathered.path]
    if section.format == "zarr":
        files.append(write_zarr(run.folder))
    weights = None if section.weights is None else weight_members(run.experiment, run.folder, section.weights)
    if weights is not None:
        with atomic_write(run.folder / "weights.csv") as part:
            weights.table().to_csv(part)
        files.append(run.folder / "weights.csv")
    files.append(summarise(run.folder, section.quantiles, None if weights is None else weights.weights))
    files += _figures(run)
    files.append(write_ensemble_report(run, weights))
    with atomic_write(run.folder / MANIFEST) as part:
        part.write_text(json.dumps(_manifest(run, gathered, weights), indent=2) + "\n", encoding="utf-8")
    return [*files, run.folder / MANIFEST]


def _manifest(run: EnsembleRun, gathered: Gathered, weights: MemberWeights | None) -> dict[str, object]:
    document: dict[str, object] = {
        "members": len(run.members),
        "done": run.done,
        "failed": run.failed,
        "messages": run.messages,
        "data_sha256": gathered.checksum,
    }
    if run.missing:
        document["missing"] = len(run.missing)
    if weights is not None:
        document["weights"] = {"effective_members": weights.effective, "measurements": weights.measurements}
    return document


def _figures(run: EnsembleRun) -> list[Path]:
    files = []
    with xr.open_dataset(run.folder / SUMMARISED) as opened:
        summary = opened.load()
    if plotted_variables(summary):
        failed = f" {run.failed} failed." if run.failed else ""
        figure = fan(summary, notes=[f"{run.done} members.{failed}"])
        files.append(save_figure(figure, run.folder / "figures" / "fan.png"))
    module = run.experiment.modules.respiration
    place = run.experiment.site.name or run.experiment.file.stem
    history = f"jules-ml ensemble {run.experiment.file.name}"
    if module is not None and _several_draws(run, "respiration") and f"{RESPIRATION}_quantiles" in summary:
        spread = spread_dataset(run.folder, module)
        record = ", ".join(read_module_folder(module, kind="respiration")[1].get("groups", [])) or module.name
        figure = spread_online_offline(spread, record=record, place=place)
        files.append(save_figure(figure, run.folder / "figures" / "spread.png"))
        write_dataset(spread, run.folder / "spread.nc", title="spread of respiration over draws", history=history)
        files.append(run.folder / "spread.nc")
    # with several sites, a draw has one soil per site; output of JULES has no residual water
    if _several_draws(run, "hydraulics") and run.members.sites == (None,) and f"{WATER}_quantiles" in summary:
        spread = water_spread_dataset(run.folder, run.experiment)
        figure = water_online_offline(spread, place=place)
        files.append(save_figure(figure, run.folder / "figures" / "spread_theta.png"))
        write_dataset(
            spread, run.folder / "spread_theta.nc", title="spread of water content over draws", history=history
        )
        files.append(run.folder / "spread_theta.nc")
    return files


def _several_draws(run: EnsembleRun, module: str) -> bool:
    """Whether members have different draws of a module."""
    if module not in run.members.modules:
        return False
    return len(set(run.members.draws[:, run.members.modules.index(module)].tolist())) > 1
