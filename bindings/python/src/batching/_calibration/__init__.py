"""Iteration times from what a server did."""
