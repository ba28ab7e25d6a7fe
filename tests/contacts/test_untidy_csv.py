"""CSV with a title above the header, rows without their last cells, and characters that look like delimiters."""

from __future__ import annotations

import pytest
from tablekit import read, refused, rows_of, written

from a2pcli.contacts.table import ReadOptions, open_table

A, B, C = "+447400123456", "+447400123457", "+447400123458"


def opened(tmp_path, content: str, **options: object):
    return open_table(written(tmp_path, content), options=ReadOptions(**options))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "above",
    [
        "Kundenliste – Export vom 1. März\n\n",
        "Report, 3 columns; all | people\n",
        "Phone list\n",
        "\n\nA\n\nB\n",
    ],
)
def test_the_header_is_found_below_a_title_and_said(tmp_path, delimiter, above):
    rows = [["Name", "Mobil-Nr.", "Ort"], ["Ann", A, "Ulm"], ["Bo", B, "Bonn"]]
    table = opened(tmp_path, above + "".join(delimiter.join(row) + "\n" for row in rows))
    line = above.count("\n") + 1
    assert (table.header_line, table.columns, table.delimiter) == (
        line,
        ("name", "mobil_nr", "ort"),
        delimiter,
    )
    assert f"the header was found in row {line}" in [note.message.split(";")[0] for note in table.notes]
    assert [(row.line, row.cells[0]) for row in rows_of(table)] == [(line + 1, "Ann"), (line + 2, "Bo")]


def test_excels_sep_line_and_a_title_go_together(tmp_path):
    table = opened(tmp_path, f"sep=;\nExport\nphone;name\n{A};Ann\n")
    assert (table.header_line, rows_of(table)[0].line) == (3, 4)


def test_the_campaign_may_say_where_the_header_is(tmp_path):
    text = f"a,b\nphone,name\nTelefon,Vorname\n{A},Ann\n"
    table = opened(tmp_path, text, header=3)
    assert (table.columns, [note.code for note in table.notes]) == (("telefon", "vorname"), [])
    assert rows_of(table)[0].line == 4
    problem = refused(tmp_path, "a\n\nphone,name\n+447400123456,Ann\n", header=2)
    assert (problem.code, problem.line) == ("no-header", 2)
    assert refused(tmp_path, text, header=99).code == "no-header"


def test_a_first_row_with_a_number_in_it_is_not_skipped_in_silence(tmp_path):
    """Somebody's own row is not taken for a title."""
    table = opened(tmp_path, f"{A},Ann\n{B},Bo\n")
    assert table.header_line == 1


HEADER = "phone,first_name,plan,city\n"
WHOLE = f"{A},Ann,gold,London\n+447400123450,Cy,basic,Leeds\n"


def test_rows_without_their_last_cells_are_filled_and_counted(tmp_path):
    table = opened(tmp_path, f"{HEADER}{WHOLE}{B},Bo,gold\n{C},Di\n")
    assert [(row.reason, row.cells) for row in rows_of(table)[2:]] == [
        (None, (B, "Bo", "gold", "")), (None, (C, "Di", "", "")),
    ]  # fmt: skip
    assert "2 rows were shorter than the header" in table.notes[-1].message


@pytest.mark.parametrize(
    "short",
    [
        f"{B},gold,London",  # the name is missing, not the city
        "Bo,gold,London",  # the number is
        "Bo",
        f"Bo,{B},gold",
        f"{B},Bo,ann@example.com",  # no plan looks like that
        f"{B},London",
    ],
)
def test_shifted_rows_are_refused_as_before(tmp_path, short):
    rows = read(tmp_path, f"{HEADER}{WHOLE}{short}\n")
    assert [row.reason for row in rows] == [None, None, "ragged-row"]


def test_nothing_is_filled_where_the_number_is_in_the_missing_part(tmp_path):
    rows = read(tmp_path, f"name,city,phone\nAnn,London,{A}\nBo,Leeds\n{B},x\n")
    assert [row.reason for row in rows] == [None, "ragged-row", "ragged-row"]


def test_nothing_is_filled_where_no_row_is_whole(tmp_path):
    assert [row.reason for row in read(tmp_path, f"{HEADER}{A},Ann,gold\n{B},Bo,basic\n")] == [
        "ragged-row"
    ] * 2


def test_more_cells_than_the_header_are_fine_while_they_are_empty(tmp_path):
    rows = read(tmp_path, f"phone,name\n{A},Ann\n{B},Bo,,\n{C},Di,x\n")
    assert [row.reason for row in rows] == [None, None, "ragged-row"]


@pytest.mark.parametrize("header", ["\tphone", "phone\t", " phone;", "|phone"])
def test_a_delimiter_that_no_row_confirms_is_part_of_the_name(tmp_path, header):
    table = opened(tmp_path, f"{header}\n{A}\n{B}\n")
    assert [row.cells for row in rows_of(table)] == [(A,), (B,)]


def test_names_are_told_apart_though_no_row_has_a_second_cell(tmp_path):
    assert opened(tmp_path, f"phone,plan\n{A}\n{B}\n").columns == ("phone", "plan")
