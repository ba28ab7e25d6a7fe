"""`a2pcli contacts check`, as a user runs it."""

from __future__ import annotations

import json

import pytest

MESSY = """\
Name;Mobile No.;Note
Ann;07911 123456;
Bob;+44 (0)7911-123457;
;;
Cy;07911123456;again
Dee;4.47701E+11;
Eve;"07911123458; 07911123459";"two
lines"
Fay;447911123460;
07911123461;Gus
Ida;;
"""


def test_every_row_comes_out_with_its_line_and_its_verdict(project):
    """The keys scripts rely on; `number` or `reason` is null."""
    project.write("people.csv", MESSY)
    ran = project.run("contacts", "check", "people.csv", "--region", "GB", "--json")
    assert ran.status == 0
    rows = ran.json["rows"]
    keys = ["line", "cell", "number", "reason", "type", "country", "repairs"]
    assert all(list(row)[:7] == keys for row in rows)
    assert all((row["number"] is None) != (row["reason"] is None) for row in rows)
    assert [(row["line"], row["number"] or row["reason"]) for row in rows] == [
        (2, "+447911123456"),
        (3, "+447911123457"),
        (5, "+447911123456"),
        (6, "damaged-number"),
        (7, "ambiguous-number"),
        (9, "+447911123460"),
        (10, "ragged-row"),
        (11, "missing-number"),
    ]
    assert rows[0] == {
        "line": 2, "cell": "07911 123456", "number": "+447911123456", "reason": None,
        "type": "mobile", "country": "GG", "repairs": [], "detail": None,
    }  # fmt: skip
    assert rows[5]["repairs"] == ["plus-restored"]


def test_a_later_row_with_the_same_number_points_to_the_first(project):
    """It is a good number all the same: whether it is sent is the plan's decision."""
    project.write("people.csv", MESSY)
    rows = project.run("contacts", "check", "people.csv", "--region", "GB", "--json").json["rows"]
    assert [row.get("duplicate_of") for row in rows] == [None, None, 2, None, None, None, None, None]
    assert rows[2]["reason"] is None


def test_the_summary_counts_what_the_rows_say(project):
    project.write("people.csv", MESSY)
    document = project.run("contacts", "check", "people.csv", "--region", "gb", "--json").json
    assert document["summary"] == {
        "rows": 8, "ok": 4, "refused": 4, "blank_rows": 1, "duplicates": 1,
        "reasons": {"ambiguous-number": 1, "damaged-number": 1, "missing-number": 1, "ragged-row": 1},
        "countries": {"GG": 4}, "types": {"mobile": 4}, "repairs": {"plus-restored": 1},
    }  # fmt: skip
    assert (document["encoding"], document["delimiter"], document["column"], document["region"]) == (
        "utf-8", ";", "Mobile No.", "GB",
    )  # fmt: skip
    assert document["warnings"] == ["people.csv: note: the cells are separated by semicolon"]


def test_people_see_a_summary_and_the_rows_that_need_a_look(project):
    project.write("people.csv", MESSY)
    ran = project.run("contacts", "check", "people.csv", "--region", "GB")
    assert ran.status == 0
    lines = [line.split() for line in ran.out.splitlines()]
    assert lines[0][:2] == ["rows", "8"]
    assert lines[1][:4] == ["good", "4", "GG", "4"]
    assert any(line[:2] == ["blank", "rows"] for line in lines)
    assert "same number as line 2" in ran.out
    assert "the cell holds more than one number" in ran.out
    assert "ragged-row: 2 cells, the header has 3" in ran.out
    assert "+44 (0)7911-123457" not in ran.out
    assert "separated by semicolon" in ran.err


def test_only_the_first_fifty_rows_are_shown_unless_all_are_wanted(project):
    project.write("people.csv", "phone\n" + "nope\n" * 80)
    short = project.run("contacts", "check", "people.csv")
    assert short.out.count("nope") == 50
    assert "… and 30 more" in short.out
    assert project.run("contacts", "check", "people.csv", "--all").out.count("nope") == 80


