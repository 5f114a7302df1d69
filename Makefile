# Two commands for a fresh machine: `make demo` and `make test`. Both do all the set-up that they need.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
CLIPS = $(shell $(BIN)/python tools/sample_clips.py)

# Tests start the program hundreds of times: where this is set, each start would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint docs system apt clean

demo: system $(VENV)/.demo
	mkdir -p demo
	$(BIN)/ifrplus upsample "$(CLIPS)/bikes.mp4" demo/bikes-50fps.mp4 --factor 2 --overwrite
	@echo "Play demo/bikes-50fps.mp4, and beside it the source: $(CLIPS)/bikes.mp4"
	@echo "Your own film: $(BIN)/ifrplus upsample in.mp4 out.mp4 (or first: source $(BIN)/activate)"

test: system $(VENV)/.test
	$(BIN)/python -m pytest --numprocesses 3 --dist worksteal --durations 20

lint: system $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# What the help says, as a document; a test compares both.
docs: system $(VENV)/.test
	$(BIN)/python tools/options_page.py > docs/options.md

# ffmpeg's packages also bring the graphics libraries that OpenCV's wheel links to.
system:
	@command -v ffmpeg >/dev/null && command -v ffprobe >/dev/null || $(MAKE) --no-print-directory apt PACKAGES=ffmpeg
	@$(PYTHON) -c "import ensurepip, venv" 2>/dev/null || $(MAKE) --no-print-directory apt PACKAGES=python3-venv

apt:
	$(SUDO) apt-get update -qq
	$(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(PACKAGES)

$(VENV)/.demo: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable ".[demo,onnx]"
	touch $@

$(VENV)/.test: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable ".[test]"
	touch $@ $(VENV)/.demo

clean:
	rm -rf $(VENV) demo
