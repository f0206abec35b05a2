# make demo   a real tower through JULES's soil, with pictures, in demo_output/
# make test   style, types and tests, and the coverage of the package
# make lint   style, types and import rules alone
# Both set up what they need first: compilers by apt when root, Python packages in .venv.

VENV   := .venv
PYTHON := $(VENV)/bin/python
# pinned, so that everybody runs what was tested; where there is a build for processors alone, give it: make TORCH=...
TORCH  ?= torch==2.13.0
# one thread a process: the tests run two processes, and the column gains nothing from threads
export OMP_NUM_THREADS ?= 1

.PHONY: demo test setup lint clean

demo: setup
	$(VENV)/bin/jules-ml demo

test: setup lint
	$(PYTHON) -m pytest -n 2 --dist loadfile -p no:cacheprovider --cov --cov-report=
	@echo "Lines of jules_ml that the tests execute: $$($(VENV)/bin/coverage report --format=total) %"

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

setup: $(VENV)/ready

$(VENV)/ready: pyproject.toml scripts/system_packages.sh
	@scripts/system_packages.sh
	@test -x $(PYTHON) || python3 -m venv $(VENV)
	@echo "Installing Python packages (a few minutes the first time)"
	@$(PYTHON) -m pip install --quiet --upgrade pip
	@$(PYTHON) -m pip install --quiet $(TORCH)
	@$(PYTHON) -m pip install --quiet --editable '.[dev,mpi,zarr]'
	@touch $@

clean:
	rm -rf $(VENV) build demo_output .coverage .coverage.*
