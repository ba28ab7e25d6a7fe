"""The small notations inside campaign and settings files: paces, shares, budgets, moments, senders.

Each function takes what was typed and gives what it means, or raises ``ValueError`` with a plain sentence and,
where there is one, a hint (``message_and_hint``).
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Literal

from a2pcli.dataclass import dataclass

_SECONDS = {
    "s": 1,
    "sec": 1,
    "second": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hour": 3600,
    "day": 86400,
}
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*(parts?|messages?)?\s*(?:/|per)\s*([a-z]+)", re.IGNORECASE | re.ASCII)
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%", re.ASCII)
_DECIMAL = re.compile(r"\d*\.?\d+", re.ASCII)
_BUDGET = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]{3})|([A-Za-z]{3})\s*(\d+(?:\.\d+)?)", re.ASCII)
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d?:\d\d(?::\d\d)?\s*(?:Z|[+-]\d\d:?\d\d)?", re.IGNORECASE | re.ASCII
)
_PHONE = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_SHORT_CODE = re.compile(r"\d{3,8}", re.ASCII)
_ALPHANUMERIC = re.compile(r"[A-Za-z0-9 +\-_&]{1,11}")


def message_and_hint(error: ValueError) -> tuple[str, str | None]:
    """The sentence of an error raised here, and its hint."""
    return str(error.args[0]), error.args[1] if len(error.args) > 1 else None


@dataclass(frozen=True, slots=True)
class Rate:
    """A pace: so many messages, or SMS parts, a second."""

    per_second: float
    unit: Literal["messages", "parts"]


@dataclass(frozen=True, slots=True)
class Budget:
    """An amount of money in one currency (ISO 4217)."""

    amount: Decimal
    currency: str


def parse_rate(text: str) -> Rate:
    """``20/s``, ``600/min``, ``1000 / hour``, ``20 parts/s``."""
    found = _RATE.fullmatch(text.strip())
    seconds = _SECONDS.get(found[3].lower()) if found else None
    if found is None or seconds is None:
        raise ValueError(f"'{text}' is not a rate", "write it like 20/s, 600/min or 20 parts/s")
    per_second = float(found[1]) / seconds
    if per_second <= 0:
        raise ValueError("the rate is zero: nothing would be sent", "remove the key for no limit")
    return Rate(per_second, "parts" if (found[2] or "").lower().startswith("part") else "messages")


def share_of(value: Any) -> float:
    """``20%``, ``0.2`` or 0.2 as a number from 0 to 1. Raises ``ValueError`` (sentence, hint)."""
    hint = "like 20% or 0.2"
    text = value.strip() if isinstance(value, str) else ""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if found := _SHARE.fullmatch(text):
        share = float(found[1]) / 100
    elif is_number or _DECIMAL.fullmatch(text):
        share = float(value)
    else:
        raise ValueError(f"'{value}' is not a share", hint)
    if not 0 <= share <= 1:
        raise ValueError("a share is from 0% to 100%", hint)
    return share


def parse_share(text: str) -> float:
    """``5%`` is 0.05. From 0% to less than 100%."""
    if _SHARE.fullmatch(text.strip()) is None:
        raise ValueError(f"'{text}' is not a share", "write it with a percent sign, like 5%")
    share = share_of(text)
    if share >= 1:
        raise ValueError(f"a share of {text} leaves no recipients", "write less than 100%")
    return share


def parse_budget(text: str) -> Budget:
    """``50 GBP`` or ``GBP 50``."""
    found = _BUDGET.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"'{text}' is not an amount with its currency", "write it like 50 GBP")
    return Budget(Decimal(found[1] or found[4]), (found[2] or found[3]).upper())


def parse_money(text: str) -> str:
    """A budget in a currency that exists, kept as typed."""
    from babel.core import get_global

    currency = parse_budget(text).currency
    if currency not in get_global("all_currencies"):
        raise ValueError(f"unknown currency '{currency}'", "three letters of ISO 4217, like GBP or USD")
    return text


def parse_delimiter(text: str) -> str:
    """One character, or a name for one."""
    named = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "\\t": "\t"}
    delimiter = named.get(text.strip().lower(), text)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise ValueError(
            f"'{text}' is not a delimiter", "one character in quotes, or tab, comma, semicolon, pipe"
        )
    return delimiter


def parse_encoding(text: str) -> str:
    """A character encoding that Python knows."""
    import codecs

    try:
        return codecs.lookup(text.strip()).name
    except (LookupError, ValueError):
        raise ValueError(f"unknown encoding '{text}'", "like utf-8, windows-1252 or utf-16") from None


def parse_moment(text: str) -> datetime:
    """``2026-03-01 09:00``, with ``T``, seconds or an offset if you like. Without one it is naive."""
    typed = text.strip()
    if re.fullmatch(r"\d{4}-\d\d-\d\d", typed):
        raise ValueError(f"'{text}' has no time of day", f"write it like {typed} 09:00")
    if not _MOMENT.fullmatch(typed):
        raise ValueError(f"'{text}' is not a date with a time", "write it like 2026-03-01 09:00")
    day, clock = re.split(r"[Tt ]", typed, maxsplit=1)
    clock = clock.replace(" ", "")
    if clock[1] == ":":
        clock = "0" + clock
    try:
        return datetime.fromisoformat(f"{day}T{clock.upper()}")
    except ValueError:
        raise ValueError(f"'{text}' is not in the calendar") from None


def parse_yes_no(text: str) -> bool:
    """``true``, ``yes`` and ``on``, or their opposites, in any case."""
    typed = text.strip().lower()
    if typed not in ("true", "yes", "on", "false", "no", "off"):
        raise ValueError(f"'{text}' is neither true nor false", "write true or false")
    return typed in ("true", "yes", "on")


RECIPIENT = "recipient"
"""Instead of a zone: each person's own."""


