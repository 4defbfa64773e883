# Every target sets up by itself what it needs, and skips what is done. `make help` lists them.
PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
READY   := $(VENV)/.ready
CDK     := $(VENV)/cdk/node_modules/aws-cdk/bin/cdk
CDK_VERSION := 2.1148.1
CHECKOV := $(VENV)/checkov/bin/checkov
ZENSICAL := $(VENV)/docs/bin/zensical
MERMAID := mermaid@12.3.0
ASL     := $(VENV)/asl/node_modules/asl-validator/dist/bin/asl-validator.js
ASL_VERSION := 4.0.0
export PATH := $(CURDIR)/$(BIN):$(PATH)
# The tests start many processes, which must not compile the same modules again.
export PYTHONDONTWRITEBYTECODE :=
ORDERS  := tests/events/stock_delivered.json tests/events/place_order.json \
           tests/events/place_order_declined.json tests/events/place_order_undeliverable.json \
           tests/events/place_order_unreachable.json \
           tests/readings/warm_shipment.json tests/events/place_order_warm.json \
           tests/queries/sales.json tests/queries/sales_after_the_batch.json

.DEFAULT_GOAL := help
.PHONY: help run up test lint check types synth deploy destroy e2e cdk-cycle map-page hostile-page api-fuzz fuzz hostile \
        bench docs first-hour matrix mutants moto-versions rebuild-100k kafka simulate stream-1m stream-100k soak

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(READY) ## The main job: run orders through the shop, locally, and print their causation trees
	@$(BIN)/millrace run -c sales=yes --companion examples/carrier.py $(ORDERS)

up: $(READY) ## Keep the local cloud up, redeploying on every saved change (Ctrl-C ends it)
	@$(BIN)/millrace up --companion examples/carrier.py

test: $(READY) ## Lint, types and every test
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@nice $(BIN)/mypy & types=$$!; $(BIN)/pytest -n auto --dist worksteal; tests=$$?; wait $$types && exit $$tests

lint: $(CHECKOV) $(ASL) ## Ruff; cdk-nag, cfn-lint, checkov, parliament and asl-validator over the shop in each mode
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/python tests/lint.py --validators $(dir $(CHECKOV)) --asl-validator $(ASL)

check: $(READY) ## Look for what is wrong with the flow of events: loops, losses, leaks
	@$(BIN)/millrace check

types: $(READY) ## mypy --strict over all that ships
	@$(BIN)/mypy

synth: $(READY) ## Write the CloudFormation template into cdk.out
	@$(BIN)/millrace synth --out cdk.out

deploy: $(CDK) ## cdk deploy into the AWS account of your credentials
	@$(BIN)/node $(CDK) deploy --all

destroy: $(CDK) ## cdk destroy
	@$(BIN)/node $(CDK) destroy --all

e2e: $(CDK) ## Deploy, use, update, break and destroy STAGE=dev (or "dev test"), in a local cloud or with AWS=1
	@$(if $(AWS)$(AWS_ENDPOINT_URL),,$(BIN)/python tests/e2e/in_local_cloud.py) $(BIN)/python tests/e2e/stages.py \
		--cli $(CDK) --stage $(or $(STAGE),e2e) $(if $(AWS),--aws)

cdk-cycle: $(CDK) ## The real CDK CLI's whole cycle against the local cloud, everything read back
	@$(BIN)/python tests/e2e/cdk_cycle.py --cli $(CDK)

map-page: $(READY) ## The map's page in headless Chromium, which is on the PATH: wide and narrow, light and dark
	@$(BIN)/python tests/e2e/map_page.py

hostile-page: $(READY) ## A hostile web page against the local cloud, in headless Chromium, which is on the PATH
	@$(BIN)/python tests/e2e/hostile_page.py

first-hour: $(READY) ## Install the wheel elsewhere, create a project with each piece, test it; follow the tutorial
	@$(BIN)/python tests/e2e/first_hour.py
	@$(BIN)/python tests/e2e/tutorial.py

api-fuzz: $(READY) ## The API against its own OpenAPI document, by Schemathesis, with 200 examples of each kind
	@MILLRACE_API_EXAMPLES=200 $(BIN)/pytest -n 0 tests/local/test_api_schemathesis.py

hostile: $(READY) ## 10,000 inputs that hypothesis makes, at a local cloud (INPUTS=1000 for less)
	@MILLRACE_HOSTILE_INPUTS=$(or $(INPUTS),10000) $(BIN)/pytest -n 0 tests/hostile/test_bad_input.py

fuzz: $(READY) ## 20,000 random calls, at every operation of the services (CALLS=2000 for less; SERVICES="sqs sns")
	@$(BIN)/python tests/fuzz.py --calls $(or $(CALLS),20000) --seed $(or $(SEED),1) \
		$(if $(SERVICES),--services $(SERVICES))

