"""Routers: which worker gets a request."""
