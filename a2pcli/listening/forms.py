"""Requests of people's browsers for the page: forms, the session's cookie, and where a request comes from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from starlette.responses import Response

from a2pcli.listening.bodies import headers_of
from a2pcli.listening.sessions import COOKIE
from a2pcli.listening.web import SAFE

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from a2pcli.listening.listener import Listener

LARGEST = 20_000
"""Bytes of a form."""

Answer = Callable[["Visit"], Awaitable[Response]]


class Visit:
    """One request for the page."""

    def __init__(self, scope: Scope, form: Mapping[str, str], listener: Listener) -> None:
        self.scope, self.form = scope, form
        self.headers = headers_of(scope)
        self._listener = listener

    @property
    def cookie(self) -> str:
        """The session's cookie; "" without one."""
        try:
            found = SimpleCookie(self.headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return ""
        return found.value if found is not None else ""

    @property
    def is_from_here(self) -> bool:
        """Whether a form was sent by a page of this listener, as far as the browser says."""
        site = self.headers.get("sec-fetch-site")
        if site is not None:
            return site in ("same-origin", "none")
        origin = self.headers.get("origin")
        if origin is None:
            return True
        public = urlsplit(self._listener.public_url)
        here = _host_of(f"//{self.headers.get('host', '')}")
        return origin == f"{public.scheme}://{public.netloc}" or (
            here is not None and _host_of(origin) == here
        )

    def cookie_header(self, value: str, seconds: int) -> dict[str, str]:
        """The header that sets the cookie. It is sent over TLS alone, except to a listener on the same machine."""
        public = urlsplit(self._listener.public_url)
        host = (_host_of(f"//{self.headers.get('host', '')}") or ("", None))[0]
        path = f"{public.path.rstrip('/')}/" if host == public.hostname else "/"
        is_local = host in ("127.0.0.1", "localhost", "::1")
        secure = "; Secure" if public.scheme == "https" and not is_local else ""
        return {
            "Set-Cookie": f"{COOKIE}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
        }


def _host_of(url: str) -> tuple[str, int | None] | None:
    """Host and port of what a browser sent; None for what is no URL with a host."""
    try:
        parts = urlsplit(url)
        return (parts.hostname, parts.port) if parts.hostname else None
    except ValueError:
        return None


class Answers:
    """One route of the page: the address may not call too often, and forms are short. ``takes`` is the type of its
    form, and ``more`` names its statuses beside those of every page, for ``/openapi.json``."""

    def __init__(
        self,
        listener: Listener,
        answer: Answer,
        *methods: str,
        takes: Any = None,
        more: Sequence[str] = ("200",),
    ) -> None:
        self._listener, self.answer, self.methods = listener, answer, methods
        self.takes, self.more = takes, more

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response = await self._respond(scope, receive)
        await response(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        crowded = self._listener.gate.crowd(scope)
        if crowded is not None:
            return crowded
        if scope["method"] not in self.methods:
            allowed = ", ".join(self.methods)
            return Response(f"use {allowed}\n", 405, {**SAFE, "Allow": allowed}, media_type="text/plain")
        body = await self._listener.bodies.read(scope, receive, LARGEST)
        if isinstance(body, Response):
            return body
        try:
            fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=50)
        except ValueError:
            fields = {}
        form = {name: values[-1] for name, values in fields.items()}
        return await self.answer(Visit(scope, form, self._listener))
