# Every target makes its own .venv when there is none: with uv where it is installed, else with `python -m venv`.
# Only the package index is needed; nothing here asks for root.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.afluente-installed
TEST_STAMP := $(VENV)/.afluente-dev-installed
WORKERS ?= 2

.PHONY: help demo test check bench proof lock clean

help:
	@echo "make demo    the reference project: three dirty tables become trustworthy gold"
	@echo "make test    all tests"
	@echo "make check   what CI checks besides the tests: format, lint, types, imports, dependencies"
	@echo "make bench   the benchmarks, ours beside its peers (NAME=conform ROWS=1000000 to choose)"
	@echo "make proof   the slow proofs in full"

$(VENV)/pyvenv.cfg:
	@PYTHON="$(PYTHON)" sh tools/make_venv.sh $(VENV)

$(STAMP): $(VENV)/pyvenv.cfg pyproject.toml requirements/base.txt
	@sh tools/install.sh $(VENV) requirements/base.txt
	@touch $@

$(TEST_STAMP): $(VENV)/pyvenv.cfg pyproject.toml requirements/dev.txt
	@sh tools/install.sh $(VENV) requirements/dev.txt
	@touch $@ $(STAMP)

demo: $(STAMP)
	@$(BIN)/afluente demo $(NAME)

test: $(TEST_STAMP)
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal

proof: $(TEST_STAMP)
	AFLUENTE_PROOF=full $(BIN)/python -m pytest -q -m proof

check: $(TEST_STAMP)
	$(BIN)/ruff format --check src agent/src tests bench tools
	$(BIN)/ruff check src agent/src tests bench tools
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry src
	$(BIN)/vulture

bench: $(TEST_STAMP)
	@sh tools/install.sh $(VENV) requirements/bench.txt
	$(BIN)/python -m bench $(or $(NAME),all) $(if $(ROWS),--rows $(ROWS))

lock:
	@sh tools/lock.sh

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis dist build
