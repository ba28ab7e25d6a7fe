"""``/u/TOKEN``: the page to unsubscribe, and one-click unsubscription of mail programs (RFC 8058).

Looking changes nothing, because scanners of mail and previews of messages follow links. A POST suppresses the person
at once: mail programs send it with ``List-Unsubscribe=One-Click`` and show no page, and ask for no confirmation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from a2pcli.actions.unsubscribing import PATH, Unsubscription, unsubscribe_desk
from a2pcli.errors import LedgerError
from a2pcli.listening.bodies import AGAIN, headers_of
from a2pcli.listening.leaving_words import WORDS, Words, language_of
from a2pcli.listening.listener import Busy, Part
from a2pcli.listening.web import Asset, page

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from a2pcli.actions.unsubscribing import UnsubscribeDesk
    from a2pcli.listening.listener import Listener

LARGEST = 20_000
"""Bytes of a body; mail programs send a line."""

NO_KEY = (
    "warning: unsubscribe links do not work, requests for them are answered with 503: set A2PCLI_ERASURE_KEY, the"
    " same for every command (docs/listening.md)"
)

ONE_CLICK, BY_PAGE = "one-click", "page"
"""By what somebody unsubscribed, as the ledger keeps it."""


def part(listener: Listener) -> Part | None:
    """The page, if there is a public URL that links can lead to."""
    if listener.settings.settings.listen.public_url is None:
        return None
    desk = unsubscribe_desk(listener.store.ledger, listener.settings)
    if desk is None:
        return Part([Route(f"{PATH}{{token}}", Later(listener))], [NO_KEY])
    assets = [Route(f"{PATH}{name}", Asset(name)) for name in ("style.css", "icon.svg")]
    routes = [*assets, Route(f"{PATH}{{token}}", Leaving(listener, desk))]
    return Part(routes, [f"unsubscribe links: {listener.public_url}{PATH}…"])


class Later:
    """Answers ``/u/TOKEN`` while there is no key to read links with: who comes back later can still unsubscribe."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        self._listener.notices.note("an unsubscribe link was not served: A2PCLI_ERASURE_KEY is not set")
        language = language_of(headers_of(scope).get("accept-language", ""))
        await _told(language, 503, headers=AGAIN)(scope, receive, send)


class Leaving:
    """Answers ``/u/TOKEN``."""

    def __init__(self, listener: Listener, desk: UnsubscribeDesk) -> None:
        self._listener, self._desk = listener, desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response = await self._answer(scope, receive)
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        method, token = scope["method"], scope["path_params"]["token"]
        language = language_of(headers_of(scope).get("accept-language", ""))
        if method not in ("GET", "HEAD", "POST"):
            return _told(language, 405, headers={"Allow": "GET, HEAD, POST"})
        is_valid = self._desk.is_valid(token)
        # A valid POST is always taken: mail providers send those of many people from few addresses.
        if not (is_valid and method == "POST"):
            crowded = self._listener.gate.crowd(scope)
            if crowded is not None:
                return crowded
        if not is_valid:
            self._listener.notices.note("an unsubscribe link was incomplete or not made by this ledger")
            return _told(language, 404)
        body = await self._listener.bodies.read(scope, receive, LARGEST)
        if isinstance(body, Response):
            return body
        try:
            if method == "POST":
                how = ONE_CLICK if b"List-Unsubscribe" in body else BY_PAGE
                found = await self._listener.workers.run(self._desk.leave, token, how)
            else:
                found = await self._listener.workers.run(self._desk.look, token)
        except (LedgerError, Busy) as error:
            why = error.problems[0] if isinstance(error, LedgerError) else "too much at once"
            self._listener.notices.note(f"an unsubscribe link could not be served: {why}")
            return _told(language, 503, headers=AGAIN)
        return _told(language, 404) if found is None else _shown(language, found)


def _shown(language: str, found: Unsubscription) -> Response:
    words, what = WORDS[language], found.title
    values = {"who": found.shown, "what": what}
    if found.is_out:
        text = (words.done if what else words.done_all).format_map(values)
        return _page(language, 200, words.done_title, text, words.later, role="status")
    text = (words.asked if what else words.asked_all).format_map(values)
    return _page(language, 200, words.title, text, button=words.button)


def _told(language: str, status: int, headers: dict[str, str] | None = None) -> Response:
    """A page that says that the link does not work, or not now."""
    words: Words = WORDS[language]
    if status == 503:
        return _page(language, status, words.title, words.busy, role="alert", headers=headers)
    return _page(language, status, words.bad_title, words.bad, role="alert", headers=headers)


def _page(
    language: str,
    status: int,
    title: str,
    text: str,
    note: str = "",
    button: str = "",
    role: str = "",
    headers: dict[str, str] | None = None,
) -> Response:
    return page(
        "unsubscribe", status, {"Vary": "Accept-Language", **(headers or {})},
        language=language, title=title, text=text, note=note, button=button, role=role,
    )  # fmt: skip
