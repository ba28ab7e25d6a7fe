"""What must be true of the rows of tables outside of campaign runs: answers, one-time passwords, events."""

from __future__ import annotations

from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.sql.schema import Table

from a2pcli.dataclass import dataclass
from a2pcli.ledger.codes import OPEN, STATES
from a2pcli.ledger.schema import codes
from a2pcli.ledger.schema_answers import answers
from a2pcli.ledger.schema_triggers import triggers
from a2pcli.messages import State

_ANSWERED = [str(state) for state in State if state is not State.CANCELLED]


@dataclass(frozen=True, slots=True)
class RowRule:
    """A condition for invalid rows; ``says`` follows their number in a sentence."""

    code: str
    says: str
    wrong: ColumnElement[bool]


OUTSIDE: dict[Table, tuple[RowRule, ...]] = {
    answers: (
        RowRule("answer", "have an invalid state", answers.c.state.not_in(_ANSWERED)),
        RowRule(
            "answer",
            "wait without a due time, or have one without waiting",
            (answers.c.due_at.is_not(None)) != (answers.c.state == str(State.PLANNED)),
        ),
        RowRule(
            "answer",
            "have an outcome without a time, or a time without an outcome",
            answers.c.settled_at.is_(None) != answers.c.state.in_(["planned", "submitting"]),
        ),
        RowRule("answer", "have no address", answers.c.address == ""),
    ),
    codes: (
        RowRule("code", "have an invalid state", codes.c.state.not_in(STATES)),
        RowRule(
            "code",
            "are settled and still have an HMAC, or are open without one",
            (codes.c.digest.is_(None)) != (codes.c.state != OPEN),
        ),
    ),
    triggers: (
        RowRule(
            "trigger",
            "have an invalid state",
            triggers.c.state.not_in(["waiting", "sent", "excluded", "expired"]),
        ),
        RowRule(
            "trigger",
            "wait without a due time, or have one without waiting",
            (triggers.c.due_at.is_not(None)) != (triggers.c.state == "waiting"),
        ),
        RowRule(
            "trigger",
            "are settled without a time, or have a time without being settled",
            (triggers.c.settled_at.is_(None)) != (triggers.c.state == "waiting"),
        ),
        RowRule(
            "trigger",
            "count as sent without a message, or have a message without it",
            (triggers.c.answer.is_(None)) == (triggers.c.state == "sent"),
        ),
    ),
}
