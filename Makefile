# `make demo` and `make test`: each makes .venv and installs what it needs on its first call, and then does its job.
# Another Python: make PYTHON=/path/to/python3.12 test

PYTHON ?= python3
VENV := .venv
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check
ONE := name one with make PYTHON=/path/to/python3.11 (or newer)

.PHONY: demo test clean

demo: $(VENV)/.installed
	@$(VENV)/bin/netvet demo

test: $(VENV)/.installed-dev
	@scripts/check

clean:
	rm -rf $(VENV) .pythons

# A stamp is written last, so that an installation that was cut short goes on with the next call.
$(VENV)/.installed: pyproject.toml
	$(call install,.)
	@touch $@

$(VENV)/.installed-dev: pyproject.toml
	$(call install,'.[dev]')
	@touch $(VENV)/.installed $@

define install
	@$(PIP) --version >/dev/null 2>&1 || { \
	  command -v "$(PYTHON)" >/dev/null || { \
	    echo "netvet needs Python 3.11 or newer, and there is no $(PYTHON): $(ONE)." >&2; exit 2; }; \
	  "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "netvet needs Python 3.11 or newer, and $(PYTHON) is $$("$(PYTHON)" --version 2>&1): $(ONE)." >&2; exit 2; }; \
	  "$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { \
	    echo "$(PYTHON) lacks its venv module: install it (on Debian and Ubuntu the package python3-venv)." >&2; exit 2; }; \
	  "$(PYTHON)" -m venv --clear $(VENV); }
	@echo "Installing into $(VENV); with torch this takes some minutes, once."
	@$(PIP) install -e $(1) || { echo "The installation was cut short: call make again to go on." >&2; exit 2; }
endef
