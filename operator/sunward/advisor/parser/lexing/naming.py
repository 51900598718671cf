"""Names of the base, and what is made like one."""

from __future__ import annotations

import difflib

from sunward.advisor.parser import lexicon
from sunward.advisor.parser.lexing.cursor import Cursor
from sunward.advisor.parser.names import ORDINALS
from sunward.advisor.parser.tokens import Kind
from sunward.advisor.parser.words import Word, stem

NEAR_NAME = 0.8


class Naming(Cursor):
    """Reads names of jobs, nodes, zones and places."""

    def _name(self) -> bool:
        word = self.words[self.at]
        if word.is_mark or word.is_number:
            return False
        if word.is_capital and self.text[word.start : word.end].isupper():
            code = self.index.forms.get(("zone:", word.text))
            if code is not None:
                return self._take(1, *code)
        for count, key in self._joined(1, 5):
            found = self.index.forms.get(key)
            if count == 1 and "neutral" in lexicon.phrases().get((word.text, self._word(1)), ()):
                break
            if found is not None and self._runs_on(count):
                return self._take(count + 1, Kind.UNKNOWN)
            if found is not None and not (found[0] is Kind.NODES and self._goes_on(count)):
                return self._take(count, *found)
            if key in self.index.foreign:
                return self._take(count, Kind.UNKNOWN)
        return self._unknown_name()

    def _runs_on(self, count: int) -> bool:
        """Whether letters follow without a space: `barn-1O` is not `barn-1`."""
        place = self.at + count
        if place >= len(self.words) or self.words[place].is_mark:
            return False
        return self.words[place].start == self.words[place - 1].end

    def _goes_on(self, count: int) -> bool:
        """Whether a name would end in the middle of a longer one: `ams-12` is not `ams`, `barn 7` is not the barns."""
        place = self.at + count
        if place >= len(self.words):
            return False
        if self.words[place].is_number and count == 1:
            following = self.words[place + 1].text if place + 1 < len(self.words) else ""
            return self.words[place].text.isdigit() and following in (
                "",
                ",",
                ".",
                "is",
                "must",
                "awake",
                "on",
                "and",
                "may",
                "should",
                "out",
            )
        return (
            self.words[place].text == "-"
            and self._adjacent(place)
            and (self.words[place + 1].is_number or len(self.words[place + 1].text) == 1)
        )

    def _unknown_name(self) -> bool:
        """`waw-9`, `team/thing`: made like a name, and none of the base."""
        place = self.at + 1
        if place + 1 >= len(self.words) or self.words[place].text not in ("-", "/", "_") or not self._adjacent(place):
            first = self.words[self.at]
            known = first.text not in ORDINALS and any(
                key[0] == stem(first.text) for key in self.index.forms if len(key) > 1
            )
            if known and place < len(self.words) and self.words[place].text.isdigit() and not self._is_form(1):
                return self._take(2, Kind.UNKNOWN)
            if known and self._is_form(1) and self._goes_on(1):
                return self._take(2, Kind.UNKNOWN)
            return False
        words = (self.words[self.at].text, self.words[place + 1].text)
        if (
            self.words[place].text == "-"
            and not words[1].isdigit()
            and not (len(words[1]) == 1 and any(key[0] == stem(words[0]) for key in self.index.forms))
        ):
            return False
        if self.words[place].text == "/" and (
            words in (("and", "or"),) or words[0] in ("g", "co2", "co2e", "grams", "gram") or "kwh" in words
        ):
            return False
        count = 3
        while (
            self.at + count + 1 < len(self.words)
            and self.words[self.at + count].text in "-/_"
            and self._adjacent(self.at + count)
        ):
            count += 2
        return self._take(count, Kind.UNKNOWN)

    def _is_form(self, count: int) -> bool:
        return any(key in self.index.forms for size, key in self._joined(1, 5) if size == count)

    def _is_near_name(self, word: Word) -> bool:
        if len(word.text) < 4:
            return False
        known = [key[0] for key in self.index.forms if len(key) == 1 and len(key[0]) > 3]
        return bool(difflib.get_close_matches(stem(word.text), known, n=1, cutoff=NEAR_NAME))
