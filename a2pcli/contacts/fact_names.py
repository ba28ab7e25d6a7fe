"""The names of columns in ``data/facts.csv``, ready to be compared."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from a2pcli.addresses.zones.data import rows
from a2pcli.dataclass import dataclass
from a2pcli.folding import name_key, name_words

_DATA = Path(__file__).parent / "data"

ADDRESSES = ("phone", "email", "telegram", "messenger", "viber")
"""Facts that are addresses; each is also the name by which a campaign maps its column."""
LOOSE = "consent?"
"""Fact of names that are consent only where a cell clearly says no."""


@dataclass(frozen=True, slots=True)
class FactNames:
    """The table: all names and words as keys (``folding.name_key``)."""

    addresses: Mapping[str, tuple[str, ...]]
    """Fact of an address (``phone``, ``email``, …) to the names that its column is known by, best first."""
    names: Mapping[str, str]
    """Whole name to its fact."""
    loose: frozenset[str]
    """Names that say no where a cell does, and nothing else."""
    stems: tuple[tuple[str, str], ...]
    """Stems with their facts: refusals first, then the longest."""
    words: Mapping[str, frozenset[str]]
    """Kinds of words around a stem."""
    taken_back: tuple[str, ...]
    """Stems that make a name with a stem of consent one of a refusal: ``consent removed on``."""
    telling: Mapping[str, frozenset[str]]
    """Fact of an address to single words that make a longer name one of its column."""

    def kinds(self, word: str) -> set[str]:
        """What a word beside a stem is about; empty where it is unknown."""
        return {kind for kind, words in self.words.items() if word in words}


@cache
def fact_names() -> FactNames:
    """The table, read once (about 3 ms)."""
    addresses: dict[str, dict[str, None]] = {fact: {} for fact in ADDRESSES}
    names: dict[str, str] = {}
    loose: set[str] = set()
    stems: dict[str, str] = {}
    words: dict[str, frozenset[str]] = {}
    taken_back: list[str] = []
    telling: dict[str, set[str]] = {fact: set() for fact in ADDRESSES}
    for role, language, listed in rows("facts.csv", _DATA):
        kind, _, fact = role.partition(":")
        written = listed.split("|")
        keys = [name_key(name) for name in written]
        if fact == LOOSE:
            loose.update(keys)
        elif kind == "name" and fact in ADDRESSES:
            addresses[fact].update(dict.fromkeys(keys))
        elif fact == "taken_back":
            taken_back += keys
        elif kind == "word":
            words[fact] = frozenset(keys)
        else:
            known = names if kind == "name" else stems
            for key in keys:
                known.setdefault(key, fact)
        if kind == "name" and fact in ADDRESSES and language != "any":
            single = (key for name, key in zip(written, keys, strict=True) if len(name_words(name)) == 1)
            telling[fact].update(single)
    order = sorted(stems.items(), key=lambda stem: (stem[1] != "opted_out", -len(stem[0])))
    back = tuple(dict.fromkeys(taken_back))
    listed_names = {fact: tuple(keys) for fact, keys in addresses.items()}
    single_words = {fact: frozenset(keys) for fact, keys in telling.items()}
    return FactNames(listed_names, names, frozenset(loose), tuple(order), words, back, single_words)
