"""Retention: deletes old personal data and keeps the counts.

When a run has ended, its texts are deleted first, then its people: rows of people who got nothing, and of people who
got a message, unless the campaign's occurrence may still be planned again. In that case only the key of the row
(``person``) stays, which prevents sending the same message to the person twice; an occurrence whose rows were deleted
cannot be planned again. The run's totals are kept in its summary before.

Never touched: the suppression list, consents, the audit trail, and every run that can still send.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Table, and_, delete, false, func, not_, or_, select, update
from sqlalchemy.engine import Connection

from a2pcli.config.retention import PURPOSES, Retention, parse_age
from a2pcli.dataclass import dataclass
from a2pcli.errors import RunBusy
from a2pcli.ledger import (
    attempt_counts,
    audit,
    channel_counts,
    counting,
    falling,
    plan_erasing,
    plan_store,
    route_records,
)
from a2pcli.ledger.alternatives import channels_of
from a2pcli.ledger.approved import changing_rows
from a2pcli.ledger.arrivals import arrivals
from a2pcli.ledger.lock import HasEngine, sender_lock
from a2pcli.ledger.people import overwrite
from a2pcli.ledger.personal import Holds, columns
from a2pcli.ledger.plan_store import first_id
from a2pcli.ledger.plans import drop_rows, end_id, lock_run, of_run, run_from_row
from a2pcli.ledger.reachability import KEPT
from a2pcli.ledger.records import Run, RunState
from a2pcli.ledger.schema import codes, conversations, reachability, unmatched
from a2pcli.ledger.schema_triggers import triggers
from a2pcli.ledger.surveys import old_surveys
from a2pcli.ledger.tables import answers, attempts, contacted, events, occasions, receipts, replies, runs
from a2pcli.ledger.triggers import old_triggers
from a2pcli.messages import State

ENDED = (str(RunState.FINISHED), str(RunState.CANCELLED))
GONE = (str(RunState.DISCARDED), str(RunState.SUPERSEDED))
LIMITS_SPAN = 86_400_000
"""Milliseconds for which the limits of one-time passwords count."""

ONCE = "once"
"""The occurrence of campaigns that are sent only once; it never ends."""

ACTION = "prune"
"""The action of audit entries about what retention removed."""

_NUMBER = re.compile(r"\d[\d ().-]{4,}\d")
"""A gateway's text may contain a phone number; such texts are not kept with the totals."""

_c = attempts.c
_UNCERTAIN = (str(State.UNKNOWN), str(State.SUBMITTING))


