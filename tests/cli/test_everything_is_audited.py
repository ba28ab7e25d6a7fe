"""Whatever changes the ledger leaves an entry in its audit trail, whoever it came from and however it ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from clikit import Project
from sqlalchemy import select
from sqlalchemy.engine import Connection
from test_docs_examples import ALL
from test_json_documents import CAME, JSON_CALLS, environ_of, path_of, with_inbox

from a2pcli.errors import LedgerUnavailable
from a2pcli.ledger import audit
from a2pcli.ledger.cipher import key_from
from a2pcli.ledger.records import now_ms
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.tables import metadata

GATEWAYS = """\
region: GB
rates: rates.csv
gateways:
  doubt: {type: simulator, mix: {unknown: 100%}, latency: {}}
  refusing: {type: simulator, mix: {permanent: 100%}, latency: {}}
  left: {type: simulator, mix: {opted_out: 100%}, latency: {}}
  lists: {type: simulator, receipts: {file: r.jsonl, delay: 0}, replies: came.jsonl}
"""

CALLS = [
    *JSON_CALLS[: JSON_CALLS.index(("receipts", "import", "receipts.csv"))],
    ("retry", "refused", "--yes"),
    ("cancel", "refused", "--yes"),
    ("preview", "left.yaml"),
    ("explain", "07911123456", "--campaign", "left.yaml"),
    ("send", "left.yaml", "--yes"),
    *JSON_CALLS[JSON_CALLS.index(("receipts", "import", "receipts.csv")) :],
]

CHANGES = {
    "plan", "send", "cancel", "retry", "reconcile", "receipts import", "receipts pull", "replies pull",
    "optout add", "optout remove",
    "optout import", "optout reply", "optout replies", "consent record", "consent import", "consent revoke",
    "people erase", "contacts reach", "inbox assign", "inbox reply", "inbox close", "survey start", "trigger",
    "draft",
}  # fmt: skip
"""Commands that change more than the trail in the calls below; the test would prove nothing of one that does not."""


@pytest.fixture
def used(project: Project) -> Project:
    """A project with an opt-out, and campaigns for gateways that take, doubt, reject, and tell of opt-outs."""
    project.starter()
    project.write("a2pcli.yaml", GATEWAYS)
    text = (project.folder / "sale.yaml").read_text()
    for name, gateway in (("doubt", "doubt"), ("refused", "refusing"), ("left", "left")):
        campaign = "sale" if name == "doubt" else name
        project.write(f"{name}.yaml", text.replace("spring-sale", campaign) + f"gateway: {gateway}\n")
    text = text.replace("spring-sale", "card").replace("sender: Shop\n", "")
    project.write("card.yaml", text + "gateway: doubt\nchannel: rcs\n")
    project.write("replies.csv", "phone,text\n07911123493,stop\n07911123494,maybe stop?\n")
    project.write("receipts.csv", "id,status\nnobody,delivered\n")
    project.write("came.jsonl", CAME % datetime.now(UTC).isoformat())
    project.write("signups.csv", "phone,consent_at\n07911123495,2026-01-02\n")
    project.run("ledger", "create")
    assert project.run("optout", "add", "07911123499").status == 0
    with_inbox(project)
    return project


def content(project: Project, key: str | None = None) -> tuple[dict[str, list[Any]], list[str]]:
    """Every row of every table but the trail, and the trail's actions from its first entry."""
    with Ledger.open_with(str(project.folder / ".a2pcli/ledger.db"), key_from(key)) as ledger:
        with ledger.engine.connect() as connection:
            rows = {
                name: sorted(map(repr, connection.execute(select(table)).all()))
                for name, table in metadata.tables.items()
                if name not in ("audit", "occasions")  # a name's number is given to whoever asks for it
            }
        return rows, [entry.action for entry in ledger.audit.entries()][::-1]


