"""Slots of a shared pace: no two processes get the same, on both databases."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence

import readykit
from ledgerkit import Make

from a2pcli.ledger.choosing import Choice
from a2pcli.ledger.paces import SharedPace
from a2pcli.ledger.records import Claimed, Rooms
from a2pcli.ledger.store import Ledger

PROCESS = """
import sys, time
from a2pcli.ledger.lock import sender_lock
from a2pcli.ledger.paces import SharedPace
from a2pcli.ledger.records import now_ms
from a2pcli.ledger.store import Ledger

url, run_id, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
with Ledger.open(url) as ledger:
    run = ledger.runs.get(run_id)
    with sender_lock(ledger, run):
        own = SharedPace("campaign " + run_id, 1000, "parts")
        ledger.attempts.share_paces(run, [SharedPace("gateway g", 40, "messages"), own])
        ledger.attempts.start(run, now_ms())
        print("ready", flush=True)
        sys.stdin.readline()
        until = time.monotonic() + seconds
        claimed = 0
        while time.monotonic() < until or not claimed:
            found = ledger.attempts.exchange(run, [], 50, now_ms())
            claimed += len(found.claimed)
            assert len(found.waits) == len(found.claimed)
            time.sleep(found.pause or 0.01)
        print(claimed)
"""


def test_processes_that_claim_at_one_pace_get_its_slots_between_them(url: str) -> None:
    with Ledger.open(url) as ledger:
        runs = [Make(ledger).plan(range(300), campaign=f"c{n}") for n in range(2)]
    processes = [
        readykit.Forked(
            ["ready:script", PROCESS, url, run.id, "1.5"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for run in runs
    ]
    for one in processes:
        assert one.stdout is not None
        assert one.stdout.readline().strip() == "ready"
    started = time.monotonic()
    for one in processes:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    claimed = [int(one.communicate()[0]) for one in processes]
    passed = time.monotonic() - started
    assert all(one > 0 for one in claimed)
    assert 40 * 0.5 < sum(claimed) <= 40 * (passed + 0.5) + 2


def test_the_slots_of_a_pace_follow_each_other_and_its_senders_have_their_own(
    ledger: Ledger, make: Make
) -> None:
    run = make.plan(range(8), columns={"sender": ["A", "B"] * 4})
    now = 1_800_000_000_000
    shared = [SharedPace("gateway g", 10, "messages"), SharedPace("sender a", 1, "messages", "A")]
    ledger.attempts.share_paces(run, shared)
    ledger.attempts.start(run, now)
    began = time.monotonic()
    found = ledger.attempts.exchange(run, [], 5, now)
    assert [round(one, 2) for one in found.waits] == [0, 0.1, 1, 0.3, 2]
    assert found.pause == 0
    found = ledger.attempts.exchange(run, [], 5, now)
    passed = time.monotonic() - began  # on a server its own clock counts
    assert len(found.claimed) <= 1 + 10 * passed
    assert found.pause > 0


class Either:
    """Gives each message to its channel's gateway, as long as that has room."""

    def __call__(self, claimed: Sequence[Claimed], rooms: dict[str, int]) -> list[Choice]:
        return [self._choice(one, rooms) for one in claimed]

    def _choice(self, one: Claimed, rooms: dict[str, int]) -> Choice:
        name = "mail" if one.message.channel == "email" else "a"
        rooms[name] -= 1
        return Choice(name if rooms[name] >= 0 else None)


def test_beside_a_route_too_the_slots_of_a_channels_gateway_are_given_a_moment_ahead_only(
    ledger: Ledger, make: Make
) -> None:
    """Else one sender would keep the others of the account waiting for as long as it had claimed ahead."""
    channels = {"email": {"gateway": "mail", "sender": None}, "sms": {"gateway": "a", "sender": None}}
    route = {
        "name": "main",
        "gateways": ["a", "b"],
        "rules": {"other": {"by": "order", "gateways": ["a", "b"]}},
    }
    sending = {"channels": channels, "routes": {"sms": route}}
    run = make.plan(100, columns={"channel": ["email", "sms"] * 50}, sending=sending)
    own = SharedPace("account mail", 10, "messages", channels=frozenset({"email"}))
    ledger.attempts.choose_by(run, Either())
    ledger.attempts.share_paces(run, [own])
    ledger.attempts.start(run, 1_800_000_000_000)
    rooms = Rooms({"mail": 100, "a": 100, "b": 100})
    found = ledger.attempts.exchange(run, [], 300, 1_800_000_000_000, None, rooms)
    mails = [wait for one, wait in zip(found.claimed, found.waits, strict=True) if one.gateway == "mail"]
    assert 1 < len(mails) <= 7
    assert max(mails) <= 0.6
    assert len(found.claimed) - len(mails) == 50
