"""Freeze a plan in the ledger: every row, its body or its reason, and a digest over what people would get."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from a2pcli.config.load import LoadedCampaign, Rate
from a2pcli.config.values import RECIPIENT
from a2pcli.content.prices import parse_budget, to_decimal
from a2pcli.content.unsubscribe_links import PATH as UNSUBSCRIBE
from a2pcli.dataclass import dataclass
from a2pcli.errors import Problem, Severity
from a2pcli.ledger.approved import DIGESTS, HOURS, SETTINGS, hours_digest, settings_digest
from a2pcli.ledger.records import MONEY_UNITS, NewRun, Run
from a2pcli.ledger.store import Ledger
from a2pcli.moments import ZONE
from a2pcli.planning.basis import basis_of
from a2pcli.planning.capacity import Load, short_quotas, too_many_parts
from a2pcli.planning.channel_wording import messages_under_rules, texts_under_rules
from a2pcli.planning.clocks import Clocks
from a2pcli.planning.closing import Closing
from a2pcli.planning.consent import consent_word
from a2pcli.planning.estimate import Estimate, estimate, pace_of
from a2pcli.planning.gateway_paces import gateway_paces, gateway_rates_of
from a2pcli.planning.likely import Past
from a2pcli.planning.optouts import stale_lists
from a2pcli.planning.pipeline import planned
from a2pcli.planning.prepare import Prepared, contacts_source
from a2pcli.planning.reading import place_warnings, read_as, reading_problems, total_notes
from a2pcli.planning.route_tally import (
    dear_stand_ins,
    recipients_by_gateway,
    route_documents,
    routes_by_channel,
)
from a2pcli.planning.routes import channels_document, fallback_document, strange_preferences
from a2pcli.planning.sender_setup import quotas_of, rates_of
from a2pcli.planning.split import ledger_rows, split_chunk
from a2pcli.planning.summary import PlanTally
from a2pcli.planning.workers import Workers
from a2pcli.timezones import ZONE_DATA

if TYPE_CHECKING:
    from a2pcli.frame import Frame

ONE_TIME = "(a one-time code is never shown)"
"""Replaces the text in a plan's samples for purpose otp."""

OnProgress = Callable[[int], None]


