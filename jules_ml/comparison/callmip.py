"""Submissions to CalLMIP Phase 1: files in the layout of the protocol, with which modelevaluation.org compares models.

Latitude and longitude are scalars that bear the names of the dimensions, and carbon is in ``kgC``, as the protocol and its template ask:
such a file cannot follow the CF conventions, and does not claim to.

References
----------
CalLMIP Phase 1 protocol, version 2, sections 6 and 7.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import netCDF4
import numpy as np
from numpy.typing import NDArray

from jules_ml.comparison.alma import converted_variables
from jules_ml.comparison.converted_source import with_its_run
from jules_ml.comparison.convertible import Convertible, read_convertible
from jules_ml.errors import BadInput
from jules_ml.support.cf import institution, software_name
from jules_ml.support.files import atomic_write

Stage = Literal["Prior", "Posterior"]
#: Missing values of the template.
FILL: Final = 1.0e38
_SITE: Final = re.compile(r"[A-Z]{2}-[A-Za-z0-9]{3}")
_NAME: Final = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_CARBON: Final = "kgC m-2 s-1"
#: Global attributes that the protocol asks for.
_KEYS: Final = ("Model", "CalLMIP_Phase", "Calibration_Scenario", "Calibration_stage", "Cal_Val")


class Required(NamedTuple):
    """Variable of the protocol's table 3: its name, unit as the table writes it, and description."""

    name: str
    units: str
    long_name: str


#: All variables that a submission must have, in the order of the template.
REQUIRED: Final = (
    Required("nep", _CARBON, "net ecosystem productivity, positive into the land"),
    Required("hfls", "W m-2", "latent heat flux, positive upward"),
    Required("hfss", "W m-2", "sensible heat flux, positive upward"),
    Required("gpp", _CARBON, "gross primary production"),
    Required("tran", "kg m-2 s-1", "transpiration"),
    Required("evspsblsoi", "kg m-2 s-1", "evaporation from soil, sublimation included"),
    Required("hfg", "W m-2", "ground heat flux, positive downward"),
    Required("ts", "K", "surface temperature"),
    Required("mrso", "kg m-2", "total soil column moisture content"),
    Required("mrsos", "kg m-2", "moisture in the uppermost 0.1 m of the soil"),
    Required("lai", "m2 m-2", "leaf area index"),
    Required("cSoil", "kg m-2", "carbon mass in all soil pools"),
    Required("cLiveBioAbove", "kg m-2", "carbon mass in all aboveground live biomass pools"),
    Required("reco", _CARBON, "total ecosystem respiration"),
)
#: Uncertainty of the fitted variables: the output of the run, and the factor of its unit.
UNCERTAINTY: Final = {"nep": "nee_sd", "hfls": "latent_heat_sd", "hfss": "ftl_gb_sd"}


class Submission(NamedTuple):
    """What identifies a submission.

    ``model``, name and version joined by a dot; ``scenario``, 1 to 6; ``validation``, whether the site is one of validation.
    """

    model: str
    scenario: int = 1
    validation: bool = False

    def file_name(self, site: str, stage: Stage, *, synthetic: bool = False) -> str:
        """Name of the file of a site."""
        use = "Val" if self.validation else "Cal"
        ending = ".SYNTHETIC.nc" if synthetic else ".nc"
        return f"{self.model}_Phase1b_Scen{self.scenario}_{site}_{use}_{stage}{ending}"


def write_submission(
    run: Convertible, stage: Stage, submission: Submission, out: Path, *, synthetic: bool = False
) -> Path:
    """Write the file of a site and a stage.

    Parameters
    ----------
    run : Convertible
        Daily means at a point.
    stage : {'Prior', 'Posterior'}
    submission : Submission
    out : Path
        Folder; created if it does not exist.
    synthetic : bool, optional
        Mark the file, in its name and its attributes, as one without values of a model.

    Returns
    -------
    Path

    Raises
    ------
    BadInput
        If the run is not daily or lacks a fitted variable or a position, or a name is not as the protocol asks.
    """
    _check(run, submission)
    path = out / submission.file_name(run.site, stage, synthetic=synthetic)
    values = _values(run)
    with atomic_write(path) as part, netCDF4.Dataset(part, "w", format="NETCDF3_64BIT_OFFSET") as file:
        file.setncatts(_attributes(run, stage, submission))
        if synthetic:
            file.setncattr("synthetic", "all values are synthetic: a test of the layout, not the result of a model")
        _axes(file, run)
        for required in REQUIRED:
            _variable(file, required.name, required.units, required.long_name, values.get(required.name))
        for of, source in UNCERTAINTY.items():
            if stage == "Posterior" and source in run.ds:
                units = next(each.units for each in REQUIRED if each.name == of)
                long_name = f"standard deviation of {of} over draws of the parameters from the posterior"
                _variable(file, f"{of}_post_unc", units, long_name, run.ds[source].to_numpy().ravel())
        for each in UNCERTAINTY if synthetic else ():
            file[each].setncattr("comment", "synthetic values")
    return path


