"""Single messages outside of campaign runs: confirmations, answers to replies, what agents write, codes, questions.

Each is a row of ``answers``, sent once: ``claim`` makes it ``submitting`` in a durable transaction, and only then is
it handed to a gateway; ``settle`` stores what the gateway said. A row that is still ``submitting`` when its process
was killed becomes ``unknown`` (``give_up``) and is never sent again. A row that waits (``planned``) is sent by any
process that looks for it, up to ``until_at``; after that it is ``expired``.

The ``key`` says what an answer is for ("stop:" and the event of a reply): there is never a second one with the same.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Select, and_, func, insert, or_, select, update
from sqlalchemy.engine import Connection, RowMapping

from a2pcli.addresses.kinds import forms_of
from a2pcli.dataclass import dataclass
from a2pcli.ledger import answer_deliveries, audit, told_optouts
from a2pcli.ledger.answer_optouts import is_out
from a2pcli.ledger.chat_turns import CHAT, CONTENT_LEFT, HANDED_OVER, is_next, is_taken_over, missed
from a2pcli.ledger.core import SubStore
from a2pcli.ledger.optouts import binds
from a2pcli.ledger.receipt_ids import note_parts_of_answer
from a2pcli.ledger.records import now_ms
from a2pcli.ledger.schema_answers import answers
from a2pcli.messages import Cause, Outcome, State
from a2pcli.reasons import Reason

_c = answers.c

LOST_AFTER = 10 * 60_000
"""Milliseconds after which a claimed answer without an outcome is ``unknown``: its process has ended, or lost it."""


@dataclass(frozen=True, slots=True)
class NewAnswer:
    """An answer to send. ``address`` is the person as opt-outs store them, ``spelling`` the address to send to if it
    differs, ``until_at`` (UTC ms) the moment after which it is not sent.

    ``anyway``: it is sent although the person opted out, as the law or the person asks for it. ``keeps_text``: False
    for a text that must not be stored, such as a code; such an answer can only be sent at once (``begin``).
    ``source``: who or what made it, without an address. ``compose``: what the text is made of, if that takes longer
    than a transaction may (``body`` is None then): see ``AnswerSender``.
    """

    key: str
    kind: str
    address: str
    channel: str
    gateway: str
    body: str | None
    until_at: int
    source: str
    sender: str | None = None
    spelling: str | None = None
    content: Mapping[str, Any] | None = None
    purpose: str = "transactional"
    programme: str | None = None
    anyway: bool = False
    keeps_text: bool = True
    compose: Mapping[str, Any] | None = None


COMPOSE = "compose"
"""The key of ``content`` that holds what a text is to be made of."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A stored answer; see the table. ``body`` is None once its text is gone."""

    number: int
    reference: str
    key: str
    kind: str
    address: str
    spelling: str | None
    channel: str
    gateway: str
    sender: str | None
    body: str | None
    content: Mapping[str, Any] | None
    purpose: str
    programme: str | None
    anyway: bool
    state: State
    reason: str | None
    tries: int
    created_at: int
    due_at: int | None
    until_at: int
    settled_at: int | None
    code: str | None
    detail: str | None
    gateway_id: str | None
    source: str
    delivery: str | None
    delivered_at: int | None
    delivery_code: str | None


_NAMES = tuple(name for name in Answer.__dataclass_fields__ if name not in ("content", "anyway", "state"))


def _answer(row: RowMapping) -> Answer:
    content = None if row["content"] is None else json.loads(row["content"])
    return Answer(
        **{name: row[name] for name in _NAMES},
        content=content,
        anyway=bool(row["anyway"]),
        state=State(row["state"]),
    )


