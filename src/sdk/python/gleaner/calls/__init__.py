"""Calls over gleanerd: one, many, and how they end."""
