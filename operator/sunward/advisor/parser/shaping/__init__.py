"""Passes over the tokens of a request: what they mean together."""
