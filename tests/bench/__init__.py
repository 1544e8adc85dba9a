"""Measurements: `python -m tests.bench` says what this machine makes of the server."""
