"""``a2pcli consent``, and the scopes, lists and replies of ``a2pcli optout``, as a user meets them."""

from __future__ import annotations

import csv
import io

import pytest
from clikit import Project

ANN, BEN = "+447911123456", "+447911123457"


@pytest.fixture
def fresh(project: Project) -> Project:
    """A folder with settings; no ledger yet."""
    project.write("a2pcli.yaml", "region: GB\nlocale: en_GB\n")
    return project


@pytest.fixture
def desk(fresh: Project) -> Project:
    """A folder with settings and an empty ledger."""
    assert fresh.run("ledger", "create").status == 0
    return fresh


def record(desk: Project, *options: str, number: str = ANN) -> int:
    return desk.run("consent", "record", number, "--source", "web form", *options).status


def test_a_record_is_made_from_a_number_as_people_write_it_and_shown(desk: Project) -> None:
    options = ("--wording-version", "form-7", "--programme", "News", "--given-at", "2026-03-01")
    ran = desk.run("consent", "record", "07911 123456", "--source", "web form", *options)
    assert (ran.status, ran.out) == (0, "")
    assert f"{ANN} consented to the programme news" in ran.err
    shown = desk.run("consent", "show", ANN, "--programme", "NEWS", "--json").json
    assert shown["allowed"] is True
    assert shown["allowing"] == shown["records"][0]
    one = shown["records"][0]
    assert (one["programme"], one["wording"], one["given_at"]) == (
        "news",
        "version form-7",
        "2026-03-01T00:00:00.000Z",
    )
    assert desk.run("consent", "show", ANN, "--programme", "other", "--json").json["allowed"] is False
    assert (
        "consented to sms (programme news) on 2026-03-01 by web form"
        in desk.run("consent", "show", ANN, "--programme", "news").out
    )


def test_a_double_opt_in_allows_nothing_until_it_is_confirmed(desk: Project) -> None:
    assert record(desk, "--double-opt-in", "pending") == 0
    assert desk.run("consent", "show", ANN, "--json").json["allowed"] is False
    assert record(desk, "--double-opt-in", "confirmed") == 0
    assert desk.run("consent", "show", ANN, "--json").json["allowed"] is True


@pytest.mark.parametrize(
    ("basis", "given", "ends"),
    [
        ("implied-purchase", "2026-03-31", "2028-03-31"),
        ("implied-enquiry", "2026-03-31", "2026-09-30"),
        ("implied-enquiry", "2025-08-31", "2026-02-28"),
    ],
)
def test_implied_consent_in_canada_ends_by_its_law(desk: Project, basis: str, given: str, ends: str) -> None:
    number = "+14165550123"
    assert record(desk, "--basis", basis, "--given-at", given, number=number) == 0
    (one,) = desk.run("consent", "show", number, "--json").json["records"]
    assert one["expires_at"] == f"{ends}T00:00:00.000Z"


def test_implied_consent_without_an_end_that_anybody_knows_is_refused(desk: Project) -> None:
    ran = desk.run("consent", "record", ANN, "--source", "till", "--basis", "implied-purchase")
    assert ran.status == 2
    assert "--expires" in ran.err
    assert ANN not in desk.run("consent", "list", "--json").out
    assert record(desk, "--basis", "implied-purchase", "--expires", "2090-01-01") == 0