class RowSink(Protocol):
    """Receives every row of a plan while it is made, excluded ones too."""

    def add(self, frame: Frame) -> None:
        """Add a planned chunk."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """A frozen plan. ``summary`` is stored in the ledger, JSON-ready; ``over_budget`` says why the plan may not be
    sent, or is None."""

    run: Run
    summary: dict[str, Any]
    over_budget: str | None
    warnings: tuple[Problem, ...] = ()

    @property
    def recipients(self) -> int:
        """Number of recipients."""
        return int(self.summary["recipients"])


def make_plan(
    prepared: Prepared,
    ledger: Ledger,
    *,
    rate: Rate | None,
    budget: str | None = None,
    workers: Workers | None = None,
    out: AbstractContextManager[RowSink] | None = None,
    progress: OnProgress = lambda rows: None,
    findings: Sequence[Problem] = (),
    gateway: Mapping[str, Any] | None = None,
    load: Load | None = None,
    past: Past | None = None,
) -> Plan:
    """Plan every row and store the result. ``budget`` (``50 GBP``) overrides the campaign's.

    ``out`` receives the rows as they are planned, ``progress`` the number of rows read. ``findings`` are warnings of
    ``check``, stored with the plan's own. ``gateway`` describes how the gateway delivers and is stored too. ``load``
    holds the quotas that apply and their usage, ``past`` the results that the likely cost of fallbacks is based on.

    Raises ``InvalidInput`` if the contacts file is broken or changes while it is read; the plan is then discarded.
    """
    days = prepared.settings.settings.optout_list_days
    warnings = [
        *prepared.warnings,
        *texts_under_rules(prepared),
        *stale_lists(ledger, days, prepared.hours.now),
        *reading_problems(prepared.table, prepared.spec.facts, prepared.told),
    ]
    known = prepared.table.notes
    fingerprint = prepared.table.fingerprint()
    occasion = prepared.occasion or ledger.plans.occasion(prepared.spec.campaign, prepared.occurrence)
    run = ledger.plans.begin(_new_run(prepared, occasion, fingerprint, rate, budget, gateway or {}))
    try:
        clocks = prepared.new_clocks()
        closing = Closing(prepared)
        tally = _store_rows(prepared, ledger, run, workers, out, progress, clocks, closing)
        warnings += [note for note in prepared.table.notes if note not in known]
        warnings += total_notes(prepared.table, tally.total_lines, tally.maybe_total)
        warnings += place_warnings(prepared.table, clocks.place_problems)
        warnings += strange_preferences(prepared.table, tally.strange_channels)
        warnings += prepared.wording.left_out(tally.copy_rules, tally.recipients)
        warnings += messages_under_rules(prepared, tally.countries, tally.document()["samples"])
    except BaseException:
        ledger.plans.discard(run)
        raise
    summary = _summary(prepared, tally, rate, clocks, load := load or Load())
    summary |= tally.routes.document(prepared, past)
    warnings += _of_quotas(prepared, tally, load, summary)
    warnings += closing.problems(ledger, summary["leaving"]["finishes_at"])
    warnings += dear_stand_ins(prepared, tally.gateways, budget)
    if prepared.loaded.campaign.purpose == "otp":
        shown = [{key: sample[key] for key in sample if key != "content"} for sample in summary["samples"]]
        summary["samples"] = [{**sample, "body": ONE_TIME} for sample in shown]
    over = over_budget(prepared, tally, budget)
    summary["over_budget"] = over
    warnings = merged(findings, warnings)
    summary["warnings"] = [problem_document(one) for one in warnings]
    spec = prepared.spec
    digest = tally.digest(spec.campaign, spec.channel, spec.sender or "", *spec.media)
    hours = hours_digest({number: one.to_json() for number, one in clocks.made.items()})
    summary[DIGESTS] = tally.digests() | {SETTINGS: settings_digest(run, digest), HOURS: hours}
    with ledger.transaction():
        run = ledger.plans.finish(
            run, digest=digest, rows_read=tally.rows, summary=summary, clocks=clocks.made
        )
        if waived := prepared.loaded.campaign.waive:
            ledger.audit.add("plan.waive", run.id, {"campaign": run.campaign, "rules": dict(waived)})
    return Plan(run, summary, over, tuple(warnings))


def _store_rows(
    prepared: Prepared,
    ledger: Ledger,
    run: Run,
    workers: Workers | None,
    out: AbstractContextManager[RowSink] | None,
    progress: OnProgress,
    clocks: Clocks,
    closing: Closing,
) -> PlanTally:
    """Store the rows chunk by chunk. One chunk is written while the next is counted: SQLite releases the interpreter
    while it writes."""
    gc.freeze()  # imported objects need not be collected again and again: 5% of a plan
    tally = PlanTally()
    chunks = planned(prepared, workers, clocks, tally.strange_channels)
    written: Future[None] | None = None
    rows_to: AbstractContextManager[RowSink | None] = out or nullcontext()
    with ThreadPoolExecutor(1) as writer, rows_to as sink:
        for frame in chunks:
            split = split_chunk(frame)
            rows = ledger_rows(split, first=tally.rows + 1)
            if written is not None:
                written.result()
            written = writer.submit(ledger.plans.add_rows, run, rows)
            tally.add(split)
            closing.add(split)
            clocks.count(split.accepted["@clock"])
            if sink is not None:
                sink.add(frame)
            progress(tally.rows)
        if written is not None:
            written.result()
    return tally


def _new_run(
    prepared: Prepared,
    occasion: int,
    fingerprint: str,
    rate: Rate | None,
    budget: str | None,
    gateway: Mapping[str, Any],
) -> NewRun:
    campaign = prepared.loaded.campaign
    sending: dict[str, Any] = {"media": list(campaign.media), **gateway}
    if prepared.others:
        sending |= {"channels": channels_document(prepared), "fallback": fallback_document(prepared)}
    if routes := routes_by_channel(prepared):
        sending["routes"] = {channel: one.document() for channel, one in routes.items()}
    if rates := rates_of(prepared.settings.settings, prepared.spec.senders):
        sending["sender_rates"] = rates
    if paces := gateway_rates_of(prepared):
        sending["gateway_rates"] = paces
    if quotas := quotas_of(prepared.settings.settings, prepared.spec.senders):
        sending["sender_quotas"] = quotas
    if rate is not None:
        sending["rate"] = {"per_second": rate.per_second, "unit": rate.unit}
    if prepared.spec.consent is not None:
        asked = prepared.spec.consent
        sending["consent"] = {"required": asked.required, "as_of": asked.now}
    if budget := budget or campaign.limits.cost:
        amount, currency = parse_budget(budget)
        sending["max_cost"] = {currency: int(amount * MONEY_UNITS)}
    if prepared.hours.caps:
        sending["caps"] = [cap.to_data() for cap in prepared.hours.caps]
    return NewRun(
        campaign=campaign.name,
        occasion=occasion,
        gateway=prepared.spec.gateway,
        channel=campaign.channel,
        sender=campaign.own_sender,
        purpose=campaign.purpose,
        campaign_file=str(prepared.loaded.path.resolve()),
        contacts_file=contacts_path(prepared.loaded),
        contacts_fingerprint=fingerprint,
        not_before=prepared.hours.starts,
        expires_at=prepared.hours.ends,
        programme=prepared.spec.programme,
        subject=campaign.subject,
        survey=campaign.survey,
        sending=sending,
    )


def campaign_zone(loaded: LoadedCampaign) -> str | None:
    """Return the zone in which the campaign's times are shown: the one it names, UTC if it has times without a zone,
    None for this machine's."""
    schedule = loaded.campaign.schedule
    if schedule.timezone != RECIPIENT and loaded.document.has(("schedule", "timezone")):
        return schedule.timezone
    return "UTC" if schedule.starts_at or schedule.ends_at else None


