"""A message of another channel whose gateway chooses the sender does not come from the first channel's sender."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from clikit import Project

from a2pcli.config.quotas import parse_quota
from a2pcli.ledger.quota_values import SharedQuota
from a2pcli.ledger.records import now_ms
from a2pcli.ledger.store import Ledger

CAMPAIGN = """\
name: order
objective: Tell people that their order is on its way
purpose: transactional
contacts: people.csv
channels:
  sms: {gateway: text, sender: ACME}
  email: {gateway: mail}
message: "Hello {{ name }}, your order is on its way"
email: {subject: "Your order"}
"""
SETTINGS = """\
region: GB
gateways:
  mail: {type: simulator, latency: {median: 0, p95: 0}, mix: {}}
  text: {type: simulator, latency: {median: 0, p95: 0}, mix: {}}
"""


@pytest.fixture
def sent(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.write("a2pcli.yaml", SETTINGS)
    project.write("order.yaml", CAMPAIGN)
    project.write("people.csv", "name,phone,email\nAnn,,ann@example.org\nBen,+447400000001,\n")
    project.run("ledger", "create")
    assert project.run("send", "order.yaml", "--yes").status == 0
    return project


def test_explain_and_the_ledgers_views_name_no_sender_that_the_message_did_not_have(sent: Project) -> None:
    told = {who: sent.run("explain", who, "--json").json for who in ("ann@example.org", "+447400000001")}
    senders = [message["sender"] for one in told.values() for message in one["messages"]]
    assert senders == [None, "ACME"]
    query = "SELECT channel, sender FROM attempts ORDER BY channel"
    rows = map(json.loads, sent.run("ledger", "query", query, "--jsonl").out.splitlines())
    assert [(row["channel"], row["sender"]) for row in rows] == [("email", None), ("sms", "ACME")]


def test_a_senders_quota_counts_its_own_messages_alone(sent: Project) -> None:
    quota = SharedQuota("sender acme", parse_quota("5/day"), "sender ACME", "ACME", counts="ACME")
    with Ledger.open(str(sent.folder / ".a2pcli" / "ledger.db")) as ledger:
        assert ledger.quotas.usage(quota, now_ms()).used(now_ms()) == 1
