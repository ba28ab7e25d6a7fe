"""``a2pcli send`` over SMPP, killed in the middle and run again: the operator got nobody's message twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import readykit

pytest.importorskip("smpp34", reason="the extra is not installed: pip install 'a2pcli[smpp]'")

GATEWAYS = Path(__file__).parents[1] / "gateways"
if str(GATEWAYS) not in sys.path:
    sys.path.insert(0, str(GATEWAYS))

from smsc import Answer, Smsc, Submitted, receipt  # noqa: E402

from a2pcli.ledger.store import Ledger  # noqa: E402

COUNT = 400
WINDOW = 20


def project(folder: Path, port: int, *, text: str) -> Path:
    (folder / "a2pcli.yaml").write_text(
        "region: GB\nnumbers: {allow_fictional: true}\ngateway: operator\ngateways:\n  operator:\n    type: smpp\n"
        f"    host: 127.0.0.1\n    port: {port}\n    system_id: a\n    password: b\n    window: {WINDOW}\n"
        "    receipts: {wait: 0.3}\n"
    )
    (folder / "contacts.csv").write_text(
        "phone\n" + "".join(f"+447700900{row:03d}\n" for row in range(COUNT))
    )
    campaign = folder / "spring.yaml"
    campaign.write_text(
        "name: spring\nobjective: Test\npurpose: transactional\nsender: ACME\ncontacts: contacts.csv\n"
        f"message: {text}\n"
    )
    return campaign


def send(campaign: Path) -> subprocess.Popen[str]:
    return readykit.begin(
        "send", str(campaign), "--yes", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def answer(one: Submitted) -> Answer:
    id = f"m{one.number}"
    return Answer(id=id, after=0.01, then=[receipt(id, sequence=one.number)])


@pytest.mark.parametrize(
    "parts", [pytest.param(1, id="one part"), pytest.param(2, id="two parts", marks=pytest.mark.slow)]
)
def test_killed_twice_and_run_again_nobody_gets_it_twice_and_everybody_is_accounted_for(
    tmp_path: Path, parts: int
) -> None:
    text = "Your order is ready" if parts == 1 else "x" * 200
    with Smsc(answer) as there:
        campaign = project(tmp_path, there.port, text=text)
        for enough in (50 * parts, 180 * parts):
            process = send(campaign)
            while len(there.received) < enough and process.poll() is None:
                time.sleep(0.002)
            os.kill(process.pid, signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
        process = send(campaign)
        _, said = process.communicate(timeout=120)
        assert process.returncode in (0, 4), said
        there.hang_up()
        submitted = Counter((one.to, one.octets[5] if parts > 1 else 1) for one in there.received)
    assert max(submitted.values()) == 1, "a part was submitted twice"
    reached = {f"+{to}" for to, _ in submitted}
    with Ledger.open(str(tmp_path / ".a2pcli" / "ledger.db")) as ledger:
        (run,) = ledger.runs.all()
        by_state: dict[str, set[str]] = {}
        for chunk in ledger.messages.rows(run):
            for row in chunk:
                by_state.setdefault(row["state"], set()).add(row["address"])
    accepted, unknown = by_state.pop("accepted"), by_state.pop("unknown", set())
    assert by_state == {}
    assert len(accepted | unknown) == COUNT
    assert accepted <= reached <= accepted | unknown
    assert len(unknown) <= 2 * 2 * WINDOW
    assert process.returncode == (4 if unknown else 0)
