"""Copy rules about words and links: what carriers filter, what reads as spam, what was left behind by other tools."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from a2pcli.rules.copy import BLANK, Copy, Finding
from a2pcli.rules.copy_data import words
from a2pcli.rules.senders import Kind, kind_of


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
    if not copy.marketing or any(kind_of(sender) is Kind.NAME for sender in copy.senders):
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
