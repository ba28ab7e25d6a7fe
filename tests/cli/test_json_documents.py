"""``--json``: every document is the one that is documented, and a failure is a document too."""

from __future__ import annotations

import json
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from botkit import writer
from clikit import Project
from sqlalchemy import update
from test_docs_examples import ALL, options

from a2pcli.cli.documents import VERSION, documents, output_schema
from a2pcli.ledger.conversations import Heard
from a2pcli.ledger.schema import conversations
from a2pcli.ledger.store import Ledger

sys.path.append(str(Path(__file__).parents[1] / "gateways"))
from gatewaykit import Counterpart, reply

SCHEMA = output_schema()
WHATSAPP = """\
  wa: {{type: whatsapp, phone_number_id: "106540352242922", waba_id: "102290129340398", access_token: t,
       base_url: "{url}"}}
"""
LISTS = "  lists: {type: simulator, receipts: {file: r.jsonl, delay: 0}, replies: came.jsonl}\n"
CAME = '{"from": "+447911123492", "to": "Shop", "text": "STOP", "at": "%s", "id": "c1"}\n'
TEMPLATES = "fetched: 2026-01-02\ntemplates:\n- {name: a, language: en, category: utility, status: approved, body: H}\n"


RULES = """\
rules:
  order: {regex: 'order (?P<number>[0-9]+)', answer: "Order {{ number }} is on its way."}
agents:
  sales: {}
"""

EVENTS = """\
events:
  shipped: {campaign: shipped.yaml, key: id, map: {phone: phone, first_name: name}}
"""


def with_inbox(project: Project) -> None:
    """Rules for replies, a survey, and a conversation in the inbox."""
    project.write("replies.yaml", f'{RULES}bots:\n  writer: {{url: "{writer()}", model: small}}\n')
    (project.folder / "surveys").mkdir()
    project.write("surveys/visit.yaml", "questions:\n  how: {ask: 'How was it?', kind: text}\n")
    project.write("events.yaml", EVENTS)
    shipped = (project.folder / "sale.yaml").read_text().replace("spring-sale", "shipped")
    project.write("shipped.yaml", shipped.replace("purpose: marketing", "purpose: transactional"))
    with Ledger.open(str(project.folder / ".a2pcli/ledger.db")) as ledger:
        ledger.conversations.hear(Heard("+447911123492", "sms", "outbox", "Shop", None, "no rule matches it"))
        with ledger.engine.begin() as connection:
            connection.execute(update(conversations).values(code="cabcdefg"))


@pytest.fixture
def after_a_run(project: Project) -> Project:
    """The starter, sent, with an opt-out and an unknown message."""
    project.starter()
    project.write(
        "a2pcli.yaml",
        "region: GB\nrates: rates.csv\ngateways:\n  doubt: {type: simulator, mix: {unknown: 100%}, latency: {}}\n"
        + LISTS,
    )
    project.write("came.jsonl", CAME % datetime.now(UTC).isoformat())
    project.write(
        "doubt.yaml", (project.folder / "sale.yaml").read_text().replace("spring-", "") + "gateway: doubt\n"
    )
    assert project.run("send", "sale.yaml", "--yes").status == 0
    assert project.run("send", "doubt.yaml", "--yes").status == 4
    assert project.run("optout", "add", "07911123499").status == 0
    with_inbox(project)
    return project


