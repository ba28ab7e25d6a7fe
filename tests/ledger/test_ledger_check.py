"""``a2pcli ledger check``: a sound ledger has no finding, and every kind of damage is found."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from clikit import PEOPLE, Project
from ledgerkit import ACCEPTED, NOT_SENT, NOW, UNKNOWN, Make, claim, number, settle
from test_version_0_1_0 import old as old

from a2pcli.ledger import erased
from a2pcli.ledger.erasure import Person
from a2pcli.ledger.integrity import ADVICE
from a2pcli.ledger.store import Ledger

KEY = {"A2PCLI_LEDGER_KEY": "ab" * 32}

FIRST = "(SELECT number FROM runs WHERE campaign = 'spring-sale')"
WAITING = "(SELECT number FROM runs WHERE campaign = 'waiting')"
ONE = f"id = (SELECT min(id) FROM attempts WHERE run = {FIRST} AND address IS NOT NULL)"

GATEWAYS = """\
region: GB
hours: 00:00-23:00
rates: rates.csv
gateways:
  doubt: {type: simulator, mix: {unknown: 100%}, latency: {}}
  refusing: {type: simulator, mix: {permanent: 100%}, latency: {}}
"""


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose ledger has seen most of what there is."""
    project = Project(tmp_path_factory.mktemp("used"))
    text = project.starter(people=PEOPLE + "".join(f"07911124{n:04d},P{n},gold\n" for n in range(60)))
    sale = (text.folder / "sale.yaml").read_text()
    project.write("a2pcli.yaml", GATEWAYS)
    for name, more in (
        ("doubt", "gateway: doubt\n"),
        ("refused", "gateway: refusing\n"),
        ("waiting", ""),
        ("dropped", ""),
    ):
        project.write(f"{name}.yaml", sale.replace("spring-sale", name) + more)
    project.write("codes.yaml", sale.replace("spring-sale", "codes").replace("marketing", "otp"))
    project.write("signups.csv", "phone,consent_at\n07911123495,2026-01-02\n")
    for call in (
        "ledger create",
        "optout add 07911123499",
        "consent import signups.csv --source shop",
        "send sale.yaml --yes",
        "send doubt.yaml --yes",
        "send refused.yaml --yes",
        "plan codes.yaml",
        "plan waiting.yaml",
        "plan dropped.yaml",
        "cancel dropped --yes",
        "people erase 07911123456 --yes",
    ):
        assert project.run(*call.split()).status in (0, 4), call
    with sqlite3.connect(database(project)) as connection:
        query = f"SELECT gateway_id FROM attempts WHERE run = {FIRST} AND address IS NOT NULL ORDER BY id DESC LIMIT 1"
        ids = [id for (id,) in connection.execute(query)]
    connection.close()
    project.write("r.csv", "id,status\n" + "".join(f"{id},delivered\n" for id in ids))
    assert project.run("receipts", "import", "r.csv").status == 0
    return project


@pytest.fixture
def copied(used: Project, tmp_path: Path) -> Project:
    """A copy of it to damage."""
    shutil.copytree(used.folder, tmp_path / "copy")
    return Project(tmp_path / "copy")


def database(project: Project) -> Path:
    return project.folder / ".a2pcli/ledger.db"


def codes(project: Project, *arguments: str, **environ: str) -> set[str]:
    """The kinds of findings; the exit status fits them."""
    done = project.run("ledger", "check", "--json", *arguments, **environ)
    found = {one["code"] for one in done.json["findings"]}
    assert done.status == (3 if found else 0), done.err
    assert done.json["sound"] is (not found)
    assert all(one["advice"] and one["problem"] in done.err for one in done.json["findings"])
    return found


def test_a_sound_ledger_has_no_finding(used: Project) -> None:
    done = used.run("ledger", "check")
    assert (done.status, done.out) == (0, f"{database(used)}: no problems found\n")
    counted = used.run("ledger", "check", "--json").json
    assert counted["chunks"] == counted["chunks_read"] == 5
    assert counted["rows"] == counted["rows_read"] == 5 * 66


