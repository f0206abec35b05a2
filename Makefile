# make demo   fit respiration to JULES's soil column at a flux tower, swap it in and judge the swap, in demo_output/
# make test   style, types, tests and coverage of the package
# make lint   only style, types and import rules
# make docs   the documentation site, with all tutorials executed, in docs/_site; make linkcheck tries its links to other sites
# make test-minimum   the tests without C, Fortran and MPI, with the oldest versions of the packages that pyproject.toml allows
# All of them first install what they need: compilers by apt when run as root, Python packages in .venv.

VENV   := .venv
PYTHON := $(VENV)/bin/python
# pinned to the version that was tested; for a CPU-only build: make TORCH=...
TORCH  ?= torch==2.13.0
# one thread per process: the tests run two processes, and threads do not make the column faster
export OMP_NUM_THREADS ?= 1
# modules are compiled once, also where the environment forbids it: the tests start hundreds of processes
export PYTHONDONTWRITEBYTECODE :=

# two processes, each with whole files, for their fixtures; the order is that of tests/conftest.py
PROCESSES := -n 2 --dist loadfile --no-loadscope-reorder -p no:cacheprovider

.PHONY: demo test pytest test-minimum setup lint docs linkcheck clean

demo: setup
	$(VENV)/bin/jules-ml demo

# mypy has one process: beside it, the tests use the other cores
test: setup
	@$(MAKE) --no-print-directory --jobs=2 lint pytest
	@echo "Line coverage of jules_ml: $$($(VENV)/bin/coverage report --format=total) %"

test-minimum: $(VENV)-minimum/ready
	$(VENV)-minimum/bin/python -m pytest $(PROCESSES) --no-cov tests/data tests/experiment tests/learned \
	  tests/physics tests/scoring tests/support tests/weather tests/cli -W ignore::DeprecationWarning

pytest: setup
	$(PYTHON) -m pytest $(PROCESSES) --cov --cov-report=

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

# warnings are errors; pages of earlier builds are removed, so that links to them are found
docs: $(VENV)/docs
	rm -rf docs/_site docs/_built
	$(PYTHON) -m sphinx --builder html --fail-on-warning --keep-going docs docs/_site

linkcheck: $(VENV)/docs
	$(PYTHON) -m sphinx --builder linkcheck --define plot_gallery=0 docs docs/_links

$(VENV)/docs: $(VENV)/ready
	@$(PYTHON) -m pip install --quiet --no-compile --editable '.[docs]'
	@touch $@

setup: $(VENV)/ready

$(VENV)/ready: pyproject.toml scripts/system_packages.sh
	@scripts/system_packages.sh
	@test -x $(PYTHON) || python3 -m venv $(VENV)
	@echo "Installing Python packages (a few minutes the first time)"
# without compiling all their modules, of which few are used: Python compiles a module when it is first imported
	@$(PYTHON) -m pip install --quiet --upgrade pip
	@$(PYTHON) -m pip install --quiet --no-compile $(TORCH)
	@$(PYTHON) -m pip install --quiet --no-compile --editable '.[dev,mpi,zarr]'
	@touch $@

$(VENV)-minimum/ready: pyproject.toml scripts/minimum_versions.py
	@test -x $(VENV)-minimum/bin/python || python3 -m venv $(VENV)-minimum
	@python3 scripts/minimum_versions.py > $(VENV)-minimum/constraints.txt
	@$(VENV)-minimum/bin/python -m pip install --quiet $(TORCH)
	@$(VENV)-minimum/bin/python -m pip install --quiet --constraint $(VENV)-minimum/constraints.txt --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) $(VENV)-minimum build demo_output docs/_site docs/_built docs/_links .coverage .coverage.*
