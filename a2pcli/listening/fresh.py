"""Reads files again when they change, or on SIGHUP, while the listener runs: tokens, rules for replies, surveys,
events. What is wrong with the new ones is told, and the old ones remain."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from a2pcli.errors import A2PError
from a2pcli.listening.tokens import stamp

if TYPE_CHECKING:
    from a2pcli.listening.listener import Listener

EVERY = 2.0
"""Seconds between two looks at the files."""


class Reread:
    """Files that may change. ``load`` reads them, puts them in use and returns what is told of them; it raises
    ``A2PError`` if they are wrong. ``files`` returns their paths, also of those that may appear."""

    def __init__(self, what: str, files: Callable[[], Iterable[Path]], load: Callable[[], str]) -> None:
        self._what, self._files, self._load = what, files, load
        self._seen = self._stamps()

    def refresh(self, tell: Callable[[str], None], *, anyway: bool = False) -> None:
        """Read them again if one changed, or ``anyway``; tell what came of it."""
        stamps = self._stamps()
        if stamps == self._seen and not anyway:
            return
        self._seen = stamps
        try:
            said = self._load()
        except A2PError as error:
            for problem in error.problems:
                tell(f"{self._what} remain as they were: {problem}")
            return
        self._seen = {**self._stamps(), **stamps}  # files that only the new ones name count as seen
        tell(f"{self._what} were read again: {said}")

    def _stamps(self) -> Mapping[Path, tuple[int, int, int] | None]:
        return {path: stamp(path) for path in self._files()}


async def keep_fresh(listener: Listener, reread: asyncio.Event, tell: Callable[[str], None]) -> None:
    """Look at the files now and then; at once, and whether they changed or not, when ``reread`` is set."""
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(reread.wait(), EVERY)
        anyway = reread.is_set()
        reread.clear()
        await asyncio.to_thread(_refresh, listener, anyway, tell)


def _refresh(listener: Listener, anyway: bool, tell: Callable[[str], None]) -> None:
    _refresh_tokens(listener, anyway, tell)
    for one in listener.rereads:
        one.refresh(tell, anyway=anyway)


def _refresh_tokens(listener: Listener, anyway: bool, tell: Callable[[str], None]) -> None:
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
