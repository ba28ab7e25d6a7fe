"""The inbox: what people wrote that a person has to read; list, show, reply, assign, close."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from a2pcli.actions.agents import agent_answer, answered, found_conversation
from a2pcli.actions.answers import send_now
from a2pcli.actions.audit import user
from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput, Problem
from a2pcli.ledger.conversations import CLOSED, OPEN
from a2pcli.ledger.conversations import Conversation as Conversation
from a2pcli.ledger.conversations import Said as Said
from a2pcli.ledger.records import now_ms
from a2pcli.messages import State

if TYPE_CHECKING:
    from a2pcli.actions.answers import Answer
    from a2pcli.actions.project import Project
    from a2pcli.config.load import LoadedSettings
    from a2pcli.ledger.store import Ledger
    from a2pcli.messages import Outcome


@dataclass(frozen=True, slots=True)
class Shown:
    """A conversation with its messages, oldest first."""

    conversation: Conversation
    said: Sequence[Said]


def conversations(
    project: Project,
    *,
    closed: bool = False,
    assignee: str | None = None,
    agents: str | None = None,
    limit: int = 50,
) -> list[Conversation]:
    """The open conversations, those that a person wrote to last first; with ``closed``, the others too."""
    with project.existing_ledger() as ledger:
        if ledger is None:
            return []
        state = None if closed else OPEN
        return ledger.conversations.all(state=state, assignee=assignee, agents=agents, limit=limit)


def show(project: Project, code: str) -> Shown:
    """One conversation. Raises ``UsageError`` if it is not there."""
    with project.ledger_to_read() as ledger:
        one = found_conversation(ledger, code)
        return Shown(one, ledger.conversations.said(one))


@dataclass(frozen=True, slots=True)
class Replied:
    """What became of an answer. ``outcome`` is None if the gateway was not asked."""

    conversation: Conversation
    answer: Answer | None
    outcome: Outcome | None


def reply(project: Project, code: str, text: str, *, close: bool = False) -> Replied:
    """Send an answer to the person of a conversation, by the way they wrote. What certainly did not leave is tried
    again by ``a2pcli listen`` for a day. Audit: ``answer.add``, ``answer.send``, ``inbox.reply``.

    Raises ``UsageError``, ``Refused`` if the person opted out, ``InvalidInput``.
    """
    settings = project.settings()
    with project.ledger_to_record() as ledger:
        new, one = agent_answer(ledger, settings, code, text, user())
        stored, outcome = send_now(ledger, settings, new, tell=project.tell)
        if stored is not None and stored.state not in (State.REJECTED, State.SKIPPED, State.EXPIRED):
            one = answered(ledger, one, user(), close=close)
        return Replied(one, stored, outcome)


def assign(project: Project, code: str, to: str | None) -> Conversation:
    """Say who deals with a conversation; None for nobody. Audit: ``inbox.assign``."""
    with project.ledger_to_record() as ledger:
        return ledger.conversations.change(
            found_conversation(ledger, code), "inbox.assign", user(), assignee=to
        )


def close(project: Project, code: str) -> Conversation:
    """Close a conversation; the next reply opens a new one. Audit: ``inbox.close``."""
    with project.ledger_to_record() as ledger:
        return close_by(ledger, code, user())


def close_by(ledger: Ledger, code: str, by: str) -> Conversation:
    """Close a conversation in an open ledger. Raises ``UsageError`` if it is not there. Audit: ``inbox.close``."""
    one = found_conversation(ledger, code)
    if one.state == CLOSED:
        return one
    return ledger.conversations.change(one, "inbox.close", by, state=CLOSED, closed_at=now_ms())


def post_answer(
    ledger: Ledger,
    settings: LoadedSettings,
    code: str,
    document: Mapping[str, Any],
    by: str,
    otherwise: str | None = None,
) -> dict[str, Any]:
    """Take an agent's answer from a program: ``text``; ``id``, with which it is sent once however often it comes;
    ``close``. ``otherwise`` is the id of one without. It leaves at once.

    Raises as ``agent_answer`` does. Audit: ``answer.add``, ``inbox.reply``."""
    text, id, closes = document.get("text"), document.get("id"), document.get("close", False)
    if not isinstance(text, str) or not text.strip():
        raise InvalidInput(Problem("`text` is missing", hint="the text that the person gets", code="text"))
    if id is not None and not (isinstance(id, str) and 0 < len(id) <= 100 and id.isprintable()):
        raise InvalidInput(Problem("`id` is not a text of 1 to 100 printable characters", code="id"))
    if not isinstance(closes, bool):
        raise InvalidInput(Problem("`close` is neither true nor false", code="close"))
    with ledger.transaction():
        new, one = agent_answer(ledger, settings, code, text, by, id or otherwise)
        is_new = ledger.answers.add(new) is not None
        if is_new:
            answered(ledger, one, by, close=closes)
    return {"conversation": one.code, "accepted": True, "duplicate": not is_new}
