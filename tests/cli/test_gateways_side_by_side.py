"""Of several gateways of a campaign, one that is down, slow or refuses the account stops only its own messages: what
the terminal says, what the ledger has, and what each provider received."""

from __future__ import annotations

import json
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from clikit import Project, Ran

SENDING = Path(__file__).parents[1] / "sending"
if str(SENDING) not in sys.path:
    sys.path.append(str(SENDING))

from loopback import Answer, Loopback, Receipt, Reply, accept, gateway_block  # noqa: E402

from a2pcli.sending.options import BreakerOptions, SendOptions  # noqa: E402

CAMPAIGN = """\
name: order
objective: Tell people that their order is on its way
purpose: transactional
contacts: people.csv
channels:
  email: {gateway: mail, sender: shop@example.com}
  sms: {gateway: text, sender: ACME}
message: "Hello {{ name }}, your order is on its way"
email: {subject: "Order of {{ name }}"}
"""
EMAILS, TEXTS = 60, 40


def block(there: Loopback, channel: str, **more: Any) -> dict[str, Any]:
    return gateway_block(there.port, channels=[channel], **{"concurrency": 8, **more})


def campaign(project: Project, mail: Loopback, text: Loopback, texts: int = TEXTS, **more: Any) -> Project:
    gateways = {"mail": block(mail, "email"), "text": block(text, "sms", **more)}
    project.write("a2pcli.yaml", json.dumps({"region": "GB", "gateways": gateways}))
    project.write("order.yaml", CAMPAIGN)
    # The first of the file go by the gateway that is in trouble: they stand in front of the others.
    rows = [f"T{n},+4479111000{n:02d},\n" for n in range(texts)]
    rows += [f"M{n},,m{n}@example.org\n" for n in range(EMAILS)]
    project.write("people.csv", "name,phone,email\n" + "".join(rows))
    return project


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits of milliseconds, instead of half a minute, for a gateway that is down."""
    shorter = partial(SendOptions, breaker=BreakerOptions(waits=(0.01, 0.05, 0.1)), backoff_base=0.05)
    monkeypatch.setattr("a2pcli.actions.send_options.SendOptions", shorter)


def send(project: Project, *more: str) -> Ran:
    return project.run("send", "order.yaml", "--yes", *more)


def once_each(there: Loopback, many: int) -> bool:
    """Whether the provider took so many messages, none of them twice."""
    return len(there.provider.taken) == many and set(Counter(there.provider.taken).values()) == {1}


def by_channel(project: Project) -> dict[tuple[str, str], int]:
    """How many attempts the ledger has, by channel and state."""
    asked = "SELECT channel, state, count(*) AS n FROM attempts GROUP BY 1, 2"
    found = project.run("ledger", "query", asked, "--json")
    assert found.status == 0, found.err
    return {(channel, state): many for channel, state, many in found.json["rows"]}


def down(_receipt: Receipt, _n: int) -> Reply:
    return Reply(503, headers={"Retry-After": "0"})


def refusing(_receipt: Receipt, _n: int) -> Reply:
    return Reply(401, {"error": "who are you"})


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (down, "gateway text does not accept messages now"),
        (refusing, "gateway text refuses the account"),
        (None, "gateway text is not available"),
    ],
    ids=["503", "401", "refused connections"],
)
def test_a_gateway_in_trouble_stops_only_its_own_messages_and_all_arrive_once_it_is_back(
    project: Project, answer: Answer | None, says: str
) -> None:
    """The run says which gateway it is, how many wait, and how to go on; that command delivers the rest, each once."""
    with Loopback() as mail, Loopback(answer or accept) as text:
        if answer is None:
            text.stop()
        campaign(project, mail, text)
        shown = send(project)
        assert shown.status == 5, shown.err
        assert once_each(mail, EMAILS)
        assert text.provider.taken == []
        told = " ".join(shown.out.split())
        assert says in told
        assert "40 messages are left" in told
        assert "mail" not in told[told.index(says) : told.index("40 messages are left")]
        assert len(text.received) < 40, "it was not asked for everybody"
        found = by_channel(project)
        assert found["email", "accepted"] == EMAILS
        assert {state for channel, state in found if channel == "sms"} <= {"planned"}
        [run] = project.run("runs", "--json").json["runs"]
        assert run["state"] == "paused"
        text.provider.answer = accept
        if answer is None:
            text.start()
        later = send(project)
        assert later.status == 0, later.err
        assert once_each(mail, EMAILS)
        assert once_each(text, TEXTS)
    assert project.run("report", run["run"], "--json").json["states"] == {"accepted": EMAILS + TEXTS}
    assert project.run("ledger", "check").status == 0


def test_a_gateway_that_comes_back_while_the_others_send_is_given_its_messages_in_the_same_run(
    project: Project,
) -> None:
    def comes_back(_receipt: Receipt, n: int) -> Reply:
        return Reply(503, headers={"Retry-After": "0"}) if n < 11 else Reply(body={"id": f"t{n}"})

    with Loopback() as mail, Loopback(comes_back) as text:
        campaign(project, mail, text)
        assert send(project).status == 0
        assert once_each(mail, EMAILS)
        assert once_each(text, TEXTS)
    assert project.run("ledger", "check").status == 0


def test_a_gateway_that_asks_to_slow_down_holds_back_nobody_else(project: Project) -> None:
    """It is given one message in a while; by then the other has long sent all of its own."""

    def throttled(_receipt: Receipt, n: int) -> Reply:
        return Reply(429, headers={"Retry-After": "2"}) if n == 0 else Reply(body={"id": f"t{n}"})

    with Loopback() as mail, Loopback(throttled) as text:
        campaign(project, mail, text, texts=3)
        assert send(project).status == 0
        assert once_each(mail, EMAILS)
        assert once_each(text, 3)
        refused_at = text.received[0].at
        assert max(one.at for one in mail.received) < min(one.at for one in text.received[1:])
        assert text.received[1].at - refused_at >= 2.0


def test_a_slow_pace_of_one_gateway_is_not_the_others(project: Project) -> None:
    """Nor do the messages that wait for it keep the claims busy."""
    with Loopback() as mail, Loopback() as text:
        campaign(project, mail, text, rate="20/s")
        assert send(project).status == 0
        assert once_each(mail, EMAILS)
        assert once_each(text, TEXTS)
        moments = sorted(one.at for one in text.received)
        assert moments[-1] - moments[0] >= (TEXTS - 1) / 20 * 0.9
        done = sum(at < max(one.at for one in mail.received) for at in moments)
        assert done < TEXTS * 0.8, "the emails were not held back"


def test_when_all_gateways_are_down_the_run_pauses_and_names_each(project: Project) -> None:
    with Loopback(down) as mail, Loopback(refusing) as text:
        campaign(project, mail, text)
        shown = send(project)
        assert shown.status == 5
        told = " ".join(shown.out.split())
        assert "gateway mail does not accept messages now" in told
        assert "gateway text refuses the account" in told
        assert mail.provider.taken == text.provider.taken == []
        mail.provider.answer = text.provider.answer = accept
        assert send(project).status == 0
        assert once_each(mail, EMAILS)
        assert once_each(text, TEXTS)


def test_each_gateway_has_its_own_concurrency(project: Project) -> None:
    """The first channel's, which takes one request at a time, does not slow down the others."""

    def slowly(_receipt: Receipt, n: int) -> Reply:
        return Reply(body={"id": f"m{n}"}, after=0.02)

    with Loopback(slowly) as mail, Loopback(slowly) as text:
        campaign(project, mail, text, concurrency=5)
        settings = json.loads((project.folder / "a2pcli.yaml").read_text())
        settings["gateways"]["mail"]["concurrency"] = 1
        project.write("a2pcli.yaml", json.dumps(settings))
        assert send(project).status == 0
        assert once_each(mail, EMAILS)
        assert once_each(text, TEXTS)
    assert mail.provider.most_at_once == 1
    assert text.provider.most_at_once == 5
