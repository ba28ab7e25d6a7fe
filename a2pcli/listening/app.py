"""The routes: callbacks of gateways, whether the listener is alive and ready, and what its parts add."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route, Router

from a2pcli.actions.callback_doors import PATH, Heard, Refusal
from a2pcli.listening.bodies import AGAIN, Bodies, headers_of, path_of, said
from a2pcli.listening.notices import Notices
from a2pcli.listening.observing import observed
from a2pcli.listening.storing import Storing, TooMuch

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from a2pcli.actions.callback_doors import CallbackDoor
    from a2pcli.listening.certificates import Certificates
    from a2pcli.listening.listener import Part
    from a2pcli.listening.observing import Observer
    from a2pcli.listening.ready import Ready


class Callbacks:
    """Answers ``/callbacks/GATEWAY`` and ``/callbacks/GATEWAY/SECRET``."""

    def __init__(
        self,
        doors: Mapping[str, CallbackDoor],
        broken: Collection[str],
        storing: Storing[Heard],
        notices: Notices,
        prefix: str,
        bodies: Bodies,
        caller: Callable[[Scope], str] = lambda _scope: "",
        certificates: Certificates | None = None,
    ) -> None:
        self._doors, self._broken, self._storing, self._notices = doors, broken, storing, notices
        self._prefix, self._bodies = prefix, bodies
        self._caller, self._certificates = caller, certificates
        self._good: dict[bytes, Response] = {}

    @property
    def gateways(self) -> frozenset[str]:
        """The gateways whose providers may call."""
        return frozenset(self._doors)

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
            return said(405, "use GET or POST", {"Allow": "GET, POST"})
        if door.has_networks and not door.lets_in(self._caller(scope)):
            return self._refused(name, Refusal.ADDRESS)
        body = await self._bodies.read(scope, receive)
        if isinstance(body, Response):
            self._notices.note(f"{name}: a request was not taken: {bytes(body.body).decode().strip()}")
            return body
        query = scope["query_string"].decode("latin-1")
        if method == "GET" and (confirmed := door.confirmation(query)) is not None:
            self._notices.note(f"{name}: the provider has verified the URL")
            return Response(confirmed, media_type="text/plain")
        if door.has_certificate and not await self._has_certificate(door, body):
            self._notices.note(f"{name}: the certificate of its signatures cannot be fetched from Amazon")
            return said(503, "not verified yet", AGAIN)
        found = door.read(method, self._rest(scope), query, headers_of(scope), body)
        if isinstance(found, Refusal):
            return self._refused(name, found)
        return await self._stored(found)

    def _refused(self, name: str, why: Refusal) -> Response:
        self._notices.note(f"{name}: a request was refused: {why}")
        return said(400 if why is Refusal.UNREADABLE else 403, str(why))

    async def _has_certificate(self, door: CallbackDoor, body: bytes) -> bool:
        url = door.certificate_of(body)
        return url is None or (self._certificates is not None and await self._certificates.have(url))

    def _no_door(self, name: str) -> Response:
        if name in self._broken:
            self._notices.note(f"{name}: a request was not taken: the settings of this gateway are wrong")
            return said(503, "not ready", AGAIN)
        self._notices.note("a request for a gateway that is not in the settings, or that does not call back")
        return said(404, "there is no such gateway")

    def _rest(self, scope: Scope) -> str:
        """Return what comes in the path after the gateway's name, as it was sent."""
        _, slash, rest = path_of(scope, self._prefix).removeprefix(PATH).partition("/")
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
            return said(503, "too much at once", AGAIN)
        except TimeoutError:
            self._notices.note("the ledger is slow: some requests are answered with 503")
            return said(503, "not stored yet", AGAIN)
        except Exception:  # what happened is told where it was stored
            return said(503, "not stored", AGAIN)
        return self._accepted(found)

    def _accepted(self, found: Heard) -> Response:
        if found.answer not in self._good:
            media = "text/xml" if found.answer.startswith(b"<") else "text/plain"
            self._good[found.answer] = Response(found.answer, media_type=media if found.answer else None)
        return self._good[found.answer]


class Alive:
    """Answers ``/healthz``."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await said(200, "ok")(scope, receive, send)


def make_app(
    callbacks: Callbacks, ready: Ready, parts: Sequence[Part], public_url: str, *observers: Observer
) -> ASGIApp:
    """Return the app. It also answers under the path of the public URL, for proxies that leave it in front."""
    routes: list[BaseRoute] = [
        Route("/callbacks/{gateway}", callbacks),
        Route("/callbacks/{gateway}/{secret}", callbacks),
        Route("/healthz", Alive()),
        Route("/readyz", ready),
        *(route for part in parts for route in part.routes),
    ]
    prefix = urlsplit(public_url).path.rstrip("/")
    mounted: list[BaseRoute] = [Mount(prefix, app=Router(routes, redirect_slashes=False))] if prefix else []
    app = Starlette(routes=[*routes, *mounted])
    app.router.redirect_slashes = False
    return observed(app, routes, parts, callbacks.gateways, *observers)
