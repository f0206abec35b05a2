"""Spack package of jules_ml, for a checkout: its versions have no address of their own.

Usage:
    spack repo add packaging/spack
    spack add py-jules-ml@0.1.0 +mpi
    spack develop --path $PWD py-jules-ml@0.1.0
    spack install

Spack's own packages lack pvlib and scores; create them first: spack create --template python --name py-scores
"""

from spack.package import *
from spack_repo.builtin.build_systems.python import PythonPackage


class PyJulesMl(PythonPackage):
    """Learned soil modules for JULES, the Joint UK Land Environment Simulator."""

    license("BSD-3-Clause")

    version("0.1.0")

    variant("mpi", default=False, description="Ensembles and grids over MPI ranks")

    depends_on("c", type="build")
    depends_on("cxx", type=("build", "run"))  # the column compiles its step when it first runs
    depends_on("fortran", type="build")
    depends_on("cmake@3.20:", type=("build", "run"))  # the hooks are built by the user

    depends_on("python@3.11:", type=("build", "run"))
    depends_on("py-setuptools@77:", type="build")
    depends_on("py-torch@2.13:2.13", type=("build", "run"))
    depends_on("py-numpy@2.0:", type=("build", "run"))
    depends_on("py-scipy@1.14:", type=("build", "run"))
    depends_on("py-xarray@2026.9:", type=("build", "run"))
    depends_on("py-netcdf4@1.7:", type=("build", "run"))
    depends_on("py-cftime@1.6.4:", type=("build", "run"))
    depends_on("py-pandas@3.1:", type=("build", "run"))
    depends_on("py-pyarrow@17:", type=("build", "run"))
    depends_on("py-f90nml@1.4:", type=("build", "run"))
    depends_on("py-pint@0.24.4:", type=("build", "run"))
    depends_on("py-pvlib@0.11:", type=("build", "run"))
    depends_on("py-pydantic@2.10:", type=("build", "run"))
    depends_on("py-typer@0.29:", type=("build", "run"))
    depends_on("py-rich@13:", type=("build", "run"))
    depends_on("py-matplotlib@3.9:", type=("build", "run"))
    depends_on("py-jinja2@3.1:", type=("build", "run"))
    depends_on("py-bokeh@3.7:", type=("build", "run"))
    depends_on("py-platformdirs@4:", type=("build", "run"))
    depends_on("py-safetensors@0.4:", type=("build", "run"))
    depends_on("py-scores@2.0:", type=("build", "run"))
    depends_on("py-scikit-learn@1.6:", type=("build", "run"))
    depends_on("py-mpi4py@4:", when="+mpi", type=("build", "run"))

    def setup_build_environment(self, env):
        env.set("JULES_ML_BRIDGE_LIBRARY", "require")
