"""One-time codes in the content of a message: sent as approved, shown nowhere, gone once the message is settled."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from clikit import Project

CODE = "zq747723"
BLOCKS = {
    "telegram": (
        "telegram",
        "1234",
        'telegram:\n  buttons: [{text: Open, url: "https://x.example/{{ code }}"}]\n',
    ),
    "email": (
        "email",
        "anna@example.com",
        'sender: a@x.example\nemail:\n  subject: "Your code is {{ code }}"\n',
    ),
}


@pytest.mark.parametrize("channel", list(BLOCKS))
def test_codes_leave_and_nothing_of_them_stays(tmp_path: Path, channel: str) -> None:
    column, address, block = BLOCKS[channel]
    project = Project(tmp_path)
    project.write("a2pcli.yaml", "region: GB\n")
    project.write("people.csv", f"{column},code\n{address},{CODE}\n")
    project.write(
        "c.yaml",
        f"name: c\nobjective: Sign in\npurpose: otp\nchannel: {channel}\ncontacts: people.csv\n"
        f'message: "Your code is {{{{ code }}}}"\n{block}',
    )
    assert project.run("ledger", "create").status == 0
    planned = project.run("plan", "c.yaml", "--json", "--out", "rows.jsonl")
    assert planned.status == 0
    assert CODE not in planned.out + (tmp_path / "rows.jsonl").read_text()
    plan = planned.json["plan"]
    ran = project.run("send", "c.yaml", "--plan", plan, "--yes")
    assert ran.status == 0, ran.err
    (sent,) = project.outbox()
    assert CODE in sent["body"]
    assert CODE in str(sent["content"])
    assert CODE not in project.run("report", plan, "--csv", "r.csv").out + (tmp_path / "r.csv").read_text()
    assert (
        CODE not in project.run("explain", f"{channel}:{address}" if channel == "telegram" else address).out
    )
    ledger = tmp_path / ".a2pcli" / "ledger.db"
    with sqlite3.connect(ledger) as connection:
        assert connection.execute("SELECT state, body, content FROM attempts").fetchall() == [
            ("accepted", None, None)
        ]
    for file in ledger.parent.glob("ledger.db*"):
        assert file.is_dir() or CODE.encode() not in file.read_bytes()
    assert project.run("ledger", "check").status == 0


def test_a_code_that_was_changed_in_the_ledger_is_not_sent(tmp_path: Path) -> None:
    column, address, block = BLOCKS["telegram"]
    project = Project(tmp_path)
    project.write("people.csv", f"{column},code\n{address},{CODE}\n")
    project.write(
        "c.yaml",
        "name: c\nobjective: Sign in\npurpose: otp\nchannel: telegram\ncontacts: people.csv\n"
        f'message: "Your code is {{{{ code }}}}"\n{block}',
    )
    assert project.run("ledger", "create").status == 0
    plan = project.run("plan", "c.yaml", "--json").json["plan"]
    with sqlite3.connect(tmp_path / ".a2pcli" / "ledger.db") as connection:
        connection.execute("UPDATE attempts SET content = replace(content, 'x.example', 'evil.example')")
    ran = project.run("send", "c.yaml", "--plan", plan, "--yes")
    assert ran.status != 0
    assert not (tmp_path / ".a2pcli" / "outbox.jsonl").exists()
