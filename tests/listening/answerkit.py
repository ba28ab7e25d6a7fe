"""A Kannel on this machine that takes messages, and people who write to the listener."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from listenkit import ENVIRON, SECRET, Listener

ANN, BEN, SHOP = "+447911123456", "+447911123457", "12345"
_ids = itertools.count(1)


@dataclass
class Kannel:
    """What was handed to it: (sender, recipient, text), in order. ``statuses`` are the next answers, then 202."""

    url: str
    got: list[tuple[str | None, str, str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def settings(self, replies: str, more: str = "") -> str:
        return (
            f"region: GB\n{replies}\ngateways:\n"
            f"  kannel: {{url: \"{self.url}\", username: u, password: p}}\n{more}"
            "listen:\n  secrets: {kannel: \"${KANNEL_SECRET}\"}\n"
        )  # fmt: skip

    def until(self, many: int, seconds: float = 20) -> list[tuple[str | None, str, str]]:
        """What it got once that is ``many``; as it is if that takes too long."""
        wait(lambda: len(self.got) >= many, seconds)
        return self.got


def wait(done: Callable[[], Any], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if done():
            return True
        time.sleep(0.05)
    return bool(done())


@contextmanager
def kannel() -> Iterator[Kannel]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            status = made.statuses.pop(0) if made.statuses else 202
            if status == 202:
                coding = "utf-16-be" if self.headers["X-Kannel-Coding"] == "2" else "utf-8"
                charset = self.headers.get_content_charset() or coding
                text = body.decode("utf-8" if charset == "utf-8" else charset)
                made.got.append((self.headers["X-Kannel-From"], self.headers["X-Kannel-To"], text))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"0: Accepted for delivery" if status == 202 else b"busy")

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Kannel(f"http://127.0.0.1:{server.server_port}/cgi-bin/sendsms")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()


def says(heard: Listener, sender: str, text: str, to: str = SHOP, id: str | None = None, **more: str) -> int:
    """A person writes; returns the status of the callback."""
    query = {"sender": sender, "to": to, "text": text, "id": id or f"m{next(_ids)}", **more}
    return httpx.get(f"{heard.url}/callbacks/kannel/{SECRET}", params=query, timeout=60).status_code


__all__ = ["ANN", "BEN", "ENVIRON", "SHOP", "Kannel", "kannel", "says", "wait"]
