"""A thousand events a second, and a kill in the middle: every event is in one message, once."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import psutil
import pytest
from answerkit import kannel, wait
from listenkit import Listener, listener
from test_events import EVENTS, TOKEN, now, rows, write

CONNECTIONS, PEOPLE, SHOPS = 48, 4, 2
MILLISECONDS = 1.0
"""Processor time that the listener may take for an event: with more, one core could not take 1,000 a second."""


class Shop:
    """A quick client: a few connections that stay open, one request after the other on each."""

    def __init__(self) -> None:
        self.taken: dict[int, bool] = {}
        """The numbers that were acknowledged, and whether each was new."""

    async def _send(self, port: int, numbers: Iterable[int]) -> None:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for number in numbers:
                data = {"id": number, "phone": f"0791112345{number % PEOPLE}", "shop": number // 7 % SHOPS}
                body = json.dumps(data).encode()
                head = (
                    f"POST /events/parcel HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
                    f"Idempotency-Key: parcel {number}\r\nContent-Length: {len(body)}\r\n\r\n"
                )
                writer.write(head.encode() + body)
                answer = await reader.readuntil(b"\r\n\r\n")
                length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                found = json.loads(await reader.readexactly(length))
                if answer.startswith((b"HTTP/1.1 202", b"HTTP/1.1 200")):
                    self.taken[number] = found["is_new"]
            writer.close()
        except (OSError, EOFError):  # the listener was killed: these are sent again
            return

    async def _all(self, heard: Listener, numbers: list[int], kill_at: int) -> None:
        port = int(heard.url.rpartition(":")[2])
        iterator = iter(numbers)  # each connection takes the next one
        tasks = [asyncio.create_task(self._send(port, iterator)) for _ in range(CONNECTIONS)]
        while not all(one.done() for one in tasks):
            if len(self.taken) >= kill_at:
                heard.process.kill()
                break
            await asyncio.sleep(0.005)
        await asyncio.gather(*tasks)

    def send(self, heard: Listener, numbers: list[int], kill_at: int = 10**9) -> None:
        asyncio.run(self._all(heard, numbers, kill_at))


def together(tmp_path: Path, many: int, capsys: pytest.CaptureFixture[str]) -> None:
    with kannel() as gateway:
        write(tmp_path, gateway)
        (tmp_path / "events.yaml").write_text(EVENTS.replace("every: 4 s", "every: 1 h"))
        shop, numbers = Shop(), list(range(1_000, 1_000 + many))
        with listener(tmp_path, settings=None) as heard:
            shop.send(heard, numbers, kill_at=many // 2)
            heard.process.wait()
        acknowledged = set(shop.taken)
        assert many // 2 <= len(acknowledged) < many
        stored = {one for (one,) in rows(tmp_path, "SELECT json_extract(data, '$.events') FROM triggers")}
        assert acknowledged <= {int(one) for one in stored}, "what was acknowledged is stored"
        with listener(tmp_path, settings=None) as heard:
            process = psutil.Process(heard.process.pid)
            began, clock = sum(process.cpu_times()[:2]), time.monotonic()
            rest = [number for number in numbers if number not in acknowledged]
            shop.send(heard, rest)
            seconds, used = time.monotonic() - clock, sum(process.cpu_times()[:2]) - began
            assert set(shop.taken) == set(numbers)
            per_event = used / len(rest) * 1000
            with capsys.disabled():
                print(f"\n{len(rest) / seconds:,.0f} events/s, {per_event:.2f} ms of processor time each")
            assert per_event < MILLISECONDS
            again = [number for number in numbers if number % 10 == 0]
            shop.send(heard, again)  # a client that is not sure sends again
            assert not any(shop.taken[number] for number in again)
            with sqlite3.connect(tmp_path / ".a2pcli/ledger.db", timeout=30) as connection:
                connection.execute("UPDATE triggers SET due_at = ?", (int(now() * 1000),))  # the hour is over
            assert wait(lambda: len(gateway.got) >= PEOPLE * SHOPS, 60), heard.said()
            time.sleep(3)
        listed = Counter[int]()
        for _, _, text in gateway.got:
            count, _, said = text.partition(" parcels: ")
            assert int(count) == len(said.split("+"))
            listed.update(int(one) for one in said.split("+"))
        assert len(gateway.got) == PEOPLE * SHOPS, "one message for each person and shop"
        assert listed == Counter(numbers), "each event is in them once"
        assert rows(tmp_path, "SELECT DISTINCT state FROM triggers") == [("sent",)]


def test_events_of_a_digest_are_in_one_message_though_the_listener_is_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    together(tmp_path, 600, capsys)


@pytest.mark.slow
def test_a_thousand_events_a_second_are_in_one_message_each_though_the_listener_is_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    together(tmp_path, 12_000, capsys)
