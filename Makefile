# Everything that a person or CI does with Seathold. `make help` lists it.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
# Production's settings, for checks that never connect to anything.
PRODUCTION := SECURE=1 DEBUG=0 ALLOWED_HOSTS=seathold.example \
	SITE_URL=https://seathold.example EMAIL_URL=smtp+tls://mail.example:587 \
	DATABASE_URL=postgresql://check@127.0.0.1:1/check REDIS_URL=redis://127.0.0.1:1/0 \
	SECRET_KEY=$$($(BIN)/python -c "import secrets; print(secrets.token_urlsafe(64))") \
	SERVICE_SECRETS=$$($(BIN)/python -c "import secrets; print(secrets.token_urlsafe(32))")

.DEFAULT_GOAL := help
.PHONY: help install run demo test test-long test-pgbouncer model fuzz chaos bench bench-search check lint check-django check-services clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Make .venv and install the locked requirements (the others do it, too)

$(INSTALLED): requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed: make PYTHON=python3.12"; exit 1; }
	@echo "Installing the requirements into .venv"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--requirement requirements.txt --requirement requirements-dev.txt
	@touch $@

run: $(INSTALLED) ## Run the local stack: http://127.0.0.1:8000 (Ctrl-C stops it)
	@exec $(BIN)/python manage.py stack --die-with-parent

demo: $(INSTALLED) ## Play the main job against real processes, and audit it
	@exec $(BIN)/python manage.py demo

test: $(INSTALLED) ## Run all tests: the unit tests, then the system tests
	$(BIN)/pytest -n 2 --dist worksteal -m "not system"
	$(BIN)/pytest -m "system and not long"

test-long: $(INSTALLED) ## Run the tests that take minutes: chaos's mutants, a disruption of 500 bookings, two hosts
	$(BIN)/pytest -m long

test-pgbouncer: $(INSTALLED) ## Run the system tests through PgBouncer (which must be on the PATH)
	PGBOUNCER=1 $(BIN)/pytest -m "system and not long"

model: $(INSTALLED) ## Explore the protocol's states: small and large, minutes, 1 GB of memory
	@$(BIN)/python -m model table
	@$(BIN)/python -m model table --large

chaos: $(INSTALLED) ## Break everything but the promises (MINUTES=10 SEED=7, or SEED="1 2 3")
	@exec $(BIN)/python -m chaos --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED))

bench: $(INSTALLED) ## Measure bookings, sweep and search beside their limits, 15 minutes (QUICK=1)
	@exec $(BIN)/python -W ignore -m bench $(if $(QUICK),--quick) --out $(or $(OUT),.bench)

bench-search: $(INSTALLED) ## Measure search as the catalogue grows (SIZES="10000 1000000")
	@exec $(BIN)/python -m bench.search --sizes $(or $(SIZES),10000 1000000 10000000)

fuzz: $(INSTALLED) ## Ask random things of the three services (MINUTES=30 SEED=...)
	@exec $(BIN)/python -m fuzz --minutes $(or $(MINUTES),30) $(if $(SEED),--seed $(SEED))

check: lint check-django check-services ## Run every check that is not a test

lint: $(INSTALLED) ## Check style, types and what may import what
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy .
	$(BIN)/lint-imports

check-django: $(INSTALLED) ## Check migrations, production settings and the API description
	@$(PRODUCTION) $(BIN)/python -W ignore manage.py makemigrations --check --dry-run
	@$(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING
	@for services in flights,bookings,payments flights bookings payments; do \
		$(PRODUCTION) SERVICES=$$services $(BIN)/python manage.py spectacular \
			--validate --fail-on-warn --file /dev/null || exit 1; done

check-services: $(INSTALLED) ## Serve each service alone, on a database of its own
	$(BIN)/pytest -q tests/system/test_each_service_alone.py

clean: ## Delete .venv, the local stack's data and all caches
	rm -rf .venv .seathold static .mypy_cache .ruff_cache .pytest_cache .import_linter_cache \
		.hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
