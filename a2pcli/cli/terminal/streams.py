"""The three streams, the file mask and the signals of the process, made ready before a command runs."""

from __future__ import annotations

import codecs
import io
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TextIO

from a2pcli.visible import shown


class FilteredStream:
    """A stream whose text a person may see: what a terminal would obey is written as signs (``a2pcli.visible``).

    The door for everything: ``print``, a library's messages, a traceback. Only our own screens, which colour and erase
    and filter what they show themselves, write around it (``unfiltered``). Bytes are filtered where a terminal shows
    them; a file or a program gets them as they are.
    """

    def __init__(self, inner: TextIO) -> None:
        self._inner = inner

    def write(self, text: str) -> int:
        """Write the text; returns the number of its characters."""
        self._inner.write(shown(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each of them."""
        for line in lines:
            self.write(line)

    @property
    def buffer(self) -> Any:
        """For bytes."""
        return _FilteredBytes(self._inner) if self._inner.isatty() else self._inner.buffer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._inner)


class _FilteredBytes(io.BufferedIOBase):
    """Byte stream to a terminal that makes control characters visible."""

    def __init__(self, inner: TextIO) -> None:
        self._inner = inner
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._inner.write(shown(self._decoder.decode(bytes(data))))
        return len(data)

    def flush(self) -> None:
        self._inner.flush()


def unfiltered(stream: Any) -> Any:
    """The stream as it was, for what filters its texts itself."""
    return stream._inner if isinstance(stream, FilteredStream) else stream


def ready_streams() -> None:
    """Make sure that the streams are there, take every character, and obey none (``FilteredStream``).

    A stream that was closed (``2>&-``) leads nowhere from now on. Left closed, its number would go to the next
    file that is opened, and what is meant for the screen would be written into that file.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            _open_nowhere(number, name)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # a screen that lacks a letter shows its code
            reconfigure(errors="backslashreplace")
    for name in ("stdout", "stderr"):
        if not isinstance(getattr(sys, name), FilteredStream):
            setattr(sys, name, FilteredStream(getattr(sys, name)))


def ready_file_mask() -> None:
    """Make sure that no file this process makes, here or in a library, can be written by everybody.

    A mask that forbids that is the user's choice and stays; one that does not (000, of containers and some services)
    becomes the usual 022.
    """
    mask = os.umask(0o077)
    os.umask(mask if mask & 0o002 else mask | 0o022)


def let_go_of_stdout() -> None:
    """Drop what could not be written to stdout, and whatever is written from now on. It would stay in the buffer, and
    every later flush, the interpreter's last included, would try it once more and change the exit status."""
    stdout: Any = sys.stdout
    try:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stdout.fileno())
        os.close(nothing)
        stdout.flush()
    except (OSError, ValueError):  # not a file of the system: a test's
        return


def _open_nowhere(number: int, name: str) -> None:
    opened = os.open(os.devnull, os.O_RDWR)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
    setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115


@contextmanager
def interruptible() -> Iterator[None]:
    """While this is on, Ctrl-C, ``kill`` and a closed terminal unwind what is under way, once.

    What comes while it unwinds is ignored, so that a half-made plan is taken back whole; the third signal ends the
    process at once, for unwinding that hangs. ``send`` has its own rules while messages leave. Where others
    handle a signal already, or it is ignored (``nohup``), it stays so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard: list[int] = []
    before: dict[int, Any] = {}

    def handle(number: int, _frame: FrameType | None) -> None:
        heard.append(number)
        if len(heard) == 1:
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)
        if len(heard) > 2:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            before[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            # The interpreter takes handlers away before it ends; then a second Ctrl-C would change the status.
            signal.signal(number, signal.SIG_IGN if heard else handler)
