"""Connects to an origin: names, proxies, TLS. If this fails, nothing was sent.

Names are kept for a few seconds (a server that closes after every answer would mean a look-up for each
message), and of several addresses the one that worked last comes first.
"""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import ssl
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from a2pcli.dataclass import dataclass
from a2pcli.gateways.engine.protocol import CONNECT_TIMEOUT, NotSent

NAMES_KEPT = 10.0
"""Seconds for which a name's addresses are cached."""

_MAX_PROXY_ANSWER = 16_384


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy from the environment (``HTTPS_PROXY`` and the like)."""

    host: str
    port: int
    authorization: str | None


@dataclass(frozen=True, slots=True)
class Route:
    """A request's destination and proxy. ``host`` is ASCII, without brackets."""

    secure: bool
    host: str
    port: int
    proxy: Proxy | None = None

    @property
    def authority(self) -> str:
        """``host:port`` as HTTP writes it, without the default port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"

    @property
    def is_relayed(self) -> bool:
        """Whether it goes through a proxy that reads the request and needs the whole URL."""
        return self.proxy is not None and not self.secure


Connected = TypeVar("Connected", bound=asyncio.Protocol)


class Dialer:
    """Opens one connection per call."""

    def __init__(self, *, timeout: float = CONNECT_TIMEOUT, tls: ssl.SSLContext | None = None) -> None:
        self._timeout = timeout
        self._tls = tls
        self._names: dict[tuple[str, int], tuple[float, list[str]]] = {}
        self._looking: dict[tuple[str, int], asyncio.Task[list[str]]] = {}

    async def dial(self, route: Route, factory: Callable[[], Connected]) -> Connected:
        """Return a connected protocol. Raises ``NotSent`` for any failure."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._dial(route, factory)
        except NotSent:
            raise
        except Exception as error:
            raise not_sent(error) from error

    async def _dial(self, route: Route, factory: Callable[[], Connected]) -> Connected:
        hop = route.proxy or route
        connected = await self._socket(hop.host, hop.port)
        try:
            if route.proxy and route.secure:
                await _tunnel(connected, route, route.proxy)
            _, protocol = await asyncio.get_running_loop().create_connection(
                factory,
                sock=connected,
                ssl=self._context() if route.secure else None,
                server_hostname=route.host if route.secure else None,
            )
        except BaseException:
            connected.close()
            raise
        return protocol

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = tls_context()
        return self._tls

    async def _socket(self, host: str, port: int) -> socket.socket:
        addresses = await self._addresses(host, port)
        failure: OSError | None = None
        loop = asyncio.get_running_loop()
        for address in list(addresses):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            attempt = socket.socket(family, socket.SOCK_STREAM)
            attempt.setblocking(False)
            try:
                # An address that does not answer must leave time for the next one.
                async with asyncio.timeout(self._timeout / len(addresses)):
                    await loop.sock_connect(attempt, (address, port))
            except OSError as error:  # includes TimeoutError
                attempt.close()
                failure = error
                continue
            except BaseException:
                attempt.close()
                raise
            if address != addresses[0]:
                addresses.remove(address)
                addresses.insert(0, address)
            return attempt
        self._names.pop((host, port), None)
        raise failure or OSError("the name has no address")

    async def _addresses(self, host: str, port: int) -> list[str]:
        """Return the name's addresses; concurrent look-ups of the same name are shared."""
        if _is_address(host):
            return [host]
        key = (host, port)
        loop = asyncio.get_running_loop()
        known = self._names.get(key)
        if known and known[0] > loop.time():
            return known[1]
        task = self._looking.get(key)
        if task is None:
            task = self._looking[key] = loop.create_task(self._look_up(key))
            # All waiters may be gone when it fails; that must not log an unretrieved exception.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(task)

    async def _look_up(self, key: tuple[str, int]) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(key[0], key[1], type=socket.SOCK_STREAM)
        finally:
            self._looking.pop(key, None)
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        self._names[key] = (loop.time() + NAMES_KEPT, addresses)
        return addresses


