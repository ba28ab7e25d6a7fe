"""Workbooks as a person sees them: hidden rows, formats, titles above the header."""

from __future__ import annotations

import datetime as dt
import io
import random
import zipfile
from contextlib import suppress

import pytest
import python_calamine
from bookkit import KINDS, Cell, archive, sheet_xml, text_cell, xlsb, xlsx
from tablekit import read, refused, rows_of, written

from a2pcli.contacts import xlsb_book
from a2pcli.contacts.table import ReadOptions, Table, open_table
from a2pcli.content import dates_text
from a2pcli.errors import InvalidInput

NUMBER = "+447400123456"
HEADER = ["phone", "name", "zip", "share", "price"]
PEOPLE = [
    HEADER,
    [NUMBER, "Ann", Cell(2138, "00000", "02138"), Cell(0.2, "0%", "20%"), Cell(1234.5, "#,##0.00", "1,234.50")],
    ["+447400123457", "Bob", Cell(7, "00000", "00007"), Cell(0.125, "0.0%", "12.5%"), Cell(5, "#,##0.00", "5.00")],
    ["+447400123458", "Cy", Cell(90210, "00000", "90210"), Cell(1, "0%", "100%"), Cell(0, "#,##0.00", "0.00")],
    ["+447400123459", "Di", None, None, Cell(-3, "#,##0.00", "-3.00")],
]  # fmt: skip


def opened(tmp_path, content: bytes, **options: object) -> Table:
    return open_table(written(tmp_path, content, "people.book"), options=ReadOptions(**options))


@pytest.mark.parametrize("kind", KINDS)
def test_what_the_sheet_shows_is_what_is_merged_in_every_format(tmp_path, kind):
    rows = read(tmp_path, KINDS[kind](PEOPLE), "people.book")
    assert [row.cells[2:] for row in rows] == [
        ("02138", "20%", "1,234.50"), ("00007", "12.5%", "5.00"), ("90210", "100%", "0.00"), ("", "", "-3.00"),
    ]  # fmt: skip
    assert [row.cells[:2] for row in rows] == [tuple(row[:2]) for row in PEOPLE[1:]]


@pytest.mark.parametrize("kind", KINDS)
def test_hidden_rows_are_counted_and_asked_about_in_every_format(tmp_path, kind):
    table = opened(tmp_path, KINDS[kind](PEOPLE, hidden=(3, 5)))
    assert [str(note).split("warning: ")[1] for note in table.notes] == [
        "2 of 4 rows are hidden in the sheet"
    ]
    (question,) = table.questions
    assert "hidden_rows: exclude" in str(question)
    assert [row.reason for row in rows_of(table)] == [None] * 4


@pytest.mark.parametrize("kind", KINDS)
def test_hidden_rows_are_left_out_with_a_reason_of_their_own_or_read_like_the_others(tmp_path, kind):
    content = KINDS[kind](PEOPLE, hidden=(3, 5))
    table = opened(tmp_path, content, hidden_rows="exclude")
    assert [row.reason for row in rows_of(table)] == [None, "hidden-row", None, "hidden-row"]
    assert (table.questions, [note.code for note in table.notes]) == ([], ["hidden-rows"])
    table = opened(tmp_path, content, hidden_rows="include")
    assert [row.reason for row in rows_of(table)] == [None] * 4
    assert table.questions == []


def test_a_hidden_header_or_blank_row_is_nobody_and_not_asked_about(tmp_path):
    table = opened(tmp_path, xlsx([HEADER[:2], [None], [NUMBER, "Ann"]], hidden=(1, 2)))
    assert (table.questions, table.notes) == ([], [])


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_with_cells_only_beside_the_header_is_a_row_and_not_a_blank_one(tmp_path, kind):
    rows = [HEADER[:2], [NUMBER, "Ann"], [None, None, "07911123456"], [None], [NUMBER, "Ben", "a note"]]
    found = rows_of(opened(tmp_path, KINDS[kind](rows)))
    assert [(row.line, row.reason, row.cells) for row in found] == [
        (2, None, (NUMBER, "Ann")), (3, "ragged-row", ("", "")), (5, None, (NUMBER, "Ben")),
    ]  # fmt: skip
    assert found[1].detail == "it has cells only beside the header's columns (C)"


@pytest.mark.parametrize("kind", KINDS)
def test_hidden_columns_are_named(tmp_path, kind):
    table = opened(tmp_path, KINDS[kind](PEOPLE, hidden_columns="CD"))
    assert [note.message for note in table.notes] == ["hidden in the sheet: the columns 'zip', 'share'"]


def test_the_binary_workbook_is_read_as_another_reader_reads_it():
    sheet = python_calamine.CalamineWorkbook.from_object(io.BytesIO(xlsb(PEOPLE))).get_sheet_by_index(0)
    assert sheet.to_python()[1][:3] == [NUMBER, "Ann", 2138.0]


