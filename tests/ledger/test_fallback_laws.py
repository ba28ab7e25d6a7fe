"""Law: whatever is claimed, settled, told by receipts and tried another way, in whatever order, a person has at most
one live attempt of an occasion, nothing is sent beside what may arrive, and the totals are those of the messages."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from ledgerkit import ACCEPTED, NOT_SENT, NOW, REJECTED, UNKNOWN, Make
from sqlalchemy import select
from test_receipts import put, receipt

from a2pcli.delivery import ARRIVED, NEGATIVE
from a2pcli.ledger.attempt_ids import ROWS_PER_RUN, all_attempts, attempt_number, message_of, nth_attempt
from a2pcli.ledger.fallbacks import Next
from a2pcli.ledger.records import Run, Settled
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.tables import attempts
from a2pcli.messages import Outcome, State

OUTCOMES: dict[State, Outcome] = {
    State.ACCEPTED: ACCEPTED,
    State.REJECTED: REJECTED,
    State.UNKNOWN: UNKNOWN,
    State.PLANNED: NOT_SENT,
}
WORDS = ["delivered", "sent", "undelivered", "failed"]
WAY = Next("email", "mail", "ann@example.org", "Hello", cost=7, currency="EUR")
_a = attempts.c


class FallbackLaws(RuleBasedStateMachine):
    """Two runs of one occasion with the same people, sent in turns."""

    @initialize(people=st.integers(1, 2), going=st.integers(0, 2))
    def begin(self, people: int, going: int) -> None:
        """Two plans of the same people."""
        self.folder = tempfile.TemporaryDirectory()
        self.ledger = Ledger.open(str(Path(self.folder.name) / "ledger.db"))
        make = Make(self.ledger)
        self.runs = [make.sending(people, purpose="marketing") for _ in range(2)]
        self.now = NOW
        self.flying: dict[int, Run] = {}
        # Where the stories begin: all were taken by the gateway, came to nothing, and some go another way.
        claimed = self.ledger.attempts.exchange(self.runs[0], [], people, NOW).claimed
        taken = [
            Settled(
                one.message.id, Outcome(ACCEPTED.verdict, gateway_id=f"SM{one.message.id}"), State.ACCEPTED
            )
            for one in claimed
        ]
        self.ledger.attempts.exchange(self.runs[0], taken, 0, NOW)
        for one in taken:
            put(self.ledger, receipt(one.outcome.gateway_id, "undelivered"))
        for one in taken[:going]:
            assert self.ledger.attempts.next(self.runs[0], one.message_id, WAY, NOW)

    def rows(self) -> dict[int, Any]:
        with self.ledger.reading() as connection:
            return {row.id: row for row in connection.execute(select(attempts).order_by(_a.id))}

    @rule(which=st.integers(0, 1), want=st.integers(0, 3), data=st.data())
    def exchange(self, which: int, want: int, data: st.DataObject) -> None:
        """Outcomes of some that are on their way, and a claim."""
        run = self.runs[which]
        self.now += 1
        mine = [id for id, of in self.flying.items() if of is run]
        settled = []
        for id in data.draw(st.lists(st.sampled_from(mine), unique=True)) if mine else ():
            state = data.draw(st.sampled_from(list(OUTCOMES)))
            outcome = OUTCOMES[state]
            if state is State.ACCEPTED:
                outcome = Outcome(outcome.verdict, gateway_id=f"SM{id}")
            settled.append(Settled(id, outcome, state, self.now if state is State.PLANNED else None))
            del self.flying[id]
        before = self.rows()
        for one in self.ledger.attempts.exchange(run, settled, want, self.now).claimed:
            id = one.message.id
            for earlier in all_attempts([id], attempt_number(id) - 1):
                row = before[earlier]
                assert row.followed_at is not None
                assert row.state in ("accepted", "rejected")
                assert row.delivery not in ("sent", *ARRIVED), (
                    "it was sent though an earlier attempt may arrive"
                )
            assert one.message.reference == run.reference(id % ROWS_PER_RUN)
            self.flying[id] = run

    @rule(data=st.data(), word=st.sampled_from(WORDS))
    def told(self, data: st.DataObject, word: str) -> None:
        """A receipt, in whatever order, of whichever attempt was handed over."""
        known = [id for id, row in self.rows().items() if row.state in ("accepted", "rejected", "unknown")]
        if known:
            self.now += 1
            id = data.draw(st.sampled_from(known))
            run = self.runs[0] if id // ROWS_PER_RUN == self.runs[0].number else self.runs[1]
            put(
                self.ledger,
                receipt(status=word, at=self.now, ref=run.reference(id % ROWS_PER_RUN)),
                now=self.now,
            )

    @rule(data=st.data())
    def next(self, data: st.DataObject) -> None:
        """Another way, where there is one."""
        rows = self.rows()
        if not rows:
            return
        id = data.draw(st.sampled_from(sorted(rows)))
        run = self.runs[0] if id // ROWS_PER_RUN == self.runs[0].number else self.runs[1]
        made = self.ledger.attempts.next(run, id, WAY, self.now)
        mine = [row for other, row in rows.items() if message_of(other) == message_of(id)]
        may_arrive = [
            row
            for row in mine
            if row.delivery in ("sent", *ARRIVED)
            or not (
                row.state == "rejected"
                or (row.state == "accepted" and row.delivery in list(map(str, NEGATIVE)))
            )
        ]
        assert (made is None) == bool(may_arrive)
        if made is not None:
            assert made.id == nth_attempt(id, len(mine) + 1)

    @invariant()
    def at_most_one_live(self) -> None:
        """By the rows themselves, not the index."""
        live = [
            (row.occasion, row.person)
            for row in self.rows().values()
            if row.claimed_at is not None and row.followed_at is None
        ]
        assert max(Counter(live).values(), default=1) == 1

    @invariant()
    def the_books_are_right(self) -> None:
        """Every message counts once, by its last attempt."""
        rows = self.rows()
        for run in self.runs:
            mine = {id: row for id, row in rows.items() if row.run == run.number}
            last = {message_of(id): row for id, row in mine.items()}
            totals = self.ledger.runs.totals(run)
            counted = Counter(row.state for row in last.values())
            assert {key: many for key, many in totals.by_state.items() if many and key != "planned"} == {
                key: many for key, many in counted.items() if key != "planned"
            }
            assert totals.rows == run.rows_read
            spent = sum(
                row.cost for row in mine.values() if row.state == "accepted" and row.currency == "EUR"
            )
            assert totals.states["accepted"].cost.get("EUR", 0) == spent if spent else True

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            assert self.ledger.check().findings == []
            self.ledger.close()
            self.folder.cleanup()


def test_a_person_never_has_two_live_attempts() -> None:
    """A few stories."""
    _run(15, 10)


@pytest.mark.slow
def test_a_person_never_has_two_live_attempts_however_long_it_goes_on() -> None:
    """Many, and longer."""
    _run(300, 40)


def _run(examples: int, steps: int) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        FallbackLaws,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
