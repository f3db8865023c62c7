"""Payloads as the values of a handler: JSON, text, bytes and numpy arrays."""
