"""The command line and a ledger with runs in it, as the tests of ``runs``, ``report`` and others use them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "reporting"))

from reportkit import number, plan, send

from a2pcli.cli.main import run as main
from a2pcli.ledger.records import Run
from a2pcli.ledger.store import Ledger

LEFT_OUT = {
    11: ("invalid-number", None, "=1+1"),
    12: ("duplicate", number(3), None),
    13: ("holdout", number(13), None),
}


@dataclass(frozen=True)
class Said:
    status: int
    out: str
    err: str

    @property
    def json(self):  # type: ignore[no-untyped-def]
        return json.loads(self.out)


Cli = Callable[..., Said]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """The command line, in a folder whose ledger is where the default settings look for it."""
    monkeypatch.chdir(tmp_path)
    for name in ("A2PCLI_LEDGER", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)

    def call(*words: str) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    return call


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    (tmp_path / ".a2pcli").mkdir()
    with Ledger.open(str(tmp_path / ".a2pcli" / "ledger.db")) as opened:
        yield opened


@pytest.fixture
def sent(ledger: Ledger) -> Run:
    """Ten recipients in every state, three rows left out."""
    run = plan(ledger, recipients=10, excluded=LEFT_OUT)
    return send(ledger, run, ["accepted"] * 4 + ["rejected", "unknown", "unknown", "retry"], end="paused")
