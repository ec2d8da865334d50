# make install PREFIX=/usr/local: the headers, the library, and what pkg-config and CMake need to find them.
# make uninstall PREFIX=… takes away the same files.
#
# Included by the Makefile at the root. DESTDIR goes before every path written, and into none, as packagers expect.

PREFIX ?= /usr/local
# Where libraries are below PREFIX: lib, lib64 or lib/x86_64-linux-gnu.
LIBDIR ?= lib
LIBRARY ?= build/lib/libbatching.so

header_macro = $(shell sed -n 's/^\#define BATCHING_VERSION_$(1) \([0-9]*\)$$/\1/p' include/batching.h)
VERSION_MAJOR := $(call header_macro,MAJOR)
VERSION_MINOR := $(call header_macro,MINOR)
VERSION := $(VERSION_MAJOR).$(VERSION_MINOR).$(call header_macro,PATCH)
SONAME := libbatching.so.0
LIBRARY_FILE := libbatching.so.$(VERSION)

installed_libdir = $(DESTDIR)$(PREFIX)/$(LIBDIR)
installed_includedir = $(DESTDIR)$(PREFIX)/include
installed_documents = $(DESTDIR)$(PREFIX)/share/doc/batching
installed_cmake = $(installed_libdir)/cmake/batching

# lib -> .., lib/x86_64-linux-gnu -> ../..
empty :=
space := $(empty) $(empty)
LIBDIR_TO_PREFIX = $(subst $(space),/,$(foreach folder,$(subst /, ,$(LIBDIR)),..))

fill = sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@LIBDIR@|$(LIBDIR)|g' -e 's|@LIBDIR_TO_PREFIX@|$(LIBDIR_TO_PREFIX)|g' \
	-e 's|@VERSION@|$(VERSION)|g' -e 's|@MAJOR@|$(VERSION_MAJOR)|g' -e 's|@MINOR@|$(VERSION_MINOR)|g' \
	-e 's|@SONAME@|$(SONAME)|g' -e 's|@LIBRARY_FILE@|$(LIBRARY_FILE)|g'

.PHONY: install uninstall

install: $(LIBRARY)
	install -d $(installed_includedir) $(installed_libdir)/pkgconfig $(installed_cmake) $(installed_documents)
	install -m 644 include/batching.h include/batching.hpp $(installed_includedir)
	install -m 755 $(LIBRARY) $(installed_libdir)/$(LIBRARY_FILE)
	ln -sf $(LIBRARY_FILE) $(installed_libdir)/$(SONAME)
	ln -sf $(SONAME) $(installed_libdir)/libbatching.so
	$(fill) bindings/c/batching.pc.in > $(installed_libdir)/pkgconfig/batching.pc
	$(fill) bindings/c/batching-config.cmake.in > $(installed_cmake)/batching-config.cmake
	$(fill) bindings/c/batching-config-version.cmake.in > $(installed_cmake)/batching-config-version.cmake
	install -m 644 LICENSE $(installed_documents)/LICENSE
	@# The loader looks a library up in its cache; without DESTDIR this is the system it will run on.
	@if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" = 0 ]; then ldconfig; fi

uninstall:
	rm -f $(installed_includedir)/batching.h $(installed_includedir)/batching.hpp
	rm -f $(addprefix $(installed_libdir)/,$(LIBRARY_FILE) $(SONAME) libbatching.so pkgconfig/batching.pc)
	rm -rf $(installed_cmake) $(installed_documents)
