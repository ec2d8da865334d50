# What a person types. The two commands of a newcomer are `make run` and `make test`; `make help` lists the others.

VERSION := 0.2.0
SOVERSION := 1
PREFIX ?= /usr/local
DESTDIR ?=
# Debian's own interpreter: libpython3-dev is its development package, and an embedding host must match it.
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
SWIFT ?= swift
SHELL := /bin/bash

BUILD := build
STAMPS := $(BUILD)/stamps
LIBRARY := $(BUILD)/lib/libbatching.so
VENV := .venv
export BATCHING_DATA ?= $(abspath ../shared/data)
export BATCHING_RECORDINGS ?= $(abspath ../shared/recordings)

SWIFT_SOURCES := $(shell find Sources include Package.swift -type f)
SWIFT_FORMATTED := Package.swift Sources Tests/BatchingTests Tests/ABITests Tests/differential/swift examples/swift \
                   bindings/python/tests/other_runtime.swift

# Two builds at once would share a folder, and a test that is timed out is no test. Programs in C and C++ are compiled so
# many at once: `compile` in Tests/native.mk.
ifndef COMPILES
.NOTPARALLEL:
endif

.PHONY: help run build test check conformance fidelity bench clean setup-run setup-test \
        generate check-generated check-readiness check-format-swift check-python check-arrows-python check-arrows-swift \
        check-sanitizers test-swift test-python test-examples test-differential test-conformance fleets test-fleets

help:
	@echo 'make run [TRACE=FILE]     batching policies compared: a table, $(BUILD)/comparison.png, $(BUILD)/report.html'
	@echo 'make test                 every test and check'
	@echo 'make build                $(LIBRARY), and $(VENV) with the Python package'
	@echo 'make conformance [DATA=…] replays recordings of the real scheduler and of benchmark tools: what differs?'
	@echo 'make fleets CASES=100000  random fleets through a slow fleet, too: what differs? SEED=…: from this one on'
	@echo 'make fidelity             how far are simulated times from measured ones? writes docs/fidelity.md'
	@echo 'make check                formats, types, header, symbols, sanitizers, valgrind (part of make test)'
	@echo 'make generate             what follows from include/batching.h: for Python, Swift, C++, the checks, the manual'
	@echo 'make abi                  old programs and this library, and the reverse; make abi-record renews the record'
	@echo 'make fuzz SECONDS=60      libFuzzer with AddressSanitizer over every C function; TARGET=live_engine RUNS=…: one'
	@echo 'make soak HOURS=24        live engines under hours of simulated traffic, with all that holds required'
	@echo 'make bench [SIZE=…]       speed and memory, next to a heap in C and a loop in Python'
	@echo 'make docs                 the manual, one site that needs no network: $(BUILD)/docs/index.html'
	@echo 'make wheel                the Python package with the library inside: $(BUILD)/wheel/*.whl'
	@echo 'make install PREFIX=…     header, library, pkg-config and CMake files (DESTDIR is honoured); make uninstall'
	@echo 'make clean                removes everything that was built'

# --- Set-up: Debian packages and the virtual environment, once --------------------------------------------------------

RUN_PACKAGES := libpython3-dev python3-venv binutils
TEST_PACKAGES := $(RUN_PACKAGES) gcc g++ pkgconf cmake valgrind clang-format libcmocka-dev doctest-dev chromium \
                 abigail-tools

# What cannot be installed here is looked for before anything else is.
define check-machine
	@command -v $(firstword $(SWIFT)) >/dev/null || { \
	    echo '$(SWIFT) is not there: install Swift 6.3 or newer, https://www.swift.org/install/linux/' >&2; exit 1; }
	@version=$$($(SWIFT) --version 2>/dev/null | sed -nE 's/.*Swift version ([0-9]+)\.([0-9]+).*/\1 \2/p'); \
	    set -- $$version; if [ "$${1:-0}" -lt 6 ] || { [ "$$1" -eq 6 ] && [ "$${2:-0}" -lt 3 ]; }; then \
	    echo '$(SWIFT) is too old: install Swift 6.3 or newer, https://www.swift.org/install/linux/' >&2; exit 1; fi
	@command -v git >/dev/null || { \
	    echo 'git is not there, which Swift needs: install it, https://git-scm.com/downloads/linux' >&2; exit 1; }
	@command -v $(firstword $(PYTHON)) >/dev/null || { \
	    echo '$(PYTHON) is not there: install Python 3.11 or newer, https://www.python.org/downloads/' >&2; exit 1; }