@dataclass(frozen=True, slots=True)
class Step:
    """One deletion of retention. ``what`` is texts, people, plan or samples; ``rows`` counts affected rows."""

    run: Run
    what: str
    rows: int


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was pruned, or would be; ``busy`` are runs skipped because they were being sent."""

    steps: tuple[Step, ...]
    contacted: int
    busy: tuple[str, ...] = ()
    receipts: int = 0
    """Receipts of messages that are not in the ledger."""
    replies: int = 0
    reachability: int = 0
    """Answers about whom a channel reaches."""
    answers: int = 0
    """Messages outside of campaign runs."""
    codes: int = 0
    """One-time passwords."""
    answer_texts: int = 0
    """Texts of such messages that are deleted earlier than the rest."""
    conversations: int = 0
    """Closed conversations of the inbox."""
    survey_sessions: int = 0
    """People who were asked the questions of a survey."""
    survey_answers: int = 0
    triggers: int = 0
    """Settled events that other systems reported."""

    @property
    def nothing(self) -> bool:
        """Whether nothing is past its retention period."""
        others = (
            self.receipts,
            self.replies,
            self.reachability,
            self.answers,
            self.answer_texts,
            self.conversations,
            self.codes,
            self.survey_sessions,
            self.survey_answers,
            self.triggers,
        )
        return not (self.steps or self.contacted or any(others))


def due(connection: Connection, rules: Retention, now: int) -> Pruned:
    """Return what is past its retention period."""
    steps = []
    for row in connection.execute(select(runs).order_by(runs.c.number)).mappings().all():
        step = _step(connection, run_from_row(row), rules, now)
        if step is not None:
            steps.append(step)
    age = parse_age(rules.contacted)
    old = 0
    if age is not None:
        count = select(func.count()).select_from(contacted).where(contacted.c.at < now - age)
        old = int(connection.execute(count).scalar_one())
    of_none = select(func.count()).select_from(receipts).where(_unmatched(rules, now))
    surveys = old_surveys(rules, now)
    texts = select(func.count()).select_from(answers).where(_old_answer_texts(rules, now))
    return Pruned(
        tuple(steps),
        old,
        receipts=int(connection.execute(of_none).scalar_one()),
        replies=_old_rows(connection, replies, _old_replies(rules, now)),
        reachability=_old_rows(connection, reachability, _old_reachability(rules, now)),
        answers=_old_rows(connection, answers, _old_answers(rules, now)),
        codes=_old_rows(connection, codes, _old_codes(rules, now)),
        answer_texts=int(connection.execute(texts).scalar_one()),
        conversations=_old_rows(connection, conversations, _old_conversations(rules, now)),
        survey_answers=_old_rows(connection, *surveys["survey_answers"]),
        survey_sessions=_old_rows(connection, *surveys["survey_sessions"]),
        triggers=_old_rows(connection, triggers, old_triggers(rules, now)),
    )


def _old_replies(rules: Retention, now: int) -> Any:
    """Return the condition for replies older than the retention period of people."""
    age = parse_age(rules.default)
    return false() if age is None else replies.c.received_at < now - age


def _old_reachability(rules: Retention, now: int) -> Any:
    """Return the condition for reachability answers that are of no more use, or older than people are kept."""
    age = parse_age(rules.default)
    return reachability.c.asked_at < now - min(KEPT, KEPT if age is None else age)


def _old_conversations(rules: Retention, now: int) -> Any:
    """Return the condition for closed conversations older than the retention period of people."""
    age, c = parse_age(rules.default), conversations.c
    return false() if age is None else and_(c.closed_at.is_not(None), c.closed_at < now - age)


def _old_codes(rules: Retention, now: int) -> Any:
    """Return the condition for one-time passwords that no limit counts any more."""
    kept = max(LIMITS_SPAN, rules.people("otp") or LIMITS_SPAN)
    return codes.c.created_at < now - kept


def _old_rows(connection: Connection, table: Table, condition: Any) -> int:
    return int(connection.execute(select(func.count()).select_from(table).where(condition)).scalar_one())


def _old_answers(rules: Retention, now: int) -> Any:
    """Return the condition for messages outside of runs that are older than the people of their purpose are kept."""
    a, kept = answers.c, {purpose: rules.people(purpose) for purpose in PURPOSES}
    old = [
        and_(a.purpose == purpose, a.created_at < now - age)
        for purpose, age in kept.items()
        if age is not None
    ]
    return and_(a.settled_at.is_not(None), or_(false(), *old))


def _old_answer_texts(rules: Retention, now: int) -> Any:
    """Return the condition for settled messages outside of runs whose texts are past their retention period."""
    a, old = answers.c, []
    for purpose in PURPOSES:
        age = rules.texts(purpose)
        if age is not None:
            old.append(and_(a.purpose == purpose, a.created_at < now - age))
    held = or_(a.body.is_not(None), a.content.is_not(None))
    return and_(a.settled_at.is_not(None), held, or_(false(), *old), not_(_old_answers(rules, now)))


def _unmatched(rules: Retention, now: int) -> Any:
    """Return the condition for unmatched receipts older than the retention period of people, and for those of messages
    outside of runs that are older than theirs."""
    age, gone = parse_age(rules.default), select(answers.c.number).where(_old_answers(rules, now))
    old = false() if age is None else and_(unmatched, receipts.c.received_at < now - age)
    return or_(old, receipts.c.answer.in_(gone))


def _step(connection: Connection, run: Run, rules: Retention, now: int) -> Step | None:
    done = run.summary.get("pruned", {})
    if run.state == RunState.PLANNED and _older(run.planned_at, parse_age(rules.plans), now):
        return Step(run, "plan", _rows(connection, run))
    texts, people = rules.texts(run.purpose), rules.people(run.purpose)
    if run.state in GONE and run.summary.get("samples") and _older(run.created_at, texts, now):
        return Step(run, "samples", len(run.summary["samples"]))
    if run.state not in ENDED:
        return None
    if "people" not in done and _older(_end(run), people, now):
        return Step(run, "people", _rows(connection, run))
    if "texts" not in done and "people" not in done and _older(_end(run), texts, now):
        return Step(run, "texts", _texts(connection, run))
    return None


def _end(run: Run) -> int:
    return run.finished_at or run.started_at or run.planned_at or run.created_at


def _older(moment: int | None, age: int | None, now: int) -> bool:
    return moment is not None and age is not None and moment < now - age


def _count(connection: Connection, chosen: Any) -> int:
    return int(connection.execute(select(func.count()).select_from(attempts).where(chosen)).scalar_one())


def _rows(connection: Connection, run: Run) -> int:
    """Return the number of the run's rows, in chunks or not."""
    heads = plan_store.heads(connection, run)
    return sum(head.rows for head in heads) if heads else _count(connection, of_run(run))


