"""Lengths as chat networks count them, and the errors of texts that are too long."""

from __future__ import annotations

from a2pcli.content.unfit import Unfit
from a2pcli.reasons import Reason


def characters(text: str) -> int:
    """UTF-16 units: an emoji counts two. Networks that count code points count no more than that."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def within(text: str, most: int, what: str) -> str:
    """The text. Raises ``Unfit`` where it has more characters than ``what`` may have."""
    count = characters(text)
    if count > most:
        raise Unfit(f"{count:,} characters; {what} has at most {most:,}", Reason.TOO_LONG)
    return text
