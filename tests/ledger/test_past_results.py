"""Results of a gateway's earlier messages are those that it was given, not those of the others of its route."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

from ledgerkit import ACCEPTED, NOW, REJECTED, Make, settle

from a2pcli.ledger.choosing import Choice
from a2pcli.ledger.past_results import Results, of_channel
from a2pcli.ledger.records import Claimed
from a2pcli.ledger.store import Ledger


def test_each_gateway_of_a_route_has_its_own_results(ledger: Ledger, make: Make) -> None:
    """The first refuses all that it gets, the second takes all."""
    names = ["outbox", "second"]
    rules = {"other": {"by": "shares", "gateways": names}}
    run = make.plan(9, sending={"routes": {"sms": {"name": "main", "gateways": names, "rules": rules}}})
    turns = cycle(names)

    def choose(claimed: Sequence[Claimed], rooms: dict[str, int]) -> list[Choice]:
        return [Choice(next(turns)) for _ in claimed]

    ledger.attempts.choose_by(run, choose)
    ledger.attempts.start(run, NOW)
    claimed = ledger.attempts.exchange(run, [], 9, NOW).claimed
    for name, outcome in (("outbox", REJECTED), ("second", ACCEPTED)):
        settle(ledger, run, [one.message.id for one in claimed if one.gateway == name], outcome)
    with ledger.reading() as connection:
        found = {name: of_channel(connection, "sms", name, NOW).total for name in (*names, "third")}
    assert found == {"outbox": Results(rejected=5), "second": Results(silent=4), "third": Results()}
