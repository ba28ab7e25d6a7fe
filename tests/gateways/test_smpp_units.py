"""The octets of a submit_sm, put together by a2pcli itself, against those of smpp34's codec; and how octets that arrive
are cut into units."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

pytest.importorskip("smpp34", reason="the extra is not installed: pip install 'a2pcli[smpp]'")

import smpp34
from hypothesis import example, given
from hypothesis import strategies as st
from test_smpp_contract import smpp_block
from test_smpp_messages import message

from a2pcli.content.parts import BASIC, EXTENSION
from a2pcli.gateways.settings import read_block
from a2pcli.gateways.smpp import pdu
from a2pcli.gateways.smpp.pdu import Frames, Garbled, Pdu
from a2pcli.gateways.smpp.settings import SmppBlock
from a2pcli.gateways.smpp.writing import Writer

TEXTS = st.one_of(
    st.text(st.sampled_from(sorted(BASIC | EXTENSION)), min_size=1, max_size=400),
    st.text(st.characters(codec="ascii", min_codepoint=32), min_size=1, max_size=400),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200),
)
SENDERS = st.one_of(st.none(), st.sampled_from(["ACME", "78500", "+447700900999", "A" * 20, "12 34"]))
NUMBERS = st.from_regex(r"\+?[0-9]{1,20}", fullmatch=True)
KINDS = st.one_of(st.none(), st.fixed_dictionaries({"ton": st.integers(0, 255), "npi": st.integers(0, 255)}))
BLOCKS = st.fixed_dictionaries(
    {
        "long": st.sampled_from(["udh", "sar", "payload"]),
        "alphabet": st.sampled_from(["gsm", "latin-1"]),
        "data_coding": st.fixed_dictionaries({"default": st.integers(0, 255), "ucs2": st.integers(0, 255)}),
        "source": KINDS,
        "destination": KINDS,
        "service_type": st.sampled_from(["", "CMT", "ABCDE"]),
        "validity": st.one_of(st.none(), st.integers(1, 2_678_399)),
        "receipts": st.fixed_dictionaries({"request": st.sampled_from(["all", "failures", "none"])}),
        "bind": st.sampled_from(["transceiver", "transmitter", "separate"]),
    }
)


def writer(block: dict[str, Any]) -> Writer:
    given = {name: value for name, value in block.items() if value is not None}
    return Writer(read_block(SmppBlock, "operator", {**smpp_block(2775), **given}), 7)


@given(BLOCKS, st.lists(st.tuples(TEXTS, SENDERS, NUMBERS), min_size=1, max_size=3))
@example({"alphabet": "latin-1"}, [("@{$_", "ACME", "+447700900123"), ("x" * 160, "ACME", "447700900124")])
def test_a_submit_sm_is_octet_for_octet_what_the_codec_writes(
    block: dict[str, Any], messages: list[tuple[str, str | None, str]]
) -> None:
    making = writer(block)
    for text, sender, to in messages:
        for part in making.parts(message(text, sender=sender, to=to, parts=255)):
            written = pdu.pdu(pdu.SUBMIT_SM, 9, part)
            found = smpp34.decode(written)
            assert isinstance(found, smpp34.SubmitSm)
            assert found.encode() == written
            assert found.destination_addr == to.removeprefix("+")
            assert (found.protocol_id, found.priority_flag, found.schedule_delivery_time) == (0, 0, "")
            assert (found.replace_if_present_flag, found.sm_default_msg_id) == (0, 0)
            assert found.service_type == block.get("service_type", "")


@given(BLOCKS, st.text(st.characters(codec="ascii", min_codepoint=32), min_size=1, max_size=160))
def test_plain_texts_are_written_as_all_others(block: dict[str, Any], text: str) -> None:
    """Texts of plain ASCII take a shorter way."""
    short, long = writer(block), writer(block)
    long._plain = b""
    one = message(text)
    assert list(short.parts(one)) == list(long.parts(one))


UNITS = st.lists(
    st.builds(
        Pdu,
        st.sampled_from([pdu.SUBMIT_SM_RESP, pdu.DELIVER_SM, pdu.ENQUIRE_LINK, 0x12345]),
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**32 - 1),
        st.binary(max_size=60),
    ),
    max_size=6,
)


@given(UNITS, st.lists(st.integers(0, 400), max_size=12), st.booleans())
def test_units_arrive_whole_however_the_octets_are_cut(
    units: list[Pdu], at: list[int], is_garbled: bool
) -> None:
    octets = b"".join(pdu.pdu(one.command, one.sequence, one.body, one.status) for one in units)
    octets += b"\xff\xff\xff\xff" if is_garbled else b""
    places = sorted({0, len(octets), *(place for place in at if place < len(octets))})
    frames, found, was_garbled = Frames(), [], False
    for start, end in pairwise(places):
        try:
            found += frames.feed(octets[start:end])
        except Garbled:
            was_garbled = True
    assert was_garbled is is_garbled
    assert found == units
