"""No address outside, no word in a query, no redirect, no secret in an error; and the suite would see one."""

from __future__ import annotations

import pytest

from fault_injection.in_memory import secrets
from sunward.sources.http import WITHHELD, credentials
from support.faults import injection
from support.faults.outcome import Options


def test_the_suite_finds_nothing_and_tries_enough() -> None:
    found = secrets.run(Options())
    assert found.violations == []
    assert len(injection.TARGETS) >= 40
    assert len(injection.WORDS) >= 50


def test_a_word_that_changes_a_query_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sunward.sources.promql._string", lambda text: f'"{text}"')
    assert any("or vector(1)" in one for one in injection.changed_queries())


@pytest.mark.parametrize(
    ("headers", "parameters", "words"),
    [
        ({"Authorization": "Bearer abc-def"}, {}, "abc-def"),
        ({"auth-token": "t0ken"}, {}, "t0ken"),
        ({"Authorization": "Basic bWU6b3BlbiBzZXNhbWU="}, {}, "open sesame"),
        ({"Authorization": "Basic bWU6b3BlbiBzZXNhbWU="}, {}, "bWU6b3BlbiBzZXNhbWU="),
        ({"Authorization": "Basic bWU6b3BlbiBzZXNhbWU="}, {}, "open%20sesame"),
        ({}, {"api_key": "k&y"}, "k%26y"),
    ],
)
def test_every_spelling_of_a_credential_is_known(
    headers: dict[str, str], parameters: dict[str, str], words: str
) -> None:
    assert words in credentials(headers, parameters)


def test_what_is_no_credential_may_be_said() -> None:
    headers = {"Accept-Encoding": "identity", "X-Scope-OrgID": "farm", "Authorization": "Bearer abc"}
    assert credentials(headers, {"zone": "DE"}) == {"abc"}
    assert "credential" in WITHHELD
