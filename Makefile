# `make demo` and `make test` need only Python 3.11+, pip and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test slow lint docs bench lock clean

demo: $(READY)
	$(BIN)/calibrant demo

# One thread of linear algebra a worker: more would fight for the cores. One worker more than cores:
# some tests wait. Compiled modules are kept even where the environment says otherwise: the tests
# start many processes.
TEST = PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
	$(BIN)/python -m pytest --dist worksteal \
	-n $$($(BIN)/python -c 'import os; print((os.cpu_count() or 1) + 1)')

test: $(READY)
	$(TEST) -m "not slow"

slow: $(READY)
	$(TEST) -m slow

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: $(READY)
	$(BIN)/python benchmarks/sequential.py
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/curves.py

# The lock holds every dependency with its hashes; the package itself is installed beside it.
$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("calibrant needs Python 3.11 or later, got " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

# Needs uv; run after changing dependencies in pyproject.toml. The extra `fresh` is left out: some
# of what it needs is compiled where it is installed.
lock:
	uv pip compile pyproject.toml \
		--extra bayes --extra cluster --extra local --extra postgres --extra scan --extra train --extra web --extra dev \
		--universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --quiet -o requirements.lock

clean:
	rm -rf $(VENV) build dist site
