# The commands of Quern, the same for a person and for CI.
#
#   make demo     set up, then mill the bundled example site
#   make test     set up, then run the tests
#   make check    ruff, ruff format, mypy --strict, import-linter
#   make format   let ruff put the code in form
#   make lock     write down the versions that are installed

PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo test check format lock

setup: .venv/.installed

# An interrupted set-up leaves no stamp, so the next call goes on from there.
.venv/.installed: requirements.lock pyproject.toml
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	touch $@

demo: setup
	$(BIN)/quern demo

test: setup
	$(BIN)/pytest -n 2 --dist loadfile

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: setup
	$(BIN)/pip list --format=freeze --exclude-editable --exclude pip --exclude setuptools \
		> requirements.lock
	touch .venv/.installed
