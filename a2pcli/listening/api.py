"""One route of the interface for programs: who calls is checked, the body is read, errors become JSON."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.responses import Response

from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, InvalidInput, LedgerError, LedgerUnavailable, Problem
from a2pcli.listening.bodies import AGAIN, LARGEST, Json, headers_of
from a2pcli.listening.documents import Gives
from a2pcli.listening.gate import refused
from a2pcli.listening.listener import Busy
from a2pcli.listening.signatures import SIGNATURE

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from a2pcli.listening.listener import Listener
    from a2pcli.listening.tokens import Token


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of somebody who may make it. Names of headers are in small letters."""

    token: Token
    method: str
    parameters: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    address: str

    @property
    def signed_key(self) -> str | None:
        """A key of what a signed request does, for requests without one of their own; None if it is not signed.
        Signatures are remembered until the listener stops: stored with what was done, it holds after that too."""
        found = self.headers.get(SIGNATURE)
        return None if found is None else f"signed {found.removeprefix('v1=')}"

    def json(self) -> dict[str, Any]:
        """The body as a JSON object. Raises ``InvalidInput``."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise InvalidInput(Problem("the body is not a JSON object", code="not-json"))
        return found


Answer = Response | Mapping[str, Any]
"""A response, or the JSON document of one with status 200."""


ANY = ""
"""Stands for a scope where any token will do."""


class Endpoint:
    """Answers a route for tokens with the scope ``wanted``. The first sentence of ``answer``'s docstring is the route's
    summary in ``/openapi.json``; ``takes`` is the type of the document that it takes, and ``answers`` those that it
    gives, by status, beside refusals that every route has.

    ``answer`` is called on a worker thread, or awaited if it is a coroutine function. It may raise an ``A2PError``:
    wrong input is answered with 400, a ledger that cannot be used with 503.
    """

    def __init__(
        self,
        listener: Listener,
        wanted: str,
        answer: Callable[[Asked], Answer | Awaitable[Answer]],
        methods: tuple[str, ...] = ("POST",),
        largest: int = LARGEST,
        takes: Any = dict[str, Any],
        answers: Mapping[int, Gives] | None = None,
    ) -> None:
        self._listener, self.wanted, self.answer = listener, wanted, answer
        self.methods, self._largest, self.takes = methods, largest, takes
        self.answers = answers or {200: Gives("done", dict[str, Any])}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response = await self._respond(scope, receive)
        await response(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        gate = self._listener.gate
        headers = headers_of(scope)
        token = gate.caller(scope, headers, self.wanted)
        if isinstance(token, Response):
            return gate.crowd(scope) or token
        if not gate.is_known(scope, headers) and (crowded := gate.crowd(scope)) is not None:
            return crowded
        if scope["method"] not in self.methods:
            allowed = ", ".join(self.methods)
            return refused(405, "method", f"use {allowed}", {"Allow": allowed})
        body = await self._listener.bodies.read(scope, receive, self._largest)
        if isinstance(body, Response):
            kept = {
                name: body.headers[name] for name in ("retry-after", "connection") if name in body.headers
            }
            return refused(body.status_code, "body", bytes(body.body).decode().strip(), kept)
        wrong = gate.verified(token, scope, headers, body)
        if wrong is not None:
            return wrong
        if any("\0" in one for one in scope["path_params"].values()):
            return refused(404, "unknown", "there is no such thing")  # no database looks for NUL
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        asked = Asked(token, scope["method"], scope["path_params"], query, headers, body, gate.address(scope))
        return await self._answered(asked)

    async def _answered(self, asked: Asked) -> Response:
        notices = self._listener.notices
        try:
            if inspect.iscoroutinefunction(self.answer):
                found = await self.answer(asked)
            else:
                found = await self._listener.workers.run(self.answer, asked)
        except Busy:
            return refused(503, "busy", "too much at once", AGAIN)
        except LedgerError as error:
            return self._of_ledger(error)
        except A2PError as error:
            return of_input(error)
        except Exception as error:
            notices.note(f"'{self.wanted}': a request failed: {type(error).__name__}")
            return refused(500, "internal", "this is a fault of a2pcli; the log names it")
        return found if isinstance(found, Response) else Json(dict(found))

    def _of_ledger(self, error: LedgerError) -> Response:
        problem = error.problems[0]
        self._listener.notices.note(f"'{self.wanted}': a request is answered with 503: {problem}")
        code = "ledger-unavailable" if isinstance(error, LedgerUnavailable) else "ledger"
        return refused(503, code, "the ledger cannot be used now", AGAIN)


def of_input(error: A2PError) -> Response:
    """What is wrong with a request, without the places in files of this machine."""
    found = [
        {"code": one.code, "message": one.message, **({"hint": one.hint} if one.hint else {})}
        for one in error.problems
    ]
    first = found[0] if found else {"code": "invalid", "message": "not accepted"}
    return Json({"error": first["code"], "message": first["message"], "problems": found}, 400)
