"""Receipts of messages outside of campaigns: matched, shown, acted on; also those that come before their submit."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from a2pcli.config.retention import Retention
from a2pcli.contacts.receipt_file import Receipt
from a2pcli.delivery import Delivery
from a2pcli.ledger import retention
from a2pcli.ledger.answers import Answer, NewAnswer
from a2pcli.ledger.codes import CodeLimits, NewCode, RefusedCode, SentCode
from a2pcli.ledger.erasure import Person
from a2pcli.ledger.integrity import check
from a2pcli.ledger.live_receipts import has_unmatched, match_spelt
from a2pcli.ledger.store import Ledger
from a2pcli.ledger.told_optouts import no_opt_out
from a2pcli.messages import Cause, Outcome, State, Verdict

ANN, BEN, SHOP = "+447911123456", "+447911123457", "12345"
NOW = 1_800_000_000_000


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    with Ledger.open_with(url, None) as opened:
        yield opened


def new(key: str = "k", **more: Any) -> NewAnswer:
    about: dict[str, Any] = {
        "kind": "keyword", "address": ANN, "channel": "sms", "gateway": "gw", "body": "hello",
        "until_at": NOW + 600_000, "source": "test", "sender": SHOP,
    }  # fmt: skip
    return NewAnswer(key=key, **{**about, **more})


def claimed(ledger: Ledger, key: str = "k", **more: Any) -> Answer:
    answer = ledger.answers.begin(new(key, **more), now=NOW)
    assert answer is not None
    return answer


def sent(ledger: Ledger, key: str = "k", id: str | None = "id-1", **more: Any) -> Answer:
    answer = claimed(ledger, key, **more)
    outcome = Outcome(Verdict.ACCEPTED, gateway_id=id)
    ledger.answers.settle(answer, State.ACCEPTED, outcome, parts=1, now=NOW)
    return answer


def receipt(
    id: str | None, status: str, *, reference: str | None = None, code: str | None = None, **more: Any
) -> Receipt:
    return Receipt(1, id, reference, status, Delivery(status), code, NOW + 1, **more)


def again(ledger: Ledger, key: str = "k") -> Answer:
    found = ledger.answers.by_key(key)
    assert found is not None
    return found


def test_a_receipt_finds_its_answer_by_the_gateways_id_and_by_our_reference(ledger: Ledger) -> None:
    one, two = sent(ledger, "one", "id-1"), sent(ledger, "two", None, address=BEN)
    taken = ledger.receipts.add(
        [receipt("id-1", "delivered"), receipt(None, "failed", reference=two.reference, code="27")], "gw", "f"
    )
    assert (taken.new, taken.unmatched) == (2, 0)
    assert (again(ledger, "one").delivery, again(ledger, "one").delivered_at) == ("delivered", NOW + 1)
    assert (again(ledger, "two").delivery, again(ledger, "two").delivery_code) == ("failed", "27")
    assert one.number != two.number


def test_a_receipt_of_another_gateway_with_the_same_id_is_left_alone(ledger: Ledger) -> None:
    sent(ledger)
    assert ledger.receipts.add([receipt("id-1", "delivered")], "other", "f").unmatched == 1
    assert again(ledger).delivery is None


def test_an_id_that_two_messages_have_matches_neither(ledger: Ledger) -> None:
    sent(ledger, "one")
    sent(ledger, "two")
    assert ledger.receipts.add([receipt("id-1", "delivered")], "gw", "f").unmatched == 1


def test_a_receipt_before_its_submit_is_kept_and_matched(ledger: Ledger) -> None:
    answer = claimed(ledger)
    ledger.receipts.add([receipt("id-1", "delivered")], "gw", "f")
    ledger.receipts.add([receipt(None, "sent", reference=answer.reference)], "gw", "f")
    ledger.answers.settle(answer, State.ACCEPTED, Outcome(Verdict.ACCEPTED, gateway_id="id-1"), now=NOW)
    assert again(ledger).delivery == "sent", "that with our reference, at once"
    assert ledger.receipts.match_again(ledger.receipts.newest()) == 1
    assert again(ledger).delivery == "delivered"


@pytest.mark.parametrize("verdict", [Verdict.UNKNOWN, Verdict.NOT_SENT])
def test_an_answer_that_a_receipt_shows_as_sent_is_accepted_and_not_sent_again(
    ledger: Ledger, verdict: Verdict
) -> None:
    answer = claimed(ledger)
    ledger.receipts.add([receipt("id-9", "delivered", reference=answer.reference)], "gw", "f")
    is_unknown = verdict is Verdict.UNKNOWN
    state, due = (State.UNKNOWN, None) if is_unknown else (State.PLANNED, NOW + 1000)
    ledger.answers.settle(answer, state, Outcome(verdict, cause=Cause.NONE), due_at=due, now=NOW)
    found = again(ledger)
    assert (found.state, found.delivery, found.gateway_id) == (State.ACCEPTED, "delivered", "id-9")
    assert ledger.answers.due(now=NOW + 10_000) == []


def test_a_lost_answer_whose_receipt_came_is_accepted(ledger: Ledger) -> None:
    answer = claimed(ledger)
    ledger.receipts.add([receipt("id-9", "delivered", reference=answer.reference)], "gw", "f")
    assert ledger.answers.give_up(now=NOW + 3_600_000) == {State.UNKNOWN: 1}
    assert again(ledger).state is State.ACCEPTED


def test_permanent_failures_suppress_by_class_as_of_campaigns(ledger: Ledger) -> None:
    def tells(gateway: str, code: str | None, status: str) -> bool | str:
        return {"out": True, "gone": "invalid"}.get(code or "", False)

    for key, address in (("one", ANN), ("two", BEN), ("three", "+447911123458")):
        sent(ledger, key, key, address=address)
    some = [receipt("one", "failed", code="out"), receipt("two", "failed", code="gone")]
    (taken,) = ledger.receipts.pieces(
        [*some, receipt("three", "failed", code="busy")], "gw", "f", tells=tells
    )
    assert (taken.opted_out, taken.invalid) == (1, 1)
    held = {one.address: (one.scope, one.scope_value) for one in ledger.optouts.all()}
    assert held == {ANN: ("sender", SHOP), BEN: ("channel", "sms")}


def test_an_answer_of_the_gateway_that_says_opted_out_suppresses_for_the_sender(ledger: Ledger) -> None:
    outcome = Outcome(Verdict.REJECTED, cause=Cause.OPTED_OUT, code="21610")
    ledger.answers.settle(claimed(ledger), State.REJECTED, outcome, now=NOW)
    assert [(one.address, one.scope) for one in ledger.optouts.all()] == [(ANN, "sender")]


def test_what_receipts_bill_is_kept_and_corrected(ledger: Ledger) -> None:
    sent(ledger)
    for price in (40_000_000, 35_000_000):
        ledger.receipts.add([receipt("id-1", "delivered", price=price, currency="EUR")], "gw", "f")
    with ledger.reading() as connection:
        row = connection.exec_driver_sql("SELECT billed_cost, billed_currency FROM answers").one()
    assert tuple(row) == (35_000_000, "EUR")


def test_an_answer_in_parts_is_delivered_once_each_part_is(ledger: Ledger) -> None:
    answer = claimed(ledger)
    outcome = Outcome(Verdict.ACCEPTED, gateway_id="p1", part_ids=("p1", "p2"))
    ledger.answers.settle(answer, State.ACCEPTED, outcome, parts=2, now=NOW)
    ledger.receipts.add([receipt("p2", "delivered")], "gw", "f")
    assert again(ledger).delivery == "sent"
    ledger.receipts.add([receipt("p1", "delivered")], "gw", "f")
    assert again(ledger).delivery == "delivered"


def test_check_finds_deliveries_that_do_not_match(ledger: Ledger) -> None:
    sent(ledger)
    ledger.receipts.add([receipt("id-1", "delivered")], "gw", "f")
    assert not check(ledger.engine).findings
    with ledger.writing() as connection:
        connection.exec_driver_sql("UPDATE answers SET delivery = 'failed'")
    assert any("outside of runs" in str(one) for one in check(ledger.engine).findings)


def test_receipts_leave_with_the_person_and_with_old_answers(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A2PCLI_ERASURE_KEY", "k" * 32)
    sent(ledger, "one", "id-1")
    sent(ledger, "two", "id-2", address=BEN)
    ledger.receipts.add([receipt("id-1", "delivered"), receipt("id-2", "delivered")], "gw", "f")
    ledger.people.erase(Person(ANN), NOW)
    with ledger.reading() as connection:
        left = connection.exec_driver_sql("SELECT gateway_id, answer FROM receipts").all()
    assert [tuple(row) for row in left] == [("id-2", again(ledger, "two").number)]
    exported = ledger.people.export(Person(BEN))
    assert [one["delivery"] for one in exported["answers"][0]["receipts"]] == ["delivered"]
    retention.prune(ledger, Retention(transactional="1 day"), NOW + 10 * 86_400_000)
    with ledger.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM receipts").scalar_one() == 0
    assert not check(ledger.engine).findings


def test_a_code_that_did_not_arrive_may_be_followed_by_the_next_at_once(ledger: Ledger) -> None:
    limits = CodeLimits(valid=300_000, attempts=5, resend=30, per_hour=3, per_day=10)

    def ask(now: int) -> SentCode | RefusedCode:
        return ledger.codes.begin(NewCode("login", ANN, "GB", "digest"), limits, now=now)

    first = ask(NOW)
    assert isinstance(first, SentCode)
    sent(ledger, f"otp:{first.id}", "code-1", kind="otp", purpose="otp")
    too_soon = ask(NOW + 1000)
    assert isinstance(too_soon, RefusedCode)
    assert too_soon.reason == "wait"
    ledger.receipts.add([receipt("code-1", "undelivered", code="1")], "gw", "f")
    assert isinstance(ask(NOW + 2000), SentCode)
    after = ask(NOW + 3000)
    assert isinstance(after, RefusedCode), "of the second nothing is known"


def test_a_receipt_that_writes_the_id_in_another_way_is_matched_by_its_spellings(ledger: Ledger) -> None:
    """SMPP: the answer had the id in decimal digits, the receipt in hexadecimal ones."""
    sent(ledger, "one", "1267")
    sent(ledger, "two", "9", address=BEN)
    for _ in ledger.receipts.pieces([receipt("4F3", "delivered")], "gw", "f", by_id=False):
        pass
    assert ledger.receipts.match_again(ledger.receipts.newest()) == 0
    done = match_spelt(ledger, "gw", lambda id: ([str(int(id, 16))], []), no_opt_out)
    assert (done.matched, again(ledger, "one").delivery, again(ledger, "two").delivery) == (
        1,
        "delivered",
        None,
    )
    assert not has_unmatched(ledger)


def test_a_receipt_and_an_outcome_that_are_stored_at_the_same_time_both_count(ledger: Ledger) -> None:
    for place in range(20):
        answer = claimed(ledger, f"k{place}")
        found = [receipt(f"id-{place}", "delivered", reference=answer.reference)]

        def settle(answer: Answer = answer) -> None:
            ledger.answers.settle(answer, State.UNKNOWN, Outcome(Verdict.UNKNOWN), now=NOW)

        def hear(found: list[Receipt] = found) -> None:
            ledger.receipts.add(found, "gw", "f")

        with ThreadPoolExecutor(2) as threads:
            for done in [threads.submit(settle), threads.submit(hear)]:
                done.result()
        assert (again(ledger, f"k{place}").state, again(ledger, f"k{place}").delivery) == (
            State.ACCEPTED, "delivered",
        )  # fmt: skip
