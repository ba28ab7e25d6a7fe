"""Emails a second to aiosmtpd: the SMTP gateway, and a loop of smtplib over one connection.

    python benchmarks/send_email.py [--messages 2000] [--connections 20] [--answer-after 0.02]

The relay is aiosmtpd, in processes of its own. ``--answer-after`` is how long it takes over a message (seconds)
before it answers: one that queues on a disk and asks others before it says yes takes longer. With 0 both are
limited by aiosmtpd's processor time, and the figure says little of the client.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import smtplib
import socket
import sys
import time
from email.message import EmailMessage
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from a2pcli.gateways.registry import create
from a2pcli.messages import Message, Verdict

HTML = (
    "<html><body>"
    + "<p style='color:red'>Twenty per cent off everything until Sunday</p>\n" * 200
    + "</body></html>"
)


def serve(pause: float, ready: Any) -> None:
    """One relay, until it is killed."""
    from aiosmtpd.controller import Controller

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

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(Handler(), hostname="127.0.0.1", port=port)
    controller.start()
    ready.send(port)
    time.sleep(3600)


def by_smtplib(port: int, count: int) -> float:
    """Seconds of a loop over one connection."""
    email = EmailMessage()
    email["From"], email["To"], email["Subject"] = "news@shop.example", "anna@example.com", "20% off"
    email.set_content("Twenty per cent off everything until Sunday")
    email.add_alternative(HTML, subtype="html")
    started = time.perf_counter()
    with smtplib.SMTP("127.0.0.1", port) as server:
        for _ in range(count):
            server.send_message(email)
    return time.perf_counter() - started


async def by_gateway(port: int, count: int, connections: int) -> float:
    """Seconds of the gateway with so many connections."""
    settings = {
        "type": "smtp",
        "host": "127.0.0.1",
        "port": str(port),
        "tls": "none",
        "concurrency": str(connections),
    }
    gateway = create("mail", {**settings, "sender": "news@shop.example", "per_connection": "1000"})
    await gateway.open()
    content = {"subject": "20% off", "html": HTML}
    waiting = iter(
        [
            Message(
                number,
                f"rbench00-{number:06d}",
                f"p{number}@example.com",
                "Twenty per cent off",
                "email",
                content=content,
            )
            for number in range(1, count + 1)
        ]
    )

    async def sender() -> None:
        for message in waiting:
            (outcome,) = await gateway.submit([message])
            assert outcome.verdict is Verdict.ACCEPTED, outcome

    started = time.perf_counter()
    await asyncio.gather(*(sender() for _ in range(connections)))
    seconds = time.perf_counter() - started
    await gateway.close()
    return seconds


def main() -> None:
    """Measure both, and print the ratio."""
    options = argparse.ArgumentParser()
    options.add_argument("--messages", type=int, default=2000)
    options.add_argument("--connections", type=int, default=20)
    options.add_argument("--answer-after", type=float, default=0.02)
    chosen = options.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(
        target=serve, args=(chosen.answer_after, theirs), daemon=True
    )
    server.start()
    if not ours.poll(30):
        sys.exit("the relay does not start")
    port = ours.recv()
    try:
        few = max(1, chosen.messages // 5)
        loop = few / by_smtplib(port, few)
        before = time.process_time()
        gateway = chosen.messages / asyncio.run(by_gateway(port, chosen.messages, chosen.connections))
        cost = (time.process_time() - before) / chosen.messages
    finally:
        server.kill()
    print(f"smtplib, one connection       {loop:8,.0f} emails/s")
    each = f"{1000 * cost:.2f} ms of processor each"
    print(f"gateway, {chosen.connections:3} connections      {gateway:8,.0f} emails/s   {each}")
    print(f"ratio                         {gateway / loop:8.1f}")


if __name__ == "__main__":
    main()
