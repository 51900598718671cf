"""Suite R17: addresses outside, words in queries, redirects, and secrets in what is said and logged."""

from __future__ import annotations

import asyncio

from support.faults import injection
from support.faults.outcome import Options, Outcome

TITLE = "R17 secrets and injection"


def run(options: Options) -> Outcome:
    """Every address, word, redirect and answer; the same in both lengths, because nothing in it is random."""
    violations = [
        *injection.forbidden_addresses_taken(),
        *injection.changed_queries(),
        *asyncio.run(injection.redirects_followed()),
        *asyncio.run(injection.secrets_shown()),
    ]
    return Outcome(
        suite="secrets",
        title=TITLE,
        seed=options.seed,
        counts={
            "addresses": len(injection.TARGETS) * len(injection.FIELDS),
            "words": len(injection.WORDS) + len(injection.REFUSED_WORDS),
            "answers": len(injection.ANSWERS),
        },
        violations=violations,
    )
