"""Shuts its node's system down when ordered. It acts, cannot listen, and knows nothing of the operator's code."""

__version__ = "0.1.0"