endef

# Installs what is missing of the packages named. `apt-get update` only if something is.
define install-packages
	@missing=$$(for package in $(1); do \
	    dpkg-query --show --showformat='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || echo $$package; done); \
	if [ -n "$$missing" ]; then \
	    echo "installing: " $$missing; \
	    if [ "$$(id -u)" = 0 ]; then root=; else root=sudo; fi; \
	    command -v apt-get >/dev/null && { [ -z "$$root" ] || command -v sudo >/dev/null; } || { \
	        echo "needs apt-get as root or through sudo; or install by hand: $$missing" >&2; exit 1; }; \
	    $$root apt-get update -q && \
	    DEBIAN_FRONTEND=noninteractive $$root apt-get install -q -y --no-install-recommends $$missing; \
	fi
	@mkdir -p $(STAMPS) && touch $@
endef

$(STAMPS)/packages-run: Makefile
	$(check-machine)
	$(call install-packages,$(RUN_PACKAGES))

$(STAMPS)/packages-test: Makefile
	$(call install-packages,$(TEST_PACKAGES))

$(STAMPS)/venv-run: bindings/python/pyproject.toml | $(STAMPS)/packages-run
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/pip install --quiet --editable 'bindings/python[all]'
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/venv-test: bindings/python/pyproject.toml $(STAMPS)/venv-run
	$(VENV)/bin/pip install --quiet --editable 'bindings/python[all,dev]'
	@touch $@

setup-run: $(STAMPS)/packages-run $(STAMPS)/venv-run
setup-test: setup-run $(STAMPS)/packages-test $(STAMPS)/venv-test

# --- The library ------------------------------------------------------------------------------------------------------

# The Swift runtime goes inside, and nothing of it comes out: exports.map. `nodelete`, because the runtime keeps pointers
# to the metadata of a library that is unloaded. Functions of the same code are one. The names of fields and cases, which
# only Mirror and a debugger of Swift ask for, stay out: they were 127 kB.
$(LIBRARY): $(SWIFT_SOURCES) Makefile
	$(SWIFT) build --configuration release --product batching --scratch-path $(BUILD)/swift --disable-local-rpath \
	    -Xswiftc -static-stdlib -Xswiftc -no-toolchain-stdlib-rpath \
	    -Xswiftc -Xfrontend -Xswiftc -disable-reflection-metadata \
	    -Xlinker --version-script=Sources/BatchingABI/exports.map \
	    -Xlinker -soname=libbatching.so.$(SOVERSION) -Xlinker -z -Xlinker nodelete \
	    -Xlinker --icf=safe
	@mkdir -p $(@D)
	strip --strip-unneeded -o $@.$(VERSION) $(BUILD)/swift/release/libbatching.so
	ln -sf libbatching.so.$(VERSION) $@.$(SOVERSION)
	ln -sf libbatching.so.$(SOVERSION) $@
	ln -sf ../../../../$(LIBRARY) bindings/python/src/batching/libbatching.so

build: setup-run $(LIBRARY)

# --- The main job -----------------------------------------------------------------------------------------------------

# With the defaults of the command, which it prints.
run: build
	$(VENV)/bin/batching compare $(if $(TRACE),--trace '$(TRACE)') --plot $(BUILD)/comparison.png \
	    --report $(BUILD)/report.html

# --- Tests ------------------------------------------------------------------------------------------------------------

# The tests are those of Swift Testing; the runner of XCTest would have none, and leaks what the sanitizers then report.
SWIFT_TEST := $(SWIFT) test --quiet --disable-xctest --scratch-path

test: setup-test programs check test-conformance test-fleets test-swift test-c test-cpp test-complexity test-python \
      test-examples test-differential test-fuzz test-wheel
	@echo 'make test: everything passed'

# Where the recordings are: any folders, searched with all below them.
DATA ?= $(BATCHING_DATA) $(wildcard $(BATCHING_RECORDINGS))
# And slow restatements of the rules of routers: beside the recordings.
SPECIFICATIONS ?= $(dir $(abspath $(BATCHING_RECORDINGS)))specs/routing

conformance: $(STAMPS)/venv-test $(LIBRARY)
	$(VENV)/bin/python Tests/conformance/conformance.py $(DATA)
	$(VENV)/bin/python Tests/conformance/routers.py $(DATA)
	$(VENV)/bin/python Tests/conformance/replays.py $(DATA)
	$(VENV)/bin/python Tests/conformance/autoscalers.py $(DATA) --specifications '$(SPECIFICATIONS)'
	@if [ -d '$(SPECIFICATIONS)' ]; then \
	    $(VENV)/bin/python Tests/conformance/random_routers.py '$(SPECIFICATIONS)' --cases 150; else \
	    echo 'SKIPPED: routers under random operations: $(SPECIFICATIONS) is not there (set SPECIFICATIONS)'; fi

test-conformance: setup-test $(LIBRARY)
	@if [ -d '$(firstword $(DATA))' ]; then $(MAKE) --no-print-directory conformance; else \
	    echo 'SKIPPED: no recordings of the real scheduler: $(DATA) is not there (set BATCHING_DATA or DATA)'; fi
	@[ -d '$(BATCHING_RECORDINGS)' ] || \
	    echo 'SKIPPED: recordings of more features: $(BATCHING_RECORDINGS) is not there (set BATCHING_RECORDINGS)'

# Where the measured runs are.
TIMES ?= $(firstword $(BATCHING_DATA))/times

# Random fleets against a slow one, so many, from that seed on.
CASES ?= 100000
SEED ?= 5000

fleets: $(STAMPS)/venv-test $(LIBRARY)
	PYTHONPATH=Tests/Oracle $(VENV)/bin/python Tests/Oracle/fleets.py --specifications '$(SPECIFICATIONS)' \
	    --cases $(CASES) --seed $(SEED)

test-fleets: setup-test $(LIBRARY)
	@$(MAKE) --no-print-directory fleets CASES=5000 SEED=0

fidelity: $(STAMPS)/venv-test $(LIBRARY)
	@if [ -d '$(TIMES)' ]; then \
	    $(VENV)/bin/python Tests/fidelity/fidelity.py '$(TIMES)' --output docs/fidelity.md; else \
	    echo 'SKIPPED: no measured runs: $(TIMES) is not there (set BATCHING_DATA or TIMES)'; fi

test-swift:
	$(SWIFT_TEST) $(BUILD)/swift-tests

# In so many processes; some tests use two threads, and some a gigabyte or two.
TEST_PROCESSES ?= 2

test-python: $(STAMPS)/venv-test $(LIBRARY)
	$(VENV)/bin/pytest --numprocesses $(TEST_PROCESSES) --dist worksteal bindings/python/tests
	cd bindings/generator && ../../$(VENV)/bin/pytest

test-examples: test-examples-native $(STAMPS)/venv-test
	examples/compare_output.sh examples/python/quickstart.expected $(VENV)/bin/python examples/python/quickstart.py
	examples/compare_output.sh examples/python/engine.expected $(VENV)/bin/python examples/python/engine.py
	examples/compare_output.sh examples/python/policy.expected $(VENV)/bin/python examples/python/policy.py
	examples/compare_output.sh examples/python/live_fleet.expected $(VENV)/bin/python examples/python/live_fleet.py
	examples/compare_output.sh examples/python/conventions.expected $(VENV)/bin/python examples/python/conventions.py
	$(SWIFT) build --quiet --scratch-path $(BUILD)/swift-tests --product Quickstart
	$(SWIFT) build --quiet --scratch-path $(BUILD)/swift-tests --product EngineExample
	$(SWIFT) build --quiet --scratch-path $(BUILD)/swift-tests --product PolicyExample
	examples/compare_output.sh examples/swift/quickstart.expected $(BUILD)/swift-tests/debug/Quickstart
	examples/compare_output.sh examples/swift/engine.expected $(BUILD)/swift-tests/debug/EngineExample
	examples/compare_output.sh examples/swift/policy.expected $(BUILD)/swift-tests/debug/PolicyExample

# Swift, C and Python print the same bits for the same cases.
test-differential: $(BUILD)/tests/differential $(STAMPS)/venv-test
	$(SWIFT) build --quiet --scratch-path $(BUILD)/swift-tests --product Differential
	$(BUILD)/swift-tests/debug/Differential Tests/differential/cases.txt > $(BUILD)/tests/differential.swift.txt
	$(BUILD)/tests/differential Tests/differential/cases.txt > $(BUILD)/tests/differential.c.txt
	PYTHONPATH=Tests/Oracle $(VENV)/bin/python bindings/python/tests/differential_cases.py \
	    Tests/differential/cases.txt > $(BUILD)/tests/differential.python.txt
	cmp $(BUILD)/tests/differential.swift.txt $(BUILD)/tests/differential.c.txt
	cmp $(BUILD)/tests/differential.swift.txt $(BUILD)/tests/differential.python.txt

# --- What follows from the header -------------------------------------------------------------------------------------

GENERATE := $(VENV)/bin/python bindings/generator/generate.py

generate: $(STAMPS)/venv-test
	$(GENERATE)

# What is committed is what would be written now.
check-generated: $(STAMPS)/venv-test
	$(GENERATE) check

# The library, as it is loaded, uses every function, and every constant of a choice.
check-readiness: $(STAMPS)/venv-test
	$(GENERATE) readiness

# --- Checks -----------------------------------------------------------------------------------------------------------

check: setup-test check-generated check-readiness check-header check-layout check-exports check-library check-format-c \
       check-format-swift check-python check-arrows-python check-arrows-swift check-traps check-docs check-sanitizers \
       check-valgrind check-install abi
	@echo 'make check: everything passed'

check-format-swift:
	$(SWIFT) format lint --strict --recursive --parallel $(SWIFT_FORMATTED)

PYTHON_FORMATTED := bindings/python examples/python Benchmarks/python Tests/conformance Tests/Oracle \
                    Tests/fidelity Tests/checks docs

check-python: $(STAMPS)/venv-test
	$(VENV)/bin/ruff format --check $(PYTHON_FORMATTED)
	$(VENV)/bin/ruff check $(PYTHON_FORMATTED)
	cd bindings/python && ../../$(VENV)/bin/mypy --strict src tests ../../Tests/Oracle
	cd bindings/python && ../../$(VENV)/bin/mypy --strict wheel_tests/test_wheel.py wheel_tests/user_program.py
	$(VENV)/bin/mypy --strict Benchmarks/python examples/python
	$(VENV)/bin/mypy --strict docs/tools Tests/checks/documented.py Tests/checks/offline.py
	$(VENV)/bin/ruff format --check Tests/abi
	$(VENV)/bin/ruff check Tests/abi
	cd Tests/abi && MYPYPATH=../../bindings/generator ../../$(VENV)/bin/mypy --config-file ../../bindings/generator/mypy.ini .
	$(VENV)/bin/ruff format --check bindings/generator
	$(VENV)/bin/ruff check bindings/generator
	cd bindings/generator && ../../$(VENV)/bin/mypy generate.py batching_generator tests
	cd Tests/fidelity && ../../$(VENV)/bin/mypy --strict .
	cd Tests/conformance && MYPYPATH=../Oracle ../../$(VENV)/bin/mypy --strict .

# Each folder of the Swift core knows only those below it.
check-arrows-swift:
	$(PYTHON) Tests/checks/swift_arrows.py

# Each sub-package of the Python package knows only those below it.
check-arrows-python:
	$(PYTHON) Tests/checks/python_arrows.py bindings/python/src/batching

check-sanitizers:
	$(SWIFT_TEST) $(BUILD)/swift-asan --sanitize=address
	$(SWIFT_TEST) $(BUILD)/swift-tsan --sanitize=thread

bench: build $(STAMPS)/packages-test
	$(MAKE) -C Benchmarks PYTHON=$(abspath $(VENV))/bin/python $(if $(SIZE),SIZE=$(SIZE))

clean:
	rm -rf $(BUILD) .build $(VENV) bindings/python/src/batching/libbatching.so

include Tests/native.mk
include Tests/abi/abi.mk
include bindings/c/install.mk
include bindings/python/wheel.mk
include docs/docs.mk
