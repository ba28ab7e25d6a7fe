"""Laws of reading CSV, over generated files: the fast reader and the careful one are one reader."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from unicodedata import normalize

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tablekit import rows_of, written

from a2pcli.contacts import csv_blocks, csv_parse, csv_table, encoding
from a2pcli.contacts.table import ReadOptions, open_table
from a2pcli.errors import InvalidInput

ANY_FOLDER = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

PIECES = st.sampled_from(
    ["a", "b", "07911123456", '"', '"', '""', ",", ",", ",", "\n", "\n", "\r\n", "\r", " ", "é", '"x,y"',
     '"l1\nl2"', '""""', ";", "\0", ',"', '",', '"\n']
)  # fmt: skip
CELLS = st.one_of(
    st.sampled_from(
        ["", "a", "b c", "x,y", 'q"q', "l1\nl2", "m\r\nn", "é", "07911 123456", '"', "\u2028", "\u00a0", " "]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=8),
)


def outcome(path: str) -> object:
    """What a file gives: its rows, or its problem."""
    try:
        table = open_table(path, options=ReadOptions(delimiter=","))
        return rows_of(table), table.blank_rows
    except InvalidInput as error:
        return [(problem.code, problem.line) for problem in error.problems]


def small_blocks(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Blocks of a few bytes, so that every record is cut somewhere."""
    monkeypatch.setattr(encoding, "BLOCK", size)
    monkeypatch.setattr(csv_table, "_FIRST_BLOCK", size)


@ANY_FOLDER
@given(st.lists(PIECES, max_size=60).map("".join), st.sampled_from(["\n", "\r\n", "\r"]), st.integers(1, 20))
def test_arrow_the_record_reader_and_any_size_of_block_read_the_same(tmp_path, body, end, size):
    """Whatever the bytes, down to misplaced quotes: the same rows on the same lines, or the same complaint."""
    path = written(tmp_path, f"h1,h2,h3{end}{body}")
    found = outcome(path)
    with pytest.MonkeyPatch.context() as patch:
        small_blocks(patch, size)
        assert outcome(path) == found
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_blocks, "_block", lambda *_: None)
        assert outcome(path) == found


@ANY_FOLDER
@given(
    st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=15),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.integers(1, 30),
)
def test_what_the_csv_module_writes_is_read_back_cell_by_cell(tmp_path, rows, end, quoting, name, size):
    """Rows that hold nothing are left out; every other cell comes back to the character, in normal form C."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=end, quoting=quoting).writerows([["h1", "h2", "h3"], *rows])
    path = written(tmp_path, text.getvalue().encode(name))
    whole = [row for row in rows if any(cell.strip(" \t\r\n") for cell in row)]
    kept = [tuple(normalize("NFC", cell) for cell in row) for row in whole]
    with pytest.MonkeyPatch.context() as patch:
        small_blocks(patch, size)
        if not kept:
            assert outcome(path) == [("no-rows", 1)]
            return
        table = open_table(path, options=ReadOptions(delimiter=","))
        found = rows_of(table)
    assert [row.cells for row in found] == kept
    assert table.blank_rows == len(rows) - len(kept)


@ANY_FOLDER
@given(st.binary(max_size=300))
def test_any_bytes_at_all_are_a_table_or_a_problem(tmp_path, content):
    """Never a traceback."""
    outcome(written(tmp_path, b"phone,name\n" + content))
    outcome(written(tmp_path, content))


def test_files_without_misplaced_quotes_never_meet_the_slow_reader(tmp_path, monkeypatch):
    """Ragged and blank rows, quoted line breaks, every line end: all of it goes through Arrow."""

    def slow(*_: object) -> None:
        raise AssertionError("read record by record")

    monkeypatch.setattr(csv_parse.BlockParser, "_from_records", slow)
    body = '1,Ann,x\r\n2,"Bob ""B""\n\nSmith",y\r\n\r\n3\r,,\n4,Cy,z,,\n5,Dee,é\n'
    rows = rows_of(open_table(written(tmp_path, "phone,name,c\r\n" + body * 50)))
    assert len(rows) == 250
    assert sum(row.reason == "ragged-row" for row in rows) == 50


PEAK = """
import resource, sys
from a2pcli.addresses.phone.numbers import PhonePolicy, normalise_column
from a2pcli.contacts.table import open_table
table = open_table(sys.argv[1])
rows = sum(len(normalise_column(frame["phone"], PhonePolicy("GB"))) for frame in table.chunks())
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.parametrize("quoted", [False, True])
def test_memory_does_not_grow_with_the_file(tmp_path, quoted):
    """Ten times the rows, about the same peak."""
    peaks = []
    for rows in (300_000, 3_000_000):
        line = (
            '"+44791112{:04d}","Ann Smith","gold, or so"\n' if quoted else "+44791112{:04d},Ann Smith,gold\n"
        )
        path = tmp_path / f"{rows}.csv"
        with path.open("w") as file:
            file.write("phone,name,plan\n")
            file.writelines(line.format(number % 10_000) for number in range(rows))
        ran = subprocess.run(
            [sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, check=True
        )
        counted, peak = map(int, ran.stdout.split())
        assert counted == rows
        peaks.append(peak)
    assert peaks[1] < peaks[0] * 1.3
