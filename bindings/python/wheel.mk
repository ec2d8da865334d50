# make wheel: the Python package with the library inside, as one file for any Python 3 on Linux. Included by the
# Makefile at the root, which sets BUILD, LIBRARY, STAMPS, VENV and PYTHON.

WHEELS := $(BUILD)/wheel
WHEEL_VENV := $(BUILD)/wheel-venv
# The oldest Linux that the library runs on, by its C library: auditwheel refuses to give the name if the library needs
# a newer one.
WHEEL_PLATFORM := manylinux_2_34_$(shell uname -m)
WHEEL_SOURCES := $(shell find bindings/python/src -name '*.py' -o -name '*.jinja' -o -name py.typed) \
                 $(addprefix bindings/python/,pyproject.toml hatch_build.py README.md)

.PHONY: wheel test-wheel

$(STAMPS)/venv-wheel: bindings/python/wheel-tools.txt | $(STAMPS)/packages-run
	$(PYTHON) -m venv $(WHEEL_VENV)
	$(WHEEL_VENV)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

# auditwheel finds patchelf in the path. What it repairs is the name alone: the library brings its runtime along.
$(STAMPS)/wheel: $(LIBRARY) $(WHEEL_SOURCES) $(STAMPS)/venv-wheel
	rm -rf $(WHEELS) $(BUILD)/wheel-unrepaired
	$(WHEEL_VENV)/bin/python -m build --wheel --no-isolation --outdir $(BUILD)/wheel-unrepaired bindings/python
	PATH="$(abspath $(WHEEL_VENV))/bin:$$PATH" auditwheel repair --plat $(WHEEL_PLATFORM) --only-plat \
	    --wheel-dir $(WHEELS) $(BUILD)/wheel-unrepaired/*.whl
	@touch $@

wheel: $(STAMPS)/wheel
	@ls -l $(WHEELS)/*.whl

test-wheel: $(STAMPS)/wheel $(STAMPS)/venv-test
	$(VENV)/bin/pytest bindings/python/wheel_tests
