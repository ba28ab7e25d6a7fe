"""Reads the tokens again when their files change, or on SIGHUP, while the listener runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from a2pcli.errors import A2PError

if TYPE_CHECKING:
    from a2pcli.listening.listener import Listener

EVERY = 2.0
"""Seconds between two looks at the files."""


async def keep_fresh(listener: Listener, reread: asyncio.Event, tell: Callable[[str], None]) -> None:
    """Look at the files now and then; at once, and whether they changed or not, when ``reread`` is set."""
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(reread.wait(), EVERY)
        anyway = reread.is_set()
        reread.clear()
        await asyncio.to_thread(_refresh, listener, anyway, tell)


def _refresh(listener: Listener, anyway: bool, tell: Callable[[str], None]) -> None:
    try:
        is_new = listener.gate.tokens.refresh(anyway=anyway)
    except A2PError as error:
        for problem in error.problems:
            tell(f"the tokens remain as they were: {problem}")
        return
    if is_new:
        names = sorted(token.name for token in listener.gate.tokens)
        with contextlib.suppress(A2PError):  # they are valid all the same; the ledger is told of otherwise
            listener.store.note_tokens(names)
        tell(f"the tokens were read again: {', '.join(names) or 'there are none'}")
    elif anyway:
        tell("the tokens were read again: they are as they were")
