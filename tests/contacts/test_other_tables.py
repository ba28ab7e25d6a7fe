"""Workbooks, Parquet, JSON lines and stdin, through the same door as CSV."""

from __future__ import annotations

import datetime as dt
import io
import sys
import zipfile
from decimal import Decimal
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from tablekit import ONE, Row, cells, read, refused, rows_of, written

from a2pcli.contacts.table import ReadOptions, address_column, open_table
from a2pcli.errors import InvalidInput


def xlsx(rows: list[list[object]], *more: str, at: str = "A1") -> bytes:
    """A workbook whose first sheet has the rows, from a cell on."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "People"
    corner = sheet[at]
    for down, row in enumerate(rows):
        for right, value in enumerate(row):
            if value is not None:
                sheet.cell(corner.row + down, corner.column + right, value)
    for name in more:
        book.create_sheet(name)["A1"] = "phone"
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


PEOPLE: list[list[object]] = [
    ["Mobile No.", "Name", "Since", "Seen", "Points", "Plan"],
    [447911123456.0, "Ann", dt.date(2026, 3, 1), dt.datetime(2026, 3, 1, 9, 30), 1234.5, True],
    [None, None, None, None, None, None],
    ["07911 123457", " Bob ", dt.datetime(1999, 12, 31), dt.time(9, 5), 0.1 + 0.2, "007"],
    [7911123458, "=A2", None, None, -3, "NA"],
]


def test_a_workbook_is_read_as_a_person_sees_it(tmp_path):
    """Digits without exponent or .0, dates as ISO text, rows numbered as in the spreadsheet."""
    rows = read(tmp_path, xlsx(PEOPLE), "people.xlsx")
    assert [(row.line, row.cells) for row in rows] == [
        (2, ("447911123456", "Ann", "2026-03-01", "2026-03-01 09:30:00", "1234.5", "TRUE")),
        (4, ("07911 123457", " Bob ", "1999-12-31", "9:05:00", "0.3", "007")),
        (5, ("7911123458", "", "", "", "-3", "NA")),
    ]


def test_a_workbook_is_known_by_its_content_not_its_name(tmp_path):
    table = open_table(written(tmp_path, xlsx(PEOPLE), "export.csv"))
    assert (table.format, table.columns[0], table.encoding) == ("xlsx", "mobile_no", None)
    rows_of(table)
    assert table.blank_rows == 1


def test_a_sheet_may_start_anywhere(tmp_path):
    rows = read(tmp_path, xlsx(PEOPLE, at="C5"), "people.xlsx")
    assert [row.line for row in rows] == [6, 8, 9]
    assert rows[0].cells[-6:-4] == ("447911123456", "Ann")


def test_where_the_first_sheet_has_no_numbers_the_other_sheets_are_named(tmp_path):
    path = written(tmp_path, xlsx([["Read me"], ["an export"], ["of today"]], "Kontakte"), "cover.xlsx")
    with pytest.raises(InvalidInput) as raised:
        address_column(open_table(path))
    assert "the other sheet is 'Kontakte'" in " ".join(map(str, raised.value.problems))


def test_the_first_sheet_is_read_and_others_are_mentioned(tmp_path):
    path = written(tmp_path, xlsx(PEOPLE, "Old", "Older"), "people.xlsx")
    table = open_table(path)
    assert "read the first sheet, 'People'; the other sheets are 'Old', 'Older'" in str(table.notes[0])
    assert "contacts: {sheet: …}" in str(table.notes[0].hint)
    with pytest.raises(InvalidInput, match="a header but no rows"):
        open_table(path, options=ReadOptions(sheet="old "))
    with pytest.raises(InvalidInput, match="the sheets are 'People', 'Old', 'Older'"):
        open_table(path, options=ReadOptions(sheet="New"))


def test_only_workbooks_have_sheets(tmp_path):
    assert refused(tmp_path, ONE, sheet="People").code == "no-sheet"


@pytest.mark.parametrize("place", ["start", "middle", "sheet"])
def test_a_broken_workbook_is_said_to_be_broken(tmp_path, place):
    content = xlsx(PEOPLE)
    if place == "start":
        content = content[:100]
    elif place == "middle":
        content = content[: len(content) // 2]
    else:
        content = rewritten(content, "xl/worksheets/sheet1.xml", b"<worksheet><sheetData><row><c r=")
    assert refused(tmp_path, content, "people.xlsx").code in ("broken-workbook", "empty-file")


def rewritten(content: bytes, name: str, text: bytes) -> bytes:
    """The archive with another text for one of its files."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(changed, "w") as target:
        for entry in source.infolist():
            target.writestr(entry, text if entry.filename == name else source.read(entry))
    return changed.getvalue()


