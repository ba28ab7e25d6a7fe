"""What a plan is made from: everything a worker process needs, picklable, and the same once compiled."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from a2pcli.addresses.kinds import Kind
from a2pcli.addresses.phone.numbers import PhonePolicy
from a2pcli.channels import Channel, channel_of
from a2pcli.config.copy_rules import SenderChoices
from a2pcli.contacts.facts import CONSENT_FACTS, PLACE_FACTS, FactColumn, Facts
from a2pcli.content.prices import RateCard
from a2pcli.content.templates import (
    Expression,
    MessageTemplate,
    SourcePlace,
    compile_expression,
    compile_template,
)
from a2pcli.content.unsubscribe_links import COLUMN, UnsubscribeLinks
from a2pcli.dataclass import dataclass
from a2pcli.ledger.erased_people import Erased
from a2pcli.planning.contents import ContentTexts, columns_of
from a2pcli.planning.emails import CHUNK_BYTES
from a2pcli.planning.frames import Keys
from a2pcli.rules.copy_dlt import DltTemplate
from a2pcli.rules.senders import Senders

if TYPE_CHECKING:
    from a2pcli.planning.routing import RoutePlan

COUNTRY = "country"
"""The column with the address's country in ``where:``, unless the contacts have a column of that name."""


def where_columns(known: Collection[str]) -> tuple[str, ...]:
    """Return the names that ``where:`` may use, for contacts with these columns."""
    return tuple(dict.fromkeys((*known, COUNTRY)))


def no_keys() -> Keys:
    """Return an empty set of people."""
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class TemplateText:
    """A template as written, and its place."""

    text: str
    place: SourcePlace


@dataclass(frozen=True, slots=True)
class Arm:
    """One message: the campaign's only one (named None), or one arm of a split test. ``source`` is None if the text
    comes from the content's markup."""

    name: str | None
    weight: int
    source: TemplateText | None
    content: ContentTexts | None = None


@dataclass(frozen=True, slots=True)
class Timed:
    """People (sorted unique keys) with a time for each (UTC milliseconds)."""

    keys: Keys = field(default_factory=no_keys)
    at: Keys = field(default_factory=no_keys)


@dataclass(frozen=True, slots=True)
class ConsentRequirement:
    """The consent a campaign requires. ``required``: it must be proven; otherwise only a clear refusal excludes
    people.

    ``now`` is when it is checked (UTC milliseconds).
    """

    required: bool
    now: int


@dataclass(frozen=True, slots=True)
class RefusedPeople:
    """People whom some row of the contacts file refuses (``opted_out`` in a column of refusals, ``no`` in one of
    consent) or answers unclearly, with the line; and whose consent it says was revoked, with the time (UTC
    milliseconds)."""

    opted_out: Timed = field(default_factory=Timed)
    no: Timed = field(default_factory=Timed)
    unclear: Timed = field(default_factory=Timed)
    revoked: Timed = field(default_factory=Timed)


@dataclass(frozen=True, slots=True)
class People:
    """Sets of people (sorted keys, see ``people``) to exclude, by reason.

    ``suppressed`` opted out of everything, ``suppressed_in`` of a programme or channel (wording, people, and whether
    any of their addresses counts), ``suppressed_for`` of one sender; ``erased`` are known only by hash. ``consented``
    have a consent record in the ledger, ``withdrawn`` withdrew it. ``told`` is what the contacts file says in any
    row.
    """

    suppressed: Keys = field(default_factory=no_keys)
    erased: Erased = field(default_factory=Erased)
    suppressed_in: tuple[tuple[str, Keys, bool], ...] = ()
    suppressed_for: Mapping[str, Keys] = field(default_factory=dict)
    consented: Timed = field(default_factory=Timed)
    withdrawn: Timed = field(default_factory=Timed)
    told: RefusedPeople = field(default_factory=RefusedPeople)
    excluded_list: Keys = field(default_factory=no_keys)
    excluded_runs: Keys = field(default_factory=no_keys)
    reached: Keys = field(default_factory=no_keys)
    verified: Keys | None = None
    """People who verified their address, in campaigns that ask for it; None in others."""
    in_window: Mapping[str, Keys] | None = None
    """By gateway the people who wrote to it within the last 24 hours, on channels with a service window; None on
    others."""
    unreachable: Mapping[str, Keys] = field(default_factory=dict)
    """By gateway the people whom the channel cannot reach by it, according to the provider."""


@dataclass(frozen=True, slots=True)
class AddressColumn:
    """A column with addresses; ``network`` is the chat network of ids."""

    column: str
    kind: Kind
    network: str | None = None

    @property
    def name(self) -> str:
        """The name by which a campaign maps it: ``phone``, ``email``, ``telegram``."""
        return self.network or str(self.kind)


