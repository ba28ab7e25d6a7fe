"""Ids of RCS messages: UUIDs that are made of our reference and give it back.

A reference is written as a number to the base of ``_SIGNS`` into the 122 free bits of a UUID of version 8 (RFC 9562,
5.8). One that does not fit becomes a UUID of version 5, which gives nothing back. Either is the same for every repeat.
"""

from __future__ import annotations

from uuid import UUID, uuid5

_SIGNS = "-0123456789abcdefghijklmnopqrstuvwxyz."
_LONGEST = 23
"""Maximum length of a reference in characters: 38**23 is less than 2**122."""
_SPACE = UUID("5b1f2c39-9d0e-4c5b-8a64-0b6f2d7f6a11")
_VERSION, _VARIANT = 0x8, 0b10


def message_id(reference: str) -> str:
    """The id of the message with a reference.

    >>> message_id("r7k2m9qd-000042") == message_id("r7k2m9qd-000042") != message_id("r7k2m9qd-000043")
    True
    """
    if (
        not 0 < len(reference) <= _LONGEST
        or any(sign not in _SIGNS for sign in reference)
        or reference[0] == "-"
    ):
        return str(uuid5(_SPACE, reference))
    number = 0
    for sign in reference:
        number = number * len(_SIGNS) + _SIGNS.index(sign)
    high, middle, low = number >> 74, number >> 62 & 0xFFF, number & (1 << 62) - 1
    return str(UUID(int=high << 80 | _VERSION << 76 | middle << 64 | _VARIANT << 62 | low))


def reference_of(id: object) -> str | None:
    """The reference that an id was made of; None for any other id.

    >>> reference_of(message_id("r7k2m9qd-000042"))
    'r7k2m9qd-000042'
    """
    try:
        number = UUID(id).int if isinstance(id, str) else 0
    except ValueError:
        return None
    if number >> 76 & 0xF != _VERSION or number >> 62 & 0b11 != _VARIANT:
        return None
    number = (number >> 80) << 74 | (number >> 64 & 0xFFF) << 62 | number & (1 << 62) - 1
    signs = []
    while number:
        number, sign = divmod(number, len(_SIGNS))
        signs.append(_SIGNS[sign])
    reference = "".join(reversed(signs))
    return reference if message_id(reference) == id else None
