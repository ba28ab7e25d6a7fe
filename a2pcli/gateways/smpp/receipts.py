"""What comes back by itself: delivery receipts, in the form of SMPP 3.4's appendix B or whatever operators made of it,
and what people wrote."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import zip_longest

from a2pcli.contacts.receipt_file import Receipt, meaning_of
from a2pcli.delivery import Delivery
from a2pcli.gateways.base import WrittenReply
from a2pcli.gateways.codes import safe_id
from a2pcli.gateways.smpp.pdu import Delivered
from a2pcli.gateways.smpp.settings import SmppBlock
from a2pcli.gateways.smpp.writing import gsm_text

_RECEIPT_BITS = 0x3C
"""Where esm_class says that it is a receipt of some kind (SMPP 3.4, 5.2.12)."""
_INTERMEDIATE = 0x20
_UDHI = 0x40
_NATIONAL = 2
"""Type of number of a national number (SMPP 3.4, 5.2.5)."""

STATES = {
    1: "ENROUTE", 2: "DELIVRD", 3: "EXPIRED", 4: "DELETED", 5: "UNDELIV", 6: "ACCEPTD", 7: "UNKNOWN", 8: "REJECTD",
}  # fmt: skip
"""The word that a receipt's text has for each message state (SMPP 3.4, 5.2.28 and appendix B)."""

_FIELD = re.compile(r"\b(id|sub|dlvrd|submit date|done date|stat|err|text)\s*:", re.IGNORECASE)
_ERROR = re.compile(r"[0-9A-Za-z]{1,12}")
_DATE = re.compile(r"(\d{10})(\d{2})?", re.ASCII)
_ABSOLUTE = re.compile(r"(\d{12})\d(\d{2})([+-])", re.ASCII)
_QUARTER = 15 * 60 * 1000
"""Milliseconds of the unit in which SMPP gives a time zone."""


def is_receipt(found: Delivered) -> bool:
    """Whether it is about a message of ours, rather than from a person."""
    if found.esm_class & _RECEIPT_BITS:
        return True
    # Some operators forget the flag: no person writes such a text, nor sends such fields.
    return found.receipted_id is not None or _looks_like_receipt(found.octets)


def read_receipt(found: Delivered) -> Receipt | None:
    """The receipt; None where it does not say which message it is about."""
    fields = _fields(found.octets)
    id = safe_id(found.receipted_id) or safe_id(fields.get("id"))
    if id is None:
        return None
    word, delivery = _status(found, fields.get("stat"))
    code = _code(found, fields.get("err"))
    at = _moment(fields.get("done date"))
    return Receipt(0, id, None, word, delivery, code, at, bad_moment=at is None and "done date" in fields)


def read_reply(found: Delivered, block: SmppBlock, received_at: int) -> WrittenReply:
    """What a person wrote. Octets that are no text of their alphabet are shown as such, never lost."""
    octets = found.octets
    if found.esm_class & _UDHI and octets and octets[0] < len(octets):
        octets = octets[octets[0] + 1 :]
    # A national number is read as one of the settings' region; most operators write international ones without a plus.
    is_national = found.source_ton == _NATIONAL or not found.source.isdigit()
    sender = found.source if is_national else f"+{found.source}"
    return WrittenReply(
        sender, found.destination or None, _text(octets, found.data_coding, block), received_at
    )


def _text(octets: bytes, data_coding: int, block: SmppBlock) -> str:
    if data_coding in (8, block.data_coding.ucs2):
        return octets.decode("utf-16-be", "replace")
    if data_coding == 0 or data_coding == block.data_coding.default:
        return gsm_text(octets) if block.alphabet == "gsm" else octets.decode("latin-1")
    return octets.decode("latin-1")


def _looks_like_receipt(octets: bytes) -> bool:
    names = _fields(octets).keys()
    return {"id", "stat"} <= names and bool({"err", "done date", "dlvrd", "sub", "submit date"} & names)


def _fields(octets: bytes) -> dict[str, str]:
    text = octets.decode("latin-1")
    marks = list(_FIELD.finditer(text))
    found: dict[str, str] = {}
    for mark, following in zip_longest(marks, marks[1:]):
        end = following.start() if following is not None else len(text)
        name = mark[1].lower()
        if name == "text":
            break  # whatever stands in a person's text is no field
        found.setdefault(name, text[mark.end() : end].strip())
    return found


def _status(found: Delivered, stat: str | None) -> tuple[str, Delivery | None]:
    """The operator's word, and what it means; the state of the fields where the text has no word that is known."""
    word = "".join(char for char in (stat or "").split(" ")[0] if char.isascii() and char.isalpha())[:20]
    delivery = meaning_of(word)
    if delivery is None and found.state in STATES:
        word = STATES[found.state]
        delivery = meaning_of(word)
    is_intermediate = found.esm_class & _RECEIPT_BITS == _INTERMEDIATE
    if is_intermediate and delivery not in (None, Delivery.DELIVERED):
        delivery = Delivery.SENT  # such a notification ends nothing
    return word or "NONE", delivery


def _code(found: Delivered, err: str | None) -> str | None:
    text = (err or "").split(" ")[0]
    if not _ERROR.fullmatch(text) and found.network_error is not None and len(found.network_error) == 3:
        text = str(int.from_bytes(found.network_error[1:], "big"))
    return text if _ERROR.fullmatch(text) and text.strip("0") else None


def absolute_moment(text: str) -> int | None:
    """UTC milliseconds of an absolute time of SMPP (7.1.1): ``YYMMDDhhmmsstnnp``, where ``nn`` are the quarters of an
    hour that local time is ahead of UTC (``p`` is ``+``) or behind. Without these, UTC is taken."""
    whole = _ABSOLUTE.fullmatch(text)
    if whole is None:
        return _moment(text)
    moment, quarters = _moment(whole[1]), int(whole[2]) * (1 if whole[3] == "+" else -1)
    return None if moment is None else moment - quarters * _QUARTER


def _moment(text: str | None) -> int | None:
    """UTC milliseconds of ``YYMMDDhhmm`` or ``YYMMDDhhmmss``; the operator's zone is not told, so UTC is taken."""
    digits = _DATE.fullmatch(text or "")
    if digits is None:
        return None
    try:
        moment = datetime.strptime(digits[1] + (digits[2] or "00"), "%y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(moment.timestamp() * 1000)