@pytest.mark.parametrize(
    "options",
    [
        ("--basis", "hearsay"), ("--double-opt-in", "maybe"), ("--given-at", "yesterday"), ("--given-at", "2026-02-30"),
        ("--given-at", "2990-01-01"), ("--expires", "31.12.2026"), ("--wording", "a", "--wording-version", "b"),
        ("--channel", "pigeon"), ("--given-at", "2026-02-01", "--expires", "2026-01-01"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_a_usage_error_and_records_nothing(
    fresh: Project, options: tuple[str, ...]
) -> None:
    assert record(fresh, *options) == 2
    assert not (fresh.folder / ".a2pcli").exists()


def test_revoking_says_what_it_stops_and_what_not(desk: Project) -> None:
    record(desk)
    ran = desk.run("consent", "revoke", ANN, "--source", "phone")
    assert ran.status == 0
    assert f"{ANN} gets no more marketing (1 record ended)" in ran.err
    assert "a2pcli optout add" in ran.err
    assert desk.run("consent", "show", ANN, "--json").json["allowed"] is False


SIGNUPS = """\
Mobile,Consent,Consent At,consent_source,consent_expires,basis
07911 123456,yes,01/02/2026,web,,
07911 123457,no,01/02/2026,web,,
07911 123458,,,web,,
07911 123459,yes,2026-02-30,web,,
07911 123460,yes,2026-02-01,,,
12,yes,2026-02-01,x,,
+1 416 555 0123,yes,2026-08-31,till,,implied-enquiry
07911 123463,yes,2026-02-01,web,2025-01-01,
07911 123464,yes,2026-02-01,web,,implied-purchase
07911 123465,yes,2990-02-01,web,,
07911 123466,yes,2026-02-01,web,,gossip
,yes,2026-02-01,web,,
"""


def test_an_import_accounts_for_every_row(desk: Project) -> None:
    desk.write("signups.csv", SIGNUPS.replace("2026-08-31", "2025-08-31"))
    ran = desk.run("consent", "import", "signups.csv", "--json")
    assert ran.status == 3
    told = ran.json
    assert (told["rows"], told["recorded"], told["said_no"], told["empty"], told["refused"]) == (
        12,
        2,
        1,
        1,
        8,
    )
    assert sorted(row["line"] for row in told["refused_rows"]) == [4, 5, 6, 7, 9, 10, 11, 12]
    again = desk.run("consent", "import", "signups.csv", "--json").json
    assert (again["recorded"], again["already"]) == (0, 2)


def test_what_the_rows_of_an_import_do_not_say_the_options_say(desk: Project) -> None:
    desk.write("plain.csv", f"phone\n{ANN}\n{BEN}\n")
    options = ("--source", "paper", "--given-at", "2026-01-02", "--programme", "news", "--wording", "Yes!")
    assert desk.run("consent", "import", "plain.csv", *options).status == 0
    (one,) = desk.run("consent", "show", BEN, "--json").json["records"]
    assert (one["source"], one["programme"], one["wording"]) == ("paper", "news", "Yes!")
    assert desk.run("consent", "list", "--json").json["consents"] == [
        {"programme": "news", "channel": None, "basis": "express", "state": "in force", "records": 2}
    ]


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet"])
def test_an_export_is_read_back_without_what_was_revoked(desk: Project, name: str) -> None:
    record(desk, "--given-at", "2026-01-02", "--expires", "2090-01-01", "--double-opt-in", "confirmed")
    record(desk, number=BEN)
    desk.run("consent", "revoke", BEN)
    assert desk.run("consent", "export", name).status == 0
    desk.run("ledger", "create", "--ledger", "other.db")
    told = desk.run("consent", "import", name, "--ledger", "other.db", "--json").json
    assert (told["recorded"], told["said_no"], told["refused"]) == (1, 2, 0)
    (one,) = desk.run("consent", "show", ANN, "--ledger", "other.db", "--json").json["records"]
    assert (one["given_at"], one["expires_at"], one["double_opt_in"]) == (
        "2026-01-02T00:00:00.000Z",
        "2090-01-01T00:00:00.000Z",
        "confirmed",
    )


def test_reading_commands_make_no_ledger(fresh: Project) -> None:
    for command in (["show", ANN], ["list"], ["list", "--json"], ["export", "-"]):
        assert fresh.run("consent", *command).status == 0
    assert not (fresh.folder / ".a2pcli").exists()


@pytest.mark.parametrize("command", ["", "record", "revoke", "show", "list", "import", "export"])
def test_every_help_has_an_example(desk: Project, command: str) -> None:
    ran = desk.run("consent", *filter(None, [command]), "--help")
    assert (ran.status, "Example:  a2pcli consent" in ran.out) == (0, True)


def test_a_plan_leaves_out_who_did_not_agree(project: Project) -> None:
    project.starter(campaign=CONSENTED)
    project.run("ledger", "create")
    project.run("consent", "record", ANN, "--source", "paper")
    plan = project.run("plan", "sale.yaml", "--json").json
    assert plan["consent"] == "required"
    assert plan["recipients"] == 1
    assert plan["excluded"]["no-consent"] == 3


CONSENTED = """\
name: spring-sale
objective: Tell customers about the sale
purpose: marketing
consent: required
contacts: people.csv
message: "Hi {{ first_name | default('you') }}, 20% off until Sunday. Reply STOP to opt out"
where: plan == 'gold' or plan == 'silver'
"""


@pytest.mark.parametrize(
    ("scope", "words"),
    [
        ("programme=News", "the programme news"),
        ("program=news", "the programme news"),
        ("sender=ACME", "messages from ACME"),
        ("sender=+44 7911 000000", "messages from +447911000000"),
        ("Channel=SMS", "the channel sms"),
        ("everything", "every message"),
    ],
)
def test_a_scope_is_understood_as_it_is_written(desk: Project, scope: str, words: str) -> None:
    ran = desk.run("optout", "add", ANN, "--scope", scope, "--until", "2090-01-31")
    assert (ran.status, f"{ANN} is suppressed for {words} until 2090-02-01 00:00" in ran.err) == (0, True)
    assert f"is suppressed for {words}" in desk.run("optout", "check", ANN, "--scope", scope).out
    (entry,) = desk.run("optout", "list", "--json").json["suppressions"]
    assert str(entry["until"]).startswith("2090-01-31T" if entry["until"] < "2090-02" else "2090-02-01T")


@pytest.mark.parametrize(
    "options",
    [
        ("--scope", "programme"), ("--scope", "country=GB"), ("--scope", "channel=fax"), ("--scope", "sender="),
        ("--scope", "sender=A", "--sender", "A"), ("--until", "2020-01-01"), ("--until", "soon"), ("--sender", " "),
    ],
)  # fmt: skip
def test_a_scope_or_an_end_that_cannot_be_is_a_usage_error(fresh: Project, options: tuple[str, ...]) -> None:
    assert fresh.run("optout", "add", ANN, *options).status == 2
    assert not (fresh.folder / ".a2pcli").exists()


def test_a_longer_opt_out_follows_a_shorter_one_and_both_stay_in_the_history(desk: Project) -> None:
    desk.run("optout", "add", ANN, "--until", "2090-01-01")
    assert desk.run("optout", "add", ANN, "--json").json["added"] == [ANN]
    assert desk.run("optout", "add", ANN, "--until", "2090-01-01", "--json").json["already"] == [ANN]
    checked = desk.run("optout", "check", ANN, "--json").json
    assert [entry["holds"] for entry in checked["entries"]] == [False, True]


def test_an_older_state_of_a_list_is_refused_in_a_sentence(desk: Project) -> None:
    desk.write("dnc.csv", f"phone\n{ANN}\n")
    assert desk.run("optout", "import", "dnc.csv", "--list", "dnc", "--as-of", "2026-02-01").status == 0
    ran = desk.run("optout", "import", "dnc.csv", "--list", "dnc", "--as-of", "2026-01-31")
    assert ran.status == 2
    assert "already imported as of 2026-02-01" in ran.err
    desk.write("dnc.csv", f"phone\n{BEN}\n")
    ran = desk.run("optout", "import", "dnc.csv", "--list", "dnc", "--as-of", "2026-03-01", "--json")
    assert (ran.status, ran.json["added"], ran.json["missing"]) == (0, 1, 1)
    told = desk.run("optout", "list", "--json").json
    assert [(one["name"], one["as_of"]) for one in told["lists"]] == [("dnc", "2026-03-01T00:00:00.000Z")]
    assert {(one["number"], one["as_of"][:10]) for one in told["suppressions"]} == {
        (ANN, "2026-02-01"),
        (BEN, "2026-03-01"),
    }


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet"])
def test_scopes_ends_and_lists_survive_an_export(desk: Project, name: str) -> None:
    desk.run("optout", "add", ANN, "--scope", "programme=news", "--until", "2090-01-31")
    desk.write("dnc.csv", f"phone\n{BEN}\n")
    desk.run("optout", "import", "dnc.csv", "--list", "dnc", "--as-of", "2026-02-01")
    desk.run("optout", "export", name)
    desk.run("ledger", "create", "--ledger", "other.db")
    assert desk.run("optout", "import", name, "--ledger", "other.db").status == 0
    keys = ("number", "scope", "scope_value", "until", "list", "as_of")
    before, after = (
        [
            {key: one[key] for key in keys}
            for one in desk.run("optout", "list", "--json", *more).json["suppressions"]
        ]
        for more in ((), ("--ledger", "other.db"))
    )
    assert sorted(before, key=str) == sorted(after, key=str)


INBOX = """\
from,body
07911 123456,STOP
07911 123457,please stop texting me
07911 123458,"Liked “Reply STOP to opt out”"
12,STOP
07911 123459,don't stop the music
07911 123456,YES
"""


def test_a_file_of_replies_is_acted_on_in_its_order_and_the_unclear_ones_are_listed(desk: Project) -> None:
    desk.write("inbox.csv", INBOX)
    ran = desk.run("optout", "replies", "inbox.csv", "--column", "from", "--json")
    assert ran.status == 3
    assert ran.json["meanings"] == {"stop": 2, "none": 1, "unclear": 1, "start": 1}
    assert [(one["line"], one["meaning"]) for one in ran.json["flagged"]] == [(3, "stop"), (6, "unclear")]
    assert ran.json["refused"] == [{"line": 5, "reason": "invalid-number"}]
    (entry,) = desk.run("optout", "list", "--json").json["suppressions"]
    assert (entry["number"], entry["source"], entry["reason"]) == (BEN, "reply", "please stop texting me")


def test_a_start_lifts_what_their_own_stop_did_and_not_what_a_list_says(desk: Project) -> None:
    desk.run("optout", "reply", ANN, "Stop!")
    desk.run("optout", "add", ANN, "--scope", "channel=sms", "--source", "complaint")
    ran = desk.run("optout", "reply", ANN, "START", "--json")
    assert (ran.json["meaning"], ran.json["done"]) == ("start", "still suppressed by 1 other entry")
    assert desk.run("optout", "check", ANN, "--json").json["scopes"] == ["channel=sms"]


def test_a_yes_is_no_start_while_a_question_of_ours_is_open(desk: Project) -> None:
    desk.run("optout", "reply", ANN, "STOP")
    assert desk.run("optout", "reply", ANN, "YES", "--survey", "--json").json["meaning"] == "yes"
    assert desk.run("optout", "check", ANN, "--json").json["suppressed"] is True
    assert desk.run("optout", "reply", ANN, "YES", "--json").json["meaning"] == "start"


def test_no_cell_of_a_consent_export_is_a_formula(desk: Project) -> None:
    record(desk, "--wording", "=HYPERLINK(1)")
    out = desk.run("consent", "export", "-").out
    (row,) = csv.DictReader(io.StringIO(out))
    assert (row["number"], row["consent_wording"]) == (f"'{ANN}", "'=HYPERLINK(1)")
