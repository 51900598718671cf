"""The words of a request and the place of reading; what every kind of token needs."""

from __future__ import annotations

from fractions import Fraction

from sunward.advisor.parser import units
from sunward.advisor.parser.names import NameIndex
from sunward.advisor.parser.tokens import Kind, Token, Value
from sunward.advisor.parser.words import split, stem

HARD_MARKS = (".", ";", "?", "!")
SOFT_MARKS = (",", ":", "-", "(", ")", "...", "..", "....", '"', "/", "&", "[", "]")
TIME_WORDS = {
    "by",
    "before",
    "until",
    "till",
    "after",
    "at",
    "from",
    "between",
    "past",
    "since",
    "til",
    "about",
    "around",
    "of",
}
JOB_NOUNS = {"job", "jobs", "work", "task", "tasks", "training", "trainings", "workload", "workloads", "trainer"}
NODE_NOUNS = {"node", "nodes", "box", "boxes", "machine", "machines", "device", "devices", "host", "hosts", "computer",
               "computers", "pi", "pis", "server", "servers", "board", "boards", "location", "locations"}  # fmt: skip
BATTERY_NOUNS = {"battery", "batteries", "batt", "batts", "accumulators", "accumulator", "pack", "packs"}


class Cursor:
    """Words, the tokens so far, and where reading goes on."""

    def __init__(self, text: str, index: NameIndex) -> None:
        self.text = text
        self.index = index
        self.words = split(text)
        self.tokens: list[Token] = []
        self.at = 0

    def _word(self, offset: int = 0) -> str:
        place = self.at + offset
        return self.words[place].text if 0 <= place < len(self.words) else ""

    def _take(self, count: int, kind: Kind, value: Value = None, concepts: frozenset[str] = frozenset()) -> bool:
        first, last = self.words[self.at], self.words[self.at + count - 1]
        capital = first.is_capital and bool(self.tokens) and self.tokens[-1].text not in HARD_MARKS
        self.tokens.append(
            Token(kind=kind, text=self.text[first.start : last.end], start=first.start, end=last.end, value=value,
                  concepts=concepts, is_capital=capital)
        )  # fmt: skip
        self.at += count
        return True

    def _joined(self, count: int, most: int) -> list[tuple[int, tuple[str, ...]]]:
        """Stems of the next words, marks within a name passed over: how many words they take, longest first."""
        found: list[tuple[int, tuple[str, ...]]] = []
        stems: list[str] = []
        place = self.at
        while place < len(self.words) and len(stems) < most:
            word = self.words[place]
            if word.is_mark:
                if not stems or word.text not in "-/_" or not self._adjacent(place):
                    break
            else:
                stems.append(stem(word.text))
                found.append((place - self.at + 1, tuple(stems)))
            place += 1
        return found[count - 1 :][::-1]

    def _adjacent(self, place: int) -> bool:
        if place + 1 >= len(self.words):
            return False
        before, mark, after = self.words[place - 1], self.words[place], self.words[place + 1]
        return before.end == mark.start and mark.end == after.start

    def _hour(self, offset: int) -> int | None:
        word = self._word(offset)
        value = int(word) if word.isdigit() and len(word) <= 2 else units.NUMBERS.get(word, 99)
        return value if value <= 24 else None

    def _unit(self, offset: int) -> tuple[int, Fraction, str]:
        """A unit from here on: how many words it takes (0 for none), its factor and its base unit."""
        words: list[str] = []
        places: list[int] = []
        place = self.at + offset
        while place < len(self.words) and len(words) < units.LONGEST_UNIT:
            word = self.words[place].text
            place += 1
            if word in ("-", "."):
                if word == "." or not words:
                    break
                continue
            words.append(word)
            places.append(place - self.at - offset)
        for size in range(len(words), 0, -1):
            key = tuple(words[:size])
            if key in units.UNITS:
                factor, unit = units.UNITS[key]
                return places[size - 1], factor, unit
        return 0, Fraction(1), ""