class Answers(SubStore):
    """The answers in an open ledger. Times are UTC milliseconds; ``now`` is for tests."""

    def add(self, new: NewAnswer, *, now: int | None = None) -> int | None:
        """Store an answer to be sent; return its number, None if there is one with its key. Audit: ``answer.add``."""
        moment = now_ms() if now is None else now
        with self._ledger.writing() as connection:
            if connection.execute(select(_c.number).where(_c.key == new.key)).first() is not None:
                return None
            parts = {**(new.content or {}), **({} if new.compose is None else {COMPOSE: dict(new.compose)})}
            content = json.dumps(parts, ensure_ascii=False) if parts else None
            values = {
                "reference": f"a-{secrets.token_hex(8)}",
                "key": new.key,
                "kind": new.kind,
                "address": new.address,
                "spelling": new.spelling,
                "channel": new.channel,
                "gateway": new.gateway,
                "sender": new.sender,
                "body": new.body if new.keeps_text else None,
                "content": content if new.keeps_text else None,
                "purpose": new.purpose,
                "programme": new.programme,
                "anyway": int(new.anyway),
                "state": str(State.PLANNED),
                "created_at": moment,
                "due_at": moment,
                "until_at": new.until_at,
                "source": new.source,
            }
            number: int = connection.execute(insert(answers).values(values).returning(_c.number)).scalar_one()
            detail = {"kind": new.kind, "gateway": new.gateway, "channel": new.channel}
            audit.record(connection, "answer.add", None, detail, [new.address], moment)
        self._ledger.note_entry()
        return number

    def begin(self, new: NewAnswer, *, now: int | None = None) -> Answer | None:
        """Store an answer and claim it for the caller, who hands it to the gateway at once. Return it as stored:
        ``submitting``, or settled because it must not be sent; None if there is one with its key. Audit:
        ``answer.add``."""
        moment = now_ms() if now is None else now
        with self._ledger.transaction():
            number = self.add(new, now=moment)
            if number is None:
                return None
            return self.claim(number, now=moment) or self.by_key(new.key)

    def due(
        self,
        limit: int = 500,
        *,
        now: int | None = None,
        without: Collection[int] = (),
        not_by: Collection[str] = (),
        only_by: Collection[str] | None = None,
        only_written: Collection[str] = (),
    ) -> list[Answer]:
        """Return the answers that may be sent now, those first whose time ends first: a confirmation has five minutes,
        a message about an event a day. ``without`` those with these numbers, and those by the gateways ``not_by``;
        ``only_by``: only those by these gateways; of the kinds ``only_written`` only those that have their text."""
        moment = now_ms() if now is None else now
        waiting = and_(
            _c.due_at <= moment,
            _c.state == str(State.PLANNED),
            _c.number.not_in(without),
            _c.gateway.not_in(not_by),
            or_(_c.body.is_not(None), _c.kind.not_in(only_written)),
            is_next(moment),
        )
        if only_by is not None:
            waiting = and_(waiting, _c.gateway.in_(only_by))
        query = select(answers).where(waiting).order_by(_c.until_at, _c.number).limit(limit)
        return self._read(query)

    def next_due(self) -> int | None:
        """Return when the next answer may be sent (UTC ms), in the past if it may now; None if none waits."""
        with self._ledger.reading() as connection:
            query = select(func.min(_c.due_at)).where(_c.due_at.is_not(None))
            found: int | None = connection.execute(query).scalar()
            return found

    def lease(self, answer: Answer, until: int) -> bool:
        """Keep an answer whose text is to be made from other processes until a time (UTC ms); False if one of them
        has it or an earlier one of the person, or it is settled."""
        mine = and_(_c.number == answer.number, _c.state == str(State.PLANNED), _c.body.is_(None))
        with self._ledger.writing() as connection:
            leased = update(answers).where(mine, _c.due_at == answer.due_at, is_next(now_ms()))
            return bool(connection.execute(leased.values(due_at=until)).rowcount)

    def release(self, number: int, until: int) -> None:
        """End a lease up to this time."""
        mine = and_(
            _c.number == number, _c.state == str(State.PLANNED), _c.body.is_(None), _c.due_at == until
        )
        with self._ledger.writing() as connection:
            connection.execute(update(answers).where(mine).values(due_at=now_ms()))

    def write(self, answer: Answer, body: str, *, until_at: int | None = None) -> None:
        """Store the text of an answer that was composed; it may be sent from now on, until ``until_at``."""
        rest = {name: value for name, value in (answer.content or {}).items() if name != COMPOSE}
        values: dict[str, Any] = {
            "body": body,
            "content": json.dumps(rest, ensure_ascii=False) if rest else None,
        }
        if until_at is not None:
            values |= {"until_at": until_at, "due_at": now_ms()}
        with self._ledger.writing() as connection:
            mine = and_(_c.number == answer.number, _c.state == str(State.PLANNED), _c.body.is_(None))
            connection.execute(update(answers).where(mine).values(values))

    def drop(
        self, answer: Answer, reason: str, *, only_unwritten: bool = False, now: int | None = None
    ) -> bool:
        """Settle an answer that is not to be sent after all; False if it is settled or claimed, or, with
        ``only_unwritten``, if it has a text, which another process made. Audit: ``answer.send``."""
        moment = now_ms() if now is None else now
        values = {
            "state": str(State.SKIPPED), "reason": reason, "due_at": None, "settled_at": moment,
            "body": None, "content": None,
        }  # fmt: skip
        with self._ledger.writing() as connection:
            mine = and_(_c.number == answer.number, _c.state == str(State.PLANNED))
            if only_unwritten:
                mine = and_(mine, _c.body.is_(None))
            dropped = bool(connection.execute(update(answers).where(mine).values(values)).rowcount)
            if dropped:
                self._note(connection, answer, State.SKIPPED, moment)
        self._ledger.note_entry()
        return dropped

    def put_off(self, answer: Answer, due_at: int, *, gateway: str | None = None) -> None:
        """Let a waiting answer wait until a time, by another ``gateway`` if one is given."""
        values: dict[str, Any] = {"due_at": due_at} | ({} if gateway is None else {"gateway": gateway})
        with self._ledger.writing() as connection:
            mine = and_(_c.number == answer.number, _c.state == str(State.PLANNED))
            connection.execute(update(answers).where(mine).values(values))

    def claim(self, number: int, *, now: int | None = None) -> Answer | None:
        """Claim an answer to hand it to its gateway; None if somebody else has it, or it must not be sent any more
        (then it is settled: expired, or skipped because the person opted out)."""
        moment = now_ms() if now is None else now
        with self._ledger.writing() as connection:
            mine = (_c.number == number) & (_c.state == str(State.PLANNED))
            claimed = update(answers).where(mine).values(
                state=str(State.SUBMITTING), due_at=None, claimed_at=moment, tries=_c.tries + 1
            )  # fmt: skip
            if not connection.execute(claimed).rowcount:
                return None
            found = _answer(connection.execute(select(answers).where(_c.number == number)).mappings().one())
            end: tuple[State, str | None] | None = None
            if found.until_at <= moment:
                end = (State.EXPIRED, None)
            elif not found.anyway and binds(found.purpose) and is_out(connection, found, moment):
                end = (State.SKIPPED, str(Reason.OPTED_OUT))
            elif is_taken_over(connection, found):
                end = (State.SKIPPED, HANDED_OVER)
            if end is None:
                return found
            state, reason = end
            values = {"state": str(state), "reason": reason, "claimed_at": None, "settled_at": moment}
            values["tries"] = found.tries - 1
            connection.execute(update(answers).where(_c.number == number).values(values))
            self._note(connection, found, state, moment)
            missed(connection, found, state, moment)
        self._ledger.note_entry()
        return None

    def settle(
        self, answer: Answer, state: State, outcome: Outcome, *,
        due_at: int | None = None, keeps_text: bool = True, parts: int | None = None, now: int | None = None,
    ) -> None:  # fmt: skip
        """Store what became of a claimed answer, and what receipts say of it that came before. ``planned`` with
        ``due_at``: it certainly did not leave, and is tried again then. ``keeps_text``: whether the text stays once it
        is settled. Audit: ``answer.send``; ``optout.gateway`` if the gateway says that the person opted out."""
        moment = now_ms() if now is None else now
        ended = state is not State.PLANNED
        values: dict[str, Any] = {
            "state": str(state),
            "due_at": None if ended else due_at,
            "settled_at": moment if ended else None,
            "code": outcome.code,
            "detail": outcome.detail,
            "gateway_id": outcome.gateway_id,
            "parts": parts,
        }
        if not ended:
            values["claimed_at"] = None
        elif not keeps_text:
            values |= {"body": None, "content": None}
        with self._ledger.writing() as connection:
            open_ = _c.state.in_([str(State.SUBMITTING), str(State.UNKNOWN)])
            mine = (_c.number == answer.number) & open_
            is_mine = connection.execute(update(answers).where(mine).values(values)).rowcount
            note_parts_of_answer(
                connection, answer.number, answer.reference, answer.gateway, outcome.part_ids, moment
            )
            answer_deliveries.apply(connection, [answer.number], moment)
            if outcome.cause is Cause.OPTED_OUT:
                told_optouts.keep_from_answer(
                    connection, answer.gateway, answer.address, answer.sender, moment
                )
            if is_mine:
                self._note(connection, answer, state, moment)
                missed(connection, answer, state, moment)
        self._ledger.note_entry()

    def give_up(self, *, now: int | None = None) -> dict[State, int]:
        """Settle what can no longer be sent: claimed answers whose process has ended become ``unknown``, waiting ones
        past their time ``expired``. Return how many of each. Audit: ``answer.give-up``."""
        moment = now_ms() if now is None else now
        lost = and_(
            _c.settled_at.is_(None), _c.claimed_at < moment - LOST_AFTER, _c.state == str(State.SUBMITTING)
        )
        late = and_(_c.due_at.is_not(None), _c.until_at <= moment, _c.state == str(State.PLANNED))
        with self._ledger.reading() as connection:
            if connection.execute(select(_c.number).where(or_(lost, late)).limit(1)).first() is None:
                return {}
        done: dict[State, int] = {}
        with self._ledger.writing() as connection:
            ended = list(connection.execute(select(_c.number).where(lost)).scalars())
            chats = list(connection.execute(select(_c.number).where(late, _c.kind == CHAT)).scalars())
            for state, chosen in ((State.UNKNOWN, lost), (State.EXPIRED, late)):
                values = {"state": str(state), "due_at": None, "settled_at": moment, "content": CONTENT_LEFT}
                many = connection.execute(update(answers).where(chosen).values(values)).rowcount
                if many:
                    done[state] = many
            answer_deliveries.apply(connection, ended, moment)
            unsent = select(answers).where(_c.number.in_(chats), _c.state == str(State.EXPIRED))
            for row in connection.execute(unsent).mappings().all():
                missed(connection, _answer(row), State.EXPIRED, moment)
            if done:
                detail = {str(state): many for state, many in done.items()}
                audit.append(connection, "answer.give-up", None, detail, moment)
        self._ledger.note_entry()
        return done

    def would_be_kept_from(self, new: NewAnswer | Answer, now: int) -> bool:
        """Return whether the suppression list keeps an answer from its person."""
        if new.anyway or not binds(new.purpose):
            return False
        with self._ledger.reading() as connection:
            return is_out(connection, new, now)

    def of(self, address: str, *, limit: int = 1000) -> list[Answer]:
        """Return the answers to a person, under all forms of their number, oldest first: the newest ``limit``."""
        query = select(answers).where(_c.address.in_(forms_of(address)))
        return self._read(query.order_by(_c.number.desc()).limit(limit))[::-1]

    def by_key(self, key: str) -> Answer | None:
        """Return the answer with this key."""
        return next(iter(self._read(select(answers).where(_c.key == key))), None)

    def by_number(self, number: int) -> Answer | None:
        """Return the answer with this number."""
        return next(iter(self._read(select(answers).where(_c.number == number))), None)

    def by_reference(self, reference: str) -> Answer | None:
        """Return the answer with this reference."""
        return next(iter(self._read(select(answers).where(_c.reference == reference))), None)

    def count_since(self, address: str, since: int, kinds: Collection[str] | None = None) -> int:
        """Return how many answers (of these kinds) were made for a person since a time (UTC ms); those that were
        skipped or have expired do not count."""
        chosen = and_(
            _c.address.in_(forms_of(address)),
            _c.created_at >= since,
            _c.state.not_in([str(State.SKIPPED), str(State.EXPIRED)]),
        )
        if kinds is not None:
            chosen = and_(chosen, _c.kind.in_(kinds))
        with self._ledger.reading() as connection:
            return int(connection.execute(select(func.count()).where(chosen)).scalar_one())

    def _read(self, query: Select[Any]) -> list[Answer]:
        with self._ledger.reading() as connection:
            return [_answer(row) for row in connection.execute(query).mappings()]

    def _note(self, connection: Connection, answer: Answer, state: State, now: int) -> None:
        detail = {"kind": answer.kind, "gateway": answer.gateway, "state": str(state)}
        audit.record(connection, "answer.send", None, detail, [answer.address], now)
