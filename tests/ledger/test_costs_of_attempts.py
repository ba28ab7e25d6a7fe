"""Law: a gateway chosen at the claim may charge another price, in another currency, for another number of parts;
whatever is claimed, answered, put back and claimed again, all totals are those of the messages counted one by one."""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from ledgerkit import ACCEPTED, NOT_SENT, NOW, REJECTED, UNKNOWN, Make
from sqlalchemy import select

from a2pcli.ledger.attempt_ids import ROWS_PER_RUN
from a2pcli.ledger.choosing import Choice
from a2pcli.ledger.records import Claimed, Settled, StateTotals
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.tables import attempts, spending
from a2pcli.messages import Outcome, State

OUTCOMES: dict[State, Outcome] = {
    State.ACCEPTED: ACCEPTED,
    State.REJECTED: REJECTED,
    State.UNKNOWN: UNKNOWN,
    State.PLANNED: NOT_SENT,
}
COUNTRIES = ["GB", "FR", "DE"]
BUDGET = {"GBP": 10**15, "EUR": 10**15}


class Price(NamedTuple):
    """What a message costs. Without a price there is no currency either."""

    cost: int | None
    currency: str | None
    parts: int


PRICES = [
    Price(40, "GBP", 1),
    Price(70, "EUR", 1),
    Price(50, "EUR", 2),
    Price(45, "GBP", 1),
    Price(0, "EUR", 1),
    Price(None, None, 3),
]


_stories = count()


