"""The demonstration: a few days of its record, and the files in the package."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import platformdirs
import pytest
import xarray as xr
from helpers.browser import check_opens

from jules_ml.data.readers.davos import FILE_NAME, read_davos
from jules_ml.demo import run as demo_run
from jules_ml.demo import run_demo
from jules_ml.demo.report import snow_note
from jules_ml.demo.run import davos_experiment, last_years
from jules_ml.errors import BadInput, RunFailed
from jules_ml.experiment import Experiment

#: Six months, of which the last two are the test period.
WINTER = ("2018-11-01T00:30", "2019-04-30T23:00")  # UTC; the local year and month end an hour earlier


@pytest.fixture(scope="module")
def record_path() -> Path:
    path = platformdirs.user_cache_path("jules_ml") / FILE_NAME
    if not path.is_file():
        pytest.skip("the record of Davos is not in the cache: run jules-ml demo once")
    return path


def test_the_experiment_in_the_package_is_valid() -> None:
    experiment = davos_experiment()
    assert experiment.run is not None
    assert experiment.run.mean_over == 1
    assert experiment.text.startswith("# The demonstration")


def test_demo_without_a_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file") as caught:
        run_demo(tmp_path, data=tmp_path / "nothing.whl")
    assert "diive 0.90.0" in caught.value.remedy


def test_respiration_is_fitted_to_the_soil_of_the_column() -> None:
    settings = davos_experiment().respiration
    assert settings is not None
    assert settings.temperature == "t_soil"
    assert not settings.assimilation


def test_the_last_years_are_used() -> None:
    time = pd.date_range("2020-12-31 23:30", "2022-12-31 23:00", freq="30min")
    part = last_years(xr.Dataset(coords={"time": time}), 1)
    assert part.sizes["time"] == 365 * 48


@pytest.mark.slow
def test_demo_on_a_winter(record_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = davos_experiment()
    assert short.run is not None
    section = short.run.model_copy(
        update={
            "compiled": False,
            "timestep": 3600.0,
            "spin_up": short.run.spin_up.model_copy(update={"cycles": 0}),
        }
    )
    assert short.respiration is not None
    few = short.respiration.model_copy(update={"members": 2, "inner_folds": 2, "inner_rows": 1500})
    monkeypatch.setattr(
        demo_run, "davos_experiment", lambda: short.model_copy(update={"run": section, "respiration": few})
    )
    # every second half-hour as an hour: half of the steps
    halves = read_davos(record_path).sel(time=slice(*WINTER))
    record = halves.isel(time=slice(1, None, 2)).assign_attrs(interval_seconds=3600.0)
    monkeypatch.setattr(demo_run, "last_years", lambda *_: record)
    messages: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        done = run_demo(tmp_path, data=record_path, years=1, message=messages.append)

    stock, swapped = done.run.output, done.swap.run.output
    assert stock.sizes["time"] == record.sizes["time"]
    rules = {s.variable: s.rule for s in done.run.weather.substitutions}
    assert rules["wind"].startswith("fixed at 2 m s-1")
    np.testing.assert_array_equal(swapped["smcl"], stock["smcl"])
    assert not np.allclose(swapped["resp_s_gb"], stock["resp_s_gb"])
    assert done.swap.settings.state == Path("column.nc")
    nights = done.swap.nights(fitted_rate=True)
    assert nights is not None
    assert nights.pairs.index.min() > pd.Timestamp(done.swap.fit.learned.rows.middle.max())
    assert done.swap.verdict.sentence in done.sentence
    assert f"{nights.stock.n} nights of 2019" in done.sentence
    values = [headline.value for headline in done.headlines]
    assert values[0].replace("−", "-") == f"{nights.stock.nse:.2f} → {nights.swapped.nse:.2f}"
    assert values[2] == "θ unchanged"
    assert "assumed to be 37 %" in done.headlines[1].label
    _check_files(tmp_path)
    _check_page(tmp_path / "report.html", done.sentence)
    check_opens(tmp_path / "report.html", tmp_path / "browser")


def _check_files(folder: Path) -> None:
    """All files of the demonstration, without those of modules and of single verdict figures."""
    names = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and "modules" not in p.parts}
    names = {name for name in names if not name.startswith("verdict/figures/")}
    figures = ("soil_moisture", "soil_temperature", "swap", "theta", "water_budget")
    pages = {"report.html", "column.nc", "column_learned.nc", "run_summary.json", "experiment.toml"}
    assert names == pages | {"verdict/verdict.json"} | {f"figures/{name}.png" for name in figures}
    module = {path.name for path in (folder / "modules" / "respiration").iterdir()}
    assert {"card.json", "model.safetensors", "verdict.json"} <= module
    verdict = json.loads((folder / "verdict" / "verdict.json").read_text(encoding="utf-8"))
    assert {each["quantity"] for each in verdict["scores"]} >= {"night respiration", "soil water", "latent heat"}
    # net ecosystem exchange contains respiration
    others = [q for q in verdict["quantities"] if not {"respiration", "exchange"} & set(q["quantity"].split())]
    assert {q["effect"] for q in others} == {"unchanged"}


def _check_page(path: Path, first: str) -> None:
    """The page stands by itself, and begins with the numbers, the verdict and the headline figure."""
    page = re.sub("<script.*?</script>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert page.count('src="data:image/png;base64,') == 7
    assert not re.search(r'(src|href)="(?!data:)', page)
    start = page.index('<p class="verdict">')
    assert page.index('<div class="numbers">') < start
    assert page.index("data:image/png") < page.index("<h2>")
    for text in (
        "wind speed: fixed at 2 m s-1, not measured",
        "Soil temperature is that of the column",
        "heterotrophic fraction",
        "diive 0.90.0",
        "sandy loam",
        "of snow on the ground",
    ):
        assert text in page


def test_without_a_compiler_only_the_last_year_is_run_with_a_note(
    record_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, object] = {}

    def stop(experiment: Experiment, *, record: xr.Dataset, **_: object) -> None:
        assert experiment.run is not None
        asked.update(cycles=experiment.run.spin_up.cycles, steps=record.sizes["time"])
        raise RunFailed("enough")

    monkeypatch.setattr(demo_run, "can_compile", lambda: False)
    monkeypatch.setattr(demo_run, "run_column", stop)
    messages: list[str] = []
    with pytest.raises(RunFailed):
        run_demo(tmp_path, data=record_path, message=messages.append)
    assert asked == {"cycles": 1, "steps": 365 * 48}
    assert "no C++ compiler" in messages[0]


def test_snow_of_complete_winters_is_stated() -> None:
    time = pd.date_range("2019-01-01", "2022-12-31", freq="1D")
    snow = np.where(time == pd.Timestamp("2020-02-01"), 24.0, np.where(time == pd.Timestamp("2022-01-10"), 150.0, 1.0))
    snow[0] = 999.0  # a winter whose beginning is not in the run
    output = xr.Dataset({"snow_mass_gb": ("time", snow)}, {"time": time}, attrs={"interval_seconds": 86400.0})
    assert "1 kg m-2 in 2020/21 to 150 kg m-2 in 2021/22" in snow_note(output)
    assert "at most 1 kg m-2 of snow" in snow_note(output.isel(time=slice(1, 200)))
