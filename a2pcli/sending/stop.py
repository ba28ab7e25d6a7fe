"""Requests to stop a run, by Ctrl-C or another signal: first let what is in flight finish, then drop it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any


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


STOPPING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""Ctrl-C; ``kill`` and service managers; a closed terminal; Ctrl-Break on Windows."""


@contextmanager
def stop_on_signals(
    stop: StopRequest, heard: Callable[[StopRequest], None] | None = None
) -> Iterator[StopRequest]:
    """While this is on, the first signal drains the run, the second stops it hard, a third ends the process.

    The third is for a gateway that holds the process up; it is as safe as any other sudden end.
    ``heard`` is called after each, to tell the person what happens now; it must be quick and print plainly.
    Signals that the process was started to ignore (``nohup``) stay ignored. Outside the main thread, where
    Python allows no handlers, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    before: dict[int, Any] = {}

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.press()
        if stop.hard_stop:
            for number in before:
                signal.signal(number, signal.SIG_DFL)
        if heard is not None:
            with suppress(RuntimeError):  # the main thread was in the middle of writing to the same stream
                heard(stop)

    for name in STOPPING:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, handle)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