JSON_CALLS = [
    ("init", "made"),
    ("check", "sale.yaml"),
    ("preview", "sale.yaml", "--row", "2"),
    ("draft", "sale.yaml", "--variants", "1"),
    ("plan", "sale.yaml"),
    ("send", "sale.yaml", "--yes"),
    ("send", "sale.yaml", "--yes", "--occurrence", "again"),
    ("send", "sale.yaml", "--dry-run"),
    ("send", "sale.yaml", "--test-to", "07911123450", "--yes"),
    ("runs",),
    ("report",),
    ("cancel", "spring-sale"),
    ("explain", "07911123456"),
    ("retry", "sale", "--yes"),
    ("reconcile", "sale"),
    ("reconcile", "sale", "--as", "sent", "--yes"),
    ("count", "hello"),
    ("gateways",),
    ("gateways", "show", "doubt"),
    ("gateways", "add", "twilio"),
    ("gateways", "test", "outbox"),
    ("templates", "sync", "wa"),
    ("templates", "list"),
    ("contacts", "check", "people.csv"),
    ("contacts", "reach", "card.yaml"),
    ("receipts", "import", "receipts.csv"),
    ("receipts", "pull"),
    ("replies", "pull", "lists"),
    ("replies", "check"),
    ("replies", "test", "order 1234", "--from", "07911123456"),
    ("replies", "usage"),
    ("inbox", "list"),
    ("inbox", "show", "cabcdefg"),
    ("inbox", "assign", "cabcdefg", "anna"),
    ("inbox", "reply", "cabcdefg", "We open at nine."),
    ("inbox", "close", "cabcdefg"),
    ("survey", "check"),
    ("survey", "start", "visit", "07911123490"),
    ("survey", "list"),
    ("survey", "results", "visit"),
    ("otp", "send", "07911123456"),
    ("otp", "verify", "07911123456", "000000"),
    ("trigger", "shipped", "--data", '{"id": 1, "phone": "07911123481", "name": "Ann"}'),
    ("optout", "add", "07911123498"),
    ("optout", "remove", "07911123499"),
    ("optout", "list"),
    ("optout", "import", "people.csv"),
    ("optout", "export", "out.csv"),
    ("optout", "check", "07911123499"),
    ("optout", "reply", "07911123497", "STOP"),
    ("optout", "replies", "replies.csv"),
    ("consent", "record", "07911123496", "--source", "web form", "--wording-version", "v1"),
    ("consent", "import", "signups.csv", "--source", "web form", "--wording-version", "v1"),
    ("consent", "show", "07911123496"),
    ("consent", "list"),
    ("consent", "export", "consents.csv"),
    ("consent", "revoke", "07911123496"),
    ("audit", "list"),
    ("audit", "verify"),
    ("prune", "--yes"),
    ("people", "export", "07911123456"),
    ("people", "erase", "07911123456", "--yes"),
    ("schema", "campaign", "--out", "campaign.json"),
    ("ledger", "create", "--ledger", "new.db"),
    ("ledger", "accept"),
    ("ledger", "check"),
    ("ledger", "query", "SELECT * FROM runs"),
    ("ledger", "query"),
    ("ledger", "encrypt"),
    ("ledger", "rekey"),
    ("ledger", "decrypt"),
]


def path_of(words: tuple[str, ...]) -> tuple[str, ...]:
    return max((path for path in ALL if words[: len(path)] == path), key=len)


def environ_of(call: tuple[str, ...]) -> dict[str, str]:
    """The ledger's keys, for the commands that need them."""
    old, new = "1" * 64, "2" * 64
    match call:
        case ("otp", *_):
            return {"OTP_SECRET": old}
        case ("ledger", "encrypt"):
            return {"A2PCLI_LEDGER_KEY": old}
        case ("ledger", "rekey"):
            return {"A2PCLI_LEDGER_KEY": old, "A2PCLI_LEDGER_NEW_KEY": new}
        case ("ledger", "decrypt"):
            return {"A2PCLI_LEDGER_KEY": new}
    return {}


def judge(command: str, document: Any) -> None:
    wanted = {"$ref": f"#/commands/{command}", **{key: SCHEMA[key] for key in ("$defs", "commands")}}
    found = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(wanted).iter_errors(document))
    assert found is None, f"{command}: {'/'.join(map(str, found.absolute_path))}: {found.message[:300]}"


def test_every_document_has_the_keys_that_are_documented_and_no_others(after_a_run: Project) -> None:
    after_a_run.write("templates.wa.yaml", TEMPLATES)
    text = (after_a_run.folder / "sale.yaml").read_text().replace("spring-", "card-")
    after_a_run.write("card.yaml", text + "gateway: doubt\nchannel: rcs\n")
    after_a_run.write("replies.csv", "phone,text\n07911123497,stop\n07911123494,maybe stop?\n")
    after_a_run.write("receipts.csv", "id,status\nnobody,delivered\n,sent\n")
    after_a_run.write("signups.csv", "phone,consent_at\n07911123495,2026-01-02\n")
    with Counterpart(reply(200, {"data": []})) as account:
        documents_of_all_calls(after_a_run, account.url)


def documents_of_all_calls(after_a_run: Project, account: str) -> None:
    text = (after_a_run.folder / "a2pcli.yaml").read_text()
    otp = "otp: {secret: '${OTP_SECRET}', service: Shop}\n"
    after_a_run.write("a2pcli.yaml", text + WHATSAPP.format(url=account) + otp)
    for call in JSON_CALLS:
        done = after_a_run.run(*call, "--json", **environ_of(call))
        assert done.out, (call, done.err)
        document = json.loads(done.out)  # all of it: more than one document would not load
        assert done.out.endswith("}\n"), call
        assert next(iter(document)) == "schema", call
        assert document["schema"] == VERSION
        judge(" ".join(path_of(call)), document)


