"""What became of one message, and what will, in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from a2pcli.addresses.kinds import Kind
from a2pcli.channels import channel_of, kind_of_channel
from a2pcli.dataclass import dataclass
from a2pcli.ledger.alternatives import by_another_channel, gateway_of
from a2pcli.ledger.history import HistoryEntry
from a2pcli.ledger.optouts import EVERYTHING, OF_THE_PERSON, SENDER, binds, concerns
from a2pcli.ledger.other_forms import others_of
from a2pcli.ledger.records import FAR, Run, RunState, Suppression
from a2pcli.messages import CLAIMED_STATES, State
from a2pcli.moments import minute, zone_of
from a2pcli.reasons import CONTACTS_FILE, SENTENCES, Reason
from a2pcli.reporting.held import NO_ZONE
from a2pcli.reporting.values import instead_of_sending, local, money, send_command

SHORT: dict[str, str] = {
    State.PLANNED: "is planned",
    State.SKIPPED: "was excluded",
    State.SUBMITTING: "is being sent",
    State.ACCEPTED: "was accepted",
    State.REJECTED: "was rejected",
    State.UNKNOWN: "may have been sent",
    State.EXPIRED: "expired",
    State.CANCELLED: "was cancelled",
}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What else is known around a message: the other messages of its number, opt-outs, who sends just now."""

    entries: Sequence[HistoryEntry]
    suppressions: Mapping[str, Sequence[Suppression]]
    """By address, every entry, lifted ones too."""
    live: Mapping[str, str | None]
    """Run id -> who sends it now, or None."""
    now: int

    def opt_outs_of(self, entry: HistoryEntry) -> Iterator[Suppression]:
        """The entries that may be about a message: those of its address, and of the person's other addresses those that
        bind the person."""
        yield from self.suppressions.get(entry.row["address"] or "", ())
        for other in others_of(entry.row["others"]):
            yield from (one for one in self.suppressions.get(other, ()) if one.scope in OF_THE_PERSON)


def what(entry: HistoryEntry, around: Surroundings) -> str:
    """A sentence that says what became of the message."""
    row, run = entry.row, entry.run
    gateway, state = _gateway(entry), row["state"]
    if state == State.ACCEPTED:
        return _accepted(entry)
    if state == State.REJECTED:
        return f"rejected by {gateway}{_answer(row)}{_tries(row)}"
    if state == State.UNKNOWN:
        return (
            f"sent to {gateway}{_at(entry)}, and the answer is unknown{_answer(row)}: the person may have it"
        )
    if state == State.SUBMITTING:
        if around.live.get(run.id):
            return f"being sent to {gateway} now"
        return (
            f"about to be sent to {gateway}{_at(entry)} when sending was interrupted: the person may have it"
        )
    if state == State.PLANNED and row["reason"]:
        return _held(row, zone_of(run.summary))
    if state == State.PLANNED:
        tried = f": tried {_times(row['attempts'])}{_answer(row)}" if row["attempts"] or row["code"] else ""
        return f"planned, not sent yet{tried}"
    if state == State.EXPIRED:
        return f"never sent: the campaign expired before the message could be sent{_answer(row)}"
    if state == State.CANCELLED:
        return "never sent: the run was cancelled"
    return _left_out(entry, around)


def _gateway(entry: HistoryEntry) -> str:
    """The gateway that the message went through."""
    return str(entry.row.get("gateway") or gateway_of(entry.run, entry.row.get("channel")))


def _held(row: Mapping[str, Any], zone: str | None) -> str:
    """A message that waits for the person's hours or for a quota."""
    if row["reason"] == Reason.UNKNOWN_ZONE:
        return f"held: the person's time zone is unknown; {NO_ZONE}"
    if row["reason"] == Reason.QUOTA and row["due_at"] >= FAR:
        return "not sent: it has more parts than the quota of the gateway or the sender allows"
    if row["reason"] == Reason.QUOTA:
        return f"held until {local(row['due_at'], zone)}: the quota of the gateway or the sender is used up"
    rule = f" ({row['rule']})" if row["rule"] else ""
    if row["due_at"] >= FAR:
        return f"no permitted sending time: the campaign's hours and the legal hours do not overlap{rule}"
    return f"held until {local(row['due_at'], zone)}: outside the hours in which the person may be messaged{rule}"