def _check(run: Convertible, submission: Submission) -> None:
    days = np.unique(np.diff(run.bounds, axis=1))
    problems = (
        (len(days) != 1 or days[0] != np.timedelta64(1, "D"), "the output is not daily", "set mean_over to one day"),
        (run.ds.sizes["lat"] * run.ds.sizes["lon"] != 1, "the run has several points", "convert the run of a site"),
        (
            not _SITE.fullmatch(run.site),
            f"the site is called {run.site!r}, not as in FLUXNET",
            "set site.name in the experiment, such as NL-Loo",
        ),
        (
            not _NAME.fullmatch(submission.model),
            f"the model is called {submission.model!r}",
            "give name and version joined by a dot, such as JULES-ML.v1",
        ),
        (submission.scenario not in range(1, 7), f"there is no scenario {submission.scenario}", "give 1 to 6"),
    )
    for wrong, problem, remedy in problems:
        if wrong:
            raise BadInput(problem, where=run.site, remedy=remedy)


def _values(run: Convertible) -> dict[str, NDArray[np.float64]]:
    """Values by the names of the protocol, shape (day,)."""
    converted = converted_variables(run.ds, "cmip", at_end=())
    missing = [name for name in UNCERTAINTY if name not in converted]
    if missing:
        raise BadInput(
            f"the output lacks what {', '.join(missing)} need",
            where=run.site,
            remedy="run with [physics], which has the respiration of plants, and with latent_heat and ftl_gb",
        )
    names = {each.name for each in REQUIRED}
    values = {name: v.to_numpy().ravel() for name, v in converted.items() if name in names and "time" in v.dims}
    if "evspsblsoi" in values and "sbl" in converted:
        values["evspsblsoi"] = values["evspsblsoi"] + converted["sbl"].to_numpy().ravel()
    for name, source in (("lai", "lai"), ("cSoil", "cs_gb")):
        if source in run.ds and run.ds[source].ndim == 0:
            values[name] = np.full(len(run.bounds), float(run.ds[source]))
    return values


def _attributes(run: Convertible, stage: Stage, submission: Submission) -> dict[str, str]:
    made_at = run.institution or institution()
    return {
        "title": f"{run.site}, {stage.lower()} simulation for CalLMIP Phase 1",
        "Model": submission.model,
        "CalLMIP_Phase": "Phase1b",
        "Calibration_Scenario": f"Scen{submission.scenario}",
        "Calibration_stage": stage,
        "Cal_Val": "Validation" if submission.validation else "Calibration",
        "Conventions": "CalLMIP Phase 1 protocol v2",
        **({"institution": made_at} if made_at else {}),
        "source": run.source if software_name() in run.source else f"{run.source}, written by {software_name()}",
        "history": "jules-ml convert --to callmip",
    }


def _axes(file: netCDF4.Dataset, run: Convertible) -> None:
    """Dimensions, scalar latitude and longitude, and days since the start of the first year."""
    for dim, size in (("time", len(run.bounds)), ("lat", 1), ("lon", 1)):
        file.createDimension(dim, size)
    for name, long_name, units in (("lat", "latitude", "degrees_north"), ("lon", "longitude", "degrees_east")):
        value = float(run.ds[name].to_numpy()[0])
        if not np.isfinite(value):
            raise BadInput("the run has no position", where=run.site, remedy="set latitude and longitude of [site]")
        for variable, dims in ((name, ()), (long_name, (name,))):
            created = file.createVariable(variable, "f8", dims)
            created.setncatts({"long_name": long_name, "standard_name": long_name, "units": units})
            created[...] = value
    # days in local time: those that begin at the midnight nearest to the start of the run
    half_a_day = np.timedelta64(12, "h")
    first = (run.bounds[0, 0].astype("datetime64[s]") + half_a_day).astype("datetime64[D]")
    year = first.astype("datetime64[Y]")
    time = file.createVariable("time", "f8", ("time",))
    attrs = {"long_name": "time", "standard_name": "time", "units": f"days since {year}-01-01 00:00:00"}
    time.setncatts(attrs | {"calendar": "standard"})
    time[:] = (first - year.astype("datetime64[D]")).astype(int) + np.arange(len(run.bounds)) + 0.5


