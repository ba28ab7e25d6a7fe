"""A STOP that names what it is for: ``STOP NEWS``, ``Unsubscribe from the Spring Sale please``."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cache

from a2pcli.dataclass import dataclass
from a2pcli.rules.data_file import FOLDER, read_data
from a2pcli.rules.reply_text import plain, visible

_NEW_SENTENCE = re.compile(r"[.!?;\n…。！？]\s*\w")
_LONGEST_KEYWORD = 3
"""Words of the longest keyword."""


@dataclass(frozen=True, slots=True)
class _Words:
    """``names:`` of ``keywords.yaml``: words before and after a name that say nothing, words between names, words
    that mean everything, keywords that are an opt-out whatever single word follows, and words with which they are
    not."""

    before: frozenset[str]
    after: frozenset[str]
    between: frozenset[str]
    whole: frozenset[str]
    plainly: frozenset[str]
    other_uses: frozenset[str]


@cache
def _words() -> _Words:
    data: dict[str, list[str]] = read_data(FOLDER / "keywords.yaml")["names"]
    return _Words(**{name: frozenset(map(plain, data[name])) for name in _Words.__dataclass_fields__})


@dataclass(frozen=True, slots=True)
class Named:
    """What a STOP names. ``programme`` is None if it names several programmes, or one that nobody knows: ``unknown``
    is its name then."""

    programme: str | None = None
    unknown: str | None = None


def rest_of_stop(text: str, stops: Collection[str]) -> tuple[str, str] | None:
    """Return the opt-out keyword that a reply begins with and what follows it in the same sentence, both plain; None
    if it begins with none, or nothing follows. ``stops`` are plain keywords.

    >>> rest_of_stop("STOP: Spring-Sale", {"stop"})
    ('stop', 'spring sale')
    >>> rest_of_stop("Stop. Thank you", {"stop"})
    """
    if _NEW_SENTENCE.search(text.strip()):
        return None
    words = plain(visible(text)).split()
    for many in range(min(_LONGEST_KEYWORD, len(words) - 1), 0, -1):
        keyword = " ".join(words[:many])
        if keyword in stops and not (many > 1 and words[many - 1] in _words().whole):
            return keyword, " ".join(words[many:])
    return None


def named(keyword: str, rest: str, programmes: Mapping[str, str]) -> Named | None:
    """Return what a STOP with this rest is for; None if it names nothing. ``programmes`` are the programmes by their
    names and titles in plain letters.

    >>> named("stop", "the news please", {"news": "weekly-news"})
    Named(programme='weekly-news', unknown=None)
    """
    by_name = {name.replace(" ", ""): programme for name, programme in programmes.items()}
    found = _one(rest.split(), by_name)
    if found is not None:
        return Named(found)
    words = rest.split()
    if _several(words, by_name) or (words[0] in _words().whole and _one(words[1:], by_name)):
        return Named()
    words, known = _without(words), _words()
    is_name = len(words) == 1 and words[0].isalpha() and words[0] not in known.other_uses
    if is_name and keyword in known.plainly:
        return Named(unknown=words[0])
    return None


def _one(words: list[str], by_name: Mapping[str, str]) -> str | None:
    """The programme that these words are the name of, with words around it that say nothing."""
    for some in (words, _without(words)):
        found = by_name.get("".join(some))
        if found is not None:
            return found
    return None


def _without(words: list[str]) -> list[str]:
    first, last = 0, len(words)
    while first < last and words[first] in _words().before:
        first += 1
    while last > first and words[last - 1] in _words().after:
        last -= 1
    return words[first:last]


def _several(words: list[str], by_name: Mapping[str, str]) -> bool:
    """Whether these words are the names of several programmes, and nothing else."""
    known = _words()
    left = [word for word in words if word not in known.before | known.after | known.between]
    found = set[str]()
    while left:
        sizes = [many for many in range(len(left), 0, -1) if "".join(left[:many]) in by_name]
        if not sizes:
            return False
        found.add(by_name["".join(left[: sizes[0]])])
        left = left[sizes[0] :]
    return len(found) > 1
