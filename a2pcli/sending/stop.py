"""How a run is asked to stop: once to finish what is in flight, twice to drop it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class StopRequest:
    """Asked from any thread, or from a signal handler; heard by the sender.

    It takes no lock: a handler runs in the middle of whatever the main thread does, and would wait for ever
    for a lock that the main thread holds.
    """

    def __init__(self) -> None:
        self._level = 0
        self._listeners: tuple[Callable[[], None], ...] = ()

    @property
    def draining(self) -> bool:
        """Nothing new is to be claimed or sent."""
        return self._level >= 1

    @property
    def hard_stop(self) -> bool:
        """What is in flight is to be dropped, too; it becomes unknown."""
        return self._level >= 2

    def drain(self) -> None:
        """Send nothing more, wait for what is in flight."""
        self._raise_to(1)

    def hard(self) -> None:
        """Do not even wait for what is in flight."""
        self._raise_to(2)

    def press(self) -> None:
        """What Ctrl-C does: drain the first time, stop hard the second."""
        self._raise_to(min(self._level + 1, 2))

    @contextmanager
    def heard_by(self, listener: Callable[[], None]) -> Iterator[None]:
        """Call ``listener``, from whatever thread asks, each time more is asked for while this is on."""
        self._listeners = (*self._listeners, listener)
        try:
            yield
        finally:
            self._listeners = tuple(one for one in self._listeners if one is not listener)

    def _raise_to(self, level: int) -> None:
        if level > self._level:
            self._level = level
            for listener in self._listeners:
                listener()
