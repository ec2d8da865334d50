"""Runs as pictures, tables, schedule traces and result files."""
