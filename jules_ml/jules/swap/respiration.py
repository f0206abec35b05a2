"""Ways ``namelist`` and ``hooks``: learned respiration in a run, at the base rate of the module.

An unmodified executable has one form of f and two forms of g. The way ``namelist`` fits their parameters to the learned curves:
``q10_soil``, and ``kaps`` or ``kaps_4pool``, which scale the rates. The fit is by least squares of the logarithm, on points evenly spaced
over the training range of moisture and of temperature. The way ``hooks`` uses the learned curves themselves.
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
from jules_ml.jules.base_rate import GROUP as _GROUP
from jules_ml.jules.base_rate import rate_entry, swap_base_rate
from jules_ml.jules.export.curves import FSTH_FILE, FTEMP_FILE, antecedent_entries, export_curves
from jules_ml.jules.hooks.check import require_hooks
from jules_ml.jules.hooks.environment import CONFIG as _CONFIG
from jules_ml.jules.hooks.stamp import jules_of_hooks
from jules_ml.jules.run_folder import NAMELISTS, RunFolder
from jules_ml.jules.soil_properties import original_property
from jules_ml.jules.versions import Versions, versions_of_run
from jules_ml.learned.respiration.network import LearnedRespiration
from jules_ml.learned.respiration.store import load_respiration
from jules_ml.learned.respiration.tables import CurveTable, antecedent_tables, learned_tables
from jules_ml.physics.respiration import T_REFERENCE, fsth, fsth_option_1, ftemp_rothc
from jules_ml.support.namelist_text import Value, seven_digits

#: Entry for the form of f, from JULES 8.2.
_FORM = "cs_decomp_soil_moist_func"
#: Lower limit of factors in the fit, since logarithms near 0 would dominate it.
_MIN_FACTOR = 0.02
_POINTS = 200


@dataclass(frozen=True)
class StockFit:
    """Parameters of JULES's formulas, fitted to learned curves.

    Attributes
    ----------
    q10 : float or None
        Q10; None if the g of RothC, which has no parameter, fits better.
    scale : float
        Factor of the rates.
    f_at_saturation : float or None
        ``fsthsat_cs_decomp_opt1``, learned f in saturated soil divided by the scale of f; None if the f of
        ``cs_decomp_soil_moist_func = 0``, which has no parameter, fits better or is the only one.
    f_error, g_error : float
        Standard deviation of the logarithm of the ratio of the learned and the fitted curve: 0.1 is about 10 %.
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
    allow_rothc: bool,
    crit: float | None = None,
) -> StockFit:
    """Fit JULES's formulas to learned curves.

    Parameters
    ----------
    f, g : CurveTable
        Learned curves.
    wilt, sat : float
        Wilting point and saturation [m3 m-3] of the layer that respires.
    pools : int
        Pools of soil carbon, 1 or 4.
    allow_rothc : bool
        Whether g may be that of RothC, as with four pools.
    crit : float, optional
        Critical point [m3 m-3], if f may be that of ``cs_decomp_soil_moist_func = 1``, from JULES 8.2.

    Returns
    -------
    StockFit
    """
    t = _training_points(g)
    log_g = _log(g(torch.from_numpy(t)).numpy())
    slope, log_scale_g = np.polyfit(t - T_REFERENCE, log_g, 1)
    q10: float | None = float(np.exp(10.0 * slope))
    residual_g = log_g - log_scale_g - slope * (t - T_REFERENCE)
    if allow_rothc:
        rothc = log_g - _log(ftemp_rothc(torch.from_numpy(t)).numpy())
        if float(np.std(rothc)) < float(np.std(residual_g)):
            q10, log_scale_g, residual_g = None, float(rothc.mean()), rothc - rothc.mean()
    fits = [_fit_f(f, wilt=wilt, sat=sat, pools=pools)]
    if crit is not None:
        fits.append(_fit_option_1(f, wilt=wilt, crit=crit, sat=sat))
    f_error, log_scale_f, at_saturation = min(fits, key=lambda fit: fit[0])
    return StockFit(
        q10=q10,
        scale=float(np.exp(log_scale_g + log_scale_f)),
        f_at_saturation=at_saturation,
        f_error=f_error,
        g_error=float(np.sqrt(np.mean(residual_g**2))),
    )


