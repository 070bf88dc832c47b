# Everything lives in .venv; a second call installs nothing unless pyproject.toml or constraints.txt changed.
#   make train ARGS="strategy=rs_pps seed=3"      any setting of `fedqmix train --help`
#   make train ARGS="seeds=[1,2,3]"      several seeds side by side
#   make train PIP_ARGS="..."      options for pip, such as an index that has CPU builds of PyTorch (a smaller download)

PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(shell \
  $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))
VENV := .venv
BIN := $(VENV)/bin
# pysc2 is installed without most of what it asks for (docs/starcraft.md), and pip would say so each time.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-warn-conflicts $(PIP_ARGS)
PYTEST := $(BIN)/python -m pytest -n 2 --dist worksteal

.PHONY: train test test-all lint bench clean

train: $(VENV)/.installed
	$(BIN)/fedqmix train $(ARGS)

test: lint
	$(PYTEST) -m "not slow"

test-all: lint $(VENV)/.installed-simulation
	FEDQMIX_NEEDS_BROWSER=1 $(PYTEST)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed
	$(BIN)/fedqmix bench world
	$(BIN)/fedqmix bench learner

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './runs/*' -prune -exec rm -rf {} +

# pip 25.1 was the first to know dependency groups.
$(VENV)/.created:
	@$(or $(PYTHON),false) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "fedqmix needs Python 3.11 or newer; this is $$($(or $(PYTHON),python3) --version 2>&1)." \
	  "Install one, or name it: make train PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/.created
	@echo "Installing fedqmix into $(VENV) (some minutes the first time)"
	$(PIP) -c constraints.txt -e .
	@touch $@

# Ray, for the test of Flower's simulation.
$(VENV)/.installed-simulation: $(VENV)/.installed-dev
	$(PIP) -c constraints.txt -e '.[simulation]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/.created
	@echo "Installing fedqmix and its tests' tools into $(VENV) (some minutes the first time)"
	$(PIP) -c constraints.txt -e '.[pettingzoo,sc2,tensorboard,video,wandb]' --group dev
	$(PIP) -c constraints.txt --no-deps pysc2
	@touch $@ $(VENV)/.installed
