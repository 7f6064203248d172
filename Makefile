# Every command of the project. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/sluice
UV_VERSION := 0.13.8
UV := $(CACHE)/uv-$(UV_VERSION)/bin/uv
RUN := $(UV) run --locked
# What waits more than it computes runs side by side; what measures, or has the cluster, does not.
BESIDE := --numprocesses 2 --dist loadfile

.PHONY: help
help: ## List the targets.
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- The two commands of the README ------------------------------------------------------------

.PHONY: demo
demo: $(UV) ## A real cluster, four model versions, two of them bad: see Sluice take those back.
	@$(RUN) python -m hack.demo

.PHONY: test
test: cluster images models ## Run all tests: unit, integration, and end to end on the cluster.
	@failed=; \
	$(RUN) pytest $(BESIDE) tests/unit tests/integration/operator tests/integration/chart tests/integration/ledger tests/integration/cli || failed=1; \
	$(RUN) pytest tests/integration/predictor tests/e2e || failed=1; \
	test -z "$$failed"

# --- Parts of them -----------------------------------------------------------------------------

.PHONY: cluster
cluster: $(UV) ## Start the cluster: kind, KServe, Contour, Prometheus. Builds what is missing.
	@$(RUN) python -m hack.cluster up

.PHONY: cluster-down
cluster-down: $(UV) ## Delete the cluster. What was built stays in the cache.
	@$(RUN) python -m hack.cluster down

.PHONY: images
images: cluster ## Build the operator's and the predictor's images and load them into the cluster.
	@$(RUN) python -m hack.cluster images

.PHONY: models
models: $(UV) ## Train the four versions of the reference model.
	@$(RUN) python -m examples.sms train

.PHONY: test-unit
test-unit: $(UV) ## Run the unit tests alone, in seconds.
	@$(RUN) pytest tests/unit

.PHONY: test-integration
test-integration: $(UV) ## Run the tests of real parts on this machine, without the cluster.
	@$(RUN) pytest tests/integration

.PHONY: test-e2e
test-e2e: cluster images models ## Run the tests on the cluster.
	@$(RUN) pytest tests/e2e

# --- The code ----------------------------------------------------------------------------------

.PHONY: lint
lint: $(UV) ## Check format, style, types, layers, spelling and generated files.
	@$(RUN) ruff format --check .
	@$(RUN) ruff check .
	@$(RUN) mypy
	@$(RUN) mypy hack examples
	@$(RUN) lint-imports
	@$(RUN) codespell
	@$(RUN) python -m hack.generate --check

.PHONY: format
format: $(UV) ## Format the code and mend what can be mended by itself.
	@$(RUN) ruff format .
	@$(RUN) ruff check --fix .

.PHONY: generate
generate: $(UV) ## Write the generated files anew.
	@$(RUN) python -m hack.generate

.PHONY: soak
soak: cluster images models ## What takes longer than a test may: 50,000 requests across ten releases, kills, 36 rollouts that fail at known rates.
	@$(RUN) pytest -m soak tests/integration tests/e2e
	@$(RUN) python -m hack.soak
	@$(RUN) python -m hack.soak.verdicts
	@$(RUN) python -m hack.soak.verdicts --write-docs
	@$(MAKE) --no-print-directory coverage mutation

.PHONY: coverage
coverage: $(UV) ## Measure the branches of the operator's pure core that its unit tests take: at least 95 %.
	@$(RUN) pytest -q tests/unit/sluice_operator --cov

.PHONY: mutation
mutation: $(UV) ## Put faults into the pure core: at least 85 % of a sample must be found. About 20 minutes; keep the result in docs/.
	@$(RUN) python -m hack.mutation --write-docs

.PHONY: bench-predictor
bench-predictor: models ## Measure the predictor beside four other servers, about 25 minutes on a quiet machine; keep the result in docs/.
	@$(RUN) python -m hack.bench.predictor
	@$(RUN) python -m hack.bench.predictor --write-docs

.PHONY: bench-operator
bench-operator: $(UV) ## Measure the operator against a real API server: rollbacks, 1,000 rollouts, 10,000 idle versions; about 35 minutes.
	@$(RUN) python -m hack.bench.operator
	@$(RUN) python -m hack.bench.operator --write-docs

.PHONY: bench-verdicts
bench-verdicts: $(UV) ## Measure how often verdicts err and how soon they come, beside seven other methods; seeded, a few minutes.
	@$(RUN) python -m hack.bench.verdicts
	@$(RUN) python -m hack.bench.verdicts --write-docs

.PHONY: bench-ledger
bench-ledger: $(UV) ## Measure the ledger on SQLite and on PostgreSQL, and how soon the command line answers; about 8 minutes.
	@$(RUN) python -m hack.bench.ledger
	@$(RUN) python -m hack.bench.ledger --write-docs

.PHONY: picture
picture: $(UV) ## Run the demo and keep its picture for the README.
	@$(RUN) python -m hack.demo --picture docs/demo.svg

.PHONY: clean
clean: ## Delete what was built in this checkout. The cache and the cluster stay.
	@rm -rf build .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(UV):
	@command -v python3 >/dev/null || { echo "make: python3 (3.11 to 3.13) is missing: apt-get install python3 python3-venv"; exit 1; }
	@echo "installing uv $(UV_VERSION)"
	@python3 -m venv $(CACHE)/uv-$(UV_VERSION) || { echo "make: python3-venv is missing: apt-get install python3-venv"; exit 1; }
	@$(CACHE)/uv-$(UV_VERSION)/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