def test_a_password_protected_workbook_says_so(tmp_path):
    """Office wraps it into an OLE file with a stream of this name."""
    content = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + b"\0" * 3000
        + "EncryptedPackage".encode("utf-16-le")
        + b"\0" * 999
    )
    assert refused(tmp_path, content, "people.xlsx").code == "protected-workbook"
    assert refused(tmp_path, content.replace(b"E\0n\0c", b"A\0n\0c"), "people.xls").code == "broken-workbook"


def test_an_archive_that_is_no_workbook_is_not_one(tmp_path):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("people.csv", ONE)
    assert refused(tmp_path, content.getvalue(), "people.zip").code == "not-a-table"


def test_an_empty_sheet_and_a_lone_header_are_refused(tmp_path):
    assert refused(tmp_path, xlsx([]), "people.xlsx").code == "empty-file"
    assert refused(tmp_path, xlsx([["phone"]]), "people.xlsx").code == "no-rows"


def parquet(**columns: object) -> bytes:
    content = io.BytesIO()
    pq.write_table(pa.table(columns), content, row_group_size=2)
    return content.getvalue()


def test_parquet_is_read_as_text_whatever_its_types(tmp_path):
    content = parquet(
        phone=pa.array([447911123456.0, None, 1.0]),
        name=pa.array(["Ann", None, "Cy"]).dictionary_encode(),
        day=[dt.date(2026, 3, 1), None, None],
        seen=pa.array([dt.datetime(2026, 3, 1, 9, 30, tzinfo=dt.UTC), None, None], pa.timestamp("us", "UTC")),
        points=pa.array([2**60, None, -1]),
        price=pa.array([Decimal("1.50"), None, Decimal("0.00")]),
        gold=[True, None, False],
        tags=[["a", "é"], None, []],
        nothing=pa.nulls(3),
    )
    rows = read(tmp_path, content, "people.parquet")
    assert rows[0] == Row(
        2, None, None,
        ("447911123456", "Ann", "2026-03-01", "2026-03-01 09:30:00+00:00",
         str(2**60), "1.50", "TRUE", '["a", "é"]', ""),
    )  # fmt: skip
    assert rows[1].cells == ("",) * 9
    assert [row.line for row in rows] == [2, 3, 4]


def test_one_long_word_in_every_row_of_parquet_stays_one_word(tmp_path):
    """A dictionary holds it once; ten thousand rows of it would be two gigabytes."""
    long = pa.array(["x" * 200_000]).dictionary_encode().dictionary
    notes = pa.DictionaryArray.from_arrays(pa.array([0] * 10_000, pa.int32()), long)
    content = io.BytesIO()
    pq.write_table(pa.table({"phone": ["1"] * 10_000, "note": notes}), content)
    table = open_table(written(tmp_path, content.getvalue(), "p.parquet"))
    frames = table.chunks()
    sizes = [pc.sum(pc.utf8_length(next(frames)["note"])).as_py() for _ in range(2)]
    assert all(0 < size <= 64 << 20 for size in sizes)
    assert sum(len(frame) for frame in table.chunks(["phone"])) == 10_000


@pytest.mark.parametrize(("size", "code"), [(300_000, "cell-too-long"), (70 << 20, "too-large")])
def test_parquet_that_unpacks_to_far_more_is_refused(tmp_path, size, code):
    content = io.BytesIO()
    pq.write_table(
        pa.table({"phone": ["1"], "note": ["x" * size]}),
        content,
        compression="zstd",
        use_dictionary=size < 1 << 20,
    )
    assert refused(tmp_path, content.getvalue(), "p.parquet").code == code


def test_only_the_wanted_columns_of_parquet_come_in_the_files_order(tmp_path):
    table = open_table(written(tmp_path, parquet(a=["1"], b=["2"], c=["3"]), "people.parquet"))
    assert rows_of(table, ["c", "a"])[0].cells == ("1", "3")


def test_broken_or_empty_parquet_is_refused(tmp_path):
    content = parquet(phone=["1"] * 10)
    assert refused(tmp_path, content[:-20], "people.parquet").code == "broken-parquet"
    assert refused(
        tmp_path, content[:4] + b"\xff" * (len(content) - 40) + content[-36:], "p.parquet"
    ).code == ("broken-parquet")
    assert refused(tmp_path, parquet(phone=pa.array([], pa.string())), "people.parquet").code == "no-rows"


