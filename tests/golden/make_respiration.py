"""Write respiration.json: a few steps of JULES 7.6 at Loobos, to test the respiration functions without the full output.

Run as ``python tests/golden/make_respiration.py FOLDER``, where FOLDER contains ``loobos_1997_*_30min.nc`` and
``loobos_settings.json``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import xarray as xr

RUNS = ("gl4", "trif", "layeredcn")
SETTINGS = ("soil_bgc_model", "kaps", "kaps_4pool", "l_layeredc", "l_soil_resp_lev2", "l_q10", "q10_soil", "tau_resp")


def chosen_steps(output: xr.Dataset) -> list[int]:
    """Choose the driest, wettest, coldest and warmest step of the top layer, and one in every second month; none after TRIFFID."""
    wetness, t_soil = output["sthu"][:, 0].to_numpy(), output["t_soil"][:, 0].to_numpy()
    extremes = [wetness.argmin(), wetness.argmax(), t_soil.argmin(), t_soil.argmax()]
    months = range(700, len(wetness) - 1, 2920)
    return sorted({min(int(step), len(wetness) - 2) for step in (*extremes, *months) if (step + 1) % 480})


def record(output: xr.Dataset, step: int) -> dict[str, object]:
    """State at the end of ``step``, and the respiration of JULES in the next step."""
    before = {name: output[name][step].to_numpy() for name in ("sthu", "sthf", "t_soil", "sm_wilt", "sm_sat")}
    before["cs"] = output["cs"][step].transpose("sclayer", "scpool").to_numpy()
    after = {name: output[name][step + 1].to_numpy() for name in ("fsth", "ftemp", "fprf")}
    after["resp_s"] = output["resp_s"][step + 1].transpose("sclayer", "scpool").to_numpy()
    # nine digits give the same 32-bit number when read
    nine_digits = np.vectorize(lambda number: float(f"{number:.9g}"))
    return {name: nine_digits(value).tolist() for name, value in (before | after).items()}


def main(folder: Path) -> None:
    settings = json.loads((folder / "loobos_settings.json").read_text(encoding="utf-8"))
    golden = {}
    for name in RUNS:
        with xr.open_dataset(folder / f"loobos_1997_{name}_30min.nc") as dataset:
            output = dataset.isel(x=0, y=0).load()
        group = settings[name]["jules_soil_biogeochem"]["jules_soil_biogeochem"]
        golden[name] = {
            "settings": {key: group[key] for key in SETTINGS if key in group}
            | {"dzsoil": settings[name]["jules_soil"]["jules_soil"]["dzsoil_io"]},
            "steps": [{"step": step, **record(output, step)} for step in chosen_steps(output)],
        }
    document = {"source": "JULES 7.6, stand-alone, single precision, Loobos 1997; by make_respiration.py", **golden}
    Path(__file__).with_name("respiration.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
