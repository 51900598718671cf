"""Tokens and passwords: they stand in files that the chart mounts from Secrets, never in the settings themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from sunward.domain.errors import SourceUnavailable

LONGEST_TOKEN = 4096
TokenFile = Annotated[Path, Field(strict=False)]
"""A path; strict models take none from text otherwise."""


def read_token(path: Path, source: str, encoding: Literal["ascii", "utf-8"]) -> str:
    """The token in a file, without the white space around it. Read at every use, so that it may be rotated.

    `source` is who is asked with it. Raises SourceUnavailable, which never holds the content, when the file cannot be
    read or holds no token: nothing, several lines, or more than LONGEST_TOKEN characters.
    """
    try:
        token = path.read_text(encoding=encoding).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceUnavailable(source, f"token file: {type(error).__name__}") from None
    if not token or len(token) > LONGEST_TOKEN or not token.isprintable():
        raise SourceUnavailable(source, "token file: holds no token")
    return token
