"""The listener's app in this process, for what needs no real connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from a2pcli.actions.heard import HeardStore
from a2pcli.actions.project import Project
from a2pcli.config.load import load_settings
from a2pcli.ledger.store import Ledger
from a2pcli.listening.app import Callbacks, make_app
from a2pcli.listening.listener import Listener, Part, make_listener, parts_of
from a2pcli.listening.ready import Ready
from a2pcli.listening.signatures import SIGNATURE, TIMESTAMP, TOKEN, signature
from a2pcli.listening.storing import Storing

PUBLIC = "https://hooks.example.com/a2p"


class InProcess:
    """A listener whose requests do not leave this process. ``said`` is its log."""

    def __init__(self, listener: Listener, parts: Sequence[Part], said: list[str]) -> None:
        self.listener, self.said = listener, said
        self.lines = [line for part in parts for line in part.lines]

        callbacks = Callbacks({}, (), Storing(lambda _heard: None), listener.notices, "", listener.bodies)
        self.app = make_app(callbacks, Ready(lambda: None), parts, listener.public_url)

    def ask(self, method: str, path: str, client: str = "203.0.113.9", **more: Any) -> httpx.Response:
        return self.together([(method, path, more)], client)[0]

    def together(
        self, asked: Sequence[tuple[str, str, dict[str, Any]]], client: str = "203.0.113.9"
    ) -> list[httpx.Response]:
        async def run() -> list[httpx.Response]:
            transport = httpx.ASGITransport(self.app, client=(client, 4711))
            async with httpx.AsyncClient(transport=transport, base_url="https://hooks.example.com") as one:
                return await asyncio.gather(*(one.request(how, path, **more) for how, path, more in asked))

        return asyncio.run(run())


def signed(
    name: str, secret: str, method: str, target: str, body: bytes = b"", at: float | None = None
) -> dict[str, str]:
    """The headers of a signed request; ``target`` is the path after the public URL."""
    timestamp = f"{time.time() if at is None else at:.6f}"
    made = signature(secret.encode(), timestamp, method, target, body)
    return {TOKEN: name, TIMESTAMP: timestamp, SIGNATURE: made}


@contextmanager
def in_process(
    folder: Path,
    settings: str,
    *parts: Callable[[Listener], Part | None],
    public: str = PUBLIC,
    ledger: str | None = None,
) -> Iterator[InProcess]:
    """A listener with these parts, or with those that the settings ask for. ``ledger``: not the folder's own."""
    (folder / "a2pcli.yaml").write_text(settings)
    said: list[str] = []
    with Ledger.open_with(ledger or str(folder / ".a2pcli/ledger.db"), None) as opened:
        loaded = load_settings(folder)
        listener = make_listener(Project(folder), loaded, HeardStore(opened, loaded, {}), public, said.append)
        found = [made for one in parts if (made := one(listener))] if parts else parts_of(listener)
        yield InProcess(listener, found, said)
        listener.workers.close()
