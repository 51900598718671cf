"""Typer reads deprecated names of Click while it is imported; that is theirs to mend and no fault of a test."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import typer
    import typer.testing  # noqa: F401
