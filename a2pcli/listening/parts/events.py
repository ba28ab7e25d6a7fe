"""Takes events: ``POST /events/NAME`` from programs with a token and from providers that sign, and MQTT topics.

An event is stored before it is answered with 2xx, many in one transaction. Then its message is made, within a moment,
and sent by the sender of answers.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.routing import Route

from a2pcli.actions.event_rules import EventRule, events_path, load_event_rules
from a2pcli.actions.event_sources import Call, is_signed, signed_key
from a2pcli.actions.events import conflict, event_document, new_document, tried
from a2pcli.errors import InvalidInput, Problem
from a2pcli.listening.api import Answer, Asked, Endpoint, of_input
from a2pcli.listening.bodies import AGAIN, Json, headers_of, path_of
from a2pcli.listening.documents import (
    Error,
    Event,
    EventIgnored,
    EventReady,
    EventShown,
    EventsTaken,
    EventTaken,
    EventTried,
    Gives,
)
from a2pcli.listening.event_intake import Intake
from a2pcli.listening.fresh import Reread
from a2pcli.listening.gate import refused
from a2pcli.listening.listener import Part
from a2pcli.listening.storing import TooMuch

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from a2pcli.actions.events import Added, NewTrigger
    from a2pcli.listening.listener import Listener

LONGEST_WAIT = 20.0
"""Seconds that ``?wait=`` may ask for."""

MOST_IN_ONE = 500
"""Events in one request of a provider that sends lists."""

FIELD = "idempotency-key"

GONE = Gives("there is no such event", Error)
STORED = Gives("it is stored, and its message follows", EventTaken | EventsTaken)
KNOWN = Gives(
    "it came before, is ignored, was only tried, or became what is said",
    EventTaken | EventShown | EventTried | EventIgnored | EventReady,
)
CONFLICT = Gives("the idempotency key was given for another event", Error)
TAKEN = {200: KNOWN, 202: STORED, 404: GONE, 409: CONFLICT}
SHOWN = {200: Gives("what became of it", EventShown), 404: GONE}


class Events(Endpoint):
    """Answers ``POST /events/NAME``: by the provider's signature if the event has a ``source``, else by a token."""

    def __init__(self, listener: Listener, intake: Intake) -> None:
        super().__init__(listener, "events", self._asked, takes=Event, answers=TAKEN)
        self._intake = intake

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        rule = self._intake.rules.rules.get(scope["path_params"]["name"])
        if rule is None or rule.event.source is None:
            await super().__call__(scope, receive, send)
            return
        response = await self._signed(rule, rule.event.source, scope, receive)
        await response(scope, receive, send)

    async def _signed(self, rule: EventRule, source: str, scope: Scope, receive: Receive) -> Response:
        listener = self._listener
        if scope["method"] != "POST":
            return refused(405, "method", "use POST", {"Allow": "POST"})
        body = await listener.bodies.read(scope, receive)
        if isinstance(body, Response):
            return body
        if source == "woocommerce" and body.startswith(b"webhook_id=") and body[11:].isdigit():
            return Json({"state": "ready"})  # the unsigned call by which a new webhook is tried
        query = scope["query_string"].decode("latin-1")
        target = path_of(scope, listener.prefix) + (f"?{query}" if query else "")
        call = Call.at_now(scope["method"], listener.public_url + target, headers_of(scope), body)
        if not is_signed(source, self._intake.secrets.get(rule.name, ()), call):
            return listener.gate.unsigned(
                scope, f"event {rule.name}: the signature of {source} is missing or wrong"
            )
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            return refused(400, "not-json", "the body is not JSON")
        return await self._taken(rule, data, f"{source} webhook", call)

    async def _taken(self, rule: EventRule, data: Any, source: str, call: Call) -> Response:
        """Take one event of a provider, or each of a list."""
        several = data if isinstance(data, list) else [data]
        if len(several) > MOST_IN_ONE:
            return refused(413, "too-many", f"a request has at most {MOST_IN_ONE} events")
        otherwise = signed_key(rule.event.source or "", call)
        news: list[NewTrigger] = []
        try:
            for place, one in enumerate(several):
                key = otherwise if len(several) == 1 else f"{otherwise} {place}"
                new = rule.read(one, source=source, otherwise=key)
                if new is not None:
                    news.append(new)
        except InvalidInput as error:
            self._listener.notices.note(f"event {rule.name}: not taken: {error.problems[0].message}")
            return of_input(error)
        if not news:
            return Json({"name": rule.name, "state": "ignored"})
        found = await self._stored(news)
        if isinstance(found, Response):
            return found
        documents = [new_document(one) for one in found]
        return Json(documents[0] if not isinstance(data, list) else {"events": documents}, 202)

    async def _asked(self, asked: Asked) -> Answer:
        """Take an event; it is stored before the answer, and its message leaves within a moment."""
        intake, name = self._intake, asked.parameters["name"]
        if name not in intake.rules.rules:
            return refused(404, "no-event", "there is no such event in events.yaml")
        rule = intake.rules.named(name)
        key = asked.headers.get(FIELD, "").strip() or None
        if key is not None and len(key) > 500:
            raise InvalidInput(Problem("Idempotency-Key has more than 500 characters", code="event"))
        wait = _seconds(asked.query.get("wait"))
        data = asked.json()
        new = rule.read(data, source=f"token {asked.token.name}", key=key, otherwise=asked.signed_key)
        if new is None:
            return {"name": name, "state": "ignored"}
        if asked.query.get("dry_run", "").lower() in ("1", "true", "yes"):
            return await self._listener.workers.run(self._tried, rule, new)
        found = await self._stored([new])
        if isinstance(found, Response):
            return found
        added = found[0]
        if key is not None and added.differs:
            problem = conflict(added).problems[0]
            return refused(409, "key-conflict", f"{problem.message}; {problem.hint}")
        if wait:
            settled = await self._waited(added, wait)
            if settled is not None:
                return Json({**settled, "is_new": added.is_new}, 200)
        document = new_document(added)
        return Json(document, 202 if document["state"] == "waiting" else 200)

    def _tried(self, rule: EventRule, new: NewTrigger) -> Mapping[str, Any]:
        from a2pcli.actions.events import tried_document

        listener = self._listener
        handled = tried(listener.store.ledger, listener.settings, rule, new, listener.notices.note)
        return tried_document(rule, handled)

    async def _stored(self, news: Sequence[NewTrigger]) -> list[Added] | Response:
        try:
            return await self._intake.take(news)
        except TooMuch:
            return refused(503, "busy", "too much at once", AGAIN)
        except Exception:  # what happened is told where it was stored
            return refused(503, "not-stored", "not stored yet: send it again", AGAIN)

    async def _waited(self, added: Added, seconds: float) -> Mapping[str, Any] | None:
        """Return what became of an event, once it and its message are settled; None if that takes longer."""
        listener, until = self._listener, time.monotonic() + seconds
        while True:
            found = await listener.workers.run(self._document, added.trigger.name, added.trigger.code)
            if found is None or (
                found["state"] != "waiting" and found["message"] not in ("planned", "submitting")
            ):
                return found
            if time.monotonic() >= until:
                return None
            await asyncio.sleep(0.05)

    def _document(self, name: str, code: str) -> Mapping[str, Any] | None:
        ledger = self._listener.store.ledger
        found = ledger.triggers.by_code(name, code)
        return None if found is None else event_document(ledger, found)

    def shown(self, asked: Asked) -> Answer:
        """Tell what became of an event."""
        found = self._document(asked.parameters["name"], asked.parameters["event"])
        return refused(404, "no-event", "there is no such event") if found is None else found


