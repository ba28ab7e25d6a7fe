"""A message's next attempt: only where the one before ended without arriving, and never two at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ledgerkit import ACCEPTED, NOT_SENT, NOW, REJECTED, UNKNOWN, Make, claim, number, settle, states
from sqlalchemy import event, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError
from test_receipts import put, receipt

from a2pcli.delivery import NEGATIVE
from a2pcli.ledger import erased
from a2pcli.ledger.attempt_ids import ROWS_PER_RUN, nth_attempt
from a2pcli.ledger.erasure import Person
from a2pcli.ledger.fallbacks import Followed, Next, follow_all
from a2pcli.ledger.records import Run, RunState
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.tables import attempts, contacted
from a2pcli.messages import Outcome

_a = attempts.c
ANN = Person("ann@example.org")
BY_EMAIL = Next(
    "email", "mail", "ann@example.org", "Hello by email", sender="shop", cost=1_000_000, currency="EUR"
)


def ended(
    ledger: Ledger, make: Make, outcome: Outcome = REJECTED, people: int = 1, **values: Any
) -> tuple[Run, int]:
    """A run whose first message was claimed and settled, and its id."""
    run = make.sending(people, **values)
    ids = claim(ledger, run)
    settle(ledger, run, ids, outcome)
    return run, ids[0]


def rows(ledger: Ledger) -> list[Any]:
    with ledger.reading() as connection:
        return list(connection.execute(select(attempts).order_by(_a.id)).all())


def sound(ledger: Ledger) -> list[str]:
    return [one.message for one in ledger.check().findings]


def following(ledger: Ledger, run: Run, id: int, way: Next = BY_EMAIL) -> Followed:
    made = ledger.attempts.next(run, id, way, NOW)
    assert made is not None
    return made


def test_a_refused_message_goes_by_another_channel_with_its_own_text_price_and_reference(
    ledger: Ledger, make: Make
) -> None:
    """And the first attempt stays as it was."""
    run, id = ended(ledger, make)
    made = following(ledger, run, id)
    assert made.reference == f"{run.id}-000001-2" == run.reference(made.id % ROWS_PER_RUN)
    [one] = ledger.attempts.exchange(run, [], 5, NOW).claimed
    message = one.message
    assert (message.id, message.reference, message.to) == (made.id, made.reference, "ann@example.org")
    assert (message.body, message.channel, message.sender, one.gateway) == (
        "Hello by email",
        "email",
        "shop",
        "mail",
    )
    assert (one.cost, one.currency, one.attempts) == (1_000_000, "EUR", 1)
    settle(ledger, run, [made.id])
    first, second = rows(ledger)
    assert (first.state, first.followed_at, second.state, second.followed_at) == (
        "rejected",
        NOW,
        "accepted",
        None,
    )
    assert states(ledger, run) == {"accepted": 1}
    assert sound(ledger) == []


@pytest.mark.parametrize("word", [str(one) for one in NEGATIVE])
def test_what_the_gateway_took_is_followed_once_a_receipt_says_it_came_to_nothing(
    ledger: Ledger, make: Make, word: str
) -> None:
    """Before, it may still arrive."""
    run, id = ended(ledger, make, ACCEPTED)
    assert ledger.attempts.next(run, id, BY_EMAIL, NOW) is None
    put(ledger, receipt("SM1", "sent"))
    assert ledger.attempts.next(run, id, BY_EMAIL, NOW) is None
    put(ledger, receipt("SM1", word))
    assert following(ledger, run, id).id == nth_attempt(id, 2)


@pytest.mark.parametrize("outcome", [UNKNOWN, NOT_SENT])
def test_what_may_have_left_or_will_be_tried_again_is_not_followed(
    ledger: Ledger, make: Make, outcome: Outcome
) -> None:
    """Nor what is on its way, nor a run that was cancelled."""
    run, id = ended(ledger, make, outcome)
    assert ledger.attempts.next(run, id, BY_EMAIL, NOW) is None
    other = make.sending([7], campaign="other")
    [flying] = claim(ledger, other)
    assert ledger.attempts.next(other, flying, BY_EMAIL, NOW) is None
    settle(ledger, other, [flying], REJECTED)
    ledger.runs.set_state(other, RunState.CANCELLED, None, NOW)
    assert ledger.attempts.next(other, flying, BY_EMAIL, NOW) is None
    assert len(rows(ledger)) == 2


def test_the_next_attempt_is_made_once_and_has_its_own_next(ledger: Ledger, make: Make) -> None:
    """Whichever attempt is named, it is the last that counts."""
    run, id = ended(ledger, make)
    second = following(ledger, run, id)
    assert ledger.attempts.next(run, id, BY_EMAIL, NOW) is None
    settle(ledger, run, claim(ledger, run), REJECTED)
    third = following(ledger, run, id)
    assert [third.id, second.id] == [nth_attempt(id, 3), nth_attempt(id, 2)]
    settle(ledger, run, claim(ledger, run))
    assert [row.state for row in rows(ledger)] == ["rejected", "rejected", "accepted"]
    assert sound(ledger) == []


def test_the_database_refuses_two_live_attempts_of_a_person(ledger: Ledger, make: Make) -> None:
    """And to call one followed that is under way."""
    run, id = ended(ledger, make, UNKNOWN)
    values = {
        "run": run.number,
        "occasion": run.occasion,
        "person": 0,
        "state": "submitting",
        "claimed_at": NOW,
    }
    with pytest.raises(IntegrityError), ledger.engine.begin() as connection:
        connection.execute(insert(attempts).values(id=nth_attempt(id, 2), **values))
    with pytest.raises(IntegrityError), ledger.engine.begin() as connection:
        connection.execute(update(attempts).where(_a.id == id).values(followed_at=NOW))


def test_a_receipt_that_shows_the_message_arrived_takes_back_what_was_not_sent_yet(
    ledger: Ledger, make: Make
) -> None:
    """The message stands by its first attempt again, delivered."""
    run, id = ended(ledger, make, ACCEPTED, purpose="marketing")
    put(ledger, receipt("SM1", "undelivered"))
    following(ledger, run, id)
    put(ledger, receipt("SM1", "delivered", NOW + 5))
    assert claim(ledger, run) == []
    [row] = rows(ledger)
    assert (row.state, row.delivery, row.followed_at) == ("accepted", "delivered", None)
    ledger.runs.set_state(run, RunState.FINISHED, None, NOW)
    totals = ledger.runs.totals(run)
    assert [(one.delivery, one.messages) for one in totals.deliveries] == [("delivered", 1)]
    with ledger.reading() as connection:
        assert connection.execute(select(contacted.c.message)).scalars().all() == [id]
    assert ledger.attempts.next(run, id, BY_EMAIL, NOW) is None
    assert sound(ledger) == []


def test_a_receipt_that_comes_after_the_next_attempt_left_is_kept(ledger: Ledger, make: Make) -> None:
    """The provider's fault; nothing is lost of it, and no third attempt is made."""
    run, id = ended(ledger, make, ACCEPTED, purpose="marketing")
    put(ledger, receipt("SM1", "undelivered"))
    made = following(ledger, run, id)
    claim(ledger, run)
    put(ledger, receipt("SM1", "delivered", NOW + 5))
    settle(ledger, run, [made.id], REJECTED)
    first, second = rows(ledger)
    assert (first.delivery, first.followed_at, second.state) == ("delivered", NOW, "rejected")
    assert ledger.attempts.next(run, id, BY_EMAIL, NOW) is None
    with ledger.reading() as connection:
        assert connection.execute(select(contacted.c.message)).scalars().all() == [id]
    assert sound(ledger) == []


