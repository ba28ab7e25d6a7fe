# On a fresh machine with Python 3.11+ and make: `make demo`, `make test`. Everything else builds on the same .venv.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test test-slow check bench docs format clean

$(READY): pyproject.toml .ci/requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "a2pcli needs Python 3.11 or newer: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r .ci/requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

# Plans and sends the sample campaign into a file, then rehearses the whole loop with a listener; nothing leaves this
# machine. Who waits depends on the hour.
demo: $(READY)
	@rm -rf .a2pcli/demo && mkdir -p .a2pcli/demo && cp -R campaigns sample_contacts.csv .a2pcli/demo/
	@cd .a2pcli/demo && for step in \
	  "check campaigns/spring_sale.yaml" \
	  "send campaigns/spring_sale.yaml --yes" \
	  "explain 07700900001" \
	  "runs" ; do \
	  printf '\n$$ a2pcli %s\n' "$$step"; ../../$(BIN)/a2pcli $$step || exit $$?; done
	@$(BIN)/python docs/rehearsal.py .a2pcli/demo/rehearsal
	@printf '\n%s\n' "The messages are in .a2pcli/demo/campaigns/.a2pcli/outbox.jsonl." \
	  "To type a2pcli in this terminal:  . .venv/bin/activate   (to install it for good: pipx install .)" \
	  "Next: README.md, 'The first campaign in five minutes'."

test: $(READY)
	$(BIN)/pytest -n auto -q

test-slow: $(READY)
	HYPOTHESIS_PROFILE=explore $(BIN)/pytest -n auto -q -m slow

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check
	$(BIN)/pytest -q tests/smoke

bench: $(READY)
	$(BIN)/python benchmarks/start_up.py
	$(BIN)/python benchmarks/plan_million.py
	$(BIN)/python benchmarks/plan_rules.py
	$(BIN)/python benchmarks/explain_million.py
	$(BIN)/python benchmarks/send_http.py
	$(BIN)/python benchmarks/send_smpp.py
	$(BIN)/python benchmarks/send_email.py
	$(BIN)/python benchmarks/email_campaign.py
	$(BIN)/python benchmarks/send_postgres.py
	$(BIN)/python benchmarks/listen.py

docs: $(READY)
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/picture.py

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv .a2pcli .pytest_cache .mypy_cache .ruff_cache
