"""Random Rose applications against ``rose app-run``: the files that both resolve.

They have optional configurations, states, environment variables, numbered namelists and files of several sources. Some are wrong on
purpose, such as by a variable that is not set: Rose and jules_ml have to refuse the same ones. Folders as sources are not among them,
since Rose needs rsync for these.

The applications of JULES's own tests are compared too, each alone and with each of its optional configurations.

Run as ``python benchmarks/rose_apps.py [--quick]``; "not measured" without Rose.

Environment variables
---------------------
ROSE_EXE
    Executable of Rose; by default ``rose`` on the path.
JULES_ROSE_APPS
    Folder of Rose applications, as ``rose-stem/app`` of JULES's source. Optional.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from unittest.mock import patch

from _claims import Claims, argument_parser
from _random_rose_apps import RandomApps
from _rose_apps import SmallApp, installed_by_rose, resolved, rose_app_run, rose_executable

from jules_ml.errors import BadInput
from jules_ml.support.namelist_text import NamelistSyntaxError, scan

#: Number of random applications.
APPS, QUICK_APPS = 300, 30
_DIFFER = "Rose applications whose files differ from rose app-run"
_DIFFER_JULES = "JULES's own Rose applications whose files differ"
_ONLY_ROSE = "Rose applications that rose app-run accepts and jules_ml refuses"
_ONLY_OURS = "Rose applications that rose app-run refuses and jules_ml accepts"


def compare(rose: str, small: SmallApp) -> tuple[str, int]:
    """Resolve one application twice; return how the results compare, and the number of namelist groups."""
    with tempfile.TemporaryDirectory() as rose_folder, tempfile.TemporaryDirectory() as folder:
        theirs = rose_app_run(rose, small, Path(rose_folder))
        app = small.build(Path(folder))
        with patch.dict(os.environ, small.variables(Path(folder))):
            try:
                ours = resolved(app, Path(folder))
            except BadInput:
                return ("both refuse" if theirs is None else "only Rose accepts"), 0
    if theirs is None:
        return "only jules_ml accepts", 0
    return ("equal" if ours == theirs else "differ"), sum(_groups(text) for text in theirs.values())


def compare_jules(claims: Claims, rose: str) -> None:
    """Resolve the applications of JULES's own tests twice."""
    if "JULES_ROSE_APPS" not in os.environ:
        claims.not_measured(_DIFFER_JULES, "<=", 0, why="JULES_ROSE_APPS not set")
        return
    apps = [path.parent for path in sorted(Path(os.environ["JULES_ROSE_APPS"]).glob("*/rose-app.conf"))]
    differing, equal, resolved_apps = [], 0, 0
    for app in apps:
        texts = [path.read_text(encoding="utf-8") for path in (app / "rose-app.conf", *app.glob("opt/*.conf"))]
        if "[namelist:jules_time]" not in texts[0]:
            continue
        resolved_apps += 1
        keys = [path.stem.removeprefix("rose-app-") for path in sorted(app.glob("opt/*.conf"))]
        for key in ["", *keys]:
            # a suite sets these; for reading, any value is enough
            variables = {name: f"/anywhere/{name}" for text in texts for name in re.findall(r"\$\{?(\w+)", text)}
            with (
                tempfile.TemporaryDirectory() as work,
                patch.dict(os.environ, {**variables, "ROSE_APP_OPT_CONF_KEYS": key}),
            ):
                theirs = installed_by_rose(rose, app, Path(work), {})
                ours = resolved(app, Path(work))
            equal += ours == theirs
            differing += [f"{app.name} {key}".strip()] if ours != theirs else []
    note = f"{equal} equal: {resolved_apps} applications, alone and with each optional configuration"
    claims.check(_DIFFER_JULES, len(differing), "<=", 0, note="; ".join(differing) or note)


def _groups(text: bytes) -> int:
    try:
        return len(scan(text.decode()))
    except NamelistSyntaxError:
        return 0


def main() -> int:
    arguments = argument_parser(__doc__).parse_args()
    claims = Claims("rose_apps", quick=arguments.quick)
    rose = rose_executable()
    if rose is None:
        for name in (_DIFFER, _DIFFER_JULES, _ONLY_ROSE, _ONLY_OURS):
            claims.not_measured(name, "<=", 0, why="Rose is not installed")
        return claims.finish()
    number = QUICK_APPS if arguments.quick else APPS
    apps, counts, groups = RandomApps(seed=11), Counter[str](), 0
    for index in range(number):
        small = apps.next()
        result, size = compare(rose, small)
        counts[result] += 1
        groups += size
        if result not in ("equal", "both refuse"):
            print(f"application {index}: {result}", file=sys.stderr)
    version = subprocess.run([rose, "--version"], check=True, capture_output=True, text=True).stdout.strip()
    both = number - counts["both refuse"]
    claims.check(
        _DIFFER, counts["differ"], "<=", 0, note=f"{both} of {number} random applications, {groups} groups; {version}"
    )
    claims.check(_ONLY_ROSE, counts["only Rose accepts"], "<=", 0, note=f"of {number}")
    claims.check(
        _ONLY_OURS, counts["only jules_ml accepts"], "<=", 0, note=f"{counts['both refuse']} are refused by both"
    )
    compare_jules(claims, rose)
    return claims.finish()


if __name__ == "__main__":
    sys.exit(main())
