"""Which of several receipts of a message counts: the same receipts give the same delivery, in every order."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a2pcli.delivery import ARRIVED, NEGATIVE, Delivery, Report, delivery_of, is_partly_known

REPORTS = st.builds(
    Report,
    st.sampled_from(Delivery),
    st.one_of(st.none(), st.integers(1, 3)),
    st.sampled_from([None, "30003", "30005"]),
    st.sampled_from(["SM1", "SM2", None]),
)


@given(st.lists(REPORTS, max_size=5), st.integers(1, 3), st.booleans(), st.data())
def test_order_and_repetition_change_nothing(reports, parts, reads, data) -> None:
    expected = delivery_of(reports, parts=parts, read_receipts=reads)
    for order in permutations(reports):
        assert delivery_of(order, parts=parts, read_receipts=reads) == expected
    again = [*reports, *data.draw(st.lists(st.sampled_from(reports), max_size=3) if reports else st.just([]))]
    assert delivery_of(again, parts=parts, read_receipts=reads) == expected


@given(st.lists(REPORTS, min_size=1, max_size=6))
def test_read_beats_delivered_beats_a_negative_end_beats_sent_beats_accepted(reports) -> None:
    """The documented order, spelt out a second time; a message of one part."""
    kinds = {one.delivery for one in reports}
    found = delivery_of(reports)
    if Delivery.READ in kinds:
        expected: set[Delivery] = {Delivery.READ}
    elif Delivery.DELIVERED in kinds:
        expected = {Delivery.DELIVERED}
    elif kinds & set(NEGATIVE):
        expected = kinds & set(NEGATIVE)
    elif Delivery.SENT in kinds:
        expected = {Delivery.SENT}
    else:
        assert found is None
        return
    assert found is not None
    assert found.delivery in expected
    moments = [one.at for one in reports if one.delivery in expected and one.at is not None]
    if found.delivery in ARRIVED:
        assert found.at == (min(moments) if moments else None)
    else:
        assert found.at == (max(moments) if moments else None)


def test_a_message_was_delivered_when_the_first_receipt_says_so() -> None:
    late = [Report(Delivery.DELIVERED, 9), Report(Delivery.DELIVERED, 5), Report(Delivery.FAILED, 99)]
    found = delivery_of(late)
    assert found is not None
    assert (found.delivery, found.at) == (Delivery.DELIVERED, 5)


def test_of_several_negative_ends_the_latest_counts_with_its_code() -> None:
    found = delivery_of([Report(Delivery.EXPIRED, 9, "15"), Report(Delivery.UNDELIVERED, 5, "30003")])
    assert found is not None
    assert (found.delivery, found.code) == (Delivery.EXPIRED, "15")


def test_a_code_beside_a_good_end_is_no_reason() -> None:
    found = delivery_of([Report(Delivery.DELIVERED, 5, "000")])
    assert found is not None
    assert found.code is None


@pytest.mark.parametrize(
    ("each", "parts", "expected"),
    [
        ({"A": "delivered", "B": "delivered"}, 2, "delivered"),
        ({"A": "delivered", "B": "failed"}, 2, "failed"),
        ({"A": "delivered", "B": "sent"}, 2, "sent"),
        ({"A": "delivered", "B": "accepted"}, 2, "sent"),
        ({"A": "delivered", "B": "delivered"}, 3, "sent"),
        ({"A": "read", "B": "delivered"}, 2, "delivered"),
        # One id for the whole message: the provider has put the parts together.
        ({"A": "delivered"}, 2, "delivered"),
        # One part under two ids was handed over twice: the person has it.
        ({"A": "delivered", "B": "failed"}, 1, "delivered"),
    ],
)
def test_a_message_of_several_parts_is_delivered_when_all_of_them_are(each, parts, expected) -> None:
    reports = [Report(Delivery(kind), 1, None, id) for id, kind in each.items()]
    found = delivery_of(reports, parts=parts)
    assert found is not None
    assert found.delivery == expected


def test_sms_has_no_read_receipts() -> None:
    found = delivery_of([Report(Delivery.READ, 5)], read_receipts=False)
    assert found is not None
    assert found.delivery == Delivery.DELIVERED


@pytest.mark.parametrize(
    ("each", "total", "expected"),
    [
        ({"A": "delivered"}, 2, "sent"),
        ({"A": "delivered", "B": "delivered"}, 3, "sent"),
        ({"A": "failed"}, 3, "failed"),
        ({"A": "delivered", "B": "failed"}, 3, "failed"),
        ({"A": "delivered", "B": "delivered"}, 2, "delivered"),
        # All parts have the same id: the provider reports the message as one.
        ({"A": "delivered"}, 1, "delivered"),
    ],
)
def test_a_message_known_to_have_an_id_for_each_part_is_delivered_when_all_parts_are(
    each: dict[str, str], total: int, expected: str
) -> None:
    records = [Report(Delivery.ACCEPTED, gateway_id=id, total=total) for id in each]
    reports = [Report(Delivery(kind), 1, None, id) for id, kind in each.items()]
    for order in ([*records, *reports], [*reports, *records]):
        found = delivery_of(order, parts=3)
        assert found is not None
        assert found.delivery == expected
    assert is_partly_known(records) == (1 < total > len(each))
