"""Several senders of one run on PostgreSQL: each has chunks of the plan, and one that is gone leaves its own alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledgerkit import ACCEPTED, NOT_SENT, NOW, REJECTED, accepted
from sqlalchemy import text

from a2pcli.errors import RunBusy, SenderLost
from a2pcli.ledger import holds
from a2pcli.ledger.holds import Hold
from a2pcli.ledger.lock import live_sender, may_be_joined, sender_lock
from a2pcli.ledger.records import NewRun, PlannedRows, Run, Settled
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Outcome, State

CHUNK = 10


class Sender:
    """One of several senders: a ledger of its own, as in a process of its own."""

    def __init__(self, url: str, run: Run, budget: dict[str, int] | None = None, now: int = NOW) -> None:
        self.run = run
        self.open: set[int] = set()
        self._stack = ExitStack()
        self.ledger = self._stack.enter_context(Ledger.open(url))
        try:
            self.hold: Hold = self._stack.enter_context(sender_lock(self.ledger, run, shared=True))
            if budget:
                self.ledger.attempts.keep_budget(run, budget)
            self.ledger.attempts.start(run, now)
        except BaseException:
            self._stack.close()
            raise

    def claim(self, want: int = 5, now: int = NOW) -> list[int]:
        ids = [one.message.id for one in self.ledger.attempts.exchange(self.run, [], want, now).claimed]
        self.open.update(ids)
        return ids

    def settle(self, ids: list[int], outcome: Outcome = ACCEPTED, state: State = State.ACCEPTED) -> None:
        due = NOW if state is State.PLANNED else None
        self.ledger.attempts.exchange(self.run, [Settled(id, outcome, state, due) for id in ids], 0, NOW)
        self.open.difference_update(ids)

    def die(self) -> None:
        """As if its process had been killed: from here on everybody can see that it has ended."""
        holds.forget(self.hold)

    def leave(self, state: str = "paused") -> tuple[str, bool]:
        told = self.ledger.attempts.end(self.run, state, None, NOW)
        self._stack.close()
        return told

    def close(self) -> None:
        self._stack.close()


Start = Callable[..., Sender]


@pytest.fixture
def ledger(postgres_url: str) -> Iterator[Ledger]:
    with Ledger.open(postgres_url) as opened:
        yield opened


@pytest.fixture
def start(postgres_url: str) -> Iterator[Start]:
    made: list[Sender] = []

    def begin(run: Run, **more: object) -> Sender:
        made.append(Sender(postgres_url, run, **more))  # type: ignore[arg-type]
        return made[-1]

    yield begin
    for one in made:
        one.close()


def chunked(ledger: Ledger, chunks: int = 3, campaign: str = "shared") -> Run:
    occasion = ledger.plans.occasion(campaign, "once")
    run = ledger.plans.begin(NewRun(campaign, occasion, "outbox"))
    for number in range(chunks):
        people = range(number * CHUNK, (number + 1) * CHUNK)
        rows = [one + 1 for one in people]
        ledger.plans.add_rows(run, PlannedRows(accepted(list(people), row=rows, line=rows)))
    return ledger.plans.finish(run, digest="d" * 64, rows_read=chunks * CHUNK, summary={})


def chunk_of(id: int) -> int:
    return (id % 2**32 - 1) // CHUNK


def _holders(ledger: Ledger, run: Run) -> list[holds.Holder]:
    with ledger.reading() as connection:
        return holds.holders_of(connection, run)


def states(ledger: Ledger, run: Run) -> dict[str, int]:
    return {state: many for state, many in ledger.runs.totals(run).by_state.items() if many}


def test_each_sender_claims_from_chunks_of_its_own(ledger: Ledger, start: Start) -> None:
    run = chunked(ledger)
    first, second = start(run), start(run)
    claimed = {first: set[int](), second: set[int]()}
    for _ in range(4):
        for sender in (first, second):
            claimed[sender].update(sender.claim())
    assert len(claimed[first] | claimed[second]) == len(claimed[first]) + len(claimed[second]) == 30
    assert not {chunk_of(id) for id in claimed[first]} & {chunk_of(id) for id in claimed[second]}


def test_who_comes_when_all_that_is_left_is_with_others_is_told_who_has_it(
    ledger: Ledger, start: Start
) -> None:
    run = chunked(ledger, chunks=2)
    first, second = start(run), start(run)
    with pytest.raises(
        RunBusy, match=r"2 other processes are sending all remaining messages of run .* \(process "
    ):
        start(run)
    assert str(live_sender(ledger, run)).count("process ") == 2
    assert may_be_joined(ledger, run) == live_sender(ledger, run)
    second.leave()
    third = start(run)
    assert {chunk_of(id) for id in third.claim()} == {1}
    assert {chunk_of(id) for id in first.claim()} == {0}


def test_only_the_claims_of_a_sender_that_is_gone_become_unknown(ledger: Ledger, start: Start) -> None:
    run = chunked(ledger)
    first, second = start(run), start(run)
    mine, lost = first.claim(), second.claim()
    second.die()
    third = start(run)
    assert states(ledger, run) == {"submitting": 5, "unknown": 5, "planned": 20}
    with pytest.raises(SenderLost):
        second.ledger.attempts.exchange(run, [], 5, NOW)
    again = {id for _ in range(6) for id in (*first.claim(), *third.claim())}
    assert len(again) == 20
    assert not again & {*mine, *lost}


def test_a_sender_that_is_at_work_takes_over_from_one_that_is_gone(ledger: Ledger, start: Start) -> None:
    run = chunked(ledger, chunks=2)
    first, second = start(run), start(run)
    lost = second.claim()
    mine = [*first.claim(), *first.claim()]
    assert first.claim() == []
    second.die()
    first.ledger.attempts._progress[run.number].leases_from = 0.0
    assert sorted(first.claim(10)) == list(range(lost[-1] + 1, lost[-1] + 6))
    first.settle([*mine, *first.open])
    assert states(ledger, run) == {"accepted": 15, "unknown": 5}


def test_a_command_that_is_refused_the_run_leaves_the_claims_of_a_gone_sender_as_they_are(
    ledger: Ledger, start: Start
) -> None:
    run = chunked(ledger, chunks=2)
    first, second = start(run), start(run)
    lost, mine = first.claim(), second.claim(10)
    first.die()
    with pytest.raises(RunBusy), sender_lock(ledger, run):
        pass
    assert {holder.token for holder in _holders(ledger, run)} == {first.hold.token, second.hold.token}
    second.settle(mine)
    second.ledger.attempts._progress[run.number].leases_from = 0.0
    assert sorted(second.claim(10)) == list(range(lost[-1] + 1, lost[-1] + 6))
    assert states(ledger, run) == {"accepted": 10, "unknown": 5, "submitting": 5}


@pytest.mark.parametrize("joins", [True, False], ids=["who joins", "who is at work"])
def test_a_chunk_whose_sender_is_not_in_the_ledger_is_taken_over(
    ledger: Ledger, start: Start, joins: bool
) -> None:
    """As earlier versions could leave it."""
    run = chunked(ledger, chunks=2)
    first, second = start(run), start(run)
    mine, lost = first.claim(10), second.claim()
    second.die()
    with ledger.engine.begin() as connection:
        connection.execute(text(f"DELETE FROM senders WHERE token = {second.hold.token}"))
    first.settle(mine)
    sender = start(run) if joins else first
    sender.ledger.attempts._progress[run.number].leases_from = 0.0
    assert sorted(sender.claim(10)) == list(range(lost[-1] + 1, lost[-1] + 6))
    assert states(ledger, run) == {"accepted": 10, "unknown": 5, "submitting": 5}


def test_what_waits_for_another_try_stays_with_the_sender_of_its_chunk(ledger: Ledger, start: Start) -> None:
    run = chunked(ledger, chunks=2)
    first, second = start(run), start(run)
    later = first.claim(10)
    first.settle(later, NOT_SENT, State.PLANNED)
    assert len(second.claim(10)) == 10
    assert second.claim(10) == []
    assert sorted(first.claim(10)) == later
    first.settle(later, NOT_SENT, State.PLANNED)
    first.leave()
    second.ledger.attempts._progress[run.number].leases_from = 0.0
    assert sorted(second.claim(10)) == later


def test_what_changes_a_run_as_a_whole_waits_until_none_of_its_senders_is_at_work(
    ledger: Ledger, start: Start
) -> None:
    run = chunked(ledger)
    first, second = start(run), start(run)
    first.leave()
    with pytest.raises(RunBusy), sender_lock(ledger, run):
        pass
    with pytest.raises(RunBusy):
        ledger.attempts.settle_unknown(run, None, State.PLANNED, "not sent")
    second.leave()
    with sender_lock(ledger, run):
        assert may_be_joined(ledger, run) is None


def test_a_run_is_sending_while_one_of_its_senders_is_and_the_last_one_says_how_it_ended(
    ledger: Ledger, start: Start
) -> None:
    run = chunked(ledger)
    first, second = start(run), start(run)
    who, said = first.leave()
    assert who.startswith("process ")
    assert not said
    assert ledger.runs.get(run.id).state == "sending"
    assert second.leave() == ("", True)
    assert ledger.runs.get(run.id).state == "paused"
    third, fourth = start(run), start(run)
    for sender in (third, fourth) * 5:
        sender.settle(sender.claim())
    assert third.leave("finished") == ("", True)
    assert fourth.leave("finished") == ("", False)
    assert (ledger.runs.get(run.id).state, states(ledger, run)) == ("finished", {"accepted": 30})


def test_a_sender_waits_while_others_have_the_rest_and_no_longer(ledger: Ledger, start: Start) -> None:
    run = chunked(ledger, chunks=2)
    first, second = start(run), start(run)
    for _ in range(2):
        first.settle(first.claim())
    told = first.ledger.attempts.exchange(run, [], 5, NOW)
    assert (told.elsewhere, told.pause > 0, told.next_due) == (True, True, None)
    second.settle(second.claim(10))
    first.ledger.attempts._progress[run.number].leases_from = 0.0
    told = first.ledger.attempts.exchange(run, [], 5, NOW)
    assert (told.elsewhere, told.left, told.next_due) == (False, 0, None)


EACH = 40_000_000


def test_all_senders_of_a_run_keep_one_budget(ledger: Ledger, start: Start) -> None:
    run = chunked(ledger)
    budget = {"GBP": 12 * EACH}
    first, second = start(run, budget=budget), start(run)
    mine, theirs = first.claim(), second.claim()
    assert len(mine) == len(theirs) == 5
    told = first.ledger.attempts.exchange(run, [], 5, NOW)
    assert (len(told.claimed), told.short_of) == (2, "GBP")
    second.settle(theirs[:3], REJECTED, State.REJECTED)
    assert len(first.claim(5)) == 3
    second.die()
    third = start(run, budget=budget)  # what the gone one had may have been paid
    assert third.claim() == []
    assert states(ledger, run) == {"submitting": 10, "rejected": 3, "unknown": 2, "planned": 15}


def test_a_budget_is_counted_anew_once_nobody_sends(ledger: Ledger, start: Start) -> None:
    run = chunked(ledger, chunks=1)
    first = start(run, budget={"GBP": 5 * EACH})
    first.settle(first.claim(10))
    assert states(ledger, run) == {"accepted": 5, "planned": 5}
    first.leave()
    second = start(run, budget={"GBP": 6 * EACH})
    assert len(second.claim(10)) == 1


def test_an_opt_out_holds_in_every_senders_next_claim(ledger: Ledger, start: Start) -> None:
    run = chunked(ledger, chunks=2)
    first, second = start(run), start(run)
    for person in (0, CHUNK):
        ledger.optouts.add(f"+4477009{person:05d}", source="test", now=NOW)
    assert len(first.claim(10)) == len(second.claim(10)) == 9


class Law:
    """Three places for senders; one that is empty gets a new sender when it is used."""

    def __init__(self, url: str, run: Run) -> None:
        self.url, self.run = url, run
        self.places: list[Sender | None] = [None, None, None]
        self.gone: list[Sender] = []
        self.handed: set[int] = set()
        self.doubtful: set[int] = set()

    def step(self, place: int, what: str) -> None:
        sender = self.places[place]
        if sender is not None:
            sender.ledger.attempts._progress[self.run.number].leases_from = 0.0
            getattr(self, what)(sender)
            return
        try:
            self.places[place] = Sender(self.url, self.run)
        except RunBusy:
            assert any(self.places)

    def claim(self, sender: Sender, want: int = 4) -> None:
        ids = set(sender.claim(want))
        assert not self.handed & ids
        self.handed |= ids

    def accept(self, sender: Sender) -> None:
        sender.settle(sorted(sender.open)[:3])

    def put_back(self, sender: Sender) -> None:
        some = sorted(sender.open)[:3]
        sender.settle(some, NOT_SENT, State.PLANNED)
        self.handed.difference_update(some)

    def release(self, sender: Sender) -> None:
        some = sorted(sender.open)[:3]
        sender.ledger.attempts.release(self.run, some)
        sender.open.difference_update(some)
        self.handed.difference_update(some)

    def die(self, sender: Sender) -> None:
        sender.die()
        self.doubtful |= sender.open
        self.gone.append(sender)
        self.places[self.places.index(sender)] = None

    def leave(self, sender: Sender) -> None:
        sender.settle(sorted(sender.open))
        sender.leave()
        self.places[self.places.index(sender)] = None

    def finish(self) -> None:
        """All leave, and one more sends the rest."""
        for sender in list(filter(None, self.places)):
            self.leave(sender)
        last = Sender(self.url, self.run)
        for _ in range(6):
            last.ledger.attempts._progress[self.run.number].leases_from = 0.0
            self.claim(last, 10)
            last.settle(sorted(last.open))
        assert last.leave("finished") == ("", True)
        for one in self.gone:
            one.close()


STEPS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from(["claim", "claim", "accept", "put_back", "release", "die", "leave"]),
    ),
    min_size=10,
    max_size=30,
)


@settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(STEPS)
def test_whatever_senders_do_and_whenever_they_die_nobody_is_claimed_twice(
    postgres_url: str, ledger: Ledger, steps: list[tuple[int, str]]
) -> None:
    with ledger.engine.begin() as connection:
        connection.execute(text("DELETE FROM attempts"))
    run = chunked(ledger, campaign=f"law-{len(ledger.runs.all())}")
    law = Law(postgres_url, run)
    for place, what in steps:
        law.step(place, what)
    law.finish()
    unknown = {row["id"] for rows in ledger.messages.rows(run, states=[State.UNKNOWN]) for row in rows}
    assert unknown == law.doubtful
    assert states(ledger, run).get("accepted", 0) == 30 - len(unknown)
