"""Scores the advisor's retrieval on questions whose answers stand in known chunks, over sizes, overlaps and counts.

    python tools/advisor_retrieval.py [--questions FILE]

A row of the file is a question and words of a chunk that answers it. Exit status 0 only if recall at four of the
default setting meets the target.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sunward.advisor.knowledge.chunks import OVERLAP, SIZE
from sunward.advisor.knowledge.index import RESULTS, Index, index

DEFAULT = Path(__file__).parents[1] / "tests" / "support" / "advisor" / "questions.txt"
TARGET = 0.9
SIZES = (500, 1000, 2000)
OVERLAPS = (0, 200)
COUNTS = (2, 4, 8)
MOST = max(COUNTS)


@dataclass(frozen=True, slots=True)
class Question:
    """A question and words of a chunk that answers it."""

    text: str
    words: str


def questions(path: Path) -> list[Question]:
    """The questions of a file."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip() and line[0] != "#"]
    return [Question(*(part.strip() for part in line.split(" | "))) for line in lines]


def places(found: Index, asked: Sequence[Question]) -> list[int | None]:
    """Place of the first chunk that answers each question, from 1; None where it is not among the first."""
    return [_place(found, question) for question in asked]


def _place(found: Index, question: Question) -> int | None:
    for place, one in enumerate(found.search(question.text, MOST), start=1):
        if question.words in " ".join(one.chunk.text.split()):
            return place
    return None


def recall(found: Sequence[int | None], count: int) -> float:
    """Share of questions whose answer is among the first `count` chunks."""
    return sum(place is not None and place <= count for place in found) / len(found)


def mean_reciprocal_rank(found: Sequence[int | None]) -> float:
    """Mean of one over the place of the answer; nothing where there is none."""
    return sum(1.0 / place for place in found if place is not None) / len(found)


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description="Score the advisor's retrieval.")
    parser.add_argument("--questions", type=Path, default=DEFAULT)
    asked = questions(parser.parse_args().questions)
    print(f"{len(asked)} questions")
    print("size overlap " + " ".join(f"recall@{count}" for count in COUNTS) + " MRR characters@4")
    for size in SIZES:
        for overlap in OVERLAPS:
            found = places(index(size, overlap), asked)
            shares = " ".join(f"{recall(found, count):.2f}" for count in COUNTS)
            print(f"{size} {overlap} {shares} {mean_reciprocal_rank(found):.2f} {size * RESULTS}")
    default = recall(places(index(SIZE, OVERLAP), asked), RESULTS)
    print(f"recall@{RESULTS} of {SIZE}/{OVERLAP}: {default:.2f}; target {TARGET}")
    return 0 if default >= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
