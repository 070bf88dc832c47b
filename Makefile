# Everything lives in .venv; a second call installs nothing unless pyproject.toml or scripts/requirements/ changed.
#   make train ARGS="strategy=rs_pps seed=3"      any setting of `fedqmix train --help`
#   make train ARGS="seeds=[1,2,3]"      several seeds side by side
#   make train TORCH_INDEX=https://download.pytorch.org/whl/cpu      PyTorch, alone, from an index of CPU builds (smaller)
#   make train PIP_ARGS="..."      options for pip
#   make test WORKERS=5      tests side by side

PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(shell \
  $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))
VENV := .venv
BIN := $(VENV)/bin
AUDIT_VENV := .venv-audit
# Installs nothing whose hash is not in scripts/requirements/ (docs/supply-chain.md).
INSTALL = $(BIN)/python scripts/install.py --torch-index '$(TORCH_INDEX)' $(1) -- $(PIP_ARGS)
LOCKS := pyproject.toml scripts/requirements/build.txt scripts/requirements/locked.txt
# Three for two processors: tests of federations wait more than they compute.
WORKERS ?= 3
PYTEST := $(BIN)/pytest -n $(WORKERS) --dist worksteal
# What the tests do not begin without, side by side: a failed lint ends `make test`.
BEFORE_TESTS = +@$(MAKE) --no-print-directory -j2 lint kernels

.PHONY: train test test-all lint kernels bench audit lock oracles clean

train: $(VENV)/.installed
	$(BIN)/fedqmix train $(ARGS)

test: $(VENV)/.installed-dev
	$(BEFORE_TESTS)
	$(PYTEST) -m "not slow"

test-all: $(VENV)/.installed-simulation
	$(BEFORE_TESTS)
	FEDQMIX_NEEDS_BROWSER=1 $(PYTEST) --hypothesis-profile=thorough

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@mkdir -p build/mypy && ln -sfn ../.. build/mypy/fedqmix  # the root is the package: mypy looks for it by its name
	$(BIN)/mypy
	$(BIN)/lint-imports

# Otherwise the first tests would compile them, each worker for itself.
kernels: $(VENV)/.installed-dev
	$(BIN)/python scripts/compile_kernels.py
	PYTHONPATH=tests $(BIN)/python -m support.compile_rules

bench: $(VENV)/.installed
	$(BIN)/fedqmix bench world
	$(BIN)/fedqmix bench learner

# The bill of materials of the locked set (build/audit/sbom.json), and its known vulnerabilities; needs the network.
audit: $(AUDIT_VENV)/.installed
	$(AUDIT_VENV)/bin/python scripts/audit.py build/audit $(AUDIT_ARGS)

# Other projects' worlds and wrappers; without them the tests that play through them are skipped.
oracles: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) --no-deps --require-hashes -r scripts/requirements/oracles.txt

lock: $(VENV)/.installed-dev
	$(BIN)/python scripts/lock.py

clean:
	rm -rf $(VENV) $(AUDIT_VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './runs/*' -prune -exec rm -rf {} +

$(VENV)/.created:
	@$(or $(PYTHON),false) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "fedqmix needs Python 3.11 or newer; this is $$($(or $(PYTHON),python3) --version 2>&1)." \
	  "Install one, or name it: make train PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(LOCKS) | $(VENV)/.created
	@echo "Installing fedqmix into $(VENV) (some minutes the first time)"
	$(call INSTALL,)
	@touch $@

# Ray, for the test of Flower's simulation.
$(VENV)/.installed-simulation: $(VENV)/.installed-dev
	$(call INSTALL,simulation)
	@touch $@

$(VENV)/.installed-dev: $(LOCKS) | $(VENV)/.created
	@echo "Installing fedqmix and its tests' tools into $(VENV) (some minutes the first time)"
	$(call INSTALL,pettingzoo sc2 tensorboard video wandb dev)
	@touch $@ $(VENV)/.installed

$(AUDIT_VENV)/.installed: scripts/requirements/audit.txt
	$(or $(PYTHON),python3) -m venv $(AUDIT_VENV)
	$(AUDIT_VENV)/bin/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS) --require-hashes -r scripts/requirements/audit.txt
	@touch $@
