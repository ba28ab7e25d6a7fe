"""The names of columns in `data/facts.csv`, ready to be compared."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from a2pcli.addresses.zones.data import rows
from a2pcli.dataclass import dataclass
from a2pcli.folding import name_key, name_words

_DATA = Path(__file__).parent / "data"

LOOSE = "consent?"
"""Fact of names that are consent only where a cell clearly says no."""


@dataclass(frozen=True, slots=True)
class FactNames:
    """The table: all names and words as keys (`folding.name_key`)."""

    phones: tuple[str, ...]
    """Names that a column of phone numbers is known by, best first."""
    names: Mapping[str, str]
    """Whole name to its fact."""
    loose: frozenset[str]
    """Names that say no where a cell does, and nothing else."""
    stems: tuple[tuple[str, str], ...]
    """Stems with their facts: refusals first, then the longest."""
    words: Mapping[str, frozenset[str]]
    """Kinds of words around a stem."""
    taken_back: tuple[str, ...]
    """Stems that make a name with a stem of consent one of a refusal: `consent removed on`."""
    telling: frozenset[str]
    """Single words that make a longer name one of a phone column."""

    def kinds(self, word: str) -> set[str]:
        """What a word beside a stem is about; empty where it is unknown."""
        return {kind for kind, words in self.words.items() if word in words}


@cache
def fact_names() -> FactNames:
    """The table, read once (about 3 ms)."""
    phones: dict[str, None] = {}
    names: dict[str, str] = {}
    loose: set[str] = set()
    stems: dict[str, str] = {}
    words: dict[str, frozenset[str]] = {}
    taken_back: list[str] = []
    telling: set[str] = set()
    for role, language, listed in rows("facts.csv", _DATA):
        kind, _, fact = role.partition(":")
        written = listed.split("|")
        keys = [name_key(name) for name in written]
        if fact == LOOSE:
            loose.update(keys)
        elif fact == "phone":
            phones.update(dict.fromkeys(keys))
        elif fact == "taken_back":
            taken_back += keys
        elif kind == "word":
            words[fact] = frozenset(keys)
        else:
            known = names if kind == "name" else stems
            for key in keys:
                known.setdefault(key, fact)
        if fact == "phone" and language != "any":
            telling.update(key for name, key in zip(written, keys, strict=True) if len(name_words(name)) == 1)
    order = sorted(stems.items(), key=lambda stem: (stem[1] != "opted_out", -len(stem[0])))
    back, single = tuple(dict.fromkeys(taken_back)), frozenset(telling)
    return FactNames(tuple(phones), names, frozenset(loose), tuple(order), words, back, single)
