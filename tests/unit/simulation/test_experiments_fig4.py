"""Lifecycle stages: shapes that the paper draws, and the law that carries them."""

from __future__ import annotations

import pytest

from sunward.simulation.experiments.published.fig4 import development_share, fig4, stage_grams
from sunward.simulation.experiments.published.learning import ErrorLaw, fitted_law, recorded_curve, rounds_to


def test_every_decided_claim_holds() -> None:
    assert {claim.name for claim in fig4().claims if claim.holds is False} == set()


def test_rounds_and_accuracy_are_each_others_inverse() -> None:
    law = fitted_law()
    for accuracy in (0.9, 0.95, 0.975):
        assert law.accuracy(law.rounds(accuracy)) == pytest.approx(accuracy)


def test_an_accuracy_above_the_ceiling_has_no_rounds() -> None:
    with pytest.raises(ValueError, match="ceiling"):
        ErrorLaw(ceiling=0.98, scale=0.1, exponent=0.5).rounds(0.98)


def test_the_recording_reaches_the_papers_target_about_when_the_law_says() -> None:
    first = next(k for k, value in enumerate(recorded_curve(), start=1) if value >= 0.975)
    assert fitted_law().rounds(0.975) == pytest.approx(first, rel=0.2)


def test_development_is_the_assumed_share_at_the_papers_point() -> None:
    assert development_share(11, 0.975).value == pytest.approx(0.15, abs=0.002)


def test_only_development_depends_on_the_target() -> None:
    low, high = stage_grams(7, 0.94), stage_grams(7, 0.97)
    assert [high[stage] > low[stage] for stage in ("preparation", "development", "application")] == [False, True, False]


def test_the_doubt_of_a_recording_covers_what_was_recorded() -> None:
    rounds = rounds_to(0.975)
    first = next(k for k, value in enumerate(recorded_curve(), start=1) if value >= 0.975)
    assert rounds.low < rounds.value < rounds.high
    assert rounds.low * 0.9 < first < rounds.high


def test_a_share_without_doubt_has_an_interval_of_no_width() -> None:
    share = development_share(11, 0.975)
    assert share.low == share.value == share.high
    assert development_share(11, 0.95).low < development_share(11, 0.95).high
