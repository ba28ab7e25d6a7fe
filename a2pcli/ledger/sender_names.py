"""How a sender is named where it is compared: in scopes of suppressions, at the plan and at the claim."""

from __future__ import annotations

import re
import unicodedata


def sender_scope(sender: str | None, gateway: str) -> str:
    """Return the name under which opt-outs from a sender are stored; a gateway that chooses the sender has its own."""
    return sender or f"gateway {gateway}"


_SENDER_SCHEME = re.compile(r"(?:whatsapp|sms|mms|rcs|tel|viber)\s*:\s*(?://)?", re.IGNORECASE)
_SENDER_NUMBER = re.compile(r"\+?[\d ().\-]+")


def sender_key(sender: str) -> str:
    """Return a key that is equal for all spellings of a sender: ``ACME`` and ``Acme``, ``+1 415 555 2671`` and
    ``whatsapp:+14155552671``.

    >>> sender_key("whatsapp:+1 (415) 555-2671")
    '14155552671'
    """
    text = unicodedata.normalize("NFKC", sender).strip()
    text = _SENDER_SCHEME.sub("", text, count=1)
    if _SENDER_NUMBER.fullmatch(text):
        return re.sub(r"\D", "", text).removeprefix("00")
    return " ".join(text.casefold().split())
