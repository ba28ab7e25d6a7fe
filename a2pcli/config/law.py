"""The schema of rules of the law: the packaged ones, and a project's own under ``law:`` in the settings.

One notation for both, so that what a project changes looks like what it changes. A rule is of the kind that it has
terms for: ``hours``, ``cap``, ``consent``, ``text``, ``sender`` or ``revocation``.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, StringConstraints, Tag, WithJsonSchema

from a2pcli.config.fields import Channel, Purpose, Strict, Text, YesNo
from a2pcli.config.hours import DAYS, Span, parse_days, parse_spans
from a2pcli.config.values import parse_destination, parse_region

KINDS = ("hours", "cap", "consent", "text", "sender", "revocation")
"""The keys of which a rule has exactly one."""

ANYWHERE = "any"

Week = tuple[tuple[Span, ...], ...]

_HOUR = 3600
_UNITS = {"hour": _HOUR, "hours": _HOUR, "h": _HOUR, "day": 24 * _HOUR, "days": 24 * _HOUR, "d": 24 * _HOUR}
_UNITS |= {"week": 7 * 24 * _HOUR, "weeks": 7 * 24 * _HOUR}
_CAP = re.compile(r"(\d{1,6})\s*(?:per|in|/)\s*(\d{1,4})?\s*([a-z]+)(?:\s*per\s+([a-z]+))?", re.ASCII)
_PERS = ("subject", "programme", "campaign", "person")


def parse_week(typed: Any) -> Any:
    """``08:00-20:00`` for every day, or spans by days; a day that is not named is closed."""
    if isinstance(typed, str):
        return (parse_spans(typed),) * 7
    if not isinstance(typed, dict):
        return typed
    week: list[tuple[Span, ...] | None] = [None] * 7
    for days, spans in typed.items():
        for day in parse_days(days):
            if week[day] is not None:
                raise ValueError(f"{DAYS[day]} is given twice", "name each day once")
            if not isinstance(spans, str):
                raise ValueError(f"'{days}' must have hours", "write it like 09:00-20:00, or none")
            week[day] = parse_spans(spans)
    if not typed:
        raise ValueError("no hours are given", "write them like 09:00-20:00, or none")
    return tuple(spans or () for spans in week)


def parse_own_hours(typed: Any) -> Any:
    """Hours for everybody (as ``parse_week`` reads them), or by country, with ``default`` for the others.

    Gives weeks by country; the one for everybody, or for the others, under ``default``.
    """
    if not isinstance(typed, dict) or not any(_is_country(key) for key in typed):
        return {"default": parse_week(typed)} if isinstance(typed, str | dict) else typed
    found: dict[str, Any] = {}
    for key, hours in typed.items():
        if not _is_country(key):
            raise ValueError(f"'{key}' is not a country", "two letters like GB, or default for all others")
        name = parse_destination(key)
        if name in found:
            raise ValueError(f"{name} is given twice", "name each country once")
        found[name] = parse_week(hours)
    return found


def _is_country(key: Any) -> bool:
    text = str(key).strip()
    return text.lower() == "default" or bool(re.fullmatch(r"[A-Za-z]{2}", text, re.ASCII))


def parse_cap(typed: Any) -> Any:
    """``3 per 24 hours per subject`` as (3, 86400, 'subject'); per person where it does not say."""
    if not isinstance(typed, str):
        return typed
    found = _CAP.fullmatch(typed.strip().lower())
    seconds = _UNITS.get(found[3]) if found else None
    if found is None or seconds is None or (found[4] or "person") not in _PERS:
        raise ValueError(f"'{typed}' is not a cap", "write it like 3 per 24 hours per subject")
    if int(found[1]) < 1 or int(found[2] or 1) < 1:
        raise ValueError(f"'{typed}' would allow no messages", "switch the campaign off instead")
    return int(found[1]), int(found[2] or 1) * seconds, found[4] or "person"


def parse_date(typed: Any) -> Any:
    """``2026-11-22``."""
    if not isinstance(typed, str):
        return typed
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", typed.strip(), re.ASCII):
            raise ValueError
        return date.fromisoformat(typed.strip())
    except ValueError:
        raise ValueError(f"'{typed}' is not a date", "write it like 2026-11-22") from None


def _country(typed: Any) -> Any:
    if not isinstance(typed, str):
        return typed
    if typed.strip().lower() == ANYWHERE:
        return ANYWHERE
    if not re.fullmatch(r"[A-Z]{2}", typed.strip().upper(), re.ASCII):
        raise ValueError(f"'{typed}' is not a country", "two letters of ISO 3166-1, like FR; or any")
    return parse_region(typed)  # A rule for UK, or for a slip, would bind nobody and say nothing.


def _region(typed: Any) -> Any:
    if not isinstance(typed, str):
        return typed
    if not re.fullmatch(r"[A-Z]{2}-[A-Z0-9]{1,3}", typed.strip().upper(), re.ASCII):
        raise ValueError(f"'{typed}' is not a state or region", "an ISO 3166-2 code, like US-FL")
    return typed.strip().upper()


def _place(typed: Any) -> Any:
    return _region(typed) if isinstance(typed, str) and "-" in typed else _country(typed)


def _pattern(typed: Any) -> Any:
    try:
        re.compile(typed)
    except (re.error, TypeError):
        raise ValueError(
            f"'{typed}' is not a regular expression", "for a plain text, escape . * + ?"
        ) from None
    return typed


RuleId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,62}$")]
Country = Annotated[str, BeforeValidator(_country)]
Region = Annotated[str, BeforeValidator(_region)]
Place = Annotated[str, BeforeValidator(_place)]
Hours = Annotated[Week, BeforeValidator(parse_week), WithJsonSchema({"type": ["string", "object"]})]
OwnHours = Annotated[
    dict[str, Week], BeforeValidator(parse_own_hours), WithJsonSchema({"type": ["string", "object"]})
]
Cap = Annotated[tuple[int, int, str], BeforeValidator(parse_cap), WithJsonSchema({"type": "string"})]
Day = Annotated[date, BeforeValidator(parse_date), WithJsonSchema({"type": "string"})]
Word = Annotated[str, StringConstraints(strip_whitespace=True, to_lower=True, min_length=1)]
Regex = Annotated[str, BeforeValidator(_pattern)]


class ConsentTerms(Strict):
    """What a law requires about consent."""

    required: YesNo = Field(True, description="Nobody is messaged without a record of consent")
    implied: dict[Word, int] = Field(
        default_factory=dict, description="What counts as implied consent, and for how many months"
    )
    soft_opt_in: YesNo = Field(False, description="Customers may be told of similar things without consent")
    proof: YesNo = Field(False, description="Who, when, how and which wording must be shown on demand")
    keep_months: int | None = Field(None, ge=1, description="How long the record must be kept")


class TextTerms(Strict):
    """What a message must say."""

    optout: YesNo = Field(False, description="Every message must contain opt-out instructions")
    must_contain: Regex | None = Field(None, description="A regular expression, in any case")
    must_say: Text | None = Field(None, description="The same, worded for people")
    identify: YesNo = Field(False, description="The message, or its sender, must identify who sends it")
    template: YesNo = Field(False, description="The text must match a registered template")
    optout_valid_days: int | None = Field(None, ge=1, description="How long the opt-out must work")
    urls_registered: YesNo = Field(False, description="Links must be registered before they are sent")


class SenderTerms(Strict):
    """Who a message may come from."""

    alphanumeric: YesNo | None = Field(None, description="Whether names are allowed")
    numeric: YesNo | None = Field(None, description="Whether numbers are allowed")
    max_length: int | None = Field(None, ge=1, le=20, description="Longest name, prefix and suffix included")
    charset: Text | None = Field(None, description="Characters of a name, as in a regular expression's []")
    prefix: Text | None = Field(None, description="What a name starts with")
    suffix: Text | None = Field(None, description="What a name ends with")
    registrations: list[Word] = Field(default_factory=list, description="Registrations it must have")
    only_names: YesNo = Field(False, description="Registrations are for names, not for numbers")
    only_matching: Regex | None = Field(
        None, description="Registrations are for senders that this regular expression matches as a whole"
    )
    unregistered: Text | None = Field(None, description="What happens without a registration")


class RevocationTerms(Strict):
    """How people opt out."""

    keywords: list[Word] = Field(default_factory=list, description="Words that mean opt-out")
    honour_business_days: int | None = Field(
        None, ge=0, description="Days within which an opt-out must take effect"
    )
    confirm_max: int | None = Field(None, ge=0, description="Number of confirmations allowed")
    confirm_minutes: int | None = Field(None, ge=0, description="Within how many minutes")
    confirm_marketing: YesNo = Field(False, description="Whether they may advertise")
    keep_years: int | None = Field(None, ge=1, description="How long a stop must be remembered")


class LawRule(Strict):
    """A rule; or what is changed of a packaged one, with the reason."""

    off: YesNo = Field(False, description="Switch off a built-in rule; needs `reason`")
    reason: Text | None = Field(None, description="Why the project changes a built-in rule")
    says: Text | None = Field(None, description="What the rule says, in a sentence")
    source: Text | None = Field(None, description="Source of the rule")
    checked: Day | None = Field(None, description="When the source was last read")
    confidence: Literal["H", "M", "L"] = Field("H", description="Confidence: high, medium, low")
    note: Text | None = Field(None, description="Note")
    countries: list[Country] = Field(
        default_factory=list, description="Countries it applies to: ISO 3166-1 codes, or `any`"
    )
    regions: list[Region] = Field(
        default_factory=list, description="Regions it applies to: ISO 3166-2 codes, like US-FL"
    )
    exempt: list[Place] = Field(
        default_factory=list, description="Countries and regions it does not apply to"
    )
    purposes: list[Purpose] = Field(
        default_factory=list, description="Purposes it applies to. Default: marketing; for sender rules: all"
    )
    channels: list[Channel] = Field(default_factory=list, description="Channels it applies to. Default: all")
    fallback: YesNo = Field(False, description="Applies only where no other rule of its kind does")
    hours: Hours | None = Field(
        None, description="When messages may arrive: `09:00-20:00`, or lines like `mon-fri: 09:00-18:00`"
    )
    holidays: Literal["allow", "avoid"] = Field(
        "allow", description="Whether these hours apply on public holidays"
    )
    cap: Cap | None = Field(None, description="A frequency, like `3 per 24 hours per subject`")
    consent: ConsentTerms | None = Field(None, description="Whether consent is required")
    text: TextTerms | None = Field(None, description="What a message must say")
    sender: SenderTerms | None = Field(None, description="Who a message may come from")
    revocation: RevocationTerms | None = Field(None, description="How people opt out")

    @property
    def kinds(self) -> tuple[str, ...]:
        """The keys of ``KINDS`` that it has."""
        return tuple(kind for kind in KINDS if getattr(self, kind) is not None)


class LawFile(Strict):
    """A file of rules: what stands under ``law:`` in the settings, in a file of its own."""

    law: dict[RuleId, LawRule] = Field(default_factory=dict, description="Rules by their ids")


def _file_or_rules(value: Any) -> str:
    return "@file" if isinstance(value, str) else "@rules"


LawRules = Annotated[
    Annotated[Text, Tag("@file")] | Annotated[dict[RuleId, LawRule], Tag("@rules")],
    Discriminator(_file_or_rules),
]
"""``law:`` of the settings. The tags, which pydantic puts into the path of an error, cannot be ids of rules."""
