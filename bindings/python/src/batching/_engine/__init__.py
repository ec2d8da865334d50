"""The serving engine: how it is configured, one run of it, and what a run finds out."""
