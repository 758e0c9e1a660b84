"""Adaptive tests, run through Inspect."""
