from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from a2pcli.ledger.store import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(str(tmp_path / "ledger.db"), busy_seconds=0.2) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local times in texts are the same wherever the tests run."""
    if not hasattr(time, "tzset"):
        pytest.skip("the local time zone cannot be set here")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
