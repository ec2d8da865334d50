"""Writes what follows from include/batching.h: see the README beside this package."""
