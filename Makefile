# All the work is done by tools/manage.py, which also runs without make, in this folder:
#     python -m tools.manage lab LESSON=03        (Windows: py -m tools.manage lab LESSON=03)

.DEFAULT_GOAL := help
COMMANDS := setup lab test refresh bench lock clean help
SETTINGS := LESSON LAX RENEW PORT IP BROWSER WORKERS SUITE GPU TENSORFLOW PYTHON

# Any Python that works can run tools/manage.py, which then looks for a supported one.
ifeq ($(OS),Windows_NT)
RUN := py
else
RUN := $(shell for name in python3 python3.13 python3.12 python3.11 python "$(PYTHON)"; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 8))' >/dev/null 2>&1 \
	&& echo "$$name" && break; done)
endif

# Settings given on the command line of make are handed on: make lab LESSON=03
given = $(foreach name,$(SETTINGS),$(if $(findstring command line,$(origin $(name))),"$(name)=$($(name))"))

.PHONY: $(COMMANDS)
$(COMMANDS):
ifeq ($(strip $(RUN)),)
	@echo "No Python found. Install Python 3.11, 3.12 or 3.13 (python.org), or say where it is:" >&2
	@echo "    make $@ PYTHON=/path/to/python3.12" >&2
	@exit 1
else
	@"$(RUN)" -m tools.manage $@ $(given)
endif
