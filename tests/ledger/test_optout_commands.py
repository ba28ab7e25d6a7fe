"""``a2pcli optout``, as a user meets it."""

from __future__ import annotations

import csv
import io
import json

import pytest
from clikit import Project

ANN, BEN = "+447911123456", "+447911123457"


@pytest.fixture
def fresh(project: Project) -> Project:
    """A folder with settings; no ledger yet."""
    project.write("a2pcli.yaml", "region: GB\n")
    return project


@pytest.fixture
def desk(fresh: Project) -> Project:
    """A folder with settings and an empty ledger."""
    assert fresh.run("ledger", "create").status == 0
    return fresh


def entries(desk: Project, *options: str) -> list[dict[str, object]]:
    """The list as ``--json`` tells it."""
    return list(desk.run("optout", "list", "--json", "--all", *options).json["suppressions"])


def test_a_number_is_added_as_people_write_it_with_reason_and_source(desk: Project) -> None:
    ran = desk.run("optout", "add", "07911 123456", "--reason", "asked on the phone", "--source", "Ann")
    assert (ran.status, ran.out) == (0, "")
    assert f"{ANN} is suppressed for every message" in ran.err
    (entry,) = entries(desk)
    assert (entry["number"], entry["reason"], entry["source"], entry["scope"]) == (
        ANN,
        "asked on the phone",
        "Ann",
        "everything",
    )
    assert str(entry["added_at"]).endswith("Z")


def test_a_number_that_cannot_be_read_is_never_dropped_silently(desk: Project) -> None:
    """The others are suppressed all the same: to lose one of them would be worse."""
    ran = desk.run("optout", "add", "07911123456", "12", "o7911 123457", "--json")
    assert ran.status == 2
    assert ran.json["added"] == [ANN]
    assert len(ran.json["refused"]) == 2
    assert "too short" in ran.err
    assert "is it a zero?" in ran.err
    assert [entry["number"] for entry in entries(desk)] == [ANN]


def test_without_a_region_the_problem_says_what_is_missing(project: Project) -> None:
    project.write("a2pcli.yaml", "locale: en\n")
    project.run("ledger", "create")
    ran = project.run("optout", "add", "07911123456")
    assert ran.status == 2
    assert "--region" in ran.err
    assert project.run("optout", "add", "07911123456", "--region", "GB").status == 0


def test_problems_show_no_whole_number(project: Project) -> None:
    assert "0791112" not in project.run("optout", "add", "07911123456").err


def test_adding_again_says_so_and_changes_nothing(desk: Project) -> None:
    desk.run("optout", "add", ANN, "--reason", "first")
    ran = desk.run("optout", "add", ANN, "--reason", "second", "--json")
    assert (ran.status, ran.json["already"], ran.json["added"]) == (0, [ANN], [])
    assert [entry["reason"] for entry in entries(desk)] == ["first"]


@pytest.mark.parametrize(
    ("options", "suppressed"), [((), False), (("--sender", "ACME"), True), (("--sender", "Other"), False)]
)
def test_an_opt_out_from_one_sender_is_only_from_it(
    desk: Project, options: tuple[str, ...], suppressed: bool
) -> None:
    desk.run("optout", "add", ANN, "--sender", "ACME")
    ran = desk.run("optout", "check", ANN, "--json", *options)
    assert (ran.status, ran.json["suppressed"], ran.json["scopes"]) == (0, suppressed, ["sender=ACME"])


def test_check_says_in_a_sentence_whether_a_number_is_on_the_list(desk: Project) -> None:
    assert desk.run("optout", "check", ANN).out == f"{ANN} is not on the list\n"
    desk.run("optout", "add", ANN, "--reason", "STOP")
    ran = desk.run("optout", "check", "07911 123456")
    assert ran.status == 0
    assert f"{ANN} is suppressed for every message, since " in ran.out
    assert "STOP" in ran.out
    desk.run("optout", "remove", ANN, "--by", "Ann Boss")
    ran = desk.run("optout", "check", ANN)
    assert (ran.status, ran.out.splitlines()[0]) == (0, f"{ANN} is not on the list")
    assert "by Ann Boss" in " ".join(ran.out.split())


def test_check_of_something_else_than_a_number_is_a_usage_error(desk: Project) -> None:
    ran = desk.run("optout", "check", "hello", "--json")
    assert (ran.status, ran.json["status"]) == (2, 2)


