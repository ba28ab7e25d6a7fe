"""Receipts in the ledger: whose they are, what they change, and that order, copies and arrival change nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledgerkit import NOT_SENT, NOW, REJECTED, UNKNOWN, Make, claim, number, row_of, settle, states
from sqlalchemy import func, select

from a2pcli.config.retention import Retention
from a2pcli.contacts.receipt_file import Receipt
from a2pcli.delivery import Delivery, Report, delivery_of
from a2pcli.ledger import counting
from a2pcli.ledger.erasure import Person
from a2pcli.ledger.lock import sender_lock
from a2pcli.ledger.receipts import Taken
from a2pcli.ledger.records import Run, RunState, Settled
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.tables import ROWS_PER_RUN, receipts
from a2pcli.messages import Outcome, State, Verdict

DAY = 86_400_000


def receipt(
    id: str | None = None, status: str = "delivered", at: int | None = NOW, *, ref: str | None = None,
    code: str | None = None,
) -> Receipt:  # fmt: skip
    """A receipt; a status that is no ``Delivery`` is one that nobody knows."""
    known = Delivery(status) if status in list(Delivery) else None
    return Receipt(2, id, ref, status, known, code, at)


def put(ledger: Ledger, *found: Receipt, gateway: str = "", now: int = NOW) -> Taken:
    """Import them as one file."""
    before = ledger.receipts.newest()
    done = ledger.receipts.add(found, gateway, "test", now)
    ledger.receipts.match_again(before, now)
    ledger.receipts.keep_totals()
    return done


def sent(ledger: Ledger, make: Make, people: int = 3, **values: Any) -> tuple[Run, list[int]]:
    """A run of which all are accepted under ``SM<row>``, and ended."""
    run = make.plan(people, **values)
    with sender_lock(ledger, run):
        ledger.attempts.start(run, NOW)
        ids = claim(ledger, run)
        accepted = [Outcome(Verdict.ACCEPTED, gateway_id=f"SM{id % ROWS_PER_RUN}") for id in ids]
        ledger.attempts.exchange(
            run, [Settled(id, one, State.ACCEPTED) for id, one in zip(ids, accepted, strict=True)], 0, NOW
        )
        ledger.runs.set_state(run, RunState.FINISHED, None, NOW)
    return ledger.runs.get(run.id), ids


def ended(ledger: Ledger, make: Make, outcome: Outcome, **values: Any) -> tuple[Run, int]:
    """A run of one person with this outcome, and ended."""
    run = make.plan(1, **values)
    with sender_lock(ledger, run):
        ledger.attempts.start(run, NOW)
        (id,) = claim(ledger, run)
        settle(ledger, run, [id], outcome, NOW + DAY if outcome is NOT_SENT else None)
        ledger.runs.set_state(run, RunState.PAUSED, None, NOW)
    return ledger.runs.get(run.id), id


def delivery(ledger: Ledger, run: Run, id: int) -> tuple[Any, ...]:
    row = row_of(ledger, run, id)
    return row["delivery"], row["delivered_at"], row["delivery_code"]


def inbox(ledger: Ledger) -> int:
    with ledger.engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(receipts)).scalar_one())


def test_a_receipt_finds_its_message_by_the_gateways_id_or_by_our_reference(
    ledger: Ledger, make: Make
) -> None:
    run, ids = sent(ledger, make)
    done = put(ledger, receipt("SM1"), receipt(None, "undelivered", ref=run.reference(2), code="30003"))
    assert (done.new, done.unmatched) == (2, 0)
    assert [delivery(ledger, run, id) for id in ids] == [
        ("delivered", NOW, None), ("undelivered", NOW, "30003"), (None, None, None),
    ]  # fmt: skip


def test_an_id_that_messages_of_two_gateways_have_counts_with_the_gateways_name_only(
    ledger: Ledger, make: Make
) -> None:
    first, (one, *_) = sent(ledger, make)
    occasion = ledger.plans.occasion("other", "once")
    from ledgerkit import accepted

    from a2pcli.ledger.records import NewRun, PlannedRows  # a run through another gateway

    second = ledger.plans.begin(NewRun("other", occasion, "twilio"))
    ledger.plans.add_rows(second, PlannedRows(accepted([7]), None))
    second = ledger.plans.finish(second, digest="d" * 64, rows_read=1, summary={})
    with sender_lock(ledger, second):
        ledger.attempts.start(second, NOW)
        (two,) = claim(ledger, second)
        settle(ledger, second, [two], Outcome(Verdict.ACCEPTED, gateway_id="SM1"))
    assert put(ledger, receipt("SM1")).unmatched == 1
    assert put(ledger, receipt("SM1"), gateway="twilio").unmatched == 0
    assert delivery(ledger, second, two)[0] == "delivered"
    assert delivery(ledger, first, one)[0] is None


def test_a_receipt_that_is_here_before_its_message_is_matched_by_a_later_import(
    ledger: Ledger, make: Make
) -> None:
    assert put(ledger, receipt("SM1"), receipt("nobody")).unmatched == 2
    run, ids = sent(ledger, make)
    assert delivery(ledger, run, ids[0])[0] is None
    put(ledger)
    assert delivery(ledger, run, ids[0])[0] == "delivered"
    assert put(ledger, receipt("nobody")) == Taken(0, 1, 1)


def test_a_status_that_nobody_knows_is_kept_and_changes_nothing(ledger: Ledger, make: Make) -> None:
    run, ids = sent(ledger, make)
    lost, id = ended(ledger, make, UNKNOWN, campaign="lost")
    done = put(ledger, receipt("SM1", "on its way"), receipt(None, "who knows", ref=lost.reference(1)))
    assert (done.new, done.unmatched) == (2, 0)
    assert inbox(ledger) == 2
    assert delivery(ledger, run, ids[0]) == (None, None, None)
    assert row_of(ledger, lost, id)["state"] == "unknown"


@pytest.mark.parametrize("status", ["accepted", "sent", "delivered", "undelivered", "expired"])
def test_a_receipt_shows_that_the_gateway_took_an_unknown_message(
    ledger: Ledger, make: Make, status: str
) -> None:
    run, id = ended(ledger, make, UNKNOWN)
    done = put(ledger, receipt("SM9", status, ref=run.reference(1)))
    assert done.accepted == 1
    row = row_of(ledger, run, id)
    assert (row["state"], row["gateway_id"]) == ("accepted", "SM9")
    assert ledger.runs.totals(run).by_state == {"accepted": 1}
    assert ledger.messages.history(number(0))[0].events[-1].kind == "reconciled"


@pytest.mark.parametrize("outcome", [NOT_SENT, REJECTED], ids=["to be tried again", "rejected"])
@pytest.mark.parametrize(
    ("status", "state"),
    [("delivered", "accepted"), ("sent", "accepted"), ("failed", None), ("accepted", None)],
)
def test_a_message_that_arrived_after_all_is_not_sent_again(
    ledger: Ledger, make: Make, outcome: Outcome, status: str, state: str | None
) -> None:
    run, id = ended(ledger, make, outcome, purpose="marketing")
    before = row_of(ledger, run, id)["state"]
    put(ledger, receipt(None, status, ref=run.reference(1)))
    assert row_of(ledger, run, id)["state"] == (state or before)
    if state:
        with sender_lock(ledger, run):
            ledger.attempts.start(run, NOW + 2 * DAY)
            found = ledger.attempts.exchange(run, [], 10, NOW + 2 * DAY)
        assert (found.claimed, found.left) == ([], 0)
        assert len(ledger.messages.contacts_of(number(0), 0, NOW + 9 * DAY)) == 1


def test_a_sender_at_work_is_told_of_a_message_that_arrived_after_all(ledger: Ledger, make: Make) -> None:
    run = make.plan(2)
    with sender_lock(ledger, run):
        ledger.attempts.start(run, NOW)
        first, second = claim(ledger, run)
        settle(ledger, run, [first, second], NOT_SENT, NOW + 1_000)
        with Ledger.open(ledger.url.render_as_string(hide_password=False)) as other:
            put(other, receipt(None, "delivered", ref=run.reference(1)))
        assert claim(ledger, run, now=NOW + 2_000) == [second]


def test_what_was_never_handed_over_takes_no_receipt(ledger: Ledger, make: Make) -> None:
    run = make.plan(2)
    done = put(ledger, receipt(None, "delivered", ref=run.reference(1)), receipt(None, ref="r2222222-000001"))
    assert done.unmatched == 2
    assert states(ledger, run) == {"planned": 2}


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["accepted", "sent", "delivered", "undelivered", "failed", "expired", "read", "?"]),
        st.sampled_from([None, NOW, NOW + 1]),
        st.sampled_from([None, "30003"]),
    ),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ledger, Iterator[int]]]:
    """A ledger for many examples; each takes a campaign of its own."""
    with Ledger.open(str(tmp_path_factory.mktemp("many") / "ledger.db")) as opened:
        yield opened, iter(range(1_000_000))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(found=STEPS, data=st.data())
def test_every_order_of_arrival_ends_in_the_documented_state(
    kept: tuple[Ledger, Iterator[int]],
    found: Sequence[tuple[str, int | None, str | None]],
    data: st.DataObject,
) -> None:
    """Each order is a run of its own; receipts come one by one, twice, before the answer and after it."""
    ledger, names = kept
    orders = list(permutations(range(len(found))))
    name = next(names)
    run = Make(ledger).plan(len(orders), campaign=f"orders-{name}")
    early = data.draw(st.integers(0, len(found)))
    again = data.draw(st.lists(st.sampled_from(range(len(found))), max_size=2))

    def step(place: int) -> None:
        """The receipt that is at this place of each order."""
        put(ledger, *(of(row, order[place]) for row, order in enumerate(orders, 1)))

    def of(row: int, which: int) -> Receipt:
        status, at, code = found[which]
        return receipt(f"SM-{name}-{row}", status, at, code=code)

    for place in range(early):
        step(place)
    with sender_lock(ledger, run):
        ledger.attempts.start(run, NOW)
        ids = claim(ledger, run)
        answers = [Outcome(Verdict.ACCEPTED, gateway_id=f"SM-{name}-{id % ROWS_PER_RUN}") for id in ids]
        ledger.attempts.exchange(
            run, [Settled(id, one, State.ACCEPTED) for id, one in zip(ids, answers, strict=True)], 0, NOW
        )
        ledger.runs.set_state(run, RunState.FINISHED, None, NOW)
    for place in [*range(early, len(found)), *again]:
        step(place)
    put(ledger)
    reports = [Report(Delivery(s), at, code) for s, at, code in found if s in list(Delivery)]
    expected = delivery_of(reports, read_receipts=False)
    wanted = (str(expected.delivery), expected.at, expected.code) if expected else (None, None, None)
    rows = [row for chunk in ledger.messages.rows(run) for row in chunk]
    assert {(row["delivery"], row["delivered_at"], row["delivery_code"]) for row in rows} == {wanted}
    with ledger.engine.connect() as connection:
        assert ledger.runs.totals(run) == counting.count(connection, run)
    assert sum(one.messages for one in ledger.runs.totals(run).deliveries) == (len(orders) if expected else 0)


def test_receipts_do_not_make_a_run_be_counted_again(
    ledger: Ledger, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, ids = sent(ledger, make, 5, columns={"variant": ["a", "b", "a", "b", "a"]})
    with monkeypatch.context() as patch:
        patch.setattr(counting, "count", lambda *_: pytest.fail("the run was counted again"))
        put(ledger, receipt("SM1", "sent"), receipt("SM2"), receipt("SM3", "failed", code="30003"))
        put(ledger, receipt("SM1", "delivered"), receipt("SM3", "delivered"))
        found = ledger.runs.totals(run)
    assert [tuple(one) for one in found.deliveries] == [
        ("delivered", None, "a", 2),
        ("delivered", None, "b", 1),
    ]
    with ledger.engine.connect() as connection:
        assert counting.count(connection, run) == found
    assert len(ids) == 5


def test_an_erased_persons_receipts_go_and_do_not_come_back(
    ledger: Ledger, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A2PCLI_ERASURE_KEY", "ab" * 32)
    run, ids = sent(ledger, make)
    put(ledger, receipt("SM1", ref=run.reference(1)), receipt("SM2"))
    mine = Person(number(0))
    (message,) = ledger.people.export(mine)["messages"]
    assert [one["gateway_id"] for one in message["receipts"]] == ["SM1"]
    assert ledger.people.erase(mine, NOW).changed["receipts"] == 1
    again = put(ledger, receipt("SM1", "read", ref=run.reference(1)))
    assert (again.new, again.forgotten) == (0, 1)
    assert inbox(ledger) == 1
    assert delivery(ledger, run, ids[0])[0] == "delivered"
    assert {tuple(one) for one in ledger.runs.totals(run).deliveries} == {("delivered", None, None, 2)}


def test_retention_lets_receipts_go_with_the_people_and_keeps_what_they_add_up_to(
    ledger: Ledger, make: Make
) -> None:
    run, _ = sent(ledger, make)
    put(ledger, receipt("SM1", ref=run.reference(1)), receipt("nobody"))
    rules = Retention(default="10 days", contacted="forever")
    assert ledger.people.prune(rules, now=NOW + 5 * DAY).nothing
    done = ledger.people.prune(rules, now=NOW + 11 * DAY)
    assert done.receipts == 1
    assert inbox(ledger) == 0
    run = ledger.runs.get(run.id)
    assert [one.messages for one in ledger.runs.totals(run).deliveries] == [1]
    assert put(ledger, receipt("SM1", ref=run.reference(1))).forgotten == 1


def test_to_look_at_receipts_writes_nothing_and_says_what_an_import_would(ledger: Ledger, make: Make) -> None:
    run, _ = sent(ledger, make)
    put(ledger, receipt("SM2"))
    found = [
        receipt("SM1"),
        receipt("SM1"),
        receipt("SM2"),
        receipt("nobody"),
        receipt(None, ref=run.reference(3)),
    ]
    looked = ledger.receipts.look(found, "", set())
    assert inbox(ledger) == 1
    assert looked == ledger.receipts.add(found, "", "test", NOW) == Taken(3, 2, 1)


def test_a_receipt_that_beats_the_gateways_answer_counts_once_the_answer_is_here(
    ledger: Ledger, make: Make
) -> None:
    run = make.plan(1)
    with sender_lock(ledger, run):
        ledger.attempts.start(run, NOW)
        (id,) = claim(ledger, run)
        assert put(ledger, receipt("SM1", ref=run.reference(1))).unmatched == 0
        assert row_of(ledger, run, id)["state"] == "submitting"
        settle(ledger, run, [id], Outcome(Verdict.ACCEPTED, gateway_id="SM1"))
        ledger.runs.set_state(run, RunState.FINISHED, None, NOW)
    assert [tuple(one) for one in ledger.runs.totals(ledger.runs.get(run.id)).deliveries] == [
        ("delivered", None, None, 1)
    ]


def test_receipts_imported_while_the_run_is_sent_are_all_counted(ledger: Ledger, make: Make) -> None:
    run = make.plan(6)
    with sender_lock(ledger, run):
        ledger.attempts.start(run, NOW)
        for _ in range(3):
            for id in claim(ledger, run, want=2):
                settle(ledger, run, [id], Outcome(Verdict.ACCEPTED, gateway_id=f"SM{id % ROWS_PER_RUN}"))
                put(ledger, receipt(f"SM{id % ROWS_PER_RUN}"))
                assert sum(one.messages for one in ledger.runs.totals(run).deliveries) == id % ROWS_PER_RUN
        ledger.runs.set_state(run, RunState.FINISHED, None, NOW)
    assert [tuple(one) for one in ledger.runs.totals(ledger.runs.get(run.id)).deliveries] == [
        ("delivered", None, None, 6)
    ]


def test_an_id_of_two_messages_is_nobodys_also_later(ledger: Ledger, make: Make) -> None:
    put(ledger, receipt("SM1"))
    first = make.plan(1)
    second = make.plan([4], campaign="other")
    for run in (first, second):
        with sender_lock(ledger, run):
            ledger.attempts.start(run, NOW)
            settle(ledger, run, claim(ledger, run), Outcome(Verdict.ACCEPTED, gateway_id="SM1"))
    assert put(ledger, receipt("SM1")) == Taken(0, 1, 1)
    for run in (first, second):
        assert [row["delivery"] for rows in ledger.messages.rows(run) for row in rows] == [None]
