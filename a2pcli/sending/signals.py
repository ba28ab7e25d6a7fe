"""Ctrl-C and its relatives, turned into a stop request."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from a2pcli.sending.stop import StopRequest

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
