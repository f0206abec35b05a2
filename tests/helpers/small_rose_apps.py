"""Small Rose applications of the tests, each with one part of the configuration format.

``tests/jules/rose_app_run`` has the files that ``rose app-run`` of metomi-rose 2.5.1 installs for them. The folder is written again by
``PYTHONPATH=benchmarks:tests ROSE_EXE=/path/to/rose python -m helpers.small_rose_apps``.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from _rose_apps import SmallApp, rose_app_run, rose_executable

EXPECTED = Path(__file__).parents[1] / "jules" / "rose_app_run"

_COMMAND = "meta=jules-standalone/vn8.2\n\n[command]\ndefault=true\n\n"

SMALL_APPS: dict[str, SmallApp] = {
    "values": SmallApp(
        _COMMAND
        + """# values of all types, on several lines, with comments between
[file:timesteps.nml]
source=namelist:jules_time (namelist:jules_spinup) namelist:jules_extra

[namelist:jules_time]
main_run_start='1997-01-01 00:00:00'
timestep_len = 1800
l_360=.false.

[!namelist:jules_spinup]
max_spinup_cycles=0

[namelist:jules_extra]
Zed=1
dzsoil_io=0.1,0.25,
# thickness of the layers
         =0.65,

          2.0
comment=3 ! not a list
empty=
quoted='it''s a "name" = here',
      =  'second'
text=''
var(2)='b'
var(10)='c'
frac=3*0.5,2*
"""
    ),
    "options": SmallApp(
        "opts=one (absent) two\n"
        + _COMMAND
        + """[file:a.nml]
source=namelist:a (namelist:b)
[namelist:a]
p=0
!q=0
r=0
s=0
[!namelist:b]
u=0
v=0
[env]
LEVEL=main
""",
        {
            "app/opt/rose-app-one.conf": "[namelist:a]\np=1\nq=1\n!r=1\nt='$LEVEL'\n[namelist:b]\nv=1\n[env]\nLEVEL=one\n",
            "app/opt/rose-app-two.conf": "meta=jules-standalone/vn8.1\n[namelist:a]\np=2\n!!s=\n[namelist:c]\nx=1\n",
            "app/opt/rose-app-three.conf": "opts=one\n[namelist:a]\np=3\nr=3\n[file:c.nml]\nsource=namelist:c\n",
        },
        {"ROSE_APP_OPT_CONF_KEYS": "(missing)  three"},
    ),
    "states": SmallApp(
        "opts='off' on\n!file-install-root=nowhere\n"
        + _COMMAND
        + """[file:a.nml]
source=namelist:a (namelist:b) (namelist:c) (namelist:d)
[file:b.nml]
source=namelist:a
[file:c.nml]
!source=namelist:a
[!!file:d.nml]
source=namelist:missing
[namelist:a]
p=0
!p=1
!q=1
q=2
r=1
!!r=
r=
!abc=1
  =2
[namelist:b]
x=1
[!namelist:c]
!x=1
y=2
[namelist:d]
x=1
[!namelist:a]
[namelist:a]
[]
file-install-root=sub
""",
        {
            "app/opt/rose-app-off.conf": "[!namelist:b]\nz=3\n[!!file:b.nml]\n[!namelist:d]\n",
            "app/opt/rose-app-on.conf": "[namelist:b]\n[namelist:c]\nx=7\n!y=\n",
        },
    ),
    "environment": SmallApp(
        _COMMAND
        + r"""[file:$NAME.nml]
source=namelist:a namelist:$GROUP
[namelist:a]
a='$NAME'
b='${NAME}_b'
c='\$NAME \${NAME}'
d='\\$NAME \\\$NAME \\n \$1'
e='$1 100$ ${NAME:-x} $(NAME) $$NAME'
f='$CHAIN'
g='$TILDE ~/x'
h='$ESCAPED'
i=$NUMBER,
 =$NUMBER
[namelist:b]
!x='$NOT_SET'
[namelist:unused]
x='$NOT_SET'
[env]
NAME=inner
CHAIN=$NAME
TILDE=~/x
ESCAPED=\$NAME
NUMBER=2
!GROUP=c
[!file:$NOT_SET]
source=namelist:a
[etc]
x=$NOT_SET
""",
        environment={"NAME": "outer", "GROUP": "b", "HOME": "/home/someone"},
    ),
    "numbered": SmallApp(
        _COMMAND
        + """[file:output.nml]
source=namelist:jules_output namelist:profile(:) namelist:profile{daily}(:) (namelist:none(:)) namelist:profile(2)
[namelist:jules_output]
nprofiles=6
[namelist:profile(10)]
x=10
[namelist:profile(2)]
x=2
[namelist:profile(b1)]
x='b1'
[namelist:profile(a2)]
x='a2'
[namelist:profile(a10)]
x='a10'
[!namelist:profile(3)]
x=3
[namelist:profile]
x=0
[namelist:profile{daily}(2)]
x='daily 2'
[namelist:profile{daily}(1)]
x='daily 1'
[namelist:profile{monthly}]
x='monthly'
[file:monthly.nml]
source=namelist:profile{monthly}
"""
    ),
    "several_sources": SmallApp(
        _COMMAND
        + """[file:a.nml]
source=$SMALL_APP/in/no_end namelist:a
 = $SMALL_APP/in/one.nml ($SMALL_APP/in/absent.nml)
   (namelist:absent) ($SMALL_APP/in/one.nml)
