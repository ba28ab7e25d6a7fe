"""What the settings state of a sender holds for the sender, however a campaign names it."""

from __future__ import annotations

from datetime import datetime

import pytest
from clikit import Project

SETTINGS = """\
region: GB
gateways:
  outbox: {sender: ACME}
senders:
  ACME: {rate: 10/s, countries: [GB, FR]}
"""
CAMPAIGN = """\
name: orders
objective: Say that the order is on its way
purpose: transactional
contacts: people.csv
message: Your order is on its way.
"""
PEOPLE = "phone\n" + "".join(f"+4479111234{n:02d}\n" for n in range(8))
NAMES = ["", "sender: ACME\n", "sender: Acme\n", "sender: acmE\n"]


def start(project: Project, people: str, sender: str) -> None:
    project.write("a2pcli.yaml", SETTINGS)
    project.write("people.csv", people)
    project.write("orders.yaml", CAMPAIGN + sender)


@pytest.mark.parametrize("sender", NAMES)
def test_a_senders_pace_holds_however_the_campaign_names_it(project: Project, sender: str) -> None:
    start(project, PEOPLE, sender)
    ran = project.run("send", "orders.yaml", "--yes")
    assert ran.status == 0, ran.err
    assert "at the rate of the senders" in ran.out + ran.err
    times = sorted(datetime.fromisoformat(one["at"]) for one in project.outbox())
    assert len(times) == 8
    # 0.7 s at an even pace, next to nothing without one; the first is told late where the machine is busy.
    assert (times[-1] - times[0]).total_seconds() > 0.3


@pytest.mark.parametrize("sender", NAMES)
def test_a_senders_countries_hold_however_the_campaign_names_it(project: Project, sender: str) -> None:
    start(project, PEOPLE + "+4915112345678\n", sender)
    plan = project.run("plan", "orders.yaml", "--json").json
    assert plan["recipients"] == 8
    assert "sender-countries" in str(plan)
