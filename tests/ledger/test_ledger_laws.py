"""Laws: whatever happens in whatever order, no row is lost and nobody is claimed twice."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from ledgerkit import ACCEPTED, NOT_SENT, NOW, REJECTED, UNKNOWN, Make, number

from a2pcli.ledger.records import Run, Settled
from a2pcli.ledger.store import Ledger
from a2pcli.messages import CLAIMED_STATES, Outcome, State

OUTCOMES: dict[State, Outcome] = {
    State.ACCEPTED: ACCEPTED,
    State.REJECTED: REJECTED,
    State.UNKNOWN: UNKNOWN,
    State.PLANNED: NOT_SENT,
}


class LedgerLaws(RuleBasedStateMachine):
    """A model of two runs of one occasion beside the ledger itself; the two must agree after every step."""

    @initialize(
        first=st.lists(st.integers(0, 9), min_size=1, max_size=10),
        second=st.lists(st.integers(0, 9), max_size=6),
        waiting=st.integers(0, 3),
    )
    def begin(self, first: list[int], second: list[int], waiting: int) -> None:
        """Two plans, with people who stand in both, and twice in one; the first rows wait for an hour."""
        self.folder = tempfile.TemporaryDirectory()
        self.path = str(Path(self.folder.name) / "ledger.db")
        self.ledger = Ledger.open(self.path)
        make = Make(self.ledger)
        self.runs: list[Run] = []
        self.state: dict[int, State] = {}
        self.attempts: dict[int, int] = {}
        self.due: dict[int, int] = {}
        self.person: dict[int, int] = {}
        self.suppressed: set[int] = set()
        self.tried: set[int] = set()
        self.now = NOW
        for people in (first, second):
            run = make.plan(people)
            self.ledger.attempts.start(run, NOW)
            self.runs.append(run)
            for row, person in enumerate(people, start=1):
                id = run.number * 2**32 + row
                self.state[id], self.attempts[id], self.person[id] = State.PLANNED, 0, person
            found = self.ledger.attempts.exchange(run, [], min(waiting, len(people)), NOW)
            self.follow(run, found.claimed, found.skipped)
            back = [Settled(one.message.id, NOT_SENT, State.PLANNED, NOW + 3) for one in found.claimed]
            self.ledger.attempts.exchange(run, back, 0, NOW)
            for one in back:
                id = one.message_id
                self.state[id], self.due[id] = State.PLANNED, NOW + 3
                self.tried.add(id)

    def of(self, run: Run, state: State) -> list[int]:
        return [id for id, now in self.state.items() if now is state and id // 2**32 == run.number]

    @rule(which=st.integers(0, 1), want=st.integers(0, 6), step=st.integers(0, 2), data=st.data())
    def exchange(self, which: int, want: int, step: int, data: st.DataObject) -> None:
        """Outcomes for some of what is on its way, and a claim."""
        run = self.runs[which]
        self.now += step
        ids = self.of(run, State.SUBMITTING)
        chosen = data.draw(st.lists(st.sampled_from(ids), unique=True)) if ids else []
        settled = []
        for id in chosen:
            state = data.draw(st.sampled_from(list(OUTCOMES)))
            due_at = data.draw(st.sampled_from([None, self.now + 1])) if state is State.PLANNED else None
            settled.append(Settled(id, OUTCOMES[state], state, due_at))
            self.state[id] = state
            if state is State.PLANNED:
                self.due[id] = self.now if due_at is None else due_at
                self.tried.add(id)
        found = self.ledger.attempts.exchange(run, settled, want, self.now)
        assert len(found.claimed) <= want
        self.follow(run, found.claimed, found.skipped)
        assert found.left == len(self.of(run, State.PLANNED))
        if len(found.claimed) < want:
            waiting = [self.due[id] for id in self.of(run, State.PLANNED)]
            assert found.next_due == (min(waiting) if waiting else None)
            assert all(due > self.now for due in waiting)  # whatever was due, and free, was claimed

    def follow(self, run: Run, claimed: list[object], skipped: int) -> None:
        """Move the model as the claim moved the ledger, checking that each move was allowed."""
        for one in claimed:
            id = one.message.id  # type: ignore[attr-defined]
            assert self.state[id] is State.PLANNED
            assert self.due.get(id, 0) <= self.now
            assert self.person[id] not in self.suppressed
            self.state[id] = State.SUBMITTING
            self.attempts[id] += 1
            self.due.pop(id, None)
            self.tried.discard(id)
            assert one.attempts == self.attempts[id]  # type: ignore[attr-defined]
        now_skipped = [
            row["id"] for chunk in self.ledger.messages.rows(run, states=["skipped"]) for row in chunk
        ]
        news = [id for id in now_skipped if self.state[id] is not State.SKIPPED]
        assert len(news) == skipped
        for id in news:
            assert self.state[id] is State.PLANNED
            assert self.person[id] in self.suppressed or self.person[id] in self.taken()
            self.state[id] = State.SKIPPED
            self.due.pop(id, None)

    def taken(self) -> list[int]:
        return [self.person[id] for id, state in self.state.items() if state in CLAIMED_STATES]

    @rule(which=st.integers(0, 1), data=st.data())
    def release(self, which: int, data: st.DataObject) -> None:
        """The sender stops before it handed some over."""
        ids = self.of(self.runs[which], State.SUBMITTING)
        if ids:
            chosen = data.draw(st.lists(st.sampled_from(ids), unique=True))
            self.ledger.attempts.release(self.runs[which], chosen)
            for id in chosen:
                self.state[id] = State.PLANNED
                self.attempts[id] -= 1
                self.due[id] = 0

    @rule()
    def crash(self) -> None:
        """The process ends; a new one goes on with both runs."""
        self.ledger.close()
        self.ledger = Ledger.open(self.path)
        for run in self.runs:
            lost = self.of(run, State.SUBMITTING)
            assert self.ledger.attempts.start(run, self.now) == len(lost)
            for id in lost:
                self.state[id] = State.UNKNOWN
            for id in self.of(run, State.PLANNED):
                if id in self.due and id in self.tried:  # an earlier sender's backoff is over
                    self.due[id] = self.now - 1000 + self.attempts[id]

    @rule(which=st.integers(0, 1), state=st.sampled_from([State.PLANNED, State.ACCEPTED, State.REJECTED]))
    def reconcile(self, which: int, state: State) -> None:
        """Somebody decides about the unknown."""
        ids = self.of(self.runs[which], State.UNKNOWN)
        assert self.ledger.attempts.settle_unknown(self.runs[which], ids, state, "decided", self.now) == len(
            ids
        )
        for id in ids:
            self.state[id] = state
            if state is State.PLANNED:
                self.due[id] = self.now
                self.tried.add(id)

    @rule(person=st.integers(0, 9))
    def opt_out(self, person: int) -> None:
        assert self.ledger.optouts.add(number(person), source="test") == (person not in self.suppressed)
        self.suppressed.add(person)

    @rule(person=st.integers(0, 9))
    def opt_in(self, person: int) -> None:
        assert self.ledger.optouts.lift(number(person), by="test") == (person in self.suppressed)
        self.suppressed.discard(person)

    @invariant()
    def the_ledger_agrees(self) -> None:
        if not hasattr(self, "ledger"):
            return
        rows = [
            row for run in self.runs for chunk in self.ledger.messages.rows(run, chunk=3) for row in chunk
        ]
        assert {row["id"]: row["state"] for row in rows} == {id: str(s) for id, s in self.state.items()}
        assert {row["id"]: row["attempts"] for row in rows} == self.attempts

    @invariant()
    def nobody_is_taken_twice(self) -> None:
        if hasattr(self, "ledger"):
            taken = self.taken()
            assert len(taken) == len(set(taken))
            assert self.ledger.messages.reached(self.runs[0].occasion).tolist() == sorted(taken)

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.ledger.close()
            self.folder.cleanup()


_CALM = [HealthCheck.too_slow, HealthCheck.data_too_large]


class LedgerLawsAtLength(LedgerLaws):
    """The same, many times."""


TestLedgerLaws = LedgerLaws.TestCase
TestLedgerLaws.settings = settings(
    max_examples=9, stateful_step_count=20, deadline=None, suppress_health_check=_CALM
)
TestLedgerLawsAtLength = pytest.mark.slow(LedgerLawsAtLength.TestCase)
TestLedgerLawsAtLength.settings = settings(
    max_examples=400, stateful_step_count=50, deadline=None, suppress_health_check=_CALM
)
