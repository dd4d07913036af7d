# Digitscope's commands. `make` alone lists them; CONTRIBUTING.md says when to use which.

# A Python that is named (make PYTHON=...) is taken or refused; otherwise the first that will do.
ifdef PYTHON
PYTHONS := $(PYTHON)
else
PYTHONS := python3 python3.13 python3.12 python3.11
endif
PORT ?= 8501

VENV := .venv
PY   := $(VENV)/bin/python
# A stamp lies in the environment once the install of its requirements has come to its end, so make
# asks pip only when a requirements file is newer than that. `.unfinished` lies there during an
# install: if it is still there, the install was cut off and the environment is made anew.
STAMP      := $(VENV)/.stamp
DEV_STAMP  := $(VENV)/.stamp-dev
UNFINISHED := $(VENV)/.unfinished

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup setup-dev run download browser test lint format train bench screenshots reproduce clean \
	FORCE

help:  ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- The environment ------------------------------------------------------------------------------

# TensorFlow decides which Pythons will do.
define choose_python
	python=; \
	for candidate in $(PYTHONS); do \
		if "$$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
			2>/dev/null; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
		first=$(firstword $(PYTHONS)); \
		echo "Digitscope needs Python 3.11, 3.12 or 3.13, and $$first is" \
			"$$("$$first" -V 2>/dev/null || echo not there):" \
			"install one, or name it: make setup PYTHON=/path/to/python3.12" >&2; \
		exit 1; \
	fi; \
	if ! "$$python" -c 'import venv, ensurepip' 2>/dev/null; then \
		echo "$$python cannot make environments (no venv or ensurepip):" \
			"on Debian or Ubuntu, install the package python3-venv." >&2; \
		exit 1; \
	fi
endef

# $(call install,REQUIREMENTS,STAMPS)
define install
	@trap 'exit 130' INT TERM HUP; \
	if [ -e $(UNFINISHED) ] || ! $(PY) -m pip --version >/dev/null 2>&1; then \
		$(choose_python); \
		echo "Making the environment in $(VENV) with $$python"; \
		"$$python" -m venv --clear --without-pip $(VENV) && touch $(UNFINISHED) && \
		$(PY) -m ensurepip --default-pip >/dev/null || { \
			echo "The environment could not be made in $(VENV): see the lines above." >&2; exit 1; }; \
	fi; \
	touch $(UNFINISHED); \
	quiet=; [ -t 1 ] || quiet=--quiet; \
	echo "Installing $(1) into $(VENV) (the first time: some 1 GB, a few minutes)"; \
	$(PY) -m pip install --disable-pip-version-check $$quiet -r $(1) || { \
		rm -f $(UNFINISHED); \
		echo "The packages of $(1) could not be installed: see pip's lines above. Without network" \
			"this works only once they are installed; try again when there is one." >&2; \
		exit 1; }; \
	touch $(2) && rm -f $(UNFINISHED)
endef

# No Python where there is a stamp, or an install that was cut off: whatever the stamps say.
BROKEN := $(shell [ -x $(PY) ] && [ ! -e $(UNFINISHED) ] || echo FORCE)

$(STAMP): requirements.txt $(BROKEN)
	$(call install,requirements.txt,$(STAMP))

$(DEV_STAMP): requirements-dev.txt requirements-logs.txt requirements-ray.txt requirements.txt $(BROKEN)
	$(call install,requirements-dev.txt,$(STAMP) $(DEV_STAMP))

setup: $(STAMP)  ## Make the environment (.venv) and install what the app needs

setup-dev: $(DEV_STAMP)  ## The same, and what tests, lint and benchmarks need

# --- The app --------------------------------------------------------------------------------------

run: setup  ## Open the app on port 8501 (another: PORT=9000)
	@exec $(PY) -m streamlit run app.py --server.port $(PORT)

download: setup  ## Fetch the full MNIST, 70,000 digits, once
	@exec $(PY) -m core download

train: setup  ## Train a run: PRESET=yalcin, and if you like DATASET= EPOCHS= SEED= OUT=
	@[ -n "$(PRESET)" ] || { echo "Say which preset: make train PRESET=fast" >&2; exit 1; }
	@exec $(PY) -m core train --preset "$(PRESET)" $(if $(DATASET),--dataset "$(DATASET)") \
		$(if $(EPOCHS),--epochs "$(EPOCHS)") $(if $(SEED),--seed "$(SEED)") $(if $(OUT),--out "$(OUT)")

