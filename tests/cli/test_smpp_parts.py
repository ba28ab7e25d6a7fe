"""A long text goes to an SMPP operator in parts with an id each: the message is what is known of all of them."""

from __future__ import annotations

import sys
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("smpp34", reason="the extra is not installed: pip install 'a2pcli[smpp]'")

GATEWAYS = Path(__file__).parents[1] / "gateways"
if str(GATEWAYS) not in sys.path:
    sys.path.insert(0, str(GATEWAYS))

from clikit import Project  # noqa: E402
from smsc import Answer, Smsc, Submitted, receipt  # noqa: E402
from test_send_smpp import campaign, sent  # noqa: E402

REFUSED = 0x0B
THREE_PARTS = "x" * 400


def long_sale(project: Project, there: Smsc, people: int, more: str = "receipts: {wait: 0.4}") -> None:
    campaign(project, there, more=more, text=THREE_PARTS)
    settings = project.folder / "a2pcli.yaml"
    settings.write_text(settings.read_text().replace("timeout: 2", "timeout: 1"))
    rows = "".join(f"+447911100{n:03d},Ann\n" for n in range(people))
    project.write("people.csv", "phone,first_name\n" + rows)


def part_id(one: Submitted) -> str:
    return f"{one.to[-3:]}-{one.octets[5]}"


def shown(project: Project) -> dict[str, tuple[str, str | None]]:
    """State and delivery by the last digits of the number; the ledger agrees with its receipts."""
    assert project.run("ledger", "check").status == 0
    rows = project.run("report", "--json", "--rows").json["row_list"]
    return {row["number"][-3:]: (row["state"], row["delivery"]) for row in rows}


def imported(project: Project, *lines: str) -> Any:
    project.write("dlr.csv", "message_id,status\n" + "".join(f"{line}\n" for line in lines))
    return project.run("receipts", "import", "dlr.csv", "--gateway", "operator")


@pytest.mark.parametrize("early", [True, False], ids=["receipts first", "answers first"])
def test_a_message_of_which_a_part_was_refused_is_not_delivered_by_its_other_parts(
    project: Project, early: bool
) -> None:
    """Message n has part n+1 refused; the others are delivered."""

    def answer(one: Submitted) -> Answer:
        if one.octets[5] == int(one.to[-1]) + 1:
            return Answer(status=REFUSED)
        what = [receipt(part_id(one), sequence=one.number)]
        return Answer(id=part_id(one), before=what if early else [], then=[] if early else what)

    with Smsc(answer) as there:
        long_sale(project, there, 3)
        assert sent(project).status == 4
        assert len(there.acknowledged) == 6
    assert shown(project) == dict.fromkeys(("000", "001", "002"), ("unknown", "sent"))


def test_a_failed_part_settles_a_message_that_was_taken_in_part(project: Project) -> None:
    def answer(one: Submitted) -> Answer:
        if one.octets[5] == 2:
            return Answer(status=REFUSED)
        states = ["DELIVRD", "UNDELIV"] if one.to.endswith("000") else ["UNDELIV", "DELIVRD"]
        state = states[one.octets[5] // 2]
        return Answer(id=part_id(one), then=[receipt(part_id(one), state, sequence=one.number)])

    with Smsc(answer) as there:
        long_sale(project, there, 2)
        assert sent(project).status == 0
    assert shown(project) == dict.fromkeys(("000", "001"), ("accepted", "undelivered"))


def test_receipts_of_parts_count_in_whatever_order_they_come_while_sending(project: Project) -> None:
    """Of each message all parts but one are delivered before the last is answered; then the run ends."""
    orders = list(permutations((1, 2, 3)))

    def answer(one: Submitted) -> Answer:
        place = orders[int(one.to[-1])].index(one.octets[5])
        what = [] if place == 2 else [receipt(part_id(one), sequence=one.number)]
        return Answer(id=part_id(one), after=0.2 * place, then=what)

    with Smsc(answer) as there:
        long_sale(project, there, len(orders))
        assert sent(project).status == 0
    assert set(shown(project).values()) == {("accepted", "sent")}
    lasts = [f"{n:03d}-{order[2]},DELIVRD" for n, order in enumerate(orders)]
    assert imported(project, *lasts).status == 0
    assert set(shown(project).values()) == {("accepted", "delivered")}


def test_an_imported_receipt_of_one_part_delivers_no_message(project: Project) -> None:
    with Smsc(lambda one: Answer(id=part_id(one))) as there:
        long_sale(project, there, 3, more="receipts: {wait: 0}")
        assert sent(project).status == 0
    assert set(shown(project).values()) == {("accepted", None)}
    assert imported(project, "000-1,DELIVRD", "001-3,DELIVRD", "002-2,UNDELIV").status == 0
    assert [delivery for _, delivery in shown(project).values()] == ["sent", "sent", "undelivered"]
    rest = ["000-3,DELIVRD", "000-2,DELIVRD", "001-1,DELIVRD", "002-1,DELIVRD", "002-3,DELIVRD"]
    assert imported(project, *rest).status == 0
    assert [delivery for _, delivery in shown(project).values()] == ["delivered", "sent", "undelivered"]


def test_an_imported_receipt_does_not_settle_a_message_that_was_taken_in_part(project: Project) -> None:
    def answer(one: Submitted) -> Answer:
        return Answer(status=REFUSED) if one.octets[5] == 3 else Answer(id=part_id(one))

    with Smsc(answer) as there:
        long_sale(project, there, 2, more="receipts: {wait: 0}")
        assert sent(project).status == 4
    assert imported(project, "000-1,DELIVRD", "000-2,DELIVRD", "001-2,DELIVRD").status == 0
    assert set(shown(project).values()) == {("unknown", "sent")}
    assert imported(project, "001-1,UNDELIV").status == 0
    assert shown(project) == {"000": ("unknown", "sent"), "001": ("accepted", "undelivered")}


def test_an_answer_that_comes_too_late_completes_a_message_that_was_taken_in_part(project: Project) -> None:
    def answer(one: Submitted) -> Answer:
        late = 1.3 if one.octets[5] == 2 else 0
        return Answer(id=part_id(one), after=late, then=[receipt(part_id(one), sequence=one.number)])

    with Smsc(answer) as there:
        long_sale(project, there, 1, more="receipts: {wait: 1.5}")
        sent(project)
    assert shown(project) == {"000": ("accepted", "delivered")}


def test_parts_that_were_all_given_one_id_are_delivered_by_its_receipt(project: Project) -> None:
    def answer(one: Submitted) -> Answer:
        what = [receipt(one.to[-3:], sequence=1)] if one.octets[5] == 1 else []
        return Answer(id=one.to[-3:], after=0.2 * (one.octets[5] - 1), then=what)

    with Smsc(answer) as there:
        long_sale(project, there, 2)
        assert sent(project).status == 0
    assert set(shown(project).values()) == {("accepted", "delivered")}
