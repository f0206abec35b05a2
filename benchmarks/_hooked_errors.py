"""Claims on bad input to the hooks, and on an error during a run."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import torch
from _claims import Claims
from _hooked_jules import Jules, Scheme, learned_f, learned_g, read_output, tables
from _hooked_moisture import SERIES_MODULE, moisture_config, python_config

from jules_ml.jules.net_files import NetInput, write_net


def steps_written(folder: Path) -> int:
    """Number of steps in the output of a run."""
    paths = list((folder / "output").glob("*.steps.nc"))
    return read_output(folder).sizes["time"] if paths else 0


def with_nan(table: str) -> str:
    """A curve table with NaN as its first value; the number of values is the same, so that only NaN is wrong."""
    return re.sub(r"(?<=y =\n)[^,]+", "NaN", table, count=1)


def serving_cases(jules: Jules) -> dict[str, tuple[dict[str, str], str]]:
    """A net with NaN, and a Python module that returns another precision than that of JULES."""
    first = torch.nn.Linear(2, 2)
    layers = torch.nn.Sequential(first, torch.nn.Tanh(), torch.nn.Linear(2, 2), torch.nn.Softplus())
    with torch.no_grad():
        first.weight[0, 0] = 0.123456789
    inputs = (
        NetInput(name="sthu", seen_min=0.0, seen_max=1.0),
        NetInput(name="t_soil", seen_min=250.0, seen_max=310.0, offset=282.4, scale=10.0),
    )
    path = jules.work / "net.nml"
    write_net(path, layers, inputs, ("fsth", "ftemp"), name="to spoil")
    text = path.read_text(encoding="utf-8")
    spoilt = re.sub(r"0\.1234567\d*", "NaN", text, count=1)
    python = f"&jules_ml_python\nvenv = '{sys.prefix}'\n/\n"
    wide = "&jules_ml_respiration\nbackend = 'python', python_callable = 'series_module:wide'\n/\n" + python
    return {
        "NaN weight": (
            {"jules_ml.nml": "&jules_ml_respiration\nnet = 'net.nml'\n/\n", "net.nml": spoilt}, "net.nml"
        ),
        "wrong kind": ({"jules_ml.nml": wide, "series_module.py": SERIES_MODULE}, "float64"),
    }  # fmt: skip


#: A soil property prescribed in every step by JULES itself.
PRESCRIBED_B = """&jules_prescribed n_datasets = 1 /
&jules_prescribed_dataset
data_start = '1996-12-31 23:00:00', data_end = '1997-12-31 23:00:00', data_period = 86400, is_climatology = .false.,
read_list = .false., file = 'b.dat', nvars = 1, var = 'b', var_name = 'b', interp = 'nf'
/
"""


def bad_input(claims: Claims, jules: Jules) -> None:
    """Check that bad input stops the run before any output, with a message that names it."""
    scheme = Scheme.of(jules.runs / "colvg")
    good = tables(scheme, learned_f, learned_g)
    follow = moisture_config("follow", "mode = 'nudge', tau_hours = 24.0")
    cases = {
        "missing entry": (good | {"jules_ml.nml": "&jules_ml_respiration\nfsth_table = 'fsth.nml'\n/\n"}, "ftemp_table"),
        "unknown entry": (good | {"jules_ml.nml": "&jules_ml_respiration\nftable = 'x'\n/\n"}, "jules_ml_respiration"),
        "table n against y": (good | {"fsth.nml": good["fsth.nml"].replace("n = 4001", "n = 4000")}, "fsth.nml"),
        "table without units": (good | {"ftemp.nml": good["ftemp.nml"].replace("x_units = 'K',", "")}, "x_units"),
        "NaN in a table": (good | {"fsth.nml": with_nan(good["fsth.nml"])}, "y(1) is negative, or not finite"),
        "Python that is not there": (follow | {"jules_ml.nml": follow["jules_ml.nml"].replace("follow", "fellow")}, "fellow"),
        "Python that cannot import": (
            follow | {"jules_ml.nml": follow["jules_ml.nml"].replace("series_module", "no_such_module")}, "no_such_module",
        ),
    }  # fmt: skip
    cases["daily module that serves percent"] = (moisture_config("percent", "mode = 'replace'"), "above 1")
    cases["prescribed b beside learned properties"] = (
        python_config("properties", "soil", "every_days = 0"), "prescribed b",
    )  # fmt: skip
    cases |= serving_cases(jules)
    refused = 0
    for number, (name, (files, word)) in enumerate(cases.items()):
        folder = jules.prepare("colvg", f"bad{number}", files)
        if word == "prescribed b":
            (folder / "nml" / "prescribed_data.nml").write_text(PRESCRIBED_B, encoding="utf-8")
            (folder / "b.dat").write_text("6.63 6.63 6.63 6.63\n" * 366, encoding="utf-8")
        done = jules.start(folder, hooked=True)
        named = any("jules_ml" in line and word in line for line in (done.stdout + done.stderr).splitlines())
        good_stop = done.returncode != 0 and named and not steps_written(folder)
        print(f"  {name}: {'stopped before output' if good_stop else 'MISSED'}")
        refused += good_stop
    claims.check("bad input refused before any step is written, share", refused / len(cases), ">=", 1.0)

    folder = jules.prepare("colvg", "late", moisture_config("fail_in_march", "mode = 'replace'"))
    done = jules.start(folder, hooked=True)
    ds = read_output(folder)
    last = str(ds["time"].to_numpy()[-1])
    well = done.returncode != 0 and "the series ends here" in done.stderr and last.startswith("1997-03-01T00:00")
    claims.check(
        "exception in March: output whole until then, message said", well, ">=", 1.0, note=f"last step {last[:16]}"
    )