@pytest.mark.parametrize(
    ("value", "code", "locale", "shown"),
    [
        (46095, "dd/mm/yyyy", "en_GB", "14/03/2026"),
        (46095, "dd/mm/yyyy", "en_US", "2026-03-14"),  # 14/03 there would be month 14
        (46095, "m/d/yyyy", "en_US", "3/14/2026"),
        (46095, "mm-dd-yy", "de_DE", "14.03.2026"),  # the format that the computer decides
        (46095, "d mmmm yyyy", "en_GB", "14 March 2026"),
        (46095, "d-mmm-yy", "en_GB", "14-Mar-26"),
        (46095, '[$-407]d. mmmm yyyy', "en_GB", "14. März 2026"),
        (46095.4375, "dd/mm/yyyy h:mm", "en_GB", "14/03/2026 10:30"),
        (0.8541666667, "h:mm AM/PM", "en_US", "8:30 PM"),
        (1.5, "[h]:mm", "en_GB", "36:00"),
        (1234567.891, "#,##0.00", "de_DE", "1.234.567,89"),
        (12.5, '_-* #,##0.00\\ "€"_-;\\-* #,##0.00\\ "€"_-;_-* "-"??\\ "€"_-;_-@_-', "en_GB", "12.50 €"),
        (-12.5, "0.00;(0.00)", "en_GB", "(12.50)"),
        (5, '0 "points"', "en_GB", "5 points"),
        (2.5, "0", "en_GB", "3"),
        (21380001, "[<=99999]00000;00000\\-0000", "en_US", "02138-0001"),
        (0.1 + 0.2, "General", "en_GB", "0.3"),
        (0, "0.00E+00", "en_GB", "0.00E+00"),
        (-3.25, "0.0E+00", "de_DE", "-3,3E+00"),
        (9.999, "0.00E+00", "en_GB", "1.00E+01"),
        (0.00012345, "0.00E+00", "en_GB", "1.23E-04"),
        (12345, "##0.0E+0", "en_GB", "12.3E+3"),
        (999999, "##0.0E+0", "en_GB", "1.0E+6"),
        (0.00012, "##0.0E+0", "en_GB", "120.0E-6"),
        (1500, '0.0E+0" m"', "en_GB", "1.5E+3 m"),
    ],
)  # fmt: skip
def test_numbers_and_days_look_as_in_the_sheet(tmp_path, value, code, locale, shown):
    content = xlsx([["phone", "x"], [NUMBER, Cell(value, code)]])
    assert read(tmp_path, content, "p.xlsx", locale=locale)[0].cells[1] == shown


@pytest.mark.parametrize("locale", ["en_GB", "en_US", "de_DE", "fr_FR", "pt_BR", "ja_JP", "tr_TR"])
@pytest.mark.parametrize("code", ["dd/mm/yyyy", "m/d/yyyy", "mm-dd-yy", "dd.mm.yyyy", "d-mmm-yy", "yyyy/mm/dd",
                                  "mmmm d, yyyy", "dddd, d mmmm yyyy", "d/m/yy", "yyyy-mm-dd"])  # fmt: skip
def test_the_date_filter_reads_the_very_day_out_of_what_is_merged(tmp_path, locale, code):
    """A wrong day in a reminder cannot be taken back: 5 March must never become 3 May."""
    rows = read(tmp_path, xlsx([["phone", "x"], [NUMBER, Cell(46086, code)]]), "p.xlsx", locale=locale)
    assert dates_text.parse(rows[0].cells[1], locale)[0] == dt.date(2026, 3, 5)


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (447400123456, "General", "447400123456"),
        (447400123456, "0.00E+00", "447400123456"),
        (447400123456, "#,##0", "447400123456"),
        (447400123456, "dd/mm/yyyy", "447400123456"),
        (7400123456, "00000000000", "07400123456"),
        (447400123456, '"+"0', "+447400123456"),
        (2125552671, "[<=9999999]###\\-####;\\(###\\)\\ ###\\-####", "(212) 555-2671"),
        (447400123456, "0.0,,", "447400123456"),
    ],
)
def test_no_format_takes_anything_from_a_phone_number(tmp_path, value, code, shown):
    assert read(tmp_path, xlsx([["Mobile", "x"], [Cell(value, code), "y"]]), "p.xlsx")[0].cells[0] == shown


def test_a_format_that_is_not_understood_is_said(tmp_path):
    table = opened(tmp_path, xlsx([["phone", "size"], [NUMBER, Cell(0.5, "# ?/?")]]))
    assert "in the column 'size' is not known" in str(table.notes[0])
    assert rows_of(table)[0].cells == (NUMBER, "0.5")


def test_a_formula_without_its_result_is_said(tmp_path):
    table = opened(tmp_path, xlsx([["phone", "name"], [NUMBER, "=A2"]]))
    assert "1 formula has no result" in str(table.notes[0])


