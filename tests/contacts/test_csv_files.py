"""CSV as people have it: encodings, delimiters, line ends, quotes, ragged and blank rows."""

from __future__ import annotations

from pathlib import Path

import pytest
from tablekit import ONE, cells, read, refused, rows_of, written

from a2pcli.contacts.table import ReadOptions, open_table
from a2pcli.errors import InvalidInput

PEOPLE = "phone,name\r\n07911123456,Ænn\r\n07911123457,Боб “B”\r\n"
PAIRS = [("07911123456", "Ænn"), ("07911123457", "Боб “B”")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_files_are_read_whatever_their_encoding_without_being_told(tmp_path, encoding):
    """With a mark or without, where it is plain to see."""
    assert cells(tmp_path, PEOPLE.encode(encoding)) == PAIRS
    table = open_table(written(tmp_path, PEOPLE.encode(encoding)))
    assert (table.encoding_guessed, table.notes) == (False, [])


def test_big_endian_with_a_mark_is_read(tmp_path):
    assert cells(tmp_path, b"\xfe\xff" + PEOPLE.encode("utf-16-be")) == PAIRS


def test_windows_1252_is_a_guess_and_said_with_a_word_to_judge_it_by(tmp_path):
    content = "phone,name\n07911123456,Zoë – “the €”\n".encode("cp1252")
    assert cells(tmp_path, content) == [("07911123456", "Zoë – “the €”")]
    table = open_table(written(tmp_path, content))
    assert (table.encoding, table.encoding_guessed) == ("cp1252", True)
    assert "guess: line 2 has 'Zoë'" in str(table.notes[0])


def test_one_late_byte_decides_the_encoding_of_the_whole_file(tmp_path):
    """The first megabytes are ASCII: nothing there tells."""
    content = (ONE + f"07911123456,{'Ann' * 100}\n" * 30_000).encode() + "07911123457,Zoë\n".encode("cp1252")
    assert cells(tmp_path, content)[-1] == ("07911123457", "Zoë")


def test_bytes_that_are_no_text_cost_their_row_and_no_other(tmp_path):
    """A file that is UTF-8 but for a few bytes is not called Windows-1252."""
    content = (
        "phone,name\n07911123456,Zoë\n".encode() * 1
        + b"07911123457,B\xff\xfeb\n"
        + "07911123458,Žofie\n".encode()
    )
    rows = read(tmp_path, content)
    assert [row.reason for row in rows] == [None, "invalid-text", None]
    assert rows[1].cells == ("07911123457", "B\ufffd\ufffdb")
    assert rows[2].cells == ("07911123458", "Žofie")


def test_a_damaged_cell_in_a_column_nobody_wants_costs_nothing(tmp_path):
    content = "phone,name\n07911123456,Zoë\n".encode() + b"07911123457,B\xffb\n"
    table = open_table(written(tmp_path, content))
    assert [row.reason for row in rows_of(table, ["phone"])] == [None, None]


def test_a_declared_encoding_is_obeyed(tmp_path):
    assert cells(tmp_path, "phone,name\n1,Иван\n".encode("cp1251"), encoding="cp1251") == [("1", "Иван")]
    assert cells(tmp_path, ("\ufeff" + ONE).encode(), encoding="UTF8") == [("07911123456", "Ann")]
    assert cells(tmp_path, ONE.encode("utf-16"), encoding="utf-16") == [("07911123456", "Ann")]
    assert refused(tmp_path, ONE, encoding="klingon").code == "bad-encoding"
    assert refused(tmp_path, ONE, encoding="base64").code == "bad-encoding"


@pytest.mark.parametrize(
    ("delimiter", "said"), [(",", None), (";", "semicolon"), ("\t", "tab"), ("|", "pipe")]
)
def test_the_delimiter_is_detected_and_said(tmp_path, delimiter, said):
    """Other delimiters in cells do not deceive."""
    text = 'phone,name,note\n07911123456,Ann,"a;b|c\td,e"\n07911123457,Bob,1;2;3\n'
    rows = [line.split(",", 2) for line in text.splitlines()]
    content = "".join(delimiter.join(f'"{cell.strip(chr(34))}"' for cell in row) + "\n" for row in rows)
    assert cells(tmp_path, content)[0] == ("07911123456", "Ann", "a;b|c\td,e")
    table = open_table(written(tmp_path, content))
    assert table.delimiter == delimiter
    assert [said in str(note) for note in table.notes] == ([True] if said else [])


def test_decimal_commas_do_not_make_a_semicolon_file_comma_separated(tmp_path):
    assert cells(tmp_path, "phone;price\n07911123456;1,5\n07911123457;2,25\n")[1] == ("07911123457", "2,25")


def test_a_single_column_needs_no_delimiter(tmp_path):
    assert cells(tmp_path, "phone\n07911 123456\n+44 7911 123457\n") == [
        ("07911 123456",),
        ("+44 7911 123457",),
    ]


def test_excels_sep_line_names_the_delimiter_and_is_no_header(tmp_path):
    rows = read(tmp_path, "sep=;\r\nphone;name\r\n07911123456;Ann\r\n")
    assert [(row.line, row.cells) for row in rows] == [(3, ("07911123456", "Ann"))]
    assert cells(tmp_path, "sep=\t\nphone\tname\n1\tAnn\n") == [("1", "Ann")]


def test_a_declared_delimiter_is_obeyed(tmp_path):
    assert cells(tmp_path, "phone:name\n1:Ann\n", delimiter=":") == [("1", "Ann")]
    assert cells(tmp_path, "phone\tname\n1\tAnn\n", delimiter="tab") == [("1", "Ann")]
    assert cells(tmp_path, "phone§name\n1§Ann\n", delimiter="§") == [("1", "Ann")]
    assert refused(tmp_path, ONE, delimiter="ab").code == "bad-delimiter"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_every_kind_of_line_end_is_one_with_or_without_the_last(tmp_path, end, last):
    content = end.join(["phone,name", "1,Ann", "2,Bob", "3,Cy"]) + (end if last else "")
    rows = read(tmp_path, content)
    assert [(row.line, *row.cells) for row in rows] == [(2, "1", "Ann"), (3, "2", "Bob"), (4, "3", "Cy")]


def test_mixed_line_ends_keep_their_line_numbers(tmp_path):
    rows = read(tmp_path, "phone,name\r\n1,Ann\r2,Bob\n\n\r\n3,Cy")
    assert [(row.line, *row.cells) for row in rows] == [(2, "1", "Ann"), (3, "2", "Bob"), (6, "3", "Cy")]


def test_line_breaks_in_quotes_belong_to_the_cell_and_count_as_lines(tmp_path):
    content = 'phone,address,name\n1,"1 High St\r\nLondon",Ann\n2,"a\nb\n\nc","Bob ""B"" Smith"\n3,x,Cy\n'
    rows = read(tmp_path, content)
    assert [row.line for row in rows] == [2, 4, 8]
    assert rows[0].cells[1] == "1 High St\r\nLondon"
    assert rows[1].cells[1:] == ("a\nb\n\nc", 'Bob "B" Smith')


def test_quotation_marks_inside_of_cells_are_what_they_look_like(tmp_path):
    content = 'phone,name\n1,5" pipe\n2,Al "x" B\n3,"Bob" Smith\n4,""""\n5,""\n'
    assert [name for _, name in cells(tmp_path, content)] == ['5" pipe', 'Al "x" B', "Bob Smith", '"', ""]


def test_everything_stays_as_it_was_typed(tmp_path):
    """No NaN, no number, no date, no trimmed space."""
    typed = ["NA", "null", "None", "nan", "007", "1e5", "1.50", "TRUE", "01/02/2026", " x ", "-", "", "#N/A"]
    content = "phone,a\n" + "".join(f"1,{cell}\n" for cell in typed)
    assert [cell for _, cell in cells(tmp_path, content)] == typed


def test_ragged_rows_are_reported_and_not_shifted(tmp_path):
    """Cells past the header may be there as long as they are empty; missing ones may not."""
    content = 'phone,name,plan\n1,Ann\n2,Bob,gold,extra\n3,Cy,gold,,,\n4,Dee,free\n5\n6,"a\nb"\n'
    rows = read(tmp_path, content)
    assert [(row.line, row.reason, row.detail) for row in rows] == [
        (2, "ragged-row", "2 cells, the header has 3"),
        (3, "ragged-row", "4 cells, the header has 3"),
        (4, None, None),
        (5, None, None),
        (6, "ragged-row", "1 cell, the header has 3"),
        (7, "ragged-row", "2 cells, the header has 3"),
    ]
    assert rows[0].cells == ("", "", "")
    assert rows[2].cells == ("3", "Cy", "gold")


def test_a_delimiter_at_the_end_of_every_row_is_no_fault(tmp_path):
    content = "phone,name\n" + "1,Ann,\n" * 3 + "2,Bob,oops\n"
    rows = read(tmp_path, content)
    assert [row.reason for row in rows] == [None, None, None, "ragged-row"]


def test_blank_rows_are_skipped_and_counted_wherever_they_are(tmp_path):
    """Empty lines, lines of delimiters, of spaces, of empty quotes; a row of zeros is not blank."""
    content = '\n\nphone,name\n\n1,Ann\n,,\n  , \n"",""\n\r\n0,\n   \n2,Bob\n\n'
    table = open_table(written(tmp_path, content))
    rows = rows_of(table)
    assert [(row.line, *row.cells) for row in rows] == [(5, "1", "Ann"), (10, "0", ""), (12, "2", "Bob")]
    assert table.blank_rows == 7
    rows_of(table)
    assert table.blank_rows == 7


def test_a_row_is_not_blank_because_the_wanted_columns_are(tmp_path):
    """It has a line, a name, and no number: it must be accounted for."""
    table = open_table(written(tmp_path, "phone,name\n,Ann\n,\n1,Bob\n"))
    assert [(row.line, row.cells) for row in rows_of(table, ["phone"])] == [(2, ("",)), (4, ("1",))]
    assert table.blank_rows == 1


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('phone,name\n1,Ann\n2,"Bob\n3,Cy\n', 3),
        ('phone,name\n1,Ann\n2,"Bob\n"3","Cy"\n"4","Dee"\n', 3),
        ('phone,name\n1,Ann\n2,"Bob\n' + "3,Cy\n" * 300_000, 3),
        ('phone,name\n"1","x\ny"\n2,"Bob\n' + '"3","Cy"\n' * 300_000, 4),
        ('"phone,name\n1,Ann\n', 1),
        ("phone,name\n" + f"1,{'Ann' * 100}\n" * 30_000 + '2,"Bob\n' + "3,Cy\n" * 10, 30_002),
    ],
)
def test_an_unterminated_quote_is_an_error_at_the_line_where_it_opened(tmp_path, content, line):
    """Everybody after it would become part of one cell."""
    problem = refused(tmp_path, content)
    assert (problem.code, problem.line) == ("open-quote", line)


