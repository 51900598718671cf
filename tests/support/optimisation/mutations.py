"""Problem files gone wrong at random: a value replaced, removed, repeated or moved, or the text itself spoilt."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

WEIRD: tuple[Any, ...] = (
    *(None, True, False, "", "x", "\x00", "a\nb", "\ud800", "[/b]", "1", "NaN", "\u202e", "\x1b[31m"),
    *(0, 1, -1, 0.5, -0.0, 1e-320, 1e-12, 1e12, 1e150, 1e300, 1.7e308, 10**18, 10**100, 10**299, 10**305),
    *([], {}, [1], {"a": 1}, [[]], float("nan"), float("inf"), -float("inf")),
)
KEYS = ("extra", "a\nb", "\ud800", "name", "n9", "\x1b[31m", "k" * 5000)
Place = tuple[str | int, ...]


def mutated(seed: int, document: dict[str, Any]) -> str:
    """Returns the text of a document after one or two mutations; the same text for the same seed."""
    draw, wrong = random.Random(seed), copy.deepcopy(document)
    for _ in range(draw.choice([1, 1, 1, 2])):
        _mutate(draw, wrong)
    text = json.dumps(wrong, indent=draw.choice([None, 1]), ensure_ascii=draw.random() < 0.5)
    return _spoilt(draw, text) if draw.random() < 0.15 else text


def places(value: Any, path: Place = ()) -> Iterator[Place]:
    """Yields the path of every value below the document itself."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, entry in entries:
        yield (*path, name)
        yield from places(entry, (*path, name))


def _at(document: Any, path: Place) -> Any:
    for step in path:
        document = document[step]
    return document


def _mutate(draw: random.Random, document: dict[str, Any]) -> None:
    all_places = list(places(document))
    path = draw.choice(all_places)
    holder: Any = _at(document, path[:-1])
    name: Any = path[-1]
    kind = draw.randrange(10)
    if kind < 6:
        holder[name] = draw.choice(WEIRD)
    elif kind == 6:
        del holder[name]
    elif kind == 7:
        holder[name] = copy.deepcopy(_at(document, draw.choice(all_places)))
    elif isinstance(holder, list):
        holder.append(copy.deepcopy(holder[name]))
    else:
        holder[draw.choice(KEYS)] = draw.choice(WEIRD)


def _spoilt(draw: random.Random, text: str) -> str:
    at = draw.randrange(len(text))
    return draw.choice(
        [text[:at], text[:at] + draw.choice('{}[],:"0eE-+.\x00\n ') + text[at:], text[:at] + text[at + 1 :]]
    )
