"""Plans know people's hours: each row its clock, the summary what waits, and who has had enough stays out."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from a2pcli.config.load import load_campaign, load_settings
from a2pcli.ledger.records import Run, Settled
from a2pcli.ledger.store import Ledger
from a2pcli.messages import Outcome, State, Verdict
from a2pcli.planning import pipeline
from a2pcli.planning.plan import Plan, make_plan
from a2pcli.planning.prepare import Choices, Prepared, prepare
from a2pcli.planning.workers import Workers

CAMPAIGN = """\
name: {name}
objective: Tell people about the sale
purpose: {purpose}
contacts: people.csv
message: "ACME: 20% off. Reply STOP to opt out"
"""

PEOPLE = """\
phone,timezone,state
+12125550123,,
+13055550124,,
+14805550125,,
+447911123456,,
+447911123457,America/Los_Angeles,
+13055550126,,
"""
"""New York, Miami, Phoenix; London by number, and one who is in Los Angeles; Miami again. No law of the United
Kingdom names hours."""


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


NOON = at("2027-06-15 12:00")  # a Tuesday


class Desk:
    """A campaign folder and its ledger."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self.folder, self.ledger = folder, ledger

    def ready(
        self, more: str = "", *, name: str = "sale", people: str = PEOPLE, purpose: str = "marketing",
        settings: str = "", now: int = NOON, limit: int | None = None,
    ) -> Prepared:  # fmt: skip
        (self.folder / "people.csv").write_text(people)
        (self.folder / "sale.yaml").write_text(CAMPAIGN.format(name=name, purpose=purpose) + more)
        (self.folder / "a2pcli.yaml").write_text("numbers: {allow_fictional: true}\n" + settings)
        loaded = load_campaign(self.folder / "sale.yaml")
        choices = Choices(today=date(2027, 6, 15), now=now, limit=limit)
        return prepare(loaded, load_settings(self.folder), self.ledger, choices)

    def plan(self, more: str = "", **given: Any) -> Plan:
        return make_plan(self.ready(more, **given), self.ledger, rate=None)

    def send(self, run: Run, now: int) -> list[str]:
        """Claim all that may go, and accept it."""
        self.ledger.attempts.start(run, now)
        claimed = self.ledger.attempts.exchange(run, [], 100, now).claimed
        settled = [Settled(one.message.id, Outcome(Verdict.ACCEPTED), State.ACCEPTED) for one in claimed]
        self.ledger.attempts.exchange(run, settled, 0, now)
        return [one.message.to for one in claimed]

    def rows(self, run: Run) -> list[dict[str, Any]]:
        return [dict(row) for chunk in self.ledger.messages.rows(run) for row in chunk]


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    with Ledger.open(str(tmp_path / "ledger.db")) as ledger:
        yield Desk(tmp_path, ledger)


def test_each_row_has_the_clock_of_its_place_numbered_in_the_files_order(desk: Desk) -> None:
    plan = desk.plan()
    assert [row["clock"] for row in desk.rows(plan.run)] == [1, 2, 3, None, None, 2]
    clocks = desk.ledger.runs.clocks(plan.run)
    zones = [("America/New_York",), ("America/New_York",), ("America/Phoenix",)]
    assert [clocks[number].clock.zones for number in sorted(clocks)] == zones
    assert [cap.rule for cap in clocks[2].caps if "fl" in cap.rule]
    assert clocks[1].caps == ()


def test_the_summary_tells_what_may_go_what_waits_and_until_when(desk: Desk) -> None:
    clock = desk.plan().summary["clock"]
    assert (clock["open"], clock["held"], clock["unknown_zone"], clock["expires_first"]) == (5, 1, 0, 0)
    (opening,) = clock["openings"]
    assert opening["messages"] == 1
    assert opening["until"] == at("2027-06-15 15:00")
    assert opening["zones"] == ["America/Phoenix"]
    assert clock["open"] + clock["held"] == desk.plan().recipients


def test_the_own_window_binds_beside_the_laws(desk: Desk) -> None:
    clock = desk.plan("schedule: {window: '09:00-20:00', days: [wed-fri]}\n").summary["clock"]
    assert (clock["open"], clock["held"]) == (0, 6)
    assert clock["openings"][0]["until"] == at("2027-06-16 08:00")  # nine on Wednesday in London
    assert "campaign-window" in clock["openings"][0]["rules"]


def test_who_has_no_known_zone_is_held_and_counted_unless_a_zone_is_assumed(desk: Desk) -> None:
    people = "phone\n+881612345678\n"  # a satellite phone: it may ring anywhere
    clock = desk.plan(people=people).summary["clock"]
    assert (clock["open"], clock["unknown_zone"]) == (0, 1)
    assumed = desk.plan("schedule: {unknown_zone: America/New_York}\n", people=people).summary["clock"]
    assert (assumed["open"], assumed["unknown_zone"]) == (1, 0)


