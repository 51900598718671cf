"""The one error the lab shows to people."""

from __future__ import annotations


class LabError(Exception):
    """Something the lab cannot do; the message says what is missing and how to get it."""
