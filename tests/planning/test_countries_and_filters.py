"""Which countries a campaign is for, and what its filter saw."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from a2pcli.config.load import load_campaign, load_settings
from a2pcli.errors import InvalidInput
from a2pcli.ledger.store import Ledger
from a2pcli.planning.campaign_check import check_campaign
from a2pcli.planning.plan import Plan, make_plan
from a2pcli.planning.prepare import Choices, prepare

CONTACTS = """\
phone,plan,points
+447911123456,gold,"1,200"
+447797123456,gold,90
+31612345678,Gold,
+33612345678,gold,lots
"""
CAMPAIGN = """\
name: c{n}
objective: Only whom it is for
purpose: marketing
contacts: people.csv
sender: ACME
message: "ACME: hello. {text} https://acme.example/stop"
{more}
"""
Make = Callable[..., tuple[Plan, dict[str, tuple[Any, Any]]]]


@pytest.fixture
def planned(tmp_path: Path) -> Make:
    """A plan, and of each number (or the cell that holds none) the reason and the detail."""

    def make(
        more: str = "", text: str = "To stop:", rules: str = "", contacts: str = CONTACTS
    ) -> tuple[Plan, dict[str, tuple[Any, Any]]]:
        (tmp_path / "people.csv").write_text(contacts)
        (tmp_path / "a2pcli.yaml").write_text(f"region: GB\n{rules}")
        with Ledger.open(str(tmp_path / "ledger.db")) as ledger:
            (tmp_path / "c.yaml").write_text(CAMPAIGN.format(n=len(ledger.runs.all()), more=more, text=text))
            settings = load_settings(tmp_path)
            ready = prepare(load_campaign(tmp_path / "c.yaml"), settings, ledger, Choices(TODAY))
            plan = make_plan(ready, ledger, rate=None)
            rows = [row for chunk in ledger.messages.rows(plan.run) for row in chunk]
        return plan, {row["address"] or row["cell"]: (row["reason"], row["detail"]) for row in rows}

    return make


TODAY = date(2026, 3, 10)
GB, JERSEY, HOLLAND, FRANCE = "+447911123456", "+447797123456", "+31612345678", "+33612345678"


def left(found: dict[str, tuple[Any, Any]]) -> set[str]:
    return {number for number, (reason, _) in found.items() if reason is None}


def test_only_numbers_of_the_campaigns_countries_are_messaged(planned: Make) -> None:
    _, found = planned("countries: [GB, NL]")
    assert left(found) == {GB, JERSEY, HOLLAND}
    assert found[FRANCE] == ("country-not-allowed", "the number is of FR")
    assert left(planned("countries: [je]")[1]) == {JERSEY}


def test_the_filter_knows_the_numbers_country(planned: Make) -> None:
    _, found = planned("where: country in ['FR', 'nl']")
    assert left(found) == {HOLLAND, FRANCE}
    assert found[GB][0] == "filtered"
    assert "country 'G" in found[GB][1]


NO_NUMBERS = """\
phone,plan,points
+447911123456,gold,200
020 7946 0018,basic,200
none,basic,200
neither,gold,200
odd,gold,lots
"""


def test_a_row_that_the_filter_does_not_want_has_nothing_to_mend_in_its_number(planned: Make) -> None:
    _, found = planned("where: plan == 'gold' and points | int > 100", contacts=NO_NUMBERS)
    assert left(found) == {GB}
    assert found["none"] == found["020 7946 0018"] == ("filtered", "plan 'basic', points '200'")
    assert found["neither"][0] == found["odd"][0] == "invalid-number"


def test_a_filter_by_the_numbers_country_cannot_be_asked_about_no_number(planned: Make) -> None:
    _, found = planned("where: country == 'GB'", contacts=NO_NUMBERS)
    assert found["none"][0] == found["neither"][0] == "invalid-number"


def test_a_filter_reads_numbers_as_they_are_written_and_says_what_is_none(planned: Make) -> None:
    _, found = planned("where: points | int > 100")
    assert left(found) == {GB}
    assert found[JERSEY] == ("filtered", "points '90'")
    assert found[HOLLAND] == ("filtered", "points ''")
    assert found[FRANCE][0] == "template-error"
    assert "'lots' is not a number" in found[FRANCE][1]


def test_check_says_that_a_filter_meets_what_is_no_number(planned: Make, tmp_path: Path) -> None:
    planned("where: points | int > 100")
    problems = [problem.message for problem in check_campaign(tmp_path / "c.yaml").problems]
    assert any(
        "fails on 1 of 4 rows" in message and "'lots' is not a number" in message for message in problems
    )


STRICT = "rules: {country-wording: error}\n"


def test_one_country_that_wants_words_does_not_stop_the_others(planned: Make) -> None:
    plan, found = planned(rules=STRICT)
    assert left(found) == {GB, JERSEY, HOLLAND}
    assert found[FRANCE] == ("copy-rule", "a message to FR must contain 'STOP 36xxx'")
    assert any("1 message excluded" in warning.message for warning in plan.warnings)
    assert left(planned(text="STOP 36111 or", rules=STRICT)[1]) == {GB, JERSEY, HOLLAND, FRANCE}
    assert left(planned()[1]) == {GB, JERSEY, HOLLAND, FRANCE}  # a warning leaves nobody out


def test_where_nobody_is_left_it_is_an_error(planned: Make) -> None:
    with pytest.raises(InvalidInput, match="must contain 'STOP 36xxx'"):
        planned("countries: [FR]", rules=STRICT)