def _is_address(host: str) -> bool:
    """Whether a host is an IP address, for which there is nothing to look up (one with a zone, ``fe80::1%eth0``, is
    left to the system)."""
    for family in (socket.AF_INET, socket.AF_INET6):
        with suppress(OSError, ValueError):
            socket.inet_pton(family, host)
            return True
    return False


def tls_context() -> ssl.SSLContext:
    """Return a context that verifies TLS with the system's roots and certifi's, or with ``SSL_CERT_FILE`` and
    ``SSL_CERT_DIR``."""
    import certifi

    context = ssl.create_default_context()
    if not (os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")):
        context.load_verify_locations(certifi.where())
    return context


def proxy_for(secure: bool, host: str) -> Proxy | None:
    """Return the proxy that the environment sets for a host; None for a direct connection.

    Reads the same as ``urllib``: ``HTTPS_PROXY``, ``HTTP_PROXY``, ``ALL_PROXY``, ``NO_PROXY``, the system's settings
    on macOS and Windows. Raises ``NotSent`` for an unsupported proxy (SOCKS, TLS to it).
    """
    proxies = urllib.request.getproxies()
    url = proxies.get("https" if secure else "http") or proxies.get("all")
    if not url or urllib.request.proxy_bypass(host):
        return None
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host_of_proxy, port = parts.hostname, parts.port or 80
    except ValueError:
        raise NotSent("proxy", "the environment sets a proxy whose URL is invalid") from None
    if parts.scheme != "http" or not host_of_proxy:
        kind = parts.scheme if parts.scheme.isalnum() else "different"
        raise NotSent("proxy", f"the environment sets a {kind} proxy; only http:// proxies are supported")
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        authorization = "Basic " + base64.b64encode(pair).decode("ascii")
    return Proxy(host_of_proxy, port, authorization)


async def _tunnel(connected: socket.socket, route: Route, proxy: Proxy) -> None:
    """Ask the proxy for a tunnel to the route's host (RFC 9110, CONNECT)."""
    loop = asyncio.get_running_loop()
    host = f"[{route.host}]" if ":" in route.host else route.host
    lines = [f"CONNECT {host}:{route.port} HTTP/1.1", f"Host: {host}:{route.port}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    await loop.sock_sendall(connected, ("\r\n".join(lines) + "\r\n\r\n").encode("ascii"))
    answer = b""
    while b"\r\n\r\n" not in answer:
        # Bytes beyond the answer would belong to the TLS handshake, but a proxy sends none before ours.
        more = await loop.sock_recv(connected, 4096)
        answer += more
        if not more or len(answer) > _MAX_PROXY_ANSWER:
            raise NotSent("proxy", "the proxy closed the connection")
    status = answer.split(b"\r\n", 1)[0].split(b" ")[1:2]
    if not status or not status[0].startswith(b"2"):
        code = status[0][:3].decode("ascii", "replace") if status else "garbled"
        raise NotSent(f"proxy-{code}", f"the proxy refused the connection ({code})")


def not_sent(error: BaseException) -> NotSent:
    """Return a connection failure as a ``NotSent`` that names its kind."""
    match error:
        case TimeoutError():
            return NotSent("connect-timeout", "connection timed out")
        case socket.gaierror():
            return NotSent("dns", "the host name could not be resolved")
        case ssl.SSLCertVerificationError():
            why = getattr(error, "verify_message", "") or "not verified"
            return NotSent("tls", f"the certificate is not trusted: {why}")
        case ssl.SSLError():
            return NotSent("tls", "the TLS connection failed")
        case ConnectionRefusedError():
            return NotSent("refused", "the connection was refused")
        case OSError():
            return NotSent(
                "connect", f"no connection: {os.strerror(error.errno) if error.errno else 'failed'}"
            )
        case UnicodeError():
            return NotSent("dns", "the host name is invalid")
        case _:
            return NotSent("connect", f"no connection: {type(error).__name__}")