class Costs(RuleBasedStateMachine):
    """One run whose messages are planned for one gateway and may go by two others."""

    url: str | None = None

    @initialize(plan=st.lists(st.sampled_from(PRICES), min_size=1, max_size=6))
    def begin(self, plan: list[Price]) -> None:
        """A plan with a price for each message."""
        self.folder = tempfile.TemporaryDirectory()
        self.ledger = Ledger.open(self.url or str(Path(self.folder.name) / "ledger.db"))
        many = len(plan)
        columns: dict[str, Any] = {
            "cost": [one.cost for one in plan],
            "currency": [one.currency for one in plan],
            "parts": [one.parts for one in plan],
            "country": [COUNTRIES[place % len(COUNTRIES)] for place in range(many)],
        }
        # Of a server's ledger all stories are in one: each is a campaign of its own.
        self.run_ = Make(self.ledger).plan(many, columns=columns, campaign=f"story{next(_stories)}")
        self.planned = {self.run_.number * ROWS_PER_RUN + row: one for row, one in enumerate(plan, 1)}
        self.country = {id: columns["country"][place] for place, id in enumerate(self.planned)}
        self.states = dict.fromkeys(self.planned, State.PLANNED)
        self.now_of = dict(self.planned)
        self.gateway: dict[int, str] = {}
        self.now = NOW
        self.ledger.attempts.choose_by(self.run_, self.choose)
        self.ledger.attempts.keep_budget(self.run_, BUDGET)
        self.ledger.attempts.start(self.run_, NOW)
        self.is_decided = False
        self.data: st.DataObject

    def choose(self, claimed: Sequence[Claimed], rooms: Mapping[str, int]) -> list[Choice]:
        """Any gateway at any price, or none now."""
        return [self._choice() for _ in claimed]

    def _choice(self) -> Choice:
        gateway = self.data.draw(st.sampled_from(["outbox", "second", "third", None]))
        price = self.data.draw(st.sampled_from(PRICES))
        return Choice(gateway, price.cost, price.currency, price.parts, again_in=0.001)

    @rule(want=st.integers(0, 4), data=st.data())
    def exchange(self, want: int, data: st.DataObject) -> None:
        """Outcomes of some that are on their way, and a claim."""
        self.now, self.data = self.now + 10, data
        flying = [id for id, state in self.states.items() if state is State.SUBMITTING]
        settled = []
        for id in data.draw(st.lists(st.sampled_from(flying), unique=True)) if flying else ():
            state = data.draw(st.sampled_from(list(OUTCOMES)))
            settled.append(Settled(id, OUTCOMES[state], state, self.now if state is State.PLANNED else None))
            self._becomes(id, state)
        for one in self.ledger.attempts.exchange(self.run_, settled, want, self.now).claimed:
            message = one.message
            self._becomes(message.id, State.SUBMITTING)
            self.now_of[message.id] = Price(one.cost, one.currency, message.parts)
            self.gateway[message.id] = one.gateway or ""

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        """Some never left."""
        flying = [id for id, state in self.states.items() if state is State.SUBMITTING]
        if flying:
            some = data.draw(st.lists(st.sampled_from(flying), unique=True, min_size=1))
            self.ledger.attempts.release(self.run_, some)
            for id in some:
                self._becomes(id, State.PLANNED)

    @rule(data=st.data(), state=st.sampled_from([State.ACCEPTED, State.REJECTED, State.PLANNED]))
    def resolve(self, data: st.DataObject, state: State) -> None:
        """Somebody decides about what is unknown."""
        unknown = [id for id, now in self.states.items() if now is State.UNKNOWN]
        if unknown:
            some = data.draw(st.lists(st.sampled_from(unknown), unique=True, min_size=1))
            self.ledger.attempts.settle_unknown(self.run_, some, state, "looked up", self.now)
            self.is_decided = True
            for id in some:
                self._becomes(id, state)

    @rule()
    def retry(self) -> None:
        """What was refused is planned again."""
        self.ledger.attempts.plan_again(self.run_, [REJECTED.code or "", "-"], "again", self.now)
        for id, row in self.rows().items():
            if self.states[id] is State.REJECTED and row.state == State.PLANNED:
                self._becomes(id, State.PLANNED)

    def _becomes(self, id: int, state: State) -> None:
        self.states[id] = state
        if state is State.PLANNED:
            self.now_of[id] = self.planned[id]

    def rows(self) -> dict[int, Any]:
        with self.ledger.reading() as connection:
            chosen = attempts.c.run == self.run_.number
            return {row.id: row for row in connection.execute(select(attempts).where(chosen))}

    def expected(self, ids: Sequence[int]) -> dict[str, StateTotals]:
        """These messages, counted one by one."""
        sums: dict[str, list[Any]] = defaultdict(lambda: [0, 0, Counter(), 0])
        for id in ids:
            one, price = sums[str(self.states[id])], self.now_of[id]
            one[0] += 1
            one[1] += price.parts
            if price.cost is None:
                one[3] += 1
            else:
                one[2][price.currency] += price.cost
        return {state: StateTotals(one[0], one[1], dict(one[2]), one[3]) for state, one in sums.items()}

    @invariant()
    def the_totals_are_right(self) -> None:
        """By state, and by state and country."""
        totals = self.ledger.runs.totals(self.run_)
        assert dict(totals.states) == self.expected(list(self.planned))
        for country in set(self.country.values()):
            mine = [id for id, of in self.country.items() if of == country]
            assert dict(totals.countries[country]) == self.expected(mine)

    @invariant()
    def the_rows_add_up_to_the_totals(self) -> None:
        """What a person reads of each message."""
        found = {
            row["id"]: Price(row["cost"], row["currency"], row["parts"])
            for chunk in self.ledger.messages.rows(self.run_)
            for row in chunk
        }
        assert found == self.now_of

    @invariant()
    def the_gateway_stays_with_what_it_has(self) -> None:
        """Also where nobody knows whether it has it."""
        has = [State.SUBMITTING, State.ACCEPTED, State.UNKNOWN, State.REJECTED]
        for id, row in self.rows().items():
            if self.states[id] in has:
                assert (row.gateway or "outbox") == self.gateway[id]

    @invariant()
    def the_budget_is_compared_with_what_was_spent(self) -> None:
        """Of all that left or may have."""
        spent = Counter[str]()
        for id, state in self.states.items():
            price = self.now_of[id]
            if state in (State.SUBMITTING, State.ACCEPTED, State.UNKNOWN) and price.currency:
                spent[price.currency] += price.cost or 0
        with self.ledger.reading() as connection:
            rows = connection.execute(select(spending).where(spending.c.run == self.run_.number)).all()
        counted = {row.currency: row.amount for row in rows}
        if not self.is_decided:  # a sender that starts after a decision counts anew
            assert counted == {name: spent[name] for name in BUDGET}

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            assert self.ledger.check().findings == []
            self.ledger.close()
            self.folder.cleanup()


def test_the_totals_are_those_of_the_messages_whatever_gateway_takes_them_at_whatever_price() -> None:
    """A few stories."""
    _tell(Costs, 10, 10)


def test_the_totals_are_right_on_a_server_too(postgres_url: str) -> None:
    """Fewer stories: each transaction is a journey."""

    class OnServer(Costs):
        url = postgres_url

    _tell(OnServer, 4, 10)


@pytest.mark.slow
def test_the_totals_are_those_of_the_messages_however_long_it_goes_on() -> None:
    """Many, and longer."""
    _tell(Costs, 400, 40)


def _tell(machine: type[Costs], examples: int, steps: int) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
