"""Tiny games that run in the worker itself, for tests and first steps."""
