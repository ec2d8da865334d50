# make abi: a program compiled with an older header runs with this library, and one compiled with a newer header too.
# Included by the Makefile at the root, after Tests/native.mk.
#
# Tests/abi/recorded is the ABI of the last release (of 0.2.0, before its release): its headers, what its library
# exported, and its examples as programs of that time. At a release, or when a result that the examples print is changed
# on purpose, `make abi-record` renews it; it refuses a library that is incompatible with the record. What counts as
# incompatible is said at the head of compare.py.

ABI := Tests/abi
ABI_RECORDED := $(ABI)/recorded
ABI_TESTS := $(TESTS)/abi

# Those that need nothing but the library.
ABI_EXAMPLES := $(filter-out examples/c/embed_python.c,$(wildcard examples/c/*.c examples/cpp/*.cpp))

.PHONY: abi abi-record abi-compare abi-mutations abi-older abi-newer

abi: abi-compare abi-mutations abi-older abi-newer
	@echo 'make abi: compatible with $(ABI_RECORDED), and with programs that are newer'

abi-record: $(LIBRARY) | $(STAMPS)/packages-test $(STAMPS)/venv-test
	$(VENV)/bin/python $(ABI)/record.py $(LIBRARY) $(ABI_EXAMPLES)

abi-compare: $(LIBRARY) | $(STAMPS)/packages-test $(STAMPS)/venv-test
	$(VENV)/bin/python $(ABI)/compare.py $(ABI_RECORDED)/batching.h include/batching.h \
	    --recorded-exports $(ABI_RECORDED)/exports.txt --library $(LIBRARY)

# Whether the comparison sees what it should see.
abi-mutations: $(LIBRARY) | $(STAMPS)/packages-test $(STAMPS)/venv-test
	$(VENV)/bin/python $(ABI)/mutations.py include/batching.h $(LIBRARY)

# compiled-with FOLDER,FLAGS: another folder of headers; what depends on them is said below.
compiled-with = $(filter-out -MMD -MP,$(subst -Iinclude,-I$(1),$(2)))

# --- Older programs: compiled with the recorded headers ---------------------------------------------------------------

OLDER := $(ABI_TESTS)/older
OLDER_HEADERS := $(ABI_RECORDED)/batching.h $(ABI_RECORDED)/batching.hpp
OLDER_SOURCES := $(wildcard $(ABI_RECORDED)/examples/c/*.c $(ABI_RECORDED)/examples/cpp/*.cpp)
OLDER_PROGRAMS := $(patsubst $(ABI_RECORDED)/examples/%,$(OLDER)/%,$(basename $(OLDER_SOURCES)))

$(OLDER)/c/%: $(ABI_RECORDED)/examples/c/%.c $(OLDER_HEADERS) | $(LIBRARY) $(STAMPS)/packages-test
	@mkdir -p $(@D)
	$(CC) $(call compiled-with,$(ABI_RECORDED),$(NATIVE_CFLAGS)) $< -o $@ $(NATIVE_LIBS)

$(OLDER)/cpp/%: $(ABI_RECORDED)/examples/cpp/%.cpp $(OLDER_HEADERS) | $(LIBRARY) $(STAMPS)/packages-test
	@mkdir -p $(@D)
	$(CXX) -std=c++17 $(call compiled-with,$(ABI_RECORDED),$(NATIVE_CXXFLAGS)) $< -o $@ $(NATIVE_LIBS)

$(OLDER)/every_init.h: $(ABI_RECORDED)/batching.h $(ABI)/grow_header.py | $(STAMPS)/venv-test
	@mkdir -p $(@D)
	$(VENV)/bin/python $(ABI)/grow_header.py --list $< $@

$(OLDER)/older_structs: $(ABI)/older_structs.c $(OLDER)/every_init.h | $(LIBRARY) $(STAMPS)/packages-test
	$(CC) $(call compiled-with,$(ABI_RECORDED) -I$(OLDER),$(NATIVE_CFLAGS)) $< -o $@ $(NATIVE_LIBS)

abi-older: $(OLDER_PROGRAMS) $(OLDER)/older_structs $(LIBRARY)
	$(OLDER)/older_structs
	@for program in $(OLDER_PROGRAMS:$(OLDER)/%=%); do \
	    examples/compare_output.sh $(ABI_RECORDED)/examples/$$program.expected $(OLDER)/$$program || exit 1; done

# --- Newer programs: compiled with a header in which every struct has grown -------------------------------------------

NEWER := $(ABI_TESTS)/newer
NEWER_HEADERS := $(NEWER)/include/batching.h $(NEWER)/include/batching.hpp
# All C tests but those that compare with the sizes of this version.
NEWER_TESTS := $(patsubst $(TESTS)/c/%,$(NEWER)/tests/%,\
                 $(filter-out $(addprefix $(TESTS)/c/,structs engine_callbacks engine_policy live_engine),$(CMOCKA_TESTS))) \
               $(NEWER)/newer_structs $(NEWER)/newer_structs_cpp
NEWER_PROGRAMS := $(patsubst examples/%,$(NEWER)/%,$(basename $(ABI_EXAMPLES)))

$(NEWER)/include/batching.h: include/batching.h $(ABI)/grow_header.py | $(STAMPS)/venv-test
	@mkdir -p $(@D)
	$(VENV)/bin/python $(ABI)/grow_header.py $< $@

# batching.hpp includes the batching.h beside it.
$(NEWER)/include/batching.hpp: include/batching.hpp
	@mkdir -p $(@D)
	cp $< $@

$(NEWER)/newer_structs: $(ABI)/newer_structs.c Tests/c/support.h $(NEWER_HEADERS) | $(LIBRARY) $(STAMPS)/packages-test
	$(CC) $(call compiled-with,$(NEWER)/include,$(NATIVE_CFLAGS)) $< -o $@ $(NATIVE_LIBS) -lcmocka

$(NEWER)/newer_structs_cpp: $(ABI)/newer_structs.cpp $(NEWER_HEADERS) | $(LIBRARY) $(STAMPS)/packages-test
	$(CXX) -std=c++17 $(call compiled-with,$(NEWER)/include,$(NATIVE_CXXFLAGS)) $< -o $@ $(NATIVE_LIBS)

$(NEWER)/tests/%: Tests/c/%.c Tests/c/oracle.c $(wildcard Tests/c/*.h) $(NEWER_HEADERS) | $(LIBRARY) $(STAMPS)/packages-test
	@mkdir -p $(@D)
	$(CC) $(call compiled-with,$(NEWER)/include,$(NATIVE_CFLAGS)) $< Tests/c/oracle.c -o $@ $(NATIVE_LIBS) -lcmocka -lpthread -lm

$(NEWER)/c/%: examples/c/%.c $(NEWER_HEADERS) | $(LIBRARY) $(STAMPS)/packages-test
	@mkdir -p $(@D)
	$(CC) $(call compiled-with,$(NEWER)/include,$(NATIVE_CFLAGS)) $< -o $@ $(NATIVE_LIBS)

$(NEWER)/cpp/%: examples/cpp/%.cpp $(NEWER_HEADERS) | $(LIBRARY) $(STAMPS)/packages-test
	@mkdir -p $(@D)
	$(CXX) -std=c++17 $(call compiled-with,$(NEWER)/include,$(NATIVE_CXXFLAGS)) $< -o $@ $(NATIVE_LIBS)

abi-newer: $(NEWER_TESTS) $(NEWER_PROGRAMS) $(LIBRARY)
	@for test in $(NEWER_TESTS); do \
	    $$test >$(NEWER)/log 2>&1 && tail -n 1 $(NEWER)/log | sed "s|^|$$test: |" || \
	    { cat $(NEWER)/log; echo "$$test: failed"; exit 1; }; \
	done
	@for program in $(NEWER_PROGRAMS:$(NEWER)/%=%); do \
	    examples/compare_output.sh examples/$$program.expected $(NEWER)/$$program || exit 1; done
