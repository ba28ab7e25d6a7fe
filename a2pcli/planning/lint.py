"""What is wrong with a message's wording before anybody gets it: money, trust and law, by the text alone.

Each rule has a name; a project says how strict it is (``rules:``), a campaign may waive it with a reason
(``waive:``). An error stops a plan, a warning is shown. The rules themselves are in ``rules.copy_*``; here are
the one about the price of characters, and what becomes of findings.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field

from a2pcli.content.encoding import measure
from a2pcli.content.parts import GSM, character_name
from a2pcli.content.smart import plain
from a2pcli.content.typography import TABLE
from a2pcli.dataclass import dataclass
from a2pcli.errors import Severity
from a2pcli.rules.copy import (
    BLANK,
    TAG,
    Copy,
    Finding,
    filtered_words,
    foreign_placeholder,
    nobody_named,
    plain_http,
    public_shortener,
    shouting,
)
from a2pcli.rules.copy_leaving import (
    KEYWORD_CLASH,
    POSTAL_ADDRESS,
    country_wording,
    keyword_for_something_else,
    no_postal_address,
    no_way_out,
    reply_to_a_name,
)

__all__ = ["RULES", "Copy", "Finding", "LintRule", "Strictness", "lint"]

_CONSTANT = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")
MANY = 3
"""Costly characters are listed individually up to this number."""


@dataclass(frozen=True, slots=True)
class LintRule:
    """A named check of the wording, its default severity, and the function that finds violations.

    ``recipients``: findings depend on the countries and senders of a plan's rows.
    """

    name: str
    severity: Severity
    find: Callable[[Copy], Iterator[Finding]]
    recipients: bool = False


def lint(copy: Copy, rules: Iterable[LintRule] | None = None) -> Iterator[Finding]:
    """Yield the findings of all rules about the message."""
    for rule in RULES if rules is None else rules:
        yield from rule.find(copy)


@dataclass(frozen=True, slots=True)
class Strictness:
    """Severities set by a project and a campaign: ``rules`` by name (``off``, ``warning``, ``error``), and the
    reasons for ``waived`` rules."""

    rules: Mapping[str, str] = field(default_factory=dict)
    waived: Mapping[str, str] = field(default_factory=dict)

    def of(self, finding: Finding) -> Severity | None:
        """Return the severity of a finding; None if its rule is off."""
        chosen = self.rules.get(finding.code)
        if chosen is not None:
            return None if chosen == "off" else Severity(chosen)
        if finding.natural:
            return Severity.NOTE
        return Severity.WARNING if finding.lenient else DEFAULTS.get(finding.code, Severity.WARNING)

    def binds(self, name: str) -> bool:
        """Whether a violation of the rule is an error."""
        chosen = self.rules.get(name, str(DEFAULTS[name]))
        return chosen == "error" and name not in self.waived


def expensive_characters(copy: Copy) -> Iterator[Finding]:
    """Report characters of the template that force the whole message into UCS-2, with 70 characters a part."""
    forcing = _forcing(copy)
    if not forcing:
        return
    cost = _cost(copy, "".join(forcing))
    if letter := next((char for char in forcing if _is_of_another_script(char)), None):
        message = f"'{letter}' ({character_name(letter)}) needs UCS-2: {cost}"
        yield Finding(forcing[letter][0], message, None, "ucs-2", natural=True)
        return
    if len(forcing) > MANY:  # one finding is enough for many characters
        char, offsets = next(iter(forcing.items()))
        message = (
            f"'{char}' ({character_name(char)}) and {len(forcing) - 1} other characters turn the message"
        )
        yield Finding(offsets[0], f"{message} into UCS-2: {cost}", None, "ucs-2")
        return
    for char, offsets in forcing.items():
        times = f" ({len(offsets)} times)" if len(offsets) > 1 else ""
        replacement = TABLE.get(char)
        hint = _without(char) if replacement is None else f"write {replacement!r}, or set smart: true"
        message = f"'{char}' ({character_name(char)}){times} turns the message into UCS-2: {cost}"
        yield Finding(offsets[0], message, hint, "ucs-2")


def _without(char: str) -> str:
    """Return how to avoid the character; a letter cannot just be removed from its word."""
    if unicodedata.category(char)[0] != "L":
        return "remove it"
    plain = unicodedata.normalize("NFD", char)[0]
    alike = f" '{plain}' costs nothing extra;" if plain != char and plain.isascii() else ""
    return f"{alike} --ignore ucs-2 if the word needs it".strip()


def _is_of_another_script(char: str) -> bool:
    """Whether the letter has no plain Latin equivalent: Hebrew, Cyrillic, Thai, ..."""
    return unicodedata.category(char)[0] in "LM" and not unicodedata.name(char, "LATIN").startswith(
        ("LATIN", "COMBINING", "FEMININE", "MASCULINE")
    )


def _cost(copy: Copy, forcing: str) -> str:
    """Return what the characters cost in a typical message: parts with and without them."""
    texts = copy.examples or [copy.words.replace(BLANK, "").strip() or forcing]
    plain = str.maketrans({char: TABLE.get(char, "?") for char in forcing})
    pairs = Counter(
        (measure(_best(text, copy)).parts, measure(_best(text.translate(plain), copy)).parts)
        for text in texts
        if text
    )
    now, without = max(pairs, key=lambda pair: (pairs[pair], pair), default=(1, 1))
    if now == without:
        return "70 characters a part instead of 160"
    for_whom = " for most people" if copy.examples and len(pairs) > 1 else ""
    return f"{now} parts instead of {without}{for_whom}"


def _best(text: str, copy: Copy) -> str:
    return plain(text, use_smart=copy.smart).text


def _forcing(copy: Copy) -> dict[str, list[int]]:
    """Return each character that forces UCS-2, with its offsets. With smart encoding, only those it cannot replace."""
    found: dict[str, list[int]] = {}
    for offset, char in _typed(copy.source):
        if char not in GSM:
            found.setdefault(char, []).append(offset)
    if not copy.smart:
        return found
    return {char: offsets for char, offsets in found.items() if char not in TABLE}


def _typed(source: str) -> Iterator[tuple[int, str]]:
    """Yield the characters that can reach the message: literal text, and constants inside ``{{ }}``."""
    end = 0
    for tag in TAG.finditer(source):
        yield from enumerate(source[end : tag.start()], end)
        if tag[0].startswith("{{"):
            for constant in _CONSTANT.finditer(source, tag.start(), tag.end()):
                yield from enumerate(constant[1] or constant[2] or "", constant.start() + 1)
        end = tag.end()
    yield from enumerate(source[end:], end)


RULES: tuple[LintRule, ...] = (
    LintRule("ucs-2", Severity.WARNING, expensive_characters),
    LintRule("no-opt-out", Severity.WARNING, no_way_out, recipients=True),
    LintRule(POSTAL_ADDRESS, Severity.WARNING, no_postal_address, recipients=True),
    LintRule("country-wording", Severity.WARNING, country_wording, recipients=True),
    LintRule("no-reply", Severity.WARNING, reply_to_a_name, recipients=True),
    LintRule(KEYWORD_CLASH, Severity.WARNING, keyword_for_something_else),
    LintRule("shaft", Severity.WARNING, filtered_words, recipients=True),
    LintRule("shortener", Severity.WARNING, public_shortener),
    LintRule("plain-http", Severity.WARNING, plain_http),
    LintRule("all-caps", Severity.WARNING, shouting),
    LintRule("no-brand", Severity.WARNING, nobody_named, recipients=True),
    LintRule("foreign-placeholder", Severity.WARNING, foreign_placeholder),
)
DEFAULTS: Mapping[str, Severity] = {rule.name: rule.severity for rule in RULES} | {
    "dlt-template": Severity.ERROR
}
"""Default severity of each rule. ``dlt-template`` applies to each message separately."""
