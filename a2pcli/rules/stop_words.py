"""The table of how people leave (``data/stop_words.yaml``), for replies and for the copy rules alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from a2pcli.rules.reply_text import is_unspaced, plain

_ACCENTED = {
    "a": "aàáâãäåāăąảạấầẩẫậắằẳẵặ", "c": "cçćč", "d": "dďđ", "e": "eèéêëēėęěẹẻẽếềểễệ", "g": "gğģ", "h": "hħ",
    "i": "iìíîïīįıỉị", "k": "kķ", "l": "lļľł", "n": "nñńņňŋ", "o": "oòóôõöøōőơỏọốồổỗộớờởỡợ", "r": "rřŕ", "s": "sśşšșß",
    "t": "tťţț", "u": "uùúûüūůűųưủụứừửữự", "y": "yýÿỳỷỹỵ", "z": "zźżž",
    "α": "αά", "ε": "εέ", "η": "ηή", "ι": "ιίϊΐ", "ο": "οό", "υ": "υύϋΰ", "ω": "ωώ", "σ": "σς", "и": "ий", "е": "её",
    "і": "ії",
}  # fmt: skip
"""Letters of messages by the plain ones of the table."""
_JOINED = re.compile(r"[\u0590-\u06ff\u0900-\u0dff]")
"""Letters of scripts in which words have prefixes, or marks that end a word for regular expressions."""


@dataclass(frozen=True, slots=True)
class StopWords:
    """The table made ready. Words and phrases are plain (``reply_text.plain``).

    Alone, ``certain`` words are a stop, ``likely`` ones a stop that a person reads, ``doubtful`` ones for a person to
    read. ``phrases`` are found in replies; so are ``inside`` words, which a person reads, and ``oaths``, said of a
    wrong person or in anger. ``way_out`` finds how a message tells people to leave.
    """

    certain: frozenset[str]
    likely: frozenset[str]
    doubtful: frozenset[str]
    phrases: tuple[str, ...]
    inside: re.Pattern[str]
    oaths: re.Pattern[str]
    way_out: re.Pattern[str]

    @property
    def alone(self) -> frozenset[str]:
        """Everything that is a stop as a whole reply."""
        return self.certain | self.likely


@cache
def stop_words() -> StopWords:
    """The table, read once."""
    import yaml

    text = files("a2pcli.rules").joinpath("data", "stop_words.yaml").read_text("utf-8")
    data: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)
    entries: list[Mapping[str, Any]] = data["languages"]
    certain, likely, doubtful = set[str](), set[str](), set[str]()
    for entry in entries:
        sure = entry["confidence"] == "H"
        (certain if sure else likely).update(_plain_of(entry, "words"))
        replies = certain if sure else doubtful if entry["confidence"] == "L" else likely
        replies.update(_plain_of(entry, "replies"))
    stems = {stem for entry in entries for stem in _plain_of(entry, "stems")}
    words = {word for entry in entries for word in _plain_of(entry, "words")}
    found = {phrase for entry in entries for phrase in _plain_of(entry, "phrases")}
    return StopWords(
        certain=frozenset(certain),
        likely=frozenset(likely - certain),
        doubtful=frozenset(doubtful - certain - likely),
        phrases=tuple(sorted(found, key=lambda phrase: (-len(phrase), phrase))),
        inside=re.compile(_inside(certain | words, stems)),
        oaths=re.compile(rf"(?<!\S)(?:{'|'.join(data['doubtful']['patterns'])})(?!\S)"),
        way_out=re.compile(_way_out(entries), re.IGNORECASE),
    )


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
    spaced = [_accented(word) for word in words if not _stands_anywhere(word)]
    spaced += [_accented(stem) + r"\w*" for stem in stems if not _stands_anywhere(stem)]
    anywhere = [re.escape(word) for word in (*words, *stems) if _stands_anywhere(word)]
    return rf"\b(?:{'|'.join(spaced)})\b|{'|'.join(anywhere)}"


def _stands_anywhere(word: str) -> bool:
    return is_unspaced(word) or _JOINED.search(word) is not None


def _accented(word: str) -> str:
    """A pattern for a word of the table, with and without its accents, and with any gap between its parts."""
    parts = (
        "".join(f"[{_ACCENTED[char]}]" if char in _ACCENTED else re.escape(char) for char in plain(part))
        for part in re.split(r"[\s-]+", word)
    )
    return r"[\s-]?".join(parts) if word in ("opt out", "opt-out") else r"[\s-]+".join(parts)
