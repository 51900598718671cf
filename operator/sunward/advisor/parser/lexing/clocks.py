"""Times of day."""

from __future__ import annotations

from dataclasses import replace

from sunward.advisor.parser import units
from sunward.advisor.parser.lexing.cursor import NODE_NOUNS, TIME_WORDS, Cursor
from sunward.advisor.parser.tokens import Clock, Kind

_ARRIVALS = {"comes", "come", "arrives", "arrive", "leaves", "opens", "closes", "visits", "departs", "arriving"}


class Clocks(Cursor):
    """Reads times of day in digits and words."""

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
            and self._word(-1) in TIME_WORDS
        ):
            amount = units.NUMBERS[word]
            return self._spoken(2, amount if following == "past" else -amount)
        if word == "half" and self._hour(1) is not None and self._word(-1) in TIME_WORDS and self._word(2) != "of":
            return self._spoken(1, 30)
        return self._digital()

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
        if word == "tonight":
            return offset + 1, "pm" if 6 <= (self._hour(offset - 1) or 0) < 12 else "am"
        if word == "this" and self._word(offset + 1) in ("morning", "afternoon", "evening"):
            return offset + 2, "am" if self._word(offset + 1) == "morning" else "pm"
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
            if half is not None or (self._word(-1) in TIME_WORDS and not self._unit(1)[0]):
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
            or self._word(-1) in TIME_WORDS - {"at", "about", "around", "of"}
            or (self._word(-1) == "at" and self._is_clock_at())
        ):
            return False
        following = self._word(1)
        if (
            self._unit(1)[0]
            or following
            in NODE_NOUNS
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
            or (self._word() == "one" and not ahead and following not in ("", ".", ",", "?", "!", ";", "please"))
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


def _in_half(clock: Clock, half: str | None) -> Clock:
    if half == "pm" and clock.hour < 12:
        return replace(clock, hour=clock.hour + 12, is_twelve=False)
    if half == "am" and clock.hour == 12:
        return replace(clock, hour=0, is_twelve=False)
    return replace(clock, is_twelve=clock.is_twelve and half not in ("am", "pm"))
