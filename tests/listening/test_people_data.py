"""What an answer may say of a person comes from their row of the contacts file, which is read once for all people."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

import a2pcli.contacts.table as table
from a2pcli.actions import people_data
from a2pcli.actions.people_data import PeopleData
from a2pcli.ledger.records import Run
from a2pcli.ledger.store import Ledger

ROWS = 2_000
CSV = "phone,name,note\n" + "".join(f'+4479111{n:05d},Ann {n},"a\n{n}"\n' for n in range(ROWS))
JSONL = "".join(f'{{"phone": "+4479111{n:05d}", "name": "Ann {n}"}}\n' for n in range(ROWS))


@dataclass
class Planned:
    """A run as far as it matters here."""

    contacts_file: str
    contacts_fingerprint: str
    id: str = "r2345678"


def planned(path: Path) -> Run:
    return cast("Run", Planned(str(path), hashlib.sha256(path.read_bytes()).hexdigest()))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were read."""
    found: list[str] = []
    usual = table.open_table

    def counting(file: str, **more: Any) -> table.Table:
        found.append(file)
        return usual(file, **more)

    monkeypatch.setattr(table, "open_table", counting)
    monkeypatch.setattr(people_data, "ROWS", 300)
    return found


def people() -> PeopleData:
    return PeopleData(cast("Ledger", None))


@pytest.mark.parametrize(("name", "first", "lines"), [("a.csv", 2, 2), ("a.jsonl", 1, 1)])
def test_a_file_is_read_once_for_many_people(
    tmp_path: Path, opened: list[str], name: str, first: int, lines: int
) -> None:
    path = tmp_path / name
    path.write_text(JSONL if "jsonl" in name else CSV)
    data, run = people(), planned(path)
    for n in (0, 299, 300, 1_234, ROWS - 1):
        assert data.of_row(run, first + lines * n, f"+4479111{n:05d}")["name"] == f"Ann {n}"
    assert data.of_row(run, first + lines * 7, "+447911100008") == {}, "the row is somebody else's"
    assert data.of_row(run, first + lines * ROWS, "+447911100001") == {}
    assert opened == [str(path)]


def test_a_file_that_is_not_as_it_was_planned_says_nothing_until_it_is_again(
    tmp_path: Path, opened: list[str]
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(CSV)
    data, run = people(), planned(path)
    path.write_text(CSV.replace("Ann", "Bob"))
    assert data.of_row(run, 2, "+447911100000") == {}
    path.unlink()
    assert data.of_row(run, 2, "+447911100000") == {}
    path.write_text(CSV)
    assert data.of_row(run, 2, "+447911100000")["name"] == "Ann 0"
