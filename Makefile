# Every target installs what it needs. Caches live outside the repository: $SUNWARD_CACHE, default ~/.cache/sunward.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python
NODES ?= 6
BASE ?= origin/main
WORKERS ?= $(shell cores=$$(getconf _NPROCESSORS_ONLN); echo $$((cores < 9 ? cores + 1 : 10)))
SEED ?= 1
FAULTS ?= report/faults
export SUNWARD_CACHE ?= $(HOME)/.cache/sunward

.PHONY: help setup tools images lab lab-down demo demo-down test test-changed test-fast test-shared coverage lint types imports verify bench bench-planner bench-tls bench-peers bench-page experiments faults sbom lock package clean k3s-chart bench-exporter advisor-eval page test-page k3s-bundle images-buildx

help: ## list the targets
	@grep -hE '^[a-z0-9%-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-16s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## create the virtual environment from the locked requirements

$(VENV)/.ready: requirements/dev.txt pyproject.toml
	@bash tools/setup.sh $(PYTHON) $(VENV)

tools: setup ## build and install the binaries that the lab needs (root, Linux; minutes when cold)
	@$(RUN) -m sunward_lab tools

ARCH ?=
COMMA := ,
ifeq ($(ARCH),)
images: tools ## build the images for the lab; ARCH=arm64,amd64 makes archives for other machines instead, without root
	@$(RUN) -m sunward_lab images
else
images: setup
	@$(RUN) -m sunward_lab ship --arch $(ARCH) --out dist/images
endif

images-buildx: ## make the same archives with docker buildx, for systems without mmdebstrap; ARCH=arm64,amd64
	@bash tools/buildx.sh $(subst $(COMMA),$(COMMA)linux/,linux/$(if $(ARCH),$(ARCH),arm64$(COMMA)amd64))

k3s-bundle: setup ## write dist/k3s/sunward-images-ARCH.tar, all images for k3s' folder agent/images; ARCH=arm64,amd64
	@$(RUN) -m sunward_lab ship --arch $(if $(ARCH),$(ARCH),arm64$(COMMA)amd64) --out dist/k3s --bundle

lab: images ## start a cluster of NODES workers on this machine and leave it running
	@$(RUN) -m sunward_lab up --nodes $(NODES)

lab-down: setup ## stop that cluster and remove everything it created
	@$(RUN) -m sunward_lab down

demo: setup ## set up a cluster and run a training job; NODES=10 is the paper's testbed, CLUSTER=kind uses Docker
	@bash tools/demo.sh $(RUN) $(NODES)

demo-down: setup ## clean up after a demo that was left running or was killed
	@bash tools/demo.sh $(RUN) down

lint: setup ## check format, lint, types and the direction of imports
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

types: setup ## check types only
	@$(BIN)/mypy

test-fast: setup ## run the tests that need no cluster and no root
	@$(BIN)/pytest -q -n $(WORKERS) --dist loadscope --durations=10 -m "not browser and not cluster and not e2e and not prometheus and not shared"

test-changed: setup ## run the tests without cluster or root that the changes since BASE (origin/main) can reach
	@tests=$$($(RUN) tools/changed_tests.py $(BASE)); \
	  [ -n "$$tests" ] || { echo "sunward: no changes since $(BASE)"; exit 0; }; \
	  $(BIN)/pytest -q -n $(WORKERS) --dist loadscope -m "not browser and not cluster and not e2e and not prometheus and not shared" $$tests

test: setup ## run all tests, up to three real nodes
	@WORKERS=$(WORKERS) bash tools/test.sh

test-shared: setup ## run the tests on MNIST, from the folder that SUNWARD_SHARED names
	@$(BIN)/pytest -q tests/shared

page: ## build the page's files in operator/sunward/web/static from page/src (needs npm)
	@cd page && npm ci --silent --no-fund --no-audit && npm run -s build

test-page: setup ## test the page in Debian's Chromium (installs it and the page's npm packages)
	@bash tools/browser.sh
	@$(BIN)/pytest -q -n0 -m browser tests/integration/test_page_browser.py

bench-page: setup ## measure the page with 500 nodes, 100 jobs and 50 viewers
	@$(RUN) tools/bench_page.py

coverage: setup ## run the fast tests with branch coverage
	@$(BIN)/pytest -q -n $(WORKERS) --dist loadscope -m "not browser and not cluster and not e2e and not prometheus and not shared" --cov --cov-report=term:skip-covered

verify: setup ## check that generated files are up to date, and YAML and security linting
	@bash tools/verify.sh

bench: bench-planner bench-tls bench-exporter bench-peers ## run all benchmarks

bench-planner: setup ## compare the two-price, hub and pairwise planners
	@$(RUN) tools/bench_planner.py

bench-tls: setup ## measure what TLS adds to a round of training
	@$(RUN) tools/bench_tls.py

PEERS_DATA ?=
bench-peers: setup ## replay peers' scenarios with their rule and ours; PEERS_DATA=FOLDER has further ones
	@$(RUN) tools/bench_peers.py $(if $(PEERS_DATA),--data $(PEERS_DATA)) --out report/peers.md

bench-exporter: setup ## measure the exporter's accuracy and cost
	@$(RUN) tools/bench_exporter.py

experiments: setup ## run the paper's experiments and that on bad workers, and write their results to report/
	@$(RUN) -m sunward.cli.main experiment all --report report
	@$(RUN) -m sunward_trainer.experiments --report report/robustness.md

fault-%: setup ## run one fault-injection suite, e.g. fault-crash SEED=3 JSON=crash.json LONG=1
	@$(RUN) tests/fault_injection $* --seed $(SEED) $(if $(JSON),--json $(JSON)) $(if $(LONG),--long)

faults: tools ## run all fault-injection suites in their long form and write results to FAULTS
	@$(RUN) tests/fault_injection all --long --seed $(SEED) --folder $(FAULTS)

sbom: setup ## write bills of materials of the images to report/sbom
	@$(RUN) tools/sbom.py

lock: setup ## update the locked requirement files
	@bash tools/lock.sh

package: setup ## build the wheel and test it in an empty environment
	@bash tools/package.sh

k3s-chart: setup ## write dist/sunward-helmchart.yaml, the chart as one resource for k3s; VALUES names values files
	@mkdir -p dist
	@$(RUN) tools/helmchart.py helm/sunward/values-k3s.yaml $(VALUES) > dist/sunward-helmchart.yaml
	@echo dist/sunward-helmchart.yaml

advisor-eval: setup ## score `sunward advise` on requests with known answers, and its retrieval on questions
	@$(RUN) tools/advisor_eval.py
	@$(RUN) tools/advisor_retrieval.py

clean: ## remove everything that can be built again
	@rm -rf $(VENV) build dist report .pytest_cache .mypy_cache .ruff_cache .hypothesis
