"""What the cells of a column ``consent`` mean. Words of this project's own choosing; anything else is neither."""

from __future__ import annotations

import re

_SEPARATORS = re.compile(r"[\s_-]+")

YES = frozenset({
    "yes", "y", "true", "t", "1", "1.0", "on", "x", "ok", "✓", "✔", "☑", "✅",
    "given", "granted", "agreed", "accepted", "confirmed", "consent", "consented", "subscribed", "active", "express",
    "optin", "optedin", "ja", "j", "oui", "si", "sí", "sim", "tak", "da",
})  # fmt: skip
NO = frozenset({
    "no", "n", "false", "f", "0", "0.0", "off", "✗", "✘", "☒", "❌", "none", "never",
    "declined", "denied", "refused", "rejected", "revoked", "withdrawn", "removed", "inactive", "unsubscribed", "stop",
    "optout", "optedout", "notgiven", "noconsent", "notconsented", "unconfirmed", "pending",
    "nein", "non", "não", "nao", "nie",
})  # fmt: skip
"""``pending`` and ``unconfirmed`` are here: a double opt-in that was not confirmed allows nothing."""


def meaning(cell: str) -> bool | None:
    """True for a yes, False for a no, None for an empty cell or anything else.

    >>> meaning("Opted-In"), meaning("NO"), meaning("maybe")
    (True, False, None)
    """
    word = _SEPARATORS.sub("", cell.strip().casefold()).rstrip(".!")
    if word in YES:
        return True
    return False if word in NO else None
