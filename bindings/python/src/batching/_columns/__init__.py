"""Requests and what became of them as columns, and how columns print."""
