"""A campaign over SMPP by the command line: who got what, the receipts and replies that came while it was sent."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("smpp34", reason="the extra is not installed: pip install 'a2pcli[smpp]'")

GATEWAYS = Path(__file__).parents[1] / "gateways"
if str(GATEWAYS) not in sys.path:
    sys.path.insert(0, str(GATEWAYS))

from clikit import Project  # noqa: E402
from smsc import Answer, Smsc, Submitted, deliver, receipt  # noqa: E402

SETTINGS = """\
region: GB
gateways:
  operator:
    type: smpp
    host: 127.0.0.1
    port: {port}
    system_id: campaigns
    password: ${{SMPP_PASSWORD}}
    timeout: 2
    window: 20
    sender: ACME
    {more}
"""
SALE = """\
name: sale
objective: Tell them
purpose: {purpose}
contacts: people.csv
gateway: operator
message: "Hi {{{{ first_name }}}}, {text}"
"""
COUNT = 40


def campaign(
    project: Project, there: Smsc, *, more: str = "receipts: {wait: 0.4}", text: str = "it is ready",
    purpose: str = "transactional",
) -> Project:  # fmt: skip
    project.write("a2pcli.yaml", SETTINGS.format(port=there.port, more=more))
    project.write("sale.yaml", SALE.format(text=text, purpose=purpose))
    project.write(
        "people.csv", "phone,first_name\n" + "".join(f"+447911100{n:03d},Ann\n" for n in range(COUNT))
    )
    return project


def sent(project: Project, *more: str) -> Any:
    return project.run("send", "sale.yaml", "--yes", *more, SMPP_PASSWORD="s3cret")


def report(project: Project) -> Any:
    return project.run("report", "--json", SMPP_PASSWORD="s3cret").json


def test_every_person_is_submitted_once_and_the_receipts_say_what_became_of_it(project: Project) -> None:
    """The ids are hexadecimal in the answers and decimal in the receipts; some receipts come before their answer."""

    def answer(one: Submitted) -> Answer:
        id = 0x1A00 + one.number
        what = receipt(
            str(id), "UNDELIV" if one.number % 10 == 0 else "DELIVRD", sequence=one.number, err="00B"
        )
        place = {"before": [what]} if one.number % 3 == 0 else {"then": [what]}
        return Answer(id=f"{id:08X}", **place)

    with Smsc(answer) as there:
        done = sent(campaign(project, there))
        assert done.status == 0, done.err
        assert len(there.acknowledged) == COUNT
        assert {status for _, status in there.acknowledged} == {0}
        numbers = Counter(one.to for one in there.received)
    assert set(numbers.values()) == {1}
    assert len(numbers) == COUNT
    print(json.dumps(report(project)["delivery"]), report(project).keys(), report(project).get("states"))
    states = Counter(row["delivery"] for row in project.run("report", "--json", "--rows").json["row_list"])
    assert states == {"delivered": COUNT - COUNT // 10, "undelivered": COUNT // 10}


def test_a_message_of_parts_is_delivered_when_each_of_them_is(project: Project) -> None:
    def answer(one: Submitted) -> Answer:
        id = f"p{one.number}"
        lost = one.to == "447911100001" and one.octets[5] == 2
        return Answer(id=id, then=[] if lost else [receipt(id, sequence=one.number)])

    with Smsc(answer) as there:
        done = sent(campaign(project, there, text="x" * 200))
        assert done.status == 0, done.err
        assert len(there.received) == 2 * COUNT
    rows = project.run("report", "--json", "--rows").json["row_list"]
    by_delivery = Counter(row["delivery"] for row in rows)
    assert by_delivery == {"delivered": COUNT - 1, "sent": 1}
    assert [row["number"] for row in rows if row["delivery"] == "sent"] == ["+447911100001"]
    assert project.run("ledger", "check").status == 0


def test_a_receipt_of_a_later_part_finds_its_message_in_another_run_too(project: Project) -> None:
    """Its id stands in no answer that the ledger keeps as the message's own."""
    waiting: list[bytes] = []

    def answer(one: Submitted) -> Answer:
        waiting.append(receipt(f"p{one.number}", sequence=one.number))
        return Answer(id=f"p{one.number}")

    with Smsc(answer) as there:
        campaign(project, there, text="x" * 200)
        assert sent(project).status == 0
        project.write("people.csv", "phone,first_name\n+447911100900,Zoe\n")
        there.on_bind, there.answer = list(waiting), lambda one: Answer(id=f"q{one.number}")
        assert sent(project, "--occurrence", "next").status == 0
    first = project.run("runs", "--json").json
    run = min(first["runs"], key=lambda one: one["started_at"])["run"]
    rows = project.run("report", run, "--json", "--rows").json["row_list"]
    assert Counter(row["delivery"] for row in rows) == {"delivered": COUNT}


