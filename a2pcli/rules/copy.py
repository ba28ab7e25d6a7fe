"""A message's wording as the copy rules see it, and the rules about its words and links.

A rule looks at the template's own words, where tags are blanked out; at what partials add; and, where they are
known, at messages as people would get them. What a rule is worth is decided elsewhere (``planning.lint``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import cache
from typing import Any

from a2pcli.dataclass import dataclass
from a2pcli.rules.data_file import FOLDER, read_data
from a2pcli.rules.facts import CopyRule as CopyLaw
from a2pcli.rules.senders import SenderKind, kind_of
from a2pcli.rules.stop_words import WayOut, stop_words

TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
BLANK = "\ue000"
"""Stands for a character of a tag: no letter, no space, in no alphabet."""

_REFERS = re.compile(r"\{%[-+]?\s*(?:include|extends|import|from)\b")


@dataclass(frozen=True, slots=True)
class Copy:
    """A message as written.

    ``wording`` is all text outside of tags, that of partials too, where it is known. ``columns`` are the contacts'
    canonical columns, where they are known; ``examples`` messages as people would get them, before smart encoding.
    ``senders`` are those that it is sent from; empty where the gateway's account chooses. ``law`` holds, by the
    countries it is sent to, what the law there wants in it; None where the recipients are not known yet. ``keywords``
    are words that mean stop by the project's own rules. ``buttons`` are the words on the message's buttons.
    """

    source: str
    marketing: bool
    smart: bool = True
    senders: Sequence[str] = ()
    columns: Collection[str] = ()
    examples: Sequence[str] = ()
    wording: str = ""
    programme: str = ""
    law: Mapping[str, Sequence[CopyLaw]] | None = None
    keywords: Collection[str] = ()
    is_email: bool = False
    buttons: Sequence[str] = ()

    @property
    def words(self) -> str:
        """The source with every tag blanked out: the same length, so that places stay."""
        return TAG.sub(lambda tag: BLANK * len(tag[0]), self.source)

    @property
    def text(self) -> str:
        """Everything it may say, in no place: the source with its tags, and the partials' words."""
        return f"{self.source}\n{self.wording}"

    def places(self, find: Callable[[str], Iterator[Finding]]) -> Iterator[Finding]:
        """What ``find`` finds in the words; where they hold nothing, what it finds in partials, at their tag."""
        found = list(find(self.words))
        refers = _REFERS.search(self.source)
        if not found and refers is not None and self.wording:
            found = [
                Finding(refers.start(), f"{one.message} (in a partial)", one.hint, one.code)
                for one in find(self.wording)
            ]
        yield from found


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to mend at a character (from 0) of the template.

    ``code`` is the rule's name. ``lenient``: no law that is known forbids it here, so it is a warning at most.
    ``natural``: it is in the nature of the text and cannot be mended, so it is a note, unless the project says more.
    ``partial``: it is about some of the countries alone, whose messages can be left out.
    """

    offset: int
    message: str
    hint: str | None
    code: str
    lenient: bool = field(default=False, compare=False)
    natural: bool = field(default=False, compare=False)
    partial: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Words:
    """What the copy rules look for.

    ``leave`` are answers that leave, ``plain`` those that say so by themselves; ``reply`` (a part of a pattern),
    ``messages``, ``leaving``, ``something`` and ``helping`` tell what an answer is asked for.
    """

    opt_out: WayOut
    leave: tuple[str, ...]
    plain: frozenset[str]
    help: tuple[str, ...]
    reply: str
    messages: re.Pattern[str]
    leaving: re.Pattern[str]
    something: re.Pattern[str]
    helping: re.Pattern[str]
    shaft: re.Pattern[str]
    shaft_countries: frozenset[str]
    shortener: re.Pattern[str]
    generic_names: frozenset[str]


@cache
def words() -> Words:
    """The word lists of ``copy.yaml``, read once."""
    data: dict[str, Any] = read_data(FOLDER / "copy.yaml")
    reserved, shaft = data["reserved"], data["shaft"]
    hosts = "|".join(map(re.escape, data["shorteners"]["hosts"]))
    kinds = (f"(?P<{kind}>{_any(patterns)})" for kind, patterns in shaft["words"].items())
    return Words(
        opt_out=stop_words().way_out,
        leave=tuple(reserved["leave"]),
        plain=frozenset(reserved["plain"]),
        help=tuple(reserved["help"]),
        reply=_any(data["asking"]["reply"]),
        **{
            kind: re.compile(rf"\b(?:{_any(data['asking'][kind])})\b", re.IGNORECASE)
            for kind in ("messages", "leaving", "something", "helping")
        },
        shaft=re.compile(rf"(?<![\w-])(?:{'|'.join(kinds)})(?![\w-])", re.IGNORECASE),
        shaft_countries=frozenset(shaft["countries"]),
        shortener=re.compile(rf"(?<![\w.@-])(?:{hosts})(?![\w-]|\.\w)", re.IGNORECASE),
        generic_names=frozenset(data["generic_names"]),
    )


def _any(patterns: Iterable[str]) -> str:
    return "|".join(dict.fromkeys(patterns))


def filtered_words(copy: Copy) -> Iterator[Finding]:
    """Sex, hate, alcohol, firearms, tobacco: carriers of North America filter what speaks of them."""
    everywhere = words().shaft_countries
    bound = sorted(everywhere if copy.law is None else everywhere & set(copy.law))
    if not bound:
        return

    def find(text: str) -> Iterator[Finding]:
        told: set[str] = set()
        for found in words().shaft.finditer(text):
            kind = str(found.lastgroup)
            if kind not in told:
                told.add(kind)
                message = f"'{found[0]}' is about {kind}: carriers in {', '.join(bound)} filter such messages"
                yield Finding(found.start(), message, "ask the provider first", "shaft")

    yield from copy.places(find)


def public_shortener(copy: Copy) -> Iterator[Finding]:
    """Carriers block messages with links of shorteners that everybody can use, and people distrust them."""
    for found in words().shortener.finditer(copy.source):
        yield _shortened(found.start(), found[0])
    hidden = words().shortener.search(copy.wording)
    if hidden is not None and not words().shortener.search(copy.source):
        yield _shortened(0, hidden[0])


def _shortened(offset: int, host: str) -> Finding:
    message = f"'{host}' is a public link shortener: carriers block such messages"
    return Finding(offset, message, "link to a domain of your own", "shortener")


def plain_http(copy: Copy) -> Iterator[Finding]:
    """Phones warn before they open http:// pages."""
    for found in re.finditer(r"\bhttp://", copy.source, re.IGNORECASE):
        yield Finding(found.start(), "an unencrypted link (http)", "write https://", "plain-http")


