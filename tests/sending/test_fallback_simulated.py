"""Everybody in a simulation gets one message, by one channel or the other, but for races that the provider loses."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from fallbackkit import EXPIRES, REVOKES, Shop, planned

from a2pcli.gateways.simulator import SimulatorGateway
from a2pcli.ledger.store import Ledger
from a2pcli.sending.options import Ended, Progress


def _simulated(folder: Path, ledger: Ledger, people: int, mail: str) -> None:
    shop = planned(folder, ledger, people, mail=mail)
    gone: list[str] = []

    def some_opt_out(progress: Progress) -> None:
        """Once most are sent, before the time for falling back has come."""
        if not gone and progress.accepted > people // 2:
            gone.extend(f"+447400{n:06}" for n in range(0, people, max(7, people // 500)))
            for one in gone:
                ledger.optouts.add(one, source="test")

    result, parts = shop.send(on_progress=some_opt_out)
    assert result.ended is Ended.FINISHED
    _all_is_accounted_for(shop, ledger, people, parts, set(gone))


def _all_is_accounted_for(
    shop: Shop, ledger: Ledger, people: int, parts: dict[str, SimulatorGateway], gone: set[str]
) -> None:
    rows = shop.rows()
    assert len(rows) == people
    assert ledger.check().findings == []
    totals = ledger.runs.totals(shop.run)
    assert sum(totals.by_state.values()) == totals.rows == people
    assert {len(each) for each in rows.values()} == {1, 2}

    arrived = shop.arrived(parts)
    both = {message for message, many in arrived.items() if many > 1}
    told_both = {
        message
        for message, (first, *later) in rows.items()
        if first.delivery == "delivered" and any(one.delivery == "delivered" for one in later)
    }
    lost = {
        message
        for message, (first, *later) in rows.items()
        if later and parts["email"].later.happened.get(shop.reference(first)) == "delivered"  # type: ignore[union-attr]
    }
    assert both <= lost, "two messages arrived although no race was lost"
    assert told_both <= both
    assert len(lost) < people * 0.05

    for first, *later in rows.values():
        if not later:
            continue
        [next] = later
        assert first.followed_at is not None
        assert first.state == "rejected" or first.delivery in (
            "undelivered",
            "cancelled",
            "expired",
            "delivered",
        )
        assert (next.channel, next.gateway) == ("sms", "text")
    skipped = [one for each in rows.values() for one in each if one.state == "skipped"]
    assert {one.reason for one in skipped} == {"opted-out"}
    assert {one.address for one in skipped if one.channel == "sms"} <= gone

    handed = Counter(
        row.channel or "email" for each in rows.values() for row in each if row.state == "accepted"
    )
    cost = handed["email"] * 1_000_000 + handed["sms"] * 40_000_000
    assert totals.states["accepted"].cost["GBP"] == cost
    for channel, name in (("email", "mail"), ("sms", "text")):
        log = (shop.folder / f"{name}.jsonl").read_text().splitlines()
        taken = sum('"state": "accepted"' in line for line in log)
        unsure = sum(
            (row.channel or "email") == channel and row.state == "unknown"
            for each in rows.values()
            for row in each
        )
        assert handed[channel] <= taken <= handed[channel] + unsure


@pytest.mark.parametrize("mail", [REVOKES, EXPIRES], ids=["revoked", "expired"])
def test_nobody_gets_two_but_for_lost_races(tmp_path: Path, ledger: Ledger, mail: str) -> None:
    """Opt-outs between the attempts are heeded, rows are accounted for, and costs are those of the provider's log."""
    _simulated(tmp_path, ledger, 160, mail)


@pytest.mark.slow
@pytest.mark.parametrize("mail", [REVOKES, EXPIRES], ids=["revoked", "expired"])
def test_a_hundred_thousand_people_get_one_message_each(tmp_path: Path, ledger: Ledger, mail: str) -> None:
    _simulated(tmp_path, ledger, 100_000, mail)