def parse_schedule_zone(text: str) -> str:
    """An IANA zone's name, or ``recipient``."""
    return RECIPIENT if text.strip().lower() == RECIPIENT else parse_zone(text)


def parse_zone(text: str) -> str:
    """An IANA zone's name, in its own spelling."""
    from a2pcli.timezones import available_timezones

    names = available_timezones()
    typed = text.strip()
    if typed in names:
        return typed
    if typed.lower() == "recipient":
        raise ValueError("'recipient' is not a time zone here", "name one like Europe/London")
    folded = {name.lower(): name for name in names}
    wanted = typed.lower().replace(" ", "_")
    if wanted in folded:
        return folded[wanted]
    cities = {name.rsplit("/", 1)[-1].lower(): name for name in sorted(names) if "/" in name}
    if any(char.isdigit() for char in wanted):  # The nearest name to GMT+1 is GMT+0: another time.
        raise ValueError(f"unknown time zone '{text}'", "IANA names look like Europe/London")
    near = get_close_matches(wanted, folded, 1, 0.8) or get_close_matches(wanted, cities, 1, 0.8)
    guess = (folded.get(near[0]) or cities[near[0]]) if near else None
    hint = f"did you mean '{guess}'?" if guess else "IANA names look like Europe/London"
    raise ValueError(f"unknown time zone '{text}'", hint)


def parse_region(text: str) -> str:
    """A two-letter region (ISO 3166) that has phone numbers, upper case."""
    from phonenumbers import SUPPORTED_REGIONS

    region = text.strip().upper()
    if region in SUPPORTED_REGIONS:
        return region
    guess = {"UK": "GB", "EN": "GB", "USA": "US", "GBR": "GB", "EL": "GR", "DEU": "DE", "FRA": "FR"}.get(
        region
    )
    hint = f"did you mean '{guess}'?" if guess else "two letters, like GB or US"
    raise ValueError(f"unknown region '{text}'", hint)


def parse_destination(text: str) -> str:
    """A country that messages go to, or ``default`` for every other one."""
    return "default" if text.strip().lower() == "default" else parse_region(text)


