"""The story of one address: every run that has it, what became of each message, and what will."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

from a2pcli.addresses.any_address import any_address, of_phone
from a2pcli.addresses.handle import NETWORKS, read_handle
from a2pcli.addresses.kinds import Address, Kind
from a2pcli.addresses.phone.any_number import SHORT_CODE
from a2pcli.addresses.phone.numbers import PhonePolicy, normalise
from a2pcli.dataclass import dataclass
from a2pcli.ledger.alternatives import by_another_channel
from a2pcli.ledger.attempt_ids import attempt_number
from a2pcli.ledger.attempt_senders import sender_of
from a2pcli.ledger.caps import of_run as caps_of_run
from a2pcli.ledger.clocks import RunClock
from a2pcli.ledger.history import HistoryEntry
from a2pcli.ledger.lock import live_sender
from a2pcli.ledger.other_forms import others_of
from a2pcli.ledger.records import FAR, Run, Suppression, now_ms
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.tables import ROWS_PER_RUN
from a2pcli.message_content import content_of
from a2pcli.messages import State
from a2pcli.moments import zone_of
from a2pcli.reasons import SENTENCES, Reason
from a2pcli.reporting.channel_story import story
from a2pcli.reporting.considered import Considered, MessageContext, considered
from a2pcli.reporting.route_story import gateway_story
from a2pcli.reporting.sentences import Surroundings, moment_of, opt_out, what, what_next
from a2pcli.reporting.values import iso, money
from a2pcli.rules.law import Law

if TYPE_CHECKING:
    from a2pcli.ledger.answers import Answer


@dataclass(frozen=True, slots=True)
class MessageExplanation:
    """One message of the number. ``at`` is when it got where it is (UTC milliseconds); ``next`` what will be;
    ``rules`` what was considered then."""

    entry: HistoryEntry
    at: int | None
    what: str
    next: str | None
    rules: tuple[Considered, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """All that the ledger knows about an address. ``number`` is None where the text is none.

    ``messages`` are newest first. ``suppressions`` are oldest first, those that were lifted too.
    """

    asked: str
    number: str | None
    judged: Address
    suppressions: tuple[Suppression, ...]
    messages: tuple[MessageExplanation, ...]
    outside: tuple[Answer, ...] = ()
    """Messages outside of runs (confirmations, answers, codes, events), oldest first."""

    now: int = field(default_factory=now_ms)

    @property
    def suppressed(self) -> bool:
        """Whether the person is on the suppression list now."""
        return any(one.holds(self.now) for one in self.suppressions)

    @property
    def is_short_code(self) -> bool:
        """Whether it is a short code: people do not have them, and a STOP may come from one."""
        return self.judged.type == SHORT_CODE

    @property
    def problem(self) -> str | None:
        """Why nothing can be sent to what was asked for, or None."""
        if self.is_short_code:
            return "nothing can be sent to a short code"
        if self.number is not None or self.judged.reason is None:
            return None
        detail = f"; {self.judged.detail}" if self.judged.detail else ""
        return f"{SENTENCES[self.judged.reason]}{detail}"


def explain(
    ledger: Ledger,
    asked: str,
    policy: PhonePolicy,
    *,
    run: Run | None = None,
    now: int | None = None,
    law: Law | None = None,
) -> Explanation:
    """What became of this address in every run, or in ``run``, and by the rules of which law.

    ``asked`` may be written in any way; without a ``+`` it is read in the policy's region. Rows whose cell was
    no number are found by the cell.
    """
    judged = _judged(asked, policy)
    number = any_address(asked, policy.region).address
    if judged.address is None and not _is_known(ledger, number) and (chat := _chat_id(ledger, asked)):
        judged, number = chat, chat.address
    # Rows that did not become an address hold what was typed: as asked, or the digits after the country.
    cells = [
        asked.strip(),
        *(_national(judged.address) if judged.address and judged.address.startswith("+") else ()),
    ]
    entries = ledger.messages.history(
        number or "", run=run, cells=[cell for cell in dict.fromkeys(cells) if cell]
    )
    everything = entries
    if run is not None and number is not None and any(_needs_others(entry) for entry in entries):
        everything = ledger.messages.history(number)
    suppressions = tuple(ledger.optouts.of(number)) if number is not None else ()
    live = {entry.run.id: live_sender(ledger, entry.run) for entry in entries if entry.run.state == "sending"}
    moment = now_ms() if now is None else now
    around = Surroundings(everything, _opt_outs(ledger, everything), live, moment)
    rules = _Rules(ledger, law or Law.load(), moment)
    told = [
        MessageExplanation(
            entry, moment_of(entry), what(entry, around), what_next(entry, around), rules.of(entry)
        )
        for entry in entries
    ]
    told.sort(key=lambda one: (-one.entry.run.number, one.entry.row["id"]))
    is_asked = number is not None and run is None and ledger.has_answers()
    outside = tuple(ledger.answers.of(number)) if is_asked and number is not None else ()
    return Explanation(asked, judged.address, judged, suppressions, tuple(told), outside, moment)


def _opt_outs(ledger: Ledger, entries: Sequence[HistoryEntry]) -> dict[str, tuple[Suppression, ...]]:
    """Every opt-out of the addresses in these rows, by address."""
    rows = [entry.row for entry in entries]
    addresses = {one for row in rows for one in (row["address"], *others_of(row["others"])) if one}
    return {address: tuple(ledger.optouts.of(address)) for address in sorted(addresses)}


class _Rules:
    """What was considered for messages of the ledger: at the claim, when it was left out, or, if it waits, now."""

    def __init__(self, ledger: Ledger, law: Law, now: int) -> None:
        self._ledger, self._law, self._now = ledger, law, now
        self._clocks: dict[int, Mapping[int, RunClock]] = {}

    def of(self, entry: HistoryEntry) -> tuple[Considered, ...]:
        """Every rule, for one message; none for a row without a number, which came to no rule."""
        row, run = entry.row, entry.run
        if row["address"] is None:
            return ()
        if run.number not in self._clocks:
            self._clocks[run.number] = self._ledger.runs.clocks(run)
        asked = run.sending.get("consent")
        waits = row["state"] == State.PLANNED
        context = MessageContext(
            about=by_another_channel(run, row["channel"]),
            address=row["address"],
            country=row["country"],
            at=self._now if waits else row["claimed_at"] or row["settled_at"] or run.planned_at or self._now,
            sender=row["sender"],
            clock=self._clocks[run.number].get(row["clock"]) if row["clock"] is not None else None,
            caps=caps_of_run(run),
            consent_required=None if asked is None else bool(asked.get("required")),
            said=row["consent"],
            expires_at=run.expires_at,
            waivers=tuple(run.summary.get("waivers") or ()),
            reason=None if waits else row["reason"],
            rule=None if waits else row["rule"],
            detail=row["detail"],
            zone=zone_of(run.summary),
            others=others_of(row["others"]),
        )
        return tuple(considered(self._ledger, self._law, context))


def nothing_known(asked: str, policy: PhonePolicy) -> Explanation:
    """The explanation where there is no ledger yet."""
    judged = _judged(asked, policy)
    return Explanation(asked, judged.address, judged, (), ())


def _judged(asked: str, policy: PhonePolicy) -> Address:
    """What was asked for, judged as an address of the kind that it looks like."""
    found = any_address(asked, policy.region)
    if found.kind is not Kind.PHONE or found.type == SHORT_CODE:
        return found
    return of_phone(normalise(asked, policy))


def _chat_id(ledger: Ledger, asked: str) -> Address | None:
    """A chat id typed without its network, if the ledger knows it from exactly one network."""
    found = []
    for network in NETWORKS:
        one = read_handle(asked, network)
        if _is_known(ledger, one.address):
            found.append(one)
    return found[0] if len(found) == 1 else None


def _is_known(ledger: Ledger, address: str | None) -> bool:
    """Whether the ledger has a message to the address, or an opt-out."""
    return address is not None and bool(ledger.messages.history(address) or ledger.optouts.of(address))


def _needs_others(entry: HistoryEntry) -> bool:
    """Whether a message is explained by what other runs did."""
    others = (Reason.ALREADY_SENT, Reason.EXCLUDED_RUN)
    return entry.row["state"] == State.PLANNED or entry.row["reason"] in others


def _national(number: str) -> list[str]:
    """The digits without the country's: how a cell may hold the number among other things."""
    import phonenumbers

    parsed = phonenumbers.parse(number, None)
    digits = phonenumbers.national_significant_number(parsed)
    return [digits] if len(digits) >= 7 else []


