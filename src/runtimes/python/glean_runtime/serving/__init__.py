"""Serves the clients of a lease: they call this worker directly."""