#: Standard deviation of the logarithm of the ratio of curves, logarithm of the scale, and f in saturated soil.
_FitOfF = tuple[float, float, float | None]


def _fit_f(f: CurveTable, *, wilt: float, sat: float, pools: Literal[1, 4]) -> _FitOfF:
    """Fit the scale of f with ``cs_decomp_soil_moist_func = 0``."""
    log_f, wetness = _log_over_training_range(f, sat)
    stock = fsth(wetness, torch.tensor(wilt).double(), torch.tensor(sat).double(), pools=pools)
    difference = log_f - _log(stock.numpy())
    return float(np.std(difference)), float(difference.mean()), None


def _fit_option_1(f: CurveTable, *, wilt: float, crit: float, sat: float) -> _FitOfF:
    """Fit the scale of f, and f in saturated soil, with ``cs_decomp_soil_moist_func = 1``."""
    log_f, wetness = _log_over_training_range(f, sat)
    points = [torch.tensor(value).double() for value in (wilt, crit, sat)]
    f_saturated = float(f(torch.tensor([sat if f.x == "theta" else 1.0]).double()))
    log_scale, at_saturation, difference = 0.0, 0.0, log_f
    # f in saturated soil and the scale depend on each other; the iteration converges quickly
    for _ in range(20):
        at_saturation = min(max(f_saturated * float(np.exp(-log_scale)), 0.0), 1.0)
        difference = log_f - _log(fsth_option_1(wetness, *points, fsth_saturated=at_saturation).numpy())
        log_scale = float(difference.mean())
    return float(np.std(difference)), log_scale, at_saturation


def _log_over_training_range(f: CurveTable, sat: float) -> tuple[NDArray[np.float64], torch.Tensor]:
    """Return the logarithm of a learned f and the wetness [1] over its training range."""
    x = _training_points(f)
    return _log(f(torch.from_numpy(x)).numpy()), torch.from_numpy(x / sat if f.x == "theta" else x)


def _training_points(table: CurveTable) -> NDArray[np.float64]:
    """Return evenly spaced points over the training range of a curve."""
    return np.linspace(max(table.seen_min, table.x_min), min(table.seen_max, table.x_max), _POINTS)


def _log(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log(np.maximum(values, _MIN_FACTOR)))


def swap_namelist(run: RunFolder, module: Path, versions: Versions | None = None) -> list[str]:
    """Set the parameters of JULES's respiration to those fitted to a module; the rates are multiplied by the scale of the curves.

    Parameters
    ----------
    run : RunFolder
        Staged run folder; its namelists are edited.
    module : Path
        Module folder of learned respiration.
    versions : Versions, optional
        Versions of JULES that the run may be for; default: by its namelists. Only if all of them have ``cs_decomp_soil_moist_func``,
        its option 1 may be chosen.

    Returns
    -------
    list of str
        Notes on the changes and on the errors of the fit.

    Raises
    ------
    BadInput
        If the run uses ECOSSE, or the module is not a respiration module.
    """
    _refuse_ecosse(run)
    learned, settings, _ = load_respiration(module)
    f, g = learned_tables(learned, settings)
    layered, second = (bool(run.entry(_GROUP, name, False)) for name in ("l_layeredc", "l_soil_resp_lev2"))
    layer = None if layered else int(second)
    wilt, crit, sat = (
        float(np.mean(_layer(original_property(run, name), layer))) for name in ("sm_wilt", "sm_crit", "sm_sat")
    )
    versions = versions_of_run(run) if versions is None else versions
    two_forms = versions.all_have(_GROUP, _FORM)
    fit = fit_stock(
        f,
        g,
        wilt=wilt,
        sat=sat,
        pools=4 if run.four_pools else 1,
        allow_rothc=run.four_pools,
        crit=crit if two_forms else None,
    )
    name, rates = rate_entry(run)
    rates = [seven_digits(fit.scale * rate) for rate in rates]
    entries: dict[str, Value] = (
        {"l_q10": fit.q10 is not None, name: list(rates)} if run.four_pools else {name: rates[0]}
    )
    if fit.q10 is not None:
        entries["q10_soil"] = seven_digits(fit.q10)
    if two_forms:
        entries[_FORM] = 0 if fit.f_at_saturation is None else 1
    if fit.f_at_saturation is not None:
        entries["fsthsat_cs_decomp_opt1"] = seven_digits(fit.f_at_saturation)
    run.namelists.set(_GROUP, entries)
    values = ", ".join(f"{key} = {value}" for key, value in entries.items())
    return [
        f"respiration of {module.name} by fitted parameters of JULES's formulas: {values}",
        f"JULES's f then differs from the learned f by {100.0 * fit.f_error:.0f} % and its g by {100.0 * fit.g_error:.0f} % (root mean "
        "square over the training range); the way 'hooks' uses the learned curves themselves",
        *_form_notes(versions, two_forms),
        *_lost_drivers(learned, module),
    ]


