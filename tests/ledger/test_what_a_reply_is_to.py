"""Which message a reply is to, whatever the message is for."""

from __future__ import annotations

from typing import Any

import pytest
from ledgerkit import ACCEPTED, NOW, REJECTED, Make, claim, number, settle
from sqlalchemy import text

from a2pcli.actions.optouts import EVERYTHING, Scope
from a2pcli.actions.replies import handle_reply
from a2pcli.ledger.replies import KeptReply
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Outcome

ALPHA, BETA, MINUTE = "+447700900111", "+447700900222", 60_000


def sent(
    ledger: Ledger, make: Make, campaign: str, at: int, outcome: Outcome = ACCEPTED, **values: Any
) -> None:
    run = make.sending(1, campaign=campaign, **values)
    settle(ledger, run, claim(ledger, run, now=at), outcome)


@pytest.fixture
def two(ledger: Ledger, make: Make) -> Ledger:
    """Advertising of one programme from one number, then an order's message of another from another."""
    sent(ledger, make, "offers", NOW, purpose="marketing", programme="alpha", sender=ALPHA)
    sent(ledger, make, "orders", NOW + MINUTE, purpose="transactional", programme="beta", sender=BETA)
    return ledger


@pytest.mark.parametrize(
    ("to", "programme"),
    [
        (BETA, "beta"),
        ("447700900222", "beta"),
        ("+44 7700 900111", "alpha"),
        (None, "beta"),
        ("", "beta"),
        ("+447700900333", None),
    ],
)
def test_a_reply_is_to_the_newest_message_from_that_sender(
    two: Ledger, to: str | None, programme: str | None
) -> None:
    found = two.replies.programme_of(number(0), NOW + 2 * MINUTE, gateway="outbox", to=to)
    assert found == programme


def test_a_reply_from_before_a_message_is_not_to_it(two: Ledger) -> None:
    assert two.replies.programme_of(number(0), NOW + 1, gateway="outbox", to=None) == "alpha"


@pytest.mark.parametrize(("gateway", "programme"), [("outbox", "gamma"), ("other", None)])
def test_a_sender_that_is_a_name_or_chosen_by_the_gateway_is_known_by_its_gateway(
    ledger: Ledger, make: Make, gateway: str, programme: str | None
) -> None:
    sent(ledger, make, "news", NOW, purpose="transactional", programme="gamma", sender="ACME")
    assert ledger.replies.programme_of(number(0), NOW + 1, gateway=gateway, to=ALPHA) == programme


def test_a_message_that_was_refused_is_nothing_to_reply_to(ledger: Ledger, make: Make) -> None:
    sent(ledger, make, "orders", NOW, REJECTED, purpose="transactional", programme="beta", sender=BETA)
    assert ledger.replies.programme_of(number(0), NOW + 1, gateway="outbox", to=BETA) is None


def test_a_reply_names_the_run_that_it_is_to_and_messages_that_are_no_marketing_count_for_no_cap(
    two: Ledger,
) -> None:
    two.replies.add([KeptReply(number(0), "STOP", "stop", ALPHA, NOW + 2 * MINUTE, "outbox", "1")], "test")
    with two.engine.connect() as connection:
        answered = connection.execute(text("SELECT attempt FROM replies")).scalar_one()
        first, second = connection.execute(text("SELECT message, counts FROM contacted ORDER BY at")).all()
    assert (answered, first[1], second[1]) == (first[0], 1, 0)
    assert [one.programme for one in two.messages.contacts_of(number(0), 0, NOW + 2 * MINUTE)] == ["alpha"]


@pytest.mark.parametrize(
    ("left", "written", "still"),
    [
        ([Scope("programme", "news")], "YES", [Scope("programme", "news")]),
        ([Scope("programme", "clinic")], "YES", []),
        ([Scope("programme", "news"), EVERYTHING], "Yes!", [Scope("programme", "news")]),
        ([Scope("programme", "news"), EVERYTHING], "START", []),
    ],
)
def test_a_yes_takes_back_what_kept_such_messages_away_and_a_start_everything(
    ledger: Ledger, left: list[Scope], written: str, still: list[Scope]
) -> None:
    for one in left:
        ledger.optouts.add(number(0), scope=one.kind, scope_value=one.value, source="unsubscribe link")
    with ledger.transaction():
        done = handle_reply(
            ledger,
            number(0),
            written,
            EVERYTHING,
            keywords=frozenset(),
            now=NOW,
            to=[Scope("programme", "clinic")],
        )
    assert [Scope.of(one) for one in ledger.optouts.of(number(0)) if one.holds(NOW)] == still
    assert done.changed is (still != left)
