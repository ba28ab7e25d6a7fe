"""What ``send`` writes into a log while it has nothing new to tell."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "sending"))

from sendkit import plan_run

from a2pcli.cli.screens import progress as shown
from a2pcli.ledger.store import Ledger
from a2pcli.sending.options import Progress

MOMENT = Progress("sending", 400, 390, 4, 6, 0, 0, 0, 0, 0.0, None, {}, {})


@pytest.fixture
def lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    told: list[str] = []
    monkeypatch.setattr(shown, "tell", told.append)
    monkeypatch.setattr(shown, "is_live_terminal", lambda: False)
    return told


def test_a_line_that_would_say_the_same_again_comes_once_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str]
) -> None:
    now = [1000.0]
    monkeypatch.setattr(shown.time, "monotonic", lambda: now[0])
    with Ledger.open(str(tmp_path / "ledger.db")) as ledger:
        run = plan_run(ledger, 3)
    with shown.SendProgress(run) as show:
        for _ in range(130):
            now[0] += 1
            show(MOMENT)
        assert len(lines) == 3
        assert "waiting for receipts" not in lines[0]
        assert all("waiting for receipts" in line for line in lines[1:])
        now[0] += 6
        show(replace(MOMENT, done=401))
    assert "401 of 401" in lines[-1]
    assert len(lines) == 4
