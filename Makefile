# voicekit: `make run` installs everything into .venv and starts the embedded agent; `make help` lists the rest.

UV_VERSION := 0.13.9
BIN := .venv/bin
INSTALLED := .venv/.installed
PYTEST := $(BIN)/pytest -q -n 3 --dist loadfile
SCHEMA := voicekit/config/schema.json

# pocketsphinx has wheels for Python 3.11 and 3.13; any other version builds it and needs a compiler.
define FIND_PYTHON
for name in $(PYTHON) python3.11 python3.13 python3 python3.12 python3.14; do \
    "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
    "$$name" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 13)))' && { found=$$name; break; }; \
    command -v cc >/dev/null && { found=$$name; break; }; \
    nearly=$$name; \
done
endef

NO_PYTHON := voicekit needs Python 3.11 or newer. On Debian or Ubuntu: sudo apt-get install python3 python3-venv
NO_COMPILER := has no ready-made pocketsphinx and no compiler to build it. Type: sudo apt-get install build-essential python3-dev
NO_VENV := Python cannot make a virtual environment. On Debian or Ubuntu: sudo apt-get install python3-venv

.DEFAULT_GOAL := help
.PHONY: help setup run demo bench bench-calls bench-load bench-turns bench-validate test check format catalog schema clean

help: ## List the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 24

setup: $(INSTALLED) ## Install everything into .venv, as locked

$(INSTALLED): pyproject.toml uv.lock
	@$(FIND_PYTHON); \
	if [ -z "$$found" ] && [ -n "$$nearly" ]; then echo "$$nearly $(NO_COMPILER)" >&2; exit 1; fi; \
	if [ -z "$$found" ]; then echo "$(NO_PYTHON)" >&2; exit 1; fi; \
	if [ ! -x $(BIN)/pip ]; then \
	    echo "Installing into .venv with $$found"; \
	    "$$found" -m venv .venv || { rm -rf .venv; echo "$(NO_VENV)" >&2; exit 1; }; \
	fi
	@$(BIN)/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@env -u VIRTUAL_ENV $(BIN)/uv sync --quiet --locked --inexact --extra local
	@touch $@

run: setup ## Run the embedded agent: open the address it prints, click, talk
	@$(BIN)/voicekit run pipelines/local.yaml

demo: setup ## Let a simulated caller talk with the embedded agent, and measure it
	@LOGURU_AUTOINIT=0 $(BIN)/python -m voicekit.calls.demo pipelines/local.yaml

bench: setup ## Measure the embedded agent: answers, interruptions, memory, processor
	@LOGURU_AUTOINIT=0 $(BIN)/python -m voicekit.calls.bench pipelines/local.yaml

bench-calls: setup ## Measure shipped files on emulators, at the caller's ear, beside a bot without voicekit
	@LOGURU_AUTOINIT=0 $(BIN)/python -m voicekit.calls.bench_calls

bench-load: setup ## Measure how many telephone calls at once a process takes, and what memory they leave behind
	@LOGURU_AUTOINIT=0 $(BIN)/python -m voicekit.calls.bench_load

bench-turns: setup ## Measure who ends turns and what interrupts, on a corpus of hesitant speech
	@LOGURU_AUTOINIT=0 $(BIN)/python -m tests.calls.bench_turns $(CORPUS)

bench-validate: setup ## Measure how fast the command starts and files are checked, beside yamllint and check-jsonschema
	@LOGURU_AUTOINIT=0 $(BIN)/python -m voicekit.calls.bench_validate

test: setup ## Run the tests, three at a time: most of their time is waiting
	@$(PYTEST)

check: setup ## Run ruff, mypy and the tests
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(PYTEST)

format: setup ## Format the code
	@$(BIN)/ruff check --fix-only --quiet
	@$(BIN)/ruff format

catalog: setup ## Generate the catalogue of providers from the installed Pipecat
	@LOGURU_AUTOINIT=0 $(BIN)/python -m voicekit.services.introspect
	@$(MAKE) --no-print-directory schema

schema: setup ## Generate the JSON Schema of a file
	@$(BIN)/voicekit schema --json > $(SCHEMA).new && mv $(SCHEMA).new $(SCHEMA)

clean: ## Remove what was installed and built
	rm -rf .venv dist build
