"""``receipts import``: files as providers make them, what the report says then, and what cannot be read."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest
from clikit import Kept, Project

SIMULATOR = """\
region: GB
gateways:
  sim:
    type: simulator
    latency: {median: 0, p95: 0}
    mix: {unknown: 10%}
    receipts: {file: receipts.jsonl, undelivered: 20%, silent: 10%}
"""

SALE = """\
name: sale
objective: Tell them
purpose: transactional
contacts: people.csv
gateway: sim
message: "Hi {{ first_name }}, your order is ready"
"""

PEOPLE = "phone,first_name\n" + "".join(f"+447911100{n:03d},Ann\n" for n in range(60))


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    project = Project(tmp_path_factory.mktemp("simulated"))
    project.write("a2pcli.yaml", SIMULATOR)
    project.write("sale.yaml", SALE)
    project.write("people.csv", PEOPLE)
    assert project.run("send", "sale.yaml", "--yes").status in (0, 4)
    return Kept(project)


@pytest.fixture
def sold(simulated: Kept) -> Project:
    """A run through the simulator, which wrote its receipts."""
    return simulated.back()


def lines_of(project: Project) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (project.folder / "receipts.jsonl").read_text().splitlines()]


def ids(project: Project) -> list[str]:
    """The gateway's ids of accepted messages, in the file's order."""
    rows = project.run("report", "--json", "--rows", "--state", "accepted").json["row_list"]
    return [row["gateway_id"] for row in rows]


def delivery(project: Project) -> dict[str, Any]:
    found: dict[str, Any] = project.run("report", "--json").json["delivery"]
    return found


def test_the_simulators_receipts_say_of_every_message_what_became_of_it(sold: Project) -> None:
    told: dict[str, str] = {}
    for line in lines_of(sold):
        told[line["reference"]] = line["state"]  # the last one is the final one
    done = sold.run("receipts", "import", "receipts.jsonl", "--gateway", "sim", "--json").json
    assert (done["new"], done["duplicates"], done["unmatched"]) == (len(lines_of(sold)), 0, 0)
    ends = list(told.values())
    found = delivery(sold)
    assert found["accepted"] == len(told)
    assert found["delivered"] == ends.count("delivered") > 0
    assert found["undelivered"] == ends.count("undelivered") > 0
    assert found["no_receipt"] == ends.count("accepted") > 0
    assert found["codes"] == {"undelivered": {"sim-unreachable": ends.count("undelivered")}}
    rows = sold.run("report", "--json", "--rows", "--state", "accepted").json["row_list"]
    said = {row["reference"]: row["delivery"] or "accepted" for row in rows}
    assert said == told


def test_the_report_shows_the_rates_with_their_denominators(sold: Project) -> None:
    assert "delivery" not in sold.run("report").out
    sold.run("receipts", "import", "receipts.jsonl")
    found, text = delivery(sold), sold.run("report", COLUMNS="100").out
    share = found["delivered"] / found["accepted"]
    assert f"{found['delivered']} of {found['accepted']} accepted messages delivered ({share:.1%})" in text
    assert f"{found['undelivered']} undelivered: {found['undelivered']} × sim-unreachable" in text
    assert f"{found['no_receipt']} no receipt yet" in text
    assert "simulated delivery" in text


def test_importing_again_changes_nothing(sold: Project) -> None:
    sold.run("receipts", "import", "receipts.jsonl")
    before = delivery(sold)
    done = sold.run("receipts", "import", "receipts.jsonl", "--json").json
    assert (done["new"], done["duplicates"], done["accepted"]) == (0, len(lines_of(sold)), 0)
    assert delivery(sold) == before


def test_a_dry_run_says_the_same_and_writes_nothing(sold: Project) -> None:
    before = list(sqlite3.connect(sold.folder / ".a2pcli/ledger.db").iterdump())
    dry = sold.run("receipts", "import", "receipts.jsonl", "--dry-run", "--json").json
    assert list(sqlite3.connect(sold.folder / ".a2pcli/ledger.db").iterdump()) == before
    done = sold.run("receipts", "import", "receipts.jsonl", "--json").json
    same = ("receipts", "new", "duplicates", "matched", "unmatched", "statuses")
    assert {key: dry[key] for key in same} == {key: done[key] for key in same}


TWILIO = """\
From,To,Body,Status,SentDate,NumSegments,ErrorCode,AccountSid,Sid
ACME,+447911100000,"Hi Ann, your order",delivered,2026-03-01 10:00:00 UTC,1,,AC1,{0}
ACME,+447911100001,"Hi Ann, your order",undelivered,2026-03-01 10:00:01 UTC,1,30003,AC1,{1}
"""
CALLBACKS = """\
{{"MessageSid": "{0}", "SmsSid": "{0}", "MessageStatus": "delivered", "AccountSid": "AC1"}}
{{"MessageSid": "{1}", "MessageStatus": "undelivered", "ErrorCode": "30003", "RawDlrDoneDate": "2603011000"}}
"""
VONAGE = """\
msisdn;to;network-code;message-id;price;status;scts;err-code;message-timestamp
447911100000;ACME;23410;{0};0.03;delivered;2603011000;0;2026-03-01 10:00:00
447911100001;ACME;23410;{1};0.03;failed;2603011000;6;2026-03-01 10:00:01
"""
INFOBIP = (
    '{{"results": [{{"messageId": "{0}", "to": "447911100000", "doneAt": "2026-03-01T10:00:00.000+0000",'
    ' "status": {{"groupId": 3, "groupName": "DELIVERED", "id": 5, "name": "DELIVERED_TO_HANDSET"}},'
    ' "error": {{"id": 0, "name": "NO_ERROR"}}}},'
    ' {{"messageId": "{1}", "doneAt": "2026-03-01T10:00:01.000+0000",'
    ' "status": {{"groupId": 2, "groupName": "UNDELIVERABLE", "id": 9, "name": "SOMETHING_NEW"}},'
    ' "error": {{"groupId": 1, "id": 27, "name": "EC_ABSENT_SUBSCRIBER"}}}}]}}\n'
)
PLIVO = """\
MessageUUID,From,To,Status,ErrorCode,DeliveredAt
{0},ACME,447911100000,delivered,000,2026-03-01T10:00:00Z
{1},ACME,447911100001,failed,30,2026-03-01T10:00:01Z
"""
SINCH = """\
{{"type": "delivery_report", "batch_id": "{0}", "code": 0, "status": "Delivered", "at": "2026-03-01T10:00:00Z"}}
{{"type": "delivery_report", "batch_id": "{1}", "code": 401, "status": "Aborted", "at": "2026-03-01T10:00:01Z"}}
"""
GENERIC = "id,status,code,at\n{0},DELIVRD,000,1772359200\n{1},EXPIRED,8,1772359201\n"
WHATSAPP = (
    '{{"object": "whatsapp_business_account", "entry": [{{"id": "1", "changes": [{{"field": "messages", "value":'
    ' {{"statuses": [{{"id": "{0}", "status": "delivered", "timestamp": "1772359200"}},'
    ' {{"id": "{1}", "status": "failed", "timestamp": "1772359201", "errors": [{{"code": 131026}}]}}]}}}}]}}]}}\n'
)


TELNYX = (
    '{{"data": {{"event_type": "message.finalized", "id": "event-1", "payload": {{"id": "{0}", "completed_at":'
    ' "2026-03-01T10:00:00Z", "to": [{{"phone_number": "+447911100000", "status": "delivered"}}], "errors": []}}}}}}\n'
    '{{"data": {{"event_type": "message.finalized", "id": "event-2", "payload": {{"id": "{1}", "completed_at":'
    ' "2026-03-01T10:00:01Z", "to": [{{"status": "delivery_failed"}}], "errors": [{{"code": "40002"}}]}}}}}}\n'
)


@pytest.mark.parametrize(
    "name", ["ref", "Reference", "our_ref", "Message Reference", "userRef", "Reference ID"]
)
def test_our_reference_is_found_under_the_names_that_people_give_it(sold: Project, name: str) -> None:
    rows = sold.run("report", "--json", "--rows").json["row_list"]
    mine = next(row["reference"] for row in rows if row["reference"])
    sold.write("export.csv", f"{name},status\n{mine},delivered\n")
    done = sold.run("receipts", "import", "export.csv", "--json").json
    assert (done["matched"], done["refused"]) == (1, 0)


@pytest.mark.parametrize(
    ("name", "text", "end", "code"),
    [
        ("export.csv", TWILIO, "undelivered", "30003"),
        ("callbacks.jsonl", CALLBACKS, "undelivered", "30003"),
        ("dlr.csv", VONAGE, "failed", "6"),
        ("infobip.jsonl", INFOBIP, "undelivered", "EC_ABSENT_SUBSCRIBER"),
        ("plivo.csv", PLIVO, "failed", "30"),
        ("sinch.jsonl", SINCH, "failed", "401"),
        ("generic.csv", GENERIC, "expired", "8"),
        ("whatsapp.jsonl", WHATSAPP, "failed", "131026"),
        ("telnyx.jsonl", TELNYX, "failed", "40002"),
    ],
)
def test_files_of_providers_are_read_as_they_come(
    sold: Project, name: str, text: str, end: str, code: str
) -> None:
    first, second, *_ = ids(sold)
    sold.write(name, text.format(first, second))
    done = sold.run("receipts", "import", name, "--json").json
    assert (done["matched"], done["unmatched"], done["refused"]) == (2, 0, 0)
    assert done["statuses"] == {"delivered": 1, end: 1}
    assert delivery(sold)["codes"] == {end: {code: 1}}
    rows = sold.run("report", "--json", "--rows").json["row_list"]
    moments = {row["gateway_id"]: row["delivered_at"] for row in rows if row["delivery"]}
    if name != "callbacks.jsonl":  # which carry no moment
        assert moments == {first: "2026-03-01T10:00:00.000Z", second: "2026-03-01T10:00:01.000Z"}


def test_delivered_to_the_operator_is_no_delivery(sold: Project) -> None:
    first, *_ = ids(sold)
    sold.write(
        "r.jsonl",
        json.dumps(
            {"messageId": first, "status": {"groupName": "DELIVERED", "name": "DELIVERED_TO_OPERATOR"}}
        ),
    )
    sold.run("receipts", "import", "r.jsonl")
    found = delivery(sold)
    assert (found["delivered"], found["sent"]) == (0, 1)


def test_what_nobody_knows_is_kept_and_said_and_never_guessed(sold: Project) -> None:
    first, second, *_ = ids(sold)
    sold.write(
        "r.csv", f"id,status\n{first},landed on the moon\n{second},\nelsewhere,delivered\n,delivered\n"
    )
    done = sold.run("receipts", "import", "r.csv")
    assert done.status == 3
    assert "unknown status, kept but not counted: 1 × landed on the moon" in done.out
    assert "matched to a message: 1 of 2" in done.out
    assert "no known message: 1 (kept" in done.out
    assert "r.csv:3: not a receipt: no status" in done.err
    assert "r.csv:5: not a receipt: no message id and no reference" in done.err
    assert delivery(sold)["delivered"] == 0


def test_a_number_or_a_text_of_the_file_does_not_come_into_the_ledger(sold: Project) -> None:
    sold.write(
        "r.csv", "id,to,body,status,code\nX1,+447911555555,secret words,sent to 447911555555,447911555555\n"
    )
    sold.run("receipts", "import", "r.csv")
    dump = "\n".join(sqlite3.connect(sold.folder / ".a2pcli/ledger.db").iterdump())
    assert "X1" in dump
    assert "7911555555" not in dump
    assert "secret words" not in dump


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("phone,name\n+447911100000,Ann\n", "no column holds the status"),
        ("sid,name\nSM1,Ann\n", "no column holds the status"),
        ("status\ndelivered\n", "no column holds the provider's message id"),
        ("", "the file is empty"),
    ],
)
def test_a_file_that_holds_no_receipts_is_refused_with_what_it_lacks(
    sold: Project, text: str, words: str
) -> None:
    sold.write("r.csv", text)
    done = sold.run("receipts", "import", "r.csv")
    assert done.status == 3
    assert words in done.err


def test_a_gateway_that_is_not_there_is_refused(sold: Project) -> None:
    done = sold.run("receipts", "import", "receipts.jsonl", "--gateway", "simm")
    assert done.status == 2
    assert "did you mean sim?" in done.err


def test_explain_says_what_became_of_the_message(sold: Project) -> None:
    """Of a message that left: what a rehearsal's receipts say is not what became of anybody's message."""
    with sqlite3.connect(sold.folder / ".a2pcli/ledger.db") as connection:
        connection.execute("UPDATE runs SET sending = json_set(sending, '$.delivers', json('true'))")
    connection.close()
    first, *_ = ids(sold)
    sold.write("r.csv", f"id,status,code,at\n{first},undelivered,30003,2026-03-01 10:00:00\n")
    sold.run("receipts", "import", "r.csv")
    rows = sold.run("report", "--json", "--rows").json["row_list"]
    (number,) = [row["number"] for row in rows if row["delivery"]]
    assert "; undelivered (30003) at 2026-03-01 10:00" in " ".join(sold.run("explain", number).out.split())


def test_a_file_that_breaks_half_way_keeps_what_came_before_and_says_so(
    sold: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("a2pcli.ledger.receipts.LOOKED_UP", 10_000)
    first, *_ = ids(sold)
    good = "".join(f"{first if n == 0 else f'other-{n}'},delivered\n" for n in range(39_000))
    sold.write("r.csv", f'id,status\n{good}x,"delivered\n')
    done = sold.run("receipts", "import", "r.csv")
    assert done.status == 3
    assert "30,000 receipts were saved before; fix the file and run the same command again" in done.err
    assert delivery(sold)["delivered"] == 1
    trail = sold.run("audit", "list", "--json").json["entries"]
    kept = [one["detail"]["new"] for one in trail if one["action"] == "receipts.import"]
    assert sum(kept) == 30_000
    assert all(kept)
    sold.write("r.csv", f"id,status\n{good}x,delivered\n")
    again = sold.run("receipts", "import", "r.csv", "--json").json
    assert (again["new"], again["duplicates"]) == (9_001, 30_000)


@pytest.mark.parametrize(
    "line",
    [
        '{"id": ["x"], "status": {"a": {"b": [1, {"c": null}]}}}',
        '{"id": "x", "status": true}',
        '{"id": 5, "status": 7, "at": 99999999999999999999, "code": -1}',
        '{"id": "' + "x" * 5000 + '", "status": "delivered"}',
        '{"results": []}',
        '{"a": ' * 50 + '{"id": "x", "status": "delivered"}' + "}" * 50,
        '{"id": "x\\u0000y", "status": "deliv\\u0000ered", "at": "0001-01-01"}',
        r'{"id": "\ud800", "status": "delivered\ud800", "code": "\ud800"}',
        r'{"message": {"id": "\ud800x", "state": "delivered\ud800", "code": "\ud800"}}',
        '{"id": "x", "status": "delivered", "at": "9999-12-31T23:59:59-14:00"}',
        '{"status": "delivered", "reference": "r2222222-999999999999"}',
        '{"status": "delivered", "reference": "r2222222-000000"}',
    ],
)
def test_whatever_a_line_holds_the_import_ends_with_a_sentence(sold: Project, line: str) -> None:
    sold.write("r.jsonl", line + "\n")
    done = sold.run("receipts", "import", "r.jsonl")
    assert done.status in (0, 3)
    assert "Traceback" not in done.err
    assert "receipt" in done.out


def test_an_export_without_a_receipt_is_no_error(sold: Project) -> None:
    """A nightly import has nothing to do on some days."""
    sold.write("r.csv", "id,status\n")
    done = sold.run("receipts", "import", "r.csv")
    assert (done.status, done.out.splitlines()[0]) == (0, "0 receipts: 0 saved")


def test_each_variant_has_its_own_rate(project: Project) -> None:
    project.write("a2pcli.yaml", SIMULATOR)
    head = SALE[: SALE.index("message:")]
    project.write("sale.yaml", head + 'variants: {a: {message: "Ready"}, b: {message: "It is ready"}}\n')
    project.write("people.csv", PEOPLE)
    project.run("send", "sale.yaml", "--yes")
    project.run("receipts", "import", "receipts.jsonl")
    report = project.run("report", "--json").json
    rows = project.run("report", "--json", "--rows", "--state", "accepted").json["row_list"]
    text = " ".join(project.run("report", COLUMNS="100").out.split())
    for name in ("a", "b"):
        found, mine = report["arms"][name]["delivery"], [row for row in rows if row["variant"] == name]
        assert found["accepted"] == len(mine) > 0
        assert found["delivered"] == sum(row["delivery"] == "delivered" for row in mine) > 0
        assert f"{name} {len(mine)} {found['delivered']} {found['delivered_share']:.1%}" in text
    assert (
        sum(report["arms"][name]["delivery"]["delivered"] for name in "ab") == report["delivery"]["delivered"]
    )