def test_remove_keeps_the_history_and_who_did_it(desk: Project) -> None:
    desk.run("optout", "add", ANN)
    ran = desk.run("optout", "remove", ANN, BEN, "--json", USER="mia", LOGNAME="mia")
    assert (ran.status, ran.json["removed"], ran.json["not_listed"]) == (0, [ANN], [BEN])
    assert entries(desk) == []
    (entry,) = entries(desk, "--lifted")
    assert entry["lifted_by"] == "mia"
    assert entry["lifted_at"]


def test_reading_commands_make_no_ledger(fresh: Project) -> None:
    for command in (["check", ANN], ["list"], ["list", "--json"], ["remove", ANN], ["export", "-"]):
        assert fresh.run("optout", *command).status == 0
    assert not (fresh.folder / ".a2pcli").exists()


def test_the_list_shows_the_newest_and_says_how_many_more(desk: Project) -> None:
    desk.run("optout", "add", ANN, BEN, "+447911123458")
    ran = desk.run("optout", "list", "--limit", "1")
    assert "+447911123458" in ran.out
    assert ANN not in ran.out
    assert "2 more" in ran.err
    assert desk.run("optout", "list", "--limit", "2", "--json").json["count"] == 3


MESSY = """\
Customer;Mobile No.
Ann;07911 123456
Ben;
Ann again;0044 7911 123456
Cid;12
Dee;"07911123457; 07911123458"
Eve;4.47E+11
Fay;O7911123459
Gus;+1 415 555 2671
Hal;020 7946 0018
"""


def test_an_import_accounts_for_every_row(desk: Project) -> None:
    desk.write("dnc.csv", MESSY)
    ran = desk.run("optout", "import", "dnc.csv", "--as-of", "2026-03-01", "--reason", "old list", "--json")
    assert ran.status == 3
    told = ran.json
    assert (told["rows"], told["added"], told["already"], told["empty"], told["refused"]) == (9, 3, 1, 1, 4)
    assert told["added"] + told["already"] + told["empty"] + told["lifted"] + told["refused"] == told["rows"]
    assert [(row["line"], row["reason"]) for row in told["refused_rows"]] == [
        (5, "invalid-number"),
        (6, "ambiguous-number"),
        (7, "damaged-number"),
        (8, "invalid-number"),
    ]
    assert {entry["number"] for entry in entries(desk)} == {ANN, "+14155552671", "+442079460018"}
    assert all("as of 2026-03-01" in str(entry["source"]) for entry in entries(desk))


def test_an_import_for_people_names_the_refused_lines_and_warns(desk: Project) -> None:
    desk.write("dnc.csv", MESSY)
    ran = desk.run("optout", "import", "dnc.csv")
    assert "9 rows: 3 added, 1 already on the list, 1 without a number, 4 rejected" in ran.out
    assert "NOT suppressed" in ran.out
    assert "dnc.csv:6: " in ran.err
    assert "07911123457" not in ran.err


def test_an_import_without_trouble_ends_well_and_may_be_run_again(desk: Project) -> None:
    desk.write("dnc.csv", f"phone\n{ANN}\n{BEN}\n")
    assert desk.run("optout", "import", "dnc.csv").status == 0
    again = desk.run("optout", "import", "dnc.csv", "--json")
    assert (again.status, again.json["added"], again.json["already"]) == (0, 0, 2)


def test_an_import_reads_standard_input_and_a_named_column(desk: Project) -> None:
    ran = desk.run("optout", "import", "-", "--column", "B", "--sender", "ACME", stdin=f"A,B\n{BEN},{ANN}\n")
    assert ran.status == 0
    assert [(entry["number"], entry["sender"]) for entry in entries(desk)] == [(ANN, "ACME")]


def test_a_bare_list_without_a_header_is_refused_rather_than_read_short_of_its_first_number(
    desk: Project,
) -> None:
    desk.write("plain.txt", f"{ANN}\n{BEN}\n")
    ran = desk.run("optout", "import", "plain.txt")
    assert ran.status == 3
    assert "header" in ran.err


def test_a_file_that_breaks_off_keeps_what_was_read_and_says_so(desk: Project) -> None:
    rows = [f"+4479111{number:05d},x" for number in range(60_000)]
    desk.write("dnc.csv", "phone,name\n" + "\n".join(rows) + '\n+447911199999,"never closed\n')
    ran = desk.run("optout", "import", "dnc.csv")
    assert ran.status == 3
    assert "dnc.csv:60002" in ran.err
    assert "60,000 were added before" in ran.err


