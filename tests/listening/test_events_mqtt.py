"""Devices report events to a broker (amqtt): each message is taken once, also those that came while nobody listened."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
import trustme
from amqtt.broker import Broker
from answerkit import kannel, wait
from clikit import Project
from listenkit import listener
from test_events import CAMPAIGN, now, rows, write

EVENTS = """\
mqtt: {host: 127.0.0.1, port: PORT, tls: no, username: a2p, password: "${MQTT_PASSWORD}"}
events:
  alarm:
    campaign: order_paid.yaml
    topic: devices/+/alarm
    key: id
    time: at
    cap: {most: 2 per 1 h, per: "topic[1]"}
    map: {phone: owner, first_name: "topic[1]", order: id}
"""


@pytest.fixture
def port() -> Iterator[int]:
    with broker() as number:
        yield number


@contextmanager
def broker(**more: Any) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number = free.getsockname()[1]
    loop, ready = asyncio.new_event_loop(), threading.Event()
    config = {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{number}", **more}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": False}},
    }
    made: list[Broker] = []

    async def start() -> None:
        made.append(Broker(config))
        await made[0].start()
        ready.set()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(start())
        loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(30)
    try:
        yield number
    finally:
        asyncio.run_coroutine_threadsafe(made[0].shutdown(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)


def publish(
    port: int,
    messages: Sequence[tuple[str, Any]],
    *,
    retain: bool = False,
    trust: ssl.SSLContext | None = None,
) -> None:
    async def send() -> None:
        async with aiomqtt.Client("127.0.0.1", port, username="device", tls_context=trust) as client:
            for topic, data in messages:
                payload = data if isinstance(data, bytes) else json.dumps(data).encode()
                await client.publish(topic, payload, qos=1, retain=retain)

    asyncio.run(send())


def alarm(device: str, id: str, at: float = 0) -> tuple[str, dict[str, Any]]:
    return f"devices/{device}/alarm", {"id": id, "owner": "07911123456", "at": at or now()}


def test_devices_report_within_their_cap_and_nothing_is_lost_while_the_listener_is_down(
    tmp_path: Path, port: int
) -> None:
    with kannel() as gateway:
        write(tmp_path, gateway)
        with (tmp_path / ".env").open("a") as file:
            file.write("MQTT_PASSWORD=not-anonymous\n")  # amqtt keeps nothing for clients without a name
        (tmp_path / "order_paid.yaml").write_text(CAMPAIGN)
        (tmp_path / "events.yaml").write_text(EVENTS.replace("PORT", str(port)))
        publish(port, [alarm("old", "retained", at=1_700_000_000)], retain=True)
        with listener(tmp_path, settings=None) as heard:

            def texts() -> list[str]:
                return sorted(text for _, _, text in gateway.got)

            def arrived() -> bool:
                publish(port, [alarm("door", "d0")])  # until it has subscribed; its key is always the same
                return bool(gateway.got)

            assert wait(arrived), heard.said()
            publish(port, [alarm("boiler", f"b{number}") for number in (0, 0, 1, 2, 3)])
            publish(port, [("devices/odd/alarm", b"\xff not json"), ("devices/door/other", {"id": "x"})])
            count = "SELECT count(*) FROM triggers WHERE state IN ('sent', 'excluded')"
            assert wait(lambda: rows(tmp_path, count) == [(5,)]), (heard.said(), rows(tmp_path, count))
            assert wait(lambda: "a message of its topic is left out" in heard.said())
            heard.process.kill()
            heard.process.wait()
        publish(port, [alarm("window", "w0")])
        with listener(tmp_path, settings=None) as heard:
            assert wait(lambda: len(gateway.got) == 4), (heard.said(), gateway.got)
            assert texts() == [
                "Hi boiler, order b0 is paid.",
                "Hi boiler, order b1 is paid.",
                "Hi door, order d0 is paid.",
                "Hi window, order w0 is paid.",
            ]
        assert rows(
            tmp_path, "SELECT reason, count(*) FROM triggers WHERE state = 'excluded' GROUP BY 1"
        ) == [("event-cap", 2)]


def test_the_brokers_certificate_is_verified_with_the_authority_of_the_file(tmp_path: Path) -> None:
    authority, other = trustme.CA(), trustme.CA()
    own = authority.issue_cert("127.0.0.1")
    own.cert_chain_pems[0].write_to_path(tmp_path / "broker.pem")
    own.private_key_pem.write_to_path(tmp_path / "broker.key")
    files = {"certfile": str(tmp_path / "broker.pem"), "keyfile": str(tmp_path / "broker.key")}
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    with kannel() as gateway, broker(ssl=True, **files) as port:
        write(tmp_path, gateway)
        with (tmp_path / ".env").open("a") as file:
            file.write("MQTT_PASSWORD=not-anonymous\n")
        text = EVENTS.replace("PORT", str(port)).replace("tls: no", "ca: ca.pem")
        (tmp_path / "events.yaml").write_text(text)
        other.cert_pem.write_to_path(tmp_path / "ca.pem")
        with listener(tmp_path, settings=None) as heard:
            assert wait(lambda: "the MQTT broker cannot be reached" in heard.said()), heard.said()
            assert "certificate" in heard.said().lower()
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        with listener(tmp_path, settings=None) as heard:

            def arrived() -> bool:
                publish(port, [alarm("door", "d0")], trust=trust)
                return bool(gateway.got)

            assert wait(arrived), heard.said()
        assert gateway.got[0][2] == "Hi door, order d0 is paid."


def test_an_authority_that_is_none_is_told_at_its_place(project: Project) -> None:
    with kannel() as gateway:
        write(project.folder, gateway)
    project.write("events.yaml", EVENTS.replace("PORT", "1883").replace("tls: no", "ca: ca.pem"))
    for text, why in ((None, "No such file or directory"), ("nothing", "no certificates in it")):
        if text is not None:
            project.write("ca.pem", text)
        ran = project.run("check", "events.yaml", MQTT_PASSWORD="x")
        assert (ran.status, "events.yaml:1:" in ran.err, why in ran.err) == (3, True, True), ran.err
