"""What a person and a bot said to each other: the replies that a bot answered, with its answers that left. And when
an answer by a bot may be made and sent: in order, and while no person has the conversation.

Nothing is stored for this: the turns are replies and answers that the ledger has, as long as it has their texts
(``replies: {texts: keep}``). What opted out or in, asked for help, went to a person, answered a survey or a rule is no
turn, and neither is a message of any other kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, and_, case, func, null, or_, select
from sqlalchemy.engine import Connection

from a2pcli.addresses.kinds import forms_of
from a2pcli.dataclass import dataclass
from a2pcli.ledger.answer_optouts import is_out
from a2pcli.ledger.conversations import OPEN, Heard, hear
from a2pcli.ledger.core import SubStore
from a2pcli.ledger.schema import conversations, replies
from a2pcli.ledger.schema_answers import answers
from a2pcli.ledger.sender_names import sender_key
from a2pcli.messages import State

if TYPE_CHECKING:
    from a2pcli.ledger.answers import Answer

CHAT = "chat"
"""The kind of an answer that a bot makes."""

_a, _r = answers.c, replies.c
_LEFT = tuple(str(state) for state in (State.ACCEPTED, State.UNKNOWN, State.SUBMITTING))
_NOT_MADE = tuple(str(state) for state in (State.SKIPPED, State.EXPIRED, State.REJECTED))


_UNSENT = {
    State.EXPIRED: "could not be sent in time",
    State.REJECTED: "was rejected by the gateway",
}
HANDED_OVER = "handed-over"
"""The reason of an answer that a bot did not give: a person has the conversation."""
HANDING_OVER = 60_000
"""Milliseconds that a gateway may take for an answer; the next one waits no longer for one whose process was killed."""


CONTENT_LEFT = case((_a.body.is_(None) & _a.kind.in_([CHAT, "keyword"]), null()), else_=_a.content)
"""What stays of an answer that was never made: not the reply that it was to be made of."""


def is_next(now: int) -> ColumnElement[bool]:
    """Whether an answer is no bot's, has its text, or follows no other answer by a bot to the same person that is
    still to be sent. So a person's answers come in order, and each is made with those before it, in any process."""
    earlier = answers.alias()
    is_waiting = or_(
        earlier.c.state == str(State.PLANNED),
        and_(earlier.c.state == str(State.SUBMITTING), earlier.c.claimed_at > now - HANDING_OVER),
    )
    query = select(earlier.c.number).where(
        earlier.c.address == _a.address,
        earlier.c.gateway == _a.gateway,
        earlier.c.kind == CHAT,
        earlier.c.number < _a.number,
        is_waiting,
    )
    return or_(_a.kind != CHAT, _a.body.is_not(None), ~query.correlate(answers).exists())


def is_taken_over(connection: Connection, answer: Answer) -> bool:
    """Whether an answer is by a bot, and a person has the conversation now."""
    if answer.kind != CHAT:
        return False
    c = conversations.c
    query = select(c.number).where(
        c.address.in_(forms_of(answer.address)),
        c.gateway == answer.gateway,
        c.sender == (answer.sender or ""),
        c.state == OPEN,
    )
    return connection.execute(query.limit(1)).first() is not None


def missed(connection: Connection, answer: Answer, state: State, now: int) -> None:
    """Put the reply of an answer by a bot into the inbox if the answer has ended without being sent; not that of a
    person who opted out. The caller notes the entry."""
    why = _UNSENT.get(state) if answer.kind == CHAT else None
    if why is not None and not is_out(connection, answer, now):
        words = f"bot {bot_of(answer.key)}: its answer {why}"
        heard = Heard(
            answer.address, answer.channel, answer.gateway, answer.sender or "", answer.programme, words
        )
        hear(connection, heard, now)


@dataclass(frozen=True, slots=True)
class Turn:
    """What a person wrote, and what a bot answered."""

    person: str
    bot: str


def chat_key(bot: str, event: str) -> str:
    """The key of a bot's answer to a reply."""
    return f"{CHAT}:{bot}:{event}"


def bot_of(key: str) -> str:
    """The bot that an answer with this key is by."""
    return key.split(":", 2)[1]


class ChatTurns(SubStore):
    """The turns in an open ledger."""

    def before(self, answer: Answer, since: int, limit: int) -> list[Turn]:
        """Return the turns of this answer's person and bot, by the same gateway and sender, before it and since a
        time (UTC ms), oldest first: the newest ``limit``."""
        theirs = and_(
            _a.address.in_(forms_of(answer.address)),
            _a.gateway == answer.gateway,
            _a.kind == CHAT,
            _a.state.in_(_LEFT),
            _a.number < answer.number,
            _a.created_at >= since,
            _a.body.is_not(None),
        )
        query = select(_a.key, _a.sender, _a.body).where(theirs).order_by(_a.number.desc()).limit(limit)
        with self._ledger.reading() as connection:
            said = [
                (key.split(":", 2)[2], body)
                for key, sender, body in connection.execute(query)
                if bot_of(key) == bot_of(answer.key)
                and sender_key(sender or "") == sender_key(answer.sender or "")
            ]
            events = [event for event, _ in said]
            query = select(_r.event, _r.body).where(_r.event.in_(events), _r.body.is_not(None))
            wrote = {row.event: row.body for row in connection.execute(query)}
        return [Turn(wrote[event], body) for event, body in reversed(said) if event in wrote]

    def count_since(self, bot: str, address: str, since: int) -> int:
        """Return how many answers by a bot were made for a person since a time (UTC ms)."""
        theirs = and_(
            _a.address.in_(forms_of(address)),
            _a.kind == CHAT,
            _a.created_at >= since,
            _a.key.startswith(chat_key(bot, ""), autoescape=True),
            _a.state.not_in([str(State.SKIPPED), str(State.EXPIRED)]),
        )
        with self._ledger.reading() as connection:
            return int(connection.execute(select(func.count()).where(theirs)).scalar_one())

    def newest(self, address: str, gateway: str, sender: str | None) -> tuple[str, int] | None:
        """Return the bot that a person talked with last by this gateway and sender, and when (UTC ms)."""
        theirs = and_(
            _a.address.in_(forms_of(address)),
            _a.gateway == gateway,
            _a.kind == CHAT,
            _a.state.not_in(_NOT_MADE),
        )
        query = select(_a.key, _a.sender, _a.created_at).where(theirs).order_by(_a.number.desc()).limit(20)
        with self._ledger.reading() as connection:
            for key, to, at in connection.execute(query):
                if sender_key(to or "") == sender_key(sender or ""):
                    return bot_of(key), int(at)
        return None