def _texts(connection: Connection, run: Run) -> int:
    """Return the number of message texts past their retention period."""
    heads = plan_store.heads(connection, run)
    return _count(connection, _with_texts(run)) + sum(
        len(plan_erasing.texts_to_go(connection, run, head)) for head in heads
    )


def _with_texts(run: Run) -> Any:
    """Return the condition for rows whose text may be deleted: not those that ``reconcile`` may find were never
    sent."""
    return and_(of_run(run), _c.body.is_not(None), _c.state.not_in([*_UNCERTAIN, str(State.PLANNED)]))


def prune(ledger: HasEngine, rules: Retention, now: int) -> Pruned:
    """Delete data past its retention period, run by run, each in its own transaction with its audit entry."""
    with ledger.engine.begin() as connection:
        found = due(connection, rules, now)
    done, busy = [], []
    for step in found.steps:
        try:
            with sender_lock(ledger, step.run) as hold, ledger.engine.begin() as connection:
                hold.check(connection)
                overwrite(connection)
                again = _step(connection, _fresh(connection, step.run), rules, now)
                if again is not None:
                    lock_run(connection, step.run)
                    _do(connection, again, now)
                    audit.append(connection, ACTION, step.run.id, {again.what: again.rows}, now)
            if again is not None:
                done.append(again)
        except RunBusy:
            busy.append(step.run.id)
    age = parse_age(rules.contacted)
    conditions = {
        "contacted": (contacted, false() if age is None else contacted.c.at < now - age),
        "receipts": (receipts, _unmatched(rules, now)),
        "replies": (replies, _old_replies(rules, now)),
        "reachability": (reachability, _old_reachability(rules, now)),
        "answers": (answers, _old_answers(rules, now)),
        "conversations": (conversations, _old_conversations(rules, now)),
        "codes": (codes, _old_codes(rules, now)),
        **old_surveys(rules, now),
        "triggers": (triggers, old_triggers(rules, now)),
    }
    gone = {
        name: _delete(ledger, table, condition, name, now) if getattr(found, name) else 0
        for name, (table, condition) in conditions.items()
    }
    if found.answer_texts:
        gone["answer_texts"] = _forget_answer_texts(ledger, rules, now)
    return Pruned(tuple(done), gone.pop("contacted"), tuple(busy), **gone)


def _forget_answer_texts(ledger: HasEngine, rules: Retention, now: int) -> int:
    """Delete the texts of old messages outside of runs, with an audit entry; return how many."""
    with ledger.engine.begin() as connection:
        overwrite(connection)
        blank = update(answers).where(_old_answer_texts(rules, now)).values(body=None, content=None)
        count = connection.execute(blank).rowcount
        if count:
            audit.append(connection, ACTION, None, {"answer_texts": count}, now)
    return count


def _delete(ledger: HasEngine, table: Table, condition: Any, name: str, now: int) -> int:
    """Delete rows that belong to no run, with an audit entry; return how many."""
    with ledger.engine.begin() as connection:
        overwrite(connection)
        count = connection.execute(delete(table).where(condition)).rowcount
        if count:
            audit.append(connection, ACTION, None, {name: count}, now)
    return count


