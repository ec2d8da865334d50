# make install PREFIX=/usr/local: the headers, the library, and what pkg-config and CMake need to find them.
# make uninstall PREFIX=… takes away the same files.
#
# Included by the Makefile at the root, which sets VERSION, SOVERSION, LIBRARY and PREFIX. DESTDIR goes before every path
# that is written to, and into no file, as packagers expect.

# Where libraries are: lib, lib64 or lib/x86_64-linux-gnu, below PREFIX; or any absolute path.
LIBDIR ?= lib

SONAME := libbatching.so.$(SOVERSION)
LIBRARY_FILE := libbatching.so.$(VERSION)

absolute_libdir = $(if $(filter /%,$(LIBDIR)),$(LIBDIR),$(PREFIX)/$(LIBDIR))
# Said from PREFIX on if it lies below it, so that the files hold wherever the whole is moved to.
libdir_below_prefix = $(patsubst $(PREFIX)/%,%,$(absolute_libdir))
libdir_is_elsewhere = $(filter /%,$(libdir_below_prefix))

# For pkg-config: ${prefix}/lib. For CMake: lib -> .., lib/x86_64-linux-gnu -> ../..
empty :=
space := $(empty) $(empty)
libdir_of_pkg_config = $(if $(libdir_is_elsewhere),$(absolute_libdir),\$${prefix}/$(libdir_below_prefix))
path_to_prefix = $(subst $(space),/,$(foreach folder,$(subst /, ,$(libdir_below_prefix)),..))
prefix_of_cmake = $(if $(libdir_is_elsewhere),$(PREFIX),\$${batching_libdir}/$(path_to_prefix))

installed_libdir = $(DESTDIR)$(absolute_libdir)
installed_includedir = $(DESTDIR)$(PREFIX)/include
installed_documents = $(DESTDIR)$(PREFIX)/share/doc/batching
installed_cmake = $(installed_libdir)/cmake/batching

# Through `install`, so that the mode does not depend on the umask.
fill = sed -e "s|@PREFIX@|$(PREFIX)|g" -e "s|@LIBDIR_OF_PKG_CONFIG@|$(libdir_of_pkg_config)|g" \
	-e "s|@PREFIX_OF_CMAKE@|$(prefix_of_cmake)|g" \
	-e 's|@VERSION@|$(VERSION)|g' -e 's|@MINOR_VERSION@|$(basename $(VERSION))|g' \
	-e 's|@SONAME@|$(SONAME)|g' -e 's|@LIBRARY_FILE@|$(LIBRARY_FILE)|g' $(1) | install -m 644 /dev/stdin $(2)

# Paths with spaces would be several words to make, and a relative one means something else to each program that reads it.
check-paths = $(if $(and $(filter /%,$(PREFIX)),$(filter 1,$(words $(PREFIX))),$(filter 1,$(words $(LIBDIR)))),,\
	$(error PREFIX is '$(PREFIX)', LIBDIR is '$(LIBDIR)': PREFIX must be absolute, and neither may contain spaces))

.PHONY: install uninstall

install: $(LIBRARY)
	$(check-paths)
	install -d '$(installed_includedir)' '$(installed_libdir)/pkgconfig' '$(installed_cmake)' '$(installed_documents)'
	install -m 644 include/batching.h include/batching.hpp '$(installed_includedir)'
	install -m 755 $(LIBRARY) '$(installed_libdir)/$(LIBRARY_FILE)'
	ln -sf $(LIBRARY_FILE) '$(installed_libdir)/$(SONAME)'
	ln -sf $(SONAME) '$(installed_libdir)/libbatching.so'
	$(call fill,bindings/c/batching.pc.in,'$(installed_libdir)/pkgconfig/batching.pc')
	$(call fill,bindings/c/batching-config.cmake.in,'$(installed_cmake)/batching-config.cmake')
	$(call fill,bindings/c/batching-config-version.cmake.in,'$(installed_cmake)/batching-config-version.cmake')
	install -m 644 LICENSE '$(installed_documents)/LICENSE'
	@echo 'installed below $(DESTDIR)$(PREFIX); if $(absolute_libdir) is a folder of the system, run ldconfig now'

uninstall:
	$(check-paths)
	rm -f '$(installed_includedir)/batching.h' '$(installed_includedir)/batching.hpp'
	rm -f '$(installed_libdir)/$(LIBRARY_FILE)' '$(installed_libdir)/$(SONAME)' '$(installed_libdir)/libbatching.so'
	rm -f '$(installed_libdir)/pkgconfig/batching.pc'
	rm -rf '$(installed_cmake)' '$(installed_documents)'
