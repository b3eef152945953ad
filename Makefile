# Every verb a person types. `make help` prints the lines marked with ##.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup setup-rust setup-prometheus demo test check lint types contracts unit rust-check filters stale integration bench fuzz golden gen gen-check lock wheel clean soak setup-docker setup-bench setup-registry setup-cosign

BIN := .venv/bin
RUNTIME ?=
ARGS ?=
K ?=
CRDS ?= ../shared/api

# The tests start Python hundreds of times: what it compiles is kept, also where an image's environment forbids it.
export PYTHONDONTWRITEBYTECODE :=

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-17s %s\n", $$1, $$2}'

setup: ## install what lateen needs into .venv (no root)
	@sh build_tools/scripts/setup.sh

setup-rust: setup ## find or install the Rust toolchain for the filters (Debian: as root)
	@sh build_tools/scripts/setup-rust.sh

setup-prometheus: ## find or install Prometheus for the integration tests (Debian: as root)
	@sh build_tools/scripts/setup-prometheus.sh

setup-docker: setup ## find a container engine or install one, for the tests in containers (Debian: as root)
	@sh build_tools/scripts/setup-docker.sh

setup-bench: setup ## find or install h2load for the benchmarks (Debian: as root)
	@sh build_tools/scripts/setup-bench.sh

setup-registry: ## find or install an OCI registry for the integration tests (Debian: as root)
	@sh build_tools/scripts/setup-registry.sh

setup-cosign: ## build cosign with Go, for the test of signatures that it and lateen share (minutes)
	@sh build_tools/scripts/setup-cosign.sh

demo: setup ## run the storefront mesh; ARGS=--once for a bounded run
	@$(BIN)/lateen up envoy_configs/storefront --traffic $(ARGS)

test: setup-docker check filters integration ## everything: check, rebuild of the filters, integration

check: lint types contracts unit rust-check stale gen-check ## lint, types, import contracts, unit and golden tests, native Rust tests

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: setup
	@$(BIN)/mypy

contracts: setup
	@$(BIN)/lint-imports --no-logo

unit: setup ## unit and golden tests (K=expr selects)
	@$(BIN)/pytest build_tools/tests -n 2 $(if $(K),-k '$(K)')

rust-check: setup-rust ## native tests, format and lints of the filters
	@sh build_tools/scripts/rust-check.sh

stale: setup
	@$(BIN)/lateen filters build --check

filters: setup-rust ## rebuild every filter and run its scenarios on a real Envoy
	@$(BIN)/lateen filters build --rebuild
	@$(BIN)/lateen filters test

integration: setup setup-prometheus setup-docker setup-bench setup-registry ## integration tests in both runtimes (RUNTIME=process|docker, K=expr)
	@$(if $(RUNTIME),LATEEN_RUNTIME=$(RUNTIME) )$(BIN)/pytest integration_tests -n 2 --max-worker-restart 1 $(if $(K),-k '$(K)')

bench: setup setup-bench ## benchmarks (ARGS=compile, start, sizes, reload, data-plane or filters for one; docs/benchmarks.md)
	@PYTHONPATH=build_tools/scripts $(BIN)/python -m bench $(ARGS)

soak: setup ## the storefront for 30 minutes under load, edits and new certificates (RUNTIME=docker, ARGS="--seconds 600")
	@PYTHONPATH=integration_tests $(BIN)/python -m endurance $(if $(RUNTIME),--runtime $(RUNTIME)) $(ARGS)

fuzz: setup ## longer property tests than `make unit` runs, and a million random requests for each filter
	@HYPOTHESIS_PROFILE=fuzz $(BIN)/pytest build_tools/tests -m hypothesis
	@$(BIN)/lateen filters fuzz --inputs 1000000 $(ARGS)

golden: setup ## rewrite golden files and remove stale ones
	@$(BIN)/python build_tools/scripts/golden.py

gen: setup ## regenerate every generated file (CRDS=folder of the CRDs)
	@$(BIN)/python build_tools/scripts/gen.py --crds $(CRDS)

gen-check: setup ## fail if a generated file is stale
	@$(BIN)/python build_tools/scripts/gen.py --crds $(CRDS) --check

lock: setup ## write requirements.lock anew from pyproject.toml
	@$$(command -v uv || echo .boot/bin/uv) pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --group dev --extra demo pyproject.toml -o requirements.lock

wheel: setup ## build the wheel and the sdist into dist/
	@$$(command -v uv || echo .boot/bin/uv) build --quiet --out-dir dist

clean: ## remove what was built and installed here
	@rm -rf .venv .boot .toolchain .cache dist filters/target
