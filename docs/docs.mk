# make docs: the manual, one site of HTML pages in build/docs that needs no network. Included by the Makefile at the root,
# which sets BUILD, LIBRARY, STAMPS, VENV and SWIFT.

DOCS := $(BUILD)/docs
DOCS_WORK := $(BUILD)/docs-work
DOCS_PACKAGES := doxygen
CORE := $(shell find Sources/Batching -name '*.swift')
SWIFTC := $(SWIFT)c

.PHONY: docs check-docs check-documented

$(STAMPS)/packages-docs: Makefile docs/docs.mk
	$(call install-packages,$(DOCS_PACKAGES))

$(STAMPS)/venv-docs: bindings/python/pyproject.toml $(STAMPS)/venv-run
	$(VENV)/bin/pip install --quiet --editable 'bindings/python[all,docs]'
	@touch $@

# --- What the references are made of ----------------------------------------------------------------------------------

$(DOCS_WORK)/doxygen/xml/index.xml: include/batching.hpp docs/Doxyfile | $(STAMPS)/packages-docs
	@mkdir -p $(DOCS_WORK)
	rm -rf $(DOCS_WORK)/doxygen
	(cat docs/Doxyfile; echo 'OUTPUT_DIRECTORY = $(DOCS_WORK)/doxygen') | doxygen -

# The compiler tells of every public declaration; the bodies of functions are not looked at.
SYMBOLS := $(DOCS_WORK)/swift/graphs/Batching.symbols.json
$(SYMBOLS): $(CORE) Sources/CBatchingThread/include/cbatching_thread.h docs/docs.mk
	@mkdir -p $(@D)
	echo 'module CBatchingThread { header "$(abspath Sources/CBatchingThread/include/cbatching_thread.h)" export * }' \
	    > $(DOCS_WORK)/swift/module.modulemap
	@$(SWIFTC) -emit-module -wmo -Xfrontend -experimental-skip-all-function-bodies -package-name batching \
	    -parse-as-library -module-name Batching -I $(DOCS_WORK)/swift -emit-module-path $(DOCS_WORK)/swift/Batching.swiftmodule \
	    -emit-symbol-graph -emit-symbol-graph-dir $(@D) -symbol-graph-minimum-access-level public \
	    -symbol-graph-skip-synthesized-members $(CORE)

# DocC lies beside the compiler.
DOCC = $(dir $(shell readlink -f "$$(command -v $(firstword $(SWIFT)))"))docc

$(DOCS_WORK)/swift/archive/metadata.json: $(SYMBOLS)
	rm -rf $(@D)
	$(DOCC) convert --additional-symbol-graph-dir $(<D) --fallback-display-name Batching \
	    --fallback-bundle-identifier batching --diagnostic-level error --no-transform-for-static-hosting --output-dir $(@D)

# --- The site ---------------------------------------------------------------------------------------------------------

# A link that leads nowhere and a name of the package that no page describes are warnings, and so errors.
docs: $(STAMPS)/venv-docs $(LIBRARY) $(DOCS_WORK)/doxygen/xml/index.xml $(DOCS_WORK)/swift/archive/metadata.json
	$(VENV)/bin/python docs/tools/cpp_pages.py include/batching.hpp $(DOCS_WORK)/doxygen/xml docs/reference/cpp/sections
	$(VENV)/bin/python docs/tools/swift_pages.py $(DOCS_WORK)/swift/archive docs/reference/swift/symbols
	BATCHING_DOXYGEN=$(abspath $(DOCS_WORK))/doxygen/xml $(VENV)/bin/sphinx-build --quiet --fail-on-warning \
	    --jobs auto --doctree-dir $(DOCS_WORK)/doctrees docs $(DOCS)
	@echo 'the manual: $(DOCS)/index.html'

check-documented: $(SYMBOLS)
	Tests/checks/documented.py $<

# No page loads anything from another machine.
check-docs: docs check-documented
	Tests/checks/offline.py $(DOCS)
