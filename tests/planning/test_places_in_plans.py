"""Where a contact is decides when their message may leave, whatever the columns are called that say so."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from a2pcli.config.load import load_campaign, load_settings
from a2pcli.ledger.store import Ledger
from a2pcli.planning.plan import make_plan
from a2pcli.planning.prepare import Choices, prepare

CAMPAIGN = """\
name: c
objective: Nobody is woken
purpose: marketing
contacts: people.csv
message: "ACME: hello. To stop: https://acme.example/stop"
schedule: {holidays: avoid}
"""


def waits(folder: Path, at: datetime, number: str, **cells: str) -> str:
    """What becomes of one contact's message at a moment: `open`, `held` or `unknown_zone`."""
    with (folder / "people.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["Mobile", *cells], [number, *cells.values()]])
    (folder / "c.yaml").write_text(CAMPAIGN)
    (folder / "a2pcli.yaml").write_text("region: US\n")
    choices = Choices(today=date(2026, 6, 4), now=int(at.timestamp() * 1000))
    with Ledger.open(str(folder / "ledger.db")) as ledger:
        ready = prepare(load_campaign(folder / "c.yaml"), load_settings(folder), ledger, choices)
        clock = make_plan(ready, ledger, rate=None).summary["clock"]
    return next(kind for kind in ("open", "held", "unknown_zone") if clock[kind])


MORNING_IN_NEW_YORK = datetime(2026, 6, 3, 12, 30, tzinfo=UTC)  # 8:30 there, 5:30 in Los Angeles


@pytest.mark.parametrize(
    ("header", "cell", "expected"),
    [
        ("Zip Code", "10001", "open"), ("Zip Code", "90001", "held"), ("State/Province", "California", "held"),
        ("region", "CA", "held"), ("tz", "-08:00", "held"), ("Time Zone", "Pacific Standard Time", "held"),
        ("tz", "-05:00", "open"), ("tz", "Mars", "unknown_zone"), ("nickname", "90001", "open"),
    ],
)  # fmt: skip
def test_a_new_york_number_waits_where_a_column_says_another_place(
    tmp_path: Path, header: str, cell: str, expected: str
) -> None:
    assert waits(tmp_path, MORNING_IN_NEW_YORK, "+12125552671", **{header: cell}) == expected


CORPUS_CHRISTI = datetime(2026, 6, 4, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "cell", "expected"),
    [
        ("Bundesland", "BY", "held"),
        ("state", "Bayern", "held"),
        ("Region", "Bavaria", "held"),
        ("state", "HH", "open"),
    ],
)
def test_a_holiday_of_the_contacts_state_is_kept(
    tmp_path: Path, header: str, cell: str, expected: str
) -> None:
    assert waits(tmp_path, CORPUS_CHRISTI, "+4915112345678", **{header: cell}) == expected


def test_a_french_number_in_reunion_keeps_reunions_hours(tmp_path: Path) -> None:
    evening = datetime(2026, 6, 3, 16, 30, tzinfo=UTC)  # 18:30 in Paris, 20:30 in Réunion
    assert waits(tmp_path, evening, "+33612345678", **{"Code postal": "75001"}) == "open"
    assert waits(tmp_path, evening, "+33612345678", **{"Code postal": "97400"}) == "held"