def _form_notes(versions: Versions, two_forms: bool) -> list[str]:
    """Return a note if a version of JULES has one form of f only, which has no parameter."""
    if two_forms:
        return []
    return [
        f"JULES's f is that of Clark et al. (2011), which has no parameter to fit: {_FORM} exists from JULES 8.2 on, and the run is for "
        f"{versions}"
    ]


def _lost_drivers(learned: LearnedRespiration, module: Path) -> list[str]:
    """Return a warning if a module has factors that JULES's formulas cannot express."""
    drivers = antecedent_tables(learned)
    if not drivers:
        return []
    return [
        f"warning: f and g of {module.name} are used, but not its factors of antecedent drivers ({', '.join(drivers)}), which "
        "JULES's formulas do not have; the way 'hooks' uses them"
    ]


def layer_notes(run: RunFolder, module: Path) -> list[str]:
    """Return a note if a run respires in other layers than those of the model's soil that a module was fitted to."""
    settings = load_respiration(module)[1]
    switches = "l_layeredc", "l_soil_resp_lev2"
    of_run = [bool(run.entry(_GROUP, name, False)) for name in switches]
    fitted = [settings.l_layeredc, settings.l_soil_resp_lev2]
    if not isinstance(settings.state, Path) or fitted == of_run:
        return []
    values = ", ".join(f"{name} = {str(value).lower()}" for name, value in zip(switches, of_run, strict=True))
    return [
        f"{module.name} was fitted to {_layers(*fitted)} of a model's soil, and this run respires at the state of {_layers(*of_run)} "
        f"({values}): fit it again with the switches of the run"
    ]


def _layers(layered: bool, second: bool) -> str:
    """Layers that respire, by JULES's switches."""
    if layered:
        return f"all layers with{'' if second else 'out'} their frozen water"
    return f"the {'second' if second else 'first'} layer"


def _layer(values: NDArray[np.float64], layer: int | None) -> NDArray[np.float64]:
    return values if values.ndim == 0 or layer is None else values[min(layer, len(values) - 1)]


