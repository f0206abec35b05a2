"""The compiler's check of JULES's interfaces when the hooks are built: the variant that it chooses, and what it refuses."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from helpers.builds import DEFAULT_COMPILER, UNOPTIMISED
from helpers.hosts import HostRunner, respiration_files
from helpers.paths import REPOSITORY

from jules_ml.errors import BadInput
from jules_ml.jules.hooks.build import build_hooks
from jules_ml.jules.hooks.interfaces import arguments_of

HOST = REPOSITORY / "fortran_bridge" / "host"
B = "land_pts, dim_cs1, l_q10, cs, sthu, sthf, v_sat, v_wilt, tsoil, resp_s, veg_frac, sf_diag, l_soil_point"
C = B.replace("v_sat, ", "v_sat, v_crit, ")


@pytest.fixture
def modules(hosts: Path, tmp_path: Path) -> Path:
    """A copy of the .mod files of the host with the interfaces of JULES 8.2."""
    return Path(shutil.copytree(hosts / "host_82_objects_mod", tmp_path / "jules"))


def change_module(modules: Path, file: str, old: str, new: str, *, options: tuple[str, ...] = ()) -> None:
    """Compile a file of the host again with a change, in the folder of its .mod files."""
    text = (HOST / file).read_text(encoding="utf-8")
    assert old in text
    source = modules / file
    source.write_text(text.replace(old, new), encoding="utf-8")
    command = [
        DEFAULT_COMPILER,
        "-c",
        "-DJML_HOST_JULES=82",
        *options,
        str(source),
        "-J",
        str(modules),
        "-I",
        str(modules),
    ]
    done = subprocess.run([*command, "-o", str(modules / "changed.o")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (modules / "changed.o").unlink()


def refused(modules: Path, tmp_path: Path) -> BadInput:
    """The error that building the hooks raises, before anything is compiled."""
    out = tmp_path / "out"
    with pytest.raises(BadInput) as caught:
        build_hooks(modules, out=out, compiler=DEFAULT_COMPILER)
    assert not list(out.rglob("*.a"))
    assert not (out / "jules_ml_hooks.o").exists()
    return caught.value


@pytest.mark.slow
@pytest.mark.parametrize(
    ("host", "microbe", "jules"),
    [("host_70", "7.0", "7.0 or earlier"), ("host_r64", "7.6", "7.6 or 7.7"), ("host_82", "8.2", "8.2 or later")],
)
def test_the_interface_chooses_the_variant(
    hosts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, microbe: str, jules: str
) -> None:
    monkeypatch.setenv(*UNOPTIMISED)
    stamp = build_hooks(hosts / f"{host}_objects_mod", out=tmp_path, compiler=DEFAULT_COMPILER).stamp
    assert (stamp.microbe, stamp.jules) == (microbe, jules)
    assert stamp.real_bits == (64 if host == "host_r64" else 32)
    assert re.fullmatch(r"(GNU|LLVMFlang) \d+\.\d+\.\d+", stamp.compiler)
    assert stamp.mpi == "none"


@pytest.mark.parametrize(
    "swapped", [C.replace("v_crit, v_wilt", "v_wilt, v_crit"), C.replace("tsoil, ", "tsoil, ph_soil, ")]
)
def test_an_unknown_microbe_is_refused_with_both_lists(modules: Path, tmp_path: Path, swapped: str) -> None:
    """The linker would accept both: exchanged arguments of the same type, and one more argument."""
    names = swapped.split(", ")
    head = (HOST / "host_microbe.F90").read_text(encoding="utf-8")
    first = head.index("subroutine microbe(")
    old = head[first : head.index(")", first) + 1]
    extra = "\n    real(rk), intent(in) :: ph_soil(land_pts, sm_levels)" if "ph_soil" in names else ""
    text = head.replace(old, "subroutine microbe(" + ", &\n      ".join(names) + ")")
    text = text.replace("    logical, intent(inout) :: l_q10", "    logical, intent(inout) :: l_q10" + extra)
    change_module(modules, "host_microbe.F90", head, text)
    error = refused(modules, tmp_path)
    assert "microbe of this JULES does not have the arguments that the hooks know\n" in error.problem
    lines = [line.strip() for line in error.problem.splitlines()]
    assert f"this JULES:  {swapped}" in lines
    assert f"JULES 7.6:   {B}" in lines
    assert f"JULES 8.2:   {C}" in lines
    assert "7.0 to 8.2" in error.remedy
    assert str(modules) in str(error)


def test_an_argument_of_another_type_is_refused(modules: Path, tmp_path: Path) -> None:
    change_module(modules, "host_microbe.F90", "intent(in) :: l_soil_point", "intent(inout) :: l_soil_point")
    assert "a type, rank or intent differs: " in refused(modules, tmp_path).problem


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        (
            "host_soil.f90", "dz, sathh, smcl, tsoil, v_sat, sthu, sthf)", "dz, sathh, smcl, tsoil, v_sat, sthf, sthu)",
            "freeze_soil of this JULES .*\n.*tsoil, v_sat, sthf, sthu\n.*expected:.*tsoil, v_sat, sthu, sthf$",
        ),
        (
            "host_final.f90", "subroutine jules_final()\n    use logging_mod, only: log_info\n",
            "subroutine jules_final(code)\n    use logging_mod, only: log_info\n    integer :: code",
            "jules_final of .*\n.*code\n.*no arg",
        ),
    ],
)  # fmt: skip
def test_another_procedure_with_other_arguments_is_refused(
    modules: Path, tmp_path: Path, file: str, old: str, new: str, problem: str
) -> None:
    change_module(modules, file, old, new)
    assert re.search(problem, refused(modules, tmp_path).problem)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("logical :: l_top", "logical :: l_topp", "l_top of jules_hydrology_mod is missing"),
        ("real(real_jlslsm) :: kaps =", "real(kind(1.0d0)) :: kaps =", "kaps of jules_soil_biogeochem_mod is not real of kind"),
        ("integer :: mpi_local_comm", "integer :: mpi_world", "or mpi_local_comm of jules_vars_mod is missing"),
        ("integer :: nsurft = 2", "integer :: nsurft(1) = 2", "nsurft of ancil_info is not integer, a scalar"),
    ],
)  # fmt: skip
def test_a_variable_that_differs_is_named(modules: Path, tmp_path: Path, old: str, new: str, problem: str) -> None:
    text = (HOST / "host_switches.F90").read_text(encoding="utf-8")
    assert old in text
    change_module(modules, "host_switches.F90", text, text.replace(old, new))
    error = refused(modules, tmp_path)
    assert error.problem == f"variables of JULES differ from those that the hooks use: {error.problem.split(': ')[1]}"
    assert problem in error.problem
    assert ";" not in error.problem


def test_module_files_of_another_compiler_are_refused(modules: Path, tmp_path: Path) -> None:
    (modules / "um_types.mod").write_bytes(b"not a module")
    error = refused(modules, tmp_path)
    assert re.match(rf"{DEFAULT_COMPILER} (.* )?cannot read (it|the \.mod files of JULES): .*um_types", error.problem)
    assert "--compiler" in error.remedy


def test_a_jules_compiled_for_link_time_optimisation_is_refused(hosts: Path, modules: Path, tmp_path: Path) -> None:
    if "flang" in DEFAULT_COMPILER:
        pytest.skip("only gfortran's link-time optimisation is tested")
    include = modules.rename(tmp_path / "include")
    folder = tmp_path / "o"
    folder.mkdir()
    (lto,) = hosts.glob("CMakeFiles/host_lto_objects.dir/host_microbe*.o")
    shutil.copy(lto, folder)
    error = refused(include, tmp_path)
    assert "link-time optimisation" in error.problem
    assert lto.name in str(error.where)
    assert "-flto" in error.remedy


def test_arguments_are_read_from_module_files_and_sources(hosts: Path, tmp_path: Path) -> None:
    assert arguments_of(hosts / "host_82_objects_mod", "microbe_mod", "microbe") == C.split(", ")
    assert arguments_of(hosts / "host_82_objects_mod", "write_dump_mod", "write_dump") == []
    include = tmp_path / "build" / "include"
    include.mkdir(parents=True)
    # LLVM Flang writes the text of the interface; of other compilers, FCM's copy of the source is read
    (include / "microbe_mod.mod").write_text(
        "!mod$ v1 sum:0\nmodule microbe_mod\ncontains\nsubroutine microbe(land_pts,&\n&cs)\n"
    )
    assert arguments_of(include, "microbe_mod", "microbe") == ["land_pts", "cs"]
    (include / "microbe_mod.mod").write_bytes(b"\x00binary")
    assert arguments_of(include, "microbe_mod", "microbe") is None
    source = tmp_path / "preprocess" / "src" / "microbe_jls.F90"
    source.parent.mkdir(parents=True)
    source.write_text("SUBROUTINE microbe (land_pts,dim_cs1,   &\n     l_q10,cs)\n")
    assert arguments_of(include, "microbe_mod", "microbe") == ["land_pts", "dim_cs1", "l_q10", "cs"]


@pytest.mark.parametrize("host_version", ["host_70", "host_82"])
def test_curves_are_in_the_output_with_the_interfaces_of_other_versions(host: HostRunner, host_version: str) -> None:
    settings = "soil_bgc_model = 2, n_days = 3"
    known, other = (host.complete(exe, settings, respiration_files()) for exe in ("host_r32", host_version))
    assert f"microbe as in {host_version[-2]}.{host_version[-1]}, " in other.log
    for name in ("fsth", "ftemp", "resp", "cs", "t_soil"):
        assert (known.column(name) == other.column(name)).all()


@pytest.mark.parametrize(("jules", "hooks"), [("82", "76"), ("82", "70"), ("70", "82")])
def test_hooks_of_another_interface_stop_the_run_at_the_first_call(host: HostRunner, jules: str, hooks: str) -> None:
    for files in (
        respiration_files(),
        {},
    ):  # with the hook on, and off: JULES's own microbe would get wrong arguments too
        run = host.run(f"host_{jules}_with_hooks_{hooks}", "n_days = 1", files)
        assert run.code != 0
        assert f"JULES calls microbe with other arguments than those of JULES {hooks[0]}.{hooks[1]}" in run.log
