"""Functions that a program deploys by itself."""
