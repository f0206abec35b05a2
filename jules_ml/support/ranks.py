"""Processes that an MPI launcher has started."""

from __future__ import annotations

import os
from typing import Any

from jules_ml.errors import BadInput
from jules_ml.support.descendants import die_with_parent, parent_at_start

#: Environment variables in which MPI launchers submit the number of processes.
_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS", "PMIX_SIZE", "SLURM_STEP_NUM_TASKS")
#: Prefixes of the launchers' environment variables, which a JULES that is linked with MPI must not inherit.
_LAUNCHER_PREFIXES = ("OMPI_", "PMIX_", "PMI_", "PRTE_", "HYDRA_", "MPI_LOCAL")


def launched_size() -> int:
    """Return the number of processes that an MPI launcher has started; 1 without a launcher."""
    for name in _SIZES:
        if os.environ.get(name, "").isdigit():
            return int(os.environ[name])
    return 1


def world() -> Any:
    """Return the MPI communicator of all ranks.

    Raises
    ------
    BadInput
        If mpi4py cannot be loaded, or uses another MPI library than the launcher.
    """
    launched = launched_size()
    # the launcher may be killed with its ranks still waiting for each other
    die_with_parent(parent_at_start())
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise BadInput(
            f"an MPI launcher started {launched} processes, but mpi4py cannot be loaded ({error})",
            where="mpiexec",
            remedy="install it (pip install 'jules_ml[mpi]'), or run without mpiexec",
        ) from error
    comm = MPI.COMM_WORLD
    if comm.Get_size() != launched:
        raise BadInput(
            f"the launcher started {launched} processes, but mpi4py sees {comm.Get_size()}: they use different MPI libraries",
            where=f"mpi4py with {MPI.Get_library_version().splitlines()[0].strip()}",
            remedy="use the mpiexec of that library (with 'jules_ml[mpi]', the one in the folder of python), or build mpi4py with your MPI",
        )
    for name in [n for n in os.environ if n.startswith(_LAUNCHER_PREFIXES)]:
        del os.environ[name]
    return comm
