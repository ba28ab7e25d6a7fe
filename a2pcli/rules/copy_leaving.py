"""Copy rules about opting out: every message says how, it works with the sender, and its words mean nothing else.

Marketing by email needs one that works there, and the sender's postal address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from a2pcli.rules.copy import BLANK, TAG, Copy, Finding, words
from a2pcli.rules.keywords import Meaning, classify
from a2pcli.rules.reply_text import plain
from a2pcli.rules.senders import SenderKind, kind_of
from a2pcli.rules.stop_words import stop_words

KEYWORD_CLASH = "keyword-clash"
POSTAL_ADDRESS = "postal-address"

_LINK = re.compile(
    rf"https?://|mailto:|[\w.-]+@[\w-]+\.|(?:[\w-]+\.)+[a-z]{{2,}}(?:/|\b)|{BLANK}", re.IGNORECASE
)
_NEAR = 160
"""Characters around the words within which the link must stand."""
_POSTAL = re.compile(
    r"\b\d{1,6}[a-z]?\s+(?:[\w.'-]+\s+){1,4}?(?:street|st|road|rd|avenue|ave|lane|ln|drive|dr|square|sq|boulevard|blvd"
    r"|way|court|ct|place|pl|parkway|pkwy)\b"  # 12 High Street
    r"|\bp\.?\s?o\.?\s+box\b|\bpostfach\b|\bapartado\b|\bbo[iî]te postale\b|\bcaixa postal\b"
    r"|\b\d{4,6}\s+[^\W\d_]{2,}"  # 10115 Berlin
    r"|\b[A-Z]{2}\s+\d{5}(?:-\d{4})?\b"  # NY 10001
    r"|\b[a-z]{1,2}\d[a-z\d]?\s*\d[a-z]{2}\b"  # SW1A 1AA
    r"|\b\d{3}-\d{4}\b|〒",
    re.IGNORECASE,
)
_TAG_OF_ADDRESS = re.compile(
    r"postal|address|anschrift|adresse|direcci[oó]n|indirizzo|endere[cç]o", re.IGNORECASE
)


def no_unsubscribe(copy: Copy) -> Iterator[Finding]:
    """Marketing by email without an unsubscribe link: unlawful in most countries, and large mailbox providers refuse
    it. A reply with STOP is the way of text messages."""
    if not copy.marketing:
        return
    texts = [copy.text.replace("_", " "), *copy.examples]
    told = [(text, found) for text in texts for found in words().opt_out.finditer(text)]
    if any(_LINK.search(text[max(0, at.start() - _NEAR) : at.end() + _NEAR]) for text, at in told):
        return
    if any(words().opt_out.search(tag[0].replace("_", " ")) for tag in TAG.finditer(copy.source)):
        return
    message = "a marketing email without an unsubscribe link"
    hint = (
        "add a line such as 'Unsubscribe: {{ unsubscribe_url }}' (docs/listening.md), or a link of your own"
    )
    yield Finding(0, message, hint, "no-opt-out", lenient=True)


def no_postal_address(copy: Copy) -> Iterator[Finding]:
    """Marketing by email without the sender's postal address, which the law of the United States asks for (CAN-SPAM,
    15 U.S.C. 7704(a)(5)(A)(iii))."""
    if not copy.marketing or not copy.is_email:
        return
    tags = (tag[0] for tag in TAG.finditer(copy.source))
    if any(_POSTAL.search(text) for text in (copy.text, *copy.examples)) or any(
        _TAG_OF_ADDRESS.search(tag) for tag in tags
    ):
        return
    message = "a marketing email without the sender's postal address, which US law (CAN-SPAM) asks for"
    hint = "add it at the end, such as 'Acme, 12 High Street, Springfield, IL 62701'"
    yield Finding(0, message, hint, POSTAL_ADDRESS)


COUNTRY_WORDING = "country-wording"
"""The rule of words that the law of a country wants."""


def no_way_out(copy: Copy) -> Iterator[Finding]:
    """Marketing without a word on how to stop it: unlawful in most countries, blocked by carriers in some."""
    if copy.is_email:
        yield from no_unsubscribe(copy)
        return
    demanded = [
        (country, rule)
        for country, rules in (copy.law or {}).items()
        for rule in rules
        if rule.optout and not rule.fallback
    ]
    if not (copy.marketing or demanded) or _says_how(copy):
        return
    hint = "add a line such as 'Reply STOP to opt out'"
    if name := _name(copy):
        hint = f"nobody can reply to '{name}': add a link, or 'Opt out: text STOP to' a number"
    what = "a marketing message" if copy.marketing else "a message"
    message = f"{what} that does not say how to opt out"
    if demanded:
        message += f", which the law of {_countries([country for country, _ in demanded])} asks for"
    yield Finding(0, message, hint, "no-opt-out", lenient=not demanded)


def _says_how(copy: Copy) -> bool:
    # A link's text counts where it says so (acme.example/stop); a tag may hold the words itself.
    if _way_out(copy, copy.text.replace("_", " ")) or any(_way_out(copy, one) for one in copy.buttons):
        return True
    return bool(copy.examples) and all(_way_out(copy, text) for text in copy.examples)


def _way_out(copy: Copy, text: str) -> bool:
    if words().opt_out.search(text):
        return True
    # Those that everybody knows are in the table, some of them too common in texts to tell a way out.
    keywords = [word for word in copy.keywords if plain(word) not in stop_words().alone]
    own = "|".join(map(re.escape, sorted(keywords, key=len, reverse=True)))
    return bool(own) and re.search(rf"(?<!\w)(?:{own})(?!\w)", text, re.IGNORECASE) is not None


def country_wording(copy: Copy) -> Iterator[Finding]:
    """Words that the law of a country wants in the message, such as France's STOP with its short number."""
    texts = (copy.source, copy.wording, *copy.examples)
    wanted: dict[tuple[str, str], list[str]] = {}
    for country, rules in (copy.law or {}).items():
        for rule in rules:
            if rule.must_contain and not any(
                re.search(rule.must_contain, text, re.IGNORECASE) for text in texts
            ):
                wanted.setdefault((rule.must_say or rule.must_contain, rule.source), []).append(country)
    for (say, source), countries in wanted.items():
        message = f"a message to {_countries(countries)} must contain '{say}'"
        partial = len({*countries}) < len(copy.law or {})
        yield Finding(0, message, f"the source: {source}", COUNTRY_WORDING, partial=partial)


