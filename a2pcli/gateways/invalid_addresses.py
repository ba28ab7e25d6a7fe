"""Which codes and words in receipts say that the address does not exist: an unknown subscriber, a hard bounce.

Narrower than the cause ``permanent``, which is also a phone that blocks messages or takes no SMS: nobody is suppressed
for that. Sources: the providers' tables of errors, as for ``codes/receipts``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from a2pcli.folding import name_key

INVALID = "invalid"

CODES: Mapping[str, frozenset[str]] = {
    "twilio": frozenset({"30005"}),
    "vonage": frozenset({"3"}),
    "infobip": frozenset({"EC_UNKNOWN_SUBSCRIBER", "EC_INVALID_DESTINATION_ADDRESS"}),
    "aws_sms": frozenset({"INVALID"}),
    "sns": frozenset({"invalid-phone-number"}),
    "postmark": frozenset({"HardBounce", "BadEmailAddress"}),
    "plivo": frozenset({"40"}),
    "bandwidth": frozenset({"4720"}),
    "simulator": frozenset({"sim-invalid"}),
}
"""By type of gateway."""

WORDS = frozenset(
    name_key(word)
    for word in (
        "hard bounce", "recipient does not exist", "unknown subscriber", "no such mailbox", "mailbox does not exist",
        "invalid number", "invalid phone number", "invalid destination address",
    )
)  # fmt: skip
"""Statuses and codes that mean it whoever the provider is."""


def says_invalid(block: Mapping[str, Any], code: str | None, status: str | None) -> bool:
    """Return whether a receipt says that the address does not exist. ``block`` is the gateway's in the settings, with
    its ``type``."""
    provider = str(block.get("codes") or block.get("type", ""))
    if code is not None and (code in CODES.get(provider, ()) or name_key(code) in WORDS):
        return True
    return status is not None and name_key(status) in WORDS
