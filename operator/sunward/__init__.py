"""Sunward keeps an edge cluster's work where and when its energy is clean."""

__version__ = "0.1.0"