def _countries(countries: list[str]) -> str:
    """``GB``, ``GB and FR``, ``GB, FR and 12 more``."""
    names = list(dict.fromkeys(countries))
    if len(names) > 4:
        return f"{', '.join(names[:3])} and {len(names) - 3} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


_CONTACT = re.compile(rf"\d{{3,}}|https?://|[\w-]+\.[a-z]{{2,}}\b|@|{BLANK}", re.IGNORECASE)
_BEFORE, _BEHIND = 50, 70
"""Characters around the opt-out words within which the number or link must stand."""


def reply_to_a_name(copy: Copy) -> Iterator[Finding]:
    """Nobody can reply to an alphanumeric sender: the way out must be a link, or a number or address to write to."""
    name = _name(copy)
    if name is None or copy.is_email:
        return

    def find(text: str) -> Iterator[Finding]:
        told = list(words().opt_out.finditer(text) if copy.marketing else _asks_to_reply().finditer(text))
        around = [text[max(0, one.start() - _BEFORE) : one.end() + _BEHIND] for one in told]
        if told and not any(_CONTACT.search(near) for near in around):
            message = f"people cannot reply to the name '{name}'"
            yield Finding(
                _reply_before(text, told[0].start()), message, "give a number to text, or a link", "no-reply"
            )

    yield from copy.places(find)


def _reply_before(text: str, at: int) -> int:
    """Where the sentence begins to ask for the reply."""
    starts = [found.start() for found in re.finditer(rf"\b(?:{words().reply})\b", text[:at], re.IGNORECASE)]
    return starts[-1] if starts and at - starts[-1] < 30 else at


@cache
def _asks_to_reply() -> re.Pattern[str]:
    leave = "|".join(map(re.escape, words().leave))
    return re.compile(rf"\b(?:{words().reply})\b(?:\s+with)?\s+[\"'“‘]?(?:{leave})\b", re.IGNORECASE)


def _name(copy: Copy) -> str | None:
    return next((sender for sender in copy.senders if kind_of(sender) is SenderKind.NAME), None)


@cache
def _asked() -> re.Pattern[str]:
    """The keywords are told by their capitals, the words around them in any case."""
    known = "|".join(map(re.escape, (*words().leave, *words().help)))
    return re.compile(
        r"\b(?i:reply|respond|answer|text|txt|send)\b(?i:\s+(?:back|with|us))*(?:[^.\n!?]{0,40}?\b(?i:or))?"
        rf"\s+[\"'“‘]?(?P<word>{known})\b[\"'”’]?(?P<rest>[^.\n!?]{{0,60}})"
    )


def keyword_for_something_else(copy: Copy) -> Iterator[Finding]:
    """CANCEL, END or STOP asked for as an answer: carriers and this tool take it as an opt-out. HELP likewise."""
    if copy.is_email:
        return

    def find(text: str) -> Iterator[Finding]:
        for found in _asked().finditer(text):
            word, rest = found["word"], found["rest"]
            if word in words().help:
                if words().something.search(rest) and not words().helping.search(rest):
                    message = f"carriers answer {word} with help, and you may never see the reply"
                    yield Finding(
                        found.start("word"),
                        message,
                        "ask for another word, such as YES",
                        KEYWORD_CLASH,
                        True,
                    )
            elif _means_something_else(word, rest):
                message = f"anybody who replies {word} is opted out of everything"
                hint = "ask for another word, such as NO or CHANGE"
                yield Finding(found.start("word"), message, hint, KEYWORD_CLASH)

    yield from copy.places(find)


def button_that_opts_out(copy: Copy, label: str) -> Iterator[Finding]:
    """A button whose words come back as an opt-out when it is tapped, in a message that offers none by it."""
    if classify(label, keywords=copy.keywords).meaning is not Meaning.STOP or words().messages.search(label):
        return
    # Marketing offers a way out, as does a message whose text says so.
    if _way_out(copy, label) and (copy.marketing or _way_out(copy, copy.text.replace("_", " "))):
        return
    message = f"anybody who taps '{label}' is opted out of everything: the tap arrives as that word"
    hint = "write something else on the button, such as 'No' or 'Change'"
    yield Finding(0, message, hint, KEYWORD_CLASH)


def _means_something_else(word: str, rest: str) -> bool:
    if words().messages.search(rest):
        return False
    # Without a purpose named, STOP is understood as an opt-out; CANCEL and END are not.
    return (word not in words().plain and not words().leaving.search(rest)) or bool(
        words().something.search(rest)
    )
