"""What a person's reply means: stop, start, help, yes, nothing, or something a person should read.

The words and their sources are data (``data/keywords.yaml``). Where it is not sure, a reply that may ask to be left
alone counts as a stop, or is flagged for a person: to lose a stop is the one mistake that must not happen.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

LONGEST = 4_000
"""Characters of a reply that are looked at; a text message has at most 255 parts, and says it at its beginning."""


class Meaning(StrEnum):
    """What a reply asks for. ``unclear`` may ask to be left alone, and may not: a person has to read it."""

    STOP = "stop"
    START = "start"
    HELP = "help"
    YES = "yes"
    NONE = "none"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply understood. ``flagged``: a person should read it; ``why`` says so in plain words."""

    meaning: Meaning
    flagged: bool = False
    why: str = ""


_QUOTE = "\x02"
_EMOJI = "\x03"
_QUOTED = re.compile(r"""([^"“”„«»‘‚]{0,60}?)\s*(["“„«‘‚])(.*)""", re.DOTALL)
_CLOSERS = {"“": "”", "„": "“”", "«": "»", "‘": "’", "‚": "‘’", '"': '"'}
_NESTING = "“«"
_WORD = re.compile(r"[^\W_]+")
_APOSTROPHES = re.compile("['’‘ʼ`´]")


@dataclass(frozen=True, slots=True)
class _Words:
    """``data/keywords.yaml`` made ready."""

    exact: Mapping[str, Meaning]
    probably: frozenset[str]
    wordings: re.Pattern[str]
    refusals: re.Pattern[str]
    negations: frozenset[str]
    signs: tuple[str, ...]
    tapbacks: re.Pattern[str]
    inside: re.Pattern[str]


def classify(text: str, *, opted_out: bool = False, survey_open: bool = False) -> Reply:
    """What a reply means.

    ``opted_out``: the person is on the suppression list; ``survey_open``: a question of ours waits for an answer. A
    YES is a START only from one who opted out and has no such question.

    >>> classify("Ｓｔｏｐ!!! 🙏").meaning
    <Meaning.STOP: 'stop'>
    >>> classify("don't stop the music").flagged
    True
    """
    words = _words()
    text = text[:LONGEST]
    visible = _visible(text)
    if _is_tapback(visible, words):
        return Reply(Meaning.NONE, why="a reaction that quotes a message")
    plain = _plain(visible)
    if not plain:
        if any(sign in text for sign in words.signs):
            return Reply(Meaning.UNCLEAR, True, "a sign that may mean stop")
        return Reply(Meaning.NONE)
    found = _by_keyword(plain, words)
    if found is Meaning.YES and opted_out and not survey_open:
        return Reply(Meaning.START)
    if found is not None:
        return Reply(found)
    if _by_keyword(_first_line(text), words) is Meaning.STOP:
        return Reply(Meaning.STOP, True, "a stop in its first line, and more below it")
    return _by_wording(plain, words)


def _by_keyword(plain: str, words: _Words) -> Meaning | None:
    """The meaning of a reply that is a keyword, once or several times, and nothing else."""
    if plain in words.exact:
        return words.exact[plain]
    parts = plain.split()
    if len({*parts}) == 1 and parts[0] in words.exact:
        return words.exact[parts[0]]
    spelled = "".join(parts)
    if len(parts) == len(spelled) > 1 and spelled in words.exact:  # S T O P
        return words.exact[spelled]
    return None


def _by_wording(plain: str, words: _Words) -> Reply:
    if plain in words.probably or plain.replace(" ", "") in words.probably:
        return Reply(Meaning.STOP, True, "probably meant as a stop")
    if words.refusals.search(plain):
        return Reply(Meaning.STOP, True, "asks in its own words to be left alone")
    for found in words.wordings.finditer(plain):
        before = plain[: found.start()].split()[-3:]
        if not words.negations.intersection(before):
            return Reply(Meaning.STOP, True, "asks in its own words to be left alone")
    parts = plain.split()
    meanings = {words.exact.get(part) for part in parts}
    if Meaning.STOP in meanings and None not in meanings:
        return Reply(Meaning.STOP, True, "a stop among other keywords")
    if words.inside.search(plain):
        return Reply(Meaning.UNCLEAR, True, "holds a word that may mean stop, and says more")
    return Reply(Meaning.NONE)


