"""Rose applications resolved as ``rose app-run`` resolves them, and refusals of what is not supported."""

from __future__ import annotations

from pathlib import Path

import pytest
from _rose_apps import SmallApp, resolved, rose_app_run, rose_executable
from helpers.small_rose_apps import EXPECTED, SMALL_APPS

from jules_ml.errors import BadInput
from jules_ml.jules.namelists import NamelistFolder
from jules_ml.jules.rose import installed_files, read_rose_app

_A = "[file:a.nml]\nsource=namelist:a\n[namelist:a]\nx=1\n"


def _set_environment(monkeypatch: pytest.MonkeyPatch, small: SmallApp, folder: Path) -> None:
    for name, value in small.variables(folder).items():
        monkeypatch.setenv(name, value)


def _stored(name: str) -> dict[str, bytes]:
    folder = EXPECTED / name
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("name", SMALL_APPS)
def test_files_are_those_that_rose_wrote(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = SMALL_APPS[name]
    app = small.build(tmp_path)
    _set_environment(monkeypatch, small, tmp_path)
    assert resolved(app, tmp_path) == _stored(name)


@pytest.mark.parametrize("name", SMALL_APPS)
def test_stored_files_are_those_of_the_installed_rose(name: str, tmp_path: Path) -> None:
    rose = rose_executable()
    if rose is None:
        pytest.skip("Rose is not installed")
    assert rose_app_run(rose, SMALL_APPS[name], tmp_path) == _stored(name)


def test_namelists_of_rose_are_read(tmp_path: Path) -> None:
    groups = NamelistFolder.read(EXPECTED / "values").all("jules_extra")[0]
    assert groups["dzsoil_io"] == [0.1, 0.25, 0.65, 2.0]
    assert groups["empty"] is None
    assert groups["quoted"] == ['it\'s a "name" = here', "second"]
    profiles = NamelistFolder.read(EXPECTED / "numbered").all("profile")
    assert [p["x"] for p in profiles] == ["monthly", 2, 10, "a10", "a2", "b1", "daily 1", "daily 2", 2]


#: Applications that are refused: text, part of the message, and whether Rose refuses them too.
REFUSED: dict[str, tuple[SmallApp, str, bool]] = {
    "import": (SmallApp("import=other\n" + _A), "imports 'other'", True),
    "missing option": (SmallApp("opts=one\n" + _A), "optional configuration 'one' does not exist", True),
    "missing option of the environment": (
        SmallApp(_A, environment={"ROSE_APP_OPT_CONF_KEYS": "two"}),
        "rose-app-two.conf",
        True,
    ),
    "broken option": (
        SmallApp("opts=one\n" + _A, {"app/opt/rose-app-one.conf": "x=1\nbroken\n"}),
        "rose-app-one.conf, line 2",
        True,
    ),
    "blank in a key": (SmallApp(_A + "a b=1\n"), "line 5", True),
    "continuation of nothing": (SmallApp("[file:a.nml]\n =x\n"), "line 2", True),
    "name of a section": (SmallApp(_A + "[namelist:a(1)(2)]\n"), "not the name of a namelist section", True),
    "unset variable": (SmallApp(_A + "y='$NOT_A' ${NOT_B}\n"), r"\$NOT_A.*NOT_A, NOT_B", True),
    "unset variable of env": (SmallApp(_A + "y=$SET\n[env]\nSET=$NOT_C\n"), r"\$NOT_C", True),
    "UNDEF": (SmallApp(_A + "y='$UNDEF'\n"), r"\$UNDEF", True),
    "missing namelist": (SmallApp("[file:a.nml]\nsource=namelist:b\n"), "a.nml needs namelist:b", True),
    "missing namelist before its brackets": (
        SmallApp("[file:a.nml]\nsource=namelist:b (namelist:b)\n"),
        "a.nml needs namelist:b",
        True,
    ),
    "ignored namelist": (SmallApp("[file:a.nml]\nsource=namelist:b(:)\n[!namelist:b(1)]\n"), r"namelist:b\(:\)", True),
    "equal numbers": (
        SmallApp("[file:a.nml]\nsource=namelist:b(:)\n[namelist:b(1)]\n[namelist:b(01)]\n"),
        "the same number",
        False,
    ),
    "missing file": (SmallApp("[file:a.nml]\nsource=$SMALL_APP/absent\n"), "absent does not exist", True),
    "missing file of a folder": (SmallApp("[file:a]\nmode=mkdir\nsource=$SMALL_APP/absent\n"), "absent does not", True),
    "relative source": (SmallApp("[file:a.nml]\nsource=one.nml\n", {"one.nml": ""}), "relative to the folder", True),
    "quotation mark": (SmallApp("[file:a.nml]\nsource='x\n"), "quotation", True),
    "mode": (SmallApp("[file:a.nml]\nmode=copy\n"), "mode is 'copy'", True),
    "two sources of a link": (
        SmallApp("[file:a.nml]\nmode=symlink\nsource=/a /b\n"),
        "a symbolic link has one source, not 2",
        True,
    ),
    "no source of a link": (SmallApp("[file:a.nml]\nmode=symlink\n"), "not 0", True),
    "link to nothing": (SmallApp("[file:a.nml]\nmode=symlink+\nsource=/absent\n"), "/absent does not exist", True),
    "checksum": (SmallApp(_A.replace("source", "checksum=1\nsource")), "checksum of the file is", True),
    "same file": (SmallApp(_A + "[file:./a.nml]\n"), "install the same file, a.nml", False),
    "same file by a variable": (SmallApp(_A + "[file:$A.nml]\n", environment={"A": "a"}), "the same file", False),
    "file in a file": (SmallApp(_A + "[file:a.nml/b]\nsource=namelist:a\n"), "not a folder of its own", True),
    "file in a link": (
        SmallApp(_A + "[file:b]\nmode=symlink\nsource=$SMALL_APP/in\n[file:b/c]\nsource=namelist:a\n", {"in/x": ""}),
        "b/c would be inside b",
        False,
    ),
    "files and folders": (
        SmallApp("[file:a]\nsource=$SMALL_APP/in $SMALL_APP/in/x\n", {"in/x": ""}),
        "files and folders",
        True,
    ),
    "scheme": (
        SmallApp("schemes=*/one*=rsync\n[file:a]\nsource=$SMALL_APP/one.nml\n", {"one.nml": ""}),
        "not a file on this machine",
        False,
    ),
    **{
        f"remote source {source}": (SmallApp(f"[file:a]\nsource={source}\n"), "copy it to this machine first", True)
        for source in (
            "host:/path",
            "user@host:path",
            "git:/repository::./::main",
            "svn://host/path",
            "fcm:jules.x-tr",
            "https://host/path",
        )
    },
    "remote source in brackets": (
        SmallApp("[file:a]\nsource=(https://host/path)\n"),
        "copy it to this machine first",
        False,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_unsupported_application_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small, message, _ = REFUSED[name]
    app = small.build(tmp_path)
    _set_environment(monkeypatch, small, tmp_path)
    with pytest.raises(BadInput, match=message):
        installed_files(read_rose_app(app))


@pytest.mark.parametrize("name", [name for name, (*_, by_rose) in REFUSED.items() if by_rose])
def test_rose_refuses_it_too(name: str, tmp_path: Path) -> None:
    rose = rose_executable()
    if rose is None:
        pytest.skip("Rose is not installed")
    if "remote" in name:
        pytest.skip("would connect to another machine")
    assert rose_app_run(rose, REFUSED[name][0], tmp_path) is None


def test_folders_are_installed_file_by_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = SmallApp(
        "[file:x]\nsource=$SMALL_APP/d $SMALL_APP/e ($SMALL_APP/f)\n[file:x/a.nml]\nsource=namelist:a\n"
        "[file:.]\nsource=$SMALL_APP/e\n[namelist:a]\nv=1\n",
        {
            "d/a.nml": "d",
            "d/sub/b": "d",
            "d/.hidden": "d",
            "d/.git/c": "d",
            "e/b": "e",
            "e/sub/b": "e",
            "app/file/sub/c": "file",
            "app/file/sub/.d": "file",
        },
    )
    app = small.build(tmp_path)
    _set_environment(monkeypatch, small, tmp_path)
    assert resolved(app, tmp_path) == {
        "b": b"e",
        "sub/b": b"e",
        "sub/c": b"file",
        "x/a.nml": b"&a\nv=1,\n/\n",
        "x/b": b"e",
        "x/sub/b": b"e",
    }
    assert {path for path, file in installed_files(read_rose_app(app)).items() if file.kind == "folder"} == {
        ".",
        "sub",
        "x",
        "x/sub",
    }


def test_working_directory_is_not_the_current_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PWD", "/somewhere")
    small = SmallApp(_A + "y='$PWD/z', '$PATH'\n", {"app/bin/x": ""})
    app = small.build(tmp_path)
    monkeypatch.setenv("PATH", "/usr/bin")
    assert resolved(app, tmp_path)["a.nml"] == b"&a\nx=1,\ny='./z', '@SMALL_APP@/app/bin:/usr/bin',\n/\n"
