# Generated from include/batching.h by `make generate`: change that, not this.
"""The C interface as ctypes sees it."""
