"""Cases of JULES: run folders of old versions, calendars, namelists, and Rose applications."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import f90nml
import numpy as np
from _field_cases import Done, command, differ
from _jules_runs import branch_entries
from _rose_apps import resolved

from jules_ml.errors import BadInput
from jules_ml.jules.run_folder import read_run_folder


def _run(folder: Path, experiment: str, *, model: bool = True) -> tuple[Path, Done]:
    """Run, or prepare, an experiment of a case with the executable of the environment; return its run folder and the command."""
    extra = os.environ.get("JULES_EXTRA_ENTRIES", "")
    file = folder / experiment
    # the cases set an entry of one branch themselves; the environment has those of the executable that is measured
    text = file.read_text(encoding="utf-8").replace("[jules.set.jules_vegetation]\nrd_model=1\n", "")
    lines = f'[jules]\nexecutable = "{os.environ["JULES_EXE"]}"\n{branch_entries(extra)}'
    groups = tomllib.loads(f"set = {extra or '{}'}")["set"]
    own = "".join(
        f"\n[jules.set.{name}]\n" + "".join(f"{entry} = {value}\n" for entry, value in entries.items())
        for name, entries in groups.items()
    )
    file.write_text(text.replace("[jules]\n", lines, 1) + own, encoding="utf-8")
    out = folder / f"{file.stem}_out"
    done = command("run", file, "--out", out, *([] if model else ["--prepare"]))
    return out, done


def _namelist(run: Path, name: str) -> f90nml.Namelist:
    return f90nml.read(next(run.rglob(f"{name}.nml")))


def version_5_2(folder: Path) -> list[str]:
    try:
        read_run_folder(folder / "v52")
    except BadInput as error:
        return [f"{error.problem}. {error.remedy}"]
    return []


def rose_opts(folder: Path) -> list[str]:
    run, done = _run(folder, "app_opts.toml", model=False)
    wrong = done.faults(0)
    if wrong:
        return wrong
    wrong += differ("l_vg_soil", _namelist(run, "jules_soil")["jules_soil"]["l_vg_soil"], right=True)
    return wrong + differ("end", _namelist(run, "timesteps")["jules_time"]["main_run_end"], "1997-02-01 00:00:00")


def calendar_of_360_days(folder: Path) -> list[str]:
    wrong = []
    for name in ("cal360", "cal360end", "calstd"):
        wrong += [f"{name}.toml: {fault}" for fault in _run(folder, f"{name}.toml")[1].faults(0)]
    return wrong


def values_after_the_first(folder: Path) -> list[str]:
    run, done = _run(folder, "run_const.toml")
    wrong = done.faults(0)
    if wrong:
        return wrong
    properties = _namelist(run, "ancillaries")["jules_soil_props"]
    if not any(np.isclose(value, 0.11) for value in np.ravel(properties["const_val"])):
        wrong.append(f"const_val is {properties['const_val']}")
    return wrong


def bounds_of_prescribed(folder: Path) -> list[str]:
    run, done = _run(folder, "tsoil_jules_output.toml")
    wrong = done.faults(0)
    if wrong:
        return wrong
    datasets = _namelist(run, "prescribed_data")["jules_prescribed_dataset"]
    first = datasets[0] if isinstance(datasets, list) else datasets
    return differ("data_start", str(first["data_start"])[:10], "2001-01-01")


def rose_environment(folder: Path) -> list[str]:
    wrong = []
    # the application ends with a second section jules_overbank, which is ignored by the user: Rose itself then finds none
    conf = folder / "rose-app.conf"
    ignored = "[!!namelist:jules_overbank]\nl_riv_overbank=.true.\n"
    conf.write_text(conf.read_text(encoding="utf-8").replace(ignored, ""), encoding="utf-8")
    for keys, l_top in (("", True), ("notop", False)):
        os.environ["ROSE_APP_OPT_CONF_KEYS"] = keys
        try:
            files = resolved(folder, folder.parent)
        except BadInput as error:
            wrong.append(f"refused: {error.problem}")
            continue
        finally:
            del os.environ["ROSE_APP_OPT_CONF_KEYS"]
        switches = f90nml.reads(files["jules_hydrology.nml"].decode())["jules_hydrology"]
        wrong += differ(f"l_top with the option {keys!r}", switches["l_top"], l_top)
        text = b"".join(files.values()).decode()
        wrong += ["a variable of [env] is not replaced" for name in ("$DUMP", "$JULES_INPUTS") if name in text]
    return wrong
