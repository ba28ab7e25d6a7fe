"""Links by which people leave: ``https://hooks.example.com/u/TOKEN``.

A token says whom to suppress and from what, encrypted and authenticated under a key of the ledger: nobody can read an
address in it, make one, or change one. It needs no table, so it is valid as long as the key is, whatever retention
and erasure have deleted. The same person and programme always have the same link, so that a plan that is made again
has the same texts.

The encryption is SIV (RFC 5297 describes the idea): an HMAC of the content is its tag, and the tag selects the
key stream. Tokens consist of letters and digits alone, because phones cut other characters off the end of a link.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import field
from functools import cached_property

from a2pcli.dataclass import dataclass

COLUMN = "unsubscribe_url"
"""The name of a person's link in templates."""

PATH = "/u/"

TAG, PROGRAMME = 10, 3
"""Bytes of a tag, and of what stands for a programme: names that share it (one pair in 16
million) are left together."""

_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUES = {letter: value for value, letter in enumerate(_LETTERS)}
_PAIRS = [first + second for first in _LETTERS for second in _LETTERS]
LONGEST = 600
"""Characters of a token; an email address of the greatest length needs fewer."""

_NUMBER, _TEXT, _OF_PROGRAMME = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Leaving:
    """What a token says: who leaves, and which programme (as ``programme_mark``), or everything (None)."""

    address: str
    programme: bytes | None


def programme_mark(programme: str) -> bytes:
    """What stands for a programme in a token."""
    return hashlib.sha256(programme.encode()).digest()[:PROGRAMME]


class Tokens:
    """Makes and reads tokens. ``secret`` is the ledger's secret for links."""

    def __init__(self, secret: bytes) -> None:
        self._tags = hmac.new(hmac.digest(secret, b"tag", "sha256"), digestmod="sha256")
        self._streams = hmac.new(hmac.digest(secret, b"stream", "sha256"), digestmod="sha256")

    def make(self, address: str, programme: str) -> str:
        """The token of an address for a programme; "" is everything."""
        mark = programme_mark(programme) if programme else b""
        kind = _OF_PROGRAMME if programme else 0
        digits = address[1:]
        if address.startswith("+") and digits.isascii() and digits.isdecimal() and digits[0] != "0":
            number = int(digits)
            rest = number.to_bytes((number.bit_length() + 7) // 8, "big")
        else:
            kind |= _TEXT
            rest = address.encode("utf-8", "surrogatepass")
        content = bytes((kind,)) + mark + rest
        tag = _mac(self._tags, content)[:TAG]
        return _letters(tag + self._masked(tag, content))

    def read(self, token: str) -> Leaving | None:
        """What a token says; None if it was not made with this secret."""
        sealed = _bytes(token)
        if sealed is None or len(sealed) < TAG + 2:
            return None
        tag = sealed[:TAG]
        content = self._masked(tag, sealed[TAG:])
        if not hmac.compare_digest(_mac(self._tags, content)[:TAG], tag):
            return None
        kind, rest, programme = content[0], content[1:], None
        if kind & _OF_PROGRAMME:
            programme, rest = rest[:PROGRAMME], rest[PROGRAMME:]
        if kind & _TEXT:
            return Leaving(rest.decode("utf-8", "surrogatepass"), programme)
        return Leaving(f"+{int.from_bytes(rest, 'big')}", programme)

    def _masked(self, tag: bytes, content: bytes) -> bytes:
        """Encrypt or decrypt."""
        stream = _mac(self._streams, tag)
        count = 1
        while len(stream) < len(content):
            stream += _mac(self._streams, tag + bytes((count,)))
            count += 1
        size = len(content)
        mixed = int.from_bytes(content, "big") ^ int.from_bytes(stream[:size], "big")
        return mixed.to_bytes(size, "big")


@dataclass(frozen=True)
class UnsubscribeLinks:
    """The links of a campaign. ``base`` is the public URL, ``programme`` "" if people leave everything. ``only`` is
    the address that all links are for, in a test message. The secret is hidden in its repr."""

    base: str
    programme: str
    secret: bytes = field(repr=False)
    only: str | None = None

    @cached_property
    def _tokens(self) -> Tokens:
        return Tokens(self.secret)

    def of(self, address: str) -> str:
        """The link of an address."""
        return f"{self.base}{PATH}{self._tokens.make(self.only or address, self.programme)}"

    def of_all(self, addresses: Iterable[str | None]) -> list[str | None]:
        """The links of a column of addresses."""
        return [None if one is None else self.of(one) for one in addresses]

    def __getstate__(self) -> dict[str, object]:
        # A keyed HMAC cannot be sent to another process.
        return {name: value for name, value in self.__dict__.items() if name != "_tokens"}


def _mac(keyed: hmac.HMAC, content: bytes) -> bytes:
    one = keyed.copy()
    one.update(content)
    return one.digest()


def _length(size: int) -> int:
    """How many letters so many bytes need."""
    return -(-size * 8_000 // 5_954)


def _letters(data: bytes) -> str:
    number, found = int.from_bytes(data, "big"), []
    length = _length(len(data))
    for _ in range(-(-length // 2)):
        number, rest = divmod(number, 3844)
        found.append(_PAIRS[rest])
    return "".join(reversed(found))[-length:]


def _bytes(token: str) -> bytes | None:
    """The bytes of a token; None for what is none."""
    size = len(token) * 5_954 // 8_000
    if not 0 < len(token) <= LONGEST or _length(size) != len(token):
        return None
    number = 0
    for letter in token:
        value = _VALUES.get(letter)
        if value is None:
            return None
        number = number * 62 + value
    return number.to_bytes(size, "big") if number < 1 << 8 * size else None