@pytest.mark.parametrize("day", ["yesterday", "01.03.2026", "2026-02-30"])
def test_an_as_of_that_is_no_date_is_a_usage_error(fresh: Project, day: str) -> None:
    fresh.write("dnc.csv", f"phone\n{ANN}\n")
    assert fresh.run("optout", "import", "dnc.csv", "--as-of", day).status == 2
    assert not (fresh.folder / ".a2pcli").exists()


def test_no_cell_of_an_export_is_a_formula(desk: Project) -> None:
    desk.run("optout", "add", ANN, "--reason", '=HYPERLINK("http://evil.example")', "--source", "@me")
    assert desk.run("optout", "export", "out.csv").status == 0
    text = (desk.folder / "out.csv").read_text("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["number"], row["source"]) == (f"'{ANN}", "'@me")
    assert row["reason"].startswith("'=HYPERLINK")


def test_an_export_is_read_back_as_it_was(desk: Project) -> None:
    """Into another ledger: senders stay senders, and who was taken off the list stays off it."""
    desk.run("optout", "add", ANN)
    desk.run("optout", "add", BEN, "--sender", "+44ACME")
    desk.run("optout", "add", "+447911123458")
    desk.run("optout", "remove", "+447911123458")
    for name in ("out.csv", "out.jsonl", "out.parquet"):
        assert desk.run("optout", "export", name, "--lifted").status == 0
        other = f"{name}.db"
        desk.run("ledger", "create", "--ledger", other)
        ran = desk.run("optout", "import", name, "--ledger", other, "--json")
        assert (ran.status, ran.json["added"], ran.json["lifted"]) == (0, 2, 1), name
        found = {(entry["number"], entry["sender"]) for entry in entries(desk, "--ledger", other)}
        assert found == {(ANN, None), (BEN, "+44ACME")}


def test_an_export_goes_to_standard_output_as_csv_or_json_lines(desk: Project) -> None:
    desk.run("optout", "add", ANN, BEN)
    ran = desk.run("optout", "export", "-")
    assert [row["number"] for row in csv.DictReader(io.StringIO(ran.out))] == [f"'{ANN}", f"'{BEN}"]
    lines = desk.run("optout", "export", "-", "--jsonl").out.splitlines()
    assert [json.loads(line)["number"] for line in lines] == [ANN, BEN]


def test_an_export_in_an_unknown_form_or_twice_to_stdout_is_a_usage_error(desk: Project) -> None:
    desk.run("optout", "add", ANN)
    assert desk.run("optout", "export", "out.xls").status == 2
    assert desk.run("optout", "export", "-", "--json").status == 2
    assert desk.run("optout", "export", "out.csv", "--json").json == {
        "schema": 2,
        "file": "out.csv",
        "entries": 1,
    }


def test_the_environment_and_the_option_name_the_ledger(desk: Project) -> None:
    desk.run("ledger", "create", A2PCLI_LEDGER="by-environment.db")
    desk.run("optout", "add", ANN, A2PCLI_LEDGER="by-environment.db")
    desk.run("ledger", "create", "--ledger", "by-option.db")
    desk.run("optout", "add", BEN, "--ledger", "by-option.db", A2PCLI_LEDGER="by-environment.db")
    assert (desk.folder / "by-environment.db").exists()
    assert [entry["number"] for entry in entries(desk, "--ledger", "by-option.db")] == [BEN]


def test_a_suppressed_person_is_left_out_of_the_plan(project: Project) -> None:
    project.starter()
    project.run("ledger", "create")
    project.run("optout", "add", "07911123456")
    plan = project.run("plan", "sale.yaml", "--json")
    assert plan.status == 0, plan.err
    assert "opted-out" in plan.out


def test_control_characters_of_a_reason_do_not_reach_the_terminal(desk: Project) -> None:
    desk.run("optout", "add", ANN, "--reason", "\x1b[2Jgone")
    assert "\x1b" not in desk.run("optout", "list").out
    assert "\x1b" not in desk.run("optout", "check", ANN).out


@pytest.mark.parametrize("command", ["", "add", "remove", "list", "import", "export", "check"])
def test_every_help_has_an_example(desk: Project, command: str) -> None:
    ran = desk.run("optout", *filter(None, [command]), "--help")
    assert ran.status == 0
    assert "Example:  a2pcli optout" in ran.out
