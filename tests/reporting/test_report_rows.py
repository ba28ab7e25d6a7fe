"""Every row of a run, in files that spreadsheets, scripts and notebooks can trust."""

from __future__ import annotations

import csv
import io
import json
import os
import tracemalloc
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reportkit import new_ledger, number, plan, send

from a2pcli.errors import InvalidInput, UsageError
from a2pcli.ledger.records import AcceptedRows, NewRun, PlannedRows, Run
from a2pcli.ledger.store import Ledger
from a2pcli.reporting.rows import SCHEMA, row_tables
from a2pcli.reporting.table_file import CsvRows, TableFile, harmless

FORMULAS = ("=", "+", "-", "@", "\t", "\r")
LEFT_OUT = {
    11: ("invalid-number", None, "=HYPERLINK(\"http://x\")"),
    12: ("invalid-number", None, "@SUM(1)"),
    13: ("invalid-number", None, "\t07"),
    14: ("duplicate", number(3), None),
}  # fmt: skip


@pytest.fixture
def sent(ledger: Ledger) -> Run:
    run = plan(ledger, recipients=10, excluded=LEFT_OUT)
    return send(ledger, run, ["accepted"] * 4 + ["rejected", "unknown", "retry", "lost"])


def written(ledger: Ledger, run: Run, path: Path, **chosen: list[str]) -> Path:
    with TableFile(path, SCHEMA) as file:
        for table in row_tables(ledger, run, **chosen):
            file.add(table)
    return path


def csv_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_every_row_is_there_once_in_the_order_of_the_file(ledger: Ledger, sent: Run, tmp_path: Path) -> None:
    rows = csv_rows(written(ledger, sent, tmp_path / "r.csv"))
    assert [int(row["line"]) for row in rows] == list(range(2, 16))
    states = ["accepted"] * 4 + ["rejected", "unknown", "planned", "submitting"] + ["planned"] * 2
    assert [row["state"] for row in rows] == states + ["skipped"] * 4


def test_no_cell_of_the_csv_is_a_formula(ledger: Ledger, sent: Run, tmp_path: Path) -> None:
    """Numbers are written with a + and so start with an apostrophe too; nothing else of them is changed."""
    rows = csv_rows(written(ledger, sent, tmp_path / "r.csv"))
    cells = [cell for row in rows for cell in row.values()]
    assert not [cell for cell in cells if cell.startswith(FORMULAS)]
    assert rows[0]["number"] == "'" + number(1)
    assert [row["cell"] for row in rows[10:13]] == ["'" + LEFT_OUT[place][2] for place in (11, 12, 13)]


@given(st.lists(st.text() | st.sampled_from(["=1+1", "+x", "-1", "@a", "\tb", "\rc", "＝1", "\n=1"])))
def test_what_is_made_harmless_is_the_text_and_no_formula(texts: list[str]) -> None:
    safe = harmless(pa.array(texts, pa.string())).to_pylist()
    assert not [cell for cell in safe if cell.startswith((*FORMULAS, "\n", "＝", "＋", "－", "＠"))]
    for cell, text in zip(safe, texts, strict=True):
        assert cell in (text, f"'{text}")


def test_csv_survives_line_breaks_quotes_and_commas_in_a_message(tmp_path: Path) -> None:
    body = 'Hi "Ann",\nsee you\r\nsoon; ✓'
    with new_ledger(tmp_path) as ledger:
        run = one_message(ledger, body)
        [row] = csv_rows(written(ledger, run, tmp_path / "r.csv"))
    assert row["body"] == body


def one_message(ledger: Ledger, body: str, cost: int | None = None) -> Run:
    new = NewRun(campaign="c", occasion=ledger.plans.occasion("c", "once"), gateway="outbox")
    run = ledger.plans.begin(new)
    rows = AcceptedRows(
        row=[1], line=[2], address=[number(1)], person=[1], body=[body], cost=[cost],
        currency=[None if cost is None else "GBP"],
    )  # fmt: skip
    ledger.plans.add_rows(run, PlannedRows(rows))
    return ledger.plans.finish(run, digest="d", rows_read=1, summary={})


@pytest.mark.parametrize(
    ("nano", "text"),
    [
        (40_000_000, "0.04"),
        (7_500_000, "0.0075"),
        (1, "0.000000001"),
        (0, "0.00"),
        (12_000_000_000, "12.00"),
        (2**63 - 1, "9223372036.854775807"),
        (None, ""),
    ],
)
def test_money_is_exact_and_never_in_powers_of_ten(tmp_path: Path, nano: int | None, text: str) -> None:
    with new_ledger(tmp_path) as ledger:
        [row] = csv_rows(written(ledger, one_message(ledger, "x", nano), tmp_path / "r.csv"))
    assert row["cost"] == text


