"""What a person's reply means: stop, start, help, yes, nothing, or something a person should read.

The words and their sources are data (``data/keywords.yaml``, ``data/stop_words.yaml``). In case of doubt a reply
counts as an opt-out, or is flagged for review: missing an opt-out is the one mistake that must not happen.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import StrEnum
from functools import cache
from typing import Any

from a2pcli.dataclass import dataclass
from a2pcli.folding import fold, is_letter
from a2pcli.rules.data_file import FOLDER, read_data
from a2pcli.rules.reply_text import (
    LONGEST,
    is_near_any,
    is_unspaced,
    joined,
    plain,
    squeezed,
    unmasked,
    visible,
)
from a2pcli.rules.stop_names import Named, named, rest_of_stop
from a2pcli.rules.stop_words import StopWords, stop_words


class Meaning(StrEnum):
    """What a reply asks for. ``unclear`` may or may not be an opt-out: a person has to read it."""

    STOP = "stop"
    START = "start"
    HELP = "help"
    YES = "yes"
    NONE = "none"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply understood. ``flagged``: a person should read it; ``why`` says so in plain words. ``programme`` is the
    only one that a STOP is for, if it names one; ``is_for_all``: it names something else, and is for every message."""

    meaning: Meaning
    flagged: bool = False
    why: str = ""
    programme: str | None = None
    is_for_all: bool = False


def no_programmes() -> Mapping[str, str]:
    """Return no programmes."""
    return {}


_QUOTE = "\x02"
_EMOJI = "\x03"
_QUOTED = re.compile(r"""([^"“”„«»‘‚]{0,60}?)\s*(["“”„«»‘‚])(.*)""", re.DOTALL)
_CLOSERS = {"“": "”", "„": "“”", "«": "»", "‘": "’", "‚": "‘’", '"': '"', "”": "”", "»": "»«"}
_NESTING = "“«"
_APOSTROPHES = re.compile("['’‘ʼ`´]")
_SENTENCE = re.compile(r"[.!?;()\n…。！？]+|:(?!\s*[\"“”„«‘])|\s[-–—]+\s|,\s")
_SHORT, _FEW_LETTERS = 4, 10
"""Words, or letters of scripts without spaces, of a reply that says little besides a short phrase."""
_LONG = 14
"""Words of a reply that is about something else, even with a long phrase in it."""


@dataclass(frozen=True, slots=True)
class _Words:
    """``data/keywords.yaml`` made ready, with the table of stop words."""

    exact: Mapping[str, Meaning]
    stop: StopWords
    misspelt: frozenset[str]
    near: frozenset[str]
    not_near: frozenset[str]
    squeezed: frozenset[str]
    courtesies: re.Pattern[str]
    wordings: re.Pattern[str]
    refusals: re.Pattern[str]
    negations: frozenset[str]
    signs: tuple[str, ...]
    lone_signs: tuple[str, ...]
    tapbacks: re.Pattern[str]
    inside: re.Pattern[str]
    everything: re.Pattern[str]


def classify(
    text: str,
    *,
    opted_out: bool = False,
    survey_open: bool = False,
    keywords: Collection[str] = (),
    programmes: Callable[[], Mapping[str, str]] = no_programmes,
) -> Reply:
    """What a reply means.

    ``opted_out``: the person is on the suppression list; ``survey_open``: a question of ours waits for an answer. A
    YES is a START only from one who opted out and has no such question. ``keywords``: words that mean stop by the law
    or by a project's own rules, beside those that always do. ``programmes`` returns the programmes that a STOP may
    name, by their names in plain letters; it is called only if something follows an opt-out keyword.

    >>> classify("Ｓｔｏｐ!!! 🙏").meaning
    <Meaning.STOP: 'stop'>
    >>> classify("don't stop the music").flagged
    True
    """
    words = _words()
    text = text[:LONGEST]
    seen = visible(text)
    if _is_tapback(seen, words):
        return Reply(Meaning.NONE, why="a reaction that quotes a message")
    said = plain(seen)
    if not said:
        if any(sign in text for sign in (*words.signs, *words.lone_signs)):
            return Reply(Meaning.UNCLEAR, True, "an emoji that may be an opt-out")
        return Reply(Meaning.NONE)
    own = frozenset(map(plain, keywords))
    found = Meaning.STOP if said in own else _by_keyword(said, words)
    if found is Meaning.YES and opted_out and not survey_open:
        return Reply(Meaning.START)
    if found is not None:
        return Reply(found)
    told = rest_of_stop(text, words.stop.alone | own)
    name = None if told is None else named(*told, programmes())
    if name is not None and name.programme is not None:
        return Reply(Meaning.STOP, programme=name.programme)
    return _in_other_words(text, seen, said, words, own, name)