# --- The checks -----------------------------------------------------------------------------------

# `--version` as the trial: on Ubuntu, chromium-browser may be a file that only says how to get one.
# A browser that is named is taken or refused.
define find_browser
	found=; \
	if [ -n "$$CHROMIUM" ]; then set -- "$$CHROMIUM"; \
	else set -- chromium chromium-browser google-chrome google-chrome-stable; fi; \
	for candidate; do \
		if "$$candidate" --version >/dev/null 2>&1; then \
			found=$$(command -v "$$candidate"); break; fi; \
	done
endef

# What follows in the same recipe starts the very browser that was found.
hand_on_browser = $(find_browser); export CHROMIUM="$$found"

browser:  ## Make sure that there is a Chromium for the browser tests
	@$(find_browser); \
	[ -z "$$found" ] || exit 0; \
	[ -z "$$CHROMIUM" ] || { \
		echo "CHROMIUM names $$CHROMIUM, which is no browser that can be started:" \
			"correct it, or unset it." >&2; \
		exit 1; }; \
	as_root=; [ "$$(id -u)" = 0 ] || as_root="sudo -n"; \
	if command -v apt-get >/dev/null && $$as_root true 2>/dev/null; then \
		echo "Installing Chromium for the browser tests (apt-get)"; \
		{ $$as_root apt-get update -qq; \
			$$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
				--no-install-recommends chromium; } >/dev/null || true; \
		$(find_browser); \
	fi; \
	[ -n "$$found" ] || { \
		echo "The browser tests need Chromium or Google Chrome: install either, or set CHROMIUM to" \
			"its program file." >&2; \
		exit 1; }

# Three test processes, their servers and trainings share what may be two cores: with more than one
# thread for its arithmetic, each of them would mostly wait for the others, and busily. A training
# gives way to everything of a higher priority (core/jobs/worker.py): the tests that wait for it must
# not be what it gives way to, so they run at a priority that is hardly higher.
ONE_THREAD_EACH := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 \
	TF_NUM_INTEROP_THREADS=1

test: setup-dev browser  ## Run every test, in a real browser too (to pytest: ARGS="-k canvas")
	@$(hand_on_browser); $(ONE_THREAD_EACH) nice -n 9 $(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: setup-dev  ## Check style, formatting, types, and who imports whom
	@failed=0; \
	$(PY) -m ruff check || failed=1; \
	$(PY) -m ruff format --check || failed=1; \
	$(PY) -m mypy || failed=1; \
	$(VENV)/bin/lint-imports --no-cache || failed=1; \
	exit $$failed

format: setup-dev  ## Put the code into its format, and mend what can be mended
	@$(PY) -m ruff check --fix-only --quiet; $(PY) -m ruff format

# A benchmark with a line `# bench: heavy` (it trains, or takes minutes) comes after the others.
bench: setup-dev browser  ## Run every benchmark (long: about an hour); a single one: ONLY=one_digit
	@$(hand_on_browser); \
	all=$$(ls benchmarks/*.py | grep -v -e '/_' -e '/common.py' -e '_as_before.py' -e '/train_' -e '/reproduce.py' -e '/real_pictures.py'); \
	if [ -n "$(ONLY)" ]; then \
		printf '%s\n' $$all | grep -qx "benchmarks/$(ONLY).py" || { \
			echo "There is no benchmark $(ONLY). There are:" \
				$$(printf '%s\n' $$all | sed 's,.*/\(.*\).py,\1,') >&2; \
			exit 1; }; \
		all=benchmarks/$(ONLY).py; \
	fi; \
	heavy=$$(grep -l '^# bench: heavy' $$all); \
	light=$$(grep -L '^# bench: heavy' $$all); \
	for file in $$light $$heavy; do \
		name=$$(basename $$file .py); \
		echo "== benchmarks.$$name"; \
		$(PY) -m benchmarks.$$name || { echo "benchmarks.$$name failed" >&2; exit 1; }; \
	done

screenshots: setup-dev browser  ## Photograph every page, refresh the pictures in the docs
	@$(hand_on_browser); $(PY) -m tests.browser.screenshots $(ARGS) && $(PY) -m tests.browser.moving_picture

reproduce: setup-dev  ## Train each tutorial with five seeds, compare with its author (long; goes on where it was)
	@exec $(PY) -m benchmarks.reproduce $(ARGS)

clean:  ## Remove caches; the environment, your runs and the shipped models stay
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
