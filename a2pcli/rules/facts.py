"""A rule of the law as values: a sentence, its source, and what it requires.

``Law`` (``rules.law``) finds the rules of a destination. Nothing here knows any country: that is ``rules/data/law``.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from a2pcli.config.hours import Span
from a2pcli.dataclass import dataclass

Confidence = Literal["H", "M", "L"]
Per = Literal["subject", "programme", "campaign", "person"]

ANYWHERE = "any"
"""In ``countries``: every country. Rules with it are defaults of this tool or of the networks."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Who says what, about whom, and how sure it is.

    ``countries`` are ISO 3166-1 codes or ``any``; with ``regions`` (ISO 3166-2) it binds only there. ``exempt``
    are countries and regions that it leaves alone. ``fallback``: it binds only where no other rule of its kind
    does. ``checked`` is the day its source was last read, None for a project's own rule. ``reason`` is why the
    project changed it, None where it did not.
    """

    id: str
    says: str
    source: str
    checked: date | None
    confidence: Confidence
    countries: tuple[str, ...]
    regions: tuple[str, ...]
    exempt: tuple[str, ...]
    purposes: tuple[str, ...]
    channels: tuple[str, ...]
    fallback: bool
    note: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class HoursRule(Rule):
    """When messages may arrive: seven days from Monday, each its spans of local time."""

    week: tuple[tuple[Span, ...], ...]
    avoid_holidays: bool


@dataclass(frozen=True, slots=True)
class CapRule(Rule):
    """At most ``count`` messages to one person within any ``seconds``, per subject, programme, campaign or in all."""

    count: int
    seconds: int
    per: Per


@dataclass(frozen=True, slots=True)
class ConsentRule(Rule):
    """Whether somebody must have agreed first, and what stands in for agreement for how long.

    ``implied`` are pairs of what it follows from (``purchase``, ``enquiry``) and months it lasts. ``soft_opt_in``:
    customers may be written to about similar things without having agreed. ``proof``: who, when, how and which
    wording must be shown on demand. ``keep_months``: how long the record must be kept, None where not fixed.
    """

    required: bool
    implied: tuple[tuple[str, int], ...]
    soft_opt_in: bool
    proof: bool
    keep_months: int | None


@dataclass(frozen=True, slots=True)
class CopyRule(Rule):
    """What a message must say.

    ``optout``: how to leave stands in every message. ``must_contain`` is a regular expression (any case) and
    ``must_say`` the same for people, e.g. ``STOP au 36xxx``; both apply beside ``optout``. ``identify``: who sends
    it stands in the message or its sender. ``template``: the text equals one that is registered.
    ``optout_valid_days``: how long the way out must work. ``urls_registered``: links must be registered first.
    """

    optout: bool
    must_contain: str | None
    must_say: str | None
    identify: bool
    template: bool
    optout_valid_days: int | None
    urls_registered: bool


@dataclass(frozen=True, slots=True)
class SenderRule(Rule):
    """Who a message may come from.

    ``alphanumeric``: whether names are allowed; None where the rule does not say. ``numeric``: likewise for
    numbers. ``max_length`` and ``charset`` (the inside of a regular expression's brackets) bound names; ``prefix``
    and ``suffix`` are parts of the name. ``registrations`` must be known for the sender, by the names that settings
    use (``10dlc``, ``ssir``, ``dlt-entity``); ``only_names``: only where the sender is a name; ``only_matching``:
    only where this regular expression matches the whole sender. ``unregistered`` is what happens else.
    """

    alphanumeric: bool | None
    numeric: bool | None
    max_length: int | None
    charset: str | None
    prefix: str | None
    suffix: str | None
    registrations: tuple[str, ...]
    only_names: bool
    only_matching: str | None
    unregistered: str | None


@dataclass(frozen=True, slots=True)
class RevocationRule(Rule):
    """How people leave: words that mean stop, and how soon it counts.

    ``keywords`` are in lower case. ``honour_business_days`` is the law's limit (this tool honours at once).
    ``confirm_max`` confirmations may follow within ``confirm_minutes``, without marketing in them unless
    ``confirm_marketing``. ``keep_years``: how long a stop must be remembered.
    """

    keywords: tuple[str, ...]
    honour_business_days: int | None
    confirm_max: int | None
    confirm_minutes: int | None
    confirm_marketing: bool
    keep_years: int | None