def _accepted(entry: HistoryEntry) -> str:
    row, run = entry.row, entry.run
    settled = [event for event in entry.events if event.kind == "reconciled"]
    if settled:
        how = f"marked as accepted: {settled[-1].detail}"
    else:
        name = f" as {row['gateway_id']}" if row["gateway_id"] else ""
        how = f"accepted by {_gateway(entry)}{name}{_tries(row)}"
    if instead := instead_of_sending(run):
        # It never reached the person, whatever the gateway's word for it is.
        parts = (
            f", {row['parts']} part{'' if row['parts'] == 1 else 's'}"
            if channel_of(row.get("channel") or run.channel).parts
            else ""
        )
        return f"{instead} by {_gateway(entry)}, and not sent to the person{parts}"
    if channel_of(row.get("channel") or run.channel).parts and row["parts"]:
        how += f", {row['parts']} part{'' if row['parts'] == 1 else 's'}"
    price = "price unknown" if row["cost"] is None else f"{money(row['cost'])} {row['currency']}"
    return f"{how}, {price}{_delivery(entry)}"


def _delivery(entry: HistoryEntry) -> str:
    """What its receipts say, where there are any."""
    row = entry.row
    if not row["delivery"]:
        return ""
    at = f" at {local(row['delivered_at'], zone_of(entry.run.summary))}" if row["delivered_at"] else ""
    code = f" ({row['delivery_code']})" if row["delivery_code"] else ""
    return f"; {row['delivery']}{code}{at}"


def _at(entry: HistoryEntry) -> str:
    moment = entry.row["claimed_at"]
    return f" at {local(moment, zone_of(entry.run.summary))}" if moment else ""


def _answer(row: Mapping[str, Any]) -> str:
    """The gateway's code and sentence, as far as there are any."""
    words = [str(row[name]) for name in ("code", "detail") if row[name]]
    return f" ({': '.join(words)})" if words else ""


def _tries(row: Mapping[str, Any]) -> str:
    return f" after {row['attempts']} attempts" if row["attempts"] > 1 else ""


def _times(count: int) -> str:
    return {0: "without reaching the gateway", 1: "once"}.get(count, f"{count} times")


def _left_out(entry: HistoryEntry, around: Surroundings) -> str:
    row = entry.row
    reason = row["reason"] or ""
    if row["rule"] == CONTACTS_FILE and row["detail"]:
        return f"excluded: {reason}: {row['detail']}"
    known = Reason(reason) if reason in Reason._value2member_map_ else None
    sentence = SENTENCES[known] if known else reason
    more = {
        Reason.FILTERED: _by_where,
        Reason.DUPLICATE: _other_row,
        Reason.ALREADY_SENT: _earlier_run,
        Reason.EXCLUDED_RUN: _got_before,
        Reason.OPTED_OUT: _opt_out_then,
    }
    tell = more.get(known) if known else None
    found = tell(entry, around) if tell else None
    detail = f"; {row['detail']}" if row["detail"] else ""
    return f"excluded: {reason}: {found or sentence}{detail}"


def _by_where(entry: HistoryEntry, around: Surroundings) -> str | None:
    """The expression that did not select it; runs of before do not know theirs."""
    expression = (entry.run.summary or {}).get("where")
    return f"{SENTENCES[Reason.FILTERED]}: {' '.join(expression.split())}" if expression else None


def _other_row(entry: HistoryEntry, around: Surroundings) -> str | None:
    """The row of the same run that stands for this one."""
    for other in around.entries:
        same = other.run.id == entry.run.id and other.row["id"] != entry.row["id"]
        if not same or other.row["address"] != entry.row["address"]:
            continue
        if other.row["reason"] != Reason.DUPLICATE and other.row["person"] == entry.row["person"]:
            words = SHORT.get(other.row["state"], other.row["state"])
            thing = "number" if kind_of_channel(entry.run.channel) is Kind.PHONE else "address"
            return f"the same {thing} is in line {other.row['line']:,}, which {words}"
    return None


def reached_elsewhere(entry: HistoryEntry, around: Surroundings) -> HistoryEntry | None:
    """The message of another run by which this person has, or may have, the same campaign's occurrence."""
    for other in around.entries:
        same = other.run.id != entry.run.id and other.run.occasion == entry.run.occasion
        if same and other.row["person"] == entry.row["person"] and other.row["state"] in CLAIMED_STATES:
            return other
    return None


def _earlier_run(entry: HistoryEntry, around: Surroundings) -> str | None:
    other = reached_elsewhere(entry, around)
    if other is None:
        return None
    words = SHORT.get(other.row["state"], other.row["state"])
    return f"the message of run {other.run.id}{_on(other)} {words}; nobody gets the same campaign twice"


def _on(entry: HistoryEntry) -> str:
    moment = moment_of(entry)
    return f" on {minute(moment, zone_of(entry.run.summary))[:10]}" if moment else ""


def moment_of(entry: HistoryEntry) -> int | None:
    """When the message reached its state, in UTC milliseconds."""
    row, run = entry.row, entry.run
    moment: int | None = row["settled_at"] or row["claimed_at"] or run.planned_at or run.created_at
    return moment