def test_to_check_writes_nothing(used: Project) -> None:
    before = {path: path.read_bytes() for path in used.folder.rglob("*") if path.is_file()}
    assert used.run("ledger", "check").status == 0
    after = {path: path.read_bytes() for path in used.folder.rglob("*") if path.is_file()}
    assert {path for path in before | after if before.get(path) != after.get(path)} <= {
        Path(f"{database(used)}-shm")
    }


def test_an_encrypted_ledger_is_sound_until_a_byte_of_it_is_changed(copied: Project) -> None:
    pytest.importorskip("sqlcipher3", reason="sqlcipher3 is not installed: pip install 'a2pcli[encryption]'")
    assert copied.run("ledger", "encrypt", **KEY).status == 0
    assert codes(copied, **KEY) == set()
    flip(database(copied), database(copied).stat().st_size // 2)
    done = copied.run("ledger", "check", "--json", **KEY)
    assert done.status == 3
    # Where opening the ledger reads that page already, there is nothing to check any more.
    told = {one["code"] for one in done.json.get("findings") or done.json["problems"]}
    assert told & {"file-damaged", "unreadable", "ledger-damaged"}


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_ledger_with_pruned_texts_and_people_is_sound(copied: Project) -> None:
    for rule in ("bodies", "marketing"):
        copied.write("a2pcli.yaml", GATEWAYS + f"retention: {{{rule}: 0h}}\n")
        done = copied.run("prune", "--yes", "--json")
        assert done.status == 0, done.err
        assert done.json
        assert codes(copied) == set()


DAMAGE = {
    f"DELETE FROM attempts WHERE run = {FIRST}": "attempts-lost",
    f"DELETE FROM attempt_counts WHERE run = {FIRST}": "attempts-lost",
    # What a plan says.
    f"UPDATE plan_chunks SET digest = '{'0' * 64}' WHERE run = {FIRST}": "plan-damaged",
    f"UPDATE plan_chunks SET data = substr(data, 1, 100) WHERE run = {FIRST}": "plan-damaged",
    f"UPDATE plan_chunks SET data = zeroblob(0) WHERE run = {FIRST}": "plan-damaged",
    f"UPDATE plan_chunks SET counts = 'x' WHERE run = {FIRST}": "plan-damaged",
    f"UPDATE plan_chunks SET counts = replace(counts, 'GB', 'FR') WHERE run = {FIRST}": "plan-changed",
    f"UPDATE plan_chunks SET accepted = accepted - 1 WHERE run = {FIRST}": "plan-changed",
    f"UPDATE plan_chunks SET first_row = 2 WHERE run = {FIRST}": "plan-incomplete",
    f"UPDATE plan_chunks SET number = 2 WHERE run = {FIRST}": "plan-incomplete",
    f"UPDATE plan_chunks SET rows = 7 WHERE run = {FIRST}": "plan-damaged",
    f"DELETE FROM plan_chunks WHERE run = {FIRST}": "plan-incomplete",
    f"DELETE FROM plan_chunks WHERE run = {WAITING}": "plan-incomplete",
    f"UPDATE plan_chunks SET (data, digest, counts, accepted) = (SELECT data, digest, counts, accepted FROM"
    f" plan_chunks WHERE run = {FIRST}) WHERE run = {WAITING}": "plan-changed",
    f"UPDATE runs SET rows_read = rows_read + 1 WHERE number = {FIRST}": "plan-incomplete",
    f"UPDATE runs SET sender = 'EVIL' WHERE number = {WAITING}": "plan-changed",
    f"UPDATE runs SET summary = json_remove(summary, '$.digests') WHERE number = {WAITING}": "plan-record",
    f"UPDATE runs SET summary = '{{' WHERE number = {WAITING}": "run",
    f"UPDATE clocks SET spec = replace(spec, 'Guernsey', 'Jersey') WHERE run = {WAITING}": "plan-changed",
    f"DELETE FROM clocks WHERE run = {WAITING}": "clock",
    "UPDATE attempts SET body = 'buy' WHERE body IS NOT NULL": "plan-changed",
    # What happened to messages.
    f"UPDATE attempts SET address = '+447000000000' WHERE {ONE}": "attempt-changed",
    f"UPDATE attempts SET address = NULL, person = NULL WHERE {ONE}": "attempt-changed",
    f"UPDATE attempts SET person = person + 1 WHERE {ONE}": "attempt-changed",
    f"UPDATE attempts SET parts = parts + 1 WHERE {ONE}": "attempt-changed",
    f"UPDATE attempts SET cost = 1 WHERE {ONE}": "attempt-changed",
    f"UPDATE attempts SET id = id + 1000000 WHERE {ONE}": "attempt-unknown",
    f"UPDATE attempts SET id = id + 4294967296 * 90, run = run + 90 WHERE {ONE}": "left-over",
    f"UPDATE attempts SET run = {WAITING} WHERE {ONE}": "attempt-unknown",
    f"UPDATE attempts SET occasion = occasion + 90 WHERE {ONE}": "attempt-unknown",
    f"UPDATE attempts SET state = 'submitting' WHERE {ONE}": "open-claim",
    f"UPDATE attempts SET state = 'gone' WHERE {ONE}": "attempt-state",
    f"UPDATE attempts SET claimed_at = NULL WHERE {ONE}": "attempt-state",
    f"UPDATE attempts SET due_at = 0 WHERE {ONE}": "attempt-state",
    f"UPDATE attempts SET settled_at = NULL WHERE {ONE}": "attempt-state",
    f"UPDATE attempts SET tries = 0 WHERE {ONE}": "attempt-state",
    f"UPDATE attempts SET cost = -1 WHERE {ONE}": "attempt-state",
    f"UPDATE attempts SET currency = NULL WHERE {ONE}": "attempt-state",
    f"UPDATE attempts SET delivery = 'delivered' WHERE {ONE}": "receipt",
    "UPDATE attempts SET delivery = 'failed' WHERE delivery = 'delivered'": "receipt",
    "UPDATE receipts SET attempt = 7": "receipt",
    "UPDATE receipts SET delivery = 'eaten'": "receipt",
    "DELETE FROM receipts": "receipt",
    f"UPDATE attempts SET cost = 'much' WHERE {ONE}": "wrong-values",
    f"DELETE FROM attempts WHERE {ONE}": "totals",
    "UPDATE attempts SET person = 1 WHERE claimed_at IS NOT NULL": "sent-twice",
    f"INSERT INTO plan_ends (run, number, at, state, reason) VALUES ({FIRST}, 3, 1, 'expired', 'expired')": "plan-end",
    f"INSERT INTO plan_ends (run, number, at, state, reason) VALUES ({FIRST}, 1, 1, 'sent', 'expired')": "plan-end",
    f"INSERT INTO plan_ends (run, number, at, state, reason) VALUES ({FIRST}, 1, 1, 'expired', '?')": "plan-end",
    f"INSERT INTO plan_ends (run, number, at, state, reason, clock) VALUES ({FIRST}, 1, 1, 'expired', 'expired', 99)": (
        "plan-end"
    ),
    "UPDATE plan_ends SET number = number + 1": "plan-end",
    # Runs and their sums.
    "UPDATE runs SET totals = replace(totals, '[63', '[64') WHERE campaign = 'refused'": "totals",
    "UPDATE runs SET totals = '[]' WHERE campaign = 'refused'": "run",
    f"UPDATE runs SET state = 'done' WHERE number = {FIRST}": "run",
    f"UPDATE runs SET finished_at = NULL WHERE number = {FIRST}": "run",
    f"UPDATE runs SET state = 'planned', finished_at = NULL WHERE number = {FIRST}": "attempt-state",
    "DELETE FROM occasions": "run",
    f"DELETE FROM runs WHERE number = {FIRST}": "left-over",
    # Lists.
    "INSERT INTO answers (reference, key, kind, address, channel, gateway, purpose, anyway, state, created_at,"
    " until_at, settled_at, source) VALUES ('a', 'b', 's', '+44', 'sms', 'g', 'otp', 1, 'odd', 1, 2, 3, '')": "answer",
    "INSERT INTO survey_answers (session, question, address, kind, value, at) VALUES (9, 'q', '+44', 'text', 'x', 1)": (
        "survey"
    ),
    "INSERT INTO codes (id, use, address, failed, sent, state, created_at, expires_at)"
    " VALUES ('c', 'login', '+44', 0, 1, 'open', 1, 2)": "code",
    "INSERT INTO bot_usage VALUES ('b', 1, '', 1, 2, 0, 0, 0, 0)": "bots",
    "INSERT INTO bot_usage VALUES ('b', 1, '', 1, 1, 0, 0, 0, -5)": "bots",
    "INSERT INTO triggers (code, name, key, source, state, occurred_at, received_at, until_at)"
    " VALUES ('e', 'paid', 'k', 's', 'waiting', 1, 1, 2)": "trigger",
    "UPDATE suppressions SET scope = 'nothing'": "opt-out",
    "UPDATE suppressions SET scope_value = 'x' WHERE scope = 'everything'": "opt-out",
    "UPDATE suppressions SET lifted_by = 'me' WHERE lifted_at IS NULL": "opt-out",
    "INSERT INTO suppressions (address, scope, source, added_at) SELECT address, scope, source, 1 FROM suppressions": (
        "opt-out"
    ),
    "DELETE FROM about WHERE name = 'erasure-key'": "opt-out",
    "UPDATE consents SET basis = 'hearsay'": "consent",
    "UPDATE consents SET basis = 'withdrawn'": "consent",
    "UPDATE consents SET double_opt_in = 'maybe'": "consent",
    "INSERT INTO contacted (message, address, at, campaign) SELECT id, '+44', 1, 'x' FROM attempts"
    " WHERE state = 'rejected'": "caps",
    "INSERT INTO contacted (message, address, at, campaign) VALUES (4294967296 * 90 + 1, '+44', 1, 'x')": "left-over",
    "INSERT INTO events (run, at, kind) VALUES (90, 1, 'run')": "left-over",
    # The trail and the schema.
    "UPDATE audit SET who = 'nobody' WHERE number = 2": "audit-broken",
    "DELETE FROM audit WHERE number = 2": "audit-broken",
    "DELETE FROM audit WHERE number > 9": "other-ledger",
    "DELETE FROM audit": "audit-broken",
    "DROP TRIGGER audit_no_update": "schema",
    "DROP INDEX attempts_once": "schema",
    "DROP INDEX events_message": "schema",
    "DROP TABLE plan_ends": "schema",
    "ALTER TABLE consents DROP COLUMN wording": "schema",
    "PRAGMA user_version = 7": "file-damaged",
}


def damage(project: Project, statement: str) -> None:
    """Do to the database what nothing in a2pcli does."""
    connection = sqlite3.connect(database(project), isolation_level=None)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    if ("audit " in statement and "TRIGGER" not in statement) or statement == "DELETE FROM audit":
        connection.execute("DROP TRIGGER audit_no_update")
        connection.execute("DROP TRIGGER audit_no_delete")
    if "person = 1 " in statement:
        connection.execute("DROP INDEX attempts_once")
    if "INTO suppressions" in statement:
        connection.execute("DROP INDEX suppressions_active")
    assert connection.execute(statement).rowcount != 0, "nothing was damaged"
    connection.close()


@pytest.mark.parametrize("statement", DAMAGE)
def test_damage_by_sql_is_found(copied: Project, statement: str) -> None:
    if statement == "UPDATE plan_ends SET number = number + 1":
        assert copied.run("cancel", "waiting", "--yes").status == 0
    damage(copied, statement)
    if DAMAGE[statement] == "other-ledger":  # told by what the project remembers
        assert codes(copied) >= {"other-ledger", "schema"}
        return
    with Ledger.open_to_read(str(database(copied))) as ledger:
        assert DAMAGE[statement] in {one.code for one in ledger.check().findings}


def test_each_finding_has_its_damage() -> None:
    untested = {"unreadable"}  # by bytes, below
    assert set(DAMAGE.values()) | untested == set(ADVICE)


def test_a_byte_changed_anywhere_in_a_plan_is_found(copied: Project) -> None:
    connection = sqlite3.connect(database(copied))
    (data,) = connection.execute(f"SELECT data FROM plan_chunks WHERE run = {WAITING}").fetchone()
    connection.close()
    whole = database(copied).read_bytes()
    for at in range(len(data) // 10, 400, 97):
        start = whole.index(data[at : at + 32])
        flip(database(copied), start)
        assert codes(copied) >= {"plan-damaged"}
        flip(database(copied), start)
    assert codes(copied) == set()


def test_a_page_overwritten_is_found_and_the_rest_is_still_checked(copied: Project) -> None:
    connection = sqlite3.connect(database(copied))
    (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'attempts'").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.execute("UPDATE suppressions SET scope = 'nothing'")
    connection.commit()
    connection.close()
    data = bytearray(database(copied).read_bytes())
    data[(page - 1) * size : page * size] = b"\xff" * size
    database(copied).write_bytes(data)
    assert codes(copied) >= {"unreadable", "opt-out"}


def test_a_sample_reads_its_share_and_the_same_seed_the_same_chunks(copied: Project) -> None:
    damage(copied, f"UPDATE plan_chunks SET digest = '{'0' * 64}' WHERE run = {FIRST}")
    found = {}
    for seed in range(6):
        done = copied.run("ledger", "check", "--sample", "20%", "--seed", str(seed), "--json").json
        assert (done["chunks"], done["chunks_read"], done["seed"], done["sample"]) == (5, 1, seed, "20%")
        found[seed] = {one["code"] for one in done["findings"]}
        assert codes(copied, "--sample", "20%", "--seed", str(seed)) == found[seed]
    assert {"plan-damaged" in some for some in found.values()} == {True, False}
    assert "plan-damaged" in codes(copied, "--sample", "100%")
    said = copied.run("ledger", "check", "--sample", "20%", "--seed", "3").err
    assert "sample: 1 of 5 chunks of plans, 66 of 330 rows (--seed 3 reads the same ones)" in said


@pytest.mark.parametrize("share", ["0%", "101%", "-5%", "5", "five", "%", "nan%", ""])
def test_a_sample_is_a_percentage(project: Project, share: str) -> None:
    done = project.run("ledger", "check", "--sample", share)
    assert done.status == 2
    assert "such as 5%" in done.err


def test_a_ledger_of_version_0_1_0_is_sound(old: Ledger) -> None:
    assert old.check().findings == []


def test_a_ledger_is_sound_at_each_moment_of_its_life(
    make: Make, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(erased.KEY_VARIABLE, "a key of the tests, long enough")
    moments: list[list[str]] = []

    def look() -> None:
        moments.append([one.message for one in ledger.check().findings])

    look()
    run = make.plan(30)
    look()
    ledger.attempts.start(run, NOW)
    ids = claim(ledger, run, 10)
    look()  # as after a kill: claims are open
    settle(ledger, run, ids[:3], ACCEPTED)
    settle(ledger, run, ids[3:5], UNKNOWN)
    settle(ledger, run, ids[5:7], NOT_SENT, due_at=NOW)
    look()
    ledger.people.erase(Person(number(0)), NOW)
    ledger.people.erase(Person(number(20)), NOW)
    ledger.runs.refuse_country(run, "FR", NOW)
    look()
    ledger.attempts.start(run, NOW)
    look()
    ledger.runs.cancel(run, NOW)
    look()
    assert moments == [[]] * len(moments)


DAMAGE_OF_BOTH = {
    "UPDATE plan_chunks SET accepted = 1": "plan-changed",
    "UPDATE attempts SET address = '+447000000000' WHERE state = 'accepted'": "attempt-changed",
    "UPDATE attempts SET settled_at = NULL": "attempt-state",
    "UPDATE attempts SET run = 90": "attempt-unknown",
    "DELETE FROM runs": "left-over",
    "UPDATE runs SET rows_read = 3": "plan-incomplete",
    "INSERT INTO plan_ends (run, number, at, state, reason) VALUES (90, 1, 1, 'expired', 'expired')": "left-over",
    "DROP INDEX attempts_once": "schema",
}


@pytest.mark.parametrize("statement", DAMAGE_OF_BOTH)
def test_damage_is_found_on_both_databases(make: Make, ledger: Ledger, statement: str) -> None:
    run = make.sending(5)
    settle(ledger, run, claim(ledger, run, 2))
    assert ledger.check().findings == []
    with ledger.engine.begin() as connection:
        connection.execute(sa.text(statement))
    assert DAMAGE_OF_BOTH[statement] in {one.code for one in ledger.check().findings}
