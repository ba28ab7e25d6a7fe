"""What providers' codes mean, as data: a CSV a provider (``code,cause,detail``), and how a code becomes an outcome.

``cause`` is one of ``MEANINGS``; ``detail`` is one plain sentence of ours. A provider's own texts are never shown:
they quote numbers and bodies.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from importlib.resources import files

from a2pcli.dataclass import dataclass
from a2pcli.messages import Cause, Outcome, Verdict

MEANINGS: dict[str, tuple[Verdict, Cause]] = {
    "accepted": (Verdict.ACCEPTED, Cause.NONE),
    "permanent": (Verdict.REJECTED, Cause.PERMANENT),
    "content": (Verdict.REJECTED, Cause.CONTENT),
    "opted-out": (Verdict.REJECTED, Cause.OPTED_OUT),
    "country": (Verdict.REJECTED, Cause.COUNTRY),
    "temporary": (Verdict.NOT_SENT, Cause.TEMPORARY),
    "rate": (Verdict.NOT_SENT, Cause.RATE),
    "account": (Verdict.NOT_SENT, Cause.ACCOUNT),
    "sender": (Verdict.NOT_SENT, Cause.SENDER),
    "credit": (Verdict.NOT_SENT, Cause.CREDIT),
    "unknown": (Verdict.UNKNOWN, Cause.AMBIGUOUS),
}
"""Meanings of codes, by the word used in tables and in ``errors:`` of a declarative gateway."""

DEFAULT_DETAILS: dict[str, str] = {
    "accepted": "accepted",
    "permanent": "the provider refused this number",
    "content": "the provider refused this message",
    "opted-out": "the person opted out with the provider",
    "country": "the account may not send to this country",
    "temporary": "the provider cannot accept it now",
    "rate": "the provider asks to slow down",
    "account": "the provider refused the account",
    "sender": "the provider refused the sender",
    "credit": "the provider account has no credit left",
    "unknown": "the provider does not say whether it took the message",
}

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,39}")
_LONG_DIGITS = re.compile(r"\d{7}")
_LONGEST_ID = 128


@dataclass(frozen=True, slots=True)
class Code:
    """The meaning of one code of a provider: a word of ``MEANINGS``, and a sentence."""

    meaning: str
    detail: str


@cache
def load_codes(provider: str) -> dict[str, Code]:
    """Return the built-in table of a provider. Raises ``FileNotFoundError`` if there is none."""
    text = files(__package__).joinpath(f"{provider}.csv").read_text(encoding="utf-8")
    return {row["code"]: Code(row["cause"], row["detail"]) for row in csv.DictReader(text.splitlines())}


def tables() -> list[str]:
    """Return the names of the providers with a built-in code table."""
    found = (entry.name for entry in files(__package__).iterdir())
    return sorted(name.removesuffix(".csv") for name in found if name.endswith(".csv"))


def outcome_of(
    meaning: str,
    *,
    code: str | None,
    detail: str | None = None,
    gateway_id: str | None = None,
    retry_after: float | None = None,
) -> Outcome:
    """Return the ``Outcome`` for a meaning."""
    verdict, cause = MEANINGS[meaning]
    if verdict is Verdict.ACCEPTED:
        return Outcome(verdict, gateway_id)
    return Outcome(
        verdict,
        gateway_id=gateway_id,
        cause=cause,
        code=code,
        detail=detail or DEFAULT_DETAILS[meaning],
        retry_after=retry_after if verdict is Verdict.NOT_SENT else None,
    )


def safe_code(value: object) -> str | None:
    """Return a provider's code if it is safe to show (short, one word, no phone number in it), else None."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    # A JSON integer can have a million digits, which Python refuses to convert.
    if isinstance(value, int) and abs(value) >= 10**6:
        return None
    text = str(value).strip()
    if not _CODE.fullmatch(text) or _LONG_DIGITS.search(text):
        return None
    return text


def safe_id(value: object) -> str | None:
    """Return a provider's message id if it is printable text or an integer of 1 to 128 characters, else None."""
    if type(value) is str and 0 < len(value) <= _LONGEST_ID and value.isascii() and value.isalnum():
        return value  # the usual case
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    if isinstance(value, int) and not -(10**40) < value < 10**40:
        return None
    text = str(value).strip()
    if not text or len(text) > _LONGEST_ID or not text.isprintable():
        return None
    return text if text.isascii() or _is_encodable(text) else None


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
