"""Metrics, the canonical log line and their names: what the operator says about itself."""
