# make run    set up .venv, then train and tabulate configs/quick.yaml (minutes on a laptop)
# make test   set up .venv, then run the tests
# make test-portable  set up .venv, then run those that train, with the vector instructions of another processor
# make check  set up .venv, then ruff, mypy, import-linter, snakefmt, Snakemake's own lint, and the site of the documentation, strictly
# make docs   set up .venv, then build that site: build/site/index.html

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
VALIDATORS := $(VENV)/validators
BIN := $(VENV)/bin

.PHONY: run test test-portable check docs setup validators clean

run: $(READY)
	$(BIN)/snakemake --cores all

test: $(READY) $(VALIDATORS)/.ready
	$(BIN)/python -m pytest

# Which kernels torch takes, and so the last bits of a training, is up to the processor. With the oldest ones of all
# processors, or with AVX2's where these are the usual ones, a number that only holds here is found out.
test-portable: $(READY) $(VALIDATORS)/.ready
	@usual=$$($(BIN)/python -c 'import torch; print(torch.backends.cpu.get_cpu_capability())') && \
	if [ "$$usual" != DEFAULT ]; then \
	  export ATEN_CPU_CAPABILITY=default DNNL_MAX_CPU_ISA=SSE41 MKL_ENABLE_INSTRUCTIONS=SSE4_2; \
	elif grep -qsw avx2 /proc/cpuinfo; then \
	  export ATEN_CPU_CAPABILITY=avx2 DNNL_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2; \
	else echo "This processor has no other vector instructions than $$usual."; exit 0; fi; \
	set -x; $(BIN)/python -m pytest tests/contract tests/methods tests/docs

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --diff .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check Snakefile
	$(BIN)/snakemake --lint
	$(BIN)/python -m bench.site

docs: $(READY)
	$(BIN)/python -m bench.site

setup: $(READY)

validators: $(VALIDATORS)/.ready

# The set-up runs again when what is to be installed changes.
$(READY): pyproject.toml envs/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
	  echo "reprune needs Python 3.11, 3.12 or 3.13, but '$(PYTHON)' is $$($(PYTHON) --version 2>&1);" \
	       "name another one: make run PYTHON=python3.12" >&2; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version): about 2 GB, a few minutes, once."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c envs/constraints.txt -e '.[dev,docs,latency,slurm,kubernetes]'
	@touch $@

# Checkers of formats, whose versions do not go together with ours; tests that need them skip where they are missing.
$(VALIDATORS)/.ready: envs/validators.txt $(READY)
	$(PYTHON) -m venv $(VALIDATORS)
	$(VALIDATORS)/bin/python -m pip install --quiet --disable-pip-version-check -r envs/validators.txt
	@touch $@

clean:
	rm -rf $(VENV)