def _got_before(entry: HistoryEntry, around: Surroundings) -> str | None:
    """The campaign excludes the recipients of other runs: which of them this number was in."""
    got = (State.ACCEPTED, State.UNKNOWN, State.SUBMITTING)
    found = [
        f"{other.run.campaign} ({other.run.id})"
        for other in around.entries
        if other.run.number < entry.run.number and other.row["state"] in got
    ]
    if not found:
        return None
    return f"{SENTENCES[Reason.EXCLUDED_RUN]}; before, it got {', '.join(dict.fromkeys(found))}"


def _opt_out_then(entry: HistoryEntry, around: Surroundings) -> str | None:
    """The opt-out that held when the row was left out."""
    row = entry.row
    moment = row["settled_at"] or entry.run.planned_at or entry.run.created_at
    for one in around.opt_outs_of(entry):
        held = one.added_at <= moment and (one.lifted_at is None or one.lifted_at > entry.run.created_at)
        if held and _concerns(one, entry):
            return opt_out(one)
    return None


def _concerns(one: Suppression, entry: HistoryEntry) -> bool:
    """Whether an opt-out applies to the message, by the channel, gateway and sender that it has."""
    return concerns(one, by_another_channel(entry.run, entry.row["channel"]), entry.row["sender"])


def opt_out(one: Suppression) -> str:
    """An entry of the suppression list, in words."""
    scope = {EVERYTHING: "", SENDER: f" for messages from {one.scope_value}"}.get(
        one.scope, f" for the {one.scope} {one.scope_value}"
    )
    why = f", {one.reason}" if one.reason else ""
    since = f"on the suppression list{scope} since {local(one.added_at)} ({one.source}{why})"
    if one.lifted_at is None:
        return since if one.until_at is None else f"{since}, until {local(one.until_at)}"
    was = since.replace("since", "from", 1)
    return f"{was} until {local(one.lifted_at)} (removed by {one.lifted_by})"


def what_next(entry: HistoryEntry, around: Surroundings) -> str | None:
    """What will happen to the message, or what can be done about it; None where nothing will."""
    row, run = entry.row, entry.run
    if row["state"] == State.PLANNED:
        return _when_planned(entry, around)
    if row["state"] == State.UNKNOWN:
        return f"it is never resent automatically; to resolve it:  a2pcli reconcile {run.id}"
    if row["state"] == State.SUBMITTING and not around.live.get(run.id):
        return f"it is resent only if it was certainly not sent; to find out:  a2pcli reconcile {run.id}"
    by_list = row["reason"] == Reason.OPTED_OUT and row["rule"] != CONTACTS_FILE
    if row["state"] == State.SKIPPED and by_list and not _blocked(entry, around):
        return "the opt-out is no longer in force: a new plan would not exclude this recipient for it"
    return None


def _when_planned(entry: HistoryEntry, around: Surroundings) -> str:
    run, row = entry.run, entry.row
    blocked = _blocked(entry, around)
    if blocked is not None:
        return f"will be skipped: {opt_out(blocked)}"
    other = reached_elsewhere(entry, around)
    if other is not None:
        words = SHORT.get(other.row["state"], other.row["state"])
        return f"will be skipped: the message of run {other.run.id} {words}"
    if run.expires_at is not None and run.expires_at <= around.now:
        return f"will not be sent: the campaign expired at {local(run.expires_at, zone_of(run.summary))}"
    if run.state == RunState.PLANNED and run.summary.get("over_budget"):
        return f"cannot be sent: {run.summary['over_budget']}"
    if row["reason"] == Reason.UNKNOWN_ZONE:
        return "will not be sent while the person's time zone is unknown"
    if row["reason"] == Reason.QUOTA and row["due_at"] >= FAR:
        return "will not be sent: it has more parts than a quota allows"
    if row["reason"] and row["due_at"] >= FAR:
        return "will not be sent: change schedule.window and plan again"
    after = max(run.not_before or 0, row["due_at"] or 0)
    hour = f", not before {local(after, zone_of(run.summary))}" if after > around.now else ""
    return f"will be sent {_on_what(run, around)}{hour}"


def _on_what(run: Run, around: Surroundings) -> str:
    command = send_command(run)
    if run.state == RunState.PLANNED:
        return f"when the plan is sent ({command})"
    if around.live.get(run.id):
        return "by the run in progress"
    why = f", it is paused: {run.state_reason}" if run.state_reason else ""
    return f"when the run is resumed ({command}{why})"


def _blocked(entry: HistoryEntry, around: Surroundings) -> Suppression | None:
    """The opt-out that keeps this message away now."""
    if not binds(entry.run.purpose):
        return None
    for one in around.opt_outs_of(entry):
        if one.holds(around.now) and _concerns(one, entry):
            return one
    return None