rebuild-100k: $(READY) ## Rebuild a read model from 100,000 stored events, and tell time and memory
	@$(BIN)/python -m benchmarks.rebuild --events 100000

kafka: $(READY) ## Test the Kafka poller, and 50,000 lines of the access log, on the mock cluster of librdkafka
	@MILLRACE_KAFKA_TESTS=1 $(BIN)/pytest -n 0 tests/local/lambda_/test_sources_kafka.py \
		tests/local/test_access_log_kafka.py

stream-1m: $(READY) ## Run 1,000,000 readings through a stream processor, and compare its windows with DuckDB
	@$(BIN)/python -m benchmarks.streams --readings 1000000

stream-100k: $(READY) ## Put 100,000 readings into the shop in a local cloud, and compare its windows with DuckDB
	@MILLRACE_READINGS=100000 $(BIN)/pytest -n 0 tests/local/test_cold_chain.py -k day

soak: $(READY) ## 10,000 orders while calls fail, crash, come twice and conflict (SOAKED=200 SEED=2 for others)
	@$(BIN)/python tests/soak.py --orders $(or $(SOAKED),10000) --seed $(or $(SEED),1)

simulate: $(READY) ## 1,000 seeds of the shop's orders with faults, on all cores (SEEDS=100 for less); one seed 100 times
	@$(BIN)/millrace simulate tests/local/test_simulation_shop.py::test_an_order_ends_once_and_everything_adds_up \
		--seeds $(or $(SEEDS),1000)
	@MILLRACE_SAME_SEED_RUNS=100 $(BIN)/pytest -n 0 -q tests/testing/test_simulated_cloud.py -k same_seed

mutants: $(READY) ## Mutate the lines changed SINCE=HEAD~1, and list what no test notices (ALL=1, PATHS=millrace/patterns)
	@nice $(BIN)/python tests/mutants.py $(if $(SINCE),--since $(SINCE)) $(if $(ALL),--all) $(if $(PATHS),--paths $(PATHS)) \
		$(if $(EVERY),--every $(EVERY)) $(if $(RETRY),--retry)

docs: $(ZENSICAL) ## Build the documentation site into .millrace/site; a warning, a dead link or a wrong type is an error
	@$(BIN)/python tests/docs_site.py --tools $(VENV)/docs
	@nice $(BIN)/python tests/docs_types.py

matrix: $(READY) ## Test events, runtime and functions on each supported Python that uv finds (VERSIONS="3.13" for some)
	@$(BIN)/python tests/matrix.py $(VERSIONS)

moto-versions: $(READY) ## Test the services on moto with the oldest and the newest version that pyproject.toml allows
	@$(BIN)/python tests/moto_versions.py

bench: $(READY) ## Measure, as ratios against a floor in the same run
	@$(BIN)/python -m benchmarks
	@$(BIN)/python -m benchmarks cold
	@$(BIN)/python -m benchmarks simulation
	@$(BIN)/python -m benchmarks streams

# uv is fast; pip is the way round where uv cannot reach the package index that pip is set up for.
$(READY): requirements.txt pyproject.toml
	@test -x $(BIN)/python || { echo "» making the virtual environment in $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Millrace needs Python 3.11 or newer: make PYTHON=python3.12 …, after rm -r $(VENV)"; exit 1; }
	@echo "» installing the pinned dependencies (770 MB on disk)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' requirements.txt)"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements.txt || \
		$(BIN)/python -m pip install --quiet -r requirements.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e . || \
		$(BIN)/python -m pip install --quiet --no-deps -e .
	@touch $@

$(CDK): $(READY)
	@test -f $@ || { echo "» installing the CDK CLI $(CDK_VERSION)"; \
		$(BIN)/npm install --silent --no-audit --no-fund --prefix $(VENV)/cdk aws-cdk@$(CDK_VERSION); }

$(CHECKOV): tests/checkov-requirements.txt | $(READY)
	@echo "» installing checkov and parliament into their own environment"
	@$(BIN)/python -m venv --clear $(VENV)/checkov
	@$(BIN)/uv pip install --quiet --python $(VENV)/checkov/bin/python -r $< || \
		$(VENV)/checkov/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

$(ZENSICAL): tests/docs-requirements.txt | $(READY)
	@echo "» installing the documentation generator into an environment of its own"
	@$(BIN)/python -m venv --clear $(VENV)/docs
	@$(BIN)/uv pip install --quiet --python $(VENV)/docs/bin/python -r $< || \
		$(VENV)/docs/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@cd $(VENV)/docs && ../bin/npm pack --silent $(MERMAID) >/dev/null && \
		tar xzf mermaid-*.tgz --strip-components=2 package/dist/mermaid.min.js && rm mermaid-*.tgz
	@touch $@
$(ASL): | $(READY)
	@echo "» installing asl-validator $(ASL_VERSION)"
	@$(BIN)/npm install --silent --no-audit --no-fund --prefix $(VENV)/asl asl-validator@$(ASL_VERSION)
