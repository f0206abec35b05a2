"""Learned respiration in a run: by numbers of JULES's own formulas, or by hooks.

A stock executable has one shape of f and two of g. The best that it can do is to take numbers in them that come nearest to what was
learned: ``q10_soil``, and ``kaps`` or ``kaps_4pool`` for the level. Nearest is by least squares of the logarithm, evenly over what
was seen of moisture and of temperature.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment
from jules_ml.jules.export.curves import FSTH_FILE, FTEMP_FILE, export_curves
from jules_ml.jules.hooks import Hook, check_executable
from jules_ml.jules.namelist_text import Value
from jules_ml.jules.run_folder import NAMELISTS, RunFolder
from jules_ml.jules.swap.ancillary import standing_property
from jules_ml.learned.respiration.store import load_respiration
from jules_ml.learned.respiration.tables import CurveTable, learned_tables
from jules_ml.physics.respiration import T_REFERENCE, fsth, ftemp_rothc

_GROUP = "jules_soil_biogeochem"
_CONFIG = "jules_ml.nml"
#: JULES's own rates [s-1]: one pool; decomposable and resistant plant material, biomass, humus.
_KAPS, _KAPS_4POOL = 5.0e-9, (3.22e-7, 9.65e-9, 2.12e-8, 6.43e-10)
#: Below this a factor counts as none; its logarithm would weigh more than all others.
_LEAST = 0.02
_POINTS = 200


@dataclass(frozen=True)
class StockFit:
    """Numbers of JULES's formulas that come nearest to learned curves.

    Attributes
    ----------
    q10 : float or None
        Q10; None where RothC's g, which has no number, is nearer.
    scale : float
        What the rates are multiplied by.
    f_at_saturation : float or None
        Learned f in saturated soil, on JULES's level, with ``l_lessdecomp_sat``.
    f_error, g_error : float
        Root mean square of the logarithm of the ratio of both, after the level is taken out: 0.1 is a tenth.
    """

    q10: float | None
    scale: float
    f_at_saturation: float | None
    f_error: float
    g_error: float


def fit_stock(
    f: CurveTable,
    g: CurveTable,
    *,
    wilt: float,
    sat: float,
    pools: Literal[1, 4],
    may_rothc: bool,
    lessdecomp: bool = False,
) -> StockFit:
    """Fit JULES's formulas to learned curves.

    Parameters
    ----------
    f, g : CurveTable
        Learned.
    wilt, sat : float
        Wilting point and saturation [m3 m-3] of the layer that respires.
    pools : int
        Pools of soil carbon, 1 or 4.
    may_rothc : bool
        Whether JULES's g may be RothC's, as with four pools.
    lessdecomp : bool
        Whether f in saturated soil is a number too (``l_lessdecomp_sat``).

    Returns
    -------
    StockFit
    """
    t = _seen(g)
    log_g = _log(g(torch.from_numpy(t)).numpy())
    slope, level = np.polyfit(t - T_REFERENCE, log_g, 1)
    q10: float | None = float(np.exp(10.0 * slope))
    residual_g = log_g - level - slope * (t - T_REFERENCE)
    if may_rothc:
        rothc = log_g - _log(ftemp_rothc(torch.from_numpy(t)).numpy())
        if float(np.std(rothc)) < float(np.std(residual_g)):
            q10, level, residual_g = None, float(rothc.mean()), rothc - rothc.mean()
    x = _seen(f)
    log_f = _log(f(torch.from_numpy(x)).numpy())
    wetness = torch.from_numpy(x / sat if f.x == "theta" else x)
    f_saturated = float(f(torch.tensor([sat if f.x == "theta" else 1.0]).double()))
    level_f, at_saturation = 0.0, None
    # with less decomposition at saturation, its f and the level depend on one another, and soon agree
    for _ in range(20 if lessdecomp else 1):
        at_saturation = min(max(f_saturated * float(np.exp(-level_f)), 0.0), 1.0) if lessdecomp else None
        stock = fsth(
            wetness,
            torch.tensor(wilt).double(),
            torch.tensor(sat).double(),
            pools=pools,
            fsth_sat=at_saturation,
        )
        difference = log_f - _log(stock.numpy())
        level_f = float(difference.mean())
    return StockFit(
        q10=q10,
        scale=float(np.exp(level + level_f)),
        f_at_saturation=at_saturation,
        f_error=float(np.std(difference)),
        g_error=float(np.sqrt(np.mean(residual_g**2))),
    )


def _seen(table: CurveTable) -> NDArray[np.float64]:
    return np.linspace(max(table.seen_min, table.x_min), min(table.seen_max, table.x_max), _POINTS)


def _log(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log(np.maximum(values, _LEAST)))


def swap_namelist(run: RunFolder, module: Path) -> list[str]:
    """Put the numbers that come nearest to learned respiration into a run.

    Parameters
    ----------
    run : RunFolder
        Staged; its namelists are changed.
    module : Path
        Module folder of learned respiration.

    Returns
    -------
    list of str
        What was done, and how near it comes.

    Raises
    ------
    BadInput
        If the run respires by ECOSSE, or the module is none of respiration.
    """
    _refuse_ecosse(run)
    learned, settings, _ = load_respiration(module)
    f, g = learned_tables(learned, settings)
    layer = 1 if run.entry(_GROUP, "l_soil_resp_lev2", False) else 0
    wilt, sat = (float(np.mean(_layer(standing_property(run, name), layer))) for name in ("sm_wilt", "sm_sat"))
    fit = fit_stock(
        f,
        g,
        wilt=wilt,
        sat=sat,
        pools=4 if run.four_pools else 1,
        may_rothc=run.four_pools,
        lessdecomp=bool(run.entry(_GROUP, "l_lessdecomp_sat", False)),
    )
    entries: dict[str, Value] = {}
    if run.four_pools:
        entries["l_q10"] = fit.q10 is not None
        # the name was kaps_roth before JULES 7.2
        name = next((n for n in ("kaps_4pool", "kaps_roth") if n in run.namelists.get(_GROUP)), "kaps_4pool")
        entries[name] = [fit.scale * float(rate) for rate in run.entry(_GROUP, name, list(_KAPS_4POOL))]
    else:
        entries["kaps"] = fit.scale * float(run.entry(_GROUP, "kaps", _KAPS))
    if fit.q10 is not None:
        entries["q10_soil"] = fit.q10
    if fit.f_at_saturation is not None:
        entries["fsth_lessdecomp_sat"] = fit.f_at_saturation
    entries = {key: _rounded(value) for key, value in entries.items()}
    run.namelists.set(_GROUP, entries)
    said = ", ".join(f"{key} = {value}" for key, value in entries.items())
    return [
        f"respiration of {module.name} by the nearest numbers of JULES's own formulas: {said}",
        f"after that JULES's f differs from the learned one by {100.0 * fit.f_error:.0f} % and g by {100.0 * fit.g_error:.0f} % (root "
        "mean square over what was seen); the way 'hooks' has them as learned",
    ]


def _rounded(value: Value) -> Value:
    """Seven digits, which are all that JULES's 32 bits hold."""
    if isinstance(value, float):
        return float(f"{value:.7g}")
    return [_rounded(v) for v in value] if isinstance(value, list) else value  # type: ignore[misc]


