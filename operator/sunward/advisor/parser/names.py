"""Which words of a request are names of the base: jobs, nodes, groups of nodes, zones with their places, pools."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sunward.advisor.parser.lexicon import phrases
from sunward.advisor.parser.tokens import Kind, Names
from sunward.advisor.parser.words import stem, words_of
from sunward.optimisation.problem.instance import Problem

COUNTRIES = {
    "PL": "poland;polish", "FR": "france;french", "NL": "netherlands;dutch;holland", "DE": "germany;german",
    "DK": "denmark;danish", "IE": "ireland;irish", "SE": "sweden;swedish", "NO": "norway;norwegian",
    "FI": "finland;finnish", "ES": "spain;spanish", "PT": "portugal;portuguese", "IT": "italy;italian",
    "GB": "britain;british;uk;england;english;scotland;scottish", "BE": "belgium;belgian", "CH": "switzerland;swiss",
    "AT": "austria;austrian", "CZ": "czechia;czech", "US": "america;american;usa", "CA": "canada;canadian",
    "AU": "australia;australian", "IN": "india;indian", "CN": "china;chinese", "JP": "japan;japanese",
    "BR": "brazil;brazilian", "ZA": "south africa;south african", "EE": "estonia;estonian", "LV": "latvia;latvian",
    "LT": "lithuania;lithuanian", "GR": "greece;greek", "RO": "romania;romanian", "HU": "hungary;hungarian",
    "SK": "slovakia;slovak", "SI": "slovenia;slovenian", "HR": "croatia;croatian", "IS": "iceland;icelandic",
    "TR": "turkey;turkish", "UA": "ukraine;ukrainian", "LU": "luxembourg",
}  # fmt: skip
"""Country and adjective by the first letters of a zone's name."""
CITIES = {
    "warsaw": ("PL", "waw"), "paris": ("FR", "par"), "parisian": ("FR", "par"), "amsterdam": ("NL", "ams"),
    "berlin": ("DE", "ber"), "copenhagen": ("DK", "cph"), "dublin": ("IE", "dub"), "malmo": ("SE", "mmx"),
    "malmö": ("SE", "mmx"), "stockholm": ("SE", "sto"), "london": ("GB", "lon"), "madrid": ("ES", "mad"),
    "rome": ("IT", "rom"), "vienna": ("AT", "vie"), "brussels": ("BE", "bru"), "lisbon": ("PT", "lis"),
    "munich": ("DE", "muc"), "hamburg": ("DE", "ham"), "oslo": ("NO", "osl"), "helsinki": ("FI", "hel"),
    "prague": ("CZ", "prg"), "zurich": ("CH", "zrh"), "krakow": ("PL", "krk"), "rotterdam": ("NL", "rtm"),
    "lyon": ("FR", "lys"), "aarhus": ("DK", "aar"), "cork": ("IE", "ork"), "gothenburg": ("SE", "got"),
}  # fmt: skip
"""Zone and usual prefix of machines' names by city."""
ALIASES = {"gw": ("gateway",)}
"""Words for a machine by its name."""
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
"""Words that count machines of a group."""
Key = tuple[str, ...]


@dataclass(slots=True)
class NameIndex:
    """Surface forms by their stems; `foreign` are places that the base does not have."""

    jobs: tuple[str, ...]
    nodes: tuple[str, ...]
    zone_of: Mapping[str, str]
    batteries: frozenset[str]
    forms: dict[Key, tuple[Kind, Names]] = field(default_factory=dict)
    foreign: set[Key] = field(default_factory=set)
    codes: set[str] = field(default_factory=set)

    @property
    def known(self) -> list[str]:
        """Names that a question may offer, in the base's order."""
        return [*self.jobs, *self.nodes, *sorted(set(self.zone_of.values()))]


def index_of(problem: Problem) -> NameIndex:
    """All surface forms of a base's names. A form that would mean two things is left out, so it stays unknown."""
    index = NameIndex(
        jobs=tuple(job.name for job in problem.jobs),
        nodes=tuple(node.name for node in problem.nodes),
        zone_of={node.name: node.grid_zone for node in problem.nodes},
        batteries=frozenset(node.name for node in problem.nodes if node.battery is not None),
    )
    _add_zones(index, problem)
    _add_groups(index)
    _add_pools(index, problem)
    _add_jobs(index)
    for name in index.nodes:
        _put(index, _key(name), Kind.NODES, Names(labels=(name,), names=(name,)), weak=False)
        for alias in ALIASES.get(name, ()):
            _put(index, _key(alias), Kind.NODES, Names(labels=(name,), names=(name,)))
    return index


def _key(text: str) -> Key:
    return tuple(stem(word) for word in words_of(text) if word != ".")


