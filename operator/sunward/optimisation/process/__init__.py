"""Solving in a worker process with a hard limit. Knows the faces only."""
