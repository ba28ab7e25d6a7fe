"""The page at ``/``: log in with a token, then runs as they are sent, the newest replies, and the newest receipts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from a2pcli.actions.inbox import close_by, post_answer
from a2pcli.errors import A2PError, LedgerError
from a2pcli.listening.board import Board, zone_now
from a2pcli.listening.bodies import AGAIN
from a2pcli.listening.documents import FormOfPage, Login, ReplyForm
from a2pcli.listening.forms import Answers, Visit
from a2pcli.listening.listener import Busy, Part
from a2pcli.listening.sessions import LASTS, Session, Sessions, is_right
from a2pcli.listening.web import SAFE, Asset, page

if TYPE_CHECKING:
    from a2pcli.listening.listener import Listener
    from a2pcli.listening.tokens import Token

SCOPES = frozenset({"read", "inbox"})
"""Scopes with which one may log in; each shows its own sections."""

LOGS_IN, LOGS_OUT = ("303", "401", "403"), ("303", "403")
CHANGES = ("303", "400", "401", "403", "409")
"""Statuses of forms."""

SENT_BEFORE = "An answer was sent from this page before, so this one was not. The inbox shows what was sent."


class Page:
    """The answers of the page."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._sessions = Sessions(listener.gate.tokens)
        self._board = Board(listener.store)

    def routes(self) -> list[BaseRoute]:
        """The routes."""
        return [
            Route("/", Answers(self._listener, self.home, "GET", "HEAD")),
            Route("/live", Answers(self._listener, self.live, "GET", more=("200", "401"))),
            Route("/login", Answers(self._listener, self.login, "POST", takes=Login, more=LOGS_IN)),
            Route("/logout", Answers(self._listener, self.logout, "POST", takes=FormOfPage, more=LOGS_OUT)),
            Route(
                "/inbox/{code}/reply",
                Answers(self._listener, self.reply, "POST", takes=ReplyForm, more=CHANGES),
            ),
            Route(
                "/inbox/{code}/close",
                Answers(self._listener, self.close, "POST", takes=FormOfPage, more=CHANGES),
            ),
            Route("/assets/style.css", Asset("style.css")),
            Route("/assets/board.css", Asset("board.css")),
            Route("/assets/board.js", Asset("board.js")),
            Route("/assets/icon.svg", Asset("icon.svg")),
        ]

    async def home(self, visit: Visit) -> Response:
        """The page itself, or the form to log in."""
        found = self._sessions.of(visit.cookie)
        return await self._shown("board", *found) if found is not None else _login()

    async def live(self, visit: Visit) -> Response:
        """What may have changed since the page was loaded."""
        found = self._sessions.of(visit.cookie, is_person=False)
        return await self._shown("live", *found) if found is not None else _login(401)

    async def login(self, visit: Visit) -> Response:
        """Begin a session."""
        gate = self._listener.gate
        if not visit.is_from_here:
            return _login(403, "Please log in on this page itself.")
        secret = visit.form.get("token", "").strip()
        token = gate.tokens.with_secret(secret)
        if token is None or token.is_signed:
            too_many = gate.failed_login(visit.scope)
            if too_many is not None:
                seconds = too_many.headers["Retry-After"]
                why = f"Too many attempts. Please wait {seconds} seconds."
                return _login(429, why, {"Retry-After": seconds})
            return _login(401, "This token is not valid.")
        if SCOPES.isdisjoint(token.scopes):
            return _login(403, "This token is not for this page: it needs the scope 'read' or 'inbox'.")
        self._listener.notices.note(f"the token {token.name} logged in to the page")
        return _back(visit.cookie_header(self._sessions.begin(token, secret), int(LASTS)))

    async def logout(self, visit: Visit) -> Response:
        """End the session."""
        found = self._sessions.of(visit.cookie)
        if found is not None and not self._is_own(visit, found[0]):
            return _login(403, "Please log out on the page itself.")
        self._sessions.end(visit.cookie)
        return _back(visit.cookie_header("", 0))

    async def reply(self, visit: Visit) -> Response:
        """Answer the person of a conversation."""
        code, text = visit.scope["path_params"]["code"], visit.form.get("text", "")

        def work(token: Token) -> str:
            ledger, settings = self._listener.store.ledger, self._listener.settings
            document = {"text": text, "id": visit.form.get("turn"), "close": "close" in visit.form}
            done = post_answer(ledger, settings, code, document, token.name)
            self._listener.store.on_answers()
            return SENT_BEFORE if done["duplicate"] else ""

        return await self._changed(visit, work)

    async def close(self, visit: Visit) -> Response:
        """Close a conversation."""
        code = visit.scope["path_params"]["code"]

        def work(token: Token) -> str:
            close_by(self._listener.store.ledger, code, token.name)
            return ""

        return await self._changed(visit, work)

    async def _changed(self, visit: Visit, work: Callable[[Token], str]) -> Response:
        """Do what a form of the inbox asks for, and go back to the page; say what is wrong if it cannot be done."""
        found = self._sessions.of(visit.cookie)
        if found is None:
            return _problem(401, "You are logged out. Log in again, then send it once more.", visit)
        session, token = found
        if not self._is_own(visit, session) or "inbox" not in token.scopes:
            return _problem(403, "This was not sent from the inbox of this page.", visit)
        try:
            problem = await self._listener.workers.run(work, token)
        except (LedgerError, Busy):
            return _problem(503, "It could not be saved just now. Please try again in a minute.", visit)
        except A2PError as error:
            first = error.problems[0]
            return _problem(400, f"{first.message}{f': {first.hint}' if first.hint else ''}.", visit)
        self._board.forget()
        return _problem(409, problem, visit) if problem else _back({}, "../../#inbox")

    def _is_own(self, visit: Visit, session: Session) -> bool:
        return visit.is_from_here and is_right(session, visit.form.get("csrf", ""))

    async def _shown(self, name: str, session: Session, token: Token) -> Response:
        try:
            sections = await self._listener.workers.run(self._sections, token)
        except (LedgerError, Busy):
            return page(
                "board_busy",
                503,
                AGAIN,
                message="The ledger cannot be read now. Please try again in a minute.",
            )
        named: dict[str, Any] = {
            "token": token.name,
            "zone": zone_now(),
            "ledger": self._listener.store.name.rpartition("/")[2],
        }
        return page(name, csrf=session.csrf, **named, **sections)

    def _sections(self, token: Token) -> dict[str, Any]:
        """What a token may see; None for what it may not."""
        reads, has_inbox = "read" in token.scopes, "inbox" in token.scopes
        return {
            "runs": self._board.runs() if reads else None,
            "receipts": self._board.receipts() if reads else None,
            "replies": self._board.replies() if has_inbox else None,
            "inbox": self._board.inbox() if has_inbox else None,
        }


def part(listener: Listener) -> Part | None:
    """The page, if a token may use it."""
    tokens = listener.settings.settings.listen.tokens.values()
    if all(SCOPES.isdisjoint(token.scopes) for token in tokens):
        return None
    return Part(Page(listener).routes(), [f"page for people: {listener.public_url}/"])


def _login(status: int = 200, problem: str = "", headers: Mapping[str, str] | None = None) -> Response:
    return page("login", status, headers, problem=problem)


def _problem(status: int, problem: str, visit: Visit) -> Response:
    """A page that says why something was not done, with the text that somebody wrote."""
    headers = AGAIN if status == 503 else None
    return page("inbox_problem", status, headers, problem=problem, text=visit.form.get("text", "").strip())


def _back(headers: Mapping[str, str], where: str = "./") -> Response:
    """To the page, by a GET."""
    return Response(status_code=303, headers={**SAFE, "Location": where, **headers})
