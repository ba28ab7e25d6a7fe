"""A no in a file of consents ends what was given before it, whatever the order of rows and files."""

from __future__ import annotations

import itertools

import pytest
from clikit import Project
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ANN, BEN = "+447911123456", "+447911123457"


@pytest.fixture
def desk(project: Project) -> Project:
    project.write("a2pcli.yaml", "region: GB\n")
    assert project.run("ledger", "create").status == 0
    return project


def emptied(desk: Project) -> None:
    """A new ledger in the place of the old one."""
    for file in (desk.folder / ".a2pcli").iterdir():
        if file.is_file():
            file.unlink()
    assert desk.run("ledger", "create").status == 0


def imported(
    desk: Project, *rows: str, header: str = "phone,consent,consent_at,revoked_at,consent_source"
) -> dict:
    desk.write("rows.csv", "\n".join([header, *rows]) + "\n")
    return desk.run("consent", "import", "rows.csv", "--json").json


def allowed(desk: Project, number: str = ANN) -> bool:
    return desk.run("consent", "show", number, "--json").json["allowed"]


YES = f"{ANN},yes,2026-02-01,,web"
NO_ROWS = {
    "a no": f"{ANN},no,2026-03-01,,web",
    "a no without a date": f"{ANN},no,,,",
    "revoked": f"{ANN},yes,2026-02-01,2026-03-01,web",
    "revoked on the same day": f"{ANN},,,2026-02-01,",
    "revoked at the same moment": f"{ANN},,,2026-02-01T00:00:00Z,",
    "revoked, no date": f"{ANN},yes,2026-02-01,yes,web",
    "revoked, words": f"{ANN},yes,2026-02-01,by phone last week,web",
    "revoked some day to come": f"{ANN},yes,2026-02-01,2990-01-01,web",
    "a no with a date that is none": f"{ANN},no,soon,,",
    "withdrawn": f"{ANN},withdrawn,2026-02-02,,",
    "another spelling": "07911 123456,No thanks,2026-03-01,,",
}


@pytest.mark.parametrize("row", NO_ROWS)
@pytest.mark.parametrize("order", ["yes first", "no first", "one file", "one file backwards"])
def test_a_no_ends_what_was_given_before_it(desk: Project, row: str, order: str) -> None:
    if order == "yes first":
        imported(desk, YES)
        assert allowed(desk)
    files = {"yes first": [[NO_ROWS[row]]], "no first": [[NO_ROWS[row]], [YES]], "one file": [[YES, NO_ROWS[row]]],
             "one file backwards": [[NO_ROWS[row], YES]]}[order]  # fmt: skip
    for rows in files:
        told = imported(desk, *rows)
        assert told["refused"] == 0
    assert not allowed(desk)
    states = {one["state"] for one in desk.run("consent", "show", ANN, "--json").json["records"]}
    assert "withdrawn" in states
    assert "in force" not in states or order == "no first"


@pytest.mark.parametrize("cell", ["", "no", "false", "0", "-", "n/a", "NULL", "0000-00-00"])
def test_who_took_nothing_back_stays_in(desk: Project, cell: str) -> None:
    imported(desk, f"{ANN},yes,2026-02-01,{cell},web")
    assert allowed(desk)


def test_the_newest_word_counts(desk: Project) -> None:
    imported(desk, f"{ANN},no,2026-01-01,,web", f"{ANN},yes,2026-02-01,,web")
    assert allowed(desk)
    imported(desk, f"{ANN},yes,2026-02-10,2026-01-15,web")  # given again after a revocation
    assert allowed(desk)
    assert desk.run("consent", "revoke", ANN).status == 0
    imported(desk, f"{ANN},yes,2026-02-10,,web")
    assert not allowed(desk)


