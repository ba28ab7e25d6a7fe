"""``retention:`` of the settings: how long data about people is kept, by purpose."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

_AGE = re.compile(r"(\d{1,5})\s*(h|hours?|d|days?|w|weeks?|months?|years?)", re.IGNORECASE | re.ASCII)
_HOURS = {"h": 1, "d": 24, "w": 7 * 24, "m": 30 * 24, "y": 365 * 24}

FOREVER = "forever"
DAY_MS = 86_400_000


def parse_age(text: str) -> int | None:
    """``400 days``, ``12 h``, ``2 years`` (of 365 days; a month has 30) in milliseconds; None for ``forever``.

    Raises ``ValueError`` with a plain sentence.
    """
    typed = text.strip()
    if typed.lower() == FOREVER:
        return None
    found = _AGE.fullmatch(typed)
    if found is None:
        raise ValueError(f"'{typed}' is not a period", "like 400 days, 12 hours, 2 years or forever")
    return int(found[1]) * _HOURS[found[2][0].lower()] * 3_600_000


def _checked(text: str) -> str:
    parse_age(text)
    return text.strip()


Age = Annotated[
    str,
    AfterValidator(_checked),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\s*([Ff][Oo][Rr][Ee][Vv][Ee][Rr]|\d{1,5}\s*([Hh]|[Dd]|[Ww]|[Mm][Oo]|[Yy])[A-Za-z]*)\s*$",
        }
    ),
]


class Retention(BaseModel):
    """How long ``a2pcli prune`` keeps what; the age of a run counts from its end."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    default: Age = Field("730 days", description="People in a run, for purposes without their own period")
    marketing: Age | None = Field(None, description="People in marketing runs")
    transactional: Age | None = Field(None, description="People in transactional runs")
    otp: Age | None = Field("1 day", description="People in one-time-password runs")
    emergency: Age | None = Field(None, description="People in emergency runs")
    bodies: Age = Field("90 days", description="Message texts, which may be deleted earlier than the people")
    plans: Age = Field("30 days", description="Plans that were never sent")
    contacted: Age = Field(
        "400 days",
        description="When each person was messaged, for caps and replies: keep it longer than the longest cap",
    )

    def people(self, purpose: str | None) -> int | None:
        """How long the people of a run of this purpose are kept, in milliseconds; None for ever."""
        own: str | None = getattr(self, purpose or "", None) if purpose in PURPOSES else None
        return parse_age(own or self.default)

    def texts(self, purpose: str | None) -> int | None:
        """How long the texts of such a run are kept: never longer than its people."""
        ages = [age for age in (parse_age(self.bodies), self.people(purpose)) if age is not None]
        return min(ages, default=None)


PURPOSES = ("marketing", "transactional", "otp", "emergency")