def test_a_stop_that_comes_while_it_is_sent_keeps_the_rest_away(project: Project) -> None:
    def answer(one: Submitted) -> Answer:
        stops = [
            deliver(b"STOP", sequence=900 + n, esm_class=0, source=f"447911100{n:03d}")
            for n in (COUNT - 2, COUNT - 1)
        ]
        thanks = deliver("Merci 😀".encode("utf-16-be"), sequence=1, esm_class=0, data_coding=8)
        return Answer(id=f"m{one.number}", after=0.02, then=[thanks, *stops] if one.number == 1 else [])

    with Smsc(answer) as there:
        campaign(project, there, more="rate: 40/s", purpose="transactional")
        done = sent(project, "--concurrency", "1")
        assert done.status == 0, done.err
        assert len(there.acknowledged) == 3
        confirmed = [one.to for one in there.received if b"unsubscribed" in one.octets]
        reached = {one.to for one in there.received if b"unsubscribed" not in one.octets}
    assert len(reached) == COUNT - 2
    gone = {f"447911100{n:03d}" for n in (COUNT - 2, COUNT - 1)}
    assert not reached & gone
    assert sorted(confirmed) == sorted(gone), "each is confirmed once, on the same connection"
    told = "note: 3 replies came while sending, 2 opted out; to list them without their texts (setting `replies`): "
    assert told in done.out + done.err
    listed = project.run("optout", "list", "--json")
    assert "+447911100039" in listed.out
    kept = replies(project)
    assert Counter((one["kind"], one["body"], one["gateway"], one["recipient"]) for one in kept) == {
        ("stop", None, "operator", "ACME"): 2,
        ("none", None, "operator", "ACME"): 1,
    }
    assert {one["source"].partition(" (")[0] for one in kept} == {"gateway operator"}
    assert not (project.folder / ".a2pcli" / "replies.jsonl").exists()
    entries = project.run("audit", "list", "--all", "--json").out
    assert entries.count('"optout.reply"') == 3
    assert project.run("people", "erase", "+447911100039", "--yes").status == 0
    assert "+447911100039" not in {one["address"] for one in replies(project)}
    assert project.run("ledger", "check").status == 0


def test_replies_of_any_sender_are_kept_and_what_a_person_should_read_is_shown(project: Project) -> None:
    """A national number, a short code, and words that are not clearly a stop."""
    came = [
        deliver(b"STOP", sequence=901, esm_class=0, source="07911100020", ton=2),
        deliver(b"stop", sequence=902, esm_class=0, source="7911100021", ton=2),
        deliver(b"STOP", sequence=903, esm_class=0, source="60777", ton=3),
        deliver(b"don't stop the music\x1b[2J", sequence=904, esm_class=0, source="447911100022"),
        deliver(b"STOP", sequence=905, esm_class=0, source="07911100023", ton=200),
    ]
    with Smsc(lambda one: Answer(id=f"m{one.number}", then=came if one.number == 1 else [])) as there:
        campaign(project, there)
        project.write(
            "a2pcli.yaml", (project.folder / "a2pcli.yaml").read_text() + "replies: {texts: keep}\n"
        )
        done = sent(project)
        assert done.status == 0, done.err
        assert {status for _, status in there.acknowledged} == {0}
        assert len(there.acknowledged) == len(came)
    said = done.out + done.err
    assert "note: 5 replies came while sending, 3 opted out; to list them: a2pcli ledger query" in said
    assert "note: 1 came from senders without an address to suppress: nothing was done" in said
    assert re.search(r"1 to review:\n.*\+447911100022  unclear, nothing done: don't stop the music", said)
    assert "\x1b" not in said
    kept = {one["address"]: (one["kind"], one["body"]) for one in replies(project)}
    assert kept["+447911100020"] == ("stop", "STOP")
    assert kept["+447911100021"] == ("stop", "stop")
    assert kept["+447911100023"] == ("stop", "STOP")
    assert kept["+60777"] == ("stop", "STOP")
    assert len(kept) == len(came)
    assert project.run("ledger", "check").status == 0


