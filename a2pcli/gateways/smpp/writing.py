"""From a message to the parts that are submitted: alphabet, cuts, header, TON and NPI."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, NamedTuple

from smpp34 import SubmitSm, Tlv

from a2pcli.content.parts import (
    BASIC,
    EXTENSION,
    GSM_7,
    UCS_2,
    InvalidText,
    capacity,
    check_text,
    cuts,
    is_gsm,
    units_in,
)
from a2pcli.gateways.smpp.addressing import Address, recipient, source
from a2pcli.gateways.smpp.settings import SmppBlock
from a2pcli.messages import Cause, Message, Outcome, Verdict

Part = Callable[[int], bytes]
"""From a sequence number to the submit_sm of one part."""

_Given = tuple[str, dict[str, Any]]
"""The address of a sender, and the fields that are the same for all messages from it."""

_ORDER = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The default alphabet in the order of its codes, ESC at 27 (3GPP TS 23.038, 6.2.1)."""
_ESCAPED = {"\f": 10, "^": 20, "{": 40, "}": 41, "\\": 47, "[": 60, "~": 61, "]": 62, "|": 64, "€": 101}
_GSM: dict[int, str] = {
    **{ord(char): chr(code) for code, char in enumerate(_ORDER) if char in BASIC},
    **{ord(char): "\x1b" + chr(_ESCAPED[char]) for char in EXTENSION},
}
_UNESCAPED = {code: char for char, code in _ESCAPED.items()}
_ESC = 27

_UDHI = 0x40
_SAR_REF, _SAR_TOTAL, _SAR_PART, _PAYLOAD = 0x020C, 0x020E, 0x020F, 0x0424
_MOST_PARTS = 255
_REGISTERED = {"all": 1, "failures": 2, "none": 0}


class _Coded(NamedTuple):
    """A text in an alphabet: its number, how it is encoded, and how it counts."""

    data_coding: int
    encode: Callable[[str], bytes]
    counted_as: str