def test_json_lines_hold_the_same_rows_as_they_are(ledger: Ledger, sent: Run, tmp_path: Path) -> None:
    """JSON is no spreadsheet: nothing is made harmless there."""
    lines = written(ledger, sent, tmp_path / "r.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == 14
    assert rows[0]["number"] == number(1)
    assert (rows[0]["cost"], rows[4]["cost"], rows[4]["code"]) == ("0.04", None, "21211")
    assert rows[0]["claimed_at"] == "1970-01-01T00:33:20.000Z"
    assert rows[0]["reference"] == f"{sent.id}-000001"
    assert rows[10]["reference"] is None


def test_parquet_keeps_money_and_moments_as_what_they_are(ledger: Ledger, sent: Run, tmp_path: Path) -> None:
    table = pq.read_table(written(ledger, sent, tmp_path / "r.parquet"))
    assert table.schema.equals(SCHEMA)
    first = table.slice(0, 1).to_pylist()[0]
    assert first["cost"] == Decimal("0.04")
    assert first["settled_at"] == datetime.fromtimestamp(2000.01, UTC)


@pytest.mark.parametrize("extension", ["csv", "jsonl", "parquet"])
def test_a_choice_that_holds_nobody_is_a_whole_file_without_rows(
    ledger: Ledger, sent: Run, tmp_path: Path, extension: str
) -> None:
    path = written(ledger, sent, tmp_path / f"r.{extension}", states=["expired"])
    if extension == "csv":
        assert path.read_text("utf-8-sig").strip() == ",".join(SCHEMA.names)
    elif extension == "jsonl":
        assert path.read_text() == ""
    else:
        assert pq.read_table(path).num_rows == 0


def test_states_and_reasons_choose_rows(ledger: Ledger, sent: Run, tmp_path: Path) -> None:
    refused = csv_rows(written(ledger, sent, tmp_path / "a.csv", states=["rejected", "unknown"]))
    assert [row["line"] for row in refused] == ["6", "7"]
    twice = csv_rows(written(ledger, sent, tmp_path / "b.csv", reasons=["duplicate"]))
    assert [row["line"] for row in twice] == ["15"]


def test_a_report_that_fails_half_way_leaves_the_old_file(ledger: Ledger, sent: Run, tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("the old report")

    def fail_half_way() -> None:
        with TableFile(path, SCHEMA) as file:
            file.add(next(row_tables(ledger, sent)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_half_way()
    assert path.read_text() == "the old report"
    assert sorted(child.name for child in tmp_path.glob("r.csv*")) == ["r.csv"]


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"nowhere.r\.csv: cannot write: no such file"):
        TableFile(tmp_path / "nowhere" / "r.csv", SCHEMA)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InvalidInput, match="it is a folder"):
        TableFile(tmp_path / "folder.csv", SCHEMA)
    with pytest.raises(UsageError, match=r"r\.xlsx: unknown extension"):
        TableFile(tmp_path / "r.xlsx", SCHEMA)


def test_a_device_takes_rows_and_is_not_replaced() -> None:
    device = Path("/dev/null")
    if not device.exists():
        pytest.skip("no /dev/null here")
    with TableFile(device, SCHEMA, form="csv") as file:
        file.add(SCHEMA.empty_table())
    assert device.is_char_device()


def test_memory_does_not_grow_with_the_run(tmp_path: Path) -> None:
    """Three times the rows take the memory of one chunk, not three times the memory."""
    with new_ledger(tmp_path) as ledger:
        small, large = (many_messages(ledger, rows) for rows in (20_000, 60_000))
        peaks = [peak_of(ledger, run) for run in (small, large)]
    assert peaks[1] < 1.5 * peaks[0]


def many_messages(ledger: Ledger, count: int) -> Run:
    new = NewRun(campaign="c", occasion=ledger.plans.occasion("c", str(count)), gateway="outbox")
    run = ledger.plans.begin(new)
    for first in range(1, count + 1, 10_000):
        rows = list(range(first, first + 10_000))
        accepted = AcceptedRows(
            row=rows, line=rows, address="+447700900001", person=rows, body=[f"Hi {row}" for row in rows]
        )
        ledger.plans.add_rows(run, PlannedRows(accepted))
    return ledger.plans.finish(run, digest="d", rows_read=count, summary={})


def peak_of(ledger: Ledger, run: Run) -> int:
    tracemalloc.start()
    before = pa.total_allocated_bytes()
    arrow = 0
    out = CsvRows(io.TextIOWrapper(io.FileIO(os.devnull, "w"), encoding="utf-8"), SCHEMA)
    for table in row_tables(ledger, run):
        out.write(table)
        arrow = max(arrow, pa.total_allocated_bytes() - before)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak + arrow
