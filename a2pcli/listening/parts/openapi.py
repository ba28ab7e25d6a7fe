"""``/openapi.json``: the listener's routes for programs, for every token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from a2pcli.listening.api import ANY, Answer, Asked, Endpoint
from a2pcli.listening.documents import Gives
from a2pcli.listening.listener import Part
from a2pcli.listening.openapi import description

if TYPE_CHECKING:
    from a2pcli.listening.listener import Listener

ANSWERS = {200: Gives("this document", dict[str, Any])}


def part(listener: Listener) -> Part | None:
    """The route, if there is a token."""
    if not listener.settings.settings.listen.tokens:
        return None

    def answer(_asked: Asked) -> Answer:
        """Describe the routes of this listener (OpenAPI 3.1)."""
        return description(listener.routes, listener.public_url)

    return Part([Route("/openapi.json", Endpoint(listener, ANY, answer, ("GET",), answers=ANSWERS))])