def shouting(copy: Copy) -> Iterator[Finding]:
    """Marketing in capitals reads as spam, to people and to filters."""
    letters = [char for char in re.sub(r"https?://\S+", "", copy.words) if char.isalpha() and char != BLANK]
    if copy.marketing and len(letters) >= 20 and sum(char.isupper() for char in letters) > 0.6 * len(letters):
        yield Finding(0, "most of the message is in capitals: spam filters may block it", None, "all-caps")


def nobody_named(copy: Copy) -> Iterator[Finding]:
    """Marketing from a number does not say who sends it, unless its text does (CTIA 5.1.2; PECR regulation 23).

    Only where the programme's name is known: nothing else tells what the brand is called.
    """
    if not copy.marketing or any(kind_of(sender) is SenderKind.NAME for sender in copy.senders):
        return
    names = [
        word
        for word in re.findall(r"\w{3,}", copy.programme)
        if word.lower() not in words().generic_names and not word.isdigit()
    ]
    if names and not any(re.search(rf"\b{re.escape(name)}", copy.text, re.IGNORECASE) for name in names):
        message = (
            f"the message does not name the programme '{copy.programme}', so nobody can tell who sends it"
        )
        yield Finding(0, message, f"begin with '{copy.programme}:'", "no-brand")


_PLACEHOLDERS: tuple[re.Pattern[str], ...] = (
    re.compile(r"\*\|([\w .:-]{1,40})\|\*"),
    re.compile(r"%%([A-Za-z][\w .-]{0,40})%%"),
    re.compile(r"%([A-Z][A-Z_]{2,40}|[a-z]+_[a-z_]+)%"),
    re.compile(r"\$\{([A-Za-z_][\w .-]{0,40})\}"),
    re.compile(r"(?<![{$])\{([A-Za-z_][\w .-]{0,40})\}(?!\})"),
    re.compile(r"\[\[?([A-Z][A-Z_ ]{2,40}|(?i:(?:first|last|full|your)?[ _-]?name))\]\]?"),
    re.compile(r"<<?([A-Z][A-Z_ ]{2,40}|[a-z]+_[a-z_]+|(?i:(?:first|last|full)?[ _-]?name))>>?"),
    re.compile(r"@@?([A-Z][A-Z_]{2,40})@@?"),
)


def foreign_placeholder(copy: Copy) -> Iterator[Finding]:
    """A gap in another tool's notation would be sent as it stands: "Hi {first_name}"."""
    taken: list[tuple[int, int]] = []
    for pattern in _PLACEHOLDERS:
        for found in pattern.finditer(copy.words):
            if any(start < found.end() and found.start() < end for start, end in taken):
                continue
            taken.append(found.span())
            name = re.sub(r"[\W_]+", "_", found[1].lower()).strip("_")
            column = name if name in copy.columns or not copy.columns else _near(name, copy.columns)
            hint = f"write {{{{ {column} }}}}" if column else "columns are written {{ name }}"
            message = f"'{found[0]}' is sent as written"
            yield Finding(found.start(), message, hint, "foreign-placeholder")


def _near(name: str, columns: Collection[str]) -> str | None:
    from difflib import get_close_matches

    squeezed = {column.replace("_", ""): column for column in columns}
    if name.replace("_", "") in squeezed:
        return squeezed[name.replace("_", "")]
    return next(iter(get_close_matches(name, list(columns), 1, 0.7)), None)
