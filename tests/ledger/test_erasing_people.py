"""Erasing a person from the ledger: every table, every byte, and what stays on purpose."""

from __future__ import annotations

import json
import os
import stat
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from ledgerkit import NOW, Make, claim, number, settle, states
from plankit import opened_plans
from sqlalchemy import insert, text

from a2pcli.contacts.receipt_file import Receipt
from a2pcli.delivery import Delivery
from a2pcli.errors import LedgerError, RunBusy
from a2pcli.ledger import erased, personal
from a2pcli.ledger.answers import NewAnswer
from a2pcli.ledger.chunks import Chunk
from a2pcli.ledger.codes import CodeLimits, NewCode
from a2pcli.ledger.conversations import Heard
from a2pcli.ledger.erasure import Person
from a2pcli.ledger.lock import planner_lock, sender_lock
from a2pcli.ledger.records import ExcludedRows
from a2pcli.ledger.replies import KeptReply
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.surveys import NewSession
from a2pcli.ledger.tables import consents, contacted, events, suppressions
from a2pcli.ledger.triggers import Leaving, NewTrigger
from a2pcli.messages import Outcome, State, Verdict

KEY = "a key of the tests, long enough"
ANN = Person(number(7), (number(7).removeprefix("+44"),))


@pytest.fixture(autouse=True)
def key(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a server the key must be given; beside a file it may be found there."""
    monkeypatch.delenv(erased.KEY_VARIABLE, raising=False)
    if "url" in request.fixturenames and "://" in request.getfixturevalue("url"):
        monkeypatch.setenv(erased.KEY_VARIABLE, KEY)


def full(ledger: Ledger, make: Make) -> None:
    """A ledger that knows Annabelle in every table."""
    excluded = ExcludedRows(
        row=[11, 12], line=[12, 13], reason="ambiguous-number", cell=[f"{ANN.address[1:]}; 1", "077009-00007"]
    )
    sent = make.plan(
        10,
        excluded=excluded,
        campaign="first",
        columns={
            "body": [f"Dear Annabelle {n}" for n in range(10)],
            "consent": [f"2026-01-02 | card of Annabelle {n}" for n in range(10)],
        },
    )
    ledger.attempts.start(sent, NOW)
    answer = Outcome(Verdict.ACCEPTED, gateway_id="SM7", detail=f"to {ANN.address} Annabelle")
    settle(ledger, sent, claim(ledger, sent), answer)
    ledger.runs.set_state(sent, "finished")
    hers, others = (Receipt(2, id, sent.reference(row), "delivered", Delivery.DELIVERED, None, NOW) for id, row in
                    (("SM-Annabelle", 8), ("SM-other", 4)))  # fmt: skip
    ledger.receipts.add([hers], "", f"{ANN.address[1:]}.csv", NOW)
    ledger.receipts.add([others], "", f"{ANN.address[1:]}.csv", NOW)
    make.plan(10, campaign="second", columns={"body": "Dear Annabelle"})
    reply = KeptReply(ANN.address, "Annabelle here: stop", "stop")
    ledger.replies.add([reply], f"{ANN.address[1:]}.csv", keep_texts=True, now=NOW)
    answer = NewAnswer(
        "stop:1", "stop", ANN.address, "sms", "gw", "Bye Annabelle", NOW + 1, f"for {ANN.address}"
    )
    ledger.answers.add(answer, now=NOW)
    asked = NewSession("visit", ANN.address, "sms", "gw", "", None, None, "why", NOW, NOW)
    ledger.surveys.answer(ledger.surveys.begin(asked, NOW), "text", "Annabelle liked it", NOW, late=False)
    ledger.conversations.hear(Heard(ANN.address, "sms", "gw", "", None, "unclear"), NOW)
    limits = CodeLimits(valid=1000, attempts=5, resend=30, per_hour=5, per_day=10)
    for use in ("login", "number"):
        ledger.codes.begin(NewCode(use, ANN.address, "GB", f"hmac of Annabelle {use}"), limits, now=NOW)
    ledger.codes.enter("number", ANN.address, "hmac of Annabelle number", limits, now=NOW)
    device = f"sensor of {ANN.address}"
    to = {"to": ANN.texts[0]}
    paid = NewTrigger("paid", device, ANN.address, to, device, NOW, NOW + 9, device, 9, device)
    ledger.triggers.add([paid, replace(paid, key="later", digest=None)], now=NOW)
    (event,) = [one for one in ledger.triggers.due("paid", now=NOW) if one.digest is None]
    told = Leaving(replace(answer, key="event:1"))
    ledger.triggers.settle([event], "sent", leaving=told, detail=device, now=NOW)
    ledger.reachability.keep("rbm", {ANN.address: False}, NOW)
    ledger.optouts.add(ANN.address, source="by hand", reason=f"Annabelle asked from {ANN.address}")
    with ledger.engine.begin() as connection:
        connection.execute(
            insert(consents).values(
                address=ANN.address, basis="express", given_at=1, source="Annabelle", recorded_at=1
            )
        )
        connection.execute(contacted.delete())
        connection.execute(insert(contacted).values(message=1, address=ANN.address, at=1, campaign="first"))
        connection.execute(
            insert(events).values(at=1, kind="run", run=sent.number, detail=f"refused {ANN.address}")
        )
        summary = {"samples": [{"number": ANN.address, "body": "Annabelle"}, {"number": number(3)}]}
        connection.execute(text("UPDATE runs SET summary = :s"), {"s": json.dumps(summary)})


def everything(ledger: Ledger) -> str:
    """All rows of all tables, and of all chunks, as text."""
    with ledger.engine.begin() as connection:
        from a2pcli.ledger.tables import metadata, plan_chunks

        rows = [row for table in metadata.sorted_tables for row in connection.execute(table.select())]
        plans = [
            Chunk.read(row.number, row.first_row, row.rows, row.data).table.to_pylist()
            for row in connection.execute(plan_chunks.select())
        ]
        return "\n".join(map(repr, [*rows, *plans]))


def test_no_table_names_an_erased_person(ledger: Ledger, make: Make) -> None:
    full(ledger, make)
    assert ANN.texts[0] in everything(ledger)
    receipt = ledger.people.erase(ANN, NOW)
    left = everything(ledger)
    assert ANN.texts[0] not in left
    assert "SM7" in left, "the other people's answers stay"
    assert receipt.changed["messages"] == 4
    assert receipt.skipped == 1
    assert receipt.changed["consents"] == receipt.changed["contacted"] == receipt.changed["suppressions"] == 1


def test_every_column_of_texts_says_what_it_may_hold_of_a_person() -> None:
    """Erasure, export and retention go by it: a new column is declared, or this fails."""
    assert personal.undeclared() == []


def test_every_table_that_holds_something_of_a_person_is_given_out_and_erased(
    ledger: Ledger, make: Make
) -> None:
    full(ledger, make)
    given = ledger.people.export(ANN)
    receipt = ledger.people.erase(ANN, NOW)
    for table in personal.tables(personal.Holds.ADDRESS, personal.Holds.OWN):
        name = "messages" if table.name == "attempts" else table.name
        assert given.get(name) or any(message.get(name) for message in given["messages"]), table.name
        assert receipt.changed[name], table.name
    left = everything(ledger)
    assert "SM-Annabelle" not in left
    assert "SM-other" in left


def test_rows_and_counts_of_others_hold(ledger: Ledger, make: Make) -> None:
    full(ledger, make)
    first, second = sorted(ledger.runs.all(), key=lambda run: run.number)
    before = ledger.runs.totals(first).by_state
    ledger.people.erase(ANN, NOW)
    assert ledger.runs.totals(first).by_state == before
    assert states(ledger, second) == {"planned": 9, "skipped": 1}
    assert ledger.runs.totals(second).by_reason == {"erased": 1}
    assert [one["number"] for one in ledger.runs.get(first.id).summary["samples"]] == [number(3)]
    assert len(ledger.messages.history(number(3))) == 2


def test_an_erased_person_is_never_claimed(ledger: Ledger, make: Make) -> None:
    run = make.plan(3)
    ledger.people.erase(Person(number(1)), NOW)
    ledger.attempts.start(run, NOW)
    assert [one.message.to for one in ledger.attempts.exchange(run, [], 10, NOW).claimed] == [
        number(0),
        number(2),
    ]


def test_what_stays_is_a_keyed_hash_that_knows_the_number_again(ledger: Ledger, make: Make) -> None:
    full(ledger, make)
    ledger.people.erase(ANN, NOW)
    people = ledger.people.erased()
    assert people.holds(ANN.address)
    assert people.among(pa.array([number(6), None, ANN.address])).tolist() == [False, False, True]
    with ledger.engine.begin() as connection:
        assert erased.erased_of(connection, [number(6), ANN.address]) == {ANN.address}
        assert erased.erased_among(connection, pa.array([ANN.address])).tolist() == [True]
    assert ANN.texts[0] not in repr(people)


@pytest.mark.parametrize("secret", [b"k" * 16, b"k" * 64, b"k" * 65, b"k" * 200])
def test_a_column_is_hashed_as_a_single_address_is(secret: bytes) -> None:
    key = erased.ErasureKey(secret)
    addresses = ["+447911123456", None, "", "ä@example.org"]
    people = erased.Erased(key, frozenset({key.hash_of("+447911123456"), key.hash_of("ä@example.org")}))
    assert people.among(pa.array(addresses)).tolist() == [True, False, False, True]


def test_erasing_twice_keeps_one_hash(ledger: Ledger, make: Make) -> None:
    full(ledger, make)
    first, second = ledger.people.erase(ANN, NOW), ledger.people.erase(ANN, NOW)
    assert first.hash == second.hash
    assert second.nothing
    with ledger.engine.begin() as connection:
        held = connection.execute(suppressions.select().where(suppressions.c.address == first.hash)).all()
    assert len(held) == 1


def test_the_receipt_in_the_audit_trail_has_counts_and_no_number(ledger: Ledger, make: Make) -> None:
    full(ledger, make)
    receipt = ledger.people.erase(ANN, NOW)
    (entry,) = [entry for entry in ledger.audit.entries() if entry.action == "people.erase"]
    assert entry.subject == receipt.hash
    assert entry.facts["rows"]["messages"] == 4
    assert ledger.audit.verify().sound


def test_an_export_holds_every_table_and_after_the_erasure_only_the_hash(ledger: Ledger, make: Make) -> None:
    full(ledger, make)
    held = ledger.people.export(ANN)
    assert [row["body"] for row in held["messages"] if row["body"]] == ["Dear Annabelle 7", "Dear Annabelle"]
    assert held["messages"][0]["events"][0]["detail"].endswith("Annabelle")
    assert [len(held[name]) for name in ("suppressions", "consents", "contacted")] == [1, 1, 1]
    ledger.people.erase(ANN, NOW)
    after = ledger.people.export(ANN)
    assert after["erased"] is True
    assert [len(after[name]) for name in ("messages", "consents", "contacted")] == [0, 0, 0]


def test_who_is_erased_while_a_run_is_sent_gets_nothing_from_that_moment(
    ledger: Ledger, make: Make, url: str
) -> None:
    run = make.sending(6)
    with sender_lock(ledger, run), Ledger.open(url) as other:
        first = claim(ledger, run, 2)
        receipt = other.people.erase(Person(number(4)), NOW)
        assert (receipt.skipped, receipt.in_flight) == (1, 0)
        assert number(4) not in everything(other)
        settle(ledger, run, first)
        rest = ledger.attempts.exchange(run, [], 10, NOW).claimed
        assert [one.message.to for one in rest] == [number(2), number(3), number(5)]


def test_a_message_that_is_on_its_way_is_waited_for(ledger: Ledger, make: Make, url: str) -> None:
    run = make.sending(3)
    with sender_lock(ledger, run), Ledger.open(url) as other:
        ids = claim(ledger, run, 2)
        assert other.people.erase(Person(number(1)), NOW).in_flight == 1
        assert len(other.messages.history(number(1))) == 1
        settling = threading.Timer(0.3, settle, (ledger, run, ids))
        settling.start()
        receipt = other.people.erase(Person(number(1)), NOW, patience=20)
        settling.join()
    assert receipt.in_flight == 0
    assert number(1) not in everything(ledger)
    assert states(ledger, run)["accepted"] == 2


def test_while_a_plan_is_made_the_person_is_suppressed_at_once(ledger: Ledger, make: Make, url: str) -> None:
    make.begun()
    with Ledger.open(url) as other:
        with pytest.raises(RunBusy, match="planning"):
            other.people.erase(ANN, NOW)
        assert other.people.export(ANN)["erased"] is True


def test_a_planner_that_died_holds_nothing_up(ledger: Ledger, make: Make, url: str) -> None:
    run = make.begun()
    ledger.plans._locks.pop(run.number).drop()
    ledger.people.erase(ANN, NOW)
    lock = planner_lock(ledger.engine, run.number, run.id)
    assert lock.take(), "and its lock is free again"
    lock.drop()


def test_an_unknown_message_of_an_erased_person_is_never_planned_again(ledger: Ledger, make: Make) -> None:
    run = make.sending(2)
    settle(ledger, run, claim(ledger, run), Outcome(Verdict.UNKNOWN))
    ledger.runs.set_state(run, "paused")
    ledger.people.erase(Person(number(1)), NOW)
    ledger.attempts.settle_unknown(run, None, State.PLANNED, "not sent", NOW)
    assert states(ledger, run) == {"planned": 1, "unknown": 1}


def test_another_key_than_the_hashes_were_made_with_is_refused(
    ledger: Ledger, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.people.erase(ANN, NOW)
    monkeypatch.setenv(erased.KEY_VARIABLE, "another key, long enough too")
    with pytest.raises(LedgerError, match="not the one"):
        ledger.people.erased()


def test_a_key_that_is_short_is_refused(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(erased.KEY_VARIABLE, "short")
    with pytest.raises(LedgerError, match="too short"):
        ledger.people.erase(ANN, NOW)


def test_a_server_without_a_key_is_told_to_give_one(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(erased.KEY_VARIABLE, raising=False)
    with Ledger.open(postgres_url) as ledger, pytest.raises(LedgerError) as caught:
        ledger.people.erase(ANN, NOW)
    assert erased.KEY_VARIABLE in str(caught.value)


# -- the bytes of a SQLite ledger ----------------------------------------------------------------------------


def files_with(folder: Path, *needles: bytes) -> list[str]:
    """The files that hold one of the needles, as they are or in what zstd packed, wherever that begins."""
    return sorted(
        path.name
        for path in folder.rglob("*")
        if path.is_file() and any(needle in all_bytes(path) for needle in needles)
    )


ZSTD = bytes.fromhex("28b52ffd")  # RFC 8878, section 3.1.1


def all_bytes(path: Path) -> bytes:
    """A file's bytes, and those of every zstd frame in it as far as it can be unpacked: also on pages that are free, or
    in the log."""
    data = path.read_bytes()
    found = [data]
    at = data.find(ZSTD)
    while at >= 0:
        source = pa.BufferReader(data[at : at + 100_000])
        with pa.CompressedInputStream(source, "zstd") as frame, suppress(OSError):
            while piece := frame.read(16):
                found.append(piece)
        at = data.find(ZSTD, at + 1)
    return b"".join(found)


def test_no_byte_of_number_or_name_is_left_in_any_file_of_the_ledger(tmp_path: Path) -> None:
    needles = (ANN.texts[0].encode(), b"Annabelle")
    with Ledger.open(str(tmp_path / "ledger.db")) as ledger:
        full(ledger, Make(ledger))
        for _ in range(5):  # plans that are replaced leave their rows' bytes behind
            Make(ledger).plan(10, campaign="second", columns={"body": "Dear Annabelle"})
        assert files_with(tmp_path, *needles)
        with opened_plans(tmp_path / "ledger.db") as others:  # the name of others is not hers to take away
            others.execute("UPDATE messages SET body = 'Dear friend' WHERE address <> ?", (ANN.address,))
            others.execute("UPDATE messages SET consent = NULL WHERE address <> ?", (ANN.address,))
            others.execute("UPDATE attempts SET detail = NULL WHERE address <> ?", (ANN.address,))
            others.execute("UPDATE events SET detail = NULL WHERE message % 4294967296 <> 8")
        ledger.people.erase(ANN, NOW)
        ledger.rewrite()
        assert files_with(tmp_path, *needles) == []
        binary = int(ANN.address[1:]).to_bytes(6, "big")
        assert files_with(tmp_path, binary) == [], "nor the person's key, which is the number as an integer"
    assert files_with(tmp_path, *needles) == []


def test_the_search_of_bytes_can_fail(tmp_path: Path) -> None:
    """Without the rewriting, the log at least still holds the name."""
    with Ledger.open(str(tmp_path / "ledger.db")) as ledger:
        full(ledger, Make(ledger))
        ledger.people.erase(ANN, NOW)
        assert files_with(tmp_path, b"Annabelle")


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
def test_every_file_beside_the_ledger_is_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        place = tmp_path / "new" / "ledger.db"
        with Ledger.open(str(place)) as ledger:
            run = Make(ledger).plan(3)
            ledger.people.erase(ANN, NOW)
            with sender_lock(ledger, run):
                found: dict[str, Any] = {
                    path.name: stat.S_IMODE(path.stat().st_mode) for path in place.parent.rglob("*")
                }
    finally:
        os.umask(before)
    assert {"ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.db-erasure-key"} <= set(found)
    assert found.pop("ledger.db-locks") == 0o700
    assert set(found.values()) == {0o600}
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700


def test_an_erased_person_whose_row_came_too_late_is_skipped_at_the_claim(ledger: Ledger, make: Make) -> None:
    """A planner that looked at the list before the erasure may store the number after it."""
    ledger.people.erase(Person(number(1)), NOW)
    run = make.plan(3, purpose="marketing")
    ledger.attempts.start(run, NOW)
    done = ledger.attempts.exchange(run, [], 10, NOW)
    assert [one.message.to for one in done.claimed] == [number(0), number(2)]
    assert ledger.runs.totals(run).by_reason == {"erased": 1}


def test_an_otp_reaches_an_erased_person_who_asks_for_one(ledger: Ledger, make: Make) -> None:
    """As with opt-outs: what a person asked for just now is not held back."""
    ledger.people.erase(Person(number(1)), NOW)
    run = make.plan(3, purpose="otp")
    ledger.attempts.start(run, NOW)
    assert len(ledger.attempts.exchange(run, [], 10, NOW).claimed) == 3
