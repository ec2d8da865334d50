# The tests and checks in C and C++. Included by the Makefile at the root, which sets BUILD, LIBRARY, STAMPS, VENV and
# SECONDS. What is built lies below build/tests; a program is linked with the library in the tree and finds it there.

TESTS := $(BUILD)/tests
NATIVE_WARNINGS := -Wall -Wextra -pedantic -Werror
NATIVE_INCLUDES := -Iinclude
# _GNU_SOURCE: fork, alarm, strsignal and setrlimit, which plain C11 does not have.
NATIVE_CFLAGS := -std=c11 -D_GNU_SOURCE -O1 -g $(NATIVE_WARNINGS) $(NATIVE_INCLUDES) -MMD -MP
NATIVE_CXXFLAGS := -O1 -g $(NATIVE_WARNINGS) -Wshadow -Wconversion $(NATIVE_INCLUDES) -MMD -MP
NATIVE_LIBS := -L$(dir $(LIBRARY)) -lbatching -Wl,-rpath,$(abspath $(dir $(LIBRARY)))

# Makes programs, so many at once; and those that depend on nothing but the library, which is there by then.
compile-all = @$(MAKE) --no-print-directory --jobs $(TEST_PROCESSES) COMPILES=1
compile = $(compile-all) --assume-old $(LIBRARY)

.PHONY: programs test-c test-complexity soak test-cpp test-examples-native test-fuzz fuzz check-header check-layout \
        check-exports check-library check-format-c check-traps check-valgrind check-install

# A program needs the library to be there, and loads whatever version of it is there: no need to link it again.
$(TESTS)/%.o: %.c | $(STAMPS)/packages-test
	@mkdir -p $(@D)
	$(CC) $(NATIVE_CFLAGS) -c $< -o $@

$(TESTS)/cpp17/%.o: %.cpp | $(STAMPS)/packages-test
	@mkdir -p $(@D)
	$(CXX) -std=c++17 $(NATIVE_CXXFLAGS) -c $< -o $@

$(TESTS)/cpp20/%.o: %.cpp | $(STAMPS)/packages-test
	@mkdir -p $(@D)
	$(CXX) -std=c++20 $(NATIVE_CXXFLAGS) -c $< -o $@

# What takes one core a long time to compile, side by side: the library, once more for the fuzzer, and C++.
programs: setup-test
	$(compile-all) $(LIBRARY) $(FUZZ)/fuzz_functions $(TESTS)/cpp17/tests $(TESTS)/cpp20/tests

# --- C ----------------------------------------------------------------------------------------------------------------

CMOCKA_TESTS := $(addprefix $(TESTS)/c/,textbook structs columns errors interrupt simulators capacity catalogue workload serving_metrics \
                load clients iteration_times calibration live_calibration profiles fleet fleet_disaggregation fleet_operations fleet_errors fleet_logs engine engine_ends engine_offload engine_logs engine_callbacks engine_errors engine_policy engine_textbook \
                attribution accumulator autoscaler autoscaler_errors autoscaler_readings router router_errors router_traffic live_fleet live_engine live_policy live_order live_slices live_logs live_bytes accumulator_limits)
SOAK := $(TESTS)/c/soak
HOSTILE_INPUTS := $(TESTS)/c/hostile_inputs
# Not for valgrind: it runs one thread at a time, and a child has the memory of threads that it does not have.
PROCESSES := $(TESTS)/c/processes
# Nor is this: valgrind rounds as the host says, but flushes nothing.
FLOAT_MODES := $(TESTS)/c/float_modes

$(CMOCKA_TESTS) $(SOAK) $(PROCESSES) $(FLOAT_MODES): $(TESTS)/c/%: $(TESTS)/Tests/c/%.o $(TESTS)/Tests/c/oracle.o | $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $^ -o $@ $(NATIVE_LIBS) -lcmocka -lpthread -lm

# Nor is this: its allocator is its own.
FAILING_ALLOCATIONS := $(TESTS)/c/failing_allocations
FUNCTIONS := $(TESTS)/c/functions

$(FAILING_ALLOCATIONS): $(addprefix $(TESTS)/Tests/c/,failing_allocations.o failing_inputs.o failing_functions.o \
                         failing_handles.o failing_live_calibration.o failing_routers.o failing_autoscalers.o failing_fleets.o) | $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $^ -o $@ $(NATIVE_LIBS)

$(FUNCTIONS): include/batching.h Tests/checks/functions.sh | $(STAMPS)/packages-test
	@mkdir -p $(@D)
	Tests/checks/functions.sh > $@