def test_a_stray_pair_of_quotes_does_not_swallow_the_rows_between(tmp_path):
    """By the letter of the format this is one cell; by the look of it three people."""
    rows = [f"079111234{number:02d},x,Name{number}" for number in range(10)]
    rows[3] = rows[3].replace("Name", '"Name')
    rows[6] += '"'
    problem = refused(tmp_path, "phone,plan,name\n" + "\n".join(rows))
    assert (problem.code, problem.line) == ("open-quote", 5)
    assert "2 lines that look like rows" in problem.message


def test_a_long_quoted_note_is_not_taken_for_swallowed_rows(tmp_path):
    note = "Called 020 7946 0018, no answer\nCalled again, left a message\nWill call back, maybe"
    assert cells(tmp_path, f'phone,note\n1,"{note}"\n2,x\n')[0] == ("1", note)


def test_a_huge_cell_is_refused_only_where_its_column_is_read(tmp_path):
    big = "x" * 9_000_000 + "\n" * 1000
    table = open_table(written(tmp_path, f'phone,note,name\n1,"{big}",Ann\n2,y,Bob\n'))
    assert [(row.line, row.cells[1]) for row in rows_of(table, ["phone", "name"])] == [
        (2, "Ann"),
        (1003, "Bob"),
    ]
    with pytest.raises(InvalidInput, match="column 'note' has 9,001,000 bytes"):
        rows_of(table)


