"""Measures what a node draws, harvests and stores. It cannot act, and knows nothing of the operator."""

__version__ = "0.1.0"
