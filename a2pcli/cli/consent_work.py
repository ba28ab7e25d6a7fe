"""What ``a2pcli consent`` does with numbers that people name: record, revoke, show; and the counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2pcli.cli.ledger_option import ledger_to_record, settings_from
from a2pcli.cli.optout_work import read_numbers, user
from a2pcli.cli.run_choice import existing_ledger
from a2pcli.cli.scopes import channel_of, day_of, day_text, programme_of
from a2pcli.cli.terminal.output import print_json, printable, say, show
from a2pcli.errors import Problem, UsageError
from a2pcli.ledger.consents import BASES, CONFIRMED, PENDING, ConsentRecord, NewConsents, clamped
from a2pcli.ledger.records import now_ms
from a2pcli.reporting.values import iso, local

if TYPE_CHECKING:
    from a2pcli.rules.law import Law

IMPLIED = "implied-"


@dataclass(frozen=True, slots=True)
class Facts:
    """The options that say what was agreed to."""

    source: str | None = None
    given_at: str | None = None
    programme: str | None = None
    channel: str | None = None
    basis: str = "express"
    wording: str | None = None
    wording_version: str | None = None
    double_opt_in: str | None = None
    expires: str | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """``Facts`` understood. Moments are UTC milliseconds."""

    source: str | None
    given_at: int | None
    programme: str
    channel: str
    basis: str
    wording: str | None
    double_opt_in: str | None
    expires_at: int | None


def read_facts(facts: Facts, now: int) -> Read:
    """Raises ``UsageError`` for what cannot be."""
    if facts.basis not in BASES:
        raise UsageError(Problem(f"--basis {facts.basis}: no such basis", hint=", ".join(BASES)))
    if facts.double_opt_in not in (None, PENDING, CONFIRMED):
        raise UsageError(Problem(f"--double-opt-in {facts.double_opt_in}", hint=f"{PENDING} or {CONFIRMED}"))
    if facts.wording and facts.wording_version:
        raise UsageError("--wording and --wording-version exclude each other")
    if facts.source is not None and not facts.source.strip():
        raise UsageError(Problem("--source is empty", hint="say how consent was given: web form, paper, …"))
    given_at = day_of("--given-at", facts.given_at)
    if given_at is not None:
        given_at = clamped(given_at, now)
        if given_at is None:
            raise UsageError(f"--given-at {facts.given_at}: that is still to come")
    expires_at = day_of("--expires", facts.expires)
    if expires_at is not None and given_at is not None and expires_at <= given_at:
        raise UsageError(f"--expires {facts.expires}: that is before it was given")
    return Read(
        facts.source.strip() if facts.source else None,
        given_at,
        programme_of(facts.programme),
        channel_of(facts.channel),
        facts.basis,
        f"version {facts.wording_version.strip()}" if facts.wording_version else facts.wording,
        facts.double_opt_in,
        expires_at,
    )


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


def country_of(number: str) -> str | None:
    """The country of an E.164 number."""
    from a2pcli.contacts.phones import PhonePolicy, normalise

    return normalise(number, PhonePolicy(allow_fictional=True, allow_fixed_line=True)).country


def record_numbers(
    cells: Sequence[str], facts: Facts, region: str | None, ledger: str | None, *, as_json: bool
) -> None:
    """Record for what can be read; raises ``UsageError`` afterwards for what cannot."""
    from a2pcli.rules.law import law_of

    now = now_ms()
    read = read_facts(facts, now)
    given_at = now if read.given_at is None else read.given_at
    numbers, problems = read_numbers(cells, region)
    ends: dict[str, int | None] = {}
    law = law_of(settings_from(Path.cwd()))
    for number in numbers:
        country = country_of(number)
        end = read.expires_at or end_of(law, read.basis, country, given_at)
        if end is None and read.basis.startswith(IMPLIED):
            problems.append(no_end(country, f"…{number[-4:]}: "))
        else:
            ends[number] = end
    added: dict[str, bool] = {}
    if ends:
        with ledger_to_record(ledger, Path.cwd()) as store:
            for number, end in ends.items():
                new = NewConsents(
                    [number],
                    given_at,
                    read.source,
                    read.programme,
                    read.channel,
                    read.basis,
                    read.double_opt_in,
                    given_at if read.double_opt_in == CONFIRMED else None,
                    end,
                    read.wording,
                )
                added[number] = store.record_consents(new, now).added == 1
    if as_json:
        document = {
            "recorded": [number for number, new in added.items() if new],
            "already": [number for number, new in added.items() if not new],
            "expires": {number: iso(end) for number, end in ends.items()},
            "refused": [problem.message for problem in problems],
        }
        print_json(document)
    else:
        for number, is_new in added.items():
            say(
                _recorded(number, read, ends[number], now)
                if is_new
                else f"{number}: that is recorded already"
            )
    if problems:
        raise UsageError(*problems)


def no_end(country: str | None, of: str = "") -> Problem:
    """Implied consent without an end: it never lasts for ever."""
    text = f"{of}implied consent does not last for ever, and no rule for {country or 'its country'} is known"
    return Problem(text, hint="give --expires", code="expires")


def _recorded(number: str, read: Read, end: int | None, now: int) -> str:
    if read.double_opt_in == PENDING:
        return f"{number}: recorded as pending; it allows nothing until it is recorded as confirmed"
    if end is not None and end <= now:
        return f"{number}: recorded, but that consent ended on {day_text(end)}"
    what = f"the programme {read.programme}" if read.programme else "every programme"
    return f"{number} agreed to {what}" + (f" until {day_text(end)}" if end else "")


def revoke_numbers(
    cells: Sequence[str],
    programme: str | None,
    channel: str | None,
    source: str | None,
    region: str | None,
    ledger: str | None,
    *,
    as_json: bool,
) -> None:
    """Revoke for what can be read; raises ``UsageError`` afterwards for what cannot."""
    wanted, over = programme_of(programme), channel_of(channel)
    numbers, problems = read_numbers(cells, region)
    ended: dict[str, int] = {}
    if numbers:
        with ledger_to_record(ledger, Path.cwd()) as store:
            for number in numbers:
                ended[number] = store.revoke_consent(
                    number,
                    programme=wanted,
                    channel=over,
                    source=source or f"by hand ({user()})",
                    by=user(),
                )
            store.record("consent.revoke", wanted or None, {"channel": over or None}, people=numbers)
    if as_json:
        print_json({"revoked": ended, "refused": [problem.message for problem in problems]})
    else:
        what = f" for {wanted}" if wanted else ""
        for number, count in ended.items():
            records = (
                f"{count} record{'' if count == 1 else 's'} ended" if count else "no record of ours ended"
            )
            say(f"{number} gets no marketing{what} any more ({records})")
        if ended:
            say("messages that need no consent still go; `a2pcli optout add` stops these too")
    if problems:
        raise UsageError(*problems)


def show_number(
    cell: str, programme: str | None, channel: str, region: str | None, ledger: str | None, *, as_json: bool
) -> None:
    """Every fact about one number, and the one that allows messages now."""
    wanted, over = programme_of(programme), channel_of(channel) or "sms"
    numbers, problems = read_numbers([cell], region)
    if problems:
        raise UsageError(*problems)
    (number,) = numbers
    now = now_ms()
    with existing_ledger(ledger) as store:
        records = store.consents_of(number) if store else []
        allowing = store.consent_allowing(number, wanted, over, now) if store else None
    if as_json:
        print_json(
            {
                "number": number,
                "programme": wanted or None,
                "channel": over,
                "allowed": allowing is not None,
                "allowing": None if allowing is None else document(allowing, now),
                "records": [document(one, now) for one in records],
            }
        )
        return
    what = f"{over} of the programme {wanted}" if wanted else f"{over} that names no programme"
    if allowing is None:
        print(f"{number}: no consent in force for {what}")
    else:
        end = f", until {day_text(allowing.expires_at)}" if allowing.expires_at else ""
        text = f"{number} agreed to {what} on {day_text(allowing.given_at)} by {allowing.source}{end}"
        print(printable(text))
    if records:
        _table(records, now)


def _table(records: Sequence[ConsentRecord], now: int) -> None:
    from a2pcli.cli.screens.listing import Listing

    columns = ("given", "state", "for", "basis", "source", "wording", "until", "recorded")
    rows = [tuple(map(printable, _cells(one, now))) for one in reversed(records)]
    show(Listing(columns, rows, lead=2, whole=frozenset({"given", "state"})))


def _cells(one: ConsentRecord, now: int) -> Iterator[str]:
    yield day_text(one.given_at)
    yield one.state(now)
    yield " ".join(part for part in (one.programme, one.channel) if part) or "everything"
    yield one.basis + (f", double opt-in {one.double_opt_in}" if one.double_opt_in else "")
    yield one.source
    yield one.wording or ""
    yield day_text(one.expires_at) if one.expires_at else ""
    yield local(one.recorded_at) + (f", revoked {local(one.revoked_at)}" if one.revoked_at else "")


def document(one: ConsentRecord, now: int) -> dict[str, Any]:
    """A record for JSON."""
    return {
        "number": one.address,
        "state": one.state(now),
        "programme": one.programme or None,
        "channel": one.channel or None,
        "basis": one.basis,
        "double_opt_in": one.double_opt_in,
        "given_at": iso(one.given_at),
        "confirmed_at": iso(one.confirmed_at),
        "expires_at": iso(one.expires_at),
        "source": one.source,
        "wording": one.wording,
        "recorded_at": iso(one.recorded_at),
        "revoked_at": iso(one.revoked_at),
        "revoked_by": one.revoked_by,
    }


def show_counts(ledger: str | None, *, as_json: bool) -> None:
    """How many records there are, by programme, channel, basis and state."""
    with existing_ledger(ledger) as store:
        counts = store.consent_counts() if store else []
    if as_json:
        names = ("programme", "channel", "basis", "state", "records")
        rows = [dict(zip(names, (p or None, c or None, *rest), strict=True)) for p, c, *rest in counts]
        print_json({"count": sum(count[-1] for count in counts), "consents": rows})
        return
    if not counts:
        say("no consent is recorded: `a2pcli consent record NUMBER --source ...` records one")
        return
    from a2pcli.cli.screens.listing import Listing

    cells = [
        (printable(programme) or "every", channel or "every", basis, state, f"{count:,}")
        for programme, channel, basis, state, count in counts
    ]
    show(Listing(("programme", "channel", "basis", "state", "records"), cells, lead=0, whole=frozenset()))