def test_region_and_allowances_come_from_the_settings_unless_they_are_given(project):
    """The settings file beside the contacts or above them."""
    project.write("a2pcli.yaml", "region: GB\nnumbers: {allow_fictional: true, allow_fixed_line: true}\n")
    project.write("lists/people.csv", "phone\n07700 900123\n0121 234 5678\n")
    found = project.run("contacts", "check", "lists/people.csv", "--json").json
    assert [row["number"] for row in found["rows"]] == ["+447700900123", "+441212345678"]
    project.write("a2pcli.yaml", "region: FR\n")
    given = ("--region", "GB", "--allow-fictional", "--allow-fixed-line")
    assert (
        project.run("contacts", "check", "lists/people.csv", "--json", *given).json["rows"] == found["rows"]
    )
    assert project.run("contacts", "check", "lists/people.csv", "--json").json["summary"]["ok"] == 0


def test_the_column_may_be_named_and_the_reading_told(project):
    project.write("people.csv", "wer:Nümmer:phone\nZoë:07911 123456:x\n".encode("cp1252"))
    options = ("--column", "nümmer", "--delimiter", ":", "--encoding", "cp1252", "--region", "GB")
    document = project.run("contacts", "check", "people.csv", "--json", *options).json
    assert document["rows"][0]["number"] == "+447911123456"
    assert document["column"] == "Nümmer"


def test_stdin_is_a_file_too(project):
    ran = project.run("contacts", "check", "-", "--json", stdin="phone\n+447911123456\n")
    assert [row["number"] for row in ran.json["rows"]] == ["+447911123456"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file"),
        ("", "empty"),
        ("name\nAnn\n", "no column with phone numbers"),
        ("phone,phone\n1,2\n", "2 columns are called 'phone'"),
        ('phone,name\n1,"Ann\n2,Bob\n', "people.csv:2: a quotation mark opens here"),
    ],
)
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_file_that_cannot_be_used_ends_with_3_and_no_rows_on_stdout(project, content, words, options):
    """Not half a JSON document either, where the fault comes late: the document tells the problem."""
    if content is not None:
        project.write("people.csv", content)
    ran = project.run("contacts", "check", "people.csv", *options)
    assert ran.status == 3
    assert "Traceback" not in ran.err
    assert words in ran.err
    if options:
        assert list(ran.json) == ["schema", "status", "problems"]
    else:
        assert ran.out == ""


def test_an_unknown_region_is_a_mistake_on_the_command_line(project):
    project.write("people.csv", "phone\n1\n")
    ran = project.run("contacts", "check", "people.csv", "--region", "UK")
    assert ran.status == 2
    assert "did you mean GB" in ran.err


def test_what_a_cell_says_cannot_steer_the_terminal(project):
    project.write("people.csv", "phone\n\x1b[31mred\x07\n[bold]07911[/bold]\n")
    ran = project.run("contacts", "check", "people.csv")
    assert "\x1b" not in ran.out
    assert "\x07" not in ran.out
    assert "[bold]07911[/bold]" in ran.out


def test_the_help_has_an_example(project):
    assert (
        "Example:  a2pcli contacts check people.csv --region GB"
        in project.run("contacts", "check", "--help").out
    )
    assert "Example:" in project.run("contacts", "--help").out


def test_a_hundred_thousand_rows_are_one_json_document(project):
    """Written row by row; duplicates are found across chunks."""
    numbers = [f"+4479111{number % 70_000:05d}" for number in range(100_000)]
    project.write("people.csv", "phone\n" + "\n".join(numbers) + "\n")
    document = json.loads(project.run("contacts", "check", "people.csv", "--json").out)
    rows = document["rows"]
    assert len(rows) == document["summary"]["rows"] == 100_000
    assert document["summary"]["duplicates"] == sum("duplicate_of" in row for row in rows) == 30_000
    assert rows[70_005]["duplicate_of"] == rows[5]["line"] == 7
