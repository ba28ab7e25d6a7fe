"""``/metrics`` for Prometheus, for tokens with the scope ``metrics``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from a2pcli.listening.api import Answer, Asked, Endpoint
from a2pcli.listening.listener import Part

if TYPE_CHECKING:
    from a2pcli.listening.listener import Listener


def part(listener: Listener) -> Part | None:
    """The route, if a token may use it."""
    from prometheus_client import generate_latest
    from prometheus_client.exposition import CONTENT_TYPE_LATEST

    if not any("metrics" in token.scopes for token in listener.settings.settings.listen.tokens.values()):
        return None

    def answer(_asked: Asked) -> Answer:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return Part([Route("/metrics", Endpoint(listener, "metrics", answer, ("GET",)))])
