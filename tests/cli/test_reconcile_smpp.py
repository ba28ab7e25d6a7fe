"""What an SMPP operator says of messages by query_sm, asked by the id that it gave them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("smpp34", reason="the extra is not installed: pip install 'a2pcli[smpp]'")

GATEWAYS = Path(__file__).parents[1] / "gateways"
if str(GATEWAYS) not in sys.path:
    sys.path.insert(0, str(GATEWAYS))

from clikit import Project  # noqa: E402
from smsc import Answer, Smsc, Submitted, deliver, queried, receipt  # noqa: E402
from test_send_smpp import campaign, sent  # noqa: E402

ENROUTE, DELIVERED, EXPIRED, DELETED, UNDELIVERABLE, ACCEPTED, UNKNOWN, REJECTED = range(1, 9)
PATIENTLY = "receipts: {wait: 0}\n    timeout: 10"
BRIEFLY = "receipts: {wait: 0}\n    timeout: 0.5"
"""For operators that say nothing; with others, a busy machine would look like silence."""


def sale(
    project: Project, there: Smsc, people: int, more: str = PATIENTLY, text: str = "it is ready"
) -> None:
    campaign(project, there, more=more, text=text)
    settings = project.folder / "a2pcli.yaml"
    settings.write_text(settings.read_text().replace("    timeout: 2\n", ""))
    rows = "".join(f"+447911100{n:03d},Ann\n" for n in range(people))
    project.write("people.csv", "phone,first_name\n" + rows)


def reconciled(project: Project, *more: str) -> Any:
    run = project.run("runs", "--json").json["runs"][0]["run"]
    return project.run("reconcile", run, *more, SMPP_PASSWORD="s3cret")


def deliveries(project: Project) -> dict[str, str | None]:
    rows = project.run("report", "--json", "--rows").json["row_list"]
    return {row["number"][-3:]: row["delivery"] for row in rows}


def by_number(one: Submitted) -> Answer:
    return Answer(id=one.to[-3:])


def test_each_state_of_the_operator_becomes_the_delivery_it_stands_for(project: Project) -> None:
    says = {
        "000": queried("000", ENROUTE),
        "001": queried("001", DELIVERED, "260301110500004+"),
        "002": queried("002", EXPIRED, "260301100100000+"),
        "003": queried("003", DELETED),
        "004": queried("004", UNDELIVERABLE, error=27),
        "005": queried("005", ACCEPTED),
        "006": queried("006", UNKNOWN),
        "007": queried("007", REJECTED),
        "008": 0x67,
        "009": 0x0C,
        "010": b"",
        "011": queried("999", DELIVERED),
    }
    with Smsc(by_number, query=lambda id, _source: says[id]) as there:
        sale(project, there, 12)
        assert sent(project).status == 0
        done = reconciled(project, "--deliveries", "--json")
        assert done.status == 0, done.err
        assert {source for _, source in there.queries} == {(5, 0, "ACME")}
    assert done.json["deliveries"] == {
        "asked": 12, "arrived": 1, "failed": 4, "pending": 2,
        "why": {
            "the operator does not know what became of it": 1,
            "the operator could not look it up (0x67)": 1,
            "the operator does not know its id (0x0C)": 1,
            "the operator's answer to query_sm cannot be read": 1,
            "the operator answered query_sm with another message's id": 1,
        },
    }  # fmt: skip
    assert deliveries(project) == {
        "000": "sent", "001": "delivered", "002": "expired", "003": "cancelled", "004": "undelivered",
        "005": "sent", "006": None, "007": "rejected", "008": None, "009": None, "010": None, "011": None,
    }  # fmt: skip
    (row,) = project.run(
        "ledger", "query", "SELECT delivered_at FROM messages WHERE gateway_id = '001'", "--json"
    ).json["rows"]
    assert row[0] == "2026-03-01T10:05:00Z", "the operator's clock is an hour ahead of UTC"
    assert project.run("ledger", "check").status == 0
    audit = project.run("audit", "list", "--json").json
    assert any(one["action"] == "reconcile" for one in audit["entries"])


def test_what_has_ended_is_not_asked_about_again(project: Project) -> None:
    with Smsc(
        by_number, query=lambda id, _source: queried(id, DELIVERED if id == "000" else ENROUTE)
    ) as there:
        sale(project, there, 2)
        assert sent(project).status == 0
        assert "1  delivered" in reconciled(project, "--deliveries").out
        there.queries.clear()
        said = reconciled(project, "--deliveries").out
        assert [id for id, _ in there.queries] == ["001"]
        assert "1 accepted without a final receipt" in said
        assert "1  not delivered yet" in said


@pytest.mark.parametrize("state", [DELIVERED, UNDELIVERABLE])
def test_an_unknown_message_with_an_id_is_asked_about_and_one_without_is_not(
    project: Project, state: int
) -> None:
    """Of the first message one part was answered, of the second none. That a part arrived does not say that all did;
    that a part was lost says that it never arrives whole."""

    def answer(one: Submitted) -> Answer:
        is_answered = one.to.endswith("000") and one.octets[5] == 1
        return Answer(id="part-1") if is_answered else Answer(silent=True)

    with Smsc(answer, query=lambda id, _source: queried(id, state)) as there:
        sale(project, there, 2, BRIEFLY, text="x" * 200)
        assert sent(project).status == 4
        done = reconciled(project)
        assert done.status == 4
        assert [id for id, _ in there.queries] == ["part-1"]
    words = " ".join(done.out.split())
    assert "1 still unknown: the gateway gave no id by which to look it up" in words
    if state == DELIVERED:
        assert "1 still unknown: the operator has a part of it, and gave no id for another" in words
        assert deliveries(project) == {"000": None, "001": None}
    else:
        assert "1 known to the gateway, now accepted" in words
        assert deliveries(project) == {"000": "undelivered", "001": None}
    assert project.run("ledger", "check").status == 0


def test_every_part_of_a_message_is_asked_about_and_the_worst_counts(project: Project) -> None:
    def state(id: str, _source: object) -> bytes:
        return queried(id, UNDELIVERABLE if id == "001-2" else DELIVERED)

    with Smsc(lambda one: Answer(id=f"{one.to[-3:]}-{one.octets[5]}"), query=state) as there:
        sale(project, there, 2, text="x" * 200)
        assert sent(project).status == 0
        assert reconciled(project, "--deliveries").status == 0
        assert sorted(id for id, _ in there.queries) == ["000-1", "000-2", "001-1", "001-2"]
    assert deliveries(project) == {"000": "delivered", "001": "undelivered"}


def test_an_operator_without_query_sm_is_asked_once_and_it_is_said(project: Project) -> None:
    with Smsc(by_number) as there:
        sale(project, there, 40)
        assert sent(project).status == 0
        said = reconciled(project, "--deliveries")
        assert len(there.queries) <= 10
    assert said.status == 0
    assert "40  the operator does not support query_sm" in said.out
    assert set(deliveries(project).values()) == {None}


def test_throttling_is_obeyed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("a2pcli.gateways.smpp.asking.FIRST_PAUSE", 0.02)
    refused: list[str] = []

    def throttled(id: str, _source: object) -> bytes | int:
        if len(refused) < 3:
            refused.append(id)
            return 0x58
        return queried(id, DELIVERED)

    with Smsc(by_number, query=throttled) as there:
        sale(project, there, 5)
        assert sent(project).status == 0
        assert reconciled(project, "--deliveries", "--json").json["deliveries"]["arrived"] == 5
        assert len(there.queries) == 8


def test_an_operator_that_does_not_answer_is_not_waited_for_at_each_message(project: Project) -> None:
    with Smsc(by_number, query=lambda _id, _source: None) as there:
        sale(project, there, 40, BRIEFLY)
        assert sent(project).status == 0
        said = reconciled(project, "--deliveries", "--json").json["deliveries"]
        assert said["why"] == {"the operator did not answer query_sm in time": 40}
        assert len(there.queries) <= 20


def test_an_id_that_is_spelt_otherwise_in_the_answer_is_still_the_message(project: Project) -> None:
    """Hexadecimal in the answers to submits, decimal in those to queries; asked for as the first had it."""
    with Smsc(
        lambda one: Answer(id=f"{0xABC000 + one.number:08X}"),
        query=lambda id, _source: queried(str(int(id, 16)), DELIVERED),
    ) as there:
        sale(project, there, 3)
        assert sent(project).status == 0
        assert reconciled(project, "--deliveries", "--json").json["deliveries"]["arrived"] == 3
        assert sorted(id for id, _ in there.queries) == ["00ABC001", "00ABC002", "00ABC003"]


def test_an_id_that_two_messages_have_is_asked_about_for_neither(project: Project) -> None:
    with Smsc(
        lambda one: Answer(id="77" if one.number < 3 else "78"), query=lambda id, _: queried(id, DELIVERED)
    ) as there:
        sale(project, there, 3)
        assert sent(project).status == 0
        said = reconciled(project, "--deliveries", "--json").json["deliveries"]
        assert [id for id, _ in there.queries] == ["78"]
    assert (said["arrived"], said["why"]) == (1, {"another message has the same id": 2})


def test_an_operator_that_cannot_be_reached_is_said(project: Project) -> None:
    with Smsc(by_number) as there:
        sale(project, there, 3)
        assert sent(project).status == 0
    said = reconciled(project, "--deliveries", "--json").json["deliveries"]
    ((why, count),) = said["why"].items()
    assert count == 3
    assert why.startswith("no connection to the operator: ")


def test_the_sender_of_the_settings_is_the_one_that_messages_have(project: Project) -> None:
    with Smsc(by_number) as there:
        sale(project, there, 1)
        assert sent(project).status == 0
        assert [(one.source, one.sender) for one in there.received] == [((5, 0), "ACME")]


def test_a_decision_and_deliveries_are_two_commands(project: Project) -> None:
    with Smsc(by_number) as there:
        sale(project, there, 1)
        assert sent(project).status == 0
    done = reconciled(project, "--deliveries", "--as", "sent")
    assert done.status == 2
    assert "use one of them" in done.err


def test_what_the_operator_delivers_while_it_is_asked_is_stored_before_it_is_acknowledged(
    project: Project,
) -> None:
    """Receipts that waited for a connection, of the message asked about and of another, and a reply with STOP."""
    waiting = [
        receipt("001", sequence=901),
        receipt("000", "UNDELIV", sequence=902),
        deliver(b"STOP", sequence=903, esm_class=0, source="447911100001"),
    ]
    with Smsc(by_number, query=lambda id, _source: queried(id, ENROUTE)) as there:
        sale(project, there, 3)
        assert sent(project).status == 0
        there.on_bind = waiting
        done = reconciled(project, "--deliveries")
        assert done.status == 0, done.err
        assert sorted(there.acknowledged) == [(901, 0), (902, 0), (903, 0)]
    assert deliveries(project) == {"000": "undelivered", "001": "delivered", "002": "sent"}
    assert "1 reply came while reconciling, 1 opted out" in done.err
    listed = project.run("optout", "list", "--json").json["suppressions"]
    assert [one["number"] for one in listed] == ["+447911100001"]
    assert project.run("ledger", "check").status == 0
