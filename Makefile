# Everything a newcomer needs is a word after `make`; plain `make` lists the words.
#
#   python3.11 -> .venv -> uv (bootstrap.txt) -> packages (run, test or bench.txt, by hash) -> the word
#
# Needs Python 3.11 with venv, and make. A lock file is installed once: the stamp carries its hash.
# Which index packages come from is the user's own pip and uv configuration.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

BIN := .venv/bin
ARGS ?=

# A stamp is named after the lock file's content and the checkout's place: installed programs know
# their own path, so a checkout that was moved sets itself up anew.
stamp = .venv/.$(1)-$(shell { pwd; cat requirements/$(1).txt; } | { sha256sum 2>/dev/null || shasum -a 256; } | cut -c1-16)
RUN := $(call stamp,run)
TEST := $(call stamp,test)
BENCH := $(call stamp,bench)

.PHONY: help
help: ## List these words
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: $(RUN) ## Show the product on simulated accounts, in this terminal
	@$(BIN)/bosco demo $(ARGS)

.PHONY: serve
serve: $(RUN) ## Serve the API and run the workers, until Ctrl-C
	@$(BIN)/bosco serve $(ARGS)

.PHONY: test
test: $(TEST) ## Run the tests that take seconds (ARGS="-k word" narrows)
	@$(BIN)/python -m pytest -n 2 -m "not slow" $(ARGS)

.PHONY: test-all
test-all: $(TEST) ## Run all tests
	@$(BIN)/python -m pytest -n 2 $(ARGS)

.PHONY: check
check: $(TEST) ## Check format, lint, types, import directions and advisories; changes nothing
	@failed=; \
	run() { "$$@" || failed="$$failed '$$*'"; }; \
	run $(BIN)/ruff format --check .; \
	run $(BIN)/ruff check .; \
	run $(BIN)/python -m mypy .; \
	run $(BIN)/lint-imports; \
	run $(BIN)/python requirements/audit.py; \
	if [ -n "$$failed" ]; then echo "check: failed:$$failed" >&2; exit 1; fi

.PHONY: fix
fix: $(TEST) ## Format, and mend what the linter can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: bench
bench: $(BENCH) ## Measure against the peers (ARGS="name" for one measurement)
	@$(BIN)/python -m bench $(ARGS)

.PHONY: lock
lock: $(TEST) ## Resolve requirements/*.in anew into the lock files
	@cd requirements && \
	compile() { ../$(BIN)/uv pip compile --quiet --generate-hashes --no-header --no-annotate --python-version 3.11 "$$@"; } && \
	compile test.in --output-file test.txt && \
	compile run.in --constraints test.txt --output-file run.txt && \
	compile bench.in --constraints test.txt --output-file bench.txt && \
	grep '^uv==' test.in | compile - --output-file bootstrap.txt

# What tests includes what runs, and what measures includes what tests. Installing less leaves the
# packages of more in place.
$(RUN):
	@$(call set-up,run)
	@rm -f .venv/.run-* && touch $@

$(TEST):
	@$(call set-up,test)
	@rm -f .venv/.run-* .venv/.test-* && touch $(RUN) $@

$(BENCH):
	@$(call set-up,bench)
	@rm -f .venv/.run-* .venv/.test-* .venv/.bench-* && touch $(RUN) $(TEST) $@

define set-up
	begun=$$(date +%s); printf 'set-up: packages of requirements/$(1).txt ... '; \
	if [ "$$(cat .venv/.made-in 2>/dev/null)" != "$$(pwd)" ] || ! [ -x $(BIN)/uv ]; then $(make-venv); fi && \
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes --requirements requirements/$(1).txt && \
	printf '%s\n' "$$LAUNCHER" > $(BIN)/bosco && chmod +x $(BIN)/bosco && \
	echo "downloaded and installed in $$(( $$(date +%s) - begun )) s"
endef

define make-venv
	for python in python3.11 python3 none; do \
	  $$python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && break; \
	done; \
	if [ $$python = none ]; then \
	  echo 'Python 3.11 is missing. Debian: apt install python3.11 python3.11-venv; macOS: brew install python@3.11' >&2; exit 1; \
	fi; \
	if ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo 'Python 3.11 has no venv. Debian: apt install python3.11-venv' >&2; exit 1; \
	fi; \
	$$python -m venv --clear .venv && \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/bootstrap.txt && \
	pwd > .venv/.made-in
endef

# Both a shell script and a Python file: the first lines start the interpreter beside it, from any
# folder, through links, and with paths that are too long for a #! line.
define LAUNCHER
#!/bin/sh
'''exec' "$$(dirname -- "$$(readlink -f -- "$$0")")/python" -P "$$0" "$$@"
' '''
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from api.cli.main import main

sys.exit(main())
endef
export LAUNCHER
