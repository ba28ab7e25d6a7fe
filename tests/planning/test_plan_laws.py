"""Laws of planning, over generated contact files: nothing is lost, nothing counts twice, chunks do not matter."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from a2pcli.config.load import load_campaign, load_settings
from a2pcli.frame import Frame
from a2pcli.ledger.store import Ledger
from a2pcli.planning import pipeline
from a2pcli.planning.pipeline import planned_chunks
from a2pcli.planning.plan import make_plan
from a2pcli.planning.prepare import Choices, prepare
from a2pcli.planning.workers import Workers

CAMPAIGN = """\
name: law
objective: Find a file that breaks planning
purpose: transactional
contacts: people.csv
where: kind != 'no'
message: "{% if kind == 'vip' %}Dear {{ name }}{% else %}Hi {{ name | default('there') }}{% endif %}: {{ text }}"
limits: {parts: 2}
"""

numbers = st.one_of(
    st.integers(0, 40).map(lambda n: f"0791112{n:04d}"),
    st.integers(0, 40).map(lambda n: f"+44 7911 12{n:04d}"),
    st.sampled_from(["", "n/a", "4.47E+11", "07911123456; 07911123457", "020 7946 0958", "+1 415 555 2671"]),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=12),
)
# A file full of control characters is refused as no text; that is another test's business.
letters = st.characters(codec="utf-8", exclude_categories=["Cc"]) | st.sampled_from("\n\r\t")
words = st.text(letters, max_size=200)
people = st.lists(
    st.tuples(numbers, st.sampled_from(["vip", "no", "", "x"]), words, words), min_size=1, max_size=25
)


def write(folder: Path, rows: list[tuple[str, ...]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("mobile", "kind", "name", "text"), *rows])
    (folder / "people.csv").write_bytes(text.getvalue().encode("utf-8", "surrogatepass"))
    (folder / "law.yaml").write_text(CAMPAIGN)
    (folder / "a2pcli.yaml").write_text("region: GB\n")


def ready_in(folder: Path, ledger: Ledger):
    loaded = load_campaign(folder / "law.yaml")
    return prepare(loaded, load_settings(folder), ledger, Choices(today=date(2026, 3, 1)))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people)
def test_accepted_and_excluded_are_all_rows_and_the_ledger_holds_each_once(tmp_path: Path, rows):
    write(tmp_path, rows)
    with Ledger.open(str(tmp_path / "ledger.db")) as ledger:
        plan = make_plan(ready_in(tmp_path, ledger), ledger, rate=None)
        summary = plan.summary
        assert summary["recipients"] + sum(summary["excluded"].values()) == summary["rows"]
        kept = [row for chunk in ledger.messages.rows(plan.run) for row in chunk]
        assert len(kept) == summary["rows"]
        assert len({row["line"] for row in kept}) == len(kept)
        planned = [row for row in kept if row["state"] == "planned"]
        assert len(planned) == len({row["address"] for row in planned}) == summary["recipients"]
        assert Counter(row["reason"] for row in kept if row["state"] == "skipped") == summary["excluded"]
        assert all(row["body"] and row["parts"] <= 2 for row in planned)
        totals = ledger.runs.totals(plan.run)
        assert totals.rows == summary["rows"]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people, st.integers(1, 7))
def test_the_size_of_the_chunks_changes_nothing_not_even_the_digest(tmp_path: Path, rows, size):
    write(tmp_path, rows)
    with Ledger.open(str(tmp_path / "ledger.db")) as ledger, pytest.MonkeyPatch.context() as patch:
        whole = make_plan(ready_in(tmp_path, ledger), ledger, rate=None)
        patch.setattr(pipeline, "CHUNK_ROWS", size)
        pieces = make_plan(ready_in(tmp_path, ledger), ledger, rate=None)
    assert whole.run.digest == pieces.run.digest
    assert whole.summary == pieces.summary


def test_worker_processes_plan_what_one_process_plans(tmp_path: Path):
    rows = [(f"0791112{n % 300:04d}", "vip" if n % 3 else "x", f"N{n}", "t" * (n % 200)) for n in range(1000)]
    write(tmp_path, rows)
    with Ledger.open(str(tmp_path / "ledger.db")) as ledger, pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "CHUNK_ROWS", 150)
        ready = ready_in(tmp_path, ledger)
        alone = whole(planned_chunks(ready.table, ready.spec, ready.compiled))
        with Workers(2) as workers:
            together = whole(planned_chunks(ready.table, ready.spec, ready.compiled, workers))
    assert alone.equals(together)


def whole(chunks: Iterator[Frame]) -> pa.Table:
    return pa.Table.from_batches([frame.batch() for frame in chunks]).unify_dictionaries().combine_chunks()