def explanation_document(told: Explanation) -> dict[str, Any]:
    """JSON document of ``a2pcli explain``."""
    judged = told.judged
    return {
        "asked": told.asked,
        "number": told.number,
        "country": judged.country,
        "type": judged.type,
        "problem": told.problem,
        "suppressed": told.suppressed,
        "suppressions": [_suppression(one) for one in told.suppressions],
        "messages": [_message(one) for one in told.messages],
        "outside_of_runs": [_outside(one) for one in told.outside],
    }


def _outside(one: Answer) -> dict[str, Any]:
    return {
        "reference": one.reference,
        "kind": one.kind,
        "channel": one.channel,
        "gateway": one.gateway,
        "sender": one.sender,
        "purpose": one.purpose,
        "body": one.body,
        "state": str(one.state),
        "reason": one.reason,
        "code": one.code,
        "detail": one.detail,
        "delivery": one.delivery,
        "delivered_at": iso(one.delivered_at),
        "delivery_code": one.delivery_code,
        "created_at": iso(one.created_at),
        "settled_at": iso(one.settled_at),
    }


def _suppression(one: Suppression) -> dict[str, Any]:
    return {
        "scope": one.scope,
        "scope_value": one.scope_value or None,
        "source": one.source,
        "reason": one.reason,
        "added_at": iso(one.added_at),
        "lifted_at": iso(one.lifted_at),
        "lifted_by": one.lifted_by,
        "what": opt_out(one),
    }


