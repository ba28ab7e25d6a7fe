"""What an operator tells by itself: read as it was meant, acknowledged only once it is kept, about no wrong message."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("smpp34", reason="the extra is not installed: pip install 'a2pcli[smpp]'")

from smsc import Answer, Smsc, Submitted, deliver, pdu, receipt, tlv
from test_smpp_contract import smpp_block
from test_smpp_messages import message
from test_smpp_session import messages, until

from a2pcli.contacts.receipt_file import Receipt
from a2pcli.delivery import Delivery
from a2pcli.gateways.base import Keep, WrittenReply
from a2pcli.gateways.registry import create
from a2pcli.gateways.smpp.ids import MessageIds
from a2pcli.gateways.smpp.pdu import Frames, Garbled, read_deliver
from a2pcli.gateways.smpp.receipts import is_receipt, read_receipt

AT = 1_772_359_260_000  # 2026-03-01 10:01 UTC, as in smsc.receipt


def told(octets: bytes) -> tuple[str | None, str, Delivery | None, str | None, int | None] | None:
    found = read_deliver(1, octets[16:])
    assert found is not None
    assert is_receipt(found)
    one = read_receipt(found)
    return None if one is None else (one.gateway_id, one.status, one.delivery, one.code, one.at)


TLVS = tlv(0x1E, b"abc\0") + tlv(0x427, b"\x02")
READ: dict[str, tuple[bytes, Any]] = {
    "as the standard has it": (receipt("4711"), ("4711", "DELIVRD", Delivery.DELIVERED, None, AT)),
    "undelivered": (receipt("4711", "UNDELIV", err="0C1"), ("4711", "UNDELIV", Delivery.UNDELIVERED, "0C1", AT)),
    "expired": (receipt("4711", "EXPIRED", err="027"), ("4711", "EXPIRED", Delivery.EXPIRED, "027", AT)),
    "rejected": (receipt("4711", "REJECTD"), ("4711", "REJECTD", Delivery.REJECTED, None, AT)),
    "deleted": (receipt("4711", "DELETED"), ("4711", "DELETED", Delivery.CANCELLED, None, AT)),
    "on its way": (receipt("4711", "ACCEPTD"), ("4711", "ACCEPTD", Delivery.SENT, None, AT)),
    "unknown to the operator too": (receipt("4711", "UNKNOWN"), ("4711", "UNKNOWN", None, None, AT)),
    "a word nobody knows": (receipt("4711", "ZAPPED"), ("4711", "ZAPPED", None, None, AT)),
    "small letters": (
        deliver(b"ID:4711 Stat:delivrd Err:000"), ("4711", "delivrd", Delivery.DELIVERED, None, None)
    ),
    "a UUID": (
        receipt("0b7e1f3a-1111-4222-8333-944445555666"),
        ("0b7e1f3a-1111-4222-8333-944445555666", "DELIVRD", Delivery.DELIVERED, None, AT),
    ),
    "fields alone": (deliver(b"", tlvs=TLVS), ("abc", "DELIVRD", Delivery.DELIVERED, None, None)),
    "fields and the text differ: the field's id is the exact one": (
        receipt("00000abc", tlvs=TLVS), ("abc", "DELIVRD", Delivery.DELIVERED, None, AT)
    ),
    "no flag": (receipt("4711", esm_class=0), ("4711", "DELIVRD", Delivery.DELIVERED, None, AT)),
    "intermediate": (
        receipt("4711", "UNDELIV", esm_class=0x20), ("4711", "UNDELIV", Delivery.SENT, None, AT)
    ),
    "a text that looks like fields": (
        deliver(b"id:4711 stat:UNDELIV err:001 text:id:9 stat:DELIVRD"),
        ("4711", "UNDELIV", Delivery.UNDELIVERED, "001", None),
    ),
    "an error of the network": (
        deliver(b"id:4711 stat:UNDELIV", tlvs=tlv(0x423, b"\x03\x00\x1f")),
        ("4711", "UNDELIV", Delivery.UNDELIVERED, "31", None),
    ),
    "a payload": (
        deliver(b"", tlvs=tlv(0x424, b"id:4711 stat:DELIVRD err:000")),
        ("4711", "DELIVRD", Delivery.DELIVERED, None, None),
    ),
    "no moment that exists": (
        deliver(b"id:4711 done date:2699999999 stat:DELIVRD err:000"),
        ("4711", "DELIVRD", Delivery.DELIVERED, None, None),
    ),
    "seconds": (
        deliver(b"id:4711 done date:260301100130 stat:DELIVRD err:000"),
        ("4711", "DELIVRD", Delivery.DELIVERED, None, AT + 30_000),
    ),
    "no id": (deliver(b"stat:DELIVRD err:000"), None),
}  # fmt: skip


@pytest.mark.parametrize("case", list(READ))
def test_receipts_are_read_as_they_were_meant(case: str) -> None:
    octets, wanted = READ[case]
    assert told(octets) == wanted


class Kept:
    """Stores what it is given, or fails as often as it is told; ``slow`` seconds each time."""

    def __init__(self, fails: int = 0, slow: float = 0.0) -> None:
        self.fails, self.slow = fails, slow
        self.receipts: list[Receipt] = []
        self.replies: list[WrittenReply] = []

    async def __call__(self, receipts: Sequence[Receipt], replies: Sequence[WrittenReply]) -> None:
        await asyncio.sleep(self.slow)
        if self.fails:
            self.fails -= 1
            raise OSError("disk full")
        self.receipts += receipts
        self.replies += replies


def heard(there: Smsc, work: Any, keep: Keep | None, **block: Any) -> Any:
    async def run() -> Any:
        gateway: Any = create("operator", {**smpp_block(there.port), "timeout": "5", **block})
        gateway.keep = keep
        await gateway.open()
        try:
            return await work(gateway)
        finally:
            await gateway.close()

    return asyncio.run(run())


def test_a_receipt_is_acknowledged_only_once_it_is_kept() -> None:
    kept = Kept(slow=0.1)

    async def work(gateway: Any) -> None:
        await gateway.submit(messages(1))
        there.say(*[receipt("m0000001", sequence=n) for n in range(1, 4)])
        while not kept.receipts:
            assert there.acknowledged == []
            await asyncio.sleep(0.005)
        await until(lambda: len(there.acknowledged) == 3)

    with Smsc() as there:
        heard(there, work, kept)
        assert there.acknowledged == [(1, 0), (2, 0), (3, 0)]
    assert {(one.gateway_id, one.reference) for one in kept.receipts} == {("m0000001", "r2345678-000001")}


def test_what_cannot_be_kept_is_left_with_the_operator_who_sends_it_again() -> None:
    kept = Kept(fails=1)

    async def work(gateway: Any) -> None:
        await gateway.submit(messages(1))
        there.say(receipt("m0000001", sequence=1))
        await until(lambda: there.acknowledged == [(1, 0x64)])
        there.say(receipt("m0000001", sequence=2))
        await until(lambda: there.acknowledged == [(1, 0x64), (2, 0)])

    with Smsc() as there:
        heard(there, work, kept)
    assert len(kept.receipts) == 1


def test_where_nobody_keeps_them_receipts_stay_with_the_operator() -> None:
    async def work(gateway: Any) -> None:
        await gateway.check()
        there.say(receipt("m1", sequence=5), deliver(b"STOP", sequence=6, esm_class=0))
        await until(lambda: there.acknowledged == [(5, 0x64), (6, 0x64)])

    with Smsc() as there:
        heard(there, work, None)


def test_a_receipt_that_comes_before_the_answer_is_kept_for_the_ledger_to_match() -> None:
    kept = Kept()

    def answer(one: Submitted) -> Answer:
        return Answer(id="4711", before=[receipt("4711")])

    with Smsc(answer) as there:
        heard(there, lambda gateway: gateway.submit(messages(1)), kept)
        assert there.acknowledged == [(1, 0)]
    assert [one.gateway_id for one in kept.receipts] in (["4711"], ["receipt:4711"])


def test_garbage_is_refused_for_good_and_the_connection_goes_on() -> None:
    kept = Kept()

    async def work(gateway: Any) -> None:
        await gateway.submit(messages(1))
        there.say(pdu(0x5, 1, b"\0\1"), deliver(b"stat:DELIVRD err:1", sequence=2), receipt("m1", sequence=3))
        await until(lambda: len(there.acknowledged) == 3)

    with Smsc() as there:
        heard(there, work, kept)
        assert sorted(there.acknowledged) == [(1, 0x65), (2, 0x65), (3, 0)]
        assert len(there.binds) == 1


def test_replies_are_kept_as_they_were_written() -> None:
    kept = Kept()

    async def work(gateway: Any) -> None:
        await gateway.submit(messages(1))
        there.say(
            deliver(b"STOP \x1b\x65 \x00", esm_class=0, sequence=1),
            deliver("Стоп 😀".encode("utf-16-be"), esm_class=0, data_coding=8, sequence=2),
            deliver(b"\x05\x00\x03\x01\x02\x01Hello", esm_class=0x40, sequence=3),
            deliver(b"", esm_class=0, tlvs=tlv(0x424, b"long"), sequence=4),
            deliver(b"caf\xe9", esm_class=0, data_coding=3, sequence=5),
            deliver(b"id: I have none, stat: fine", esm_class=0, sequence=6),
        )
        await until(lambda: len(there.acknowledged) == 6)

    with Smsc() as there:
        heard(there, work, kept)
    texts = ["STOP € @", "Стоп 😀", "Hello", "long", "café", "id: I have none, stat: fine"]
    assert [one.text for one in kept.replies] == texts
    assert {(one.sender, one.to) for one in kept.replies} == {("+447700900001", "ACME")}


def test_an_answer_that_comes_too_late_still_tells_that_the_message_was_taken() -> None:
    kept = Kept()

    async def work(gateway: Any) -> Any:
        (outcome,) = await gateway.submit([message(parts=1)])
        await until(lambda: kept.receipts)
        return outcome

    with Smsc(lambda _one: Answer(id="late", after=0.3)) as there:
        outcome = heard(there, work, kept, timeout="0.1")
    assert (str(outcome.verdict), outcome.code) == ("unknown", "no-answer")
    (one,) = kept.receipts
    assert (one.gateway_id, one.reference, one.delivery) == ("late", "r2345678-000001", Delivery.ACCEPTED)


def test_the_ids_of_all_parts_are_kept_and_their_receipts_find_the_message() -> None:
    kept = Kept()

    async def work(gateway: Any) -> None:
        await gateway.submit([message("x" * 400)])
        there.say(*[receipt(f"m000000{n}", sequence=n) for n in (1, 2, 3)])
        await until(lambda: len(there.acknowledged) == 3)

    with Smsc() as there:
        heard(there, work, kept)
    assert {one.reference for one in kept.receipts} == {"r2345678-000001"}
    assert sorted((one.gateway_id or "", str(one.delivery)) for one in kept.receipts) == [
        ("m0000001", "accepted"), ("m0000001", "delivered"), ("m0000002", "accepted"),
        ("m0000002", "delivered"), ("m0000003", "accepted"), ("m0000003", "delivered"),
    ]  # fmt: skip


FORMS: dict[str, tuple[str, list[str], list[tuple[str, int | None]]]] = {
    # setting, ids in the answers to messages 1, 2, …; ids in receipts and the message that each is about
    "the same": ("auto", ["100001", "100002"], [("100001", 1), ("100002", 2)]),
    "zeros lost in the receipt": ("auto", ["0000100001"], [("100001", 1)]),
    "zeros lost in the answer": ("auto", ["100001"], [("0000100001", 1)]),
    "hex, then decimal, learnt": ("auto", ["1A2B3C4D", "1A2B3C4E"], [("439041101", 1), ("439041102", 2)]),
    "hex with zeros, then decimal": ("auto", ["000000ff", "00000100"], [("255", 1), ("256", 2)]),
    "hex, then decimal, by the settings": ("hex", ["10", "16"], [("16", 1), ("22", 2)]),
    "decimal, then hex, by the settings": ("decimal", ["16", "22"], [("10", 1), ("16", 2)]),
    "hex, then decimal with zeros": ("hex", ["ff"], [("0000000255", 1)]),
    "another case": ("auto", ["1A2B"], [("1a2b", 1)]),
    "a UUID": (
        "auto", ["0B7E1F3A-1111-4222-8333-944445555666"], [("0b7e1f3a-1111-4222-8333-944445555666", 1)]
    ),
    "nothing says whether it is 16 or 0x10": ("auto", ["10", "16"], [("16", None), ("10", None)]),
    "the same by the settings": ("same", ["10", "16"], [("16", 2), ("10", 1)]),
    "two messages with one id": ("auto", ["77", "77"], [("77", None)]),
    "40 ids without a letter are decimal": (
        "auto", [str(n) for n in range(1, 61)], [("16", 16), ("10", 10), ("0059", 59)]
    ),
    "of nobody": ("auto", ["100001"], [("100002", None)]),
}  # fmt: skip


@pytest.mark.parametrize("case", list(FORMS))
def test_an_id_written_in_another_way_finds_its_message_or_none(case: str) -> None:
    form, ids, receipts = FORMS[case]
    kept = Kept()

    async def work(gateway: Any) -> None:
        for n in range(len(ids)):
            await gateway.submit([message(number=n + 1)])
        there.say(*[receipt(id, sequence=n) for n, (id, _) in enumerate(receipts, 1)])
        await until(lambda: len(there.acknowledged) == len(receipts))

    with Smsc(lambda one: Answer(id=ids[one.number - 1])) as there:
        heard(there, work, kept, receipts={"ids": form})
    found = [None if one.reference is None else int(one.reference[-6:]) for one in kept.receipts]
    assert found == [number for _, number in receipts]


@given(st.integers(1, 2**64 - 1), st.sampled_from([0, 8, 16]), st.booleans())
def test_a_hexadecimal_id_is_among_the_spellings_of_its_decimal(number: int, width: int, upper: bool) -> None:
    id = f"{number:x}".rjust(width, "0")
    id = id.upper() if upper else id
    ids = MessageIds("hex")
    ids.answered(id)
    sure, doubtful = ids.spellings(str(number))
    assert id in sure
    assert not doubtful


@given(st.binary(max_size=80), st.integers(0, 2**31 - 1))
def test_no_octets_of_a_deliver_sm_raise_anything(body: bytes, seed: int) -> None:
    mixed = bytearray(receipt("4711", tlvs=TLVS)[16:])
    for at in random.Random(seed).choices(range(len(mixed)), k=3):
        mixed[at] = seed >> (at % 24) & 0xFF
    for octets in (body, bytes(mixed), bytes(mixed[: seed % len(mixed)])):
        found = read_deliver(1, octets)
        if found is not None and is_receipt(found):
            one = read_receipt(found)
            assert one is None or one.gateway_id


@given(st.lists(st.binary(max_size=40), max_size=6), st.integers(1, 50))
def test_pdus_come_out_as_they_went_in_however_they_are_cut(bodies: list[bytes], step: int) -> None:
    octets = b"".join(pdu(0x5, n, body) for n, body in enumerate(bodies, 1))
    frames = Frames()
    found = [one for at in range(0, len(octets), step) for one in frames.feed(octets[at : at + step])]
    assert [(one.sequence, one.body) for one in found] == list(enumerate(bodies, 1))


@given(st.binary(min_size=4, max_size=200))
def test_any_octets_are_read_or_are_garbled(octets: bytes) -> None:
    try:
        list(Frames().feed(octets))
    except Garbled:
        return