def means_everything(text: str) -> bool:
    """Whether an opt-out says that it is for every message, whatever opt-outs are usually for.

    >>> means_everything("STOPALL"), means_everything("STOP")
    (True, False)
    """
    return _words().everything.search(plain(visible(text[:LONGEST]))) is not None


def _in_other_words(
    text: str, seen: str, said: str, words: _Words, own: frozenset[str], name: Named | None
) -> Reply:
    """A reply that is no keyword: a stop that a person reads, something for a person, or nothing."""
    if why := _probably(text, seen, said, words, own):
        return Reply(Meaning.STOP, True, why)
    rest = " ".join(words.courtesies.sub(" ", said).split())
    asked = _by_keyword(rest, words) if rest != said else None
    if asked in (Meaning.HELP, Meaning.START):
        return Reply(asked)
    bare = unmasked(seen)
    for one in dict.fromkeys((said, bare)):
        if found := _by_wording(one, words):
            return Reply(Meaning.STOP, True, found)
    if name is not None:
        what = (
            f"with a name that is no programme ({name.unknown})"
            if name.unknown
            else "of more than one programme"
        )
        return Reply(Meaning.STOP, True, f"an opt-out {what}: taken for all messages", is_for_all=True)
    return _doubtful(text, said, bare, words, own)


def _probably(text: str, seen: str, said: str, words: _Words, own: frozenset[str]) -> str:
    """Why a reply is most likely a stop; "" if it is not."""
    if _is_likely(said, seen, words):
        return "probably an opt-out"
    rest = " ".join(words.courtesies.sub(" ", said).split())
    if rest not in ("", said) and (
        rest in own or _by_keyword(rest, words) is Meaning.STOP or rest in words.stop.alone
    ):
        return "an opt-out with a polite word"
    if any(one in words.stop.certain or one in own for one in _ends(text)):
        return "an opt-out with other text"
    return ""


def _doubtful(text: str, said: str, bare: str, words: _Words, own: frozenset[str]) -> Reply:
    """A reply that may be a stop, for a person to read; else nothing."""
    for one in dict.fromkeys((said, bare)):
        if words.inside.search(one) or own.intersection(one.split()):
            return Reply(Meaning.UNCLEAR, True, "contains a word that may be an opt-out, with other text")
        if words.stop.oaths.search(one) or _holds_phrase(one, words):
            return Reply(Meaning.UNCLEAR, True, "may be an opt-out in the person's own words")
        if one in words.stop.doubtful or _is_nearly(one, words):
            return Reply(Meaning.UNCLEAR, True, "may be an opt-out, misspelt or in another language")
    if any(sign in text for sign in words.signs):
        return Reply(Meaning.UNCLEAR, True, "an emoji that may be an opt-out")
    return Reply(Meaning.NONE)


def _by_keyword(said: str, words: _Words) -> Meaning | None:
    """The meaning of a reply that is a keyword, once or several times, and nothing else."""
    if said in words.exact:
        return words.exact[said]
    parts = said.split()
    if len({*parts}) == 1 and parts[0] in words.exact:
        return words.exact[parts[0]]
    spelled = "".join(parts)
    if len(parts) == len(spelled) > 1 and spelled in words.exact:  # S T O P
        return words.exact[spelled]
    return None


def _is_likely(said: str, seen: str, words: _Words) -> bool:
    """Whether the whole reply is a stop in another language, with slips, or written in a disguise."""
    alone = words.stop.alone | words.misspelt
    whole = said.replace(" ", "")
    bare = unmasked(seen)
    tried = {said, whole, bare, bare.replace(" ", ""), joined(seen), squeezed(bare)}
    if tried & alone:
        return True
    if {squeezed(whole), squeezed(bare.replace(" ", ""))} & words.squeezed:
        return True
    parts = bare.split()
    return len(parts) > 1 and all(part in alone or squeezed(part) in words.squeezed for part in parts)


def _ends(text: str) -> set[str]:
    """The first and the last sentence of a reply, and its first line, plain."""
    sentences = [one for part in _SENTENCE.split(text) if (one := plain(visible(part)))]
    lines = [one for line in text.splitlines() if (one := plain(visible(line)))]
    found = {*sentences[:1], *sentences[-1:], *lines[:1]} if len(sentences) > 1 else {*lines[:1]}
    return found - {"end", "cancel", "quit", "remove"} | {*lines[:1]}