@dataclass(frozen=True, slots=True)
class PlanSpec:
    """Everything needed to plan one campaign over one contacts file; picklable."""

    campaign: str
    folder: Path
    channel: str
    gateway: str
    sender: str | None
    media: tuple[str, ...]
    arms: tuple[Arm, ...]
    where: TemplateText | None
    once_per: TemplateText | None
    address: str
    """The column of the addresses."""
    known: tuple[str, ...]
    policy: PhonePolicy
    locale: str
    smart: bool
    max_parts: int
    holdout: float
    exclude_unpriced: bool
    rates: Path | None
    today: date
    people: People
    limit: int | None = None
    programme: str = ""
    senders: Senders = field(default_factory=lambda: Senders(SenderChoices()))
    dlt: DltTemplate | None = None
    dlt_countries: tuple[str, ...] = ()
    consent: ConsentRequirement | None = None
    countries: tuple[str, ...] = ()
    """The only countries to send to; empty for all."""
    must_say: Mapping[str, tuple[tuple[str, str, str], ...]] = field(default_factory=dict)
    """By country what each message must contain: a pattern, its wording for people, the rule's id."""
    facts: Facts = field(default_factory=Facts)
    speaking: tuple[FactColumn, ...] = ()
    """Columns that may exclude people."""
    asked_at: int = 0
    """The time of the plan (UTC milliseconds), for columns that say when a consent ends."""
    others: tuple[AddressColumn, ...] = ()
    """Columns with other addresses of the same person."""
    route: RoutePlan | None = None
    """The gateways that the campaign goes by, where it names a route; ``gateway`` is the first of them."""
    ascii_mailboxes: frozenset[str] = frozenset()
    """The gateways that refuse email addresses with letters beyond ASCII before the @."""
    is_timed: bool = False
    """Whether rows need clocks, and therefore places."""
    links: UnsubscribeLinks | None = None
    """Links to unsubscribe, as templates may use them."""


class CompiledSpec:
    """A spec with compiled templates and a loaded rate card; made once in each process."""

    def __init__(self, spec: PlanSpec) -> None:
        self.spec = spec
        self.channel: Channel = channel_of(spec.channel)
        self.of_country = "the number is of" if self.channel.kind is Kind.PHONE else "the contact lives in"
        self.contents = {
            arm.name: arm.content.compiled(
                {
                    name: self._template(source, long=self._is_long, markup=arm.content.markup_of(name))
                    for name, source in arm.content.sources.items()
                }
            )
            for arm in spec.arms
            if arm.content is not None
        }
        """Content besides the text, by arm."""
        self.contents_are_large = self._is_long and bool(self.contents)
        self.messages: tuple[MessageTemplate, ...] = tuple(map(self._message, spec.arms))
        """The template of each arm's text: its message, else its HTML."""
        self.weights = {arm.name or "": arm.weight for arm in spec.arms}
        self.uses_links = any(
            COLUMN in template.columns
            for template in (
                *self.messages,
                *(one for content in self.contents.values() for one in content.templates.values()),
            )
        )
        """Whether a message has an unsubscribe link."""
        self.once_per = self._template(spec.once_per, has_links=False) if spec.once_per else None
        self.where: Expression | None = None
        if spec.where:
            self.where = compile_expression(
                spec.where.text,
                where=spec.where.place,
                folder=spec.folder,
                locale=spec.locale,
                known=where_columns(spec.known),
            )
        self.rates = RateCard.load(spec.rates) if spec.rates else None
        texts = [content.texts for content in self.contents.values()]
        self.category: str | None = next((one.category for one in texts if hasattr(one, "category")), None)
        """Message category that prices and provider rules depend on (WhatsApp templates)."""
        self.is_free_in_window = any(getattr(one, "is_free_in_window", False) for one in texts)
        self.has_both_texts = any(getattr(one, "both", False) for one in texts)
        """Whether people in the service window get a free text, and others an approved template."""

    def _message(self, arm: Arm) -> MessageTemplate:
        if arm.source is None:
            content = self.contents[arm.name]
            return content.templates[content.texts.words]
        return self._template(arm.source, long=self._is_long)

    @property
    def _is_long(self) -> bool:
        return self.channel.kind is Kind.EMAIL

    def _template(
        self,
        source: TemplateText,
        *,
        long: bool = False,
        markup: str | None = None,
        has_links: bool = True,
    ) -> MessageTemplate:
        spec = self.spec
        own = (COLUMN,) if has_links and spec.links is not None else ()
        return compile_template(
            source.text,
            where=source.place,
            folder=spec.folder,
            locale=spec.locale,
            known=(*spec.known, *own),
            long=long,
            markup=markup,
        )

    def chunk_rows(self, most: int) -> int:
        """Return how many rows to plan at once: ``most``, or as many as have emails that fit into memory."""
        if not self.contents_are_large:
            return most
        longest = max(
            (
                sum(len(one.text) for one in arm.content.sources.values())
                for arm in self.spec.arms
                if arm.content is not None
            ),
            default=0,
        )
        return min(most, max(100, CHUNK_BYTES // (longest + 1_000))) if longest else most

    @property
    def columns(self) -> frozenset[str]:
        """The contact columns that have to be read."""
        spec = self.spec
        needed = {spec.address}
        for template in (*self.messages, self.once_per, self.where):
            if template is not None:
                needed |= template.columns & {*spec.known}
        for content in self.contents.values():
            needed |= columns_of(content) & {*spec.known}
        needed |= {other.column for other in spec.others}
        needed |= {*spec.facts.columns("country")}
        if self.channel.kind is Kind.HANDLE:  # to tell a total row from a person
            needed |= {*spec.known}
        if spec.consent is not None:
            needed |= {*spec.facts.columns(*CONSENT_FACTS)}
        needed |= {claim.column for claim in spec.speaking}
        if spec.is_timed:
            needed |= {*spec.facts.columns(*PLACE_FACTS)}
        return frozenset(needed)
