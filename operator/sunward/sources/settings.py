"""The section of the settings file that says where the exporters' samples are."""

from __future__ import annotations

from typing import Self

import aiohttp
from pydantic import Field, model_validator

from sunward.settings.address import Url
from sunward.settings.section import Section
from sunward.settings.token import TokenFile, read_token

NAME = "prometheus"
"""What errors call it."""


class PrometheusSettings(Section):
    """Which Prometheus holds the exporters' samples, how often it takes them (seconds), and what it asks for.

    A token is sent as a bearer; `tenant` is the X-Scope-OrgID of Mimir, Cortex and Thanos.
    """

    url: Url
    timeout_seconds: float = Field(default=10.0, gt=0.0, le=60.0)
    scrape_interval_seconds: float = Field(default=5.0, gt=0.0, le=300.0)
    job: str = Field(default="sunward-exporter", min_length=1, max_length=253)
    token_file: TokenFile | None = None
    username: str | None = Field(default=None, min_length=1, max_length=256, pattern=r"^[!-9;-~]+$")
    password_file: TokenFile | None = None
    ca_file: TokenFile | None = None
    tenant: str | None = Field(default=None, pattern=r"^[A-Za-z0-9!._*'()-]{1,150}$")

    @model_validator(mode="after")
    def _uses_what_it_is_given(self) -> Self:
        if (self.username is None) is not (self.password_file is None):
            raise ValueError("username and passwordFile are used together: set both, or neither")
        if self.username is not None and self.token_file is not None:
            raise ValueError("only one of tokenFile and username is sent: remove the other")
        if self.ca_file is not None and not self.url.lower().startswith("https://"):
            raise ValueError("caFile is used with https only: change url to https, or remove caFile")
        return self

    def headers(self) -> dict[str, str]:
        """What every request carries; files are read at every use. Raises SourceUnavailable when one holds nothing."""
        found = {} if self.tenant is None else {"X-Scope-OrgID": self.tenant}
        if self.token_file is not None:
            found["Authorization"] = f"Bearer {read_token(self.token_file, NAME, 'ascii')}"
        if self.username is not None and self.password_file is not None:
            password = read_token(self.password_file, NAME, "utf-8")
            found["Authorization"] = aiohttp.encode_basic_auth(self.username, password, "utf-8")
        return found
