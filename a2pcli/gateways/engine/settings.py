"""What every HTTP gateway's block shares, and the engine it asks for."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from a2pcli.gateways.engine.dialing import Dialer
from a2pcli.gateways.engine.protocol import CONNECT_TIMEOUT, Engine, Unsendable
from a2pcli.gateways.engine.wire import WireEngine
from a2pcli.gateways.engine.wire_request import route_of
from a2pcli.gateways.settings import GatewayBlock


class HttpBlock(GatewayBlock):
    """The keys that every HTTP gateway takes."""

    engine: Literal["wire", "httpx"] = Field(
        "wire",
        description="HTTP engine: `wire` is fast; `httpx` is for networks that need a feature of httpx",
    )


def engine_for(block: HttpBlock, concurrency: int) -> Engine:
    """The engine that the block asks for. Called within a running event loop."""
    if block.engine == "httpx":
        from a2pcli.gateways.engine.httpx_engine import HttpxEngine

        return HttpxEngine(concurrency)
    return WireEngine(concurrency, dialer=Dialer(timeout=min(CONNECT_TIMEOUT, block.timeout)))


def checked_url(url: str) -> str:
    """The URL, if it leads somewhere; for a pydantic validator. Raises ``ValueError``."""
    try:
        route_of(url)
    except Unsendable as error:
        raise ValueError(str(error)) from None
    return url
