"""From a message to the parts that are submitted: alphabet, cuts, header, TON and NPI."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from struct import Struct
from typing import NamedTuple

from a2pcli.content.parts import (
    BASIC,
    EXTENSION,
    GSM_7,
    GSM_ALONE,
    UCS_2,
    InvalidText,
    capacity,
    check_text,
    cuts,
    is_gsm,
    units_in,
)
from a2pcli.gateways.smpp.addressing import recipient, recipient_kind, source
from a2pcli.gateways.smpp.settings import LONGEST_VALIDITY, SmppBlock
from a2pcli.messages import Cause, Message, Outcome, Verdict

Part = bytes
"""The body of the submit_sm of one part: all that follows its header (SMPP 3.4, 4.4.1)."""

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
_TLV = Struct(">HH")
_MOST_PARTS = 255
_MOST_HEADS = 1_000
"""Senders whose pieces are kept."""
_REGISTERED = {"all": 1, "failures": 2, "none": 0}


_ONE_OCTET = {
    "gsm": bytes(code for code in range(128) if _GSM.get(code) == chr(code)),
    "latin-1": bytes(code for code in range(128) if chr(code) in BASIC),
}
"""The ASCII characters of one septet that SMPP carries as the octet they are in ASCII, by the operator's alphabet."""


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
    """Makes messages into parts, as the settings want it.

    Bodies are put together from pieces that many messages share. A test compares them with those of smpp34's codec.
    """

    def __init__(self, block: SmppBlock, first_reference: int = 0) -> None:
        self._block = block
        self._references = count(first_reference)
        self._registered = _REGISTERED[block.receipts.request] if block.bind != "transmitter" else 0
        self._plain = _ONE_OCTET[block.alphabet]
        self._heads: dict[str | None, bytes] = {}
        self._middle = self._between(0, block.data_coding.default, None)

    def parts(self, message: Message) -> Sequence[Part]:
        """The parts in order. Raises ``Unwritable``."""
        to = recipient(message.to)
        if to is None:
            raise _refused(Cause.PERMANENT, "no-number", "the address is no phone number")
        text = message.body
        if text and text.isascii() and len(text) <= GSM_ALONE:
            plain = text.encode("ascii")
            if not plain.translate(None, self._plain):  # nearly always: each character is its own octet
                middle = self._middle
                if message.validity is not None:
                    middle = self._between(0, self._block.data_coding.default, message)
                return (self._part(message.sender, to, middle, plain),)
        try:
            check_text(text)
        except InvalidText:
            raise _refused(Cause.CONTENT, "no-text", "the text is empty or cannot be encoded") from None
        coded = self._coded(text)
        middle = self._between(0, coded.data_coding, message)
        if units_in(text, coded.counted_as) <= capacity(coded.counted_as, 1):
            return (self._part(message.sender, to, middle, coded.encode(text)),)
        texts = _cut(text, coded.counted_as)
        if len(texts) > max(message.parts, 1):
            raise _refused(
                Cause.CONTENT, "too-long", "the text takes more parts than were planned and priced"
            )
        octets = [coded.encode(one) for one in texts]
        if self._block.long == "payload":
            payload = _tlv(_PAYLOAD, b"".join(octets))
            return (self._part(message.sender, to, middle, b"", payload),)
        if self._block.long == "sar":
            return [
                self._part(message.sender, to, middle, one, tlvs)
                for one, tlvs in zip(octets, self._sar(len(octets)), strict=True)
            ]
        middle = self._between(_UDHI, coded.data_coding, message)
        return [
            self._part(message.sender, to, middle, head + one)
            for one, head in zip(octets, self._udh(len(octets)), strict=True)
        ]

    def _part(self, sender: str | None, to: str, middle: bytes, octets: bytes, tlvs: bytes = b"") -> Part:
        head = self._heads.get(sender) or self._head(sender)
        return b"%b%b\0%b%c%b%b" % (head, to.encode("ascii"), middle, len(octets), octets, tlvs)

    def _head(self, sender: str | None) -> bytes:
        """What stands before the recipient: service type, the sender, and the recipient's kind."""
        address = source(sender or self._block.sender, self._block.source)
        if address is None:
            why = "SMPP cannot carry this sender: at most 20 characters of ASCII"
            raise Unwritable(Outcome(Verdict.NOT_SENT, cause=Cause.SENDER, code="no-sender", detail=why))
        ton, npi = recipient_kind(self._block.destination)
        head = b"%b\0%c%c%b\0%c%c" % (
            self._block.service_type.encode("ascii"), address.ton, address.npi, address.text.encode("ascii"), ton, npi,
        )  # fmt: skip
        if len(self._heads) < _MOST_HEADS:
            self._heads[sender] = head
        return head

    def _between(self, esm_class: int, data_coding: int, message: Message | None) -> bytes:
        """What stands between the recipient and the text. No protocol, priority or time of delivery is asked for."""
        given = (self._block.validity, None if message is None else message.validity)
        seconds = min((one for one in given if one is not None), default=0)
        validity = _relative(seconds).encode("ascii") if seconds else b""
        return b"%c\0\0\0%b\0%c\0%c\0" % (
            esm_class, validity, self._registered, data_coding,
        )  # fmt: skip

    def _coded(self, text: str) -> _Coded:
        coding = self._block.data_coding
        if not is_gsm(text):
            return _Coded(coding.ucs2, _ucs2, UCS_2)
        if self._block.alphabet == "gsm":
            return _Coded(coding.default, gsm_octets, GSM_7)
        if all(char < "\u0100" for char in text):
            return _Coded(coding.default, _latin, GSM_7)
        return _Coded(coding.ucs2, _ucs2, UCS_2)

    def _udh(self, total: int) -> list[bytes]:
        """Before each part its user data header (3GPP TS 23.040, 9.2.3.24.1)."""
        head = bytes([5, 0, 3, next(self._references) & 0xFF, total])
        return [head + bytes([number]) for number in range(1, total + 1)]

    def _sar(self, total: int) -> list[bytes]:
        """With each part its fields (SMPP 3.4, 5.3.2.22 to 24)."""
        reference = _tlv(_SAR_REF, (next(self._references) & 0xFFFF).to_bytes(2, "big"))
        all_of_them = reference + _tlv(_SAR_TOTAL, bytes([total]))
        return [all_of_them + _tlv(_SAR_PART, bytes([number])) for number in range(1, total + 1)]


def _tlv(tag: int, value: bytes) -> bytes:
    return _TLV.pack(tag, len(value)) + value


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
    """Return a relative time of SMPP (7.1.1): ``YYMMDDhhmmss000R``, at most ``LONGEST_VALIDITY``."""
    minutes, second = divmod(min(seconds, LONGEST_VALIDITY), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"0000{days:02}{hour:02}{minute:02}{second:02}000R"
