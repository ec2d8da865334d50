"""Fleets: several engines on one clock, behind a router."""
