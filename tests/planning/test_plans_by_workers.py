"""Worker processes change nothing of a plan: neither of one with several channels, nor of one with emails."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from clikit import Project

from a2pcli.config.load import load_campaign, load_settings
from a2pcli.frame import Frame
from a2pcli.ledger.store import Ledger
from a2pcli.planning import pipeline
from a2pcli.planning.pipeline import planned
from a2pcli.planning.prepare import Choices, Prepared, prepare
from a2pcli.planning.workers import SMALL, SMALL_EMAILS, Workers

CAMPAIGN = """name: order
objective: Tell people that their order is on its way
purpose: transactional
channels: {email: {sender: shop@example.com}, sms: {sender: ACME}, telegram: {}}
fallback: {when: [rejected, undelivered]}
contacts: people.csv
message: "Hi {{ first_name }}, your order is on its way{% if vip %}, with a gift{% endif %}"
email:
  subject: "{{ first_name }}, your order"
  html: "<html><head><style>p { color: red }</style></head><body><p>Hi {{ first_name }}</p></body></html>"
"""
SETTINGS = """region: GB
gateway: outbox
"""


def write(folder: Path, rows: int) -> None:
    lines = ["phone,email,telegram,first_name,vip,preferred_channel"]
    for row in range(rows):
        phone = f"0791112{row % 230:04d}" if row % 3 else "12345"
        email = f"person{row % 250}@example.com" if row % 4 else "n/a"
        lines.append(
            f"{phone},{email},{10_000 + row if row % 5 else ''},Zoë {row},{'yes' if row % 2 else ''},"
        )
        lines[-1] += ("", "sms", "e-mail", "pigeon")[row % 4]
    (folder / "people.csv").write_text("\n".join(lines) + "\nshort,row@example.com\n", encoding="utf-8")
    (folder / "sale.yaml").write_text(CAMPAIGN, encoding="utf-8")
    (folder / "a2pcli.yaml").write_text(SETTINGS, encoding="utf-8")


def ready_in(folder: Path, ledger: Ledger) -> Prepared:
    loaded = load_campaign(folder / "sale.yaml")
    return prepare(loaded, load_settings(folder / "sale.yaml"), ledger, Choices(today=date(2026, 3, 1)))


def whole(chunks: Iterator[Frame]) -> pa.Table:
    return pa.Table.from_batches([frame.batch() for frame in chunks]).unify_dictionaries().combine_chunks()


def test_workers_plan_several_channels_as_one_process_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path, 600)
    monkeypatch.setattr(pipeline, "CHUNK_ROWS", 90)
    with Ledger.open(str(tmp_path / "ledger.db")) as ledger:
        ready = ready_in(tmp_path, ledger)
        alone = whole(planned(ready, None, ready.new_clocks()))
        with Workers(2) as workers:
            together = whole(planned(ready, workers, ready.new_clocks()))
    assert len(set(alone["@channel"].to_pylist())) == 3
    assert sum(text is not None for text in alone["@alternatives"].to_pylist()) > 100
    assert alone.equals(together)


def test_small_files_are_planned_by_one_process_emails_too():
    assert Workers.for_size(SMALL - 1) is None
    assert Workers.for_size(SMALL_EMAILS - 1, emails=True) is None


def test_a_plan_says_that_rows_are_shorter_than_the_header(project: Project):
    project.starter(people="mobile,first_name,city\n07911123456,Ann,Leeds\n07911123457,Ben\n")
    done = project.run("plan", "sale.yaml")
    assert done.status == 0
    assert "1 row was shorter than the header" in done.err
