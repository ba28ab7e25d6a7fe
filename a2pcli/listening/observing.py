"""What happened to each request, for metrics, traces and logs: never its path, its query or its body."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from a2pcli.dataclass import dataclass
from a2pcli.listening.bodies import headers_of

if TYPE_CHECKING:
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from a2pcli.listening.listener import Part

NO_ROUTE = "none"
"""The route of requests that fit no route."""

TRACE_HEADERS = ("traceparent", "tracestate")


@dataclass(frozen=True, slots=True)
class Seen:
    """One answered request. ``route`` is its pattern (``/callbacks/{gateway}``), ``gateway`` the one that it names, if
    it is in the settings. ``began`` is Unix time in seconds; ``status`` is 0 if no answer was begun."""

    route: str
    method: str
    status: int
    began: float
    seconds: float
    gateway: str | None
    trace: Mapping[str, str]


Observer = Callable[[Seen], None]

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Observed:
    """An app whose requests are told to observers."""

    def __init__(
        self, app: ASGIApp, observers: Sequence[Observer], routes: Mapping[Any, str], gateways: frozenset[str]
    ) -> None:
        self._app, self._observers, self._routes, self._gateways = app, observers, routes, gateways

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, and tell of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, clock, status = time.time(), time.perf_counter(), 0

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            self._tell(scope, status, began, time.perf_counter() - clock)

    def _tell(self, scope: Scope, status: int, began: float, seconds: float) -> None:
        gateway = scope.get("path_params", {}).get("gateway")
        headers = headers_of(scope)
        seen = Seen(
            self._routes.get(scope.get("endpoint"), NO_ROUTE),
            scope["method"] if scope["method"] in METHODS else "other",
            status,
            began,
            seconds,
            gateway if gateway in self._gateways else None,
            {name: headers[name] for name in TRACE_HEADERS if name in headers},
        )
        for observe in self._observers:
            observe(seen)


def observed(
    app: ASGIApp,
    routes: Sequence[BaseRoute],
    parts: Sequence[Part],
    gateways: frozenset[str],
    *more: Observer,
) -> ASGIApp:
    """The app as it is, if nobody observes it; otherwise one that tells of its requests."""
    observers = [*more, *(part.observe for part in parts if part.observe is not None)]
    named = {getattr(route, "endpoint", None): getattr(route, "path", NO_ROUTE) for route in routes}
    return Observed(app, observers, named, gateways) if observers else app


def as_events(emit: Callable[..., None]) -> Observer:
    """An observer that writes requests into a log of events: of callbacks, probes and scrapes failed ones alone, since
    there are many."""

    def observe(seen: Seen) -> None:
        often = seen.route.startswith("/callbacks/") or seen.route in ("/healthz", "/readyz", "/metrics")
        if not often or not 200 <= seen.status < 300:
            emit(
                "listen.request",
                route=seen.route,
                method=seen.method,
                status=seen.status,
                milliseconds=round(seen.seconds * 1000, 1),
                gateway=seen.gateway,
            )

    return observe