@given(st.permutations(range(4)), st.integers(0, 3), st.booleans())
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_of_rows_changes_nothing(desk: Project, order: list[int], cut: int, split: bool) -> None:
    rows = [f"{ANN},yes,2026-01-01,,web", f"{ANN},no,2026-01-02,,web", f"{ANN},yes,2026-01-03,,web",
            f"{BEN},yes,2026-01-03,2026-01-03,web"]  # fmt: skip
    emptied(desk)
    shuffled = [rows[place] for place in order]
    for some in [shuffled[:cut], shuffled[cut:]] if split else [shuffled]:
        if some:
            desk.write(
                "rows.csv", "\n".join(["phone,consent,consent_at,revoked_at,consent_source", *some]) + "\n"
            )
            assert desk.run("consent", "import", "rows.csv").status == 0
    shown = [desk.run("consent", "show", one, "--json").json["allowed"] for one in (ANN, BEN)]
    assert shown == [True, False]


@pytest.mark.parametrize(
    ("column", "cell"),
    [("Opted Out", "TRUE"), ("Unsubscribed", "2026-03-01"), ("SMS Consent", "No"), ("Do Not SMS", "Yes"),
     ("opt_out", "x"), ("Abgemeldet", "ja"), ("status", "unsubscribed")],
)  # fmt: skip
def test_other_columns_that_refuse_take_consent_back(desk: Project, column: str, cell: str) -> None:
    imported(desk, YES)
    told = imported(desk, f"{ANN},{cell}", header=f"phone,{column}")
    assert (told["said_no"], told["withdrawn"], told["refused"]) == (1, 1, 0)
    assert not allowed(desk)


def test_what_nobody_understands_is_refused_and_no_yes(desk: Project) -> None:
    told = imported(desk, f"{ANN},perhaps,2026-02-01,,web")
    assert (told["recorded"], told["refused"]) == (0, 1)
    assert "neither yes nor no" in told["refused_rows"][0]["why"]


def test_an_unconfirmed_opt_in_is_no_yes_and_takes_nothing_back(desk: Project) -> None:
    imported(desk, YES)
    told = imported(desk, f"{ANN},pending,2026-03-01,,web")
    assert (told["recorded"], told["said_no"], told["unconfirmed"]) == (0, 0, 1)
    assert allowed(desk)


def test_a_no_for_one_programme_leaves_the_others(desk: Project) -> None:
    imported(desk, YES)
    imported(desk, f"{ANN},no,news", header="phone,consent,programme")
    shown = [desk.run("consent", "show", ANN, "--json", *programme).json["allowed"]
             for programme in ((), ("--programme", "news"), ("--programme", "alerts"))]  # fmt: skip
    assert shown == [True, False, True]


def test_the_summary_says_who_took_consent_back(desk: Project) -> None:
    desk.write("rows.csv", f"phone,consent\n{ANN},no\n{BEN},no\n")
    assert (
        desk.run("consent", "import", "rows.csv").out
        == "2 rows: 0 recorded, 0 already known, 2 withdrew consent\n"
    )


CAMPAIGN = """\
name: sale
objective: Only who agreed
purpose: marketing
consent: required
contacts: people.csv
gateway: outbox
message: "Sale today. Reply STOP to opt out"
"""


def test_a_no_that_is_imported_after_the_plan_is_heard_before_the_message_leaves(desk: Project) -> None:
    desk.write("people.csv", f"phone\n{ANN}\n{BEN}\n")
    desk.write("sale.yaml", CAMPAIGN)
    imported(desk, YES, f"{BEN},yes,2026-02-01,,web")
    plan = desk.run("plan", "sale.yaml", "--json").json
    assert plan["recipients"] == 2
    imported(desk, f"{ANN},no,2026-03-01,,letter")  # of a day before the plan was made
    sent = desk.run("send", "--plan", plan["plan"], "--yes")
    assert sent.status == 0, sent.err
    assert [message["to"] for message in desk.outbox()] == [BEN]


def test_every_spelling_of_a_no_is_one_no(desk: Project) -> None:
    spellings = ["+54 11 6677 3399", "+54 9 11 6677 3399", "+5491166773399"]
    for yes, no in itertools.product(spellings, spellings):
        emptied(desk)
        desk.write(
            "rows.csv",
            f"phone,consent,consent_at,consent_source\n{yes},yes,2026-01-01,web\n{no},no,2026-01-02,web\n",
        )
        desk.run("consent", "import", "rows.csv")
        assert not desk.run("consent", "show", spellings[1], "--json").json["allowed"]