def swap_hooks(run: RunFolder, executable: Path | None, *, config: Path | None, module: Path | None) -> list[str]:
    """Switch on the hooks of an executable.

    Parameters
    ----------
    run : RunFolder
        Staged run folder; files are written into its namelist folder.
    executable : Path or None
        Executable that is linked with the hooks; None if it cannot be checked before the run.
    config : Path or None
        Folder of ``jules_ml.nml`` and the files that it names.
    module : Path or None
        Module folder of learned respiration, whose curves are exported if ``config`` is None.

    Returns
    -------
    list of str
        Notes on the changes.

    Raises
    ------
    BadInput
        If the executable has no hooks or hooks for another JULES, or both ``config`` and ``module`` are None.
    """
    if executable is not None:
        require_hooks(executable)
    out = run.folder / NAMELISTS
    if config is not None:
        if not (config / _CONFIG).is_file():
            raise BadInput(f"the folder contains no {_CONFIG}", where=config, remedy=f"give a folder with {_CONFIG}")
        for file in sorted(p for p in config.iterdir() if p.is_file()):
            _replace(out / file.name, file)
        # replaces a jules_ml.nml of the original run folder
        run.namelists.drop(_CONFIG)
        return [f"hooks configured by {config.name}/{_CONFIG}"]
    if module is None:
        raise BadInput(
            "no configuration of the hooks is given",
            where="jules.hooks",
            remedy="give [jules] hooks, a folder with jules_ml.nml, or [modules] respiration",
        )
    _refuse_ecosse(run)
    files = export_curves(module, out)
    drivers = antecedent_tables(load_respiration(module)[0])
    lines = [f"fsth_table = '{FSTH_FILE}', ftemp_table = '{FTEMP_FILE}'", antecedent_entries(drivers)]
    text = "".join(f"  {line}\n" for line in lines if line)
    (out / _CONFIG).write_text(f"&jules_ml_respiration\n{text}/\n", encoding="ascii")
    run.namelists.drop(_CONFIG, *(file.name for file in files))
    names = f", with factors of antecedent drivers: {', '.join(drivers)}" if drivers else ""
    return [f"respiration of {module.name} by hooks{names}"]


def _replace(target: Path, source: Path) -> None:
    target.unlink(missing_ok=True)
    shutil.copyfile(source, target)


def _refuse_ecosse(run: RunFolder) -> None:
    models: Sequence[int] = (1, 2)
    if int(run.entry(_GROUP, "soil_bgc_model", 1)) not in models:
        raise BadInput(
            "the run uses ECOSSE for soil carbon, which has no such f and g",
            where=run.namelists.place(_GROUP),
            remedy="set soil_bgc_model to 1 or 2, or leave out the ways 'namelist' and 'hooks'",
        )


class NamelistWay:
    """Way ``namelist``: parameters of JULES's respiration formulas, fitted to a module."""

    order = 3
    kinds = ("respiration",)

    def swap(self, experiment: Experiment, run: RunFolder, executable: Path | None) -> list[str]:
        """Set the parameters fitted to ``[modules] respiration``; see :class:`jules_ml.learned.uses.Way`."""
        module = _module(experiment)
        _refuse_ecosse(run)
        given = experiment.required(experiment.jules, "jules").version
        versions = versions_of_run(run, given, executable=jules_of_hooks(executable))
        return [
            *swap_base_rate(experiment, run, module),
            *swap_namelist(run, module, versions),
            *layer_notes(run, module),
        ]


class HooksWay:
    """Way ``hooks``: curves or modules that the hooks evaluate inside JULES."""

    order = 4
    kinds = ("respiration",)

    def swap(self, experiment: Experiment, run: RunFolder, executable: Path | None) -> list[str]:
        """Write ``jules_ml.nml`` for ``[jules] hooks`` or ``[modules] respiration``; see :class:`jules_ml.learned.uses.Way`."""
        section, module = experiment.required(experiment.jules, "jules"), experiment.modules.respiration
        notes = swap_hooks(run, executable, config=section.hooks, module=module)
        if section.hooks is not None or module is None:
            return notes
        return [*notes, *swap_base_rate(experiment, run, module), *layer_notes(run, module)]


def _module(experiment: Experiment) -> Path:
    if experiment.modules.respiration is None:
        raise BadInput(
            "no learned respiration is given",
            where=f"{experiment.file}, run.via",
            remedy="give [modules] respiration, a folder of 'jules-ml fit respiration'",
        )
    return experiment.modules.respiration


NAMELIST = NamelistWay()
HOOKS = HooksWay()
