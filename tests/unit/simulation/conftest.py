"""Typer still reaches for a name that click has deprecated; that is not ours to fix, and is no error of a test."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import typer  # noqa: F401 - imported here so that the warning is spent before the tests import it
