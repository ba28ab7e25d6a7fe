"""Receipts whose code says that the person opted out: they are suppressed, as by a gateway's answer."""

from __future__ import annotations

from typing import Any

import pytest
from clikit import Kept, Project
from test_receipts_import import PEOPLE, SALE, ids

SETTINGS = """\
region: GB
gateways:
  sim: {type: simulator, latency: {median: 0, p95: 0}, mix: {}}
"""


@pytest.fixture(scope="module")
def sold_once(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    project = Project(tmp_path_factory.mktemp("sold_once"))
    project.write("a2pcli.yaml", SETTINGS)
    project.write("sale.yaml", SALE)
    project.write("people.csv", "".join(PEOPLE.splitlines(keepends=True)[:4]))
    assert project.run("send", "sale.yaml", "--yes").status == 0
    return Kept(project)


@pytest.fixture
def sold(sold_once: Kept) -> Project:
    return sold_once.back()


def of_provider(project: Project, block: str) -> None:
    """From now on the settings say whose gateway the run went through."""
    project.write("a2pcli.yaml", f"region: GB\ngateways:\n  sim: {block}\n")


def suppressed(project: Project) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = project.run("optout", "list", "--json").json["suppressions"]
    return found


def told(project: Project, code: str, status: str = "undelivered", *more: str) -> Any:
    first, second, _ = ids(project)
    project.write("r.csv", f"id,status,error code\n{first},{status},{code}\n{second},delivered,\n")
    done = project.run("receipts", "import", "r.csv", "--json", *more)
    assert done.status == 0, done.err
    return done.json


@pytest.mark.parametrize(
    ("block", "code", "status"),
    [
        ("{type: twilio}", "21610", "undelivered"),
        ("{type: vonage}", "9", "rejected"),
        ("{type: http, codes: vonage}", "9", "failed"),
        ("{type: http, errors: {X7: opted-out}}", "X7", "failed"),
        ("{type: infobip}", "", "REJECTED_DND"),
        ("{type: infobip}", "10", "REJECTED_DND"),  # as older versions kept it: the status' id
        ("{type: infobip}", "EC_DEST_ADDRESS_BLACKLISTED", "UNDELIVERABLE_REJECTED_OPERATOR"),
        ("{type: infobip}", "603", "undelivered"),
        ("{type: other}", "", "complained"),
    ],
)
def test_who_opted_out_by_a_receipt_is_suppressed_with_an_entry(
    sold: Project, block: str, code: str, status: str
) -> None:
    of_provider(sold, block)
    assert told(sold, code, status)["opted_out"] == 1
    (entry,) = suppressed(sold)
    assert entry["number"] == "+447911100000"
    assert entry["source"] == "gateway sim"
    assert (entry["scope"], bool(entry["scope_value"])) == ("sender", True)
    (run,) = [line["run"] for line in sold.run("runs", "--json").json["runs"]]
    trail = sold.run("audit", "list", "--json").json["entries"]
    (recorded,) = [one for one in trail if one["action"] == "optout.gateway"]
    assert recorded["subject"] == run
    assert recorded["detail"]["by"] == "receipt"
    assert "447911100000" not in str(trail)


@pytest.mark.parametrize(
    ("block", "code", "status"),
    [
        ("{type: vonage}", "4", "undelivered"),
        ("{type: twilio}", "9", "undelivered"),
        ("{type: infobip}", "10", "UNDELIVERABLE_REJECTED_OPERATOR"),
        ("{type: infobip}", "EC_BLACKLISTED_SENDERADDRESS", "undelivered"),
        ("{type: twilio}", "30003", "undelivered"),
        ("{type: twilio}", "21610", "delivered"),
    ],
)
def test_other_codes_suppress_nobody(sold: Project, block: str, code: str, status: str) -> None:
    of_provider(sold, block)
    assert told(sold, code, status)["opted_out"] == 0
    assert suppressed(sold) == []


def test_it_is_told_on_the_screen(sold: Project) -> None:
    of_provider(sold, "{type: twilio}")
    first, *_ = ids(sold)
    sold.write("r.csv", f"id,status,code\n{first},failed,21610\n")
    assert "opted out, by what the receipts say: 1 person" in sold.run("receipts", "import", "r.csv").out


def test_who_came_back_since_is_not_suppressed_by_the_same_receipt(sold: Project) -> None:
    of_provider(sold, "{type: twilio}")
    assert told(sold, "21610")["opted_out"] == 1
    assert sold.run("optout", "reply", "07911100000", "START").status == 0
    again = told(sold, "21610")
    assert (again["duplicates"], again["opted_out"]) == (2, 0)
    assert suppressed(sold) == []


def test_a_receipt_about_no_known_message_suppresses_nobody(sold: Project) -> None:
    of_provider(sold, "{type: twilio}")
    sold.write("early.csv", "reference,status,code\nr2222222-000001,failed,21610\n")
    assert sold.run("receipts", "import", "early.csv", "--json").json["opted_out"] == 0
    assert suppressed(sold) == []


def test_nothing_is_suppressed_by_a_rehearsal(sold: Project) -> None:
    of_provider(sold, "{type: twilio}")
    told(sold, "21610", "undelivered", "--dry-run")
    assert suppressed(sold) == []