def _by_wording(said: str, words: _Words) -> str | None:
    """Why a reply is a stop in the person's own words; None where it is not."""
    own_words = "an opt-out in the person's own words"
    if words.refusals.search(said):
        return own_words
    for found in words.wordings.finditer(said):
        before = said[: found.start()].split()[-3:]
        if not words.negations.intersection(before):
            return own_words
    if _holds_phrase(said, words, surely=True):
        return own_words
    parts = said.split()
    meanings = {words.exact.get(part) for part in parts}
    if Meaning.STOP in meanings and None not in meanings:
        return "an opt-out among other keywords"
    return None


def _holds_phrase(said: str, words: _Words, *, surely: bool = False) -> bool:
    """Whether a reply holds a phrase of the table; ``surely``: and says little else."""
    for phrase in words.stop.phrases:
        if is_unspaced(phrase):
            short, fits = len(phrase) <= 3, len(said) <= _FEW_LETTERS
            is_there = phrase.replace(" ", "") in said.replace(" ", "")
        else:
            short, fits = phrase.count(" ") < 2, said.count(" ") < _SHORT
            is_there = f" {phrase}" in f" {said}"
        if is_there and (not surely or fits or (not short and said.count(" ") < _LONG)):
            return True
    return False


def _is_nearly(said: str, words: _Words) -> bool:
    """Whether a reply of one or two words is one slip away from a stop."""
    parts = said.split()
    if len(parts) > 2:
        return any(part in words.misspelt for part in parts)
    tried = (said.replace(" ", ""), *parts)
    return any(
        one not in words.not_near and is_near_any(one, (other for other in words.near if len(other) > 3))
        for one in tried
        if len(one) > 2
    )


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
    for token in fold(_APOSTROPHES.sub("", lead)).split():
        word = "".join(char for char in token if is_letter(char))
        if word:
            yield word
        elif any(unicodedata.category(char) in ("So", "Sk", "Sm", "Po") for char in token):
            yield _EMOJI


@cache
def _words() -> _Words:
    data: dict[str, Any] = read_data(FOLDER / "keywords.yaml")
    meanings = (Meaning.START, Meaning.HELP, Meaning.YES)
    stop = stop_words()
    exact = {plain(word): meaning for meaning in meanings for word in _listed(data[meaning])}
    exact |= dict.fromkeys(stop.certain, Meaning.STOP)
    misspelt = frozenset(map(plain, _listed(data["misspelt"])))
    tapbacks = "|".join(data["tapbacks"]["patterns"]).replace("QUOTE", _QUOTE).replace("EMOJI", _EMOJI)
    return _Words(
        exact=exact,
        stop=stop,
        misspelt=misspelt,
        near=frozenset(data["near"]),
        not_near=frozenset(data["not_near"]),
        squeezed=frozenset(squeezed(word) for word in stop.alone if len(word) > 3 and " " not in word),
        courtesies=_courtesies({plain(word) for word in data["courtesies"]}),
        wordings=_any(data["wordings"]["patterns"]),
        refusals=_any(data["wordings"]["refusals"]),
        negations=frozenset(data["negations"]),
        signs=tuple(data["signs"]),
        lone_signs=tuple(data["lone_signs"]),
        tapbacks=re.compile(tapbacks),
        inside=re.compile(
            rf"{stop.inside.pattern}|(?<!\S)(?:st[o0]p\S*|{'|'.join(map(re.escape, misspelt))})(?!\S)"
        ),
        everything=re.compile("|".join(data["everything"])),
    )


def _listed(groups: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    return (word for group in groups for word in group["words"])


def _courtesies(words: Iterable[str]) -> re.Pattern[str]:
    """Polite words between spaces; those of scripts without spaces anywhere."""
    escaped = sorted(words, key=len, reverse=True)
    anywhere = "|".join(re.escape(word) for word in escaped if is_unspaced(word))
    between = "|".join(re.escape(word) for word in escaped if not is_unspaced(word))
    return re.compile(rf"(?<!\S)(?:{between})(?!\S)|{anywhere}")


def _any(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile(
        "|".join(
            rf"\b(?:{pattern})\b" if not pattern.endswith("$") else rf"\b(?:{pattern})"
            for pattern in patterns
        )
    )
