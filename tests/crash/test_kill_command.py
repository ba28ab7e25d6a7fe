"""The command itself, ``a2pcli send``, killed in the middle and run again, as a person would."""

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

SENDING = Path(__file__).parents[1] / "sending"
if str(SENDING) not in sys.path:
    sys.path.insert(0, str(SENDING))

from loopback import Answer, Loopback, Reply, gateway_block  # noqa: E402

from a2pcli.ledger.store import Ledger  # noqa: E402

COUNT = 500
NUMBERS = [f"+447700900{row:03d}" for row in range(COUNT)]


def project(folder: Path, port: int) -> Path:
    import yaml

    settings = {
        "region": "GB",
        "numbers": {"allow_fictional": True},
        "gateway": "provider",
        "gateways": {"provider": gateway_block(port)},
    }
    (folder / "a2pcli.yaml").write_text(yaml.safe_dump(settings))
    (folder / "contacts.csv").write_text(
        "phone,first_name\n" + "".join(f"{number},N{row}\n" for row, number in enumerate(NUMBERS))
    )
    campaign = folder / "spring.yaml"
    campaign.write_text(
        "name: spring\nobjective: Test\npurpose: marketing\ncontacts: contacts.csv\n"
        "message: Hi {{ first_name }}, reply STOP to opt out\n"
    )
    return campaign


def send(campaign: Path) -> subprocess.Popen[str]:
    command = ["send", str(campaign), "--yes", "--concurrency", "10"]
    return readykit.begin(*command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def slow_after(count: int) -> Answer:
    """So many messages are answered at once, the rest in a while: whoever sends cannot be done before it is killed."""
    return lambda _receipt, n: Reply(body={"id": f"m{n}"}, after=0.02 if n < count else 20)


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
def test_killed_twice_and_run_again_the_command_accounts_for_everybody_once(
    tmp_path: Path, encrypted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if encrypted:
        pytest.importorskip(
            "sqlcipher3", reason="sqlcipher3 is not installed: pip install 'a2pcli[encryption]'"
        )
        monkeypatch.setenv("A2PCLI_LEDGER_KEY", "ab" * 32)
    with Loopback() as provider:
        campaign = project(tmp_path, provider.port)
        for enough in (60, 200):
            provider.provider.answer = slow_after(enough)
            process = send(campaign)
            while len(provider.received) < enough and process.poll() is None:
                time.sleep(0.002)
            process.kill()
            assert process.wait() == -signal.SIGKILL
        provider.provider.answer = slow_after(COUNT)
        process = send(campaign)
        _, said = process.communicate(timeout=120)
        assert process.returncode in (0, 4), said
    times = Counter(provider.numbers)
    with Ledger.open(str(tmp_path / ".a2pcli" / "ledger.db")) as ledger:
        (run,) = ledger.runs.all()
        by_state: dict[str, set[str]] = {}
        for chunk in ledger.messages.rows(run):
            for row in chunk:
                by_state.setdefault(row["state"], set()).add(row["address"])
    accepted, unknown = by_state.pop("accepted"), by_state.pop("unknown", set())
    assert by_state == {}
    assert max(times.values()) == 1
    assert accepted | unknown == set(NUMBERS)
    assert accepted <= set(times) <= accepted | unknown
    assert len(unknown) <= 2 * 40
    assert process.returncode == (4 if unknown else 0)
    assert encrypted != (tmp_path / ".a2pcli" / "ledger.db").read_bytes().startswith(b"SQLite format 3")


@pytest.mark.parametrize("presses", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_ctrl_c_ends_the_command_with_130_and_the_same_command_goes_on(tmp_path: Path, presses: int) -> None:
    with Loopback(lambda _receipt, n: Reply(body={"id": f"m{n}"}, after=0.1)) as provider:
        campaign = project(tmp_path, provider.port)
        process = send(campaign)
        while len(provider.received) < 40 and process.poll() is None:
            time.sleep(0.002)
        for _ in range(presses):
            os.kill(process.pid, signal.SIGINT)
            time.sleep(0.02)
        _, said = process.communicate(timeout=120)
        assert process.returncode == 130
        assert "Traceback" not in said
        provider.provider.answer = lambda _receipt, n: Reply(body={"id": f"m{n}"})
        process = send(campaign)
        _, said = process.communicate(timeout=120)
        assert process.returncode == (0 if presses == 1 else 4), said
    assert max(Counter(provider.numbers).values()) == 1
    assert presses == 2 or len(provider.received) == COUNT