def test_a_message_counts_once_by_its_last_attempt_and_costs_all_that_were_taken(
    ledger: Ledger, make: Make
) -> None:
    """Two rows, one message; a refused attempt costs nothing."""
    run, id = ended(ledger, make, ACCEPTED, people=1)
    put(ledger, receipt("SM1", "failed"))
    made = following(ledger, run, id)
    settle(ledger, run, claim(ledger, run), Outcome(ACCEPTED.verdict, gateway_id="EM1"))
    ledger.runs.set_state(run, RunState.FINISHED, None, NOW)
    totals = ledger.runs.totals(run)
    assert (totals.rows, totals.by_state) == (1, {"accepted": 1})
    assert totals.states["accepted"].cost == {"GBP": 40_000_000, "EUR": 1_000_000}
    assert totals.deliveries == ()
    put(ledger, receipt(ref=made.reference, status="delivered"))
    assert [(one.delivery, one.messages) for one in ledger.runs.totals(run).deliveries] == [("delivered", 1)]
    assert sound(ledger) == []


def test_who_opted_out_meanwhile_gets_no_next_attempt(ledger: Ledger, make: Make) -> None:
    """By the new address, or by the one the message first went to."""
    run, id = ended(ledger, make, people=2, purpose="marketing")
    following(ledger, run, id)
    following(ledger, run, id + 1, Next("email", "mail", "bob@example.org", "Hello"))
    ledger.optouts.add("ann@example.org", source="test")
    ledger.optouts.add(number(1), source="test")
    assert claim(ledger, run) == []
    assert [row.reason for row in rows(ledger)][2:] == ["opted-out", "opted-out"]


