"""The words by which people opt out (``data/stop_words.yaml``), for replies and for copy rules."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property
from typing import Any

from a2pcli.dataclass import dataclass
from a2pcli.rules.data_file import FOLDER, read_data
from a2pcli.rules.reply_text import is_unspaced, plain

_ACCENTED = {
    "a": "aàáâãäåāăąảạấầẩẫậắằẳẵặ", "c": "cçćč", "d": "dďđ", "e": "eèéêëēėęěẹẻẽếềểễệ", "g": "gğģ", "h": "hħ",
    "i": "iìíîïīįıİỉị", "k": "kķ", "l": "lļľł", "n": "nñńņňŋ", "o": "oòóôõöøōőơỏọốồổỗộớờởỡợ", "r": "rřŕ",
    "s": "sśşšșßſ", "t": "tťţț", "u": "uùúûüūůűųưủụứừửữự", "y": "yýÿỳỷỹỵ", "z": "zźżž",
    "α": "αά", "ε": "εέ", "η": "ηή", "ι": "ιίϊΐ", "ο": "οό", "υ": "υύϋΰ", "ω": "ωώ", "σ": "σς", "и": "ий", "е": "её",
    "і": "ії",
}  # fmt: skip
"""Letters of messages by the plain ones of the table."""


class _Letters(dict[int, int]):
    """For ``str.translate``: a plain small letter for each, so that places in a text stay."""

    def __missing__(self, code: int) -> int:
        small = chr(code).lower()
        self[code] = self.get(ord(small), ord(small)) if len(small) == 1 else code
        return self[code]


_LETTERS = _Letters({ord(char): ord(one) for one, chars in _ACCENTED.items() for char in chars})
_JOINED = re.compile(r"[\u0590-\u06ff\u0900-\u0dff]")
"""Letters of scripts in which words have prefixes, or marks that end a word for regular expressions."""


class WayOut:
    """Finds how a message tells people to leave, as a regular expression does, in any case and with any accents.

    The letters of the text are made plain, rather than the pattern told every accent: it is compiled twenty times
    as fast. What is found has the places of the text, and plain letters.
    """

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern)

    def search(self, text: str) -> re.Match[str] | None:
        """The first match, or None."""
        return self._pattern.search(text.translate(_LETTERS))

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """All matches, in order."""
        return self._pattern.finditer(text.translate(_LETTERS))


@dataclass(frozen=True)
class StopWords:
    """The table made ready. Words and phrases are plain (``reply_text.plain``).

    Alone, ``certain`` words are a stop, ``likely`` ones a stop that a person reads, ``doubtful`` ones for a person to
    read. ``phrases`` are found in replies; so are ``inside`` words and ``oaths``, which a person reads. ``entries`` and
    ``doubts`` are the table as it is written, of which the others are made when they are asked for.
    """

    entries: tuple[Mapping[str, Any], ...]
    doubts: tuple[str, ...]

    @cached_property
    def certain(self) -> frozenset[str]:
        """Words that are an opt-out if they are the whole reply."""
        return frozenset(self._replies(sure=True))

    @cached_property
    def likely(self) -> frozenset[str]:
        """Words that are a stop, which a person reads."""
        return frozenset(self._replies(sure=False)) - self.certain

    @cached_property
    def doubtful(self) -> frozenset[str]:
        """Words that may be an opt-out and are flagged for review."""
        doubted = (entry for entry in self.entries if entry["confidence"] == "L")
        found = {word for entry in doubted for word in _plain_of(entry, "replies")}
        return frozenset(found) - self.certain - self.likely

    def _replies(self, *, sure: bool) -> Iterator[str]:
        for entry in self.entries:
            if (entry["confidence"] == "H") == sure:
                yield from _plain_of(entry, "words")
                if entry["confidence"] != "L":
                    yield from _plain_of(entry, "replies")

    @cached_property
    def phrases(self) -> tuple[str, ...]:
        """Phrases that are an opt-out, longest first."""
        found = {phrase for entry in self.entries for phrase in _plain_of(entry, "phrases")}
        return tuple(sorted(found, key=lambda phrase: (-len(phrase), phrase)))

    @cached_property
    def inside(self) -> re.Pattern[str]:
        """Opt-out words that are found within a longer reply."""
        words = {word for entry in self.entries for word in _plain_of(entry, "words")}
        stems = {stem for entry in self.entries for stem in _plain_of(entry, "stems")}
        return re.compile(_inside(self.certain | words, stems))

    @cached_property
    def oaths(self) -> re.Pattern[str]:
        """Words said of a wrong person or in anger."""
        return re.compile(rf"(?<!\S)(?:{'|'.join(self.doubts)})(?!\S)")

    @cached_property
    def way_out(self) -> WayOut:
        """How a message tells people to leave."""
        return WayOut(_way_out(self.entries))

    @cached_property
    def alone(self) -> frozenset[str]:
        """Everything that is a stop as a whole reply."""
        return self.certain | self.likely


@cache
def stop_words() -> StopWords:
    """The table of ``stop_words.yaml``, read once."""
    data: dict[str, Any] = read_data(FOLDER / "stop_words.yaml")
    return StopWords(tuple(data["languages"]), tuple(data["doubtful"]["patterns"]))


def _plain_of(entry: Mapping[str, Any], kind: str) -> Iterator[str]:
    return (plain(word) for word in entry.get(kind, ()))


def _inside(words: Iterable[str], stems: Iterable[str]) -> str:
    """Whole words in a plain reply, and beginnings of words; of scripts without spaces, wherever they stand."""
    anywhere = [re.escape(word) for word in words if len(word) > 1 and is_unspaced(word)]
    whole = [re.escape(word) for word in words if len(word) > 2 and not is_unspaced(word)]
    begun = [re.escape(stem) + r"\S*" for stem in stems]
    return rf"(?<!\S)(?:{'|'.join([*whole, *begun])})(?!\S)|{'|'.join(anywhere)}"


def _way_out(entries: Iterable[Mapping[str, Any]]) -> str:
    words = dict.fromkeys(word for entry in entries for word in entry.get("words", ()))
    stems = dict.fromkeys(stem for entry in entries for stem in entry.get("stems", ()))
    spaced = [_gapped(word) for word in words if not _stands_anywhere(word)]
    spaced += [_gapped(stem) + r"\w*" for stem in stems if not _stands_anywhere(stem)]
    anywhere = [re.escape(word.translate(_LETTERS)) for word in (*words, *stems) if _stands_anywhere(word)]
    return rf"\b(?:{'|'.join(spaced)})\b|{'|'.join(anywhere)}"


def _stands_anywhere(word: str) -> bool:
    return is_unspaced(word) or _JOINED.search(word) is not None


def _gapped(word: str) -> str:
    """A pattern for a word of the table, in plain letters and with any gap between its parts."""
    parts = (re.escape(plain(part).translate(_LETTERS)) for part in re.split(r"[\s-]+", word))
    return r"[\s-]?".join(parts) if word in ("opt out", "opt-out") else r"[\s-]+".join(parts)
