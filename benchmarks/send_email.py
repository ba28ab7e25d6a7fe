"""Emails a second: the SMTP gateway, a loop of smtplib over one connection, and the most that the relay takes.

    python benchmarks/send_email.py [--messages 3000] [--connections 20] [--rounds 3]

Each relay is measured for itself, each contender in a process of its own, interleaved; medians count. What imports
take is in no figure. The email is 12 kB of HTML with a plain part. ``ready-made`` writes one finished email again and
again over as many connections as the gateway, MAIL, RCPT and DATA in one piece: nothing sends faster, so where the
gateway is close to it, the relay is the limit.

The relays: aiosmtpd in one process, which answers at once, as it comes and offering PIPELINING; the same taking 20 ms
over each message, as one does that queues on a disk; aiosmtpd in two processes behind one port; Postfix's smtp-sink
where it is installed (or ``SMTP_SINK`` names it), else a relay of 30 lines. Both of the last do nothing but speak SMTP,
so the client is what is measured. Exits with 1 where the gateway is not five times the loop against the last.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import smtplib
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

GOAL = 5.0
HTML = (
    "<html><body>"
    + "<p style='color:red'>Twenty per cent off everything until Sunday</p>\n" * 200
    + "</body></html>"
)
TEXT = "Twenty per cent off everything until Sunday"


# -- relays, each in a process of its own -----------------------------------------------------------


def serve_aiosmtpd(port: int, pause: float) -> None:
    from aiosmtpd.smtp import SMTP

    class Handler:
        async def handle_EHLO(
            self, server: Any, session: Any, envelope: Any, host: str, said: list[str]
        ) -> list[str]:
            session.host_name = host
            return [said[0], "250-PIPELINING", *said[1:]]

        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            if pause:
                await asyncio.sleep(pause)
            return "250 OK"

    asyncio.run(serving(lambda: SMTP(Handler()), port))


def serve_stock(port: int, _pause: float) -> None:
    """aiosmtpd as it comes, which does not offer PIPELINING."""
    from aiosmtpd.handlers import Sink as KeepsNothing
    from aiosmtpd.smtp import SMTP

    asyncio.run(serving(lambda: SMTP(KeepsNothing()), port))


class Sink(asyncio.Protocol):
    """Says yes to everything."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.rest, self.in_data = transport, b"", False
        self.say(b"220 sink ESMTP\r\n")

    def say(self, data: bytes) -> None:
        self.transport.write(data)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.rest += data
        while True:
            end = self.rest.find(b"\r\n.\r\n" if self.in_data else b"\r\n")
            if end < 0:
                return
            line, self.rest = self.rest[:end], self.rest[end + (5 if self.in_data else 2) :]
            if self.in_data:
                self.in_data = False
                self.say(b"250 queued\r\n")
            elif line[:4].upper() == b"EHLO":
                self.say(b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE\r\n")
            elif line[:4].upper() == b"DATA":
                self.in_data = True
                self.say(b"354 go on\r\n")
            elif line[:4].upper() == b"QUIT":
                self.say(b"221 bye\r\n")
                self.transport.close()
            else:
                self.say(b"250 OK\r\n")


def serve_sink(port: int, _pause: float) -> None:
    asyncio.run(serving(Sink, port))


SERVERS = {"aiosmtpd": serve_aiosmtpd, "stock": serve_stock, "sink": serve_sink}


async def serving(factory: Any, port: int) -> None:
    server = await asyncio.get_running_loop().create_server(factory, "127.0.0.1", port, reuse_port=True)
    await server.serve_forever()


def smtp_sink() -> list[str] | None:
    """The start of the command of Postfix's smtp-sink, if it is there."""
    found = (
        os.environ.get("SMTP_SINK")
        or shutil.which("smtp-sink")
        or shutil.which("smtp-sink", path="/usr/sbin")
    )
    if not found:
        return None
    return [found, *(["-u", "nobody"] if os.geteuid() == 0 else [])]


@contextmanager
def relay(name: str, processes: int = 1, pause: float = 0.0) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, __file__, "--serve", name, "--port", str(port), "--pause", str(pause)]
    if name == "smtp-sink":
        command = [*(smtp_sink() or []), f"127.0.0.1:{port}", "100"]
    started = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(processes)]
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        time.sleep(0.5 * (processes > 1))
        yield port
    finally:
        for one in started:
            one.terminate()
            one.wait()


# -- contenders, each in a process of its own ---------------------------------------------------------


Figures = tuple[float, float]
"""Seconds, and those of the client's processor."""


def clocks() -> Figures:
    return time.perf_counter(), time.process_time()


def since(before: Figures) -> Figures:
    now = clocks()
    return now[0] - before[0], now[1] - before[1]


def by_smtplib(port: int, count: int, _connections: int) -> Figures:
    email = EmailMessage()
    email["From"], email["To"], email["Subject"] = "news@shop.example", "anna@example.com", "20% off"
    email.set_content(TEXT)
    email.add_alternative(HTML, subtype="html")
    before = clocks()
    with smtplib.SMTP("127.0.0.1", port) as server:
        for _ in range(count):
            server.send_message(email)
    return since(before)


