"""``POST /otp`` and ``POST /otp/verify``, for tokens with the scope ``otp``."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.routing import Route

from a2pcli.actions.otp import USE, OneTimePasswords, OtpResult, alarmed, delivery
from a2pcli.errors import InvalidInput, Problem
from a2pcli.listening.api import Answer, Asked, Endpoint
from a2pcli.listening.bodies import Json
from a2pcli.listening.documents import CodeDecided, CodeEntered, CodeRefused, CodeSent, CodeWanted, Gives
from a2pcli.listening.listener import Part
from a2pcli.reporting.values import iso

if TYPE_CHECKING:
    from collections.abc import Iterable

    from a2pcli.listening.listener import Listener

log = logging.getLogger(__name__)

SENT = {
    200: Gives("the code was sent", CodeSent),
    403: Gives("codes are not sent to this country", CodeRefused),
    429: Gives("a limit is reached", CodeRefused),
    502: Gives("the gateway did not take the message", CodeRefused),
}
LONGEST = 1000
"""Characters of a field."""

DECIDED = {200: Gives("whether the code was right", CodeDecided)}


def part(listener: Listener) -> Part | None:
    """The routes, if a token may use them. Raises ``InvalidInput`` if the settings of codes are not enough."""
    if not any("otp" in token.scopes for token in listener.settings.settings.listen.tokens.values()):
        return None
    service = _Service(listener)
    routes = [
        Route("/otp", Endpoint(listener, "otp", service.send, takes=CodeWanted, answers=SENT)),
        Route("/otp/verify", Endpoint(listener, "otp", service.verify, takes=CodeEntered, answers=DECIDED)),
    ]
    return Part(routes, background=[service.keep_sender])


class _Service:
    """Answers the routes. A code is in no URL and in no log."""

    def __init__(self, listener: Listener) -> None:
        from a2pcli.actions.answers import answer_sender

        self._listener = listener
        self._codes = OneTimePasswords(listener.settings, listener.store.ledger)
        self._sender = answer_sender(
            listener.store.ledger,
            listener.settings,
            tell=listener.notices.note,
            keep=listener.store.keep_heard,  # a provider may deliver replies on this connection too
        )
        self._deliver = delivery(self._sender)
        listener.store.hearing.append(self._sender.hearing)

    async def keep_sender(self) -> None:
        """Keep gateways open until the listener stops."""
        try:
            await asyncio.Event().wait()
        finally:
            await self._sender.close()

    async def send(self, asked: Asked) -> Answer:
        """Send a code: 200, 429 if a limit is reached, 403 for a country without codes, 502 if the gateway refused."""
        given = _given(asked, CodeWanted)
        result = await self._codes.send(
            given["to"], self._deliver, use=given.get("for", USE), language=given.get("language")
        )
        if result.alarm is not None:
            self._listener.notices.note(
                f"otp: codes to {result.alarm['range']}… are blocked: {result.sentence}"
            )
            await self._listener.workers.run(alarmed, self._listener.settings, result, self._warn)
        return _sent(result)

    def verify(self, asked: Asked) -> Answer:
        """Decide about a code: 200 with ``verified`` true or false."""
        given = _given(asked, CodeEntered)
        found = self._codes.verify(given["to"], given["code"], use=given.get("for", USE))
        return CodeDecided(verified=found.is_verified, result=found.result, attempts_left=found.attempts_left)

    def _warn(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self._listener.notices.note(str(problem))


def _given(asked: Asked, wanted: Any) -> dict[str, str]:
    """Return the body's texts, which are fields of ``wanted``. Raises ``InvalidInput`` with everything that is wrong
    with it."""
    body, needed, others = asked.json(), wanted.__required_keys__, wanted.__optional_keys__
    wrong = [f"'{name}' is missing" for name in sorted(needed - set(body))]
    wrong += [f"'{name}' is not known" for name in sorted(set(map(str, body)) - needed - others)]
    wrong += [
        f"'{name}' {why}"
        for name in sorted(needed | others)
        if name in body and (why := _why_not(body[name]))
    ]
    if wrong:
        raise InvalidInput(*(Problem(f"the body: {one[:100]}", code="body") for one in wrong))
    return body


def _why_not(value: Any) -> str | None:
    """Why a value is not taken."""
    if not isinstance(value, str):
        return "is not a text"
    return f"is longer than {LONGEST} characters" if len(value) > LONGEST else None


def _sent(result: OtpResult) -> Response:
    if result.code is not None:
        document = CodeSent(
            sent=True,
            certain=result.is_certain,
            id=result.code.id,
            expires_at=iso(result.code.expires_at),
            next_at=iso(result.code.next_at),
            attempts_left=result.code.attempts_left,
        )
        return Json(document)
    seconds = result.seconds
    headers = {} if seconds is None else {"Retry-After": str(seconds)}
    status = {"gateway": 502, "country": 403}.get(str(result.reason), 429)
    until = None if result.until is None else iso(result.until)
    refused = CodeRefused(sent=False, error=result.reason, message=result.sentence, next_at=until)
    return Json(refused, status, headers)