def test_the_header_is_found_below_a_title(tmp_path):
    rows = [["Kundenliste – Export vom 1. März"], [], ["Mobil-Nr.", "Vorname"], [NUMBER, "Jörg"]]
    table = opened(tmp_path, xlsx(rows))
    assert "the header was found in row 3" in str(table.notes[0])
    assert [(row.line, row.cells) for row in rows_of(table)] == [(4, (NUMBER, "Jörg"))]


def test_a_title_that_speaks_of_phones_is_no_header(tmp_path):
    table = opened(tmp_path, xlsx([["Phone list"], ["Name", "Phone"], ["Ann", NUMBER]]))
    assert (table.header_line, table.columns) == (2, ("name", "phone"))


def test_the_campaign_names_the_row_of_the_header(tmp_path):
    rows = [["phone", "name"], ["mobile", "first"], [NUMBER, "Ann"]]
    table = opened(tmp_path, xlsx(rows), header=2)
    assert (table.columns, table.notes) == (("mobile", "first"), [])
    assert refused(tmp_path, xlsx([*rows[:1], [], rows[2]]), "p.xlsx", header=2).code == "no-header"


A1, PHONE = text_cell("A1", "phone"), text_cell("A{}", NUMBER)


@pytest.mark.parametrize("dimension", ["", '<dimension ref="A1:B2"/>', '<dimension ref="A1:XFD1048576"/>'])
@pytest.mark.parametrize("row", [6000, 1_048_576])
def test_only_the_cells_that_are_there_count(tmp_path, row, dimension):
    data = f'<row r="1">{A1}</row><row r="{row}">{PHONE.format(row)}{text_cell(f"XFD{row}", "x")}</row>'
    content = sheet_xml(data, dimension=dimension)
    assert [(line.line, line.cells) for line in read(tmp_path, content, "p.xlsx")] == [(row, (NUMBER,))]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (lambda: sheet_xml("", shared=b"<si><t>" + b"a" * (36 << 20) + b"</t></si>"), "too-large"),
        (lambda: sheet_xml(" " * (36 << 20)), "too-large"),
        (lambda: sheet_xml(A1, head='<!DOCTYPE a [<!ENTITY x "aa"><!ENTITY y "&x;&x;">]>'), "broken-workbook"),
        (lambda: sheet_xml(A1, head='<!DOCTYPE a SYSTEM "file:///etc/passwd">'), "broken-workbook"),
        (lambda: sheet_xml("<a>" * 1000), "broken-workbook"),
        (lambda: sheet_xml(f'<row r="1">{A1}</row><row r="2"><c r="A2" t="s"><v>9</v></c></row>'), "broken-workbook"),
        (lambda: sheet_xml(f'<row r="1">{A1}</row><row r="9999999"/>'), "broken-workbook"),
        (lambda: sheet_xml(f'<row r="1">{A1}</row><row r="2">{text_cell("ZZZ2", "x")}</row>'), "broken-workbook"),
        (lambda: sheet_xml(f'<row r="1">{A1}</row><row r="2">{text_cell("A2", "x" * 300_000)}</row>'), "cell-too-long"),
    ],
)  # fmt: skip
def test_a_workbook_built_to_harm_is_refused(tmp_path, content, code):
    assert refused(tmp_path, content(), "p.xlsx").code == code


def test_a_binary_workbook_of_nothing_but_empty_records_is_refused_before_they_take_long(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(xlsb_book, "_MOST_OTHERS", 1000)
    whole = xlsb(PEOPLE)
    assert len(rows_of(opened(tmp_path, whole))) == 4
    with zipfile.ZipFile(io.BytesIO(whole)) as source:
        parts = {name: source.read(name) for name in source.namelist()}
    refusal = refused(tmp_path, archive(parts | {"xl/worksheets/sheet1.bin": bytes(4000)}), "p.xlsb")
    assert (refusal.code, "1,000 records that hold no cell" in refusal.message) == ("broken-workbook", True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_workbook_is_read_or_refused_and_never_a_defect(tmp_path, kind):
    """A few hundred of them, damaged by chance but the same each time."""
    chance = random.Random(kind)
    whole = KINDS[kind](PEOPLE, hidden=(3,))
    for _ in range(120):
        content = damaged(whole, chance, inside=kind != "xls")
        with suppress(InvalidInput):
            rows_of(opened(tmp_path, content))


def damaged(content: bytes, chance: random.Random, *, inside: bool) -> bytes:
    """Some bytes changed or lost, in the file or inside of a part of the archive."""
    if not inside or chance.random() < 0.3:
        return scratched(content, chance)
    with zipfile.ZipFile(io.BytesIO(content)) as source:
        parts = {name: source.read(name) for name in source.namelist()}
    name = chance.choice(sorted(parts))
    return archive(parts | {name: scratched(parts[name], chance)})


def scratched(content: bytes, chance: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        place = chance.randrange(max(1, len(data)))
        if chance.random() < 0.7:
            data[place : place + 1] = bytes([chance.randrange(256)])
        else:
            del data[place : place + chance.randint(1, 40)]
    return bytes(data)
