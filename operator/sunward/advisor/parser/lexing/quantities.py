"""Numbers with their units."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from sunward.advisor.parser import units
from sunward.advisor.parser.lexing.cursor import JOB_NOUNS, NODE_NOUNS, Cursor
from sunward.advisor.parser.tokens import Amount, Kind

_MONEY = "€$£¥"


class Quantities(Cursor):
    """Reads amounts in digits and words."""

    def _quantity(self) -> bool:
        return self._money() or self._fraction() or self._multiple() or self._number()

    def _money(self) -> bool:
        return self._word() in _MONEY and self._take(1, Kind.WORD, None, frozenset({"money"}))

    def _fraction(self) -> bool:
        named = bool(self.tokens) and self.tokens[-1].kind in (Kind.JOBS, Kind.NODES)
        if self._word() == "none" and (self._word(1) == "of" or named):
            return self._take(1, Kind.QUANTITY, Amount(value=Fraction(0), unit="%", is_word=True))
        for size in (3, 2, 1):
            key = tuple(self._word(n) for n in range(size))
            value = units.FRACTIONS.get(key)
            unit = self._fraction_of_unit(size) if value is not None else None
            if value is not None and unit is not None:
                count, factor, name = unit
                return self._take(count, Kind.QUANTITY, Amount(value=value * factor, unit=name, is_word=True))
            if value is not None and not (
                key in (("half",), ("quarter",)) and self._word(1) in ("past", "hour", "an", "hours")
            ):
                if self._unit(size)[2] in ("s", "g", "Wh", "W"):
                    return False
                return self._take(size, Kind.QUANTITY, Amount(value=value * 100, unit="%", is_word=True))
        if self._word() == "half" and (self._word(1), self._word(2)) in (("an", "hour"),):
            return self._take(3, Kind.QUANTITY, Amount(value=Fraction(1800), unit="s", is_word=True))
        if (self._word(), self._word(1), self._word(2)) == ("a", "half", "hour"):
            return self._take(3, Kind.QUANTITY, Amount(value=Fraction(1800), unit="s", is_word=True))
        return False

    def _fraction_of_unit(self, size: int) -> tuple[int, Fraction, str] | None:
        """`half a watt`, `a quarter of a kilo`: how many words it takes, the unit's factor and its name."""
        at = size + 1 if self._word(size) == "of" else size
        if self._word(at) not in ("a", "an", "one"):
            return None
        count, factor, name = self._unit(at + 1)
        return (at + 1 + count, factor, name) if count and name in ("W", "Wh", "g", "%", "s") else None

    def _multiple(self) -> bool:
        if self._word() in units.MULTIPLES:
            value = units.MULTIPLES[self._word()]
            return self._take(1, Kind.QUANTITY, Amount(value=value, unit="x", is_word=True))
        return False

    def _number(self) -> bool:
        taken, value, is_word = self._value()
        if value is None:
            return False
        taken, value = self._mixed(taken, value)
        rest = self._word(taken)
        if (
            rest == "/"
            and self._word(taken + 1).isdigit()
            and not self._unit(taken + 1)[0]
            and int(self._word(taken + 1))
        ):
            value, taken = value / int(self._word(taken + 1)), taken + 2
            if not self._unit(taken)[0]:
                return self._take(taken, Kind.QUANTITY, Amount(value=value * 100, unit="%", is_word=True))
        later = self._word(taken) in ("more", "extra", "additional", "further")
        if later and self._unit(taken + 1)[2] == "s":
            size, factor, unit = self._unit(taken + 1)
            count, part = self._part_of_time(taken + 1 + size, unit)
            amount = Amount(value=(value + part) * factor, unit=unit, is_word=is_word)
            return self._take(count, Kind.QUANTITY, amount, frozenset({"later"}))
        extra = 1 if self._word(taken) == "-" and self._adjacent(self.at + taken) else 0
        size, factor, unit = self._unit(taken + extra)
        if size and not (is_word and unit in ("g", "W", "Wh", "x") and self._word(taken) in ("t", "w")):
            concepts = frozenset({"later"} if self._word() == "another" else ())
            count, part = self._part_of_time(taken + extra + size, unit)
            amount = Amount(value=(value + part) * factor, unit=unit, is_word=is_word)
            return self._take(count, Kind.QUANTITY, amount, concepts)
        return self._take(taken, Kind.NUMBER, Amount(value=value, is_word=is_word))

    def _mixed(self, taken: int, value: Fraction) -> tuple[int, Fraction]:
        """`three and a half`, `1 1/2`: how many words a number takes with its fraction, and its value."""
        if self._word(taken) == "and":
            for size in (2, 1):
                part = units.FRACTIONS.get(tuple(self._word(taken + 1 + n) for n in range(size)))
                if part is not None and not (size == 1 and self._word(taken + 1) in ("half", "third", "quarter")):
                    return taken + 1 + size, value + part
        first, mark, second = (self._word(taken + n) for n in range(3))
        if first.isdigit() and mark == "/" and second in ("2", "3", "4") and int(first) < int(second):
            return taken + 3, value + Fraction(int(first), int(second))
        return taken, value

    def _part_of_time(self, taken: int, unit: str) -> tuple[int, Fraction]:
        """`an hour and a half`: how many words there are with it, and the part of the unit."""
        if unit == "s" and self._word(taken) == "and" and self._word(taken + 1) == "a":
            part = units.FRACTIONS.get(("a", self._word(taken + 2)))
            if part is not None:
                return taken + 3, part
        return taken, Fraction(0)

    def _value(self) -> tuple[int, Fraction | None, bool]:
        """How many words a number takes, and its value; None where there is none."""
        word = self.words[self.at]
        if word.is_number:
            sign = (
                -1
                if self._word(-1) == "-"
                and self.words[self.at - 1].end == word.start
                and (self.at < 2 or self.words[self.at - 2].end < self.words[self.at - 1].start)
                else 1
            )
            value = units.number(word.text)
            if sign < 0 and self.tokens and self.tokens[-1].text == "-":
                self.tokens.pop()
                self.words[self.at] = replace(word, start=self.words[self.at - 1].start)
            return 1, None if value is None else sign * value, False
        if word.text in ("a", "one") and self._word(1) == "hundred":
            return self._hundreds(1)
        if word.text == "a" and self._word(1) == "single":
            return 2, Fraction(1), True
        longer = self._word(1) in ("extra", "additional", "further", "more") and self._word(2) in ("hour", "minute")
        if word.text in ("an", "a", "one") and longer:
            return 1, Fraction(1), True
        if word.text in ("an", "a", "another", "one") and self._word(1) in ("hour", "minute"):
            return 1, Fraction(1), True
        if word.text == "x" and self._word(1).isdigit():
            return 0, None, False
        first = units.NUMBERS.get(word.text)
        if first is None or (word.text == "one" and not self._counts_one()):
            return 0, None, False
        if first >= 20 and first < 100 and self._word(1) == "-" and units.NUMBERS.get(self._word(2), 99) < 10:
            return 3, Fraction(first + units.NUMBERS[self._word(2)]), True
        if first >= 20 and first < 100 and 0 < units.NUMBERS.get(self._word(1), 99) < 10:
            return 2, Fraction(first + units.NUMBERS[self._word(1)]), True
        if first < 10 and self._word(1) == "hundred":
            return self._hundreds(first)
        return 1, Fraction(first), True

    def _hundreds(self, hundreds: int) -> tuple[int, Fraction | None, bool]:
        """`two hundred and fifty`: how many words it takes, and its value."""
        at = 3 if self._word(2) == "and" else 2
        tens = units.NUMBERS.get(self._word(at), 100)
        if not 0 < tens < 100:
            return 2, Fraction(hundreds * 100), True
        ones = units.NUMBERS.get(self._word(at + 1), 100)
        if tens >= 20 and 0 < ones < 10:
            return at + 2, Fraction(hundreds * 100 + tens + ones), True
        return at + 1, Fraction(hundreds * 100 + tens), True

    def _counts_one(self) -> bool:
        """Whether `one` counts, and does not stand for a noun or mean anybody."""
        if self.tokens and self.tokens[-1].kind in (Kind.NODES, Kind.JOBS, Kind.UNKNOWN):
            return False
        following = self._word(1)
        if following == "and" and (self._word(2), self._word(3)) in units.FRACTIONS:
            return True
        noun = following in NODE_NOUNS | JOB_NOUNS | {
            "worker",
            "workers",
            "participant",
            "of",
            "may",
            "asleep",
            "can",
            "sleeping",
            "client",
            "hour",
            "minute",
            "second",
        }
        counted = self._word(-1) in (
            "least",
            "most",
            "than",
            "only",
            "just",
            "minimum",
            "maximum",
            "to",
            "exactly",
            "max",
            "min",
        )
        return (noun and self._word(-1) not in ("the", "that", "this", "which")) or counted or self._unit(1)[0] > 0