def test_every_command_with_json_has_a_documented_document_and_is_tried() -> None:
    with_json = {" ".join(path) for path, command in ALL.items() if "--json" in options(command)}
    assert set(documents()) == with_json
    assert {" ".join(path_of(call)) for call in JSON_CALLS} == with_json


def test_the_shipped_campaigns_and_contacts_give_documents_as_documented(project: Project) -> None:
    """Longer documents than the small ones: samples, clocks, arms, senders, repairs, refused rows."""
    root = Path(__file__).parents[2]
    shutil.copytree(root / "campaigns", project.folder / "campaigns")
    shutil.copy(root / "sample_contacts.csv", project.folder)
    for campaign in sorted((project.folder / "campaigns").glob("*.yaml")):
        if campaign.name == "a2pcli.yaml":
            continue
        name = f"campaigns/{campaign.name}"
        judge("check", project.run("check", name, "--json").json)
        judge("plan", project.run("plan", name, "--json").json)
        judge("preview", project.run("preview", name, "--random", "3", "--json").json)
        judge("send", project.run("send", name, "--yes", "--json").json)
    settings = ("--ledger", "campaigns/.a2pcli/ledger.db")
    judge("report", project.run("report", "--json", "--rows", *settings).json)
    judge("runs", project.run("runs", "--json", *settings).json)
    judge("explain", project.run("explain", "07700900001", "--json", *settings).json)
    judge(
        "contacts check",
        project.run("contacts", "check", "sample_contacts.csv", "--region", "GB", "--json").json,
    )
    judge("count", project.run("count", "“curly” e\u0301 😀 " * 9, "--json").json)


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("plan", "nowhere.yaml"), 3, "unreadable"),
        (("report", "rzzzzzzz"), 2, "invalid"),
        (("optout", "check", "nonsense", "--ledger", "l.db"), 2, None),
        (("send",), 2, None),
        (("plan", "--no-such-option"), 2, "usage"),
    ],
)
def test_a_failure_is_a_document_with_its_problems_and_a_sentence_on_stderr(
    project: Project, arguments: tuple[str, ...], status: int, code: str | None
) -> None:
    done = project.run(*arguments, "--json")
    assert done.status == status
    document = done.json
    assert (document["schema"], document["status"]) == (VERSION, status)
    assert document["problems"]
    if code is not None:
        assert document["problems"][0]["code"] == code
    assert done.err
    validator = {"$ref": "#/$defs/Failure", "$defs": SCHEMA["$defs"]}
    jsonschema.Draft202012Validator(validator).validate(document)


def test_a_command_that_prints_its_document_and_fails_prints_no_second_one(project: Project) -> None:
    project.write("list.csv", "phone\n+447911123456\nnonsense\n")
    project.run("ledger", "create", "--ledger", "l.db")
    done = project.run("optout", "import", "list.csv", "--ledger", "l.db", "--json")
    assert done.status == 3
    assert done.json["refused"] == 1


def test_the_totals_of_plan_runs_and_report_mean_the_same(project: Project) -> None:
    project.starter()
    plan = project.run("plan", "sale.yaml", "--json").json
    assert project.run("send", "--plan", plan["plan"]).status == 0
    report = project.run("report", "--json").json
    (line,) = project.run("runs", "--json").json["runs"]
    assert (
        plan["parts"]
        == report["parts"]
        == sum(int(n) * many for n, many in plan["messages_by_parts"].items())
    )
    assert plan["cost"] == report["cost"] == line["cost"]
    assert plan["unpriced"] == report["unpriced"] == line["unpriced"]


def test_a_report_lists_every_row_when_asked(project: Project) -> None:
    project.starter()
    assert project.run("send", "sale.yaml", "--yes").status == 0
    report = project.run("report", "--json", "--rows").json
    assert len(report["row_list"]) == report["rows"]
    assert {row["state"] for row in report["row_list"]} == set(report["states"])
    some = project.run("report", "--json", "--rows", "--state", "skipped").json
    assert len(some["row_list"]) == some["states"]["skipped"]
    assert project.run("report", "--rows").status == 2


def test_a_refused_contact_says_why_in_json_too(project: Project) -> None:
    project.write("people.csv", "phone\n07911 12\n")
    (row,) = project.run("contacts", "check", "people.csv", "--region", "GB", "--json").json["rows"]
    assert row["reason"] == "invalid-number"
    assert "detail" in row


def test_the_schema_of_the_documents_is_printed(project: Project) -> None:
    printed = project.run("schema", "output").json
    assert printed == json.loads(json.dumps(SCHEMA))
    jsonschema.Draft202012Validator.check_schema(printed)
