"""`all`, `the others`, parts of a day, phrases, and everything else."""

from __future__ import annotations

from sunward.advisor.parser import lexicon, units
from sunward.advisor.parser.lexing.cursor import BATTERY_NOUNS, HARD_MARKS, JOB_NOUNS, NODE_NOUNS, SOFT_MARKS
from sunward.advisor.parser.lexing.naming import Naming
from sunward.advisor.parser.tokens import Kind, Names

PARTS = {"morning": "morning", "mornings": "morning", "afternoon": "afternoon", "evening": "evening", "night": "night",
         "tonight": "night", "overnight": "night", "nighttime": "night", "nights": "night"}  # fmt: skip
_ALL = {"all", "every", "everything", "each", "both", "any", "anything", "whole"}
_PRONOUNS = {"it", "its", "they", "them", "their", "theirs", "there", "itself", "themselves"}
_OTHERS = {("other",), ("others",), ("rest",), ("remaining",)}
_SYMBOLS = {"+": "more", "=": "neutral"}


class Groups(Naming):
    """Reads words that are no name and no amount."""

    def _all(self) -> bool:
        word = self._word()
        if word not in _ALL or (word == "any" and self._word(1) == "harvest"):
            return False
        if (word, self._word(1)) in (
            ("all", "day"),
            ("all", "night"),
            ("all", "right"),
            ("all", "together"),
            ("all", "in"),
            ("any", "time"),
            ("any", "chance"),
            ("every", "time"),
            ("all", "the"),
            ("whole", "day"),
            ("whole", "night"),
        ) and not (self._word(1) == "the" and self._word(2) != "time"):
            return False
        if word == "whole":
            return False
        size = 1
        while self._word(size) in (
            "of",
            "the",
            "single",
            "my",
            "our",
            "its",
            "their",
            "his",
            "these",
            "those",
            "other",
        ) or (
            (self._word(size).isdigit() or self._word(size) in units.NUMBERS)
            and self._word(size + 1) in NODE_NOUNS | JOB_NOUNS | BATTERY_NOUNS
        ):
            if self._word(size) == "other" or self._word(size) in ("its", "their"):
                break
            size += 1
        noun = self._word(size)
        if noun in JOB_NOUNS:
            return self._take(size + 1, Kind.JOBS, Names(labels=("*",), names=self.index.jobs), frozenset({"work"}))
        if noun in NODE_NOUNS:
            return self._take(size + 1, Kind.NODES, Names(labels=("*",), names=self.index.nodes))
        return self._take(1, Kind.ALL, word)

    def _others(self) -> bool:
        if (self._word(),) not in _OTHERS or (self._word() == "rest" and self._word(-1) != "the"):
            return False
        if self._word(1) == "of" and self._word(2) in _PRONOUNS:
            return False
        following = self._word(1)
        if self._word() in ("other", "remaining") and (following.isdigit() or following in units.NUMBERS):
            noun = self._word(2)
            return self._take(
                3 if noun in JOB_NOUNS | NODE_NOUNS else 2,
                Kind.OTHERS,
                "jobs" if noun in JOB_NOUNS else "nodes" if noun in NODE_NOUNS else "",
            )
        if following in JOB_NOUNS | NODE_NOUNS:
            return self._take(2, Kind.OTHERS, "jobs" if following in JOB_NOUNS else "nodes")
        if self._word() in ("others", "rest"):
            return self._take(1, Kind.OTHERS, "")
        return False

    def _phrase(self) -> bool:
        table = lexicon.phrases()
        words: list[str] = []
        counts: list[int] = []
        place = self.at
        while place < len(self.words) and len(words) < 7:
            word = self.words[place]
            if word.is_mark and word.text not in "-<>=≤≥/":
                break
            place += 1
            if word.text in ("-", "/") and words and self._adjacent(place - 1):
                continue
            words.append(word.text)
            counts.append(place - self.at)
        for size in range(len(words), 1, -1):
            concepts = table.get(tuple(words[:size]))
            bound = words[:size] == ["and", "up"] and words[size : size + 1] == ["to"]  # `and up to 10 %`
            if concepts is not None and not bound and not self._hides_name(counts[size - 1]):
                return self._take(counts[size - 1], Kind.WORD, None, concepts)
        return False

    def _hides_name(self, count: int) -> bool:
        """Whether a number or time stands among these words: phrases have none."""
        return any(self.words[self.at + n].is_number for n in range(count))

    def _part(self) -> bool:
        word = self._word()
        if word in ("whole", "entire", "all", "full") and self._word(1) in ("day", "night"):
            return self._take(2, Kind.HORIZON, self._word(1))
        if word in ("today", "day"):
            return self._take(1, Kind.HORIZON, "day")
        if self.at == 0 and word in ("morning", "afternoon", "evening") and self._word(1) in ("!", ","):
            return self._take(1, Kind.WORD, None, frozenset({"neutral"}))
        if word in PARTS:
            return self._take(
                1, Kind.PART, PARTS[word], frozenset({"overnight"} if word in ("night", "tonight", "overnight") else ())
            )
        if word in _PRONOUNS:
            return self._take(1, Kind.PRONOUN, word)
        return False

    def _rest(self) -> bool:
        word = self.words[self.at]
        if word.text in (*HARD_MARKS, *SOFT_MARKS):
            if word.text == "-" and self._is_range():
                return self._take(1, Kind.WORD, None, frozenset({"neutral", "rangeto"}))
            inside = word.text == "." and 0 < self.at < len(self.words) - 1 and self._adjacent(self.at)
            return self._take(1, Kind.MARK, "hard" if word.text in HARD_MARKS and not inside else "soft")
        if word.is_mark and word.text not in "<>≤≥%":
            return self._take(1, Kind.WORD, None, frozenset({_SYMBOLS.get(word.text, "symbol")}))
        concepts = lexicon.phrases().get((word.text,))
        if word.text == "either" and self._word(1) in ("", *HARD_MARKS, *SOFT_MARKS):
            return self._take(1, Kind.WORD, None, frozenset({"neutral"}))
        if word.text == "and":
            return self._take(1, Kind.MARK, "and")
        if word.text in ("but", "then", "plus") and word.text == "but":
            return self._take(1, Kind.MARK, "but")
        if word.text == "or" or word.text == "nor":
            return self._take(1, Kind.MARK, "or")
        if concepts is None:
            return self._take(1, Kind.UNKNOWN if self._is_near_name(word) else Kind.WORD)
        return self._take(1, Kind.WORD, None, concepts)

    def _is_range(self) -> bool:
        before = self.tokens[-1].kind if self.tokens else None
        return before in (Kind.CLOCK, Kind.NUMBER) and self._hour(1) is not None
