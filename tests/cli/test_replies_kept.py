"""What people write back is kept as it was understood; the text only where the settings say so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from clikit import SETTINGS, Project

REPLIES = """\
from,to,date,text
07911123456,447700900001,2026-03-01T10:00:00Z,STOP
07911123457,447700900001,2026-03-01T10:01:00Z,thanks a lot
not a number,447700900001,2026-03-01T10:02:00Z,STOP
"""


@pytest.fixture
def sent(project: Project) -> Project:
    project.starter()
    assert project.run("send", "sale.yaml", "--yes").status == 0
    project.write("replies.csv", REPLIES.replace("2026-", "2099-"))
    return project


def kept(project: Project, columns: str = "*") -> list[dict[str, Any]]:
    query = f"SELECT {columns} FROM replies ORDER BY received_at, address"
    done = project.run("ledger", "query", query, "--jsonl")
    assert done.status == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def test_replies_of_a_file_are_kept_without_their_texts(sent: Project) -> None:
    assert sent.run("optout", "replies", "replies.csv").status in (0, 3)
    first, second = kept(sent)
    assert (first["address"], first["kind"], first["body"]) == ("+447911123456", "stop", None)
    assert first["recipient"] == "447700900001"
    assert first["at"].startswith("2099-03-01T10:00:00")
    assert first["source"].startswith("replies.csv")
    assert (first["run"], first["row"]) == (sent.run("runs", "--json").json["runs"][0]["run"], 1)
    assert second["kind"] != "stop"
    assert sent.run("ledger", "check").status == 0


def test_their_texts_are_kept_where_the_settings_say_so(sent: Project) -> None:
    sent.write("a2pcli.yaml", SETTINGS + "replies: {texts: keep}\n")
    sent.run("optout", "replies", "replies.csv")
    assert [one["body"] for one in kept(sent, "body")] == ["STOP", "thanks a lot"]


def test_the_same_file_again_keeps_nothing_twice(sent: Project) -> None:
    for _ in range(2):
        sent.run("optout", "replies", "replies.csv")
    assert len(kept(sent)) == 2


def test_a_reply_typed_by_hand_is_kept(sent: Project) -> None:
    assert sent.run("optout", "reply", "07911123456", "STOP").status == 0
    (one,) = kept(sent)
    assert (one["kind"], one["body"], one["row"]) == ("stop", None, 1)
    assert one["source"].startswith("by hand (")


def test_a_reply_of_somebody_who_got_nothing_answers_no_message(sent: Project) -> None:
    assert sent.run("optout", "reply", "07911123999", "STOP").status == 0
    assert [(one["run"], one["row"]) for one in kept(sent)] == [(None, None)]


def test_export_shows_them_and_erasure_takes_them(sent: Project) -> None:
    sent.run("optout", "replies", "replies.csv")
    held = sent.run("people", "export", "07911123456").json
    assert [one["kind"] for one in held["replies"]] == ["stop"]
    assert sent.run("people", "erase", "07911123456", "--yes").status == 0
    assert [one["address"] for one in kept(sent)] == ["+447911123457"]


def test_retention_removes_them(sent: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    sent.run("optout", "replies", "replies.csv")
    from a2pcli.ledger.records import now_ms

    later = now_ms() + 800 * 86_400_000
    monkeypatch.setattr("a2pcli.ledger.people.now_ms", lambda: later)
    assert sent.run("prune", "--yes", "--json").json["replies"] == 2
    assert kept(sent) == []


def test_the_gateway_that_replies_came_through_is_kept_and_must_exist(sent: Project) -> None:
    gateway = sent.run("runs", "--json").json["runs"][0]["gateway"]
    refused = sent.run("optout", "replies", "replies.csv", "--gateway", f"{gateway}x")
    assert (refused.status, kept(sent)) == (2, [])
    assert f"--gateway {gateway}x: there is no such gateway" in refused.err
    assert sent.run("optout", "reply", "07911123458", "STOP", "--gateway", "nowhere").status == 2
    assert kept(sent) == []
    sent.run("optout", "replies", "replies.csv", "--gateway", gateway)
    sent.run("optout", "reply", "07911123458", "STOP", "--gateway", gateway)
    sent.run("optout", "replies", "replies.csv")
    assert [one["gateway"] for one in kept(sent)] == [gateway] * 3


def test_a_reply_may_be_tried_from_a_number_without_its_country_code(project: Project) -> None:
    project.write("a2pcli.yaml", "gateway: console\n")
    refused = project.run("replies", "test", "hello", "--from", "07911123456")
    assert (refused.status, "--region" in refused.err) == (2, True)
    assert project.run("replies", "test", "hello", "--from", "07911123456", "--region", "GB").status == 0