def test_otp_messages_have_no_clock_whatever_the_hour(desk: Desk) -> None:
    plan = desk.plan(purpose="otp", now=at("2027-06-15 05:00"))
    assert plan.summary["clock"] is None
    assert {row["clock"] for row in desk.rows(plan.run)} == {None}


def test_transactional_messages_keep_an_own_window_alone(desk: Desk) -> None:
    assert desk.plan(purpose="transactional").summary["clock"] is None
    clock = desk.plan("schedule: {window: '10:00-18:00'}\n", purpose="transactional").summary["clock"]
    assert (clock["open"], clock["held"]) == (1, 5)


def test_moments_in_the_recipients_time_are_in_the_clock_and_not_in_the_run(desk: Desk) -> None:
    schedule = "schedule: {timezone: recipient, not_before: 2027-06-15 14:00, expires: 2027-06-15 20:00}\n"
    plan = desk.plan(schedule)
    assert (plan.run.not_before, plan.run.expires_at) == (None, None)
    openings = plan.summary["clock"]["openings"]
    assert [opening["until"] for opening in openings] == [
        at("2027-06-15 13:00"),
        at("2027-06-15 18:00"),
        at("2027-06-15 21:00"),
    ]
    later = desk.plan(schedule, now=at("2027-06-15 23:30"))
    assert later.summary["clock"]["expires_first"] == 1  # 20:00 has passed in London alone; and yet …


def test_plans_are_the_same_whoever_made_their_chunks(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = desk.plan()
    monkeypatch.setattr(pipeline, "CHUNK_ROWS", 2)
    in_pieces = desk.plan()
    with Workers(2) as workers:
        together = make_plan(desk.ready(), desk.ledger, rate=None, workers=workers)
    for other in (in_pieces, together):
        assert desk.ledger.runs.clocks(other.run) == desk.ledger.runs.clocks(alone.run)
        assert [row["clock"] for row in desk.rows(other.run)] == [
            row["clock"] for row in desk.rows(alone.run)
        ]
        assert other.summary["clock"] == alone.summary["clock"]
        assert other.run.digest == alone.run.digest


def test_who_had_enough_at_the_first_possible_moment_stays_out_with_the_cap(desk: Desk) -> None:
    first = desk.plan(name="first")
    got = desk.send(first.run, NOON)
    assert len(got) == 5
    plan = desk.plan("limits: {frequency: 1 per day per person}\n", now=NOON + 60_000)
    assert plan.summary["excluded"] == {"capped": 5}
    rows = [row for row in desk.rows(plan.run) if row["reason"] == "capped"]
    assert {row["address"] for row in rows} == set(got)
    assert {(row["rule"], row["detail"]) for row in rows} == {("cap-campaign", "the cap is 1 per 1 day")}


def test_a_cap_that_frees_before_the_person_may_be_messaged_keeps_nobody_out(desk: Desk) -> None:
    """Phoenix got one yesterday at half past eight in the evening; it is night there now."""
    people = "phone\n+14805550125\n"
    late = at("2027-06-15 03:30")
    first = desk.plan(name="first", people=people, now=late)
    assert desk.send(first.run, late)
    plan = desk.plan("limits: {frequency: 1 per 10 h per person}\n", people=people, now=NOON)
    assert plan.summary["excluded"] == {}
    plan = desk.plan("limits: {frequency: 1 per 12 h per person}\n", people=people, now=NOON)
    assert plan.summary["excluded"] == {"capped": 1}


def test_settings_cap_over_all_campaigns_and_within_a_programme(desk: Desk) -> None:
    settings = "frequency: 2 per 7 days\nprogrammes: {news: {frequency: 1 per 24 h}}\n"
    plan = desk.plan(
        "programme: news\nlimits: {frequency: [3 per day, 1 per h per subject]}\n", settings=settings
    )
    caps = plan.run.sending["caps"]
    assert [(one["rule"], one["limit"], one["seconds"], one["scope"]) for one in caps] == [
        ("cap-campaign", 3, 86_400, "campaign"),
        ("cap-campaign", 1, 3_600, "subject"),
        ("cap-programme", 1, 86_400, "programme"),
        ("cap-global", 2, 604_800, "person"),
    ]
    desk.send(plan.run, NOON)
    assert desk.plan("programme: news\n", name="b", settings=settings).summary["excluded"] == {"capped": 5}
    assert desk.plan("programme: else\n", name="c", settings=settings).summary["excluded"] == {}


def test_a_capped_person_does_not_use_up_the_limit_of_a_plan(desk: Desk) -> None:
    desk.send(desk.plan(name="first").run, NOON)
    plan = desk.plan("limits: {frequency: 1 per day per person}\n", limit=1)
    assert plan.recipients == 1


def test_floridas_cap_binds_floridas_numbers_alone(desk: Desk) -> None:
    for name in ("a", "b", "c"):
        desk.send(desk.plan(name=name).run, NOON)
    excluded = [row for row in desk.rows(desk.plan(name="d").run) if row["reason"] == "capped"]
    assert {row["address"] for row in excluded} == {"+13055550124", "+13055550126"}
    assert len({row["rule"] for row in excluded}) == 1