$(HOSTILE_INPUTS): $(addprefix $(TESTS)/Tests/c/,hostile_inputs.o hostile_engine.o hostile_fleet.o hostile_accumulator.o \
                    hostile_live_engine.o hostile_times.o hostile_profiles.o) | $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $^ -o $@ $(NATIVE_LIBS)

$(TESTS)/differential: $(TESTS)/Tests/differential/differential.o | $(LIBRARY)
	$(CC) $^ -o $@ $(NATIVE_LIBS)

test-c: $(FUNCTIONS) $(LIBRARY)
	$(compile) $(CMOCKA_TESTS) $(SOAK) $(HOSTILE_INPUTS) $(PROCESSES) $(FLOAT_MODES) $(FAILING_ALLOCATIONS)
	@Tests/checks/run_each.sh $(TEST_PROCESSES) '' $(SOAK) $(CMOCKA_TESTS) $(HOSTILE_INPUTS) $(PROCESSES) \
	    $(FLOAT_MODES) '$(FAILING_ALLOCATIONS) $(FUNCTIONS)'

# Hours of simulated traffic for each configuration of a live engine; `make test` has one.
HOURS ?= 24

soak: $(SOAK) $(LIBRARY)
	$(SOAK) $(HOURS)

# --- C++ --------------------------------------------------------------------------------------------------------------