[file:b.nml]
source=$SMALL_APP/in/[ot]*.nml
[file:${LAST}2.nml]
source=(namelist:absent_2)
[file:b2.nml]
source=namelist:absent_2
[file:c.nml]
source='$SMALL_APP/in/with blank.nml' $SMALL_APP/in/with\\ blank.nml "namelist:a"
[file:d.nml]
source=
[file:e.nml]
source=(namelist:absent)
[file:e2.nml]
source=namelist:absent namelist:a
[file:f.nml]
source=~/home.nml
content=namelist:a
[namelist:a]
x=1
""",
        {
            "in/no_end": "&z /",
            "in/one.nml": "&one\nx='$HOME'\n/\n",
            "in/two.nml": "&two\n/\n",
            "in/with blank.nml": "&blank /\n",
            "home/home.nml": "&home /\n",
        },
        {"HOME": "@SMALL_APP@/home", "LAST": "z"},
    ),
    "file_folder": SmallApp(
        _COMMAND
        + """[file:one.nml]
[file:two.nml]
source=namelist:a
[!file:three.nml]
[file:four.nml]
content=namelist:a
[file:$SIX.nml]
source=namelist:a
[namelist:a]
x=1
""",
        {f"app/file/{name}": f"&{name[:3]} v='$HOME' /\n" for name in ("one.nml", "two.nml", "three.nml", "four.nml")}
        | {"app/file/five.dat": "1 2 3\n", "app/file/.hidden": "x"},
        {"SIX": "six"},
    ),
    "links": SmallApp(
        _COMMAND
        + """[file:a.nml]
mode=symlink
source=$SMALL_APP/in/one.nml
[file:sub/b.nml]
mode=symlink+
source='$SMALL_APP/in/one.nml'
[file:c.nml]
mode=symlink
[file:output]
mode=mkdir
[file:output/d.nml]
mode=auto
source=namelist:a
[file:dangling]
mode=symlink
source=$SMALL_APP/absent
[namelist:a]
x=1
""",
        {"in/one.nml": "&one\n/\n", "app/file/c.nml": "&c /\n"},
    ),
    "install_root": SmallApp(
        "file-install-root=$RUN/nml\n"
        + _COMMAND
        + """[file:a.nml]
source=namelist:a
checksum=ceaf60acd3eeb2e276c0d744e02639df
[file:./sub/b.nml]
source=namelist:a
[namelist:a]
x=1
[env]
RUN=run
ROSE_FILE_INSTALL_ROOT=other
""",
        {"app/file/c.dat": "c\n"},
    ),
    "install_root_by_environment": SmallApp(
        _COMMAND + "[file:a.nml]\nsource=namelist:a\n[namelist:a]\nx=1\n[env]\nROSE_FILE_INSTALL_ROOT=$WHERE/nml\n",
        environment={"WHERE": "share", "ROSE_FILE_INSTALL_ROOT": "unused"},
    ),
    "suite": SmallApp(
        "opts=(site) land\n"
        + _COMMAND.replace("default=true", "default=mpirun -n 2 $JULES_EXE")
        + """[poll]
all-files=
[file:jules_soil.nml]
source=(namelist:jules_soil)
[file:output.nml]
source=namelist:jules_output (namelist:jules_output_profile(:))
[file:prescribed_data.nml]
source=namelist:jules_prescribed (namelist:jules_prescribed_dataset(:))
[file:drive.nml]
source=namelist:jules_drive
[namelist:jules_soil]
l_vg_soil=.true.
!!l_holdwater=.false.
sm_levels=4
[namelist:jules_output]
output_dir='$OUTPUT/$RUN_ID'
run_id='$RUN_ID'
nprofiles=2
[namelist:jules_output_profile(2)]
profile_name='daily'
var='smcl','sthu',
   ='t_soil'
nvars=3
[namelist:jules_output_profile(1)]
profile_name='monthly'
nvars=0
[namelist:jules_prescribed]
n_datasets=0
[!!namelist:jules_prescribed_dataset(1)]
nvars=1
[namelist:jules_drive]
data_start='$START'
file='$DATA/met_%vv.nc'
[env]
DATA=$ROOT/drive
OUTPUT=$ROOT/output
OMP_NUM_THREADS=1
[etc]
anything=$NOT_SET
""",
        {
            "app/opt/rose-app-land.conf": "[namelist:jules_soil]\n!sm_levels=4\nl_holdwater=.true.\n"
            "[namelist:jules_output_profile(2)]\nnvars=2\nvar='smcl',\n   ='sthu'\n"
            "[namelist:jules_prescribed]\nn_datasets=1\n[namelist:jules_prescribed_dataset(1)]\n",
        },
        {"ROOT": "/data", "RUN_ID": "u-aa000", "START": "2000-01-01 00:00:00"},
    ),
    "line_ends": SmallApp(
        _COMMAND
        + "[ file:a.nml ]\t\r\nsource=namelist:a\r\n[file:b.nml]\nsource=namelist:a\n"
        + "[namelist:a]  \na=1,\n\t=2\n\tb=2\n x\ty\nc='é'\n  # a comment\n =#3\n =\n"
    ),
}


def store(rose: str) -> None:
    """Write the files of ``rose app-run`` for all small applications."""
    for name in SMALL_APPS:
        shutil.rmtree(EXPECTED / name, ignore_errors=True)
    for name, small in SMALL_APPS.items():
        with tempfile.TemporaryDirectory() as folder:
            files = rose_app_run(rose, small, Path(folder))
        assert files is not None, name
        for path, text in files.items():
            (EXPECTED / name / path).parent.mkdir(parents=True, exist_ok=True)
            (EXPECTED / name / path).write_bytes(text)


if __name__ == "__main__":
    executable = rose_executable()
    store(executable) if executable else sys.exit("Rose is not installed")
