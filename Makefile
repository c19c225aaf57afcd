# make run: try the bot · make test: all tests · make setup: only install · make help: the rest
PYTHON ?= python3
VENV := .venv
CLDR := 48.2.0
REGIONS := 2.3.11
BIN := $(VENV)/bin
INSTALL := $(BIN)/pip install -q --disable-pip-version-check
INSTALL_PROJECT = $(INSTALL) --no-deps --no-build-isolation -e .

.PHONY: help setup run test lint pictures bench bench-long fuzz chaos soak mutants places relevance lock audit digests sqlite dist clean texts catalogues

help:            ## what can be made
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/'

setup: $(VENV)/.run        ## a virtual environment in .venv, with what the bot needs
run: $(VENV)/.run          ## run the bot: with a token if one is configured, else in the sandbox
	@exec $(BIN)/watchword run --try
test: $(VENV)/.dev         ## all tests
	$(BIN)/pytest -n 4 --dist loadgroup $(ARGS)
lint: $(VENV)/.dev         ## ruff, mypy and the import contracts of pyproject.toml
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo
pictures: $(VENV)/.dev     ## take the README's pictures anew (needs Chromium)
	WATCHWORD_PICTURES=$(CURDIR)/docs/images $(BIN)/pytest tests/browser/test_three_people.py
bench: $(VENV)/.dev        ## benchmarks: ratios against baselines of the same run
	$(BIN)/python -m tests.benchmarks $(ARGS)
bench-long: $(VENV)/.dev   ## twenty thousand digests at 30 a second, 100,000 paid ones: a quarter of an hour
	$(BIN)/python -m tests.benchmarks.sending --messages 20000 --paid 100000
fuzz: $(VENV)/.dev         ## broken documents, by the thousand, through the reader
	$(BIN)/python -m tests.fuzz $(ARGS)
texts: $(VENV)/.run        ## print every sentence the bot says, in each language
	@$(BIN)/python -m bot.locales.build texts
catalogues: $(VENV)/.run   ## bring the translations up to date with the code
	$(BIN)/python -m bot.locales.build
chaos: $(VENV)/.dev        ## kill, starve and confuse the bot, and see that it keeps its promise (docs/delivery.md)
	$(BIN)/python -m tests.chaos $(ARGS)
soak: $(VENV)/.dev         ## 100,000 articles through the bot: are its memory, descriptors and tables flat? (an hour; ARGS="--articles 5000")
	$(BIN)/python -m tests.soak $(ARGS)
mutants: $(VENV)/.dev      ## change the code in small ways, and list the changes that no test notices (docs/extending.md)
	nice -n 10 $(BIN)/python -m tests.mutants $(ARGS)
places: $(VENV)/.dev       ## build the names of the world's cities and regions anew, from GeoNames and CLDR (needs npm)
	npm pack --silent --pack-destination $(VENV) cldr-subdivisions-full@$(CLDR) >/dev/null
	tar xzf $(VENV)/cldr-subdivisions-full-$(CLDR).tgz -C $(VENV) package/subdivisions/en/en.json
	npm pack --silent --pack-destination $(VENV) iso3166-2-db@$(REGIONS) >/dev/null
	tar xzf $(VENV)/iso3166-2-db-$(REGIONS).tgz -C $(VENV) package/i18n/dispute/UN
	PYTHONPATH=. $(BIN)/python tools/places.py $(VENV)/package/subdivisions/en/en.json $(VENV)/package/i18n/dispute/UN
relevance: $(VENV)/.dev    ## how right the matcher is, beside what other bots do (needs WATCHWORD_DATA)
	$(BIN)/python -m tests.relevance
lock: $(VENV)/.dev         ## resolve the dependencies anew, for every platform
	$(BIN)/uv pip compile pyproject.toml --group build --universal --generate-hashes --no-header -q --upgrade -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --group dev -c requirements.lock --universal --generate-hashes --no-header -q --upgrade -o requirements-dev.lock
	$(BIN)/uv pip compile --group pyproject.toml:audit --python-version 3.11 --universal --generate-hashes --no-header -q --upgrade -o requirements-audit.lock
audit: $(VENV)/.audit      ## write the bill of materials (CycloneDX) to dist/, and look for known vulnerabilities
	$(VENV)/audit/bin/python tools/audit.py requirements.lock dist/watchword.cdx.json $(ARGS)
digests:                   ## pin the images of Dockerfile and compose.yaml by digest (needs docker and their registry)
	@$(PYTHON) tools/digests.py Dockerfile compose.yaml
sqlite: $(VENV)/.dev       ## build the image's SQLite into .venv/sqlite, and test the storage on it (needs npm and cc)
	sh container/sqlite.sh $(VENV)/sqlite
	LD_LIBRARY_PATH=$(CURDIR)/$(VENV)/sqlite $(BIN)/pytest -n 2 tests/storage tests/test_container.py -k "not postgresql"
dist: $(VENV)/.dev         ## build the wheel and the source archive into dist/
	$(BIN)/hatchling build -d dist
clean:           ## remove what make made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Watchword needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(INSTALL) --require-hashes -r requirements.lock
	$(INSTALL_PROJECT)
	@touch $@
$(VENV)/.audit: requirements-audit.lock | $(VENV)/bin/python
	$(PYTHON) -m venv $(VENV)/audit
	$(VENV)/audit/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements-audit.lock
	@touch $@
$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	$(INSTALL) --require-hashes -r requirements-dev.lock
	$(INSTALL_PROJECT)
	@touch $@ $(VENV)/.run
