# Everything that a developer or CI does, each by one word. Only Python >= 3.11 and make are needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NODE_DIRS := tests/node tests/compat/node tests/compat/editors tests/e2e/node clients/typescript
PEERS_NODE := tests/bench/peers/node
SOURCES := collab clients/python tests

.PHONY: help install run test check fmt bench bench-peers web lock clean

help:
	@echo "make install  set up .venv (the others do it when they need it)"
	@echo "make run      serve on http://127.0.0.1:8000 with SQLite"
	@echo "make test     run every check and test (what CI runs)"
	@echo "make check    linters, types, import contracts"
	@echo "make fmt      format the code"
	@echo "make bench    measure; prints the figures of this machine"
	@echo "make bench-peers  measure beside other servers; needs Node, npm and a C compiler"
	@echo "make lock     lock the dependencies anew"
	@echo "make clean    take away .venv, node_modules and caches"

install: $(VENV)/.installed node-modules

$(VENV)/.installed: requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "collab needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# The tests ask Node's packages for the truth; without Node those tests are skipped, loudly.
.PHONY: node-modules
node-modules:
	@for dir in $(NODE_DIRS); do \
	  if [ ! -f $$dir/package-lock.json ] || ! command -v npm >/dev/null; then continue; fi; \
	  if [ $$dir/node_modules/.package-lock.json -nt $$dir/package-lock.json ]; then continue; fi; \
	  npm ci --prefix $$dir --no-audit --no-fund --loglevel=error || exit 1; \
	  touch $$dir/node_modules/.package-lock.json; \
	done

run: $(VENV)/.installed
	$(BIN)/collab serve

test: install check
	$(BIN)/python -m pytest $(PYTEST)

check: $(VENV)/.installed
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

fmt: $(VENV)/.installed
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

bench: install
	$(BIN)/python -m tests.bench

# Options go in PEERS, such as PEERS="--quick --plot peers.svg".
bench-peers: install
	@$(MAKE) --no-print-directory node-modules NODE_DIRS=$(PEERS_NODE)
	$(BIN)/python -m tests.bench.peers $(PEERS)

# The pages in collab/web/static are built from clients/web; a test checks that they are up to date.
web:
	npm ci --prefix clients/web --no-audit --no-fund --loglevel=error
	npm run build --prefix clients/web

LOCK := $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --no-header --no-annotate \
  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host

lock: $(VENV)/.installed
	$(LOCK) --extra dev --allow-unsafe --output-file requirements-dev.txt pyproject.toml
	$(LOCK) --constraint requirements-dev.txt --output-file requirements.txt pyproject.toml

clean:
	rm -rf $(VENV) $(addsuffix /node_modules,$(NODE_DIRS) $(PEERS_NODE) clients/web) .mypy_cache .ruff_cache .pytest_cache .hypothesis
