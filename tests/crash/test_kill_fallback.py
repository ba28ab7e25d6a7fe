"""A sender with fallback is killed again and again: nobody gets two messages by a channel, and none is made twice."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
import readykit

from a2pcli.ledger.attempt_ids import message_of
from a2pcli.ledger.in_flight import GROUP
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.tables import attempts

CAMPAIGN = """\
name: order
objective: Test
purpose: transactional
contacts: people.csv
channels:
  email: {gateway: mail, sender: shop@example.com}
  sms: {gateway: text, sender: ACME}
fallback: {when: [rejected, undelivered]}
message: "Hello {{ name }}, your order is on its way"
email: {subject: "Order of {{ name }}"}
"""
SETTINGS = """\
region: GB
gateways:
  mail:
    type: simulator
    latency: {median: 0.01, p95: 0.03}
    mix: {permanent: 40%, temporary: 5%}
    receipts: {file: mail.jsonl, undelivered: 30%, silent: 0, delay: 0.1, live: true, linger: 0.5}
  text: {type: outbox, file: texts.jsonl}
"""


def _texts(folder: Path) -> list[str]:
    file = folder / "texts.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    return [json.loads(line)["to"] for line in lines if line.endswith("}")]


def _killed_until_done(folder: Path, people: int, kills: int) -> None:
    lines = (f"P{n},+447400{n:06},p{n}@example.org\n" for n in range(people))
    (folder / "people.csv").write_text("name,phone,email\n" + "".join(lines))
    (folder / "c.yaml").write_text(CAMPAIGN)
    (folder / "a2pcli.yaml").write_text(SETTINGS)
    command = ["send", "c.yaml", "--yes", "--concurrency", "10"]
    for kill in range(kills):
        process = readykit.begin(
            *command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True
        )
        before = len(_texts(folder))
        until = time.monotonic() + 30
        while len(_texts(folder)) < before + people // (4 * kills) and process.poll() is None:
            if time.monotonic() > until:  # it waits for the last few, which the gateway does not take now
                break
            time.sleep(0.002)
        process.kill()
        assert process.wait() in (-signal.SIGKILL, 0, 4), kill
    done = readykit.run(*command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 4), done.stderr
    sent = Counter(_texts(folder))
    assert max(sent.values()) == 1
    with Ledger.open(str(folder / ".a2pcli" / "ledger.db")) as ledger:
        (run,) = ledger.runs.all()
        assert ledger.check().findings == []
        with ledger.reading() as connection:
            rows = connection.execute(attempts.select()).all()
        totals = ledger.runs.totals(run)
    assert totals.rows == people == len({message_of(row.id) for row in rows})
    assert max(Counter(message_of(row.id) for row in rows).values()) == 2
    later = [row for row in rows if row.channel == "sms"]
    # A kill leaves unknown what was under way, 10 at a time and a group of the journal, and what was answered and not
    # written yet: that the outbox has it, whatever the machine's load.
    assert sum(row.state == "unknown" and row.address not in sent for row in later) <= (10 + GROUP) * kills
    assert {row.address for row in later if row.state == "accepted"} <= set(sent)
    assert set(sent) <= {row.address for row in later if row.state in ("accepted", "unknown")}
    first = {message_of(row.id): row for row in rows if row.channel != "sms"}
    for row in later:
        before_it = first[message_of(row.id)]
        assert before_it.followed_at is not None
        assert before_it.state == "rejected" or before_it.delivery == "undelivered"


def test_a_killed_sender_never_makes_a_second_alternative(tmp_path: Path) -> None:
    _killed_until_done(tmp_path, 80, 2)


@pytest.mark.slow
def test_however_often_it_is_killed(tmp_path: Path) -> None:
    _killed_until_done(tmp_path, 5_000, 20)
