"""Output that JULES itself wrote in one of its run folders."""

from __future__ import annotations

from pathlib import Path

from jules_ml.errors import BadInput
from jules_ml.jules.run_folder import RunFolder, read_run_folder


def is_jules_folder(folder: Path) -> bool:
    """Whether a folder is a run folder of JULES: its namelists are in it or in a folder in it."""
    if not folder.is_dir():
        return False
    return (folder / "timesteps.nml").is_file() or any(folder.glob("*/timesteps.nml"))


def output_files(folder: Path) -> tuple[RunFolder, list[Path]]:
    """Find the output of the main run.

    Parameters
    ----------
    folder : Path
        Run folder of JULES.

    Returns
    -------
    RunFolder
    list of Path
        netCDF files of the profiles of the main run; JULES splits one by months or years.

    Raises
    ------
    BadInput
        If the namelists cannot be read, or there is no output.
    """
    run = read_run_folder(folder)
    directory = run.folder / str(run.entry("jules_output", "output_dir", "./output"))
    run_id = str(run.entry("jules_output", "run_id", ""))
    profiles = [p for p in run.namelists.all("jules_output_profile") if p.get("output_main_run")]
    names = [str(profile.get("profile_name", "")) for profile in profiles]
    files = [
        path for name in names for path in sorted(directory.glob(f"{run_id}.{name}*.nc")) if ".spin" not in path.name
    ]
    if not files:
        raise BadInput(
            f"JULES has written no output of {', '.join(names) or 'any profile'}",
            where=directory,
            remedy="run JULES in the folder, with output_main_run = T in a profile",
        )
    return run, list(dict.fromkeys(files))
