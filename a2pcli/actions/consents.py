"""Proofs of consent, address by address: record, withdraw, look up, count. Files of them are in ``consent_import``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from a2pcli.actions.addresses import ReadAddresses, read_addresses, usual_channel
from a2pcli.actions.audit import About, recorded, user
from a2pcli.addresses.kinds import masked
from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem
from a2pcli.ledger.consents import BASES as BASES
from a2pcli.ledger.consents import CONFIRMED as CONFIRMED
from a2pcli.ledger.consents import PENDING as PENDING
from a2pcli.ledger.consents import ConsentRecord as ConsentRecord
from a2pcli.ledger.consents import NewConsents
from a2pcli.ledger.consents import clamped as clamped
from a2pcli.ledger.records import now_ms

if TYPE_CHECKING:
    from a2pcli.actions.project import Project
    from a2pcli.rules.law import Law

IMPLIED = "implied-"
"""How the bases begin that are no yes of the person; they end by law."""


@dataclass(frozen=True, slots=True)
class ConsentFacts:
    """What was agreed to. Moments are UTC milliseconds; programme and channel are "" for every one."""

    source: str | None
    given_at: int | None
    programme: str
    channel: str
    basis: str
    wording: str | None
    double_opt_in: str | None
    expires_at: int | None


def end_of(law: Law, basis: str, country: str | None, given_at: int) -> int | None:
    """When an implied consent ends by the law of a country, or None where no law says so. UTC milliseconds."""
    if not basis.startswith(IMPLIED):
        return None
    months = [
        lasts
        for rule in law.consent(country or "")
        for follows_from, lasts in rule.implied
        if follows_from == basis.removeprefix(IMPLIED)
    ]
    return months_later(given_at, min(months)) if months else None


def months_later(moment: int, months: int) -> int:
    """The same day so many calendar months later; the month's last day where there is none (31 August + 6)."""
    from calendar import monthrange

    at = datetime.fromtimestamp(moment / 1000, UTC)
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    day = min(at.day, monthrange(year, month + 1)[1])
    return int(at.replace(year=year, month=month + 1, day=day).timestamp() * 1000)


def country_of(address: str) -> str | None:
    """The country of an E.164 number; None for an address of another kind."""
    from a2pcli.addresses.phone.numbers import PhonePolicy, normalise

    if not address.startswith("+"):
        return None
    return normalise(address, PhonePolicy(allow_fictional=True, allow_fixed_line=True)).country


@dataclass(frozen=True, slots=True)
class RecordedConsents:
    """What ``record_consents`` did: number -> whether the fact is new, and when it ends. ``problems`` are of numbers
    that cannot be read, or whose implied consent would never end."""

    read: ReadAddresses
    now: int
    problems: tuple[Problem, ...]
    added: dict[str, bool] = field(default_factory=dict)
    ends: dict[str, int | None] = field(default_factory=dict)


def record_consents(
    project: Project, cells: Sequence[str], facts: ConsentFacts, *, region: str | None = None
) -> RecordedConsents:
    """Record that people agreed, for the numbers that can be read. A fact that is known is not recorded twice.

    Audit: ``consent.record``.
    """
    from a2pcli.rules.law import law_of

    now = now_ms()
    given_at = now if facts.given_at is None else facts.given_at
    read = read_addresses(cells, region or project.number_settings().settings.region)
    law = law_of(project.settings())
    problems, ends = list(read.problems), {}
    for number in read.addresses:
        country = country_of(number)
        end = facts.expires_at or end_of(law, facts.basis, country, given_at)
        if end is None and facts.basis.startswith(IMPLIED):
            problems.append(no_end(country, f"{masked(number)}: "))
        else:
            ends[number] = end
    done = RecordedConsents(read, now, tuple(problems), {}, ends)
    if ends:
        with (
            project.ledger_to_record() as ledger,
            recorded(ledger, "consent.record", lambda: _about_record(done, facts)),
        ):
            for number, end in ends.items():
                new = _new(number, facts, given_at, end)
                done.added[number] = ledger.consents.record(new, now).added == 1
    return done


def _new(number: str, facts: ConsentFacts, given_at: int, end: int | None) -> NewConsents:
    confirmed_at = given_at if facts.double_opt_in == CONFIRMED else None
    return NewConsents(
        [number],
        given_at,
        facts.source,
        facts.programme,
        facts.channel,
        facts.basis,
        facts.double_opt_in,
        confirmed_at,
        end,
        facts.wording,
    )


def _about_record(done: RecordedConsents, facts: ConsentFacts) -> About | None:
    people = [number for number, is_new in done.added.items() if is_new]
    if not people:
        return None
    detail = {
        "programme": facts.programme or None,
        "channel": facts.channel or None,
        "basis": facts.basis,
        "double_opt_in": facts.double_opt_in,
    }
    return About(detail={name: value for name, value in detail.items() if value}, people=people)


def no_end(country: str | None, of: str = "") -> Problem:
    """Implied consent without an end: it never lasts for ever."""
    text = f"{of}implied consent expires, and no rule is known for {country or 'this country'}"
    return Problem(text, hint="use --expires", code="expires")


@dataclass(frozen=True, slots=True)
class RevokedConsents:
    """What ``revoke_consents`` did: number -> how many records ended."""

    read: ReadAddresses
    ended: dict[str, int] = field(default_factory=dict)


def revoke_consents(
    project: Project,
    cells: Sequence[str],
    *,
    programme: str = "",
    channel: str = "",
    source: str | None = None,
    region: str | None = None,
) -> RevokedConsents:
    """People took their consent back, for a programme and channel or (\"\") every one. Audit: ``consent.revoke``."""
    done = RevokedConsents(read_addresses(cells, region or project.number_settings().settings.region))
    if not done.read.addresses:
        return done

    def about() -> About | None:
        detail = {"channel": channel or None}
        return About(programme or None, detail, tuple(done.ended)) if done.ended else None

    with project.ledger_to_record() as ledger, recorded(ledger, "consent.revoke", about):
        for number in done.read.addresses:
            done.ended[number] = ledger.consents.revoke(
                number,
                programme=programme,
                channel=channel,
                source=source or f"by hand ({user()})",
                by=user(),
            )
    return done


@dataclass(frozen=True, slots=True)
class ConsentOf:
    """Every fact about one address, oldest first, and the one that allows a message over ``channel`` ``now`` (UTC
    milliseconds)."""

    read: ReadAddresses
    now: int
    channel: str
    records: list[ConsentRecord]
    allowing: ConsentRecord | None

    @property
    def number(self) -> str:
        """The address in its normal spelling; E.164 for a phone number."""
        return self.read.one()


def consent_of(
    project: Project, cell: str, *, programme: str = "", channel: str = "", region: str | None = None
) -> ConsentOf:
    """What is known of a person's consent over a channel, "" for the usual one of the address. Raises ``UsageError``
    for what is no address."""
    read = read_addresses([cell], region or project.number_settings().settings.region)
    number, now = read.one(), now_ms()
    over = channel or usual_channel(number)
    with project.existing_ledger() as ledger:
        if ledger is None:
            return ConsentOf(read, now, over, [], None)
        allowing = ledger.consents.allowing(number, programme, over, now)
        return ConsentOf(read, now, over, ledger.consents.of(number), allowing)


def consent_counts(project: Project) -> list[tuple[str, str, str, str, int]]:
    """How many facts there are, by programme, channel, basis and state."""
    with project.existing_ledger() as ledger:
        return ledger.consents.counts() if ledger else []
