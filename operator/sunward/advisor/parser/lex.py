"""Words to tokens: names, quantities, times and phrases, each with its piece of the request."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from sunward.advisor.parser import lexicon, units
from sunward.advisor.parser.names import ORDINALS, NameIndex
from sunward.advisor.parser.tokens import Amount, Clock, Kind, Names, Token, Value
from sunward.advisor.parser.words import Word, split, stem

_SYMBOLS = {"+": "more", "=": "neutral"}
HARD_MARKS = (".", ";", "?", "!")
SOFT_MARKS = (",", ":", "-", "(", ")", "...", "..", "....", '"', "/", "&", "[", "]")
PARTS = {"morning": "morning", "mornings": "morning", "afternoon": "afternoon", "evening": "evening", "night": "night",
         "tonight": "night", "overnight": "night", "nighttime": "night", "nights": "night"}  # fmt: skip
_TIME_WORDS = {
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
_ALL = {"all", "every", "everything", "each", "both", "any", "anything", "whole"}
_JOB_NOUNS = {"job", "jobs", "work", "task", "tasks", "training", "trainings", "workload", "workloads", "trainer"}
_NODE_NOUNS = {"node", "nodes", "box", "boxes", "machine", "machines", "device", "devices", "host", "hosts", "computer",
               "computers", "pi", "pis", "server", "servers", "board", "boards", "location", "locations"}  # fmt: skip
_BATTERY_NOUNS = {"battery", "batteries", "batt", "batts", "accumulators", "accumulator", "pack", "packs"}
_PRONOUNS = {"it", "its", "they", "them", "their", "theirs", "there", "itself", "themselves"}
_OTHERS = {("other",), ("others",), ("rest",), ("remaining",)}
_ARRIVALS = {"comes", "come", "arrives", "arrive", "leaves", "opens", "closes", "visits", "departs", "arriving"}
_MONEY = "€$£¥"
NEAR_NAME = 0.8


class Lexer:
    """One pass over the words of a request."""

    def __init__(self, text: str, index: NameIndex) -> None:
        self.text = text
        self.index = index
        self.words = split(text)
        self.tokens: list[Token] = []
        self.at = 0

    def run(self) -> list[Token]:
        """All tokens in order."""
        readers = (
            self._name,
            self._clock,
            self._quantity,
            self._all,
            self._others,
            self._phrase,
            self._part,
            self._rest,
        )
        while self.at < len(self.words):
            next(reader for reader in readers if reader())
        return self.tokens

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

    def _clock(self) -> bool:
        word, following = self._word(), self._word(1)
        fixed = {"noon": 12, "midday": 12, "midnight": 0, "noontime": 12}
        if word in fixed:
            return self._take(1, Kind.CLOCK, Clock(hour=fixed[word], minute=0))
        for lead, minute in (
            (("half", "past"), 30),
            (("quarter", "past"), 15),
            (("quarter", "to"), -15),
            (("quarter", "after"), 15),
        ):
            if (word, following) == lead:
                return self._spoken(2, minute)
        if word in ("a",) and following == "quarter" and self._word(2) in ("past", "to"):
            return self._spoken(3, 15 if self._word(2) == "past" else -15)
        if (
            word in ("ten", "five", "twenty")
            and following in ("past", "to")
            and self._hour(2) is not None
            and self._word(-1) in _TIME_WORDS
        ):
            amount = units.NUMBERS[word]
            return self._spoken(2, amount if following == "past" else -amount)
        if word == "half" and self._hour(1) is not None and self._word(-1) in _TIME_WORDS and self._word(2) != "of":
            return self._spoken(1, 30)
        return self._digital()

    def _hour(self, offset: int) -> int | None:
        word = self._word(offset)
        value = int(word) if word.isdigit() and len(word) <= 2 else units.NUMBERS.get(word, 99)
        return value if value <= 24 else None

    def _spoken(self, lead: int, minute: int) -> bool:
        hour = self._hour(lead)
        if self._word(lead) in ("noon", "midday", "midnight"):
            hour = 0 if self._word(lead) == "midnight" else 12
        if hour is None:
            return False
        total = (hour * 60 + minute) % 1440
        count, half = self._half(lead + 1)
        clock = Clock(hour=total // 60, minute=total % 60, is_twelve=half is None and 1 <= hour <= 12)
        return self._take(count, Kind.CLOCK, _in_half(clock, half))

    def _half(self, offset: int) -> tuple[int, str | None]:
        """am, pm, o'clock after a time: how many words there are with them, and which half."""
        word = self._word(offset)
        if word in ("am", "pm"):
            return offset + 1, word
        if word in ("a", "p") and self._word(offset + 1) == "." and self._word(offset + 2) == "m":
            return offset + (4 if self._word(offset + 3) == "." else 3), f"{word}m"
        if word in ("o'clock", "oclock"):
            count, half = self._half(offset + 1)
            return (count, half) if half is not None else (offset + 1, "clock")
        if (
            word == "in"
            and self._word(offset + 1) == "the"
            and self._word(offset + 2) in ("morning", "afternoon", "evening")
        ):
            return offset + 3, "am" if self._word(offset + 2) == "morning" else "pm"
        if word == "at" and self._word(offset + 1) == "night":
            return offset + 2, "pm" if (self._hour(offset - 1) or 0) >= 6 else "am"
        return offset, None

    def _digital(self) -> bool:
        word = self._word()
        if (
            self._word(1) == ":"
            and self._word(2).isdigit()
            and len(self._word(2)) == 2
            and word.isdigit()
            and self._adjacent(self.at + 1)
        ):
            count, half = self._half(3)
            if count == 3 and self._word(3) == "h":
                count = 4
            twelve = half is None and 1 <= int(word) <= 11 and not word.startswith("0")
            return self._valid_clock(count, int(word), int(self._word(2)), half, twelve)
        if "." in word and len(word.split(".")[-1]) == 2 and word.replace(".", "", 1).isdigit():
            hour, minute = word.split(".")
            count, half = self._half(1)
            if half is not None or (self._word(-1) in _TIME_WORDS and not self._unit(1)[0]):
                return self._valid_clock(count, int(hour), int(minute), half, half is None and int(hour) <= 12)
            return False
        return self._bare()

    def _bare(self) -> bool:
        hour = self._hour(0)
        if hour is None or not self._word():
            return False
        count, half = self._half(1)
        if half is not None and half != "clock":
            return self._valid_clock(count, hour, 0, half, False)
        if half == "clock":
            return self._valid_clock(count, hour, 0, None, hour <= 12)
        ranged = (
            self._word(-1) in ("and", "to", "-", "until", "till")
            and bool(self.tokens)
            and len(self.tokens) > 1
            and self.tokens[-2].kind is Kind.CLOCK
        )
        ahead = (self._word(1) in ("-", "to", "and") and self._word(-1) in ("from", "between")) or (
            self._word(1) == "-" and self._clock_ahead(2)
        )
        than = self._word(-1) == "than" and self._word(-2) in ("earlier", "later", "sooner")
        if not (
            ranged
            or ahead
            or than
            or self._word(-1) in _TIME_WORDS - {"at", "about", "around", "of"}
            or (self._word(-1) == "at" and self._is_clock_at())
        ):
            return False
        following = self._word(1)
        if (
            self._unit(1)[0]
            or following
            in _NODE_NOUNS
            | {
                "worker",
                "workers",
                "batches",
                "times",
                "%",
                "of",
                "or",
                "participants",
                "points",
                "more",
                "less",
                "fewer",
            }
            or (self._word() == "one" and following not in ("", ".", ",", "?", "!", ";", "please"))
        ):
            return False
        if following in ("thirds", "third", "quarters", "fifths", "tenths", "fourths"):
            return False
        if self._word(1) == "/" or (self._word(-1) in ("from", "between") and self._unit_after_range()):
            return False
        return self._valid_clock(1, hour, 0, None, 1 <= hour <= 12)

    def _clock_ahead(self, offset: int) -> bool:
        return self._word(offset).isdigit() and (
            self._word(offset + 1) in ("am", "pm") or self._word(offset + 1) == ":"
        )

    def _unit_after_range(self) -> bool:
        """Whether a range that begins here ends in a quantity: `from 10 to 20 %`."""
        return (
            self._word(1) in ("-", "to", "and")
            and self._hour(2) is not None
            and (self._unit(3)[0] > 0 and self._word(3) not in ("h",))
        )

    def _is_clock_at(self) -> bool:
        earlier = [self._word(-n) for n in range(2, 6)]
        return any(
            word
            in (
                "start",
                "starts",
                "starting",
                "begin",
                "begins",
                "end",
                "ends",
                "finish",
                "finishes",
                "done",
                "due",
                "ready",
                "finished",
                "latest",
                "earliest",
                "over",
                "early",
                "late",
                "deadline",
            )
            or word in _ARRIVALS
            for word in earlier
        )

    def _valid_clock(self, count: int, hour: int, minute: int, half: str | None, twelve: bool) -> bool:
        if (
            hour > 24
            or minute > 59
            or (half in ("am", "pm") and not 1 <= hour <= 12 and not (half == "pm" and hour < 24))
        ):
            return self._take(count, Kind.CLOCK, Clock(hour=99, minute=0))
        return self._take(count, Kind.CLOCK, _in_half(Clock(hour=hour % 24, minute=minute, is_twelve=twelve), half))

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

    def _multiple(self) -> bool:
        if self._word() in units.MULTIPLES:
            value = units.MULTIPLES[self._word()]
            return self._take(1, Kind.QUANTITY, Amount(value=value, unit="x", is_word=True))
        return False

    def _number(self) -> bool:
        taken, value, is_word = self._value()
        if value is None:
            return False
        rest = self._word(taken)
        if (
            rest == "/"
            and self._word(taken + 1).isdigit()
            and not self._unit(taken + 1)[0]
            and int(self._word(taken + 1))
        ):
            value, taken = value / int(self._word(taken + 1)), taken + 2
            if not self._unit(taken)[0]:
                return self._take(taken, Kind.QUANTITY, Amount(value=value * 100, unit="%"))
        extra = 1 if self._word(taken) == "-" and self._adjacent(self.at + taken) else 0
        size, factor, unit = self._unit(taken + extra)
        if size and not (is_word and unit in ("g", "W", "Wh", "x") and self._word(taken) in ("t", "w")):
            return self._take(
                taken + extra + size, Kind.QUANTITY, Amount(value=value * factor, unit=unit, is_word=is_word)
            )
        return self._take(taken, Kind.NUMBER, Amount(value=value, is_word=is_word))

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
        if word.text in ("an", "a") and self._word(1) in ("hour", "minute"):
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
            return 2, Fraction(first * 100), True
        return 1, Fraction(first), True

    def _counts_one(self) -> bool:
        """Whether `one` counts, and does not stand for a noun or mean anybody."""
        if self.tokens and self.tokens[-1].kind in (Kind.NODES, Kind.JOBS, Kind.UNKNOWN):
            return False
        following = self._word(1)
        noun = following in _NODE_NOUNS | _JOB_NOUNS | {
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
            and self._word(size + 1) in _NODE_NOUNS | _JOB_NOUNS | _BATTERY_NOUNS
        ):
            if self._word(size) == "other" or self._word(size) in ("its", "their"):
                break
            size += 1
        noun = self._word(size)
        if noun in _JOB_NOUNS:
            return self._take(size + 1, Kind.JOBS, Names(labels=("*",), names=self.index.jobs), frozenset({"work"}))
        if noun in _NODE_NOUNS:
            return self._take(size + 1, Kind.NODES, Names(labels=("*",), names=self.index.nodes))
        return self._take(1, Kind.ALL, word)

    def _others(self) -> bool:
        if (self._word(),) not in _OTHERS or (self._word() == "rest" and self._word(-1) != "the"):
            return False
        following = self._word(1)
        if self._word() in ("other", "remaining") and (following.isdigit() or following in units.NUMBERS):
            noun = self._word(2)
            return self._take(
                3 if noun in _JOB_NOUNS | _NODE_NOUNS else 2,
                Kind.OTHERS,
                "jobs" if noun in _JOB_NOUNS else "nodes" if noun in _NODE_NOUNS else "",
            )
        if following in _JOB_NOUNS | _NODE_NOUNS:
            return self._take(2, Kind.OTHERS, "jobs" if following in _JOB_NOUNS else "nodes")
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
            if concepts is not None and not self._hides_name(counts[size - 1]):
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

    def _is_near_name(self, word: Word) -> bool:
        if len(word.text) < 4:
            return False
        known = [key[0] for key in self.index.forms if len(key) == 1 and len(key[0]) > 3]
        return bool(difflib.get_close_matches(stem(word.text), known, n=1, cutoff=NEAR_NAME))


def _in_half(clock: Clock, half: str | None) -> Clock:
    if half == "pm" and clock.hour < 12:
        return replace(clock, hour=clock.hour + 12, is_twelve=False)
    if half == "am" and clock.hour == 12:
        return replace(clock, hour=0, is_twelve=False)
    return replace(clock, is_twelve=clock.is_twelve and half not in ("am", "pm"))


def lex(text: str, index: NameIndex) -> Sequence[Token]:
    """The tokens of a cleaned request."""
    return Lexer(text, index).run()
