"""Checks that the content of every channel shares: its URLs, the length of its texts, and the error that they raise."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from a2pcli.reasons import Reason

LONGEST = 2_000
_UNWANTED = re.compile(r"[\x00-\x20\x7f\"'<>\\^`{|}]")
_ASCII = "".join(map(chr, range(0x21, 0x7F)))


class Unfit(ValueError):
    """The channel would refuse the content. ``str()`` is a sentence for the detail of the row, which is excluded."""

    def __init__(self, sentence: str, reason: Reason = Reason.TEMPLATE_ERROR) -> None:
        super().__init__(sentence)
        self.reason = reason


def characters(text: str) -> int:
    """The length in UTF-16 units; an emoji counts as two. It is never less than the number of code points, which some
    networks count."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def within(text: str, most: int, what: str) -> str:
    """The text unchanged. Raises ``Unfit`` if it is longer than ``most``; ``what`` is its name in the error."""
    count = characters(text)
    if count > most:
        raise Unfit(f"{count:,} characters; {what} has at most {most:,}", Reason.TOO_LONG)
    return text


def web_address(text: str, what: str) -> str:
    """The URL with its non-ASCII letters percent-encoded. ``what`` is its name in errors, such as ``telegram.photo``.

    Only ``https://`` and ``http://`` URLs with a host and without a user name are accepted, so that a cell cannot make
    people open anything else. Raises ``Unfit``.
    """
    typed = text.strip()
    try:
        parts = urlsplit(typed)
        port_is_right = parts.port != 0
    except ValueError:
        raise Unfit(f"'{what}' is not a URL") from None
    if parts.scheme not in ("https", "http"):
        raise Unfit(f"'{what}' is not a URL that starts with https:// or http://")
    if not port_is_right or _UNWANTED.search(typed) or not (parts.hostname and parts.netloc.isascii()):
        raise Unfit(f"'{what}' is not a URL")
    if "@" in parts.netloc:
        raise Unfit(f"'{what}' is a URL with a user name")
    if len(typed) > LONGEST:
        raise Unfit(f"'{what}' is longer than {LONGEST:,} characters")
    return quote(typed, safe=_ASCII)
