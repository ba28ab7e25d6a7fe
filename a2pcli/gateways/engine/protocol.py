"""The interface for sending an HTTP request, and the three ways in which it can fail.

Which of them it was decides whether a message may be tried again, so an engine sorts its failures by what the
other side can have seen, never by the name of an exception.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from a2pcli.gateways.base import HttpRequest, HttpResponse

MAX_BODY = 1_000_000
"""Maximum number of bytes read of an answer; the rest is cut off."""

CONNECT_TIMEOUT = 10.0
"""Seconds to connect, including name look-up and TLS handshake."""


class WireError(Exception):
    """No answer. ``code`` is a stable short name; ``detail`` a sentence without addresses or secrets."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


class NotSent(WireError):
    """Raised if certainly no byte of the request was sent."""


class MaybeSent(WireError):
    """Raised if the request, or a part of it, was sent, and no complete answer came back."""


class Unsendable(Exception):
    """Raised if the request cannot be written as HTTP: a line break in a header, a space in a URL. Nothing was sent."""


def ignore_departure() -> None:
    """Do nothing; for requests whose departure nobody tracks."""


class Engine(Protocol):
    """Sends requests. Never sends one twice and follows no redirects."""

    async def send(
        self, request: HttpRequest, leaving: Callable[[], None] = ignore_departure
    ) -> HttpResponse:
        """Send a request and return the answer. Raises ``NotSent``, ``MaybeSent`` or ``Unsendable``, nothing else.

        ``leaving`` is called before the first byte of the request can reach the other side, as late as possible; if it
        raises, nothing is sent.
        """
        ...

    async def close(self) -> None:
        """Close every connection; safe to call twice."""
        ...
