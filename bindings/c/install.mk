# make install PREFIX=/usr/local: the headers, the library, and what pkg-config and CMake need to find them.
# make uninstall PREFIX=… takes away the same files.
#
# Included by the Makefile at the root, which sets VERSION, SOVERSION, LIBRARY and PREFIX. DESTDIR goes before every path
# that is written to, and into no file, as packagers expect.

# Where libraries are below PREFIX: lib, lib64 or lib/x86_64-linux-gnu.
LIBDIR ?= lib

SONAME := libbatching.so.$(SOVERSION)
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
	-e 's|@VERSION@|$(VERSION)|g' -e 's|@MINOR_VERSION@|$(basename $(VERSION))|g' \
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
	@echo 'installed below $(DESTDIR)$(PREFIX); if its $(LIBDIR) is a folder of the system, run ldconfig now'

uninstall:
	rm -f $(installed_includedir)/batching.h $(installed_includedir)/batching.hpp
	rm -f $(addprefix $(installed_libdir)/,$(LIBRARY_FILE) $(SONAME) libbatching.so pkgconfig/batching.pc)
	rm -rf $(installed_cmake) $(installed_documents)