_ROW_KEYS = (
    "line", "cell", "state", "reason", "detail", "rule", "variant", "body", "encoding", "units", "parts", "currency",
    "attempts", "code", "gateway_id", "sender",
)  # fmt: skip


def _message(told: MessageExplanation) -> dict[str, Any]:
    row, run = told.entry.row, told.entry.run
    taken: Mapping[str, Any] = {key: row[key] for key in _ROW_KEYS}
    return {
        "run": run.id,
        "campaign": run.campaign,
        "run_state": run.state,
        "number": row["address"],
        **taken,
        "content": content_of(row["content"]),
        "sender": sender_of(run, row),
        "cost": None if row["cost"] is None else money(row["cost"]),
        "reference": run.reference(row["id"] % ROWS_PER_RUN) if row["claimed_at"] else None,
        "due_at": None if (row["due_at"] or 0) >= FAR else iso(row["due_at"]),
        "held": row["state"] == State.PLANNED and row["reason"] is not None,
        "claimed_at": iso(row["claimed_at"]),
        "settled_at": iso(row["settled_at"]),
        "what": told.what,
        "next": told.next,
        "rules": [one.document() for one in told.rules],
        **({"channels": sentences} if (sentences := list(story(told.entry))) else {}),
        **({"route": gateways} if (gateways := list(gateway_story(told.entry))) else {}),
        **({"earlier_attempts": before} if (before := earlier_attempts(told.entry)) else {}),
        "events": [
            {"at": iso(event.at), "kind": event.kind, "code": event.code, "detail": event.detail}
            for event in told.entry.events
        ],
    }


def earlier_attempts(entry: HistoryEntry) -> list[dict[str, Any]]:
    """The attempts of a message before the last one, each of which ended without arriving when the next was made."""
    run = entry.run
    return [
        {
            "attempt": attempt_number(one["id"]),
            "channel": one["channel"] or run.channel,
            "gateway": one["gateway"] or run.gateway,
            "sender": sender_of(run, one),
            "number": one["address"],
            "state": one["state"],
            "reason": one["reason"],
            "detail": one["detail"],
            "delivery": one["delivery"],
            "code": one["delivery_code"] or one["code"],
            "cost": None if one["cost"] is None else money(one["cost"]),
            "currency": one["currency"],
            "reference": run.reference(one["id"] % ROWS_PER_RUN),
            "claimed_at": iso(one["claimed_at"]),
            "followed_at": iso(one["followed_at"]),
        }
        for one in entry.earlier
    ]
