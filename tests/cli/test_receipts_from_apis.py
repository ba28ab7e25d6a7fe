"""``receipts import`` of what providers' interfaces answer (a JSON document, gzip), and why messages did not arrive."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from clikit import Kept, Project

SETTINGS = """\
region: GB
gateways:
  out: {type: outbox, file: out.jsonl}
"""

SALE = """\
name: sale
objective: Tell them
purpose: transactional
contacts: people.csv
gateway: out
message: "Your order is ready"
"""

CODES = ["30003", "30007", "30005", "21610", "99999", None]
"""Unreachable, filtered, no such number, opted out, unknown to everybody, none."""


@pytest.fixture(scope="module")
def sold_once(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    project = Project(tmp_path_factory.mktemp("sold_once"))
    project.write("a2pcli.yaml", SETTINGS)
    project.write("sale.yaml", SALE)
    project.write("people.csv", "phone\n" + "".join(f"+4479111001{n:02d}\n" for n in range(10)))
    assert project.run("send", "sale.yaml", "--yes").status == 0
    project.write("a2pcli.yaml", "region: GB\ngateways:\n  out: {type: twilio}\n")
    return Kept(project)


@pytest.fixture
def sold(sold_once: Kept) -> Project:
    return sold_once.back()


def receipts_of(sold: Project) -> list[dict[str, Any]]:
    """Four that were delivered, and one for each of ``CODES``, named by our reference."""
    rows = sold.run("report", "--json", "--rows").json["row_list"]
    return [
        {"reference": row["reference"], "status": "undelivered", "error_code": CODES[n]}
        if n < len(CODES)
        else {"reference": row["reference"], "status": "delivered", "error_code": None}
        for n, row in enumerate(rows)
    ]


def shapes(found: list[dict[str, Any]]) -> dict[str, str]:
    return {
        "an array": json.dumps(found),
        "an array over lines": json.dumps(found, indent=2),
        "a page of an interface": json.dumps({"page": 0, "messages": found, "uri": "/next"}),
        "a page over lines": json.dumps({"meta": {"count": 10}, "data": {"results": found}}, indent=4),
        "the list before what says that all went well": json.dumps({"list": found, "message": "OK"}),
        "bodies of callbacks in an array": json.dumps([{"results": found[:3]}, {"results": found[3:]}]),
        "objects over lines": "\n".join(json.dumps(one, indent=1) for one in found),
        "lines": "".join(json.dumps(one) + "\n" for one in found),
        "a CSV": "reference,status,error_code\n"
        + "".join(f"{one['reference']},{one['status']},{one['error_code'] or ''}\n" for one in found),
    }


def test_receipts_are_read_however_json_is_laid_out_and_packed(sold: Project) -> None:
    for name, text in shapes(receipts_of(sold)).items():
        ending = "csv" if name == "a CSV" else "json"
        project_file = sold.folder / f"receipts.{ending}"
        project_file.write_text(text)
        packed = sold.folder / f"receipts.{ending}.gz"
        packed.write_bytes(gzip.compress(text.encode()))
        for file in (project_file, packed):
            ran = sold.run("receipts", "import", file.name, "--dry-run", "--json")
            assert ran.status == 0, (name, ran.err)
            found = {key: ran.json[key] for key in ("receipts", "matched", "refused", "statuses")}
            statuses = {"undelivered": 6, "delivered": 4}
            assert found == {"receipts": 10, "matched": 10, "refused": 0, "statuses": statuses}, name


def test_an_empty_list_is_a_night_without_receipts_and_an_error_object_is_not(sold: Project) -> None:
    sold.write("receipts.json", "[]\n")
    ran = sold.run("receipts", "import", "receipts.json", "--gateway", "out")
    assert (ran.status, ran.out.splitlines()[0]) == (0, "0 receipts: 0 saved")
    sold.write("receipts.json", '{"error": "unauthorized"}')
    assert sold.run("receipts", "import", "receipts.json", "--gateway", "out").status == 3


def test_a_row_of_a_document_that_is_no_receipt_is_named_with_its_line(sold: Project) -> None:
    found = receipts_of(sold)[:4]
    del found[0]["status"], found[2]["reference"]
    sold.write("page.json", json.dumps({"messages": found}, indent=2))
    ran = sold.run("receipts", "import", "page.json", "--json")
    assert (ran.status, ran.json["receipts"]) == (3, 2)
    assert ran.json["refused_rows"] == [
        {"line": 3, "why": "no status"},
        {"line": 12, "why": "no message id and no reference"},
    ]


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ('[\n  {"id": "a", "status": "sent"},\n  {"id": "b" "status": "x"}]', "3:14", "not JSON"),
        ('[\n  {"id": "a", "status": "sent"}\n', "3:1", "the file ends too early"),
        ('[{"id": "a", "status": "sent"} {"id": "b", "status": "sent"}]', "1:32", "',' is expected here"),
        ('{"id": "a", "status": "sent"},\n{"id": "b", "status": "sent"}', "1:30", "without commas"),
        ('[{"id": "a", "status": "sent"}, 7]', "1", "not a JSON object"),
        ("[" * 100_000, "1", "nested too deeply"),
        ('{"a":' * 100_000, "1", "nested too deeply"),
    ],
)
def test_a_broken_document_is_refused_at_its_place(sold: Project, text: str, place: str, words: str) -> None:
    sold.write("bad.json", text)
    ran = sold.run("receipts", "import", "bad.json")
    assert ran.status == 3
    assert words in ran.err
    assert f"bad.json:{place}" in ran.err if place else True


def test_a_gzip_bomb_is_refused_and_so_is_a_file_that_was_cut_off(sold: Project) -> None:
    (sold.folder / "bomb.csv.gz").write_bytes(gzip.compress(b"reference,status\n" + b"x" * (40 << 20)))
    ran = sold.run("receipts", "import", "bomb.csv.gz")
    assert (ran.status, "unpacks to more than 32 MB" in ran.err) == (3, True)
    whole = gzip.compress(json.dumps(receipts_of(sold)).encode())
    for damaged in (whole[:-20], whole[:60] + b"xxxxxxxx" + whole[68:]):
        (sold.folder / "cut.json.gz").write_bytes(damaged)
        ran = sold.run("receipts", "import", "cut.json.gz")
        assert (ran.status, "damaged or cut off" in ran.err) == (3, True)
    assert sold.run("contacts", "check", "cut.json.gz").status == 3


def test_the_report_sums_up_why_messages_were_not_delivered(sold: Project) -> None:
    sold.write("page.json", json.dumps({"messages": receipts_of(sold)}))
    assert sold.run("receipts", "import", "page.json").status == 0
    causes = {"unknown": 2, "temporary": 1, "content": 1, "permanent": 1, "opted-out": 1}
    found = sold.run("report", "--json").json["delivery"]
    assert (found["causes"], found["undelivered"]) == (causes, 6)
    text = " ".join(sold.run("report", COLUMNS="160").out.split())
    line = "6 not delivered, by cause: 2 unknown"
    assert line in text
    assert all(f"1 {cause}" in text for cause in ("temporary", "content", "permanent", "opted-out"))


def test_messages_of_a_query_have_their_delivery(sold: Project) -> None:
    sold.write("page.json", json.dumps(receipts_of(sold)))
    sold.run("receipts", "import", "page.json")
    sql = "SELECT delivery, delivery_code, count(*) AS n FROM messages GROUP BY 1, 2 ORDER BY 1, 2"
    rows = sold.run("ledger", "query", sql, "--json").json
    found = rows["rows"] if isinstance(rows, dict) else rows
    assert [tuple(row.values()) if isinstance(row, dict) else tuple(row) for row in found] == [
        ("delivered", None, 4),
        ("undelivered", None, 1),
        ("undelivered", "21610", 1),
        ("undelivered", "30003", 1),
        ("undelivered", "30005", 1),
        ("undelivered", "30007", 1),
        ("undelivered", "99999", 1),
    ]
