"""Units and numbers in words."""

from __future__ import annotations

from fractions import Fraction

UNITS: dict[tuple[str, ...], tuple[Fraction, str]] = {}
_SPELLED = {
    "%": "1 %;percent;per cent;pct;percentage",
    "g": "1 g;gram;grams;gramme;grammes;gr",
    "g mg": "1/1000 mg;milligram;milligrams",
    "g kg": "1000 kg;kilo;kilos;kilogram;kilograms;kgs",
    "g t": "1000000 t;tonne;tonnes;ton;tons",
    "Wh": "1 wh;watt hour;watt hours;watthour;watthours;w h",
    "Wh k": "1000 kwh;kilowatt hour;kilowatt hours;kilowatthour;kilowatthours;kw h",
    "Wh m": "1/1000 mwh;milliwatt hour;milliwatt hours",
    "W": "1 w;watt;watts",
    "W k": "1000 kw;kilowatt;kilowatts",
    "W m": "1/1000 mw;milliwatt;milliwatts",
    "s": "1 s;sec;secs;second;seconds",
    "s min": "60 min;mins;minute;minutes",
    "s h": "3600 h;hr;hrs;hour;hours",
    "x": "1 x;times;fold",
}
_PER = (
    "g/kwh;g per kwh;grams/kwh;gram per kwh;grams per kwh;g co2/kwh;g co2e/kwh;gco2/kwh;gco2e/kwh;"
    "gco2eq/kwh;grams per kilowatt hour;g per kilowatt hour;g co2 per kwh;g co2e per kwh;"
    "grams of co2 per kwh;grams co2 per kwh;gramme per kwh;grammes per kwh;grams co2e per kwh;"
    "grams of co2e per kwh;grams of carbon per kwh;grams a kilowatt hour;grams per kilowatthour;g a kwh;"
    "grams a kwh;gram/kwh"
)
NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
    "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
    "eighty": 80, "ninety": 90, "hundred": 100, "dozen": 12, "zero": 0,
}  # fmt: skip
FRACTIONS: dict[tuple[str, ...], Fraction] = {}
_FRACTION_WORDS = {
    "1/2": "half;a half;one half;50 50",
    "1/3": "a third;one third;third",
    "2/3": "two thirds;two third",
    "1/4": "a quarter;one quarter;quarter;a fourth",
    "3/4": "three quarters;three quarter;three fourths",
    "1/5": "a fifth;one fifth;fifth",
    "2/5": "two fifths",
    "3/5": "three fifths",
    "4/5": "four fifths",
    "1/10": "a tenth;one tenth;tenth",
    "3/10": "three tenths",
    "7/10": "seven tenths",
    "9/10": "nine tenths",
    "1/6": "a sixth;one sixth",
    "1/8": "an eighth;one eighth",
}
_TIMES_WORDS = {
    Fraction(2): "double doubles doubled twice doubling",
    Fraction(3): "triple triples tripled thrice tripling",
    Fraction(1, 2): "halve halves halved halving",
    Fraction(4): "quadruple quadrupled quadruples",
}
MULTIPLES = {word: factor for factor, words in _TIMES_WORDS.items() for word in words.split()}


def _fill() -> None:
    for key, text in _SPELLED.items():
        head, *rest = text.split(";")
        factor, first = head.split(" ", 1)
        for spelling in (first, *rest):
            UNITS[tuple(spelling.split())] = (Fraction(factor), key.split()[0])
    for spelling in _PER.split(";"):
        words = spelling.replace("/", " / ").split()
        UNITS[tuple(words)] = (Fraction(1), "g/kWh")
    ends = (("thirds", 3), ("quarters", 4), ("fifths", 5), ("sixths", 6), ("eighths", 8), ("tenths", 10))
    counts = ("two", "three", "four", "five", "six", "seven", "eight", "nine")
    for word, parts in ends:
        for count in range(2, parts):
            FRACTIONS[(counts[count - 2], word)] = Fraction(count, parts)
    for fraction, text in _FRACTION_WORDS.items():
        for spelling in text.split(";"):
            FRACTIONS[tuple(spelling.split())] = Fraction(fraction)


_fill()
LONGEST_UNIT = max(len(key) for key in UNITS)


def number(text: str) -> Fraction | None:
    """A number as written: `1,500` has a thousands separator, `0,04` a decimal comma; None for what is no number."""
    parts = text.split(",")
    if len(parts) > 1 and all(len(part.split(".")[0]) == 3 for part in parts[1:]) and parts[0] != "0":
        return _fraction("".join(parts))
    if len(parts) == 2 and "." not in text:
        return _fraction(".".join(parts))
    return _fraction(text) if len(parts) == 1 else None


def _fraction(text: str) -> Fraction | None:
    return Fraction(text) if text.count(".") <= 1 and len(text) <= 30 else None
