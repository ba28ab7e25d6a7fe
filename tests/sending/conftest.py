from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sendkit import open_ledger

from a2pcli.ledger.store import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(tmp_path) as opened:
        yield opened
