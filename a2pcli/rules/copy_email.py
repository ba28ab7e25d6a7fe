"""Copy rules of marketing by email: a way to unsubscribe that works there, and the sender's postal address."""

from __future__ import annotations

import re
from collections.abc import Iterator

from a2pcli.rules.copy import BLANK, TAG, Copy, Finding
from a2pcli.rules.copy_data import words

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
    hint = "add a line such as 'Unsubscribe: https://example.com/unsubscribe', or a column with each person's link"
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