def _fresh(connection: Connection, run: Run) -> Run:
    row = connection.execute(select(runs).where(runs.c.number == run.number)).mappings().one()
    return run_from_row(row)


def _do(connection: Connection, step: Step, now: int) -> None:
    run = step.run
    if step.what == "plan":
        drop_rows(connection, run, RunState.DISCARDED, "deleted by retention: it was never sent")
        _note(connection, run, {})
    elif step.what == "samples":
        _note(connection, run, {})
    elif step.what == "texts":
        with changing_rows(connection, [run]):
            plan_erasing.remove_texts(connection, run)
            connection.execute(update(attempts).where(_with_texts(run)).values(body=None, content=None))
            _note(connection, run, {"texts": _day(now)})
    else:
        _people(connection, run, now)


def _people(connection: Connection, run: Run, now: int) -> None:
    known = counting.kept(connection, run)
    totals = counting.count(connection, run) if known is None else known
    marks: dict[str, Any] = {"texts": _day(now), "people": _day(now), "rows": totals.rows}
    marks["arrivals"] = arrivals(connection, run).to_data()
    if channels_of(run):
        marks["channels"] = channel_counts.written(channel_counts.count(connection, run))
    if gateways := route_records.by_gateway(connection, run):
        marks["gateways"] = route_records.written(gateways)
    falling.forget_run(connection, run)
    plan_store.remove(connection, run)
    attempt_counts.forget(connection, run)
    if _is_live(connection, run):
        connection.execute(delete(attempts).where(of_run(run), _c.claimed_at.is_(None)))
        connection.execute(update(attempts).where(of_run(run)).values(_KEY_ONLY))
    else:
        connection.execute(delete(attempts).where(of_run(run)))
        marks["forgotten"] = True
    e = events.c
    of_messages = and_(e.message >= first_id(run), e.message < end_id(run))
    connection.execute(delete(events).where(of_messages))
    of_receipts = and_(receipts.c.attempt >= first_id(run), receipts.c.attempt < end_id(run))
    connection.execute(delete(receipts).where(of_receipts))
    connection.execute(
        update(events).where(e.run == run.number, e.kind == "test").values(detail=None, gateway_id=None)
    )
    kept = json.loads(counting.written(totals))
    kept["sentences"] = {code: said for code, said in kept["sentences"].items() if not _NUMBER.search(said)}
    connection.execute(update(runs).where(runs.c.number == run.number).values(totals=json.dumps(kept)))
    _note(connection, run, {**marks, "totals": kept})


_OF_ROW = [one.name for one in columns(Holds.ADDRESS, Holds.OWN, Holds.SENTENCE) if one.table is attempts]
_KEY_ONLY: Mapping[str, Any] = dict.fromkeys(
    (*_OF_ROW, "code", "consent_until", "clock", "sender", "rule", "delivery_code")
)
"""Columns blanked in a row that stays only as a key."""


def _is_live(connection: Connection, run: Run) -> bool:
    """Whether the occurrence could be planned again by default: it is ``once``, or the campaign's newest."""
    o = occasions.c
    mine = connection.execute(select(o.campaign, o.occurrence).where(o.number == run.occasion)).one()
    newest = connection.execute(select(func.max(o.number)).where(o.campaign == mine.campaign)).scalar()
    return mine.occurrence == ONCE or newest == run.occasion


def _note(connection: Connection, run: Run, marks: Mapping[str, Any]) -> None:
    """Store in the run's summary what was removed; its samples, which show people and texts, are always removed."""
    summary = {name: value for name, value in run.summary.items() if name != "samples"}
    summary |= {"samples": []} if "samples" in run.summary else {}
    if marks:
        summary["pruned"] = {**summary.get("pruned", {}), **marks}
    text = json.dumps(summary, ensure_ascii=False, default=str)
    connection.execute(update(runs).where(runs.c.number == run.number).values(summary=text))


def _day(now: int) -> str:
    return datetime.fromtimestamp(now / 1000, UTC).strftime("%Y-%m-%d")
