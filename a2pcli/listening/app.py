"""The routes: callbacks of gateways, and whether the listener is alive and ready."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router

from a2pcli.actions.callback_doors import PATH, Heard, Refusal
from a2pcli.listening.notices import Notices
from a2pcli.listening.storing import Storing, TooMuch

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from a2pcli.actions.callback_doors import CallbackDoor

LARGEST = 1_048_576
"""Bytes of a body."""

MOST_ARRIVING = 64 * LARGEST
"""Bytes of all bodies that are arriving: who sends them is known only when they are whole."""

AGAIN = {"Retry-After": "5"}
"""Providers send again later what was answered with 503."""

READY_FOR = 1.0
"""Seconds for which an answer about the ledger is repeated."""


class Callbacks:
    """Answers ``/callbacks/GATEWAY`` and ``/callbacks/GATEWAY/SECRET``."""

    def __init__(
        self,
        doors: Mapping[str, CallbackDoor],
        broken: Collection[str],
        storing: Storing,
        notices: Notices,
        prefix: str,
    ) -> None:
        self._doors, self._broken, self._storing, self._notices = doors, broken, storing, notices
        self._prefix = prefix
        self._good: dict[bytes, Response] = {}
        self._arriving = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response = await self._answer(scope, receive)
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        name, method = scope["path_params"]["gateway"], scope["method"]
        door = self._doors.get(name)
        if door is None:
            return self._no_door(name)
        if method not in ("GET", "POST"):
            return _said(405, "use GET or POST", {"Allow": "GET, POST"})
        body = await self._body(scope, receive)
        if isinstance(body, Response):
            self._notices.note(f"{name}: a request was not taken ({body.status_code})")
            return body
        query = scope["query_string"].decode("latin-1")
        if method == "GET" and (confirmed := door.confirmation(query)) is not None:
            self._notices.note(f"{name}: the provider has verified the URL")
            return Response(confirmed, media_type="text/plain")
        found = door.read(method, self._rest(scope), query, _headers(scope), body)
        if isinstance(found, Refusal):
            self._notices.note(f"{name}: a request was refused: {found}")
            return _said(400 if found is Refusal.UNREADABLE else 403, str(found))
        return await self._stored(found)

    async def _body(self, scope: Scope, receive: Receive) -> bytes | Response:
        """Return the body, or the response to one that is too long or broken off, or that there is no room for."""
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if length.isdigit() and int(length[:20]) > LARGEST:
            return _too_long()
        pieces, size = [], 0
        try:
            while True:
                event = await receive()
                if event["type"] == "http.disconnect":
                    return _said(400, "the body broke off")
                pieces.append(event.get("body", b""))
                size += len(pieces[-1])
                self._arriving += len(pieces[-1])
                if size > LARGEST:
                    return _too_long()
                if self._arriving > MOST_ARRIVING:
                    return _said(503, "too much at once", {**AGAIN, "Connection": "close"})
                if not event.get("more_body"):
                    return b"".join(pieces)
        finally:
            self._arriving -= size

    def _no_door(self, name: str) -> Response:
        if name in self._broken:
            self._notices.note(f"{name}: a request was not taken: the settings of this gateway are wrong")
            return _said(503, "not ready", AGAIN)
        self._notices.note("a request for a gateway that is not in the settings, or that does not call back")
        return _said(404, "there is no such gateway")

    def _rest(self, scope: Scope) -> str:
        """Return what comes in the path after the gateway's name, as it was sent."""
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        path = raw.decode("latin-1").removeprefix(self._prefix).removeprefix(PATH)
        _, slash, rest = path.partition("/")
        return slash + rest

    async def _stored(self, found: Heard) -> Response:
        """Return the response once everything is in the ledger."""
        if not found.weight:
            self._notices.note(f"{found.gateway}: a request held no receipt and no reply")
            return self._accepted(found)
        try:
            await self._storing.store(found)
        except TooMuch:
            self._notices.note(
                "requests arrive faster than the ledger can store them: some are answered with 503"
            )
            return _said(503, "too much at once", AGAIN)
        except TimeoutError:
            self._notices.note("the ledger is slow: some requests are answered with 503")
            return _said(503, "not stored yet", AGAIN)
        except Exception:  # what happened is told where it was stored
            return _said(503, "not stored", AGAIN)
        return self._accepted(found)

    def _accepted(self, found: Heard) -> Response:
        if found.answer not in self._good:
            self._good[found.answer] = Response(found.answer)
        return self._good[found.answer]


class Ready:
    """Answers ``/readyz``: whether the ledger can be reached."""

    def __init__(self, is_ready: Callable[[], Awaitable[bool]]) -> None:
        self._is_ready = is_ready
        self._known: tuple[float, bool] = (-READY_FOR, False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        at, is_ready = self._known
        if time.monotonic() - at >= READY_FOR:
            is_ready = await self._is_ready()
            self._known = (time.monotonic(), is_ready)
        response = _said(200, "ready") if is_ready else _said(503, "the ledger cannot be reached", AGAIN)
        await response(scope, receive, send)


class Alive:
    """Answers ``/healthz``."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await _said(200, "ok")(scope, receive, send)


def make_app(callbacks: Callbacks, ready: Ready, public_url: str) -> Starlette:
    """Return the app. It also answers under the path of the public URL, for proxies that leave it in front."""
    routes: list[BaseRoute] = [
        Route("/callbacks/{gateway}", callbacks),
        Route("/callbacks/{gateway}/{secret}", callbacks),
        Route("/healthz", Alive()),
        Route("/readyz", ready),
    ]
    prefix = urlsplit(public_url).path.rstrip("/")
    mounted: list[BaseRoute] = [Mount(prefix, app=Router(routes, redirect_slashes=False))] if prefix else []
    app = Starlette(routes=[*routes, *mounted])
    app.router.redirect_slashes = False
    return app


def _too_long() -> Response:
    return _said(413, f"a body has at most {LARGEST:,} bytes", {"Connection": "close"})


def _headers(scope: Scope) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _said(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    return PlainTextResponse(text + "\n", status, dict(headers or {}))
