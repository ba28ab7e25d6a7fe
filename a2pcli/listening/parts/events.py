"""Takes events: ``POST /events/NAME`` from programs with a token and from providers that sign, and MQTT topics.

An event is stored before it is answered with 2xx, many in one transaction. Then its message is made, within a moment,
and sent by the sender of answers.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.routing import Route

from a2pcli.actions.event_following import EventFollower
from a2pcli.actions.event_rules import (
    EventRule,
    EventRules,
    events_path,
    load_event_rules,
    needed_event_rules,
)
from a2pcli.actions.event_sources import Call, is_signed, secrets_of, signed_key
from a2pcli.actions.events import conflict, event_document, new_document, now_ms, store, tried, work
from a2pcli.dataclass import dataclass
from a2pcli.errors import A2PError, InvalidInput, LedgerError, Problem
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
from a2pcli.listening.fresh import Reread
from a2pcli.listening.gate import refused
from a2pcli.listening.listener import Part
from a2pcli.listening.storing import Storing, TooMuch

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from a2pcli.actions.events import Added, NewTrigger
    from a2pcli.listening.listener import Listener

LOOKS_EVERY = 2.0
"""Seconds after which the ledger is asked again: another process may have stored an event, or a time has come."""

NOTES_EVERY = 1.0
"""Seconds after which the project's record of its ledger is written anew, while events come all the time."""

GATHERS = 0.02
"""Seconds in which events that come together are planned together."""

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


@dataclass(slots=True)
class Kept:
    """An event to be stored; ``added`` once it is."""

    new: NewTrigger
    added: list[Added] = field(default_factory=list)
    weight: int = 1


class Intake:
    """Stores events, many at once, and makes their messages."""

    def __init__(self, listener: Listener, rules: EventRules) -> None:
        self.listener = listener
        self._use(rules)
        self._ledger, self._settings = listener.store.ledger, listener.settings
        notices = listener.notices
        self._storing = Storing(
            self._keep, lambda error: notices.note(f"events are not stored: {_why(error)}")
        )
        self._wake = asyncio.Event()
        self._follower = EventFollower(self._ledger, self._settings, notices.note)
        self._notes_at = 0.0
        self._due_at: int | None = None
        self._stuck = dict[str, float]()
        """Events whose campaign cannot be planned, and until when they are left alone (monotonic)."""

    def _use(self, rules: EventRules) -> None:
        """Take these events from now on. Raises ``A2PError``, and the others remain in use, if something is missing for
        them."""
        secrets = secrets_of(rules, self.listener.settings)
        topics = None
        if rules.mqtt is not None:
            from a2pcli.listening.mqtt import Topics

            topics = Topics(self.listener, self, rules)
        self.secrets, self.rules, self.topics = secrets, rules, topics

    def reread(self) -> str:
        """Read ``events.yaml`` and its campaigns again; return what it has."""
        rules = needed_event_rules(self.listener.settings)
        self._use(rules)
        return ", ".join(rules.rules)

    def files(self) -> list[Path]:
        """Return the files that the events are read from."""
        return [events_path(self.listener.settings), *(one.loaded.path for one in self.rules.rules.values())]

    async def listen(self) -> None:
        """Take events from the topics of devices, by the rules as they are, until cancelled."""
        while True:
            topics = self.topics
            if topics is None:
                await asyncio.sleep(LOOKS_EVERY)
                continue
            task = asyncio.create_task(topics.run())
            try:
                while self.topics is topics and not task.done():
                    await asyncio.wait([task], timeout=LOOKS_EVERY)
            finally:
                task.cancel()
                (ended,) = await asyncio.gather(task, return_exceptions=True)
            if isinstance(ended, Exception):
                raise ended

    def _keep(self, some: Sequence[Kept]) -> None:
        is_noted = time.monotonic() >= self._notes_at
        for one, added in zip(
            some, store(self._ledger, [one.new for one in some], is_noted=is_noted), strict=True
        ):
            one.added[:] = [added]
        if is_noted:
            self._notes_at = time.monotonic() + NOTES_EVERY

    async def take(self, news: Sequence[NewTrigger]) -> list[Added]:
        """Return events as they are stored. Raises ``TooMuch``, ``TimeoutError`` and ``LedgerError``."""
        kept = [Kept(one) for one in news]
        if len(kept) == 1:
            await self._storing.store(kept[0])
        else:
            await asyncio.gather(*[self._storing.store(one) for one in kept])
        for one in kept:
            self._is_due(one.added[0].trigger.due_at)
        return [one.added[0] for one in kept]

    async def run(self) -> None:
        """Make the messages of events that are due, until cancelled."""
        self._storing.start()
        loop, thread = asyncio.get_running_loop(), ThreadPoolExecutor(1, thread_name_prefix="events")
        try:
            while True:
                self._wake.clear()
                self._due_at = None
                try:
                    self._is_due(await loop.run_in_executor(thread, self._work))
                except LedgerError as error:
                    self.listener.notices.note(f"events wait: {error.problems[0].message}")
                except Exception as error:
                    self.listener.notices.note(f"events wait: {type(error).__name__}")
                await self._until_due()
        finally:
            await self._storing.close()
            thread.shutdown()

    def _is_due(self, at: int | None) -> None:
        """An event is due then (UTC ms)."""
        if at is not None and (self._due_at is None or at < self._due_at):
            self._due_at = at
            self._wake.set()

    async def _until_due(self) -> None:
        """Wait until an event is due, at most ``LOOKS_EVERY``."""
        end = time.monotonic() + LOOKS_EVERY
        while (wait := end - time.monotonic()) > 0:
            if self._due_at is not None:
                wait = min(wait, (self._due_at - now_ms()) / 1000)
            if wait <= 0:
                break
            self._wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()
        await asyncio.sleep(GATHERS)

    def _work(self) -> int | None:
        """Make messages; return when the next event is due (UTC ms)."""
        ledger, now = self._ledger, time.monotonic()
        self._stuck = {name: until for name, until in self._stuck.items() if until > now}
        found = work(
            ledger, self._settings, self.rules, tell=self.listener.notices.note, without=list(self._stuck),
            stuck=lambda name: self._stuck.update({name: now + LOOKS_EVERY}),
        )  # fmt: skip
        if self._follower.look() or any(one.answer is not None for one in found):
            self.listener.store.on_answers()
        return ledger.triggers.next_due(without=list(self._stuck))


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
        new = rule.read(data, source=f"token {asked.token.name}", key=key)
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


def _why(error: BaseException) -> str:
    return str(error.problems[0]) if isinstance(error, A2PError) else type(error).__name__
