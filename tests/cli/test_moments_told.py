"""Moments on the screen are in the campaign's zone, with its name; commands that are named do what is said."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator

import pytest
from clikit import CAMPAIGN, Project

LATER = "schedule: {not_before: '2099-07-01 09:00', timezone: Europe/London}\n"
HELD = "occurrence: daily\nschedule: {window: '20:00-21:00'}\n"


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine is in Tokyo."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_tokyo")
def test_the_plan_the_send_and_the_report_tell_the_campaigns_zone(project: Project):
    project.starter(campaign=CAMPAIGN + LATER)
    told = "2099-07-01 09:00 Europe/London"
    assert f"not before {told}" in project.run("plan", "sale.yaml").out
    sent = project.run("send", "sale.yaml", "--yes")
    assert f"waits until {told}" in sent.out
    assert "1970" not in sent.out + sent.err
    assert told in project.run("report").out
    assert f"not before {told}" in project.run("explain", "07911123456").out
    assert project.run("report", "--json").json["not_before"] == "2099-07-01T08:00:00.000Z"


@pytest.mark.usefixtures("in_tokyo")
def test_a_moment_without_a_zone_is_utc_and_says_so(project: Project):
    project.starter(campaign=CAMPAIGN + "schedule: {not_before: '2099-07-01 09:00'}\n")
    assert "not before 2099-07-01 09:00 UTC" in project.run("plan", "sale.yaml").out


@pytest.mark.usefixtures("in_tokyo")
def test_moments_of_no_zone_are_the_machines_and_say_which(project: Project):
    project.starter()
    project.run("send", "sale.yaml", "--yes")
    assert re.search(r"planned +\d{4}-\d\d-\d\d \d\d:\d\d JST", project.run("report").out)


def test_the_progress_of_a_run_that_waits_knows_until_when():
    from a2pcli.cli.screens.progress import progress_text
    from a2pcli.sending.options import Progress

    waits = Progress("waiting", 0, 0, 0, 0, 0, 0, 3, 0, 0.0, None, {}, {}, waits_until=4_086_493_200_000)
    assert "waiting until 2099-06-30 10:00 Europe/London" in progress_text(waits, zone="Europe/London")


def test_what_a_daily_campaign_holds_is_sent_by_the_command_that_is_named(project: Project):
    """The same command on the next day would be another occurrence: it starts a run of its own."""
    project.starter(campaign=CAMPAIGN + HELD)
    ran = project.run("send", "sale.yaml", "--yes")
    named = re.search(r"from then on: a2pcli (send sale.yaml --plan (r\w{7}))", ran.out)
    assert named, ran.out
    evening = int(os.environ["A2PCLI_TEST_SHIFT_NS"]) + 30 * 3600 * 10**9  # the next day, 20:00
    later = project.process(*named[1].split(), "--json", A2PCLI_TEST_SHIFT_NS=str(evening)).json
    assert (later["run"], later["states"]["accepted"]) == (named[2], 3)


def test_a_day_of_a_daily_campaign_is_one_of_its_own_zone(project: Project):
    """In Tokyo 23:12 and 00:48 UTC are one morning: nobody gets the message of that day twice."""
    project.starter(campaign=CAMPAIGN + "occurrence: daily\nschedule: {timezone: Asia/Tokyo}\n")
    project.write(
        "sale.yaml", (project.folder / "sale.yaml").read_text().replace("marketing", "transactional")
    )
    wednesday = int(os.environ["A2PCLI_TEST_SHIFT_NS"])  # about 14:00 UTC

    def accepted(hours: float) -> int:
        shift = str(wednesday + int(hours * 3600 * 10**9))
        sent = project.process("send", "sale.yaml", "--yes", "--json", A2PCLI_TEST_SHIFT_NS=shift, TZ="UTC")
        return int(sent.json.get("states", {}).get("accepted", 0))

    assert [accepted(9.2), accepted(10.8), accepted(33.2)] == [3, 0, 3]


def test_a_daily_campaign_of_no_zone_follows_the_machines_days(project: Project):
    project.starter(campaign=CAMPAIGN + "occurrence: daily\n")
    days = [
        project.process("plan", "sale.yaml", "--json", TZ=zone).json["occurrence"]
        for zone in ("Etc/GMT+12", "Etc/GMT-14")
    ]
    assert len(set(days)) == 2