def part(listener: Listener) -> Part | None:
    """The routes of events, what makes their messages, and the topics of devices; None without ``events.yaml``."""
    rules = load_event_rules(listener.settings)
    if rules is None:
        listener.rereads.append(
            Reread("the events", lambda: [events_path(listener.settings)], lambda: _none(listener))
        )
        return None
    intake = Intake(listener, rules)
    listener.rereads.append(Reread("the events", intake.files, intake.reread))
    events = Events(listener, intake)
    shown = Endpoint(listener, "events", events.shown, methods=("GET",), answers=SHOWN)
    names = ", ".join(rules.rules)
    return Part(
        [
            Route("/events/{name}", events),
            Route("/events/{name}/{event}", shown),
        ],
        lines=[f"events: {names}"],
        background=(intake.run, intake.listen),
    )


def _none(listener: Listener) -> str:
    """Tell that events cannot be taken by a file that was not there at the start."""
    if load_event_rules(listener.settings) is None:
        return "there are none"
    path = str(events_path(listener.settings))
    raise InvalidInput(
        Problem("the file is new", path=path, hint="start `a2pcli listen` again to take events", code="event")
    )


def _seconds(typed: str | None) -> float:
    try:
        found = float(typed or 0)
    except ValueError:
        found = -1.0
    if not 0 <= found <= LONGEST_WAIT:
        raise InvalidInput(Problem(f"wait: seconds, at most {LONGEST_WAIT:.0f}", code="event"))
    return found
