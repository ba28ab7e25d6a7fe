"""What the cells of columns about consent and refusal mean: words of many languages (``data/answers.csv``), dates,
lists of channels. What is not understood is neither a yes nor a no, and says so."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from enum import Enum
from functools import cache, lru_cache
from pathlib import Path

from a2pcli.addresses.kinds import Kind
from a2pcli.contacts.facts import telling_fact
from a2pcli.folding import fold, name_words

_DATA = Path(__file__).parent / "data" / "answers.csv"
_DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(\D.*)?|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2})(\D.*)?|\d{8}(T?\d{4,6}Z?)?"
    r"|\d{1,2}\.? ?[^\W\d_]{3,}\.?,? \d{4}.*|[^\W\d_]{3,}\.? \d{1,2}(st|nd|rd|th)?,? \d{4}.*"
    r"|\d{4}年\d{1,2}月\d{1,2}日.*"
)
"""A date in any order: it is enough here that it is one."""
_ALL = frozenset({"all", "everything", "any", "both", "alle", "todos", "tous"})
_SMS = _ALL | {"sms", "text", "texts", "mobile", "mms"}
_CALLS = frozenset({"phone", "call", "calls"})
_EMAIL = _ALL | {"email", "emails", "mail"}
_CHAT = _ALL | {"whatsapp", "telegram", "messenger", "viber", "chat", "messages"}
_ASKED = {Kind.PHONE: _SMS, Kind.EMAIL: _EMAIL, Kind.HANDLE: _CHAT}
"""By the kind of address that is messaged, the words that speak of it in a list of channels."""
_OTHER = frozenset(
    {
        "email",
        "e",
        "mail",
        "emails",
        "post",
        "phone",
        "call",
        "calls",
        "whatsapp",
        "push",
        "letter",
        "fax",
        "web",
    }
)
_KNOWN = _SMS | _CALLS | _EMAIL | _OTHER
_ONLY = frozenset({"only", "nur"})
"""``Do not contact: email only`` asks for what the column refuses, or refuses just that: a person has to say."""
_AND = _ONLY | {"and", "or", "und", "oder", "et", "ou", "y", "o"}


class Answer(Enum):
    """What a cell says: nothing, that messages are allowed, that they are not, or something that nobody understands."""

    NOTHING = "nothing"
    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"


@cache
def _words(*lists: str) -> Mapping[str, str]:
    """Key of each word to its meaning, of some lists of the table."""
    found: dict[str, str] = {}
    for line in _DATA.read_text("utf-8").splitlines():
        meaning, _, words = line.split(",", 2) if not line.startswith("#") else ("", "", "")
        if meaning in lists:
            for word in words.split("|"):
                found.setdefault(_key(word), meaning)
    return found


_MEANINGS = ("yes", "no", "in", "out", "nothing")


def _key(text: str) -> str:
    """A cell as it is compared: without spaces and punctuation, but with marks that are an answer of themselves, and
    with a lone question mark. "" for dashes and the like, which are how people write nothing."""
    folded = fold(text.strip())
    kept = "".join(char for char in folded if char.isalnum() or unicodedata.category(char) in _KEPT)
    return kept or ("?" if "?" in folded else "")


_KEPT = ("So", "Sm", "Mn", "Mc")
"""Categories of ticks and crosses, and of marks on letters."""


@lru_cache(maxsize=65_536)
def consent_answer(cell: str, kind: Kind = Kind.PHONE) -> Answer:
    """What a cell of a column of consent says of messages to a kind of address.

    >>> [consent_answer(cell).value for cell in ("Opted-In", "NO thanks", "maybe", "n/a")]
    ['yes', 'no', 'unclear', 'nothing']
    """
    said = _said(cell)
    if said in ("yes", "in", "date"):
        return Answer.YES
    if said in ("no", "out"):
        return Answer.NO
    if said == "nothing":
        return Answer.NOTHING
    channels = _channels(cell)
    if channels is not None:
        return Answer.YES if channels & _ASKED[kind] else Answer.NO
    first = _first_word(cell)
    return Answer.NO if first in ("no", "out") else Answer.UNCLEAR


@lru_cache(maxsize=65_536)
def refusal_answer(cell: str, kind: Kind = Kind.PHONE) -> Answer:
    """What a cell of a column of refusals (``Opted out``) says of messages to a kind of address: its yes is a NO to
    them.

    >>> [refusal_answer(cell).value for cell in ("Yes", "2026-01-02", "false", "", "by post")]
    ['no', 'no', 'yes', 'nothing', 'unclear']
    """
    said = _said(cell)
    if _key(cell) in _words("either"):
        return Answer.UNCLEAR
    if said in ("yes", "out", "date"):
        return Answer.NO
    if said == "no":
        return Answer.YES
    if said == "in":
        return Answer.YES if telling_fact(name_words(cell)) == "consent" else Answer.UNCLEAR
    if said == "nothing":
        return Answer.NOTHING
    channels = _channels(cell)
    if channels is not None and not _ONLY.intersection(name_words(cell)):
        meant = _ASKED[kind] | (_CALLS if kind is Kind.PHONE else frozenset())
        return Answer.NO if channels & meant else Answer.YES
    return Answer.NO if _first_word(cell) in ("yes", "out") else Answer.UNCLEAR


@lru_cache(maxsize=65_536)
def status_answer(cell: str, kind: Kind = Kind.PHONE) -> Answer:
    """What a cell of a column of any status says: NO where it clearly refuses, else nothing.

    >>> status_answer("Unsubscribed").value, status_answer("inactive").value
    ('no', 'nothing')
    """
    said = _said(cell)
    refuses = said == "out" and _key(cell) not in _words("elsewhere")
    return Answer.NO if refuses else Answer.NOTHING


def meaning(cell: str) -> bool | None:
    """True for a yes to messages, False for a no, None for an empty cell or anything else.

    >>> meaning("Opted-In"), meaning("NO"), meaning("maybe")
    (True, False, None)
    """
    answer = consent_answer(cell)
    return None if answer in (Answer.NOTHING, Answer.UNCLEAR) else answer is Answer.YES


def _said(cell: str) -> str:
    """The meaning of the whole cell; "" where it is not known."""
    text = " ".join(cell.split())
    key = _key(text)
    if not key:
        return "nothing"
    known = _words(*_MEANINGS).get(key)
    if known is not None:
        return known
    if _DATE.fullmatch(fold(text)):
        return "date"
    return "out" if telling_fact(name_words(text)) == "opted_out" else ""


def _first_word(cell: str) -> str:
    """The meaning of the first word, where more follows: ``No, asked by phone``."""
    words = re.split(r"[\s,;:.!()–—-]+", cell.strip(), maxsplit=1)
    return _words(*_MEANINGS).get(_key(words[0]), "") if len(words) > 1 and words[1] else ""


def _channels(cell: str) -> set[str] | None:
    """The channels that a cell lists, where it holds nothing else. A lone ``E`` is none: it is Turkish for yes."""
    words = [word for word in name_words(cell) if word not in _AND]
    if words == ["e"]:
        return None
    return set(words) if words and all(word in _KNOWN for word in words) else None
