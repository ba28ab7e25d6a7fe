"""Whoever said no under one spelling of their number is left out under every other, whichever command took the no."""

from __future__ import annotations

import json

import pytest
from clikit import Project

TYPED = {
    "+54 11 6677 3399": "+5491166773399",
    "+55 11 8765-4321": "+5511987654321",
    "+225 07 12 34 56": "+2250707123456",
    "+229 97 12 34 56": "+2290197123456",
    "+377 44 123 456": "+38344123456",
}
"""How the no came, and the mobile that is in the contacts file."""
FREE = "+5491166773400"
CAMPAIGN = """\
name: sale
objective: Nobody who said no gets it
purpose: marketing
contacts: people.csv
message: "Sale today. Reply STOP to opt out"
"""


@pytest.fixture
def desk(project: Project) -> Project:
    project.write("a2pcli.yaml", "gateway: outbox\n")
    project.run("ledger", "create")
    project.write("people.csv", "phone\n" + "\n".join([*TYPED.values(), FREE]) + "\n")
    project.write("sale.yaml", CAMPAIGN)
    return project


def messaged(desk: Project, campaign: str = "sale.yaml") -> list[str]:
    """Who a plan of the campaign would message."""
    desk.run("plan", campaign, "--out", "rows.jsonl")
    rows = [json.loads(line) for line in (desk.folder / "rows.jsonl").read_text().splitlines()]
    return [row["number"] for row in rows if row["reason"] is None]


def by_hand(desk: Project) -> None:
    assert desk.run("optout", "add", *TYPED).status == 0


def by_import(desk: Project) -> None:
    desk.write("no.csv", "number\n" + "\n".join(TYPED) + "\n")
    assert desk.run("optout", "import", "no.csv").status == 0


def by_reply(desk: Project) -> None:
    for typed in TYPED:
        assert desk.run("optout", "reply", typed, "STOP").status == 0


def by_replies(desk: Project) -> None:
    desk.write("inbox.csv", "from,text\n" + "\n".join(f"{one},STOP" for one in TYPED) + "\n")
    assert desk.run("optout", "replies", "inbox.csv", "--column", "from").status == 0


def by_consent(desk: Project) -> None:
    assert desk.run("consent", "revoke", *TYPED).status == 0


def by_erasure(desk: Project) -> None:
    messaged(desk)
    for typed in TYPED:
        assert desk.run("people", "erase", typed, "--yes").status == 0
    assert not any(number in desk.run("audit", "--json").out for number in TYPED.values())


def by_exclude_file(desk: Project) -> None:
    desk.write("no.csv", "number\n" + "\n".join(TYPED) + "\n")
    desk.write("sale.yaml", CAMPAIGN + "exclude: {file: no.csv}\n")


@pytest.mark.parametrize(
    "say_no", [by_hand, by_import, by_reply, by_replies, by_consent, by_erasure, by_exclude_file]
)
def test_no_spelling_gets_a_message(desk: Project, say_no: object) -> None:
    assert messaged(desk) == [*TYPED.values(), FREE]
    say_no(desk)  # type: ignore[operator]
    assert messaged(desk) == [FREE]


def test_every_command_finds_the_person_by_any_spelling(desk: Project) -> None:
    by_hand(desk)
    for typed, mobile in TYPED.items():
        assert desk.run("optout", "check", mobile, "--json").json["suppressed"]
        assert desk.run("explain", mobile, "--json").json["suppressed"]
        assert desk.run("explain", typed, "--json").json["suppressed"]
        assert len(desk.run("people", "export", mobile).json["suppressions"]) == 1
        assert desk.run("optout", "remove", mobile, "--json").json["not_listed"] == []
    assert messaged(desk) == [*TYPED.values(), FREE]


@pytest.mark.parametrize("number", ["+44 20 7946 0018", "+1 800 234 5678", "36180", "+44 70 1234 5678"])
def test_a_phone_that_gets_no_messages_can_say_no_all_the_same(desk: Project, number: str) -> None:
    assert desk.run("optout", "add", number).status == 0
    assert desk.run("optout", "reply", number, "STOP").status == 0
    assert desk.run("optout", "check", number, "--json").json["suppressed"]
    desk.run("optout", "export", "list.csv")
    assert desk.run("optout", "import", "list.csv").status == 0


def test_a_spelling_of_an_older_plan_is_no_slip(desk: Project) -> None:
    ran = desk.run("optout", "add", "+55 11 8765 4321")
    assert ran.status == 0
    assert "+551187654321 is suppressed" in ran.err
    assert "numbering plan" not in ran.err  # a spelling of before 2013


def test_a_number_of_no_plan_is_suppressed_and_said(desk: Project) -> None:
    ran = desk.run("optout", "add", "+44 7911 12345")
    assert ran.status == 0
    assert "+44791112345 is not in any numbering plan" in ran.err
    desk.write("no.csv", "number\n+44 7911 12346\n+5491166773399\n")
    ran = desk.run("optout", "import", "no.csv")
    assert ran.status == 3  # whoever it is meant for is not suppressed: nobody may overlook it
    assert "no.csv:2: warning: suppressed as written" in ran.err
    assert ran.out == "2 rows: 2 added, 0 already on the list, 1 of them not in any numbering plan\n"


@pytest.mark.parametrize(
    ("sender", "spelt"),
    [("ACME", "Acme"), ("+14155550100", "whatsapp:+14155550100")],
)  # fmt: skip
def test_an_opt_out_from_a_sender_binds_every_spelling_of_it(desk: Project, sender: str, spelt: str) -> None:
    desk.write("sale.yaml", CAMPAIGN + f'sender: "{sender}"\nwaive: {{no-reply: a test}}\n')
    desk.run("optout", "add", *TYPED, "--scope", f"sender={spelt}")
    assert messaged(desk) == [FREE]
    mobile = next(iter(TYPED.values()))
    assert desk.run("optout", "check", mobile, "--sender", sender, "--json").json["suppressed"]
    assert desk.run("optout", "remove", *TYPED, "--sender", sender, "--json").json["not_listed"] == []
    assert messaged(desk) == [*TYPED.values(), FREE]


def test_the_same_phone_twice_in_a_file_gets_one_message(desk: Project) -> None:
    desk.write("a2pcli.yaml", "gateway: outbox\nnumbers: {allow_fixed_line: true}\n")
    desk.write("people.csv", "phone\n+54 11 6677 3399\n+54 9 11 6677 3399\n")
    assert messaged(desk) == ["+541166773399"]
