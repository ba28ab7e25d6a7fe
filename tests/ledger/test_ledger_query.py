"""``a2pcli ledger query``: documented views are answered, nothing can be changed, and every query ends."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import readykit
from clikit import PEOPLE, Project
from ledgerkit import ACCEPTED, Make, claim, number, settle
from openingkit import schema
from test_ledger_check import database
from test_ledger_check import used as used

from a2pcli.errors import UsageError
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.tables import metadata
from a2pcli.ledger.views import views

PAGE = Path(__file__).parents[2] / "docs/query.md"

FOREVER = "WITH RECURSIVE a(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM a) SELECT max(n) FROM a"


def answer(ledger: Ledger, sql: str, seconds: float = 60) -> list[dict[str, Any]]:
    with ledger.ask(sql, None, seconds) as found:
        return [dict(zip(found.columns, row, strict=True)) for rows in found.batches for row in rows]


def lines(project: Project, sql: str, *more: str) -> list[dict[str, Any]]:
    done = project.run("ledger", "query", sql, "--jsonl", *more)
    assert done.status == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def test_the_documentation_has_every_view_with_its_columns(make: Make, ledger: Ledger) -> None:
    """And the views have the columns, on both databases."""
    make.sending(1)
    written = re.findall(r"^## `(\w+)`\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), flags=re.M | re.S)
    found = {name: re.findall(r"^\| `(\w+)` \|", text, flags=re.M) for name, text in written}
    assert found == {view.name: [column.name for column in view.columns] for view in views()}
    for name, columns in found.items():
        with ledger.ask(f"SELECT * FROM {name}", None, 60) as asked:
            assert list(asked.columns) == columns


@pytest.mark.parametrize("place", range(5))
def test_the_examples_of_the_documentation_are_answered(make: Make, ledger: Ledger, place: int) -> None:
    run = make.sending(3)
    settle(ledger, run, claim(ledger, run, 2), ACCEPTED)
    examples = re.findall(r"^```sql\n(.*?)^```", PAGE.read_text("utf-8"), flags=re.M | re.S)
    assert len(examples) == 5
    answer(ledger, examples[place])


def test_messages_are_every_row_as_it_is_now_and_attempts_those_that_something_happened_to(
    make: Make, ledger: Ledger
) -> None:
    run = make.sending(5)
    settle(ledger, run, claim(ledger, run, 2), ACCEPTED)
    found = answer(ledger, "SELECT * FROM messages ORDER BY row")
    assert [row["state"] for row in found] == ["accepted", "accepted", "planned", "planned", "planned"]
    assert [row["address"] for row in found] == [number(person) for person in range(5)]
    first = found[0]
    assert (first["run"], first["row"], first["line"]) == (run.id, 1, 2)
    assert (first["body"], first["cost"], first["cost_nano"]) == ("Hello 0", "0.04", 40_000_000)
    assert (first["reference"], first["claimed_at"]) == (run.reference(1), "2027-01-15T08:00:00Z")
    tried = answer(ledger, "SELECT * FROM attempts ORDER BY row")
    assert [row["row"] for row in tried] == [1, 2]
    same = ("run", "address", "state", "cost", "claimed_at", "settled_at", "gateway_id", "tries")
    assert [tried[0][name] for name in same] == [first[name] for name in same]
    assert (tried[0]["attempt"], tried[0]["gateway"], tried[0]["channel"]) == (1, "outbox", "sms")
    (line,) = answer(ledger, "SELECT * FROM runs")
    assert (line["run"], line["campaign"], line["occurrence"]) == (run.id, "spring", "once")
    assert answer(ledger, "SELECT count(*) AS n FROM messages") == [{"n": 5}]


@pytest.mark.parametrize(
    ("nano", "text"),
    [(0, "0.00"), (40_000_000, "0.04"), (7_500_000, "0.0075"), (2_500_000_000, "2.50"), (1, "0.000000001")],
)
def test_money_is_the_same_text_in_every_view(make: Make, ledger: Ledger, nano: int, text: str) -> None:
    run = make.sending(1, columns={"cost": nano})
    claim(ledger, run)
    assert (
        answer(ledger, "SELECT cost FROM messages")
        == answer(ledger, "SELECT cost FROM attempts")
        == [{"cost": text}]
    )


CHANGES = [
    "DELETE FROM runs",
    "DELETE FROM main.runs",
    "UPDATE attempts SET state = 'planned'",
    "INSERT INTO audit SELECT * FROM audit",
    "DROP TABLE suppressions",
    "CREATE TABLE mine (a int)",
    "CREATE TEMP TABLE mine (a int)",
    "INSERT INTO messages (run) VALUES ('x')",
    "SELECT 1; DELETE FROM suppressions",
    "SELECT 1; SELECT 2",
    "WITH gone AS (DELETE FROM suppressions RETURNING *) SELECT * FROM gone",
    "COMMIT",
    "ROLLBACK",
    "BEGIN",
    "SET TRANSACTION READ WRITE",
    "VACUUM",
    "PRAGMA writable_schema = 1",
    "PRAGMA query_only = 0",
    "ATTACH 'other.db' AS other",
    "SELECT load_extension('mine')",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "",
    " ; ",
    "-- nothing",
    "SELEC 1",
    "SELECT nothing FROM runs",
]


@pytest.mark.parametrize("sql", CHANGES)
def test_nothing_but_a_query_is_answered_and_nothing_changes(make: Make, ledger: Ledger, sql: str) -> None:
    make.plan(2)
    ledger.optouts.add(number(1), source="reply")
    before = content(ledger)
    with pytest.raises(UsageError) as error:
        answer(ledger, sql)
    assert error.value.problems[0].hint
    assert answer(ledger, "SELECT count(*) AS n FROM messages") == [{"n": 2}]
    assert content(ledger) == before


def content(ledger: Ledger) -> tuple[object, ...]:
    """The schema of the ledger, and each row."""
    with ledger.reading() as connection:
        rows = [connection.execute(table.select()).all() for table in metadata.sorted_tables]
    return schema(ledger.url.render_as_string(False)), rows


def test_a_query_that_takes_too_long_is_stopped(ledger: Ledger) -> None:
    with pytest.raises(UsageError, match=r"longer than 0\.3 s") as error:
        answer(ledger, FOREVER, 0.3)
    assert "--timeout" in str(error.value)


def test_ctrl_c_ends_a_query(used: Project) -> None:
    process = readykit.begin(
        "ledger", "query", FOREVER, cwd=used.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    opened = str(database(used))
    while process.poll() is None and opened not in {
        one.path for one in psutil.Process(process.pid).open_files()
    }:
        time.sleep(0.01)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b"")
    assert b"Traceback" not in err


def test_a_query_writes_nothing(used: Project) -> None:
    def content() -> str:
        return hashlib.sha256(database(used).read_bytes()).hexdigest()

    before = content()
    lines(used, "SELECT * FROM messages")
    assert content() == before
    assert used.run("audit", "list", "--json").json["entries"][0]["action"] != "ledger.query"


def test_the_rows_of_one_run_are_asked_by_its_id_or_campaign(used: Project) -> None:
    everybody = lines(used, "SELECT run, count(*) AS n FROM messages GROUP BY run")
    assert len(everybody) == 6
    (one,) = lines(used, "SELECT DISTINCT run FROM messages", "--run", "spring-sale")
    assert lines(used, "SELECT run, count(*) AS n FROM messages GROUP BY run", "--run", one["run"]) == [
        {"run": one["run"], "n": 66}
    ]
    assert used.run("ledger", "query", "SELECT 1", "--run", "nothing").status == 2


def test_controls_and_formulas_of_cells_do_no_harm(project: Project) -> None:
    people = PEOPLE.replace("Ann", '"=1+1"').replace("Ben", "\x1b[31m")
    project.starter(
        people=people,
        campaign='name: odd\nobjective: x\npurpose: transactional\ncontacts: people.csv\nmessage: "{{ first_name }}"\n',
    )
    assert (
        project.run("plan", "odd.yaml" if (project.folder / "odd.yaml").exists() else "sale.yaml").status == 0
    )
    sql = "SELECT body FROM messages WHERE state = 'planned' ORDER BY row"
    bodies = [row["body"] for row in lines(project, sql)]
    assert bodies[0] == "=1+1"
    shown = project.run("ledger", "query", sql).out
    assert "\x1b" not in shown
    rows = list(csv.DictReader(project.run("ledger", "query", sql, "--csv").out.splitlines()))
    assert rows[0]["body"] == "'=1+1"
    assert not any("\x1b" in row["body"] for row in rows)


def test_the_forms_of_an_answer(used: Project) -> None:
    sql = "SELECT 1 AS a, 'x' AS a, NULL AS c, 1.5 AS d, x'00ff' AS e"
    assert used.run("ledger", "query", sql, "--json").json == {
        "schema": 2,
        "columns": ["a", "a", "c", "d", "e"],
        "rows": [[1, "x", None, 1.5, "00ff"]],
    }
    assert used.run("ledger", "query", sql, "--csv").out == "a,a,c,d,e\r\n1,x,,1.5,00ff\r\n"
    assert used.run("ledger", "query", "-", "--csv", stdin="SELECT 7 AS n").out == "n\r\n7\r\n"
    many = "WITH RECURSIVE a(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM a WHERE n < 1200) SELECT n FROM a"
    done = used.run("ledger", "query", many)
    assert len(done.out.splitlines()) == 1001
    assert "only the first 1,000 rows" in done.err
    assert used.run("ledger", "query", sql, "--csv", "--json").status == 2
    listed = used.run("ledger", "query").out
    assert all(f"{view.name}: {view.says}" in listed for view in views())


def test_an_encrypted_ledger_is_asked_with_its_key(project: Project) -> None:
    pytest.importorskip("sqlcipher3", reason="sqlcipher3 is not installed: pip install 'a2pcli[encryption]'")
    key = {"A2PCLI_LEDGER_KEY": "ab" * 32}
    assert project.starter().run("plan", "sale.yaml").status == 0
    assert project.run("ledger", "encrypt", **key).status == 0
    sql = "SELECT state, count(*) AS n FROM messages GROUP BY state"
    done = project.run("ledger", "query", sql, "--csv", **key)
    assert done.out.splitlines() == ["state,n", "planned,3", "skipped,3"], done.err
    for refused in ("DELETE FROM main.runs", "SELECT 1; SELECT 2", "SELECT sqlcipher_export('main')"):
        assert project.run("ledger", "query", refused, **key).status == 2
    assert project.run("ledger", "query", FOREVER, "--timeout", "0.3", **key).status == 2