def _put(index: NameIndex, key: Key, kind: Kind, names: Names, *, weak: bool = True) -> None:
    """A weak form gives way to words of the language: only a full name may be one of them."""
    if not key or (weak and (len(key) == 1 and (len(key[0]) < 2 or key in phrases() or _is_plural_word(key)))):
        return
    if weak and key in index.forms:
        return
    index.forms[key] = (kind, names)


def _is_plural_word(key: Key) -> bool:
    return (f"{key[0]}s",) in phrases()


def _add_jobs(index: NameIndex) -> None:
    spaces: dict[str, list[str]] = {}
    lasts: dict[str, list[str]] = {}
    for name in index.jobs:
        space, _, last = name.rpartition("/")
        spaces.setdefault(space, []).append(name)
        lasts.setdefault(last, []).append(name)
        _put(index, _key(name), Kind.JOBS, Names(labels=(name,), names=(name,)), weak=False)
    for last, names in lasts.items():
        if len(names) == 1:
            _put(index, _key(last), Kind.JOBS, Names(labels=(names[0],), names=(names[0],)))
    for space, names in spaces.items():
        if space:
            _put(index, _key(space), Kind.JOBS, Names(labels=tuple(names), names=tuple(names)))


def _add_groups(index: NameIndex) -> None:
    groups: dict[Key, list[str]] = {}
    for name in index.nodes:
        key = _key(name)
        if len(key) > 1:
            groups.setdefault(key[:-1], []).append(name)
    for key, names in groups.items():
        together = Names(labels=tuple(names), names=tuple(names), zones=_zones(index, names))
        _put(index, key, Kind.NODES, together)
        _add_ordinals(index, key, names)
    for city, (country, prefix) in CITIES.items():
        if (prefix,) in groups:
            _add_city(index, city, country, groups[(prefix,)])


def _add_ordinals(index: NameIndex, key: Key, names: Iterable[str]) -> None:
    for name in names:
        last = _key(name)[-1]
        if last.isdigit() and 1 <= int(last) <= len(ORDINALS):
            _put(index, (ORDINALS[int(last) - 1], *key), Kind.NODES, Names(labels=(name,), names=(name,)))


def _add_city(index: NameIndex, city: str, country: str, names: list[str]) -> None:
    zones = _zones(index, names)
    if all(zone.split("-")[0] == country for zone in zones):
        place = Names(labels=tuple(names), names=tuple(names), zones=zones, is_place=True)
        _put(index, (stem(city),), Kind.NODES, place)
        for name in names:
            _put(index, (stem(city), _key(name)[-1]), Kind.NODES, Names(labels=(name,), names=(name,)))


def _zones(index: NameIndex, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(index.zone_of[name] for name in names))


def _add_pools(index: NameIndex, problem: Problem) -> None:
    for pool in problem.energy_pools:
        names = Names(labels=(f"pool:{pool.name}",), names=pool.members, zones=_zones(index, pool.members))
        for key in (
            _key(pool.name),
            (*_key(pool.name), "pool"),
            ("pool", *_key(pool.name)),
            (*_key(pool.name), "wire"),
        ):
            _put(index, key, Kind.NODES, names)


def _add_zones(index: NameIndex, problem: Problem) -> None:
    by_country: dict[str, list[str]] = {}
    for zone in problem.intensity_grams_per_kilowatt_hour:
        names = tuple(node.name for node in problem.nodes if node.grid_zone == zone)
        value = Names(labels=(f"zone:{zone}",), names=names, zones=(zone,), is_place=True)
        by_country.setdefault(zone.split("-")[0], []).append(zone)
        index.codes.add(zone.lower())
        if len(_key(zone)) > 1:
            _put(index, _key(zone), Kind.NODES, value)
            _put(index, _key(zone)[1:], Kind.NODES, value)
        else:
            index.forms[("zone:", *_key(zone))] = (Kind.NODES, value)
    for country, words in COUNTRIES.items():
        zones = by_country.get(country)
        for word in words.split(";"):
            if zones is None:
                index.foreign.add(_key(word))
            else:
                _put(index, _key(word), Kind.NODES, _joined(index, zones))
    index.foreign |= {(stem(city),) for city, (country, _) in CITIES.items() if country not in by_country}
    for city, (country, _) in CITIES.items():
        if country in by_country and (stem(city),) not in index.forms:
            index.foreign.add((stem(city),))


def _joined(index: NameIndex, zones: list[str]) -> Names:
    names = tuple(name for name in index.nodes if index.zone_of[name] in zones)
    return Names(labels=tuple(f"zone:{zone}" for zone in zones), names=names, zones=tuple(zones), is_place=True)
