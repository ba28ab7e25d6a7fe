"""Units on the wire (PDUs) of SMPP 3.4: the frame of each, the simple ones whole, and what a deliver_sm says.

A submit_sm is put together in ``writing``. A deliver_sm is read by the codec of smpp34, which takes what it is given;
so what comes out is looked at here.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

import smpp34

HEADER = Struct(">LLLL")

RESPONSE = 0x80000000
GENERIC_NACK = 0x80000000
BIND_RECEIVER, BIND_TRANSMITTER, BIND_TRANSCEIVER = 0x1, 0x2, 0x9
QUERY_SM, SUBMIT_SM, DELIVER_SM, UNBIND, CANCEL_SM, ENQUIRE_LINK = 0x3, 0x4, 0x5, 0x6, 0x8, 0x15
OUTBIND, ALERT_NOTIFICATION = 0xB, 0x102
SUBMIT_SM_RESP, DELIVER_SM_RESP = RESPONSE | SUBMIT_SM, RESPONSE | DELIVER_SM

OK, INVALID_COMMAND, TRY_AGAIN, REFUSED = 0x0, 0x3, 0x64, 0x65
"""Statuses that are answered: taken, no such command, try it again later, never try it again."""

LAST_SEQUENCE = 0x7FFFFFFF
LONGEST = 70_000
"""Octets of a PDU: a payload of 64 KiB, and room. What says that it is longer is no SMPP."""

_RECEIPTED_ID, _MESSAGE_STATE, _PAYLOAD, _NETWORK_ERROR = 0x001E, 0x0427, 0x0424, 0x0423


class Garbled(Exception):
    """What came is not SMPP; what follows it cannot be told apart."""


class Pdu(NamedTuple):
    """One unit as it came."""

    command: int
    status: int
    sequence: int
    body: bytes


class Frames:
    """Octets as they arrive, cut into PDUs."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Pdu]:
        """The PDUs that are whole now. Raises ``Garbled`` where a length cannot be one, after those before it."""
        data = self._rest + data if self._rest else data
        at, end = 0, len(data)
        self._rest = b""
        while end - at >= 16:
            length, command, status, sequence = HEADER.unpack_from(data, at)
            after = at + length
            if after > end or not 16 <= length <= LONGEST:
                break
            yield Pdu(command, status, sequence, data[at + 16 : after])
            at = after
        self._rest = data[at:]
        if len(self._rest) >= 4 and not 16 <= int.from_bytes(self._rest[:4], "big") <= LONGEST:
            raise Garbled


def pdu(command: int, sequence: int, body: bytes = b"", status: int = OK) -> bytes:
    """A PDU of these parts."""
    return HEADER.pack(16 + len(body), command, status, sequence) + body


def shown(status: int) -> str:
    """A status as people know it: ``0x58``. Long ones are cut in two, since rows of digits are taken for numbers."""
    return f"0x{status:02X}" if status < 0x10000 else f"0x{status >> 16:X}-{status & 0xFFFF:04X}"


def bind(command: int, sequence: int, system_id: str, password: str, system_type: str) -> bytes:
    """A bind of version 3.4, for every address range."""
    body = _text(system_id) + _text(password) + _text(system_type) + b"\x34\x00\x00\x00"
    return pdu(command, sequence, body)


def read_id(body: bytes) -> str:
    """The message id of a submit_sm_resp, empty where it has none. Some operators leave out the zero that ends it."""
    return body.partition(b"\0")[0].decode("latin-1")


def query(sequence: int, message_id: str, ton: int, npi: int, source: str) -> bytes:
    """A query_sm for the message that was submitted from this source and got this id (SMPP 3.4, 4.8.1)."""
    return pdu(QUERY_SM, sequence, _text(message_id) + bytes([ton, npi]) + _text(source))


def cancel(
    sequence: int, message_id: str, source: tuple[int, int, str], destination: tuple[int, int, str]
) -> bytes:
    """A cancel_sm for the message with this id; both addresses (TON, NPI, text) as its submit had them (SMPP 3.4,
    4.9.1). The service type is for whole groups of messages."""
    body = b"\0" + _text(message_id)
    for ton, npi, text in (source, destination):
        body += bytes([ton, npi]) + _text(text)
    return pdu(CANCEL_SM, sequence, body)


class Queried(NamedTuple):
    """What a query_sm_resp says (SMPP 3.4, 4.8.2). ``final_date`` is empty while the message is under way."""

    message_id: str
    final_date: str
    state: int
    error: int


def read_queried(body: bytes) -> Queried | None:
    """The body of a query_sm_resp; None where it cannot be read."""
    texts = body.split(b"\0", 2)
    if len(texts) != 3 or len(texts[2]) < 2:
        return None
    id, final_date, rest = texts
    return Queried(id.decode("latin-1"), final_date.decode("latin-1"), rest[0], rest[1])


class Delivered(NamedTuple):
    """A deliver_sm: a receipt, or what somebody wrote."""

    source: str
    destination: str
    esm_class: int
    data_coding: int
    octets: bytes
    receipted_id: str | None
    state: int | None
    network_error: bytes | None
    source_ton: int = 0


def read_deliver(sequence: int, body: bytes) -> Delivered | None:
    """A deliver_sm; None where it cannot be read."""
    try:
        found = smpp34.decode(pdu(DELIVER_SM, sequence, body))
    except (smpp34.SmppError, ValueError, UnicodeError):
        return None
    if not isinstance(found, smpp34.DeliverSm):
        return None
    tlvs = {one.tag: bytes(one.value) for one in found.tlvs}
    octets = bytes(found.short_message)
    state, receipted = tlvs.get(_MESSAGE_STATE), tlvs.get(_RECEIPTED_ID)
    return Delivered(
        source=found.source_addr,
        destination=found.destination_addr,
        esm_class=found.esm_class,
        data_coding=found.data_coding,
        octets=octets or tlvs.get(_PAYLOAD, b""),
        receipted_id=receipted.partition(b"\0")[0].decode("latin-1") if receipted else None,
        state=state[0] if state else None,
        network_error=tlvs.get(_NETWORK_ERROR),
        source_ton=int(found.source_addr_ton),
    )


def _text(text: str) -> bytes:
    return text.encode("ascii") + b"\0"