def contacts_path(loaded: LoadedCampaign) -> str:
    """Return the contacts file's absolute path; ``-`` for standard input."""
    file = contacts_source(loaded.campaign).file
    return file if file == "-" else str((loaded.folder / file).resolve())


def _of_quotas(prepared: Prepared, tally: PlanTally, load: Load, summary: Mapping[str, Any]) -> list[Problem]:
    start, zone = prepared.hours.first, campaign_zone(prepared.loaded)
    leaving = Estimate(**summary["leaving"])
    first = tally.routes.first(prepared.spec.channel)
    found = short_quotas(
        load,
        summary["senders"],
        tally.recipients,
        tally.total_parts,
        start,
        leaving,
        zone,
        first,
        recipients_by_gateway(prepared, tally.gateways, first),
    )
    return found + too_many_parts(load, max(tally.parts, default=0))


def _unsubscribe_url(prepared: Prepared) -> str | None:
    """Return where the messages' unsubscribe links lead, without the part of each person; None if they have none."""
    used = [one.spec.links for one in prepared.channels if one.compiled.uses_links]
    return f"{used[0].base}{UNSUBSCRIBE}" if used and used[0] is not None else None


def _summary(
    prepared: Prepared, tally: PlanTally, rate: Rate | None, clocks: Clocks, load: Load
) -> dict[str, Any]:
    campaign, table = prepared.loaded.campaign, prepared.table
    senders = _senders(tally, campaign.own_sender)
    rates = rates_of(prepared.settings.settings, prepared.spec.senders)
    first = tally.routes.first(prepared.spec.channel)
    of_gateways = gateway_paces(prepared, first, tally.gateways)
    per_second = pace_of(rate, rates, senders, tally.recipients, tally.total_parts, of_gateways)
    hours = prepared.hours
    leaving = estimate(
        clocks.groups(),
        start=hours.first,
        ends=hours.ends,
        per_second=per_second,
        limits=load.flows(
            senders,
            tally.recipients,
            tally.total_parts,
            hours.first,
            first,
            recipients_by_gateway(prepared, tally.gateways, first),
        ),
        others=sum(load.others.values()),
    )
    return {
        "objective": campaign.objective,
        "occurrence": prepared.occurrence,
        ZONE: campaign_zone(prepared.loaded),
        "contacts": {
            "file": table.path,
            "format": table.format,
            "encoding": table.encoding,
            "encoding_guessed": table.encoding_guessed,
            "delimiter": table.delimiter,
            "blank_rows": table.blank_rows,
            "read_as": {
                fact: columns
                for one in prepared.channels
                for fact, columns in read_as(
                    table, one.spec.address, one.spec.facts, one.compiled.channel.column
                ).items()
            },
        },
        "basis": basis_of(prepared.loaded, prepared.settings, prepared.compiled.messages),
        "where": campaign.where,
        "limit": prepared.spec.limit,
        "programme": prepared.spec.programme or None,
        "unsubscribe": _unsubscribe_url(prepared),
        "consent": consent_word(prepared.spec.consent),
        "waivers": prepared.wording.waivers(),
        "senders": senders,
        "rated": prepared.spec.rates is not None,
        "seconds": None if per_second is None else tally.recipients / per_second,
        "leaving": leaving.document(),
        "capacity": load.document(hours.first, leaving.finishes_at),
        **tally.document(),
        **route_documents(prepared, tally.gateways),
        "clock": clocks.summary(),
        "no_hours": prepared.hours.without_hours(tally.countries),
        "time_zone_data": str(ZONE_DATA),
    }