JSONL = (
    '{"phone": "07911123456", "Name": "Zoë", "n": 1e5, "price": 1.50}\n\n'
    '{"Name": null, "phone": 447911123457, "vip": true, "tags": ["a", {"b": 007.5}]}\n'
).replace("007.5", "7.50")


def test_json_lines_keep_numbers_as_they_are_typed(tmp_path):
    """Keys in any order, missing ones empty, lines counted with the blank ones."""
    table = open_table(written(tmp_path, JSONL, "people.jsonl"))
    assert table.columns == ("phone", "name", "n", "price", "vip", "tags")
    assert rows_of(table) == [
        Row(1, None, None, ("07911123456", "Zoë", "1e5", "1.50", "", "")),
        Row(3, None, None, ("447911123457", "", "", "", "true", '["a", {"b": "7.50"}]')),
    ]
    assert table.blank_rows == 1


def test_json_lines_are_known_by_their_content(tmp_path):
    assert open_table(written(tmp_path, JSONL, "people.txt")).format == "jsonl"
    assert open_table(written(tmp_path, "\ufeff" + JSONL, "people.txt")).format == "jsonl"


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ('{"phone": "1"}\n{"phone": \n', 2, "not JSON"),
        ('{"phone": "1"}\n{"phone": "2"', 2, "not JSON"),
        ('{"phone": "1"}\n["2"]\n', 2, "not a JSON object"),
        ('[\n{"phone": "1"}\n]\n', 1, "one object a line"),
        ('[{"phone": "1"}]\n', 1, "without the brackets"),
        ('{"phone": ' + "[" * 100_000 + "\n", 1, "not JSON"),
    ],
)
def test_what_is_no_json_object_is_an_error_at_its_line(tmp_path, content, line, words):
    """A broken line is a broken export: what is missing nobody can tell."""
    problem = refused(tmp_path, content, "people.jsonl")
    assert problem.line == line
    assert words in str(problem)


def test_a_key_twice_in_one_object_costs_its_row(tmp_path):
    rows = read(tmp_path, '{"phone": "1", "phone": "2"}\n{"phone": "3"}\n', "people.jsonl")
    assert [(row.reason, row.cells) for row in rows] == [("ragged-row", ("",)), (None, ("3",))]


def test_half_a_character_in_json_costs_its_row(tmp_path):
    rows = read(
        tmp_path, '{"phone": "1", "name": "x\\ud83d"}\n{"phone": "2", "name": "\\ud83d\\ude00"}\n', "p.jsonl"
    )
    assert [(row.reason, row.cells[1]) for row in rows] == [("invalid-text", "x\ufffd"), (None, "😀")]


def test_a_key_that_comes_up_late_is_said_not_to_be_read(tmp_path):
    table = open_table(
        written(tmp_path, '{"phone": "1"}\n' * 5_002 + '{"phone": "2", "vip": 1}\n', "people.jsonl")
    )
    assert len(rows_of(table)) == 5_003
    assert [(note.code, note.line) for note in table.notes] == [("late-key", 5_003)]


def test_stdin_is_read_once_and_may_be_read_again(tmp_path, monkeypatch):
    """It is spooled: the header, the rows and the fingerprint all come from one reading."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(ONE.encode())))
    table = open_table("-", base=tmp_path)
    assert table.path == "-"
    assert rows_of(table) == rows_of(table) == [Row(2, None, None, ("07911123456", "Ann"))]
    assert table.fingerprint() == open_table(written(tmp_path, ONE)).fingerprint()


def test_a_workbook_may_come_through_stdin(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(xlsx(PEOPLE))))
    assert len(rows_of(open_table("-"))) == 3


def test_what_was_spooled_is_gone_with_the_table(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(ONE.encode())))
    table = open_table("-")
    spooled = Path(table._source.path)
    assert spooled.exists()
    del table
    assert not spooled.exists()


def test_the_same_people_come_out_of_every_format(tmp_path):
    """CSV, workbook, Parquet and JSON lines of the same rows."""
    expected = [("07911123456", "Ann", "007"), ("+447911123457", "Bob", "1e5")]
    header = ["phone", "name", "code"]
    forms = {
        "p.csv": "\n".join(",".join(row) for row in [header, *expected]),
        "p.xlsx": xlsx([header, *map(list, expected)]),
        "p.parquet": parquet(**{name: [row[place] for row in expected] for place, name in enumerate(header)}),
        "p.jsonl": "\n".join(
            '{{"phone": "{}", "name": "{}", "code": "{}"}}'.format(*row) for row in expected
        ),
    }
    for name, content in forms.items():
        assert cells(tmp_path, content, name) == expected
