"""``receipts:`` of the settings: what follows from delivery receipts, and from none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, field_validator

from a2pcli.channels import CHANNELS
from a2pcli.config.fields import Strict
from a2pcli.config.retention import Age, parse_age

DAY = 86_400_000

WAITS: Mapping[str, int] = {
    "sms": 3 * DAY,
    "mms": 3 * DAY,
    "email": 5 * DAY,
    "whatsapp": 30 * DAY,
    "rcs": 3 * DAY,
    "viber": 14 * DAY,
    "viber_business": 14 * DAY,
    "messenger": 30 * DAY,
}
"""Milliseconds after which no receipt is expected any more: as long as networks and providers keep a message. SMS: the
usual validity of 72 hours (GSM 03.40 allows more); email: RFC 5321, 4.5.4.1; WhatsApp: 30 days; Viber: 14 days."""

OTHERS = 7 * DAY


class ReceiptSettings(Strict):
    """What follows from delivery receipts, and from none."""

    invalid: Literal["suppress", "keep"] = Field(
        "suppress",
        description="Whether an address is suppressed for its channel if a receipt says that it does not exist "
        "(unknown subscriber, hard bounce)",
    )
    wait: dict[str, Age] = Field(
        default_factory=dict,
        description="By channel: how long to wait for a receipt, e.g. `{sms: 2 days}`; after that, `report` counts "
        "the message's delivery as unknown. Default: sms, mms and rcs 3 days, email 5 days, viber and "
        "viber_business 14 days, whatsapp and messenger 30 days, others 7 days",
    )

    @field_validator("wait")
    @classmethod
    def _channels_exist(cls, wait: dict[str, str]) -> dict[str, str]:
        for name in wait:
            if name not in CHANNELS:
                raise ValueError(f"there is no channel '{name}'", "one of " + ", ".join(CHANNELS))
        return wait

    def wait_ms(self, channel: str) -> int | None:
        """Return how long a channel's receipts are waited for, in milliseconds; None for ever."""
        if channel in self.wait:
            return parse_age(self.wait[channel])
        return WAITS.get(channel, OTHERS)
