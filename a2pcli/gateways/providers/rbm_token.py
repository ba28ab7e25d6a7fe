"""Signing in at Google as a service account: a token signed with its key (RFC 7523) buys one that lasts an hour."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from dataclasses import field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from a2pcli.dataclass import dataclass
from a2pcli.errors import InvalidInput
from a2pcli.gateways.base import HttpRequest, HttpResponse
from a2pcli.gateways.engine.protocol import Engine, MaybeSent, NotSent, Unsendable
from a2pcli.gateways.engine.transport import checked_url
from a2pcli.gateways.providers.common import FORM, json_object
from a2pcli.gateways.settings import block_problem, missing_extra
from a2pcli.messages import Cause, Outcome, Verdict

SCOPE = "https://www.googleapis.com/auth/rcsbusinessmessaging"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_TOKEN_URI = "https://oauth2.googleapis.com/token"
_TIMEOUT = 30.0
_LASTS = 3600
_EARLY = 120
"""Seconds before its expiry from which a token is no longer used."""


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A service account; ``key`` is its private key."""

    email: str
    key: Any = field(repr=False)
    key_id: str | None
    token_uri: str

    def assertion(self, now: int) -> str:
        """Return the signed assertion (RFC 7523) of this account."""
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        head = {"alg": "RS256", "typ": "JWT", "kid": self.key_id}
        claims = {
            "iss": self.email, "scope": SCOPE, "aud": self.token_uri, "iat": now, "exp": now + _LASTS,
        }  # fmt: skip
        signed = _part({key: value for key, value in head.items() if value}) + b"." + _part(claims)
        signature = self.key.sign(signed, PKCS1v15(), SHA256())
        return (signed + b"." + _base64(signature)).decode("ascii")

    def token_request(self, now: int, timeout: float) -> HttpRequest:
        """Build the request for a token."""
        body = urlencode({"grant_type": _GRANT, "assertion": self.assertion(now)}).encode("ascii")
        return HttpRequest("POST", self.token_uri, {"Content-Type": FORM}, body, timeout)


def account_of(name: str, file: str | None, text: str, folder: Path) -> ServiceAccount:
    """The service account of a gateway's settings. Raises ``InvalidInput``."""
    try:
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        raise InvalidInput(missing_extra(name, "rcs")) from None

    key_name = "service_account" if file else "service_account_key"
    if bool(file) == bool(text):
        hint = "service_account is the key file that Google Cloud made, service_account_key the JSON in it"
        raise InvalidInput(block_problem(name, "", "give service_account or service_account_key", hint=hint))

    def wrong(why: str) -> InvalidInput:
        hint = "it must be the JSON of a service account's key, as Google Cloud makes it"
        return InvalidInput(block_problem(name, key_name, why, hint=hint))

    if file:
        try:
            text = (folder / file).read_text(encoding="utf-8")
        except FileNotFoundError as error:  # a secret, which a machine that only plans need not have
            problem = wrong(_unreadable(error)).problems[0]
            raise InvalidInput(replace(problem, code="missing-secret")) from None
        except (OSError, ValueError) as error:
            raise wrong(_unreadable(error)) from None
    try:
        data = json.loads(text)
        email, pem = data["client_email"], data["private_key"]
        token_uri = checked_url(data.get("token_uri") or _TOKEN_URI)
        key = load_pem_private_key(pem.encode(), None)
    except Exception:  # whatever is wrong with it must not quote the key
        raise wrong("this is no service account's key") from None
    if not isinstance(key, RSAPrivateKey) or not isinstance(email, str):
        raise wrong("this is no service account's key")
    return ServiceAccount(email, key, data.get("private_key_id"), token_uri)


def _unreadable(error: Exception) -> str:
    return f"the key file cannot be read ({type(error).__name__})"


class TokenRefused(Exception):
    """No token was issued; ``outcome`` is that of the messages, none of which was sent."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


class Signed:
    """The token of an account, requested when it is needed and kept until shortly before it expires."""

    def __init__(self, account: Callable[[], ServiceAccount]) -> None:
        self._account_of = account
        self._account: ServiceAccount | None = None
        self._token: str | None = None
        self._until = 0.0
        self._buying: asyncio.Lock | None = None

    def prepare(self) -> None:
        """Read the key. Raises ``InvalidInput``."""
        self._account = self._account_of()
        self._buying = asyncio.Lock()

    def forget(self) -> None:
        """Forget the token, which was refused; the next use requests a new one."""
        self._token = None

    async def token(self, engine: Engine) -> str:
        """Return a valid token. Raises ``TokenRefused``."""
        if self._account is None or self._buying is None:
            raise TokenRefused(_not_sent(Cause.UNREACHABLE, "closed", "the gateway is closed"))
        async with self._buying:
            if self._token is None or time.monotonic() >= self._until:
                self._token = None
                self._token, lasts = await self._bought(engine, self._account)
                self._until = time.monotonic() + max(0.0, lasts - _EARLY)
            return self._token

    async def _bought(self, engine: Engine, account: ServiceAccount) -> tuple[str, float]:
        try:
            response = await engine.send(account.token_request(int(time.time()), _TIMEOUT))
        except (NotSent, MaybeSent) as error:
            detail = f"Google's token service: {error.detail}"
            raise TokenRefused(_not_sent(Cause.UNREACHABLE, error.code, detail)) from None
        except Unsendable as error:
            raise TokenRefused(_not_sent(Cause.ACCOUNT, "unsendable", str(error))) from None
        return _token_of(response)


def _token_of(response: HttpResponse) -> tuple[str, float]:
    """Return the token in an answer, and the seconds for which it is valid. Raises ``TokenRefused``."""
    data = json_object(response)
    token, lasts = data.get("access_token"), data.get("expires_in", _LASTS)
    good = isinstance(token, str) and token.isascii() and token.isprintable()
    if response.status == 200 and good and isinstance(lasts, int | float):
        return str(token), float(lasts)
    if response.status == 429 or response.status >= 500:
        # Nothing was sent, so even an unclear failure may be retried.
        outcome = _not_sent(Cause.TEMPORARY, str(response.status), "Google's token service cannot answer now")
        raise TokenRefused(outcome)
    detail = "Google refused the service account's key" if response.status in (400, 401, 403) else (
        "the answer is not that of Google's token service"
    )  # fmt: skip
    raise TokenRefused(_not_sent(Cause.ACCOUNT, str(response.status), detail))


def _not_sent(cause: Cause, code: str, detail: str) -> Outcome:
    return Outcome(Verdict.NOT_SENT, cause=cause, code=code, detail=detail)


def _part(data: dict[str, Any]) -> bytes:
    return _base64(json.dumps(data, separators=(",", ":")).encode())


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
