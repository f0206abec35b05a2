"""Members are determined by the experiment; impossible settings are refused before any run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.progress import Reports
from helpers.small_experiment import write_experiment, write_weather
from scipy.stats import kstest, norm

from jules_ml.ensemble.dry_run import estimate
from jules_ml.ensemble.fingerprint import fingerprint
from jules_ml.ensemble.manifest import Status, write_status
from jules_ml.ensemble.members import Members, plan_members
from jules_ml.ensemble.run import EnsembleRun, MemberCounts, plan_ensemble, run_ensemble, run_members
from jules_ml.ensemble.sampling import prior_quantile, unit_design
from jules_ml.ensemble.schedule import serial_pool
from jules_ml.errors import BadInput
from jules_ml.experiment import Experiment, load_experiment
from jules_ml.experiment.ensemble import EnsembleSection, ParameterSection

ENSEMBLE = """
[ensemble]
members = 8

[[ensemble.parameters]]
parameter = "soil.properties.sathh"
bounds = [0.02, 0.2]
"""


def experiment(folder: Path, text: str = ENSEMBLE, *changes: tuple[str, str]) -> Experiment:
    path = write_experiment(folder, days=1)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")
    return load_experiment(path)


@pytest.mark.parametrize("sampling", ["latin_hypercube", "sobol"])
def test_each_eighth_of_a_prior_has_one_of_eight_samples(sampling: str) -> None:
    parameters = (ParameterSection(parameter="a", bounds=(0.0, 1.0)),)
    section = EnsembleSection.model_validate({"members": 8, "sampling": sampling, "parameters": parameters, "seed": 3})
    design = unit_design(section, 8, 3)
    assert np.sort((design * 8).astype(int), axis=0).tolist() == [[k] * 3 for k in range(8)]
    np.testing.assert_array_equal(design, unit_design(section, 8, 3))


@pytest.mark.parametrize(
    ("prior", "given", "share"),
    [
        ("uniform", {"bounds": (2.0, 4.0)}, lambda x: (x - 2.0) / 2.0),
        ("loguniform", {"bounds": (0.1, 10.0)}, lambda x: np.log10(x * 10.0) / 2.0),
        ("normal", {"mean": 1.0, "sd": 2.0}, lambda x: norm.cdf(x, 1.0, 2.0)),
        ("lognormal", {"mean": 3.0, "sd": 0.5}, lambda x: norm.cdf(np.log(x / 3.0), 0.0, 0.5)),
    ],
)
def test_samples_follow_their_prior(prior, given, share) -> None:  # type: ignore[no-untyped-def]
    u = (np.arange(400) + 0.5) / 400
    values = prior_quantile(ParameterSection(parameter="a", prior=prior, **given), u)
    np.testing.assert_allclose(share(values), u, atol=1e-12)
    assert kstest(share(values), "uniform").pvalue > 0.99


def test_a_normal_prior_is_cut_at_its_bounds() -> None:
    cut = ParameterSection(parameter="a", prior="normal", mean=1.0, sd=5.0, bounds=(0.5, 1.5))
    values = prior_quantile(cut, np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(values, [0.5, 1.0, 1.5])


def test_members_are_sites_times_forcing_times_samples() -> None:
    values, draws = np.arange(3.0)[:, None], np.array([[1], [0], [1]])
    members = Members(5, (Path("a"), Path("b")), (None,), ("x",), ("respiration",), values, draws)
    assert len(members) == 6
    fourth = members[3]
    assert (fourth.site, dict(fourth.values), dict(fourth.draws)) == (Path("b"), {"x": 0.0}, {"respiration": 1})
    assert len({member.seed for member in members}) == 6
    assert members[4] == members[4]
    assert [list(unit) for unit in members.units(2)] == [[0, 1], [2], [3, 4], [5]]


def test_listed_values_are_taken_in_turn(tmp_path: Path) -> None:
    ensemble = experiment(
        tmp_path, ENSEMBLE, ("members = 8", 'sampling = "listed"'), ("bounds = [0.02, 0.2]", "values = [0.1, 0.05]")
    )
    assert [dict(member.values) for member in plan_members(ensemble)] == [{"sathh": 0.1}, {"sathh": 0.05}]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("members = 8", "members = 0", "greater than or equal to 1"),
        ("[0.02, 0.2]", "[0.2, 0.02]", "bounds are reversed"),
        ("bounds = [0.02, 0.2]", "", "needs bounds"),
        ("bounds = [0.02, 0.2]", 'prior = "normal"', "needs mean and sd"),
        ("bounds = [0.02, 0.2]", 'prior = "loguniform"\nbounds = [0.0, 1.0]', "needs positive bounds and mean"),
        ("members = 8", "", "members is missing. Remedy: give the number of samples"),
        ("members = 8", 'sampling = "listed"', "needs values"),
        (ENSEMBLE, "\n[ensemble]\nmembers = 3\n", "nothing differs"),
        ("soil.properties.sathh", "soil.properties.sathhh", "write 'sathh'"),
        ("soil.properties.sathh", "soil.dzsoil", "not a parameter of the column"),
        ("soil.properties.sathh", "forcing.height", "not a parameter of the column"),
        ("soil.properties.sathh", "soil.texture.clay", "its section is missing"),
        ("bounds", "index = 5\nbounds", "from 1 to 4"),
        ("[0.02, 0.2]", "[-0.1, 0.2]", "sathh must be positive"),
        ("bounds", 'group = "jules_soil"\nbounds', "the model is the column"),
        ('soil.properties.sathh"', 'carbon.cs"\nindex = 3', "index is 3, but carbon.cs has 1 value"),
        ("[ensemble]", "[closed_loop]\n\n[ensemble]", "cannot run the closed loop of carbon"),
        (
            "bounds = [0.02, 0.2]\n",
            'bounds = [0.02, 0.2]\n[[ensemble.parameters]]\nparameter = "soil.properties.sathh"\nname = "again"\nbounds = [1.0, 2.0]\n',
            "given twice",
        ),
    ],
)
def test_impossible_settings_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(BadInput) as caught:
        run_ensemble(experiment(tmp_path, ENSEMBLE, (old, new)), tmp_path / "out")
    assert message in str(caught.value)
    assert "small.toml" in str(caught.value.where)
    assert not (tmp_path / "out").exists()


def test_draws_without_a_module_are_refused(tmp_path: Path) -> None:
    ensemble = experiment(tmp_path, ENSEMBLE, ("members = 8", 'members = 8\ndraws = ["respiration"]'))
    with pytest.raises(BadInput, match="the experiment names no such module"):
        plan_ensemble(ensemble)


def test_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine", encoding="ascii")
    with pytest.raises(BadInput, match=r"not empty.*--out"):
        run_ensemble(experiment(tmp_path), tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_folder_of_another_ensemble_is_refused_and_of_the_same_continued(tmp_path: Path) -> None:
    def none(*_: object) -> object:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_ensemble(experiment(tmp_path), tmp_path / "out", start_pool=none)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="contains another ensemble"):
        run_ensemble(experiment(tmp_path, ENSEMBLE, ("0.02", "0.03")), tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        # quantiles affect the summary, not the members
        run_ensemble(
            experiment(tmp_path, ENSEMBLE, ("members = 8", "members = 8\nquantiles = [0.5]")),
            tmp_path / "out",
            start_pool=none,  # type: ignore[arg-type]
        )


def test_two_runs_at_once_in_one_folder_are_refused(tmp_path: Path) -> None:
    ensemble = experiment(tmp_path)

    def second(*_: object) -> object:
        run_ensemble(ensemble, tmp_path / "out", start_pool=serial_pool)
        raise AssertionError

    with pytest.raises(BadInput, match="another run of the ensemble is using this folder"):
        run_ensemble(ensemble, tmp_path / "out", start_pool=second)  # type: ignore[arg-type]


@pytest.mark.slow
def test_dry_run_lists_the_runs_and_writes_nothing(tmp_path: Path) -> None:
    ensemble = experiment(tmp_path)
    rows = dict(estimate(ensemble, tmp_path / "out").rows())
    assert rows["members"] == "8: 0 done, 0 failed, 8 to run in 1 units"
    assert rows["differ"].startswith("sathh: 0.0")
    assert "estimated" in rows["cost"]
    assert "MB" in rows["disk"]
    assert not (tmp_path / "out").exists()


def test_every_listed_value_is_checked_before_any_run(tmp_path: Path) -> None:
    listed = ("bounds = [0.02, 0.2]", "values = [0.1, -1.0, 0.2]")
    with pytest.raises(BadInput, match="sathh must be positive"):
        plan_ensemble(experiment(tmp_path, ENSEMBLE, ("members = 8", 'sampling = "listed"'), listed))


def test_forcing_files_with_different_periods_are_refused_before_any_run(tmp_path: Path) -> None:
    write_weather(tmp_path / "short.dat", days=1)
    write_weather(tmp_path / "long.dat", days=2)
    ensemble = experiment(tmp_path, '\n[ensemble]\nforcing = ["short.dat", "long.dat"]\n')
    with pytest.raises(BadInput, match=r"long\.dat: its members run .*common time axis.*start and end"):
        plan_ensemble(ensemble)


def test_changed_weather_makes_a_different_ensemble(tmp_path: Path) -> None:
    ensemble = experiment(tmp_path)
    first = fingerprint(ensemble)
    assert fingerprint(experiment(tmp_path)) == first
    weather = tmp_path / "weather.dat"
    weather.write_text(weather.read_text(encoding="utf-8").replace("288", "289", 1), encoding="utf-8")
    assert fingerprint(ensemble) != first


def test_dry_run_refuses_a_folder_of_another_ensemble(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "plan.json").write_text('{"fingerprint": "of another"}', encoding="utf-8")
    with pytest.raises(BadInput, match="contains another ensemble"):
        estimate(experiment(tmp_path), tmp_path / "out")


def test_time_left_is_estimated_from_members_of_this_run(tmp_path: Path) -> None:
    ensemble = experiment(tmp_path)
    counts: list[MemberCounts] = []
    reports = Reports()
    (tmp_path / "out" / "members").mkdir(parents=True)
    for number in range(7):
        write_status(tmp_path / "out", Status(number, "failed", message="earlier"))
    plan = plan_ensemble(ensemble)
    run_members(
        EnsembleRun(tmp_path / "out", ensemble, plan.members), plan, serial_pool, progress=reports, counts=counts.append
    )
    reports.check("members")
    assert (counts[0].failed, counts[0].seconds_left) == (7, None)
    assert counts[-1].done == 1
