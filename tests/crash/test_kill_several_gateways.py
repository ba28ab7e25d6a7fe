"""A sender with three gateways of different speeds, one with batches, is killed again and again: nobody gets two,
nobody is lost, and unknown is only what was in flight."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import readykit

SENDING = Path(__file__).parents[1] / "sending"
if str(SENDING) not in sys.path:
    sys.path.insert(0, str(SENDING))

from loopback import Loopback, Receipt, Reply, gateway_block  # noqa: E402

from a2pcli.ledger.store import Ledger  # noqa: E402
from a2pcli.ledger.tables import attempts  # noqa: E402

CAMPAIGN = """\
name: order
objective: Test
purpose: transactional
contacts: people.csv
channels:
  sms: {gateway: fast, sender: ACME}
  email: {gateway: slow, sender: shop@example.com}
  telegram: {gateway: third}
message: "Hello {{ name }}, your order is on its way"
email: {subject: "Order of {{ name }}"}
"""
PREFERRED = ("sms",) * 6 + ("email",) * 3 + ("telegram",)
IN_FLIGHT = 20 + 4 * 10 + 5
"""Messages that the three gateways may have at once."""


def provider(slowest: float, *, refuses: float = 0.0) -> Loopback:
    chance = random.Random(slowest)

    def answer(receipt: Receipt, _n: int) -> Reply:
        status = 400 if chance.random() < refuses else 201
        return Reply(status, {"id": receipt.reference}, after=chance.random() * slowest)

    return Loopback(answer)


def project(
    folder: Path, people: int, fast: Loopback, slow: Loopback, third: Loopback, fallback: str
) -> None:
    gateways: dict[str, Any] = {
        "fast": gateway_block(fast.port, channels=["sms"], concurrency=20),
        "slow": gateway_block(slow.port, channels=["email"], concurrency=4, batch=10),
        "third": gateway_block(third.port, channels=["telegram"], concurrency=5),
    }
    (folder / "a2pcli.yaml").write_text(json.dumps({"region": "GB", "gateways": gateways}))
    (folder / "c.yaml").write_text(CAMPAIGN + fallback)
    rows = (f"P{n},+4474{n:08},p{n}@example.org,{1_000_000 + n},{PREFERRED[n % 10]}\n" for n in range(people))
    (folder / "people.csv").write_text("name,phone,email,telegram,preferred_channel\n" + "".join(rows))


def killed_until_done(
    folder: Path, people: int, kills: int, *, is_down: bool = False, fallback: str = ""
) -> None:
    command, chance = ("send", "c.yaml", "--yes"), random.Random(kills)
    refuses = 0.05 if fallback else 0.0
    with provider(0.005, refuses=refuses) as fast, provider(0.1) as slow, provider(0.03) as third:
        project(folder, people, fast, slow, third, fallback)
        there = (fast, slow, third)
        if is_down:
            third.stop()
        done = 0
        for _ in range(kills):
            goal = sum(len(one.received) for one in there) + chance.randint(1, people // (2 * kills))
            process = readykit.begin(
                *command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            until = time.monotonic() + 30
            while sum(len(one.received) for one in there) < goal and process.poll() is None:
                assert time.monotonic() < until
                time.sleep(0.002)
            process.kill()
            done += process.wait() == -signal.SIGKILL
        assert done
        if is_down:
            third.start()
        ended = readykit.run(*command, cwd=folder, capture_output=True, text=True, timeout=300)
        assert ended.returncode in (0, 4), ended.stderr
        taken = Counter(number for one in there for number in one.provider.taken)
        received = {receipt.to for one in there for receipt in one.received}
    with Ledger.open(str(folder / ".a2pcli" / "ledger.db")) as ledger:
        (run,) = ledger.runs.all()
        assert ledger.check().findings == []
        totals = ledger.runs.totals(run)
        with ledger.reading() as connection:
            rows = connection.execute(attempts.select()).all()
    by_state = {
        state: {row.address for row in rows if row.state == state} for state in ("accepted", "unknown")
    }
    assert max(taken.values()) == 1
    assert totals.rows == people
    assert set(totals.by_state) <= {"accepted", "unknown", "rejected"}
    assert by_state["accepted"] <= set(taken) <= by_state["accepted"] | by_state["unknown"]
    assert len(by_state["unknown"]) <= 2 * IN_FLIGHT * done
    never = by_state["unknown"] - received
    assert len(never) <= max(len(by_state["unknown"]) / 10, 7), "few of the unknown never left"


def test_kills_of_a_sender_with_three_gateways_lose_nobody_and_send_nothing_twice(tmp_path: Path) -> None:
    killed_until_done(tmp_path, 600, 3)


@pytest.mark.slow
@pytest.mark.parametrize("is_down", [False, True])
@pytest.mark.parametrize("fallback", ["", "fallback: {when: [rejected]}\n"], ids=["no fallback", "fallback"])
def test_many_kills_of_a_sender_with_three_gateways(tmp_path: Path, is_down: bool, fallback: str) -> None:
    killed_until_done(tmp_path, 4000, 20, is_down=is_down, fallback=fallback)
