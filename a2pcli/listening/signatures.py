"""Requests signed with a token's secret: the secret itself does not travel, and nobody can send a request again.

The headers of a signed request are ``X-A2pcli-Token`` (the name), ``X-A2pcli-Timestamp`` (Unix time in seconds; a
fraction is allowed) and ``X-A2pcli-Signature`` (``v1=`` and HMAC-SHA256 in hex). Signed is the timestamp, the method,
the path with its query after the public URL, each followed by a line end, and the body.
"""

from __future__ import annotations

import hmac
import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from a2pcli.actions.signed_requests import signature

if TYPE_CHECKING:
    from a2pcli.listening.tokens import Token

TOKEN, TIMESTAMP, SIGNATURE = "x-a2pcli-token", "x-a2pcli-timestamp", "x-a2pcli-signature"

WINDOW = 300.0
"""Seconds by which a timestamp may differ from the clock here."""

MOST_REMEMBERED = 200_000
"""Signatures that are remembered; with more in a window, further signed requests must wait."""

_TIME = re.compile(r"\d{1,12}(?:\.\d{1,9})?")


class Signed(StrEnum):
    """What a signature shows."""

    GOOD = "good"
    WRONG = "the signature is wrong"
    OLD = "the timestamp is more than five minutes from the clock of the listener"
    AGAIN = "this request came before: sign it anew to repeat it"
    TOO_MANY = "too many signed requests"


class Signatures:
    """Checks signatures and remembers those of the window, so that each is accepted once."""

    def __init__(self, now: Callable[[], float] = time.time, most: int = MOST_REMEMBERED) -> None:
        self._now, self._most = now, most
        self._order: deque[tuple[float, bytes]] = deque()
        self._seen: set[bytes] = set()

    def check(
        self, token: Token, headers: Mapping[str, str], method: str, target: str, body: bytes
    ) -> Signed:
        """Return what the signature in the headers shows; names of headers are in small letters."""
        timestamp, given = headers.get(TIMESTAMP, ""), headers.get(SIGNATURE, "")
        if not _TIME.fullmatch(timestamp):
            return Signed.WRONG
        is_right = False
        for secret in token.secrets:
            made = signature(secret, timestamp, method, target, body)
            is_right |= hmac.compare_digest(made.encode(), given.encode("utf-8", "replace"))
        if not is_right:
            return Signed.WRONG
        now = self._now()
        if abs(now - float(timestamp)) > WINDOW:
            return Signed.OLD
        return self._remember(now, bytes.fromhex(given[3:]))

    def _remember(self, now: float, digest: bytes) -> Signed:
        # Each is kept for twice the window: a timestamp may lie as far ahead.
        while self._order and self._order[0][0] < now - 2 * WINDOW:
            self._seen.discard(self._order.popleft()[1])
        if digest in self._seen:
            return Signed.AGAIN
        if len(self._seen) >= self._most:
            return Signed.TOO_MANY
        self._seen.add(digest)
        self._order.append((now, digest))
        return Signed.GOOD
