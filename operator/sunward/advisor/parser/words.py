"""Text of a request as plain words with their places; the smallest pieces that everything else is made of."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

LONGEST_REQUEST = 2000
"""Characters of a request that are read."""
_PIECE = re.compile(
    r"(?<=\d)'s\b|(?P<word>g?[cC][oO]2(?:eq|e)?(?![^\W_])|[^\W\d_]+(?:'[^\W\d_]+)?)|(?P<number>\d+(?:[.,]\d+)*)|(?P<mark>\.{2,}|[<>]=|[^\w\s]|_)"
)
_FOLDED = {
    "’": "'",
    "‘": "'",
    "–": "-",
    "—": "-",
    "−": "-",
    "‑": "-",
    "‐": "-",
    "…": "...",
    "“": '"',
    "”": '"',
    "×": "x",
}
_DECIMALS = {"½": ".5", "¼": ".25", "¾": ".75"}
_MIXED = re.compile(r"(\d) ?([½¼¾])")
"""`1½` is 1.5; folded letter by letter it would become 11/2."""
_SPACES = {"\t": " ", "\n": " ; ", "\r": " "}
_SPLIT = {
    "don't": ("do", "not"), "doesn't": ("does", "not"), "mustn't": ("must", "not"), "can't": ("can", "not"),
    "won't": ("will", "not"), "shouldn't": ("should", "not"), "isn't": ("is", "not"), "aren't": ("are", "not"),
    "needn't": ("need", "not"), "wouldn't": ("would", "not"), "couldn't": ("could", "not"), "mayn't": ("may", "not"),
    "didn't": ("did", "not"), "hasn't": ("has", "not"), "haven't": ("have", "not"), "wasn't": ("was", "not"),
    "ain't": ("is", "not"), "cannot": ("can", "not"), "dont": ("do", "not"), "cant": ("can", "not"),
    "mustnt": ("must", "not"), "wont": ("will", "not"), "doesnt": ("does", "not"), "shan't": ("shall", "not"),
    "let's": ("let", "us"), "lets": ("let", "us"), "i'd": ("i", "would"), "we'd": ("we", "would"), "i'm": ("i", "am"),
    "it's": ("it", "is"), "what's": ("what", "is"), "that's": ("that", "is"), "there's": ("there", "is"),
    "i'll": ("i", "will"), "we'll": ("we", "will"), "it'll": ("it", "will"), "they're": ("they", "are"),
    "we're": ("we", "are"), "you're": ("you", "are"), "i've": ("i", "have"), "we've": ("we", "have"),
    "gonna": ("going", "to"), "wanna": ("want", "to"), "gotta": ("got", "to"), "he's": ("he", "is"),
    "she's": ("she", "is"), "they'll": ("they", "will"), "here's": ("here", "is"), "how's": ("how", "is"),
    "who's": ("who", "is"), "they've": ("they", "have"), "sun's": ("sun", "is"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Word:
    """A word, number or mark in small letters, and the piece of the request that it is (half-open)."""

    text: str
    start: int
    end: int
    is_mark: bool = False
    is_number: bool = False
    is_capital: bool = False


def cleaned(request: str) -> str:
    """The request in which nothing acts: control and invisible characters are gone, forms of letters are folded."""
    plain = _MIXED.sub(lambda found: f"{found[1]}{_DECIMALS[found[2]]}", request[:LONGEST_REQUEST])
    text = unicodedata.normalize("NFKC", "".join(_FOLDED.get(c, c) for c in plain))
    kept = (c if unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cs", "Cn") else _SPACES.get(c, "") for c in text)
    return re.sub(r" +", " ", "".join(kept)).strip()


def split(text: str) -> list[Word]:
    """The words of a cleaned text in order; a contraction gives both its words, a possessive its owner."""
    found: list[Word] = []
    for match in _PIECE.finditer(text):
        kind, piece = match.lastgroup, match.group().lower()
        if kind is None:
            continue
        start, end = match.span()
        known = _SPLIT.get(piece) if kind == "word" else None
        parts: tuple[str, ...] = known or (piece,)
        if known is None:
            parts = (_without_possessive(piece),) if kind == "word" else (piece,)
        capital = kind == "word" and match.group()[0].isupper()
        found += [Word(p, start, end, kind == "mark", kind == "number", capital) for p in parts]
    return [word for word in found if word.text != "'"]


def listed(text: str) -> frozenset[str]:
    """Phrases that semicolons divide."""
    return frozenset(phrase.strip() for phrase in text.split(";") if phrase.strip())


def words_of(phrase: str) -> list[str]:
    """The words of a phrase without their places; hyphens divide words."""
    return [word.text for word in split(" ".join(phrase.split())) if word.text not in ("-", "/", "_")]


def _without_possessive(word: str) -> str:
    return word.removesuffix("'s").removesuffix("'")


_STEMS = {
    "one": "1",
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "six": "6",
    "seven": "7",
    "eight": "8",
    "nine": "9",
}


def stem(word: str) -> str:
    """What different forms of a name share: `birds` and `bird`, `segmentation` and `segment`, `03` and `three`."""
    if word.isdigit():
        return word.lstrip("0") or "0"
    if word in _STEMS:
        return _STEMS[word]
    for ending, least in (("ations", 4), ("ation", 4), ("ing", 4), ("s", 4)):
        if word.endswith(ending) and len(word) - len(ending) >= least - 1 and not word.endswith("ss"):
            return _undoubled(word.removesuffix(ending)) if ending == "ing" else word.removesuffix(ending)
    return word


def _undoubled(word: str) -> str:
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "ls" else word
