"""Commands that ask the ledger leave it as it is, byte for byte, and make none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from clikit import Project
from test_docs_examples import ALL

from a2pcli.ledger.store import Ledger

READING = [
    ("check", "sale.yaml"),
    ("preview", "sale.yaml"),
    ("preview", "sale.yaml", "--row", "2"),
    ("preview", "sale.yaml", "--longest"),
    ("explain", "07911123456"),
    ("explain", "07911123456", "--campaign", "sale.yaml"),
    ("explain", "07911123456", "--campaign", "other.yaml"),
    ("runs",),
    ("runs", "--all"),
    ("report",),
    ("report", "spring-sale"),
    ("contacts", "check", "people.csv"),
    ("count", "hello"),
    ("gateways",),
    ("gateways", "show", "outbox"),
    ("templates", "list"),
    ("optout", "list"),
    ("optout", "check", "07911123499"),
    ("consent", "show", "07911123496"),
    ("consent", "list"),
    ("replies", "check"),
    ("replies", "test", "order 1", "--from", "07911123456"),
    ("replies", "usage"),
    ("inbox", "list"),
    ("inbox", "show", "cnothing"),
    ("survey", "check"),
    ("survey", "list"),
    ("survey", "results", "visit"),
    ("audit", "list"),
    ("audit", "verify"),
    ("prune", "--dry-run"),
    ("receipts", "import", "receipts.csv", "--dry-run"),
    ("ledger", "check"),
    ("ledger", "query", "SELECT * FROM messages"),
    ("ledger", "query"),
]

WRITING = {
    ("init",), ("plan",), ("send",), ("cancel",), ("retry",), ("reconcile",), ("people", "erase"),
    ("schema",), ("listen",),
    ("optout", "add"), ("optout", "remove"), ("optout", "import"), ("optout", "reply"), ("optout", "replies"),
    ("consent", "record"), ("consent", "import"), ("consent", "revoke"),
    ("ledger", "create"), ("ledger", "accept"), ("ledger", "encrypt"), ("ledger", "rekey"), ("ledger", "decrypt"),
    ("people", "export"), ("optout", "export"), ("consent", "export"), ("gateways", "test"),
    ("inbox", "reply"), ("inbox", "assign"), ("inbox", "close"), ("otp", "send"), ("trigger",), ("otp", "verify"),
    ("receipts", "pull"), ("replies", "pull"), ("survey", "start"), ("draft",),
    ("gateways", "add"), ("templates", "sync"), ("contacts", "reach"),
}  # fmt: skip
"""The other commands. Exports note in the audit trail that people were written into a file."""


@pytest.fixture
def started(project: Project) -> Project:
    project.starter()
    project.write("receipts.csv", "id,status\nnobody,delivered\n")
    project.write("templates.wa.yaml", "fetched: 2026-01-02\ntemplates: []\n")
    text = (project.folder / "sale.yaml").read_text()
    project.write("other.yaml", text.replace("spring-sale", "never-planned"))
    return project


def files(project: Project) -> dict[str, bytes]:
    """The ledger's file and its log, and what the project remembers of it."""
    found = {
        path.name: path.read_bytes()
        for path in (project.folder / ".a2pcli").glob("ledger.db*")
        if path.is_file()
    }
    memory = project.folder / ".a2pcli-ledger.json"
    if memory.exists():
        found[memory.name] = memory.read_bytes()
    found.pop("ledger.db-shm", None)  # an index that SQLite makes anew
    return found


def asked(project: Project) -> None:
    before = files(project)
    for call in READING:
        for form in ((), ("--json",)) if call[0] in ("runs", "report") else ((),):
            done = project.run(*call, *form)
            assert done.status in (0, 1, 2, 3), (call, done)
            assert "read-only" not in done.err, (call, done)
            assert files(project) == before, call


def test_what_asks_the_ledger_leaves_it_as_it_is(started: Project) -> None:
    assert started.run("send", "sale.yaml", "--yes").status == 0
    assert started.run("optout", "add", "07911123499").status == 0
    asked(started)


def test_the_log_of_a_killed_sender_stays_as_it_is(started: Project) -> None:
    assert started.run("plan", "sale.yaml").status == 0
    place = started.folder / ".a2pcli/ledger.db"
    with Ledger.open(str(place)) as ledger:
        ledger.optouts.add("+447911123499", source="test")
        for word in ("", "-wal"):
            shutil.copyfile(f"{place}{word}", started.folder / f"kept{word}")
    for word in ("", "-wal"):
        shutil.copyfile(started.folder / f"kept{word}", f"{place}{word}")
    assert Path(f"{place}-wal").stat().st_size
    asked(started)
    assert started.run("optout", "check", "07911123499", "--json").json["suppressed"]


def test_no_ledger_is_made_by_asking(started: Project) -> None:
    asked(started)
    assert not (started.folder / ".a2pcli").exists()
    assert not (started.folder / ".a2pcli-ledger.json").exists()


def test_a_preview_does_not_take_another_ledger_for_the_projects(started: Project) -> None:
    assert started.run("plan", "sale.yaml").status == 0
    for path in (started.folder / ".a2pcli").glob("ledger.db*"):
        if path.is_file():
            path.rename(path.with_name("moved" + path.name))
    done = started.run("preview", "sale.yaml")
    assert done.status != 0
    assert "ledger" in done.err
    assert not (started.folder / ".a2pcli/ledger.db").exists()


def test_every_command_is_known_to_read_or_to_write() -> None:
    reading = {next(path for path in (call[:2], call[:1]) if path in ALL) for call in READING}
    groups = {path for path in ALL if any(len(other) > len(path) == 1 and other[:1] == path for other in ALL)}
    assert reading | WRITING >= set(ALL) - groups - {()}
    assert not reading & WRITING