def test_every_command_that_changes_the_ledger_leaves_an_entry_and_changes_nothing_where_that_fails(
    used: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for campaign, status in (("sale", 0), ("doubt", 4), ("refused", 4)):
        assert used.run("send", f"{campaign}.yaml", "--yes").status == status
    changed, broke = set(), set()
    before, trail = content(used)
    for call in CALLS:
        keys = environ_of(call)
        # A plan that breaks is left as a killed planner leaves it, and sending has its entry before it begins.
        if call[0] not in ("plan", "send") and not keys:
            with entry_fails(monkeypatch) as seen:
                used.run(*call)
            if seen:
                broke.add(" ".join(path_of(call)))
                assert content(used) == (before, trail), call
        used.run(*call, **keys)
        key = keys.get("A2PCLI_LEDGER_NEW_KEY", keys.get("A2PCLI_LEDGER_KEY"))
        after, longer = content(used, key if "decrypt" not in call else None)
        tables = [name for name in before if before[name] != after[name]]
        if tables:
            changed.add(" ".join(path_of(call)))
            assert len(longer) > len(trail), (call, tables)
        before, trail = after, longer
    assert changed >= CHANGES
    assert broke >= CHANGES - {"plan", "send"}
    assert {path_of(call) for call in CALLS} == {path_of(call) for call in JSON_CALLS}
    assert {path for path in ALL if path in map(path_of, CALLS)} == set(map(path_of, CALLS))


def entries(project: Project, action: str) -> list[dict[str, Any]]:
    """The trail's entries of one action, newest first."""
    found = project.run("audit", "list", "--all", "--json").json["entries"]
    return [entry for entry in found if entry["action"] == action]


def test_opt_outs_that_a_gateway_tells_are_in_the_trail_without_a_number(used: Project) -> None:
    assert used.run("send", "left.yaml", "--yes").status == 4
    suppressed = used.run("optout", "list", "--json").json["suppressions"]
    told = [one["number"] for one in suppressed if one["source"] == "gateway left"]
    assert told
    (run,) = [line["run"] for line in used.run("runs", "--json").json["runs"] if line["campaign"] == "left"]
    found = entries(used, "optout.gateway")
    assert sum(entry["detail"]["people"] for entry in found) == len(told)
    assert {entry["subject"] for entry in found} == {run}
    assert not any(number.lstrip("+") in str(found) for number in told)


@pytest.mark.parametrize(
    ("call", "action", "detail"),
    [
        (("optout", "reply", "07911123497", "please stop texting me"), "optout.reply", {"meaning": "stop"}),
        (("optout", "reply", "07911123497", "thanks!"), "optout.reply", {"done": "nothing done"}),
        (("consent", "record", "07911123496", "--source", "shop"), "consent.record", {"basis": "express"}),
        (("send", "sale.yaml", "--test-to", "07911123450", "--yes"), "send.test", {"verdict": "accepted"}),
    ],
)
def test_an_entry_says_what_was_done_and_to_how_many(
    used: Project, call: tuple[str, ...], action: str, detail: dict[str, Any]
) -> None:
    used.run(*call)
    (entry,) = entries(used, action)
    assert entry["detail"].items() >= detail.items()
    assert entry["subject"].startswith("#")
    assert call[2].lstrip("0") not in str(entry)


@pytest.mark.parametrize(
    ("call", "action", "done"),
    [
        (("optout", "import", "broken.csv"), "optout.import", "added"),
        (("consent", "import", "broken.csv", "--source", "shop"), "consent.import", "recorded"),
    ],
)
def test_a_file_that_breaks_half_way_leaves_an_entry_of_what_was_done(
    used: Project, call: tuple[str, ...], action: str, done: str
) -> None:
    good = "".join(f"+4479111{number:05d},2026-01-02\n" for number in range(40_000))
    used.write("broken.csv", f'phone,consent_at\n{good}+447911123456,"2026-01-02\n')
    assert used.run(*call).status == 3
    kept = entries(used, action)
    assert all(entry["detail"][done] > 0 for entry in kept)
    rows, _ = content(used)
    there = len(rows["suppressions"]) - 1 if done == "added" else len(rows["consents"])
    assert sum(entry["detail"][done] for entry in kept) == there


def test_replies_that_could_not_all_be_kept_leave_an_entry_of_those_that_were(
    used: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    used.write("replies.csv", "phone,text\n" + "".join(f"0791112390{n},stop\n" for n in range(5)))
    monkeypatch.setattr("a2pcli.actions.replies.PIECE", 2)
    with entry_fails(monkeypatch, nth=3):
        said = used.run("optout", "replies", "replies.csv")
    assert said.status == 8
    assert "4 replies were acted on before" in said.err
    assert [entry["detail"] for entry in entries(used, "optout.replies")] == [
        {"changed": 2, "kept": 2, "stop": 2}
    ] * 2
    numbers = {one["number"] for one in used.run("optout", "list", "--json").json["suppressions"]}
    assert {f"+44791112390{n}" for n in range(5)} & numbers == {f"+44791112390{n}" for n in range(4)}


@contextmanager
def entry_fails(monkeypatch: pytest.MonkeyPatch, nth: int = 1) -> Iterator[list[str]]:
    """The ledger breaks between the ``nth`` entry of the trail and its commit; gives the actions of the entries."""
    seen: list[str] = []
    real = audit.append

    def append(connection: Connection, action: str, *rest: Any) -> Any:
        entry = real(connection, action, *rest)
        seen.append(action)
        if len(seen) == nth:
            raise LedgerUnavailable("the disk is full")
        return entry

    with monkeypatch.context() as patched:
        patched.setattr(audit, "append", append)
        yield seen


def test_an_erasure_that_breaks_has_the_entry_of_what_it_did(
    used: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert used.run("send", "sale.yaml", "--yes").status == 0
    with entry_fails(monkeypatch, nth=3) as seen:
        assert used.run("people", "erase", "07911123456", "--yes").status == 8
    assert seen == ["people.suppress", "plan.change", "people.erase"]
    assert used.run("audit", "list", "--json").json["entries"][0]["action"] == seen[0]
    assert used.run("people", "export", "07911123456").json["messages"]


def test_retention_writes_its_entries_with_what_it_removes(
    used: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert used.run("send", "sale.yaml", "--yes").status == 0
    assert used.run("plan", "refused.yaml").status == 0
    used.write("a2pcli.yaml", GATEWAYS + "retention: {default: 2 days, bodies: 1 day, plans: 1 day}\n")
    later = now_ms() + 10 * 86_400_000
    monkeypatch.setattr("a2pcli.ledger.people.now_ms", lambda: later)
    before = content(used)
    with entry_fails(monkeypatch) as seen:
        assert used.run("prune", "--yes").status == 8
    assert seen == ["prune"]
    assert content(used) == before
    assert used.run("prune", "--yes").status == 0
    states = {line["run"]: line["state"] for line in used.run("runs", "--all", "--json").json["runs"]}
    assert {entry["subject"] for entry in entries(used, "prune")} == set(states)
    assert "discarded" in states.values()