def test_who_opted_out_as_a_receipt_says_is_suppressed_whenever_its_message_is_found(
    project: Project,
) -> None:
    """Some receipts come at once, some when the next run connects."""
    codes = {5: "0A1", 6: "a1", 7: "0B1", 8: "0A1"}

    def answer(one: Submitted) -> Answer:
        found = receipt(f"m{one.number}", "UNDELIV", sequence=one.number, err=codes.get(one.number, "00B"))
        if one.number == 8:
            later.append(found)
        return Answer(id=f"m{one.number}", then=[] if one.number == 8 else [found])

    later: list[bytes] = []
    with Smsc(answer) as there:
        done = sent(campaign(project, there, more="receipts: {wait: 0.4, errors: {0A1: opted-out}}"))
        assert done.status == 0, done.err
        assert "note: 2 opted out, as their delivery receipts say" in done.out + done.err
        project.write("people.csv", "phone,first_name\n+447911100900,Zoe\n")
        there.on_bind, there.answer = later, lambda one: Answer(id=f"q{one.number}")
        done = sent(project, "--occurrence", "next")
        assert "note: 1 opted out, as their delivery receipts say" in done.out + done.err
        gone = {f"+{one.to}" for one in there.received[:COUNT] if one.number in (5, 6, 8)}
    listed = project.run("optout", "list", "--json").json
    assert {one["number"]: one["source"] for one in listed["suppressions"]} == dict.fromkeys(
        gone, "gateway operator"
    )
    assert '"by": "receipt"' in project.run("audit", "list", "--all", "--json").out
    assert project.run("ledger", "check").status == 0


def replies(project: Project) -> list[dict[str, Any]]:
    done = project.run("ledger", "query", "SELECT * FROM replies", "--jsonl")
    assert done.status == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def test_an_answer_that_comes_too_late_makes_the_unknown_message_accepted(project: Project) -> None:
    def answer(one: Submitted) -> Answer:
        return Answer(id=f"m{one.number}", after=1.2 if one.number == 7 else 0.0)

    with Smsc(answer) as there:
        campaign(project, there, more="receipts: {wait: 2}")
        settings = (project.folder / "a2pcli.yaml").read_text()
        project.write("a2pcli.yaml", settings.replace("timeout: 2", "timeout: 0.4"))
        done = sent(project)
    assert done.status == 0, done.err
    assert report(project)["states"] == {"accepted": COUNT}
    assert project.run("ledger", "check").status == 0


def test_a_receipt_whose_id_fits_two_messages_is_kept_and_is_nobodys(project: Project) -> None:
    with Smsc(lambda one: Answer(id="77" if one.number <= 2 else f"m{one.number}")) as there:
        there.on_bind = [receipt("77", sequence=1)]
        done = sent(campaign(project, there))
        assert there.acknowledged == [(1, 0)]
    assert done.status == 0, done.err
    assert report(project)["delivery"]["no_receipt"] == COUNT
    rows = project.run("ledger", "query", "--json", "select gateway_id from receipts")
    assert "receipt:77" in rows.out


def test_a_wrong_password_costs_nobody_their_message(project: Project) -> None:
    with Smsc(password="other") as there:
        done = sent(campaign(project, there))
        assert len(there.binds) == 1
    assert done.status == 5
    assert "the operator refused the password" in done.out
    assert "s3cret" not in done.out + done.err
    assert report(project)["states"] == {"planned": COUNT}


def test_a_throttled_account_is_sent_to_more_slowly_and_loses_nobody(project: Project) -> None:
    def answer(one: Submitted) -> Answer:
        return Answer(status=0x58) if one.number in (9, 10) else Answer(id=f"m{one.number}")

    with Smsc(answer) as there:
        done = sent(campaign(project, there))
        taken = Counter(one.to for one in there.accepted)
    assert done.status == 0, done.err
    assert len(taken) == COUNT
    assert set(taken.values()) == {1}


def test_a_gateway_of_an_extra_that_is_missing_says_what_to_install(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "smpp34", None)
    with Smsc() as there:
        done = sent(campaign(project, there))
    assert done.status == 3
    assert 'pip install "a2pcli[smpp]"' in done.err


def test_the_gateways_command_tells_whether_the_operator_is_there(project: Project) -> None:
    with Smsc() as there:
        campaign(project, there)
        ran = project.run("gateways", "test", "operator", SMPP_PASSWORD="s3cret")
        assert ran.status == 0, ran.err
        assert "bound as transceiver, without TLS" in ran.out + ran.err
        there.bind_status = 0x0D
        ran = project.run("gateways", "test", "operator", SMPP_PASSWORD="s3cret")
    assert ran.status != 0
    assert "the operator refused the connection (0x0D)" in ran.out + ran.err
