"""A campaign by SMS over SMPP that falls back to email: what did not arrive is taken back by cancel_sm first."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("smpp34", reason="the extra is not installed: pip install 'a2pcli[smpp]'")

GATEWAYS = Path(__file__).parents[1] / "gateways"
if str(GATEWAYS) not in sys.path:
    sys.path.insert(0, str(GATEWAYS))

from clikit import Project, Ran  # noqa: E402
from smsc import Answer, Smsc, Submitted, receipt  # noqa: E402

SETTINGS = """\
region: GB
gateways:
  operator: {{type: smpp, host: 127.0.0.1, port: {port}, system_id: campaigns, timeout: 1, {more}}}
  mail: {{type: simulator, latency: {{median: 0, p95: 0}}}}
"""
CAMPAIGN = """\
name: order
objective: Tell people
purpose: transactional
contacts: people.csv
channels: {{sms: {{gateway: operator, sender: ACME}}, email: {{gateway: mail, sender: shop@example.org}}}}
fallback: {{when: [undelivered], after: {after}}}
message: {text}
email: {{subject: Order}}
waive: {{no-reply: a test}}
"""
PEOPLE = 3


def by_number(one: Submitted) -> Answer:
    return Answer(id=f"id-{one.to[-3:]}-{one.number}")


def campaign(
    project: Project, there: Smsc, *, text: str = "On its way", more: str = "window: 20", after: str = "1 min"
) -> Project:
    project.write("a2pcli.yaml", SETTINGS.format(port=there.port, more=more))
    project.write("order.yaml", CAMPAIGN.format(text=text, after=after))
    rows = [f"+447911100{n:03d},p{n}@example.org" for n in range(PEOPLE)]
    project.write("people.csv", "\n".join(["phone,email", *rows, ""]))
    return project


@pytest.fixture(autouse=True)
def minutes_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute of ``after`` lasts a tenth of a second; so does the validity."""
    from a2pcli.ledger.exchanges import Fall
    from a2pcli.sending.fallback_rule import FallbackRule

    def sooner(rule: FallbackRule, claimed: object, outcome: object, state: object, now: int) -> Fall | None:
        fall = FallbackRule._really(rule, claimed, outcome, state, now)  # type: ignore[attr-defined]
        if fall is None:
            return None
        ends = None if fall.expires_at is None else now + (fall.expires_at - now) // 60
        return Fall(fall.attempt, now + (fall.at - now) // 600, ends)

    monkeypatch.setattr(FallbackRule, "_really", FallbackRule.fall, raising=False)
    monkeypatch.setattr(FallbackRule, "fall", sooner)


def send(project: Project) -> Ran:
    return project.run("send", "order.yaml", "--yes", "--wait")


def story(project: Project) -> dict[str, list[tuple[str, str | None]]]:
    """Of each attempt, its delivery, by channel in the file's order."""
    asked = "SELECT coalesce(channel, 'sms') AS channel, state, delivery FROM attempts ORDER BY row, attempt"
    found: dict[str, list[tuple[str, str | None]]] = {}
    for channel, state, delivery in project.run("ledger", "query", asked, "--json").json["rows"]:
        found.setdefault(channel, []).append((state, delivery))
    return found


def test_a_message_that_the_operator_took_back_goes_by_the_next_channel(project: Project) -> None:
    with Smsc(by_number, cancel=lambda _id: 0) as there:
        assert send(campaign(project, there)).status == 0
        asked = sorted(there.cancelled)
        sent = {one.to: one for one in there.received}
    assert [(service, source, to[2]) for service, _, source, to in asked] == [
        ("", (5, 0, "ACME"), f"44791110000{n}") for n in range(PEOPLE)
    ]
    assert {id for _, id, _, _ in asked} == {f"id-{one.to[-3:]}-{one.number}" for one in sent.values()}
    found = story(project)
    assert found["sms"] == [("accepted", "cancelled")] * PEOPLE
    assert [state for state, _ in found["email"]] == ["accepted"] * PEOPLE
    assert project.run("ledger", "check").status == 0


def test_one_that_cannot_be_taken_back_any_more_is_not_followed(project: Project) -> None:
    """It was delivered, or is on its way: nobody gets both."""
    says = {"000": 0x11, "001": 0x0C, "002": 0}
    with Smsc(by_number, cancel=lambda id: says[id[3:6]]) as there:
        assert send(campaign(project, there)).status == 0
    found = story(project)
    assert found["sms"] == [("accepted", None), ("accepted", None), ("accepted", "cancelled")]
    assert len(found["email"]) == 1


def test_of_a_long_text_every_part_is_taken_back(project: Project) -> None:
    with Smsc(by_number, cancel=lambda _id: 0) as there:
        assert send(campaign(project, there, text="x" * 300)).status == 0
        assert sorted(id for _, id, _, _ in there.cancelled) == sorted(
            f"id-{one.to[-3:]}-{one.number}" for one in there.received
        )
        assert len(there.cancelled) == 2 * PEOPLE
    assert len(story(project)["email"]) == PEOPLE


def test_a_message_one_part_of_which_arrived_is_not_taken_back(project: Project) -> None:
    def first_part_arrives(one: Submitted) -> Answer:
        answer = by_number(one)
        answer.then = [receipt(answer.id, sequence=one.number)] if one.number % 2 else []
        return answer

    with Smsc(first_part_arrives, cancel=lambda _id: 0) as there:
        assert send(campaign(project, there, text="x" * 300)).status == 0
        arrived = {one.to for one in there.received if one.number % 2}
        assert not arrived & {to[2] for _, _, _, to in there.cancelled}
    assert len(story(project).get("email", [])) == PEOPLE - len(arrived)


def test_an_id_that_two_messages_have_is_never_cancelled(project: Project) -> None:
    with Smsc(lambda one: Answer(id="7" if one.to[-1] in "01" else "8"), cancel=lambda _id: 0) as there:
        assert send(campaign(project, there)).status == 0
        assert [id for _, id, _, _ in there.cancelled] == ["8"]
    assert len(story(project)["email"]) == 1


def test_an_operator_that_knows_no_cancel_sm_is_asked_once_and_the_validity_decides(
    project: Project,
) -> None:
    with Smsc(by_number) as there:
        assert send(campaign(project, there)).status == 0
        assert len(there.cancelled) <= 1 + PEOPLE
        assert {one.validity for one in there.received} != {""}
    found = story(project)
    assert found["sms"] == [("accepted", "expired")] * PEOPLE
    assert len(found["email"]) == PEOPLE
