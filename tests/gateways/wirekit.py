"""What the tests of the HTTP engines share."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from a2pcli.gateways.base import HttpRequest, HttpResponse
from a2pcli.gateways.engine.httpx_engine import HttpxEngine
from a2pcli.gateways.engine.protocol import Engine, WireError
from a2pcli.gateways.engine.wire import WireEngine

ENGINES: dict[str, Callable[[], Engine]] = {"wire": lambda: WireEngine(20), "httpx": lambda: HttpxEngine(20)}


@pytest.fixture(params=list(ENGINES))
def make(request: pytest.FixtureRequest) -> Callable[[], Engine]:
    return ENGINES[request.param]


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def post(url: str, body: bytes = b"x", seconds: float = 5.0, method: str = "POST") -> HttpRequest:
    return HttpRequest(method, url, {"Content-Type": "text/plain"}, b"" if method == "GET" else body, seconds)


def run(make: Callable[[], Engine], work: Callable[[Engine], Awaitable[Any]]) -> Any:
    async def whole() -> Any:
        engine = make()
        try:
            return await work(engine)
        finally:
            await engine.close()
            await engine.close()

    return asyncio.run(whole())


def send(make: Callable[[], Engine], *requests: HttpRequest) -> list[HttpResponse | WireError]:
    """The answers or failures, one after the other."""

    async def work(engine: Engine) -> list[HttpResponse | WireError]:
        ends: list[HttpResponse | WireError] = []
        for request in requests:
            try:
                ends.append(await engine.send(request))
            except WireError as error:
                ends.append(error)
        return ends

    result: list[HttpResponse | WireError] = run(make, work)
    return result


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