def test_nobody_whose_next_attempt_waits_is_planned_again(ledger: Ledger, make: Make) -> None:
    """Nor may another run that was planned before reach them a second time."""
    other = make.plan(1)
    run, id = ended(ledger, make)
    following(ledger, run, id)
    assert ledger.messages.reached(run.occasion).tolist() == [0]
    claim(ledger, run)
    ledger.attempts.start(other, NOW)
    assert claim(ledger, other) == []


def test_erasing_somebody_takes_all_their_attempts(
    ledger: Ledger, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the address of either attempt."""
    monkeypatch.setenv(erased.KEY_VARIABLE, "k" * 64)
    run, id = ended(ledger, make, people=2)
    following(ledger, run, id)
    settle(ledger, run, claim(ledger, run))
    [message] = ledger.people.export(ANN)["messages"]
    assert [one["address"] for one in message["earlier_attempts"]] == [number(0)]
    [entry] = ledger.messages.history("ann@example.org")
    assert (entry.row["address"], entry.row["body"]) == ("ann@example.org", "Hello by email")
    assert [one["state"] for one in entry.earlier] == ["rejected"]
    assert ledger.people.erase(ANN, NOW).changed["messages"] == 1
    assert [(row.address, row.body, row.person) for row in rows(ledger) if row.state != "skipped"][::2] == [
        (None, None, None)
    ] * 2
    assert sound(ledger) == []


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE attempts SET followed_at = NULL, claimed_at = NULL, state = 'skipped', reason = 'x' WHERE id = {first}",
        "DELETE FROM attempts WHERE id = {second}",
    ],
)
def test_ledger_check_finds_an_attempt_that_does_not_follow_one(
    ledger: Ledger, make: Make, damage: str
) -> None:
    """And one whose next is gone."""
    run, id = ended(ledger, make)
    made = following(ledger, run, id)
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql(damage.format(first=id, second=made.id))
    assert any("earlier one that ended" in one or "followed by another" in one for one in sound(ledger))


def noted(connection: Connection) -> list[str]:
    """The statements of a connection from now on."""
    seen: list[str] = []
    event.listen(connection, "before_cursor_execute", lambda *call: seen.append(call[2]))
    return seen


def test_many_messages_are_followed_with_as_few_statements_as_a_few(ledger: Ledger, make: Make) -> None:
    """Of a provider that refuses everybody, a statement for each would hold up the sender for longer than it sends."""
    counts = []
    for many, campaign in ((3, "few"), (300, "many")):
        run = make.sending(range(many), campaign=campaign)
        ids = claim(ledger, run, many)
        settle(ledger, run, ids, REJECTED)
        with ledger.writing() as connection:
            seen = noted(connection)
            made = follow_all(connection, run, dict.fromkeys(ids, BY_EMAIL), NOW)
        assert [made[id].id for id in ids] == [nth_attempt(id, 2) for id in ids]
        counts.append(len(seen))
    assert counts[1] <= counts[0] + 10  # SQLite writes events in groups of 64, 16, 4 and 1
    assert sound(ledger) == []


def test_of_two_attempts_of_one_message_the_later_decides_how_it_goes_on(ledger: Ledger, make: Make) -> None:
    run, first = ended(ledger, make)
    second = following(ledger, run, first).id
    settle(ledger, run, claim(ledger, run), REJECTED)
    again, third = replace(BY_EMAIL, body="again"), replace(BY_EMAIL, channel="telegram", body="third")
    with ledger.writing() as connection:
        made = follow_all(connection, run, {first: again, second: third}, NOW)
    assert {id: one.id for id, one in made.items()} == {second: nth_attempt(first, 3)}
    assert [row.body for row in rows(ledger)][-1] == "third"
    assert sound(ledger) == []
