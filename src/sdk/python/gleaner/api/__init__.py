"""Requests to gleanerd: where it is, who asks, what is asked."""