def problem_document(problem: Problem) -> dict[str, Any]:
    """Return a warning in the form stored in the summary."""
    return {
        "path": problem.path,
        "line": problem.line,
        "column": problem.column,
        "severity": str(problem.severity),
        "code": problem.code,
        "message": problem.message,
        "hint": problem.hint,
    }


def warnings_of(summary: Mapping[str, Any]) -> list[Problem]:
    """Return the warnings stored with a plan, as ``Problem`` objects."""
    found = [{**one, "severity": Severity(one["severity"])} for one in summary.get("warnings", ())]
    return [Problem(**one) for one in found]


def merged(findings: Sequence[Problem], more: Sequence[Problem]) -> list[Problem]:
    """Join both lists without repeating a problem: a plan reports about all rows what ``check`` saw in the first."""
    places = {(one.code, one.path, one.line, one.column) for one in more}
    return [one for one in findings if (one.code, one.path, one.line, one.column) not in places] + list(more)


def _senders(tally: PlanTally, own: str | None) -> dict[str, int]:
    """Return the number of messages of each named sender; empty if the gateway's account chooses."""
    named = ((sender or own, count) for sender, count in tally.senders.most_common())
    return {sender: count for sender, count in named if sender is not None}


def over_budget(prepared: Prepared, tally: PlanTally, budget: str | None) -> str | None:
    """Return in a sentence why the plan must not be sent; None if it stays within all limits."""
    limits = prepared.loaded.campaign.limits
    if limits.recipients is not None and tally.recipients > limits.recipients:
        return f"{tally.recipients:,} recipients, the campaign's limit is {limits.recipients:,}"
    budget = budget or limits.cost
    if not budget:
        return None
    amount, currency = parse_budget(budget)
    several = bool(prepared.others)
    most = tally.routes.most(prepared) if several else tally.cost
    for spent_in, nano in sorted(most.items()):
        spent: Decimal = to_decimal(nano)
        if spent_in != currency and nano:
            return f"costs {spent:f} {spent_in}, and the budget is in {currency}"
        if spent > amount:
            costs = "costs up to" if several and nano > tally.cost[spent_in] else "costs"
            return f"{costs} {spent:f} {spent_in}, the budget is {amount:f} {currency}"
    if unpriced := tally.unpriced + tally.routes.unpriced:
        messages = f"{unpriced:,} message{'' if unpriced == 1 else 's'}"
        return (
            f"{messages} without a known price, so the budget of {amount:f} {currency} cannot be kept "
            "(add their prices to the rate card, or exclude them with limits.unpriced: exclude)"
        )
    return None