def parse_locale(text: str) -> str:
    """A locale that Babel knows, as ``en_GB``."""
    from babel import Locale, UnknownLocaleError

    name = text.strip().replace("-", "_")
    try:
        return str(Locale.parse(name))
    except (ValueError, UnknownLocaleError):
        hint = "did you mean 'en_GB'?" if name.lower() == "en_uk" else "locales look like en_GB or fr"
        raise ValueError(f"unknown locale '{text}'", hint) from None


def parse_sender(text: str) -> str:
    """A number with its ``+``, a short code of 3 to 8 digits, a name, or, for email, an address.

    Addresses are judged as recipients' are, without a name beside them. Names: at most 11 of letters, digits, space
    and ``+ - _ &``, with a letter (3GPP TS 23.040, 9.1.2.5, less the characters that networks refuse).
    """
    typed = text.strip()
    if "@" in typed:
        return _email_sender(typed)
    packed = re.sub(r"[\s().\-]", "", typed)
    if _PHONE.fullmatch(packed):
        return packed
    if _SHORT_CODE.fullmatch(typed):
        return typed
    if packed.lstrip("+").isdigit():
        raise ValueError(
            "the sender is neither a full number nor a short code", "numbers start with + and country code"
        )
    if re.fullmatch("MG[0-9a-fA-F]{32}", typed):
        hint = "messaging_service_sid under the gateway in a2pcli.yaml"
        raise ValueError("a Messaging Service belongs in the gateway's settings, not in the campaign", hint)
    if len(typed) > 11:
        raise ValueError(f"the sender '{typed}' has {len(typed)} characters", "a name has at most 11")
    if not _ALPHANUMERIC.fullmatch(typed) or not re.search("[A-Za-z]", typed):
        odd = next((char for char in typed if not _ALPHANUMERIC.fullmatch(char)), "")
        what = f"'{odd}' is not allowed in a sender name" if odd else "a sender name needs a letter"
        raise ValueError(what, "allowed are letters, digits, space and + - _ &")
    return typed


def split_sender(sender: str) -> tuple[str, str]:
    """The display name of an email's sender and its address: ``Shop <news@example.com>``. The name may be empty."""
    name, _, rest = sender.rpartition("<")
    return (name.strip(), rest.rstrip("> ")) if rest.endswith(">") else ("", sender)


def _email_sender(typed: str) -> str:
    from a2pcli.addresses.email import read_email

    name, address = split_sender(typed)
    name = name.strip(" \"'")
    if name and not re.search(r'[<>@"\\,;:()\[\]\x00-\x1f\x7f]', name):
        return f"{name} <{_email_sender(address)}>"
    found = read_email(typed, allow_test=True)
    if found.address is None:
        raise ValueError(
            f"'{typed}' is not an email address" + (f": {found.detail}" if found.detail else ""),
            "for example sender: news@example.com",
        )
    if found.repairs:
        raise ValueError(
            f"'{typed}' is not only an email address", f"write only the address: {found.address}"
        )
    return found.address


def parse_media_url(text: str) -> str:
    """An ``http`` or ``https`` URL with a host."""
    from urllib.parse import urlsplit

    typed = text.strip()
    try:
        parts = urlsplit(typed)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and " " not in typed
    except ValueError:
        good = False
    if not good:
        raise ValueError(
            f"'{typed}' is not a URL", "media are fetched by the gateway from https://... addresses"
        )
    return typed


_SIZES = {"": 1, "b": 1, "kb": 1_000, "mb": 1_000_000, "gb": 1_000_000_000}


def parse_size(text: str) -> int:
    """Bytes of ``25 MB``, ``800 kB`` or ``1000``."""
    found = re.fullmatch(r"\s*(\d{1,9}(?:\.\d{1,3})?)\s*([kmg]?b)?\s*", text.lower())
    if found is None:
        raise ValueError(f"'{text[:40]}' is not a size", "for example 25 MB or 800 kB")
    return int(float(found[1]) * _SIZES[found[2] or ""])
