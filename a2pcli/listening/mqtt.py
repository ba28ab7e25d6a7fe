"""Takes events from MQTT topics: a message is acknowledged to the broker once it is stored."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from a2pcli.actions.event_broker import password_of, trust_of
from a2pcli.actions.event_expressions import needed
from a2pcli.actions.event_rules import EventRule, EventRules
from a2pcli.errors import A2PError, InvalidInput
from a2pcli.listening.bodies import LARGEST
from a2pcli.listening.storing import TooMuch

if TYPE_CHECKING:
    from a2pcli.actions.events import NewTrigger
    from a2pcli.listening.event_intake import Intake
    from a2pcli.listening.listener import Listener

AT_ONCE = 500
"""Messages that may wait to be stored; the broker keeps the others."""

LONGEST_PAUSE = 30.0
"""Seconds between two attempts to connect, or to store a message."""


class Topics:
    """The connection to the broker. Messages that it kept while nobody was connected come first.

    Retained messages may be years old: only events with a ``time``, which can be too old, take them.
    """

    def __init__(self, listener: Listener, intake: Intake, rules: EventRules) -> None:
        """Raises ``UsageError`` if the package is missing, ``InvalidInput`` if the password is not set."""
        self._library = needed("aiomqtt", "mqtt")
        self._intake, self._notices = intake, listener.notices
        self._rules = [rule for rule in rules.rules.values() if rule.event.topic is not None]
        broker = rules.mqtt
        assert broker is not None
        self._broker, environ = broker, listener.settings.environ
        self._trust = trust_of(broker, rules.loaded)
        self._password = password_of(broker, rules.loaded, environ)

    async def run(self) -> None:
        """Take messages until cancelled; connect again whenever the connection ends."""
        pause = 1.0
        while True:
            try:
                async with self._client() as client:
                    # A message is acknowledged here, once it is stored, and not when the library has read it.
                    client._client.manual_ack_set(True)
                    for topic in dict.fromkeys(str(rule.event.topic) for rule in self._rules):
                        await client.subscribe(topic, qos=1)
                    pause = 1.0
                    await self._read(client)
            except self._library.MqttError as error:
                self._notices.note(f"the MQTT broker cannot be reached: {_why(error)}")
            except OSError as error:
                self._notices.note(f"the MQTT broker cannot be reached: {_why(error)}")
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    def _client(self) -> Any:
        broker = self._broker
        return self._library.Client(
            broker.host,
            broker.port or (8883 if broker.tls else 1883),
            username=broker.username,
            password=self._password,
            identifier=broker.client_id,
            clean_session=False,
            tls_context=self._trust,
        )

    async def _read(self, client: Any) -> None:
        room = asyncio.Semaphore(AT_ONCE)
        tasks = set[asyncio.Task[None]]()
        try:
            async for message in client.messages:
                await room.acquire()
                task = asyncio.create_task(self._one(client, message))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                task.add_done_callback(lambda _task: room.release())
        finally:
            for task in tasks:
                task.cancel()

    async def _one(self, client: Any, message: Any) -> None:
        news = self._events(message)
        pause = 0.5
        while news:
            try:
                await self._intake.take(news)
                break
            except (TooMuch, TimeoutError, A2PError):
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE, pause * 2)
        if message.qos:
            client._client.ack(message.mid, message.qos)

    def _events(self, message: Any) -> list[NewTrigger]:
        topic, payload = str(message.topic), bytes(message.payload or b"")
        if len(payload) > LARGEST:
            self._notices.note(f"a message of an MQTT topic is left out: it has more than {LARGEST:,} bytes")
            return []
        data = {**_data_of(payload), "topic": topic.split("/")}
        found = []
        for rule in self._rules:
            is_dated = rule.event.time is not None
            if message.topic.matches(rule.event.topic) and (is_dated or not message.retain):
                new = self._event(rule, data)
                found += [] if new is None else [new]
        return found

    def _event(self, rule: EventRule, data: dict[str, Any]) -> NewTrigger | None:
        try:
            return rule.read(data, source="mqtt")
        except InvalidInput as error:
            self._notices.note(
                f"event {rule.name}: a message of its topic is left out: {error.problems[0].message}"
            )
            return None


def _why(error: BaseException) -> str:
    """Why there is no connection, in the library's words."""
    return str(error)[:200] or type(error).__name__


def _data_of(payload: bytes) -> dict[str, Any]:
    """What a device sent: the object, or anything else as ``value``."""
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        found = payload.decode("utf-8", "replace")
    return found if isinstance(found, dict) else {"value": found}