def test_sixteen_thousand_empty_columns_are_no_burden(tmp_path):
    """What a spreadsheet saves when somebody has formatted whole rows; some rows have fewer."""
    content = "phone,name" + "," * 16_382 + "\n" + ("1,Ann" + "," * 16_382 + "\n") * 100 + "2,Bob\n3,Cy,,\n"
    table = open_table(written(tmp_path, content))
    rows = rows_of(table, ["phone", "name"])
    assert len(rows) == 102
    assert [row.reason for row in rows] == [None] * 102
    assert rows[-1].cells == ("3", "Cy")


def test_nul_characters_are_dropped_and_said(tmp_path):
    """A crash leaves a tail of them; some exports pad cells."""
    content = b"phone,name\n0791\x001123456,A\x00nn\n" + b"\0" * 5000
    assert cells(tmp_path, content) == [("07911123456", "Ann")]
    table = open_table(written(tmp_path, content))
    rows_of(table)
    rows_of(table)
    assert [(note.code, note.line) for note in table.notes] == [("nul-characters", 2)]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty-file"),
        (b"\n\n  \n,,\n", "empty-file"),
        (b"\xef\xbb\xbf", "empty-file"),
        (b"phone,name\n", "no-rows"),
        (b"phone,name", "no-rows"),
        (b"phone,name\n\n,\n  ,\n", "no-rows"),
        (b"phone,name\n" + b"\n" * 400_000, "no-rows"),
        (bytes(range(256)) * 20, "not-a-table"),
        (b"\0" * 1000, "not-a-table"),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 100, "not-a-table"),
        (b"%PDF-1.7\nphone,name\n", "not-a-table"),
        (b"\x1f\x8b\x08\x00xxxx", "not-a-table"),
    ],
)
def test_what_is_no_table_is_refused_for_its_reason(tmp_path, content, code):
    assert refused(tmp_path, content).code == code