def _layer(values: NDArray[np.float64], layer: int) -> NDArray[np.float64]:
    return values if values.ndim == 0 else values[min(layer, len(values) - 1)]


def swap_hooks(run: RunFolder, executable: Path, *, config: Path | None, module: Path | None) -> list[str]:
    """Switch the hooks of an executable on.

    Parameters
    ----------
    run : RunFolder
        Staged; files are written beside its namelists.
    executable : Path
        Linked with the hooks.
    config : Path or None
        Folder of ``jules_ml.nml`` and the files that it names.
    module : Path or None
        Module folder of learned respiration, from which they are made where ``config`` is not given.

    Returns
    -------
    list of str
        What was done, for the user.

    Raises
    ------
    BadInput
        If the executable has no hooks, or neither source is given.
    """
    found = check_executable(executable)
    absent = [name for name, state in found.hooks.items() if state is not Hook.IN]
    if absent:
        raise BadInput(
            f"the executable has no hooks ({', '.join(absent)})",
            where=executable,
            remedy="relink it with the flags of 'jules-ml hooks --jules-build DIR', or take another way than 'hooks'",
        )
    out = run.folder / NAMELISTS
    if config is not None:
        if not (config / _CONFIG).is_file():
            raise BadInput(f"there is no {_CONFIG} in it", where=config, remedy="give the folder that holds it")
        for file in sorted(p for p in config.iterdir() if p.is_file()):
            _replace(out / file.name, file)
        # the user's own, if any, gives way
        run.namelists.drop(_CONFIG)
        return [f"hooks as {config.name}/{_CONFIG} says"]
    if module is None:
        raise BadInput(
            "there is nothing for the hooks to serve",
            where="jules.hooks",
            remedy="give [jules] hooks, a folder with jules_ml.nml, or [modules] respiration",
        )
    _refuse_ecosse(run)
    export_curves(module, out)
    (out / _CONFIG).write_text(
        f"&jules_ml_respiration\n  fsth_table = '{FSTH_FILE}', ftemp_table = '{FTEMP_FILE}'\n/\n", encoding="ascii"
    )
    run.namelists.drop(_CONFIG, FSTH_FILE, FTEMP_FILE)
    return [f"respiration of {module.name} by hooks"]


def _replace(target: Path, source: Path) -> None:
    target.unlink(missing_ok=True)
    shutil.copyfile(source, target)


def _refuse_ecosse(run: RunFolder) -> None:
    models: Sequence[int] = (1, 2)
    if int(run.entry(_GROUP, "soil_bgc_model", 1)) not in models:
        raise BadInput(
            "this run's soil carbon is ECOSSE's, which has no f and g of this kind",
            where=run.namelists.place(_GROUP),
            remedy="set soil_bgc_model to 1 or 2, or leave the ways 'namelist' and 'hooks' out",
        )


class NamelistWay:
    """Way ``namelist``: the nearest numbers of JULES's own respiration formulas."""

    order = 3
    kinds = ("respiration",)

    def swap(self, experiment: Experiment, run: RunFolder, executable: Path) -> list[str]:
        """Set the numbers fitted to ``[modules] respiration``; see :class:`jules_ml.learned.uses.Way`."""
        return swap_namelist(run, _module(experiment))


class HooksWay:
    """Way ``hooks``: curves or modules that the hooks evaluate inside JULES."""

    order = 4
    kinds = ("respiration",)

    def swap(self, experiment: Experiment, run: RunFolder, executable: Path) -> list[str]:
        """Write ``jules_ml.nml`` for ``[jules] hooks`` or ``[modules] respiration``; see :class:`jules_ml.learned.uses.Way`."""
        section = experiment.required(experiment.jules, "jules")
        return swap_hooks(run, executable, config=section.hooks, module=experiment.modules.respiration)


def _module(experiment: Experiment) -> Path:
    if experiment.modules.respiration is None:
        raise BadInput(
            "there is no learned respiration to fit JULES's numbers to",
            where=f"{experiment.file}, run.via",
            remedy="give [modules] respiration, a folder that 'jules-ml fit respiration' wrote",
        )
    return experiment.modules.respiration


NAMELIST = NamelistWay()
HOOKS = HooksWay()
