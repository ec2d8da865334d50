"""Requests that are generated, the same for the same seed."""