def _variable(file: netCDF4.Dataset, name: str, units: str, long_name: str, values: NDArray[np.float64] | None) -> None:
    """Create a variable; what the model does not simulate is missing at all times."""
    variable: Any = file.createVariable(name, "f8", ("time", "lat", "lon"), fill_value=FILL)
    variable.setncatts({"long_name": long_name, "units": units, "coordinates": "latitude longitude"})
    if values is None:
        variable.setncattr("comment", "not simulated: vegetation is prescribed")
        variable[:] = FILL
    else:
        variable[:] = np.where(np.isfinite(values), values, FILL).reshape(-1, 1, 1)


def write_submissions(folder: Path, submission: Submission, out: Path) -> list[Path]:
    """Write the files of a calibration: prior and posterior of every site.

    Parameters
    ----------
    folder : Path
        Folder of ``jules-ml calibrate`` with ``simulations = true``.
    submission : Submission
    out : Path
        Folder; created if it does not exist.

    Returns
    -------
    list of Path

    Raises
    ------
    BadInput
        As :func:`write_submission`; if the folder has no simulations, or a file exists and was written from another calibration. Nothing is
        written then.
    """
    stages: dict[str, Stage] = {"prior": "Prior", "posterior": "Posterior"}
    paths = sorted((folder / "simulations").glob("*_prior.nc")) + sorted(
        (folder / "simulations").glob("*_posterior.nc")
    )
    if not paths:
        raise BadInput(
            "the folder has no daily simulations with the prior and the fitted parameters",
            where=folder,
            remedy="set simulations = true in [calibration], and repeat jules-ml calibrate",
        )
    runs = []
    for path in paths:
        run, stage = read_convertible(path), stages[path.stem.rsplit("_", 1)[1]]
        _check(run, submission)
        runs.append((with_its_run(run, folder, out / submission.file_name(run.site, stage)), stage))
    return [write_submission(run, stage, submission, out) for run, stage in runs]


def template_differences(path: Path, template: Path) -> list[str]:
    """What a submission has otherwise than the template of the protocol.

    Parameters
    ----------
    path : Path
    template : Path
        File of another model.

    Returns
    -------
    list of str
        Missing or additional dimensions, variables and attributes, and other dimensions of variables and units; values and lengths of time
        are not compared. Uncertainties ``..._post_unc``, which a prior simulation such as the template does not have, are no difference.
    """
    found = []
    with netCDF4.Dataset(path) as ours, netCDF4.Dataset(template) as theirs:
        found += [f"dimension {dim}" for dim in set(ours.dimensions) ^ set(theirs.dimensions)]
        found += [
            f"no attribute {name}" for name in _KEYS if name not in ours.ncattrs() or name not in theirs.ncattrs()
        ]
        names = {name for name in ours.variables if not name.endswith("_post_unc")}
        found += [f"variable {name}" for name in names ^ set(theirs.variables)]
        for name in sorted(names & set(theirs.variables)):
            a, b = ours[name], theirs[name]
            if a.dimensions != b.dimensions or a.dtype != b.dtype:
                found.append(f"{name}: {a.dimensions} of {a.dtype}, not {b.dimensions} of {b.dtype}")
            units = [re.sub(r"[^\x20-\x7e]", "", str(getattr(v, "units", ""))) for v in (a, b)]
            if units[1] and units[0] != units[1] and name != "time":
                found.append(f"{name}: unit {units[0]!r}, not {units[1]!r}")
            found += [
                f"{name}: no {key}" for key in ("_FillValue", "coordinates") if hasattr(b, key) and not hasattr(a, key)
            ]
        if not str(ours["time"].units).startswith("days since ") or (np.diff(ours["time"][:]) != 1.0).any():
            found.append("time: not one value a day")
    return found