def test_a_missing_file_names_its_neighbour_and_a_folder_is_no_file(tmp_path):
    written(tmp_path, ONE, "contacts.csv")
    with pytest.raises(InvalidInput, match=r"no such file \(did you mean contacts.csv\?\)"):
        open_table("contact.csv", base=tmp_path)
    with pytest.raises(InvalidInput, match="a directory"):
        open_table(str(tmp_path))
    with pytest.raises(InvalidInput):
        open_table("a\0b", base=tmp_path)


def test_a_file_is_found_from_the_campaigns_folder(tmp_path):
    """Relative paths start from `base`; what the user called it stays its name in messages."""
    (tmp_path / "lists").mkdir()
    written(tmp_path / "lists", ONE)
    table = open_table("lists/people.csv", base=tmp_path)
    assert table.path == "lists/people.csv"
    assert open_table(str(tmp_path / "lists" / "people.csv"), base=Path("/nowhere")).columns == (
        "phone",
        "name",
    )


def test_chunks_keep_the_order_and_their_size_changes_nothing(tmp_path):
    """Line numbers go on over chunks and blocks."""
    content = "phone,name\n" + "".join(f"{number},Name {number}\n" for number in range(60_000))
    table = open_table(written(tmp_path, content))
    whole = rows_of(table)
    assert [row.line for row in whole] == list(range(2, 60_002))
    assert rows_of(table, size=999) == whole


def test_a_file_that_changes_while_it_is_read_is_noticed(tmp_path):
    path = written(tmp_path, "phone,name\n" + "1,Ann\n" * 200_000)
    chunks = open_table(path).chunks(rows=1000)
    next(chunks)
    written(tmp_path, "phone,name\n" + "1,Ann\n" * 200_001)
    with pytest.raises(InvalidInput, match="changed while it was being read"):
        list(chunks)


def test_the_fingerprint_is_of_the_bytes(tmp_path):
    """The same for the same bytes anywhere; another for one changed digit."""
    first = open_table(written(tmp_path, ONE, "a.csv")).fingerprint()
    assert open_table(written(tmp_path, ONE, "b.csv")).fingerprint() == first
    assert open_table(written(tmp_path, ONE.replace("6", "7"), "c.csv")).fingerprint() != first


def test_unknown_columns_are_refused_with_the_near_one(tmp_path):
    table = open_table(written(tmp_path, "phone,First Name\n1,Ann\n"), options=ReadOptions())
    with pytest.raises(InvalidInput, match="did you mean 'First Name'"):
        rows_of(table, ["phone", "frst_name"])


def test_a_byte_order_mark_inside_of_a_file_is_part_of_its_cell(tmp_path):
    """Files put one after the other bring their marks and headers along; the row is there to be seen."""
    content = ("\ufeff" + ONE).encode() * 2
    assert cells(tmp_path, content) == [
        ("07911123456", "Ann"),
        ("\ufeffphone", "name"),
        ("07911123456", "Ann"),
    ]
    assert cells(tmp_path, "phone\n\ufeff1\n") == [("\ufeff1",)]
