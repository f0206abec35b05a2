"""What is new in JULES 8.2, in the host: the critical point, and the heat of respiration. And IMOGEN, which calls hooks once a year."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.hosts import (
    DZ,
    G_NODES,
    ICE_POINT,
    PYTHON,
    HostRunner,
    curve_table,
    moisture_files,
    property_files,
    respiration_files,
    tolerance,
)
from torch import nn

from jules_ml.jules.net_files import NetInput, write_net

#: Soil of the host [m3 m-3].
SM_SAT, SM_CRIT = 0.45, 0.24
SOIL = np.arange(5) != ICE_POINT - 1
HOSTS = pytest.mark.parametrize("exe", ["host_70", "host_r32", "host_r64", "host_82"])
X = np.linspace(0.0, 2.0, 65)


def critical_files() -> dict[str, str]:
    """Curves in which f is a function of the water relative to the critical point."""
    return respiration_files() | {"fsth.nml": curve_table("fsth", "theta/v_crit", 0.1 + X, 0.0, 2.0)}


def kind_of(exe: str) -> str:
    return "r64" if exe == "host_r64" else "r32"


@HOSTS
def test_a_table_of_the_critical_point_is_in_the_output(host: HostRunner, exe: str) -> None:
    run = host.complete(exe, "n_days = 4", critical_files())
    expected = np.interp(run.column("sthu") * SM_SAT / SM_CRIT, X, 0.1 + X)
    np.testing.assert_allclose(
        run.column("fsth")[1:][..., SOIL], expected[:-1][..., SOIL], atol=3 * tolerance(kind_of(exe))
    )


@HOSTS
def test_a_net_reads_the_critical_point(host: HostRunner, exe: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1), nn.Softplus()).double()
    write_net(
        tmp_path / "net.nml",
        net,
        [NetInput(name="v_crit", seen_min=0.0, seen_max=1.0), NetInput(name="sthu", seen_min=0.0, seen_max=1.0)],
        ["fsth"],
        name="f",
    )
    files = respiration_files() | {
        "jules_ml.nml": "&jules_ml_respiration ftemp_table = 'ftemp.nml', net = 'net.nml' /\n",
        "net.nml": (tmp_path / "net.nml").read_text(encoding="utf-8"),
    }
    run = host.complete(exe, "n_days = 2", files)
    sthu = run.column("sthu")
    x = torch.from_numpy(np.stack([np.full_like(sthu, SM_CRIT), sthu], -1))
    expected = net(x).detach()[..., 0].numpy()
    np.testing.assert_allclose(
        run.column("fsth")[1:][..., SOIL], expected[:-1][..., SOIL], atol=3 * tolerance(kind_of(exe))
    )


@HOSTS
def test_python_gets_the_critical_point_if_it_has_an_argument_for_it(host: HostRunner, exe: str) -> None:
    group = "&jules_ml_respiration backend = 'python', python_callable = 'trial_module:critical_soil' /\n"
    run = host.complete(exe, "n_days = 1", {"jules_ml.nml": group + PYTHON})
    np.testing.assert_allclose(run.column("fsth")[..., SOIL], SM_CRIT, rtol=1e-6)


def test_the_critical_point_of_some_points_or_of_a_tile_is_not_guessed(host: HostRunner) -> None:
    threads = host.run("host_r32", "n_days = 1, use_threads = .true.", critical_files())
    assert threads.code != 0
    assert "respiration: the module needs v_crit, which microbe of this JULES does not have" in threads.log
    tiles = host.run("host_r32", "n_days = 1, nsoilt = 2", critical_files())
    assert tiles.code != 0
    assert "there is more than one soil tile: set l_tile_soil = .false., or use JULES 8.2" in tiles.log
    assert host.complete("host_82", "n_days = 1, use_threads = .true.", critical_files()).code == 0


def test_learned_respiration_warms_the_soil(host: HostRunner) -> None:
    """The temperature rises by dt h sum(R) / (C dz), where R is the learned respiration of the same step."""
    heat, step = 3.9e11, 3600.0  # 10^4 times the heat of JULES, so that the rise is far above the resolution of 32 bits
    settings = "soil_bgc_model = 2, l_layeredC = .true., n_days = 1"
    warm = f"{settings}, l_bgc_heat = .true., heat_of_respiration = {heat}"
    cold_run, warm_run = (host.complete("host_82", each, respiration_files()) for each in (settings, warm))
    stock = host.complete("host_plain_82", warm)
    rise = (warm_run.column("t_soil") - cold_run.column("t_soil"))[0][:, SOIL]
    capacity = 1.2e6 + 4180.0 * 1000.0 * 0.45 * cold_run.column("sthu")[0][:, SOIL]
    # the water of the host moves a little before the heat is added
    expected = step * heat * warm_run.column("resp")[0][:, SOIL] / (capacity * DZ[:, None])
    assert rise.min() > 0.1
    np.testing.assert_allclose(rise, expected, rtol=2e-3)
    assert not np.allclose(stock.column("resp")[0], warm_run.column("resp")[0], rtol=0.05)


def test_heat_of_respiration_with_a_curve_that_does_not_decline_is_a_warning(host: HostRunner) -> None:
    words = "l_bgc_heat is on, and the learned g does not decline up to 320.0 K"
    on = "soil_bgc_model = 2, l_layeredC = .true., n_days = 1, l_bgc_heat = .true."
    declining = curve_table("ftemp", "t_soil", np.exp(-(((G_NODES - 300.0) / 15.0) ** 2)), 240.0, 320.0)
    assert f"[WARNING] jules_ml: {words}" in host.complete("host_82", on, respiration_files()).log
    assert words not in host.complete("host_82", on, respiration_files() | {"ftemp.nml": declining}).log
    assert (
        words
        not in host.complete(
            "host_82", on.replace("l_bgc_heat = .true.", "l_bgc_heat = .false."), respiration_files()
        ).log
    )


def test_imogen_is_refused_with_modules_of_every_day(host: HostRunner) -> None:
    drivers = "&jules_ml_respiration fsth_table = 'fsth.nml', ftemp_table = 'ftemp.nml', antecedent = 'wetness_1d', "
    antecedent = {
        "jules_ml.nml": drivers + "antecedent_tables = 'h.nml' /\n",
        "h.nml": curve_table("antecedent", "wetness_1d", np.ones(3), -1.0, 1.0),
    }
    for files in (moisture_files("wet"), property_files("properties"), respiration_files() | antecedent):
        run = host.run("host_82", "n_days = 1, l_imogen = .true.", files)
        assert run.code != 0
        assert "with IMOGEN JULES calls update_model_variables once a year" in run.log
    assert host.complete("host_82", "n_days = 1, l_imogen = .true.", respiration_files()).code == 0
