"""Two senders of one run that goes by a route, on PostgreSQL: nobody gets two, and what a killed one held is sent."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import readykit
from postgreskit import running_postgres
from test_kill_route import CAMPAIGN, GATEWAY, Provider

from a2pcli.ledger.store import Ledger

pytestmark = pytest.mark.slow


@pytest.fixture
def url() -> Iterator[str]:
    with running_postgres() as server:
        yield server.get_uri()


def _begin(folder: Path, run: str) -> subprocess.Popen[str]:
    command = ("send", "--plan", run, "--yes", "--concurrency", "8")
    return readykit.begin(
        *command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True
    )


@pytest.mark.parametrize("kills", [0, 4])
def test_two_senders_give_nobody_two_messages_by_two_gateways(tmp_path: Path, url: str, kills: int) -> None:
    people = 3_000
    a, b = Provider(ill=True), Provider()
    (tmp_path / "people.csv").write_text("phone\n" + "".join(f"+447400{n:06}\n" for n in range(people)))
    (tmp_path / "c.yaml").write_text(CAMPAIGN)
    gateways = "".join(f"  {name}: {GATEWAY.format(port=one.port)}\n" for name, one in (("a", a), ("b", b)))
    (tmp_path / "a2pcli.yaml").write_text(
        f"ledger: {url}\nregion: GB\ngateways:\n{gateways}routes:\n  main: {{shares: {{a: 60, b: 40}}}}\n"
    )
    with Ledger.open(url):
        pass
    planned = readykit.run("plan", "c.yaml", cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert planned.returncode == 0, planned.stderr
    with Ledger.open(url) as ledger:
        (run,) = ledger.runs.all()
    senders = [_begin(tmp_path, run.id) for _ in range(2)]
    for kill in range(kills):
        before, until = len(a.took) + len(b.took), time.monotonic() + 60
        while len(a.took) + len(b.took) < before + people // (2 * kills) and time.monotonic() < until:
            time.sleep(0.01)
        place = kill % 2
        senders[place].kill()
        senders[place].wait()
        senders[place] = _begin(tmp_path, run.id)
    for one in senders:
        assert one.wait(timeout=120) in (0, 4, 7)  # 7: the other one has all that is left
    with Ledger.open(url) as ledger:
        assert ledger.runs.get(run.id).state == "finished"
        assert ledger.check().findings == []
        totals = ledger.runs.totals(run)
        rows = {row["address"]: row for some in ledger.messages.rows(run) for row in some}
    assert totals.rows == people == totals.count("accepted", "unknown")
    assert max(Counter([*a.took, *b.took]).values()) == 1
    for name, one in (("a", a), ("b", b)):
        assert one.took
        for number in one.took:
            assert (rows[number]["gateway"] or "a") == name
