"""The inbox, and what would be done with a reply, as people and programs see them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from a2pcli.addresses.kinds import masked
from a2pcli.cli.screens.listing import Listing
from a2pcli.moments import minute, moment_text
from a2pcli.reporting.values import iso

if TYPE_CHECKING:
    from a2pcli.actions.inbox import Conversation, Replied, Said, Shown
    from a2pcli.actions.reply_trial import Trial

NOT_KEPT = "(text not kept)"


def listing(found: Sequence[Conversation]) -> Listing:
    """The conversations, one a row."""
    rows = [
        (
            one.code,
            masked(one.address),
            minute(one.heard_at),
            one.standing,
            one.assignee or "",
            one.agents or "",
            one.why,
        )
        for one in found
    ]
    columns = ("code", "from", "last wrote", "state", "assignee", "agents", "why")
    return Listing(columns, rows, 4, frozenset({"code", "from", "last wrote", "state"}))


def conversation_document(one: Conversation) -> dict[str, Any]:
    """A conversation; its number is masked."""
    return {
        "code": one.code,
        "person": masked(one.address),
        "channel": one.channel,
        "gateway": one.gateway,
        "sender": one.sender or None,
        "programme": one.programme,
        "state": one.state,
        "waits": one.waits,
        "why": one.why,
        "agents": one.agents,
        "assignee": one.assignee,
        "opened_at": iso(one.opened_at),
        "heard_at": iso(one.heard_at),
        "answered_at": iso(one.answered_at),
        "closed_at": iso(one.closed_at),
    }


def shown_document(found: Shown) -> dict[str, Any]:
    """A conversation with its messages."""
    messages = [
        {
            "at": iso(one.at),
            "ours": one.is_ours,
            "text": one.text,
            "kind": one.kind,
            "state": one.state,
            "delivery": one.delivery,
        }
        for one in found.said
    ]  # fmt: skip
    return {"conversation": conversation_document(found.conversation), "messages": messages}


def shown_lines(found: Shown) -> Iterator[str]:
    """A conversation, a line for each message."""
    one = found.conversation
    to = one.sender or one.gateway
    yield f"{one.code}  {masked(one.address)} to {to} by {one.channel} ({one.gateway}), {one.standing}: {one.why}"
    if one.assignee or one.agents:
        yield f"  assigned to {one.assignee or 'nobody'}" + (f", agents {one.agents}" if one.agents else "")
    for said in found.said:
        yield f"  {moment_text(said.at)}  {_who(said)}  {said.text if said.text is not None else NOT_KEPT}"


def _who(said: Said) -> str:
    if not said.is_ours:
        return f"they ({'other' if said.kind == 'none' else said.kind})"
    return f"we ({said.kind}, {said.outcome})"


def replied_document(done: Replied) -> dict[str, Any]:
    """What became of an answer."""
    answer = done.answer
    return {
        "conversation": conversation_document(done.conversation),
        "state": None if answer is None else str(answer.state),
        "reference": None if answer is None else answer.reference,
        "code": None if answer is None else answer.code,
        "detail": None if answer is None else answer.detail,
    }


def replied_line(done: Replied) -> str:
    """What became of an answer, in a sentence."""
    one, answer = done.conversation, done.answer
    closed = "; closed" if one.state == "closed" else ""
    if answer is None:
        return f"{one.code}: this answer was sent already"
    words = {
        "accepted": "the answer was sent",
        "planned": "the answer was not accepted; `a2pcli listen` tries again for a day",
        "unknown": "it is unknown whether the gateway accepted the answer; it is not sent again",
        "rejected": "the gateway rejected the answer",
        "skipped": "the answer was not sent: the person has opted out",
        "expired": "the answer was not accepted in time",
    }
    said = words.get(str(answer.state), str(answer.state))
    why = (
        f" ({answer.detail or answer.code})"
        if str(answer.state) != "accepted" and (answer.detail or answer.code)
        else ""
    )
    return f"{one.code}: {said}{why}{closed}"


def trial_document(done: Trial) -> dict[str, Any]:
    """What would be done with a reply."""
    return {
        "meaning": done.meaning,
        "flagged": done.flagged,
        "why": done.why or None,
        "rule": done.rule,
        "answer": done.answer,
        "no_answer": done.why_none,
        "lookup": done.lookup,
        "bot": done.bot,
        "agents": list(done.agents),
        "inbox": done.to_inbox,
        "notes": list(done.notes),
    }


def trial_lines(done: Trial) -> Iterator[str]:
    """What would be done with a reply, in sentences."""
    words = {
        "stop": "STOP, the person is opted out",
        "start": "START",
        "help": "HELP",
        "unclear": "it may be an opt-out",
    }
    why = f" ({done.why})" if done.why else ""
    yield f"meaning: {words.get(done.meaning, 'nothing special')}{why}"
    if done.rule:
        yield f"rule: {done.rule}"
    if done.bot:
        yield f"bot: {done.bot}"
    if done.lookup:
        yield f"look-up: {done.lookup}"
    yield (
        f"answer: {done.answer}"
        if done.answer
        else f"no answer: {done.why_none}"
        if done.why_none
        else "no answer"
    )
    if done.agents:
        yield f"agents: {', '.join(done.agents)}"
    if done.to_inbox:
        yield "the reply goes to the inbox: a2pcli inbox list"
    for note in done.notes:
        yield f"note: {note}"
