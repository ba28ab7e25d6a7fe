"""How often one person may be messaged, as files say it: ``2 per 7 days``, ``1 per 24 h per subject``."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema

from a2pcli.dataclass import dataclass

Per = Literal["person", "programme", "campaign", "subject"]

TAGS = frozenset({"one cap", "several caps"})
"""What pydantic puts into the path of an error below ``frequency``."""

_UNITS = {"min": 60, "minute": 60, "m": 60, "h": 3600, "hour": 3600, "day": 86_400, "d": 86_400}
_UNITS |= {"week": 7 * 86_400, "w": 7 * 86_400}
_CAP = re.compile(
    r"(\d{1,6})\s*(?:per|in|a|/)\s*(?:(\d{1,4})\s*)?([a-z]+)(?:\s+per\s+([a-z]+))?", re.ASCII | re.IGNORECASE
)
_PERS = {"person": "person", "programme": "programme", "program": "programme", "campaign": "campaign"}
_PERS |= {"subject": "subject"}
LONGEST = 366 * 86_400
"""Seconds; who counts for more than a year wants a suppression list."""


@dataclass(frozen=True, slots=True)
class Frequency:
    """At most ``count`` messages to one person within any ``seconds``; ``per`` is None where it is not said."""

    count: int
    seconds: int
    per: Per | None


def parse_frequency(text: str) -> Frequency:
    """``3 per 24 hours per subject``. Raises ``ValueError`` (sentence, hint)."""
    found = _CAP.fullmatch(text.strip())
    unit = found[3].lower() if found else ""
    seconds = _UNITS.get(unit) or _UNITS.get(unit.removesuffix("s"))
    per: Any = _PERS.get(found[4].lower()) if found and found[4] else None
    if found is None or seconds is None or (found[4] and per is None):
        raise ValueError(
            f"'{text}' is not a frequency", "write it like 2 per 7 days, or 1 per 24 h per subject"
        )
    count, span = int(found[1]), int(found[2] or 1) * seconds
    if count < 1 or span < 1:
        raise ValueError(f"'{text}' would allow no messages", "at least 1 per period")
    if span > LONGEST:
        raise ValueError(f"'{text}' counts for more than a year", "366 days is the longest")
    return Frequency(count, span, per)


def _checked(value: Any) -> Any:
    if isinstance(value, str):
        parse_frequency(value)
    return value


Cap = Annotated[
    str,
    BeforeValidator(_checked),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\s*\d{1,6}\s*([Pp][Ee][Rr]|[Ii][Nn]|[Aa]|/)\s*(\d{1,4}\s*)?[A-Za-z]+"
            r"(\s+[Pp][Ee][Rr]\s+[A-Za-z]+)?\s*$",
        }
    ),
]


def _shape(value: Any) -> str:
    return "several caps" if isinstance(value, list) else "one cap"


Frequencies = Annotated[
    Annotated[Cap, Tag("one cap")] | Annotated[list[Cap], Field(min_length=1), Tag("several caps")],
    Discriminator(_shape),
]

Typed: TypeAlias = str | list[str] | None


def frequencies(typed: Typed) -> tuple[Frequency, ...]:
    """The caps of ``frequency:`` as a list, whether one or several are given."""
    each = [] if typed is None else [typed] if isinstance(typed, str) else typed
    return tuple(dict.fromkeys(parse_frequency(text) for text in each))
