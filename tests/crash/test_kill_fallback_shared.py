"""Several senders of one run with fallback on PostgreSQL, killed at random: never both channels, and nobody lost."""

from __future__ import annotations

import random
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import readykit
from postgreskit import running_postgres
from test_kill_fallback import CAMPAIGN, SETTINGS, _texts

from a2pcli.ledger.attempt_ids import message_of
from a2pcli.ledger.records import RunState
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.tables import attempts

pytestmark = pytest.mark.slow
SENDERS = 3


@pytest.fixture
def url() -> Iterator[str]:
    with running_postgres() as server:
        yield server.get_uri()


def _begin(folder: Path, run: str) -> subprocess.Popen[str]:
    command = ("send", "--plan", run, "--yes", "--concurrency", "10")
    return readykit.begin(
        *command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True
    )


def is_finished(url: str, run: str) -> bool:
    with Ledger.open(url) as ledger:
        return ledger.runs.get(run).state == RunState.FINISHED


@pytest.mark.parametrize("seed", [1, 2])
def test_senders_that_share_a_run_and_are_killed_send_nobody_both(
    tmp_path: Path, url: str, seed: int
) -> None:
    """6,000 people, three senders, twelve kills; some leave the first channel while it is sent."""
    people, kills, chance = 6_000, 12, random.Random(seed)
    lines = (f"P{n},+447400{n:06},p{n}@example.org\n" for n in range(people))
    (tmp_path / "people.csv").write_text("name,phone,email\n" + "".join(lines))
    (tmp_path / "c.yaml").write_text(CAMPAIGN)
    (tmp_path / "a2pcli.yaml").write_text(f"ledger: {url}\n{SETTINGS}")
    with Ledger.open(url):
        pass
    planned = readykit.run("plan", "c.yaml", cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert planned.returncode == 0, planned.stderr
    with Ledger.open(url) as ledger:
        (run,) = ledger.runs.all()
        gone = [f"p{n}@example.org" for n in range(0, people, 7)]
        for one in gone:
            ledger.optouts.add(one, scope="channel", scope_value="email", source="test")
    senders = [_begin(tmp_path, run.id) for _ in range(SENDERS)]
    killed, until = 0, time.monotonic() + 300
    while killed < kills and not is_finished(url, run.id):
        assert time.monotonic() < until
        time.sleep(0.3 + 0.7 * chance.random())
        place = chance.randrange(SENDERS)
        if senders[place].poll() is None:
            senders[place].kill()
            senders[place].wait()
            killed += 1
        senders[place] = _begin(tmp_path, run.id)
    for one in senders:
        one.wait(timeout=300)
    assert killed >= kills // 2
    command = ("send", "--plan", run.id, "--yes")
    done = readykit.run(*command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode in (0, 4), done.stderr
    sent = Counter(_texts(tmp_path))
    assert max(sent.values()) == 1
    with Ledger.open(url) as ledger:
        assert ledger.check().findings == []
        with ledger.reading() as connection:
            rows = connection.execute(attempts.select()).all()
        totals = ledger.runs.totals(run)
    assert totals.rows == people == len({message_of(row.id) for row in rows})
    assert not set(totals.by_state) & {"planned", "submitting"}
    by_message: dict[int, list[Any]] = {}
    for row in sorted(rows, key=lambda row: row.id):
        by_message.setdefault(message_of(row.id), []).append(row)
    for first, *later in by_message.values():
        assert len(later) <= 1
        if first.address in gone:
            assert (first.state, first.reason) == ("skipped", "opted-out")
            assert later, "whoever left the first channel goes by the next"
        if later:
            assert first.followed_at is not None
            assert first.state in ("rejected", "skipped") or first.delivery == "undelivered"
    second = [later[0] for _, *later in by_message.values() if later]
    assert {row.address for row in second if row.state == "accepted"} <= set(sent)
    assert set(sent) <= {row.address for row in second if row.state in ("accepted", "unknown")}
