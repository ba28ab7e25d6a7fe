"""A request as the bytes of HTTP/1.1, and where its URL leads."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import quote, urlsplit

from a2pcli import __version__
from a2pcli.gateways.base import HttpRequest
from a2pcli.gateways.engine.dialing import Route, proxy_for
from a2pcli.gateways.engine.protocol import Unsendable

_OURS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "user-agent"}
)
_NO_BODY = frozenset({"GET", "HEAD"})
_TARGETS_KEPT = 64
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


class RequestWriter:
    """Encodes requests, and caches the part that requests to the same URL share."""

    def __init__(self) -> None:
        self._routes: dict[tuple[str, str], Route] = {}
        self._starts: dict[tuple[str, str], tuple[Route, str]] = {}
        self._names: set[str] = set()
        self._last: tuple[str, str, dict[str, str], Route, bytes] | None = None
        """Method, URL, headers, route and head (up to the length of the body) of the last request with a body."""
        self._fixed = f"User-Agent: a2pcli/{__version__}\r\nAccept-Encoding: identity\r\n"

    def encode(self, request: HttpRequest) -> tuple[Route, bytes]:
        """Return the route and the bytes of a request. Raises ``Unsendable``."""
        last, body = self._last, request.body
        if last is not None and body:  # most requests differ from the last one only in their body
            method, url, headers, route, head = last
            if url == request.url and method == request.method and headers == request.headers:
                return route, b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)
        route, text = self._head(request)
        try:
            head = text.encode()
        except UnicodeEncodeError:
            raise Unsendable("a header cannot hold this text") from None
        if body or request.method not in _NO_BODY:
            if body:
                self._last = request.method, request.url, dict(request.headers), route, head
            return route, b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)
        return route, head + b"\r\n"

    def _head(self, request: HttpRequest) -> tuple[Route, str]:
        """Return the route of a request and its lines up to the length of its body."""
        key = (request.method, request.url)
        known = self._starts.get(key)
        if known is None:
            known = self._start(request.method, request.url)
            if (
                len(self._starts) < _TARGETS_KEPT
            ):  # most providers have one URL; a GET has one for each message
                self._starts[key] = known
        route, start = known
        head = start
        lines = 0
        for name, value in request.headers.items():
            if name in self._names or self._is_header(name):
                head += f"{name}: {value}\r\n"
                lines += 1
        lines += start.count("\n")
        if head.count("\n") != lines or head.count("\r") != lines or "\0" in head:
            raise Unsendable("a header cannot hold this text")
        return route, head

    def _is_header(self, name: str) -> bool:
        """Whether the header is sent as the provider set it; False for headers that the engine sets."""
        if not _TOKEN.fullmatch(name):
            raise Unsendable("this is no name of a header")
        if name.lower() in _OURS:
            return False
        self._names.add(name)
        return True

    def _start(self, method: str, url: str) -> tuple[Route, str]:
        """Return the route of a URL, and the first lines of every request to it."""
        route, target = self._target(url)
        start = f"{method} {target} HTTP/1.1\r\nHost: {route.authority}\r\n{self._fixed}"
        if route.is_relayed and route.proxy and route.proxy.authorization:
            start += f"Proxy-Authorization: {route.proxy.authorization}\r\n"
        return route, start

    def _target(self, url: str) -> tuple[Route, str]:
        """Return the route of a URL, and the target for the request line."""
        try:
            parts = urlsplit(url)
        except ValueError:
            raise Unsendable("the URL cannot be read") from None
        key = (parts.scheme, parts.netloc)
        route = self._routes.get(key)
        if route is None:
            direct = route_of(url)
            route = replace(direct, proxy=proxy_for(direct.secure, direct.host))
            self._routes[key] = route
        target = parts.path or "/"
        if parts.query:
            target += "?" + parts.query
        if not target.isascii() or not target.isprintable() or " " in target:
            target = _quoted(target)
        return route, f"http://{route.authority}{target}" if route.is_relayed else target


def route_of(url: str) -> Route:
    """Return where a URL leads, without proxies. Raises ``Unsendable`` if it cannot be requested."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Unsendable("the URL must start with https:// or http://, and name a host")
        if "@" in parts.netloc:
            raise Unsendable("the URL must not hold a user name or password")
        secure = parts.scheme == "https"
        host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode("ascii")
        port = (443 if secure else 80) if parts.port is None else parts.port
        if not re.fullmatch(r"[A-Za-z0-9._:\-]+", host):
            raise Unsendable("the URL's host is not one that can exist")
        return Route(secure, host, port)
    except ValueError:
        # The error's text may contain a password.
        raise Unsendable("the URL cannot be read") from None


def _quoted(target: str) -> str:
    try:
        return quote(target, safe="!#$%&'()*+,/:;=?@[]~")
    except UnicodeEncodeError:
        raise Unsendable("the URL cannot hold this text") from None


def asking_to_close(data: bytes) -> bytes:
    """Return the request with ``Connection: close``."""
    return data.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
