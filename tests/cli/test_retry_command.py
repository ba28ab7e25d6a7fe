"""``retry``: what the gateway rejected is planned again by code, after a look, and nobody gets it twice."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from clikit import Project

sys.path.insert(0, str(Path(__file__).parent.parent / "sending"))
from loopback import Loopback, Receipt, Reply, gateway_block

PEOPLE = "phone,first_name\n" + "".join(f"+4477009{row:05d},P{row}\n" for row in range(10, 30))
CAMPAIGN = """\
name: sale
objective: try
purpose: {purpose}
contacts: people.csv
message: Hi {{{{ first_name }}}}
"""


class Provider:
    """Rejects by the last digit of the number until it is told otherwise."""

    def __init__(self) -> None:
        self.refuses = {"1": (400, "30006"), "2": (400, "30006"), "3": (410, "21610"), "4": (400, "30007")}

    def __call__(self, receipt: Receipt, n: int) -> Reply:
        if receipt.to[-1] == "5":
            return Reply(drop=True)  # unknown
        status, code = self.refuses.get(receipt.to[-1], (201, ""))
        return Reply(status, {"id": f"m{n}", "code": code})


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def server(provider: Provider) -> Iterator[Loopback]:
    with Loopback(provider) as server:
        yield server


@pytest.fixture
def sent(project: Project, server: Loopback) -> Project:
    """Twenty people: 10 got it, 6 were rejected (30006 four times, 30007 twice), 2 opted out, 2 are unknown."""
    block = gateway_block(
        server.port, errors={"30006": "permanent", "30007": "content", "21610": "opted-out"}
    )
    block["response"] = {"id": "id", "code": "code"}
    settings = {"gateways": {"prov": block}, "gateway": "prov", "numbers": {"allow_fictional": "true"}}
    project.write("a2pcli.yaml", yaml.safe_dump(settings))
    project.write("people.csv", PEOPLE)
    project.write("sale.yaml", CAMPAIGN.format(purpose="transactional"))
    assert project.run("send", "sale.yaml", "--yes").status == 4
    return project


def counts(project: Project) -> dict[str, int]:
    return dict(json.loads(project.run("report", "sale", "--json").out)["states"])


def test_it_shows_the_rejected_by_code_and_changes_nothing_without_a_yes(sent: Project) -> None:
    before = counts(sent)
    ran = sent.run("retry", "sale")
    assert ran.status == 6
    for piece in ("30006", "30007", "21610", "2 excluded: opted out"):
        assert piece in ran.out
    assert "--yes" in ran.err
    assert counts(sent) == before


def test_what_is_planned_again_goes_with_the_next_send_once_and_nobody_else_does(
    sent: Project, server: Loopback, provider: Provider
) -> None:
    ran = sent.run("retry", "sale", "--yes")
    assert ran.status == 0
    assert "6 messages are planned again" in ran.out
    provider.refuses = {}
    server.received.clear()
    assert sent.run("send", "sale.yaml", "--yes").status == 4  # two are unknown, two rejected: they opted out
    assert sorted(one.to[-1] for one in server.received) == ["1", "1", "2", "2", "4", "4"]
    assert len(server.provider.taken) == len(set(server.provider.taken)) == 18, (
        "those whose answer was lost included"
    )
    assert sent.run("retry", "sale", "--yes").out.endswith("none of these people may be messaged\n")


def test_only_the_codes_that_were_named(sent: Project) -> None:
    told = json.loads(sent.run("retry", "sale", "--code", "30007", "--yes", "--json").out)
    assert told["planned_again"] == 2
    assert [one["code"] for one in told["rejections"] if one["chosen"]] == ["30007"]
    ran = sent.run("retry", "sale", "--code", "40404")
    assert ran.status == 2
    assert "its codes are 21610, 30006" in ran.err


def test_who_opted_out_after_the_retry_stays_out(sent: Project, server: Loopback, provider: Provider) -> None:
    assert sent.run("retry", "sale", "--yes").status == 0
    gone = server.received[1].to
    assert sent.run("optout", "add", gone).status == 0
    provider.refuses = {}
    server.received.clear()
    sent.run("send", "sale.yaml", "--yes")
    assert gone not in server.numbers
    assert len(server.numbers) == 5


def test_the_decision_is_on_record(sent: Project) -> None:
    sent.run("retry", "sale", "--yes")
    assert "retry" in sent.run("audit", "list").out
    assert "planned again by" in sent.run("explain", "+447700900011").out


def test_a_run_that_was_cancelled_or_never_sent_has_nothing_to_try_again(sent: Project) -> None:
    sent.write("other.yaml", CAMPAIGN.format(purpose="transactional").replace("sale", "other"))
    sent.run("plan", "other.yaml")
    ran = sent.run("retry", "other", "--yes")
    assert ran.status == 2
    assert "planned" in ran.err
