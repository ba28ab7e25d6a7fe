"""Prints each message and sends nothing.

It prints on stderr: stdout belongs to a command's result, which ``--json`` promises to be one document.
Nothing is masked, since seeing what would leave is the whole purpose; control characters are shown escaped,
so that no contact file can drive the terminal.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from a2pcli.channels import OFFERED, channel_of
from a2pcli.gateways.base import Capabilities, Health
from a2pcli.gateways.settings import GatewayBlock, read_block
from a2pcli.message_content import head_lines, tail_lines
from a2pcli.messages import Cause, Message, Outcome, Verdict
from a2pcli.visible import escaped


class ConsoleBlock(GatewayBlock):
    """Settings of the console."""


class ConsoleGateway:
    """Prints messages on stderr; sends nothing."""

    def __init__(self, name: str, settings: Mapping[str, Any]) -> None:
        block = read_block(ConsoleBlock, name, settings)
        self.name = name
        self.capabilities = Capabilities(
            channels=frozenset(OFFERED),
            batch=100,
            concurrency=1,
            delivers=False,
            instead="printed here",
        )
        self._sender = block.sender

    async def open(self) -> None:
        """Do nothing: the console needs no preparation."""

    async def close(self) -> None:
        """Do nothing: the console holds no resources."""

    async def submit(self, batch: Sequence[Message]) -> Sequence[Outcome]:
        """Print each message; return *accepted* for each, or *not sent* if printing failed."""
        text = "".join(self._shown(message) for message in batch)
        try:
            await asyncio.to_thread(_print, text)
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            failed = Outcome(
                Verdict.NOT_SENT,
                cause=Cause.UNREACHABLE,
                code=type(error).__name__,
                detail="nothing can be printed",
            )
            return [failed] * len(batch)
        return [Outcome(Verdict.ACCEPTED, message.reference) for message in batch]

    async def lookup(self, references: Sequence[str]) -> Mapping[str, Outcome]:
        """Return nothing: printed messages are not recorded."""
        return {}

    async def check(self) -> Health:
        """Return a healthy result."""
        return Health(True, "messages are printed; nothing is sent")

    def _shown(self, message: Message) -> str:
        sender = message.sender or self._sender
        about = message.channel
        if channel_of(about).parts:
            about += ", 1 part" if message.parts == 1 else f", {message.parts} parts"
        head = f"[not sent] {message.reference} to {message.to}"
        if sender:
            head += f" from {sender}"
        lines = [f"{head} ({about})"]
        lines += [f"    {line}" for line in head_lines(message.content)]
        lines += [f"    {line}" for line in message.body.split("\n")]
        lines += [f"    {line}" for line in tail_lines(message.content)]
        lines += [f"    with {url}" for url in message.media]
        return "".join(escaped(line).replace("\n", "\\x0a") + "\n" for line in lines)


def _print(text: str) -> None:
    encoding = sys.stderr.encoding or "utf-8"
    sys.stderr.write(text.encode(encoding, "backslashreplace").decode(encoding))
    sys.stderr.flush()
