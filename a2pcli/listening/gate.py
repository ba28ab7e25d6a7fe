"""Lets in who may call: tokens and signatures are checked, and nobody calls more often than agreed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

from starlette.responses import Response

from a2pcli.config.values import parse_rate
from a2pcli.listening.bodies import Json, path_of
from a2pcli.listening.limits import Limits
from a2pcli.listening.signatures import SIGNATURE, TOKEN, Signatures, Signed

if TYPE_CHECKING:
    from starlette.types import Scope

    from a2pcli.config.listen import ListenSettings
    from a2pcli.listening.notices import Notices
    from a2pcli.listening.tokens import Token, Tokens

FAILURES, FAILURES_BURST = 10 / 60, 60.0
"""Failed attempts a second of an address, and the seconds' worth that it may make at once."""

MOST_SIGNERS = 10_000
"""Addresses that are remembered with the token by which they signed."""


def refused(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """A refusal as programs read it."""
    return Json({"error": code, "message": message}, status, dict(headers or {}))


def too_often(seconds: int) -> Response:
    """The response to whoever calls too often."""
    return refused(429, "too-many-requests", "too many requests", {"Retry-After": str(seconds)})


class Gate:
    """Knows who calls, from which address and how often. ``prefix`` is the path of the public URL."""

    def __init__(self, tokens: Tokens, settings: ListenSettings, prefix: str, notices: Notices) -> None:
        self.tokens = tokens
        self._prefix, self._notices = prefix, notices
        self._proxies = [ip_network(one) for one in settings.proxies]
        self._per_address = parse_rate(settings.per_address).per_second
        self._signatures = Signatures()
        self._limits, self._failures = Limits(), Limits(FAILURES_BURST)
        self._signers: OrderedDict[tuple[str, str], None] = OrderedDict()

    def address(self, scope: Scope) -> str:
        """The caller's network; where a proxy is believed, that of the address that it gives."""
        return _network_of(self.caller_address(scope))

    def caller_address(self, scope: Scope) -> str:
        """The caller's address; where a proxy is believed, the address that it gives."""
        address = scope["client"][0] if scope.get("client") else ""
        if self._is_proxy(address):
            passed = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
            hops = [one.strip() for one in passed.decode("latin-1").split(",")]
            others = [one for one in hops if one and not self._is_proxy(one)]
            address = others[-1] if others else address
        return address

    def _is_proxy(self, address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._proxies)

    def crowd(self, scope: Scope) -> Response | None:
        """The response to an address that calls too often; None for any other.

        Callers from this machine are not counted: behind a proxy that is not in the settings, all are.
        """
        address = self.address(scope)
        if _is_local(address):
            return None
        seconds = self._limits.wait(f"address {address}", self._per_address)
        if not seconds:
            return None
        self._notices.note("an address calls too often: some requests are answered with 429")
        return too_often(seconds)

    def caller(self, scope: Scope, headers: Mapping[str, str], wanted: str) -> Token | Response:
        """The token that a request names, if it may do what is ``wanted``. A signature is not checked yet, so that a
        body is read only for who is known."""
        scheme, _, secret = headers.get("authorization", "").partition(" ")
        token = self.tokens.named(headers.get(TOKEN, "")) if SIGNATURE in headers else None
        if token is None and scheme.lower() == "bearer":
            token = self.tokens.with_secret(secret.strip())
            if token is not None and token.is_signed:
                return self._failed(scope, f"requests of the token {token.name} must be signed")
        if token is None:
            return self._failed(scope, "a token is missing or wrong")
        if wanted and wanted not in token.scopes:
            self._notices.note(f"the token {token.name} was used for '{wanted}', which is not in its scopes")
            return refused(403, "forbidden", f"this token is not for '{wanted}'")
        if SIGNATURE in headers:
            return token
        return self._counted(token)

    def is_known(self, scope: Scope, headers: Mapping[str, str]) -> bool:
        """Whether a caller with a valid token is limited by the token's own rate alone: its secret came, or its
        signature was right from this address before. Others count for their address until their body is read."""
        return SIGNATURE not in headers or (self.address(scope), headers.get(TOKEN, "")) in self._signers

    def unsigned(self, scope: Scope, why: str) -> Response:
        """Count a request whose signature is wrong; return the response."""
        return self._failed(scope, why)

    def verified(
        self, token: Token, scope: Scope, headers: Mapping[str, str], body: bytes
    ) -> Response | None:
        """The response to a request whose signature does not hold; None if it holds, or if there is none."""
        if SIGNATURE not in headers:
            return None
        query = scope["query_string"].decode("latin-1")
        target = path_of(scope, self._prefix) + (f"?{query}" if query else "")
        found = self._signatures.check(token, headers, scope["method"], target, body)
        if found is Signed.GOOD:
            self._signers[self.address(scope), token.name] = None
            if len(self._signers) > MOST_SIGNERS:
                self._signers.popitem(last=False)
            counted = self._counted(token)
            return counted if isinstance(counted, Response) else None
        if found is Signed.AGAIN:
            return refused(409, "replayed", str(found))
        if found is Signed.TOO_MANY:
            return too_often(60)
        return self._failed(scope, str(found))

    def failed_login(self, scope: Scope) -> Response | None:
        """Count a failed attempt to log in; return the response if there were too many."""
        found = self._failed(scope, "a token is missing or wrong")
        return found if found.status_code == 429 else None

    def _counted(self, token: Token) -> Token | Response:
        seconds = self._limits.wait(f"token {token.name}", token.rate)
        if not seconds:
            return token
        self._notices.note(f"the token {token.name} calls too often: some requests are answered with 429")
        return too_often(seconds)

    def _failed(self, scope: Scope, why: str) -> Response:
        self._notices.note(f"a request was refused: {why}")
        seconds = self._failures.wait(self.address(scope), FAILURES)
        if seconds:
            return too_often(seconds)
        return refused(401, "unauthorized", why, {"WWW-Authenticate": 'Bearer realm="a2pcli"'})


def _network_of(address: str) -> str:
    """The address; of IPv6 the network of 64 bits, all of which one subscriber has."""
    try:
        found = ip_address(address)
    except ValueError:
        return address[:60]
    if isinstance(found, IPv6Address) and not found.is_loopback:
        return str(found.ipv4_mapped or ip_network((found, 64), strict=False))
    return str(found)


def _is_local(address: str) -> bool:
    try:
        return ip_network(address).network_address.is_loopback
    except ValueError:
        return not address
