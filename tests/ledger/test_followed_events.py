"""What follows the message of an event is decided once, whichever processes see that it did not arrive."""

from __future__ import annotations

from ledgerkit import NOW

from a2pcli.ledger.answers import NewAnswer
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.triggers import Leaving, NewTrigger

ANN = "+447400123456"


def message(key: str, channel: str) -> NewAnswer:
    return NewAnswer(key, "event", ANN, channel, "gw", "Your parcel is here", NOW + 300_000, "event parcel")


def test_a_process_that_comes_second_changes_nothing(url: str) -> None:
    with Ledger.open(url) as ledger, Ledger.open(url) as second:
        (added,) = ledger.triggers.add(
            [NewTrigger("parcel", "1", ANN, {}, "test", NOW, NOW + 300_000)], now=NOW
        )
        leaving = Leaving(message("p", "whatsapp"), "both follow")
        ledger.triggers.settle([added.trigger], "sent", leaving=leaving, now=NOW)
        first = ledger.answers.by_key("p")
        assert first is not None
        seen = [one.triggers.of_message(first.reference) for one in (ledger, second)]
        assert seen[0] is not None
        assert seen[0] == seen[1]
        assert ledger.triggers.follow(seen[0], message("p/2", "sms"), "nothing follows") is not None
        follows = ledger.answers.by_key("p/2")
        assert follows is not None
        assert second.triggers.follow(seen[0], message("p/2", "sms"), "both follow again") is None
        second.triggers.keep_made(seen[0], None)
        now = second.triggers.of_message(follows.reference)
        assert now is not None
        assert (now.answer, now.message) == (follows.reference, "nothing follows")
        assert second.triggers.of_message(first.reference) is None
