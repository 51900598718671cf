"""How a Prometheus is reached, whatever is asked of it: its address, credentials, certificate and tenant."""

from __future__ import annotations

from typing import Self

import aiohttp
from pydantic import Field, model_validator

from sunward.settings.address import Url
from sunward.settings.section import Section
from sunward.settings.token import TokenFile, read_token


class PrometheusAccess(Section):
    """A token is sent as a bearer; `tenant` is the X-Scope-OrgID of Mimir, Cortex and Thanos."""

    url: Url
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

    def headers(self, source: str) -> dict[str, str]:
        """What every request carries; files are read at every use. `source` is what errors call it.

        Raises SourceUnavailable when a file holds nothing.
        """
        found = {} if self.tenant is None else {"X-Scope-OrgID": self.tenant}
        if self.token_file is not None:
            found["Authorization"] = f"Bearer {read_token(self.token_file, source, 'ascii')}"
        if self.username is not None and self.password_file is not None:
            password = read_token(self.password_file, source, "utf-8")
            found["Authorization"] = aiohttp.encode_basic_auth(self.username, password, "utf-8")
        return found