class Unwritable(Exception):
    """The message cannot be submitted; ``outcome`` says why."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.code)
        self.outcome = outcome


def gsm_octets(text: str) -> bytes:
    """A GSM-7 text with one septet an octet, as SMPP carries it."""
    return text.translate(_GSM).encode("latin-1")


def gsm_text(octets: bytes) -> str:
    """The text of septets, one an octet; a code without a character is U+FFFD."""
    characters: list[str] = []
    escaped = False
    for code in octets:
        if escaped:
            characters.append(_UNESCAPED.get(code, "\ufffd"))
            escaped = False
        elif code == _ESC:
            escaped = True
        else:
            characters.append(_ORDER[code] if code < len(_ORDER) else "\ufffd")
    return "".join(characters)


class Writer:
    """Makes messages into parts, as the settings want it."""

    def __init__(self, block: SmppBlock, first_reference: int = 0) -> None:
        self._block = block
        self._references = count(first_reference)
        self._fixed: dict[str, Any] = {
            "service_type": block.service_type,
            "registered_delivery": _REGISTERED[block.receipts.request] if block.bind != "transmitter" else 0,
            "validity_period": _relative(block.validity) if block.validity else "",
        }
        self._senders: dict[str | None, _Given] = {}

    def parts(self, message: Message) -> Sequence[Part]:
        """The parts in order. Raises ``Unwritable``."""
        to = recipient(message.to, self._block.destination)
        if to is None:
            raise _refused(Cause.PERMANENT, "no-number", "the address is no phone number")
        text = message.body
        try:
            check_text(text)
        except InvalidText:
            raise _refused(Cause.CONTENT, "no-text", "the text is empty or cannot be encoded") from None
        given = self._from(message.sender, to)
        coded = self._coded(text)
        if units_in(text, coded.counted_as) <= capacity(coded.counted_as, 1):
            return [_part(given, to.text, coded.data_coding, coded.encode(text))]
        texts = _cut(text, coded.counted_as)
        if len(texts) > max(message.parts, 1):
            raise _refused(
                Cause.CONTENT, "too-long", "the text takes more parts than were planned and priced"
            )
        octets = [coded.encode(one) for one in texts]
        if self._block.long == "payload":
            payload = Tlv(_PAYLOAD, b"".join(octets))
            return [_part(given, to.text, coded.data_coding, b"", tlvs=[payload])]
        heads = self._sar(len(octets)) if self._block.long == "sar" else self._udh(len(octets))
        return [
            _part(given, to.text, coded.data_coding, head + one, **more)
            for one, (head, more) in zip(octets, heads, strict=True)
        ]

    def _from(self, sender: str | None, to: Address) -> _Given:
        known = self._senders.get(sender)
        if known is not None:
            return known
        address = source(sender, self._block.source)
        if address is None:
            why = "SMPP cannot carry this sender: at most 20 characters of ASCII"
            raise Unwritable(Outcome(Verdict.NOT_SENT, cause=Cause.SENDER, code="no-sender", detail=why))
        fields = {
            "source_addr_ton": address.ton, "source_addr_npi": address.npi,
            "dest_addr_ton": to.ton, "dest_addr_npi": to.npi, **self._fixed,
        }  # fmt: skip
        self._senders[sender] = known = (address.text, fields)
        return known

    def _coded(self, text: str) -> _Coded:
        coding = self._block.data_coding
        if not is_gsm(text):
            return _Coded(coding.ucs2, _ucs2, UCS_2)
        if self._block.alphabet == "gsm":
            return _Coded(coding.default, gsm_octets, GSM_7)
        if all(char < "\u0100" for char in text):
            return _Coded(coding.default, _latin, GSM_7)
        return _Coded(coding.ucs2, _ucs2, UCS_2)

    def _udh(self, total: int) -> list[tuple[bytes, dict[str, Any]]]:
        """Before each part its user data header (3GPP TS 23.040, 9.2.3.24.1)."""
        head = bytes([5, 0, 3, next(self._references) & 0xFF, total])
        return [(head + bytes([number]), {"esm_class": _UDHI}) for number in range(1, total + 1)]

    def _sar(self, total: int) -> list[tuple[bytes, dict[str, Any]]]:
        """With each part its fields (SMPP 3.4, 5.3.2.22 to 24)."""
        reference = Tlv(_SAR_REF, (next(self._references) & 0xFFFF).to_bytes(2, "big"))
        all_of_them = Tlv(_SAR_TOTAL, bytes([total]))
        numbers = [Tlv(_SAR_PART, bytes([number])) for number in range(1, total + 1)]
        return [(b"", {"tlvs": [reference, all_of_them, number]}) for number in numbers]


def _part(given: _Given, to: str, coding: int, octets: bytes, **more: Any) -> Part:
    sender, fields = given

    def part(sequence: int) -> bytes:
        pdu = SubmitSm(sender, to, octets, data_coding=coding, sequence_number=sequence, **fields, **more)
        return pdu.encode()

    return part


def _cut(text: str, counted_as: str) -> list[str]:
    starts = cuts(text, counted_as, capacity(counted_as, 2))
    if len(starts) > _MOST_PARTS:
        raise _refused(Cause.CONTENT, "too-long", "the text takes more than 255 parts")
    return [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]


def _ucs2(text: str) -> bytes:
    return text.encode("utf-16-be")


def _latin(text: str) -> bytes:
    return text.encode("latin-1")


def _refused(cause: Cause, code: str, detail: str) -> Unwritable:
    return Unwritable(Outcome(Verdict.REJECTED, cause=cause, code=code, detail=detail))


def _relative(seconds: int) -> str:
    """A relative time of SMPP (7.1.1): ``YYMMDDhhmmss000R``; months and years are left out, since they vary."""
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"0000{days:02}{hour:02}{minute:02}{second:02}000R"
