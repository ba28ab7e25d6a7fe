"""Who is logged in to the page: a session begins with a token, and ends with it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from a2pcli.dataclass import dataclass

if TYPE_CHECKING:
    from a2pcli.listening.tokens import Token, Tokens

COOKIE = "a2pcli_session"

LASTS, IDLE = 12 * 3600.0, 2 * 3600.0
"""Seconds that a session lasts, at most and without a request of a person."""

MOST = 500
"""Sessions at once; the oldest ends for a new one."""


@dataclass(slots=True)
class Session:
    """Somebody who is logged in. ``csrf`` is in every form of the page. ``secret`` is a hash."""

    token: str
    secret: bytes
    csrf: str
    began: float
    seen: float


def _hash(secret: bytes) -> bytes:
    return hashlib.sha256(b"session of " + secret).digest()


class Sessions:
    """The sessions, by hashes of what is in their cookies."""

    def __init__(self, tokens: Tokens, now: Callable[[], float] = time.monotonic) -> None:
        self._tokens, self._now = tokens, now
        self._open: OrderedDict[bytes, Session] = OrderedDict()

    def begin(self, token: Token, secret: str) -> str:
        """Begin a session with a secret of the token; return what goes into the cookie."""
        cookie, now = secrets.token_urlsafe(32), self._now()
        session = Session(token.name, _hash(secret.encode()), secrets.token_urlsafe(32), now, now)
        self._open[_hash(cookie.encode())] = session
        while len(self._open) > MOST:
            self._open.popitem(last=False)
        return cookie

    def of(self, cookie: str, *, is_person: bool = True) -> tuple[Session, Token] | None:
        """The session of a cookie, and its token as it is now; None if there is none, or if its secret is not valid any
        more. A page that looks for news by itself (not ``is_person``) does not keep a session alive."""
        key, now = _hash(cookie.encode("utf-8", "replace")), self._now()
        session = self._open.get(key)
        if session is None:
            return None
        token = self._tokens.named(session.token)
        is_valid = token is not None and any(
            hmac.compare_digest(_hash(secret), session.secret) for secret in token.secrets
        )
        if token is None or not is_valid or now - session.began > LASTS or now - session.seen > IDLE:
            del self._open[key]
            return None
        if is_person:
            session.seen = now
        return session, token

    def end(self, cookie: str) -> None:
        """End the session of a cookie."""
        self._open.pop(_hash(cookie.encode("utf-8", "replace")), None)


def is_right(session: Session, csrf: str) -> bool:
    """Whether a form came from a page of this session."""
    return hmac.compare_digest(session.csrf.encode(), csrf.encode("utf-8", "replace"))
