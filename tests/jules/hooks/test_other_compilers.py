"""Bridge, hooks and host built with each other compiler in PATH: the default one has all other tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from _relink import relink
from helpers.builds import (
    DEFAULT_COMPILER,
    build_folder,
    build_targets,
    configure,
    installed_compilers,
    is_default,
    locked,
)
from helpers.hosts import (
    F_NODES,
    G_NODES,
    ICE_POINT,
    F,
    G,
    HostRunner,
    moisture_files,
    respiration_files,
    tolerance,
)
from helpers.mpi import jules_tree

from jules_ml.jules.hooks.build import BuiltHooks, build_hooks
from jules_ml.jules.hooks.check import check_executable
from jules_ml.jules.hooks.compilers import compiler_version

OTHERS = [compiler for compiler in installed_compilers() if not is_default(compiler)]

pytestmark = [
    pytest.mark.fortran,
    pytest.mark.slow,
    pytest.mark.skipif(not OTHERS, reason=f"there is no other compiler than {DEFAULT_COMPILER}"),
]


@pytest.fixture(scope="module", params=OTHERS or [DEFAULT_COMPILER])
def compiler(request: pytest.FixtureRequest) -> str:
    """A Fortran compiler other than the default one."""
    return str(request.param)


@pytest.fixture(scope="module")
def built_host(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, BuiltHooks]:
    """A host without hooks, the hooks that a user builds against its .mod files, and the host linked with them."""
    build = build_folder(compiler)
    with locked(build):
        configure(build, compiler)
        build_targets(build, "host_plain_r32")
    hosts = build / "fortran_bridge" / "host"
    folder = tmp_path_factory.mktemp(compiler)
    jules = jules_tree(folder / "jules", hosts, "host_r32_objects")
    built = build_hooks(jules, out=folder / "hooks", compiler=compiler)
    objects = sorted((jules / "build" / "o").glob("*.o"))
    netcdf = any(b"nf90_" in path.read_bytes() for path in objects)
    openmp = [] if "Flang" in compiler_version(compiler) else ["-fopenmp"]
    exe = folder / "exe" / "host_r32"
    exe.parent.mkdir()
    relink(objects, built, exe=exe, compiler=compiler, libraries=[*openmp, *(["-lnetcdff"] if netcdf else [])])
    (exe.parent / "host_plain_r32").symlink_to(hosts / "host_plain_r32")
    return exe.parent, built


@pytest.fixture
def runner(built_host: tuple[Path, BuiltHooks], tmp_path: Path) -> HostRunner:
    """Runner of the hosts of this compiler."""
    return HostRunner(built_host[0], tmp_path)


def test_hooks_are_in_the_executable(compiler: str, built_host: tuple[Path, BuiltHooks]) -> None:
    folder, built = built_host
    checked = check_executable(folder / "host_r32")
    assert checked.complete
    assert built.toolchain.version == compiler_version(compiler)
    assert built.toolchain.version.startswith(checked.compiler)
    assert built.toolchain.notes == ()
    assert not check_executable(folder / "host_plain_r32").complete


def test_hooks_that_are_off_change_no_byte(runner: HostRunner) -> None:
    settings = "soil_bgc_model = 2, l_layeredC = .true., n_days = 2"
    plain, off = runner.complete("host_plain_r32", settings), runner.complete("host_r32", settings)
    assert "hooks are linked and off" in off.log
    for name in plain.output:
        if not name.endswith(".nc"):
            assert (plain.folder / "output" / name).read_bytes() == (off.folder / "output" / name).read_bytes()


def test_tables_reproduce_themselves_in_the_output(runner: HostRunner) -> None:
    run = runner.complete("host_r32", "n_days = 4", respiration_files())
    soil = np.arange(run.column("sthu").shape[2]) != ICE_POINT - 1
    expected_f = np.where(soil, np.interp(run.column("sthu"), F_NODES, F), 0.0)
    assert run.column("fsth")[1:] == pytest.approx(expected_f[:-1], abs=tolerance("r32"))
    expected_g = np.interp(run.column("t_soil"), G_NODES, G)
    assert run.column("ftemp")[1:][..., soil] == pytest.approx(expected_g[:-1][..., soil], abs=tolerance("r32"))


def test_moisture_closes_the_water_budget_and_continues_after_a_restart(runner: HostRunner) -> None:
    files = moisture_files("Counting", "mode = 'nudge', tau_hours = 10.0")
    whole = runner.complete("host_r32", "n_days = 6, dump_days = 3", files)
    column, gained, ledger = whole.column("smcl").sum(axis=1), whole.column("gained")[:, 0], whole.ledger
    added = ledger.loc[ledger["point"] == 1, "water_kg_m-2"].sum()
    assert abs(added) > 1.0
    assert added == pytest.approx(column[-1, 0] - column[0, 0] - gained[1:, 0].sum(), abs=2e-3)
    dump = whole.folder / "output" / "host.dump.20010104.0.nc"
    rest = runner.complete("host_r32", f"n_days = 3, start_date = 2001, 1, 4, 0, restart_from = '{dump}'", files)
    late = whole.steps.query("time >= '2001-01-04'").reset_index(drop=True)
    for name in ("smcl", "sthu", "t_soil"):
        np.testing.assert_allclose(rest.steps[name], late[name], rtol=2e-5, atol=1e-7)


def test_impossible_configurations_are_refused(runner: HostRunner) -> None:
    run = runner.run("host_r32", "soil_bgc_model = 3", respiration_files())
    assert run.code != 0
    assert "[FATAL ERROR] jules_ml: ./jules_ml.nml" in run.log
    spoilt = respiration_files()
    spoilt["fsth.nml"] = spoilt["fsth.nml"].replace("n = 65", "n = 66")
    run = runner.run("host_r32", "", spoilt)
    assert run.code != 0
    assert "fsth.nml" in run.log
