# One command an action. `make` alone checks everything; `make run` starts everything.
PYTHON ?= python3
BIN := .venv/bin
UV_VERSION := 0.13.9
PIP_AUDIT_VERSION := 2.9.0

# Container images often set it, and then every process compiles all that it imports again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := check
.PHONY: check setup setup-dev run test test-slow lint types messages e2e screenshots bench docs wheel lock audit mlflow clean

check: lint types test  ## lint, types, test

# --- installing: the exact locks, into .venv, and only when they changed -------------------------
.venv/installed: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit("Plumbline needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Set PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	@echo "Installing Plumbline into .venv (once, about a minute) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@$(BIN)/uv pip install --quiet --require-hashes --python $(BIN)/python -r requirements.lock
	@touch $@

.venv/installed-dev: requirements-dev.lock .venv/installed
	@echo "Installing the test tools into .venv ..."
	@$(BIN)/uv pip install --quiet --require-hashes --python $(BIN)/python -r requirements-dev.lock
	@touch $@

setup: .venv/installed  ## make .venv with what running needs
setup-dev: .venv/installed-dev  ## and with what testing needs

# --- running -------------------------------------------------------------------------------------
run: setup  ## dashboard, API and worker together
	@$(BIN)/python -m core up

mlflow: setup  ## MLflow's own pages over the same store
	@$(BIN)/python -m core mlflow

# --- checking ------------------------------------------------------------------------------------
lint: setup-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo

types: setup-dev
	@$(BIN)/mypy

# Two processes have two cores: threads of theirs would only wait for each other.
test test-slow: export OMP_NUM_THREADS := 1

test: setup-dev  ## the fast suite, with the examples in the docstrings
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow and not browser" --durations=10 --doctest-modules tests core ui

messages: setup-dev  ## write tests/golden/messages.json anew, where a new wording is meant
	@$(BIN)/python -m tests.golden.messages

test-slow: setup-dev  ## the slow ones: simulations, real servers, killed processes
	@$(BIN)/python -m pytest -n 2 --dist worksteal -m "slow and not browser" --durations=10

e2e: setup-dev  ## the story in a real browser (Chromium must be installed)
	@$(BIN)/python -m pytest -m browser --durations=10

bench: setup-dev  ## what is fast, beside its peers: collecting, drift, training
	@$(BIN)/python -m bench.collect
	@$(BIN)/python -m bench.history
	@$(BIN)/python -m bench.monitoring
	@$(BIN)/python -m bench.serving
	@$(BIN)/python -m bench.decisions
	@$(BIN)/python -m bench.swap
	@$(BIN)/python -m bench.predict
	@$(BIN)/python -m bench.embeddings
	@$(BIN)/python -m bench.windows
	@$(BIN)/python -m bench.runs
	@$(BIN)/python -m bench.training
	@$(BIN)/python -m bench.large
	@$(BIN)/python -m bench.checks

screenshots: setup-dev  ## the README's pictures, taken from the running product
	@$(BIN)/python -m tests.e2e.screenshots

docs: setup-dev  ## the documentation as a site in site/; fails for a link that leads nowhere
	@$(BIN)/python -m docs.generate
	@$(BIN)/zensical build --strict --clean -f mkdocs.yml

wheel: setup-dev  ## the package in dist/, which installs `plumbline`
	@$(BIN)/uv build --quiet --wheel -o dist

lock:  ## write the exact versions of requirements*.txt anew
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 requirements-dev.txt -o requirements-dev.lock
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 -c requirements-dev.lock requirements.txt -o requirements.lock

audit: setup  ## known vulnerabilities of what is installed; asks pypi.org, so not a part of CI
	@$(BIN)/uv tool run pip-audit@$(PIP_AUDIT_VERSION) --requirement requirements.lock --require-hashes --disable-pip --strict --progress-spinner off

clean:  ## remove what was installed; the data in var/ stays
	@rm -rf .venv .mypy_cache .ruff_cache site dist
