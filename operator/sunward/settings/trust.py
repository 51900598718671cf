"""Whose certificates count for an address of the settings: everybody's, or those of the admin's own authority alone."""

from __future__ import annotations

import ssl
from pathlib import Path

from sunward.domain.errors import SourceUnavailable


def trusted(ca_file: Path | None, source: str) -> ssl.SSLContext | bool:
    """What to verify certificates with. Read at every use, as tokens are, so that the file may be replaced.

    `source` is who is asked. Raises SourceUnavailable when the file holds no certificate.
    """
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except OSError as error:  # which SSLError is as well
        raise SourceUnavailable(source, f"certificate file: {type(error).__name__}") from None
