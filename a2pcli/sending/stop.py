"""Requests to stop a run, by Ctrl-C or another signal: first let what is in flight finish, then drop it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any


class StopRequest:
    """A request to stop, made from any thread or a signal handler and read by the sender.

    It takes no lock: a signal handler interrupts the main thread and would wait forever for a lock that thread holds.
    """

    def __init__(self) -> None:
        self._level = 0
        self._listeners: tuple[Callable[[], None], ...] = ()

    @property
    def draining(self) -> bool:
        """Whether to claim and send nothing more."""
        return self._level >= 1

    @property
    def hard_stop(self) -> bool:
        """Whether to drop messages in flight too; they become unknown."""
        return self._level >= 2

    def drain(self) -> None:
        """Send nothing more, but wait for messages in flight."""
        self._raise_to(1)

    def hard(self) -> None:
        """Stop without waiting for messages in flight."""
        self._raise_to(2)

    def press(self) -> None:
        """Handle Ctrl-C: drain the first time, stop hard the second."""
        self._raise_to(min(self._level + 1, 2))

    @contextmanager
    def heard_by(self, listener: Callable[[], None]) -> Iterator[None]:
        """Call ``listener``, in the requesting thread, whenever the stop level rises inside this context."""
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
    """Inside this context the first signal drains the run, the second stops it hard, a third ends the process.

    The third is for a gateway that blocks the process; it is as safe as any other kill. ``heard`` is called after
    each signal to inform the user; it must be quick and only print. Signals that the process ignores from the start
    (``nohup``) stay ignored. Outside the main thread, where Python allows no handlers, it does nothing.
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
            with suppress(RuntimeError):  # the main thread was writing to the same stream
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
