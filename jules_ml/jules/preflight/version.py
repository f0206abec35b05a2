"""Version of JULES that an experiment or a Rose application names, against that of the executable."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from jules_ml.jules.preflight.staged import Finding
from jules_ml.jules.rose import APP
from jules_ml.jules.run_folder import RunFolder
from jules_ml.jules.versions import named_versions, rose_versions


def version_findings(
    experiment: Path, run: RunFolder, *, given: str | None, executable: str | None
) -> Iterator[Finding]:
    """Yield a problem if the experiment or the Rose application is for another version than the hooks of the executable.

    Parameters
    ----------
    experiment : Path
        Experiment file.
    run : RunFolder
        Original run folder or Rose application.
    given : str or None
        ``[jules] version``.
    executable : str or None
        Versions that the stamp of the hooks names, such as ``7.6 or 7.7``; None without hooks.
    """
    built_for = named_versions(executable)
    if not built_for:
        return
    hooks = f"the hooks of the executable were built for JULES {executable}"
    if given is not None and given not in built_for:
        remedy = f"remove version, or give the executable of JULES {given}"
        yield Finding(f"{experiment}, jules.version", f"version is {given}, and {hooks}", remedy)
    meta = rose_versions(run)
    if run.rose is not None and meta and not set(meta) & set(built_for):
        remedy = "upgrade the application by rose app-upgrade, or give the executable of its version"
        problem = f"meta is for JULES {' or '.join(meta)}, and {hooks}"
        yield Finding(str(run.rose.folder / APP), problem, remedy, fatal=False)