DOCTEST_SOURCES := $(wildcard Tests/cpp/*.cpp)

$(TESTS)/cpp17/tests: $(DOCTEST_SOURCES:%.cpp=$(TESTS)/cpp17/%.o) | $(LIBRARY)
	$(CXX) $^ -o $@ $(NATIVE_LIBS)

$(TESTS)/cpp20/tests: $(DOCTEST_SOURCES:%.cpp=$(TESTS)/cpp20/%.o) | $(LIBRARY)
	$(CXX) $^ -o $@ $(NATIVE_LIBS)

test-cpp: $(LIBRARY) | $(STAMPS)/packages-test
	$(compile) $(TESTS)/cpp17/tests $(TESTS)/cpp20/tests
	$(TESTS)/cpp17/tests
	$(TESTS)/cpp20/tests

# --- Complexity -------------------------------------------------------------------------------------------------------

# Instructions are counted by callgrind: the same on any machine, and however busy that is.
COMPLEXITY := $(TESTS)/complexity
count-work = valgrind --quiet --tool=callgrind --collect-atstart=no --callgrind-out-file=$(COMPLEXITY)/work \
             $(1) $(COMPLEXITY)/work

$(COMPLEXITY)/complexity: $(addprefix $(TESTS)/Tests/complexity/,complexity.o work.o) | $(LIBRARY)
	@mkdir -p $(@D)
	$(CC) $^ -o $@ $(NATIVE_LIBS)

test-complexity: $(COMPLEXITY)/complexity $(LIBRARY)
	@$(call count-work,$<) >$(COMPLEXITY)/log 2>&1 && tail -n 1 $(COMPLEXITY)/log || { cat $(COMPLEXITY)/log; exit 1; }

# --- Examples ---------------------------------------------------------------------------------------------------------

EXAMPLES := $(addprefix $(TESTS)/examples/,quickstart compare engine_c engine_cpp policy_c policy_cpp gateway router closed_loop \
            live_calibration deployment_c deployment_cpp profile_c profile_cpp routing_c routing_cpp fleet scaling \
            embed_python)

$(TESTS)/examples/quickstart: $(TESTS)/examples/c/quickstart.o | $(LIBRARY)
	$(CC) $^ -o $@ $(NATIVE_LIBS)

$(TESTS)/examples/compare: $(TESTS)/cpp17/examples/cpp/compare.o | $(LIBRARY)
	@mkdir -p $(@D)
	$(CXX) $^ -o $@ $(NATIVE_LIBS)

$(TESTS)/examples/engine_c: $(TESTS)/examples/c/engine.o | $(LIBRARY)
	$(CC) $^ -o $@ $(NATIVE_LIBS)

$(TESTS)/examples/engine_cpp: $(TESTS)/cpp17/examples/cpp/engine.o | $(LIBRARY)
	@mkdir -p $(@D)
	$(CXX) $^ -o $@ $(NATIVE_LIBS)

$(TESTS)/examples/policy_c: $(TESTS)/examples/c/policy.o | $(LIBRARY)
	$(CC) $^ -o $@ $(NATIVE_LIBS)

$(TESTS)/examples/policy_cpp: $(TESTS)/cpp17/examples/cpp/policy.o | $(LIBRARY)
	@mkdir -p $(@D)
	$(CXX) $^ -o $@ $(NATIVE_LIBS)

$(TESTS)/examples/deployment_c: $(TESTS)/examples/c/deployment.o | $(LIBRARY)
	$(CC) $^ -o $@ $(NATIVE_LIBS)

$(TESTS)/examples/deployment_cpp: $(TESTS)/cpp17/examples/cpp/deployment.o | $(LIBRARY)
	@mkdir -p $(@D)
	$(CXX) $^ -o $@ $(NATIVE_LIBS)

$(TESTS)/examples/profile_c: $(TESTS)/examples/c/profile.o | $(LIBRARY)
	$(CC) $^ -o $@ $(NATIVE_LIBS)

$(TESTS)/examples/profile_cpp: $(TESTS)/cpp17/examples/cpp/profile.o | $(LIBRARY)
	@mkdir -p $(@D)
	$(CXX) $^ -o $@ $(NATIVE_LIBS)

$(TESTS)/examples/routing_c: $(TESTS)/examples/c/routing.o | $(LIBRARY)
	$(CC) $^ -o $@ $(NATIVE_LIBS)

$(TESTS)/examples/routing_cpp: $(TESTS)/cpp17/examples/cpp/routing.o | $(LIBRARY)
	@mkdir -p $(@D)
	$(CXX) $^ -o $@ $(NATIVE_LIBS)

$(TESTS)/examples/gateway: $(TESTS)/examples/c/gateway.o | $(LIBRARY)
	$(CC) $^ -o $@ $(NATIVE_LIBS)

$(addprefix $(TESTS)/examples/,router fleet scaling closed_loop live_calibration): $(TESTS)/examples/%: $(TESTS)/examples/c/%.o | $(LIBRARY)
	$(CC) $^ -o $@ $(NATIVE_LIBS) -lm

# Python's own header is not pedantic, and POSIX lets a function be an object pointer, which -pedantic does not.
$(TESTS)/examples/c/embed_python.o: NATIVE_CFLAGS := $(filter-out -pedantic,$(NATIVE_CFLAGS))
$(TESTS)/examples/c/embed_python.o: NATIVE_INCLUDES = $(shell pkg-config --cflags python3-embed)
$(TESTS)/examples/c/embed_python.o: examples/c/embed_python.c | $(STAMPS)/packages-test
	@mkdir -p $(@D)
	$(CC) $(NATIVE_CFLAGS) $(NATIVE_INCLUDES) -c $< -o $@

$(TESTS)/examples/embed_python: $(TESTS)/examples/c/embed_python.o | $(LIBRARY)
	$(CC) $^ -o $@ $(NATIVE_LIBS) $$(pkg-config --libs python3-embed)

test-examples-native: $(LIBRARY) $(STAMPS)/venv-run | $(STAMPS)/packages-test
	$(compile) $(EXAMPLES)
	examples/compare_output.sh examples/c/quickstart.expected $(TESTS)/examples/quickstart
	examples/compare_output.sh examples/cpp/compare.expected $(TESTS)/examples/compare
	examples/compare_output.sh examples/c/engine.expected $(TESTS)/examples/engine_c
	examples/compare_output.sh examples/cpp/engine.expected $(TESTS)/examples/engine_cpp
	examples/compare_output.sh examples/c/policy.expected $(TESTS)/examples/policy_c
	examples/compare_output.sh examples/cpp/policy.expected $(TESTS)/examples/policy_cpp
	examples/compare_output.sh examples/c/deployment.expected $(TESTS)/examples/deployment_c
	examples/compare_output.sh examples/cpp/deployment.expected $(TESTS)/examples/deployment_cpp
	examples/compare_output.sh examples/c/profile.expected $(TESTS)/examples/profile_c
	examples/compare_output.sh examples/cpp/profile.expected $(TESTS)/examples/profile_cpp
	examples/compare_output.sh examples/c/routing.expected $(TESTS)/examples/routing_c
	examples/compare_output.sh examples/cpp/routing.expected $(TESTS)/examples/routing_cpp
	examples/compare_output.sh examples/c/gateway.expected $(TESTS)/examples/gateway
	examples/compare_output.sh examples/c/router.expected $(TESTS)/examples/router
	examples/compare_output.sh examples/c/fleet.expected $(TESTS)/examples/fleet
	examples/compare_output.sh examples/c/scaling.expected $(TESTS)/examples/scaling
	examples/compare_output.sh examples/c/closed_loop.expected $(TESTS)/examples/closed_loop
	examples/compare_output.sh examples/c/live_calibration.expected $(TESTS)/examples/live_calibration
	VIRTUAL_ENV=$(abspath $(VENV)) BATCHING_LIBRARY=$(abspath $(LIBRARY)) \
	    examples/compare_output.sh examples/c/embed_python.expected $(TESTS)/examples/embed_python

# --- Fuzzing ----------------------------------------------------------------------------------------------------------

# The Swift sources once more, with the sanitizer and the fuzzer's counters inside, as two modules: the core and the C
# functions over it.
FUZZ := $(TESTS)/fuzz
CORE_SOURCES := $(shell find Sources/Batching -name '*.swift')
ABI_SOURCES := $(shell find Sources/BatchingABI -name '*.swift')
FUZZ_SWIFTC := swiftc -O -g -whole-module-optimization -parse-as-library -package-name batching \
               -sanitize=address,fuzzer -I $(FUZZ) -I include
# The clang of the Swift toolchain, whose sanitizers are those of swiftc.
FUZZ_CC = $(shell swiftc -print-target-info | sed -n 's|.*"runtimeResourcePath": "\(.*\)/lib/swift".*|\1/bin/clang|p') \
          -std=c11 -O1 -g $(NATIVE_WARNINGS) -fsanitize=address,fuzzer-no-link $(NATIVE_INCLUDES) -MMD -MP

$(FUZZ)/Batching.o: $(CORE_SOURCES) $(FUZZ)/module.modulemap
	@mkdir -p $(@D)
	$(FUZZ_SWIFTC) -module-name Batching -emit-module -emit-module-path $(FUZZ)/Batching.swiftmodule -c $(CORE_SOURCES) \
	    -o $@

# SwiftPM makes the module map of a C target by itself; outside of it one has to be written.
$(FUZZ)/module.modulemap: Sources/CBatchingSupport/include/cbatching_support.h \
                          Sources/CBatchingThread/include/cbatching_thread.h
	@mkdir -p $(@D)
	echo 'module CBatchingSupport { header "$(abspath $<)" export * }' > $@
	echo 'module CBatchingThread { header "$(abspath $(lastword $^))" export * }' >> $@

$(FUZZ)/BatchingABI.o: $(ABI_SOURCES) $(FUZZ)/Batching.o $(FUZZ)/module.modulemap include/batching.h
	$(FUZZ_SWIFTC) -module-name BatchingABI -c $(ABI_SOURCES) -o $@

$(FUZZ)/%.o: Tests/fuzz/%.c
	@mkdir -p $(@D)
	$(FUZZ_CC) -c $< -o $@

# `ready.c` is left out: a fuzzer needs nothing ready as it is loaded.
$(FUZZ)/c/%.o: Sources/CBatchingSupport/%.c
	@mkdir -p $(@D)
	$(FUZZ_CC) -ISources/CBatchingSupport/include -c $< -o $@

$(FUZZ)/c/%.o: Sources/CBatchingThread/%.c
	@mkdir -p $(@D)
	$(FUZZ_CC) -ISources/CBatchingThread/include -c $< -o $@

# Beside all functions, one alone.
FUZZ_TARGETS := engine live_engine load routers fleet autoscalers accumulator iteration_times calibration live_calibration catalogue profile complexity
$(FUZZ_TARGETS:%=$(FUZZ)/fuzz_one_%.o): $(FUZZ)/fuzz_one_%.o: Tests/fuzz/fuzz_one.c
	@mkdir -p $(@D)
	$(FUZZ_CC) -DTARGET=fuzz_$* -c $< -o $@

FUZZ_OBJECTS := $(addprefix $(FUZZ)/,fuzz_engine.o fuzz_live_engine.o fuzz_engine_bytes.o fuzz_load.o \
                fuzz_routers.o fuzz_fleet.o fuzz_autoscalers.o fuzz_accumulator.o fuzz_times.o fuzz_hardware.o fuzz_live_calibration.o fuzz_profile.o input.o c/cbatching_support.o c/float_mode.o c/interrupt.o c/sentences.o \
                Batching.o BatchingABI.o)
FUZZ_LINK = swiftc -sanitize=address,fuzzer -static-stdlib -use-ld=lld $^ -o $@

$(FUZZ)/fuzz_functions: $(FUZZ)/fuzz_functions.o $(FUZZ_OBJECTS)
	$(FUZZ_LINK)

$(FUZZ_TARGETS:%=$(FUZZ)/fuzz_%): $(FUZZ)/fuzz_%: $(FUZZ)/fuzz_one_%.o $(FUZZ_OBJECTS)
	$(FUZZ_LINK)

# Work is counted where the instrumentation calls at comparisons and moves of memory: see count.c.
COMPARISONS := $(foreach size,1 2 4 8,cmp$(size) const_cmp$(size))
COUNTED := $(COMPARISONS:%=__sanitizer_cov_trace_%) __asan_memcpy __asan_memmove __asan_memset
$(FUZZ)/fuzz_complexity: $(addprefix $(FUZZ)/,fuzz_complexity.o grown_run.o grown_live_engine.o grown_accumulator.o \
                           grown_columns.o count.o)
$(FUZZ)/fuzz_complexity: FUZZ_LINK += $(COUNTED:%=-Xlinker --wrap=%)

# What is fuzzed, for so long, and how often at most (-1: as often as the time allows).
TARGET ?= functions
SECONDS ?= 60
RUNS ?= -1

# Inputs may be long from the start: a run of the engine with its requests takes some hundred bytes. To a live engine 512
# are some 40 calls; longer ones find fewer edges in the same time.
FUZZ_LENGTH := 2048
FUZZ_LENGTH_live_engine := 512
# What grows is said in few bytes; it is done at up to four sizes, which takes a second or two.
FUZZ_LENGTH_complexity := 256
FUZZ_TIMEOUT_complexity := 60
# The largest accumulator has a table of some gigabytes, of which only what is used takes memory.
FUZZ_MALLOC_complexity := 16384

# Not entropic: each new feature is then looked for in every input of the corpus, which took 40 % of the time; without it
# the same time finds more edges, 20 % over all functions and 7 % in live engines.
run-fuzzer = $(FUZZ)/fuzz_$(1) -max_total_time=$(2) -timeout=$(or $(FUZZ_TIMEOUT_$(1)),10) -rss_limit_mb=2048 \
             -malloc_limit_mb=$(or $(FUZZ_MALLOC_$(1)),2048) -len_control=0 -entropic=0 \
             -max_len=$(or $(FUZZ_LENGTH_$(1)),$(FUZZ_LENGTH)) -artifact_prefix=$(FUZZ)/ -print_final_stats=1

fuzz: $(FUZZ)/fuzz_$(TARGET)
	@mkdir -p $(FUZZ)/corpus/$(TARGET)
	$(call run-fuzzer,$(TARGET),$(SECONDS)) -runs=$(RUNS) $(FUZZ)/corpus/$(TARGET)

# The seed is fixed for the short run of `make test`, so that it does not fail by chance on another change.
test-fuzz: $(FUZZ)/fuzz_functions
	@$(call run-fuzzer,functions,20) -seed=1 >$(FUZZ)/log 2>&1 && grep number_of_executed_units $(FUZZ)/log || \
	    { tail -n 60 $(FUZZ)/log; exit 1; }

# --- Checks -----------------------------------------------------------------------------------------------------------

check-header: $(LIBRARY) | $(STAMPS)/packages-test
	Tests/checks/header.sh $(dir $(LIBRARY))

check-layout: $(TESTS)/Tests/checks/layout.o

check-exports: $(LIBRARY) | $(STAMPS)/packages-test
	Tests/checks/exports.sh $(LIBRARY)

check-library: $(LIBRARY) | $(STAMPS)/packages-test
	Tests/checks/library.sh $(LIBRARY)
	Tests/checks/copies.py $(BUILD)/swift/release/libbatching.so

check-format-c: | $(STAMPS)/packages-test
	Tests/checks/format.sh

# No operation of the sources that can trap stands there without a reason why it cannot.
check-traps: $(FUZZ)/module.modulemap
	@mkdir -p $(TESTS)/traps
	@cp $< $(TESTS)/traps
	Tests/checks/traps.py $(TESTS)/traps

# The Swift runtime keeps its metadata behind tagged pointers, which valgrind takes for possible leaks: definite ones count.
# All registers are kept up to date for a test whose signal handler goes on in the middle of a call.
VALGRIND := valgrind --quiet --vex-iropt-register-updates=allregs-at-mem-access --error-exitcode=99 \
            --leak-check=full --show-leak-kinds=definite \
            --errors-for-leak-kinds=definite

# The longest goes first.
check-valgrind: $(LIBRARY) | $(STAMPS)/packages-test
	$(compile) $(CMOCKA_TESTS) $(SOAK) $(HOSTILE_INPUTS)
	@Tests/checks/run_each.sh $(TEST_PROCESSES) '$(VALGRIND)' '$(HOSTILE_INPUTS) --no-fork' '$(SOAK) 0.05' \
	    $(CMOCKA_TESTS)

check-install: $(LIBRARY) $(STAMPS)/venv-run | $(STAMPS)/packages-test
	Tests/checks/install.sh

-include $(shell find $(TESTS) -name '*.d' 2>/dev/null)