def by_bare(port: int, count: int, connections: int, email: bytes = b"") -> Figures:
    head = b"From: news@shop.example\r\nTo: anna@example.com\r\nSubject: 20% off\r\nContent-Type: text/html\r\n\r\n"
    data = (email or head + HTML.replace("\n", "\r\n").encode() + b"\r\n") + b".\r\n"
    left = iter(range(count))

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readline()
        writer.write(b"EHLO bench\r\n")
        while (await reader.readline())[3:4] == b"-":
            pass
        for _ in left:
            writer.write(b"MAIL FROM:<news@shop.example>\r\nRCPT TO:<anna@example.com>\r\nDATA\r\n")
            for _ in range(3):
                await reader.readline()
            writer.write(data)
            assert (await reader.readline())[:3] == b"250"
        writer.close()

    return asyncio.run(together([one() for _ in range(connections)]))


async def together(work: list[Coroutine[Any, Any, None]]) -> Figures:
    before = clocks()
    await asyncio.gather(*work)
    return since(before)


def by_gateway(port: int, count: int, connections: int) -> Figures:
    return asyncio.run(through_gateway(port, count, connections))


async def through_gateway(port: int, count: int, connections: int) -> Figures:
    import aiosmtplib  # noqa: F401

    from a2pcli.gateways.registry import create
    from a2pcli.messages import Message, Verdict

    gateway = create(
        "mail",
        {
            "type": "smtp", "host": "127.0.0.1", "port": str(port), "tls": "none", "concurrency": str(connections),
            "sender": "news@shop.example", "per_connection": "1000",
        },
    )  # fmt: skip
    await gateway.open()
    content = {"subject": "20% off", "html": HTML}
    messages = iter(
        [
            Message(n, f"rbench00-{n:06d}", f"p{n}@example.com", TEXT, "email", content=content)
            for n in range(1, count + 1)
        ]
    )

    async def sender() -> None:
        for message in messages:
            (outcome,) = await gateway.submit([message])
            assert outcome.verdict is Verdict.ACCEPTED, outcome

    figures = await together([sender() for _ in range(connections)])
    await gateway.close()
    return figures


CONTENDERS = {"smtplib": by_smtplib, "bare": by_bare, "gateway": by_gateway}
SHARE = {"smtplib": 5, "bare": 1, "gateway": 1}
"""The loop is slow: it sends a fifth of the messages."""


def measured(name: str, port: int, count: int, connections: int) -> tuple[float, float]:
    """Emails a second, and milliseconds of the client's processor for each."""
    count = max(1, count // SHARE[name])
    command = [sys.executable, __file__, "--only", name, "--port", str(port)]
    command += ["--messages", str(count), "--connections", str(connections)]
    took, worked = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return count / took, worked / count * 1e3


def compare(title: str, port: int, count: int, connections: int, rounds: int) -> float:
    """Print what one relay takes, and give how many times as much the gateway sends as the loop."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in CONTENDERS}
    for _ in range(rounds):
        for name in CONTENDERS:
            found[name].append(measured(name, port, count, connections))
    print(title)
    for name, label in (
        ("smtplib", "smtplib, one connection"),
        ("bare", f"ready-made, {connections} connections"),
        ("gateway", f"gateway, {connections} connections"),
    ):
        rate, each = (statistics.median(one) for one in zip(*found[name], strict=True))
        print(f"  {label:30}{rate:>8,.0f} emails/s{each:>8.2f} ms of processor each")
    pairs = zip(found["gateway"], found["smtplib"], strict=True)
    ratio = statistics.median(gateway[0] / loop[0] for gateway, loop in pairs)
    print(f"  the gateway is {ratio:.1f} times the loop", flush=True)
    return ratio


def main() -> None:
    """Measure each relay, and print the ratios."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--messages", type=int, default=3000)
    options.add_argument("--connections", type=int, default=20)
    options.add_argument("--rounds", type=int, default=3)
    for hidden, kind in (("--only", str), ("--port", int), ("--serve", str), ("--pause", float)):
        options.add_argument(hidden, type=kind, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.serve:
        SERVERS[given.serve](given.port, given.pause)
        return
    if given.only:
        print(json.dumps(CONTENDERS[given.only](given.port, given.messages, given.connections)))
        return
    last = "smtp-sink" if smtp_sink() else "sink"
    ratio = 0.0
    for title, name, processes, pause, share in (
        ("aiosmtpd as it comes, one process", "stock", 1, 0.0, 1),
        ("aiosmtpd with PIPELINING, one process", "aiosmtpd", 1, 0.0, 1),
        ("aiosmtpd, one process, 20 ms a message", "aiosmtpd", 1, 0.02, 3),
        ("aiosmtpd, two processes", "aiosmtpd", 2, 0.0, 1),
        (f"{last}, which only speaks SMTP", last, 1, 0.0, 1),
    ):
        with relay(name, processes, pause) as port:
            count = max(1, given.messages // share)
            ratio = compare(title, port, count, given.connections, given.rounds)
    sys.exit(int(ratio < GOAL))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
