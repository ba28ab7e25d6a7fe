"""A campaign by email from the command line: planned, sent, explained, reported, erased, and never to a no."""

from __future__ import annotations

from pathlib import Path

import pytest
from clikit import Project

CAMPAIGN = """\
name: news
objective: Tell people of the sale
purpose: marketing
channel: email
contacts: people.csv
message: "Hi {{ name | default('you') }}, 20% off. Reply STOP to opt out"
waive: {no-brand: a test}
"""
PEOPLE = """\
name,E-Mail,Mobile
Anna,Anna@Example.com,07911123456
Ben,Ben <ben@example.com>,07911123457
Joanna,joanna@example.com,
Ann,anna@EXAMPLE.com,
Cid,cid@exa mple.com,
Emil,emil@münchen.de,
Fay,fay@example.com,07911123459
"""


@pytest.fixture
def shop(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.write("news.yaml", CAMPAIGN)
    project.write("people.csv", PEOPLE)
    project.write("a2pcli.yaml", "region: GB\nconsent: assumed\n")
    assert project.run("ledger", "create").status == 0
    return project


def addresses(shop: Project) -> list[str]:
    return [one["to"] for one in shop.outbox() if "to" in one]


def test_each_gets_it_once_at_the_address_as_they_write_it(shop: Project) -> None:
    assert shop.run("check", "news.yaml").status == 0
    assert shop.run("send", "news.yaml", "--yes").status == 0
    assert addresses(shop) == [
        "Anna@example.com", "ben@example.com", "joanna@example.com", "emil@xn--mnchen-3ya.de", "fay@example.com",
    ]  # fmt: skip
    assert all(one["channel"] == "email" for one in shop.outbox())
    again = shop.run("send", "news.yaml", "--yes")
    assert again.status == 4  # one address is still none
    assert len(addresses(shop)) == 5


def test_the_console_takes_it_too(shop: Project) -> None:
    shop.write("news.yaml", CAMPAIGN + "gateway: console\n")
    ran = shop.run("send", "news.yaml", "--yes")
    assert ran.status == 0
    assert "to Anna@example.com (email)" in ran.err


def test_a_gateway_of_phones_alone_is_refused_before_anything_is_planned(shop: Project) -> None:
    shop.write(
        "a2pcli.yaml",
        "region: GB\ngateways: {twilio: {account_sid: AC00000000000000000000000000000000, auth_token: x}}\n",
    )
    shop.write("news.yaml", CAMPAIGN + "gateway: twilio\n")
    ran = shop.run("send", "news.yaml", "--yes")
    assert ran.status in (2, 3)
    assert "cannot send email" in ran.err
    assert shop.run("runs", "--json").json["runs"] == []


@pytest.mark.parametrize("left", ["ANNA@example.com", "+447911123456"])
def test_an_opt_out_after_the_plan_by_any_address_of_the_row_keeps_the_message_away(
    shop: Project, left: str
) -> None:
    plan = shop.run("plan", "news.yaml", "--json").json
    shop.run("optout", "add", left)
    shop.run("send", "news.yaml", "--plan", plan["plan"], "--yes")
    assert addresses(shop)[0] == "ben@example.com"
    assert len(addresses(shop)) == 4
    told = shop.run("explain", "anna@example.com").out
    assert "excluded: opted-out" in told
    assert "does not hold any more" not in told


def test_an_opt_out_from_texts_stops_no_email(shop: Project) -> None:
    plan = shop.run("plan", "news.yaml", "--json").json
    shop.run("optout", "add", "+447911123456", "--scope", "channel=sms")
    shop.run("send", "news.yaml", "--plan", plan["plan"], "--yes")
    assert len(addresses(shop)) == 5


def test_opt_outs_are_kept_looked_up_lifted_and_imported_by_email_address(shop: Project) -> None:
    assert shop.run("optout", "add", "Ben <BEN@example.com>").status == 0
    assert shop.run("optout", "check", "ben@EXAMPLE.com").out.startswith("ben@example.com is suppressed")
    reply = shop.run("optout", "reply", "joanna@example.com", "please unsubscribe me")
    assert reply.status == 0
    shop.write("dnc.csv", "Email,Name\nEMIL@MÜNCHEN.de,E\nnot an address,N\n,nobody\n")
    ran = shop.run("optout", "import", "dnc.csv", "--json")
    assert (ran.json["added"], ran.json["refused"], ran.json["empty"]) == (1, 1, 1)
    shop.run("send", "news.yaml", "--yes")
    assert addresses(shop) == ["Anna@example.com", "fay@example.com"]
    assert shop.run("optout", "remove", "BEN@example.com").status == 0
    shop.run("optout", "export", "list.csv")
    assert "emil@xn--mnchen-3ya.de" in (shop.folder / "list.csv").read_text("utf-8-sig")


def test_consent_is_recorded_shown_withdrawn_and_imported_by_email_address(shop: Project) -> None:
    shop.write("news.yaml", CAMPAIGN + "consent: required\n")
    assert shop.run("consent", "record", "ANNA@example.com", "--source", "form").status == 0
    rows = [
        "email,consent_at,consent_source",
        "ben@example.com,2026-01-02,form",
        "fay@example.com,2026-01-02,form",
    ]
    shop.write("yes.csv", "\n".join(rows) + "\n")
    assert shop.run("consent", "import", "yes.csv").status == 0
    assert shop.run("consent", "revoke", "+447911123459").status == 0
    assert "consented to email" in shop.run("consent", "show", "anna@example.com").out
    assert shop.run("send", "news.yaml", "--yes").status == 0
    assert addresses(shop) == ["Anna@example.com", "ben@example.com"]


def test_caps_count_the_person_over_all_addresses(shop: Project) -> None:
    shop.write("a2pcli.yaml", "region: GB\nconsent: assumed\nfrequency: 1 per 7 days\n")
    texts = CAMPAIGN.replace("name: news", "name: texts").replace("channel: email", "sender: '+447911000000'")
    shop.write("texts.yaml", texts + "schedule: {window: 00:00-24:00}\n")
    shop.run("send", "news.yaml", "--yes")
    assert len(addresses(shop)) == 5
    told = shop.run("plan", "texts.yaml", "--json").json
    assert told["excluded"]["capped"] == 3


def test_erasing_takes_the_person_out_of_everything_and_nobody_else(shop: Project) -> None:
    shop.run("plan", "news.yaml", "--out", "plan.csv")
    shop.run("plan", "news.yaml", "--out", "plan.parquet")
    shop.run("send", "news.yaml", "--yes")
    run = next(one["run"] for one in shop.run("runs", "--json").json["runs"] if one["state"] == "finished")
    shop.run("report", run, "--csv", "report.csv")
    shop.run("consent", "record", "anna@example.com", "--source", "form")
    assert shop.run("people", "erase", "ANNA@example.com", "--yes").status == 0
    files = [path for path in shop.folder.rglob("*") if path.is_file() and path.name != "people.csv"]
    kept = b"".join(path.read_bytes() for path in files)
    text = kept.replace(b"joanna@example.com", b"").lower()
    assert b"anna@example.com" not in text
    assert b"joanna@example.com" in kept
    assert "joanna@example.com" in addresses(shop)
    assert "erasure" in shop.run("explain", "anna@example.com").out
    shop.write("more.yaml", CAMPAIGN.replace("name: news", "name: more"))
    shop.run("send", "more.yaml", "--yes")
    assert "Anna@example.com" not in addresses(shop)
    assert addresses(shop).count("joanna@example.com") == 2


def test_explaining_what_is_no_address_tells_of_nobody_else(shop: Project) -> None:
    shop.run("plan", "news.yaml")
    assert "Ben" not in shop.run("explain", "not an address").out
    assert "Joanna" not in shop.run("explain", "foo bar@x.y").out
    assert "invalid-address" in shop.run("explain", "cid@exa mple.com").out


def test_contacts_are_checked_previewed_and_tested_by_email_address(shop: Project) -> None:
    checked = shop.run("contacts", "check", "people.csv", "--channel", "email", "--json").json
    assert (checked["summary"]["ok"], checked["summary"]["reasons"]) == (6, {"invalid-address": 1})
    assert checked["summary"]["duplicates"] == 1
    assert "Hi Emil" in shop.run("preview", "news.yaml", "--contact", "emil@münchen.de").out
    assert shop.run("send", "news.yaml", "--test-to", "me@example.com", "--yes").status == 0
    assert addresses(shop) == ["me@example.com"]
    assert shop.run("send", "news.yaml", "--test-to", "07911123456", "--yes").status == 2


@pytest.mark.parametrize(
    ("channel", "sender", "told"),
    [
        ("email", '"+447700900001"', "6:9: the number '+447700900001' cannot send email"),
        ("email", "12345", "6:9: the number '12345' cannot send email"),
        ("email", "news@shop", "6:9: 'news@shop' is not an email address"),
        (
            "email",
            '"n@shop.example, m@shop.example"',
            "6:9: 'n@shop.example, m@shop.example' is not an email address",
        ),
        ("sms", "n@shop.example", "6:9: the email address 'n@shop.example' cannot send by sms"),
        (
            "sms",
            "{GB: [ACME, n@shop.example]}",
            "6:21: the email address 'n@shop.example' cannot send by sms",
        ),
    ],
)
def test_a_sender_that_the_channel_cannot_have_is_refused(
    shop: Project, channel: str, sender: str, told: str
) -> None:
    text = CAMPAIGN.replace("channel: email\n", f"channel: {channel}\n")
    shop.write("news.yaml", text.replace("message:", f"sender: {sender}\nmessage:"))
    ran = shop.run("check", "news.yaml")
    assert ran.status == 3
    assert told in ran.err


def test_an_email_comes_from_the_address_of_its_sender(shop: Project) -> None:
    shop.write("news.yaml", CAMPAIGN.replace("message:", "sender: News@Shop.example\nmessage:"))
    assert shop.run("send", "news.yaml", "--yes").status == 0
    assert {one["sender"] for one in shop.outbox() if "to" in one} == {"news@shop.example"}


def test_an_email_subject_in_the_wrong_place_is_told_where_it_belongs(project: Project) -> None:
    project.write("people.csv", "email\nann@example.com\n")
    project.write(
        "news.yaml",
        "name: news\nobjective: Tell them\npurpose: transactional\nchannel: email\nsender: news@acme.example\n"
        "contacts: people.csv\nsubject: Winter\nmessage: Hello\n",
    )
    assert (
        "'email: {subject: ...}'; 'subject' at the top level is for caps only"
        in project.run("check", "news.yaml").err
    )


def test_counting_the_name_of_a_file_is_noted(project: Project) -> None:
    project.write("text.txt", "Hello\n")
    ran = project.run("count", "text.txt")
    assert "a2pcli count --file text.txt" in ran.err
    assert "--file" not in project.run("count", "Hello").err
