# Everything a newcomer needs. `make demo` and `make test` work on a machine that has only Python 3.11+ and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-slow lint check format clean

demo: $(VENV)/installed
	@mkdir -p out
	@$(BIN)/wallpaint repaint examples/room.jpg --mask examples/room_mask.png --color "#7d9b84" \
		-o out/room_sage.jpg --before-after out/room_before_after.png
	@echo "before and after: out/room_before_after.png"
	@echo "ground truth, the same room rendered in this paint: examples/room_true_sage.jpg"

test: $(VENV)/installed-test
	$(BIN)/python -m pytest

test-slow: $(VENV)/installed-test
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/installed-test
	$(BIN)/ruff check src tests
	$(BIN)/ruff format --check src tests
	$(BIN)/mypy

check: lint test

format: $(VENV)/installed-test
	$(BIN)/ruff check --fix src tests
	$(BIN)/ruff format src tests

# The pins keep pip to versions that were tested together, and torch to its small CPU build where there is one.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "wallpaint needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,rooms,heic,serve,test]'
	@touch $@

clean:
	rm -rf $(VENV) out build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
