# make run     set everything up and start Limner with a demo project
# make test    set up what the tests need and run all of them
# make test-cluster  the browser tests on two web processes behind nginx, with PostgreSQL and an S3 server
# make quick   the tests that need neither a browser nor minutes
# make check   format, lint, types and import rules, Python and web
# make bench   measure: decoder, encoder, segmenting everything, all models
# make audit   known vulnerabilities of what is installed, Python and web (asks PyPI and npm; needs the internet)
# make pictures  take the pictures of README and guide anew, from the running product
# make soak    40 people save while the server is killed 30 times: is all there? up to 20 minutes, prints a table
# make soak-cluster  parts of a cluster are killed in the middle of jobs: is all done, and nothing twice? a quarter of an hour
# make wheel   dist/limner-*.whl with the web client and the model inside
# make train   train Samlet further on this machine (see docs/samlet.md)
# make train-gpu PHOTOS="a b"   nine minutes of training on a rented GPU; call it again to go on (see docs/samlet.md)
#
# Needs Python >= 3.11, Node >= 20.19 and make; everything else is installed into .venv and web/node_modules.

PYTHON  ?= python3
VENV    ?= .venv
HOST    ?= 127.0.0.1
PORT    ?= 8000
LIMNER_HOME ?= .limner
PIP_ARGS ?=
JOBS    ?= 2
RECIPE  ?= server/limner/train/recipes/samlet-cpu.toml
GPU_RECIPE ?= server/limner/train/recipes/samlet-gpu.toml
GPU_PACK   ?= runs/gpu-photos.zip
GPU_PYTHON ?= $(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON))

# Where no bytecode is kept, every server and child process that is started compiles all of Limner again.
export PYTHONDONTWRITEBYTECODE :=

BIN     := $(VENV)/bin
STATIC  := server/limner/static/index.html
WEB_SOURCES := $(shell find web/src web/public web/messages -type f -not -path "web/src/texts/generated/*" 2>/dev/null) web/index.html web/vite.config.ts web/package.json web/project.inlang/settings.json

.PHONY: run test test-cluster quick check format audit bench pictures soak soak-cluster wheel train train-gpu client browser python-tests web-tests clean

run: $(VENV)/.installed $(STATIC)
	$(BIN)/limner demo --home $(LIMNER_HOME) --host $(HOST) --port $(PORT)

test: check web-tests python-tests

quick: $(VENV)/.installed-dev web-tests
	$(BIN)/pytest -n $(JOBS) --dist loadgroup -m "not e2e and not slow"

test-cluster: $(VENV)/.installed-dev $(STATIC) browser
	LIMNER_TEST_ARRANGEMENT=cluster $(BIN)/pytest -n $(JOBS) --dist loadgroup -m e2e

check: $(VENV)/.installed-dev web/node_modules/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	cd web && npm run check

format: $(VENV)/.installed-dev web/node_modules/.installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	cd web && npm run format

web-tests: web/node_modules/.installed
	cd web && npm test

python-tests: $(VENV)/.installed-dev $(STATIC) browser
	$(BIN)/pytest -n $(JOBS) --dist loadgroup

# The browser tests drive a real Chromium, some of them through real proxies; only root may install these.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-dejavu-core >/dev/null; \
	else \
	  echo "The browser tests need Chromium: install it (Debian, Ubuntu: sudo apt-get install chromium) and run make test again." >&2; exit 1; \
	fi
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! { command -v nginx && command -v caddy; } >/dev/null; then \
	  apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq nginx-light caddy >/dev/null; \
	fi

bench: $(VENV)/.installed-dev $(STATIC) browser
	$(BIN)/limner bench decoder --json bench-decoder.json
	$(BIN)/limner bench encoder --json bench-encoder.json
	$(BIN)/limner bench everything --json bench-everything.json
	$(BIN)/limner bench models

pictures: $(VENV)/.installed-dev $(STATIC) browser
	$(BIN)/python -m tests.e2e.pictures

audit: $(VENV)/.installed-dev web/node_modules/.installed
	$(BIN)/pip install --quiet pip-audit
	$(BIN)/pip-audit --strict --progress-spinner off --requirement constraints.txt --disable-pip --no-deps
	cd web && npm audit --audit-level=high

soak: $(VENV)/.installed-dev
	$(BIN)/python -m tests.soak --writers 40 --kills 30

# Through a real nginx, which `browser` installs.
soak-cluster: $(VENV)/.installed-dev browser
	$(BIN)/python -m tests.cluster.soak

wheel: $(VENV)/.installed-dev $(STATIC)
	$(BIN)/python -m build --wheel --no-isolation --outdir dist .

train: $(VENV)/.installed
	nice -n 19 $(BIN)/limner train --config $(RECIPE) --resume-or-start

# Needs no installation: torch, numpy, OpenCV, safetensors and tqdm. Only the pack has to travel with the source.
train-gpu: $(GPU_PACK)
	PYTHONPATH=server $(GPU_PYTHON) -m limner.train.gpu $(GPU_RECIPE) $(GPU_PACK) "$${OUT:-runs/gpu}"

$(GPU_PACK):
	PYTHONPATH=server $(GPU_PYTHON) -m limner.train.pack $@ $(PHOTOS)

client: $(STATIC)

$(STATIC): $(WEB_SOURCES) web/node_modules/.installed
	cd web && npm run build

web/node_modules/.installed: web/package-lock.json
	cd web && npm ci --engine-strict --no-audit --no-fund
	@touch $@

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Limner needs Python 3.11 or newer; set PYTHON=...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/pip install --quiet $(PIP_ARGS) -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/pip install --quiet $(PIP_ARGS) -c constraints.txt -e '.[dev]' hatchling
	@touch $@

clean:
	rm -rf $(VENV) web/node_modules server/limner/static dist build