def _visible(text: str) -> str:
    """Plain letters for full-width ones, one kind of space, and nothing that cannot be seen."""
    wide = unicodedata.normalize("NFKC", text)
    seen = "".join(
        char for char in wide if unicodedata.category(char) not in ("Cf", "Cc", "Mn", "Me") or char in "\n\t"
    )
    return " ".join(seen.split())


def _first_line(text: str) -> str:
    lines = [plain for line in text.splitlines() if (plain := _plain(_visible(line)))]
    return lines[0] if lines else ""


def _plain(text: str) -> str:
    """Lower case words without accents, one space between them; no punctuation, no emoji."""
    return " ".join(_WORD.findall(_APOSTROPHES.sub("", _unaccented(text))))


def _unaccented(text: str) -> str:
    split = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in split if unicodedata.category(char) != "Mn")


def _is_tapback(visible: str, words: _Words) -> bool:
    """Whether a phone wrote the text for a reaction: a fixed lead, and then the message it reacts to in quotes."""
    quoted = _QUOTED.match(visible)
    if quoted and not _goes_to_the_end(quoted[2], quoted[3]):
        return False
    lead = quoted[1] if quoted else visible
    shape = " ".join(_tokens(lead)) + (f" {_QUOTE}" if quoted else "")
    return words.tapbacks.fullmatch(shape.strip()) is not None


def _goes_to_the_end(opening: str, rest: str) -> bool:
    """Whether a quotation ends with the text, or was cut off; what stands behind one is a text of the person's own."""
    closers = _CLOSERS[opening]
    if opening not in _NESTING:
        return rest.rstrip().endswith(tuple(closers)) or not any(mark in rest for mark in closers)
    depth = 1
    for place, char in enumerate(rest):
        if char == opening:
            depth += 1
        elif char in closers:
            depth -= 1
            if depth == 0:
                return not rest[place + 1 :].strip()
    return True


def _tokens(lead: str) -> Iterable[str]:
    for token in _APOSTROPHES.sub("", _unaccented(lead)).split():
        word = "".join(char for char in token if char.isalnum())
        if word:
            yield word
        elif any(unicodedata.category(char) in ("So", "Sk", "Sm", "Po") for char in token):
            yield _EMOJI


@cache
def _words() -> _Words:
    import yaml

    text = files("a2pcli.rules").joinpath("data", "keywords.yaml").read_text("utf-8")
    data: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)
    meanings = (Meaning.STOP, Meaning.START, Meaning.HELP, Meaning.YES)
    exact = {word: meaning for meaning in meanings for word in _listed(data[meaning])}
    stops = [word for word, meaning in exact.items() if meaning is Meaning.STOP]
    tapbacks = "|".join(data["tapbacks"]["patterns"]).replace("QUOTE", _QUOTE).replace("EMOJI", _EMOJI)
    return _Words(
        exact=exact,
        probably=frozenset(_listed(data["probably_stop"])),
        wordings=_any(data["wordings"]["patterns"]),
        refusals=_any(data["wordings"]["refusals"]),
        negations=frozenset(data["negations"]),
        signs=tuple(data["signs"]),
        tapbacks=re.compile(tapbacks),
        inside=_any([*map(re.escape, stops), r"stop\w*", r"unsubscri\w*", "wrong number", "not interested"]),
    )


def _listed(groups: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    return (word for group in groups for word in group["words"])


def _any(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile(
        "|".join(
            rf"\b(?:{pattern})\b" if not pattern.endswith("$") else rf"\b(?:{pattern})"
            for pattern in patterns
        )
    )
