"""What every command prints and asks through: results on stdout, the rest on stderr, JSON as one document.

``rich`` is imported only when something is shown as more than plain text.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from enum import StrEnum
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TextIO

from a2pcli.actions.hooks import EVENT_VERSION
from a2pcli.cli.documents import VERSION
from a2pcli.cli.terminal.streams import let_go_of_stdout, unfiltered
from a2pcli.errors import Problem, Refused
from a2pcli.visible import json_text, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import Console
    from rich.text import Text


class LogStyle(StrEnum):
    """How notes and progress are printed."""

    PLAIN = "plain"
    TIMED = "timed"  # each line begins with the time, for a log file
    QUIET = "quiet"  # problems only
    EVENTS = "events"  # one JSON object a line on stdout, nothing else there


_chosen = LogStyle.PLAIN


def use(style: LogStyle) -> None:
    """Choose the style until the command ends."""
    global _chosen
    _chosen = style


def style() -> LogStyle:
    """The log style in use: text, JSON or quiet."""
    return _chosen


def timestamp() -> str:
    """Now, in UTC with milliseconds: ``2026-11-27T18:12:07.123Z``."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def emit(event: str, **fields: Any) -> None:
    """Write an event, if events are what is asked for. That nobody reads them must not stop what is under way."""
    if _chosen is not LogStyle.EVENTS:
        return
    line = json.dumps({"v": EVENT_VERSION, "at": timestamp(), "event": event, **fields}, default=str)
    with suppress(OSError, ValueError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def with_time(text: str) -> str:
    """The text, each line of it with the time in front where a log is written."""
    if _chosen not in (LogStyle.TIMED, LogStyle.QUIET) or sys.stderr.isatty():
        return text
    now = timestamp()
    return "".join(f"{now} {line}" if line.strip() else line for line in text.splitlines(keepends=True))


PIPE_WIDTH = 240

ERASE = "\r\x1b[2K"
"""To the start of the line, and the line empty."""

_printed = False

JSON_HELP = "Print one JSON document to stdout and nothing else."


def printable(text: str) -> str:
    """The text with signs for what must not be shown as it is (``a2pcli.visible``). Both streams do the same with
    whatever is written to them; this is for what is measured first, and for screens, whose own codes must get through.
    """
    return shown(text)


def print_json(document: Any) -> None:
    """The one JSON document a command prints with ``--json``; it begins with the version of its keys. Valid whatever
    the encoding: what it lacks, the halves of broken characters, and what a terminal would obey, are written as JSON
    escapes."""
    global _printed
    _printed = True
    if isinstance(document, dict) and "$schema" not in document:
        document = {"schema": VERSION, **document}
    text = json_text(json.dumps(document, ensure_ascii=False, indent=2, default=str))
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except (UnicodeError, LookupError):
        text = json.dumps(document, ensure_ascii=True, indent=2, default=str)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def print_json_list(document: dict[str, Any], key: str, items: Iterable[Any]) -> int:
    """The document with a list as its last key, written as the items come; gives how many there were."""
    global _printed
    _printed = True
    ascii_only = (sys.stdout.encoding or "utf-8").lower().replace("-", "") != "utf8"
    text = json_text(
        json.dumps({"schema": VERSION, **document}, ensure_ascii=ascii_only, indent=2, default=str)
    )
    sys.stdout.write(text.removesuffix("\n}") + f',\n  "{key}": [')
    count = 0
    for item in items:
        line = json.dumps(item, ensure_ascii=True, default=str)
        sys.stdout.write(("," if count else "") + "\n    " + line)
        count += 1
    sys.stdout.write("\n  ]\n}\n")
    sys.stdout.flush()
    return count


def json_was_printed() -> bool:
    """Whether this command printed its document already."""
    return _printed


def note_printed() -> None:
    """A document is written to stdout by other means."""
    global _printed
    _printed = True


def start_anew() -> None:
    """Reset the output state at the start of a command."""
    global _printed
    _printed = False


def stdout_console() -> Console:
    """For results. Respects NO_COLOR, a pipe and the terminal's width; never reads text as markup."""
    from rich.console import Console

    # What a file or a program gets is not cut to a terminal that nobody looks at.
    width = PIPE_WIDTH if not sys.stdout.isatty() and "COLUMNS" not in os.environ else None
    return Console(
        file=unfiltered(sys.stdout),
        markup=False,
        highlight=False,
        emoji=False,
        width=width,
        color_system=_colors(),
    )


def stderr_console() -> Console:
    """The Rich console on stderr, for progress, notes and questions."""
    from rich.console import Console

    width = PIPE_WIDTH if not sys.stderr.isatty() and "COLUMNS" not in os.environ else None
    return Console(
        file=unfiltered(sys.stderr),
        markup=False,
        highlight=False,
        emoji=False,
        width=width,
        color_system=_colors(),
    )


def _colors() -> Literal["auto"] | None:
    """With NO_COLOR there is no bold or dim either: some terminals show them as colours."""
    return None if os.environ.get("NO_COLOR") else "auto"


def is_live_terminal() -> bool:
    """Whether a line on stderr can be written over, for counters and bars."""
    return sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def show(screen: Any, *, stderr: bool = False) -> None:
    """A screen of rich renderables; into a pipe or a file without the spaces that pad its lines. None where only
    problems or events are asked for."""
    if style() in (LogStyle.QUIET, LogStyle.EVENTS):
        return
    from rich.console import ConsoleOptions, RenderResult
    from rich.segment import Segment

    class Harmless:
        def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
            for text, style, control in console.render(screen, options):
                yield Segment(text if control else printable(text), style, control)

    console = stderr_console() if stderr else stdout_console()
    if console.is_terminal:
        with suppress(OSError) if stderr else nullcontext():
            console.print(Harmless(), crop=False)
        return
    with console.capture() as captured:
        console.print(Harmless(), crop=False)
    text = "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"
    if stderr:
        tell(text)
    else:
        sys.stdout.write(text)
        sys.stdout.flush()


def to_copy(text: str, style: str = "") -> Text:
    """A line with a command in it. A narrow terminal wraps it, and it stays one line to whoever copies it."""
    from rich.text import Text

    return Text(text, style=style, no_wrap=True, overflow="ignore")


def say(text: str, *, always: bool = False, timed: bool = True) -> None:
    """One plain line on stderr; an event where events are asked for. ``always``: also where notes are not wanted.
    ``timed``: with the time in front, where a log is written."""
    if style() is LogStyle.EVENTS:
        emit("note", message=printable(text).strip())
    elif always or style() is not LogStyle.QUIET:
        line = printable(text) + "\n"
        tell(with_time(line) if timed else line)


def note(text: str) -> None:
    """A line that may come while something is under way: it takes the place of the counter that stands there."""
    if style() not in (LogStyle.QUIET, LogStyle.EVENTS) and is_live_terminal():
        tell(printable(text) + "\n", erase=True)
    else:
        say(text)


def tell(text: str, *, erase: bool = False) -> None:
    """Write to stderr, as it is; over the line that stands there, with ``erase``. That nobody can be told must never
    stop what is under way: a closed terminal, a full disk under a log."""
    with suppress(OSError, ValueError):
        if erase:
            unfiltered(sys.stderr).write(ERASE)
        sys.stderr.write(text)
        sys.stderr.flush()


@contextmanager
def result_of_what_is_done(also: str = "") -> Iterator[None]:
    """While the result of something that cannot be taken back is written to stdout. A full disk or a closed pipe
    then is told on stderr and changes nothing else: the exit status tells of what was done, and the same command must
    not be advised again. ``also``: the command that shows the result later."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        let_go_of_stdout()
        say(f"the result could not be shown: {error.strerror}{f' ({also})' if also else ''}", always=True)


@contextmanager
def stdout_rows() -> Iterator[TextIO]:
    """Standard output for rows of CSV or JSON: UTF-8 whatever the terminal's encoding, without a byte order mark."""
    stream = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
    try:
        yield stream
        stream.flush()
    finally:
        stream.detach()


class RowCounter:
    """Shows how many rows are done. Silent for small work (``shown`` false)."""

    EVERY_TERMINAL = 0.2
    EVERY_ELSEWHERE = 5.0

    def __init__(self, what: str, shown: bool = True) -> None:
        self._what = what
        self._shown = shown
        self._terminal = is_live_terminal()
        self._last = time.monotonic()
        self._started = self._last
        self._written = False

    def __call__(self, rows: int) -> None:
        """Show that this many rows are done."""
        now = time.monotonic()
        every = self.EVERY_TERMINAL if self._terminal else self.EVERY_ELSEWHERE
        if not self._shown or now - self._last < every:
            return
        self._last = now
        rate = rows / max(now - self._started, 1e-9)
        text = f"{self._what}: {rows:,} rows, {rate:,.0f} rows/s"
        self._written = True
        if self._terminal:
            tell(text, erase=True)
        else:
            tell(f"{text}\n")

    def __enter__(self) -> RowCounter:
        if self._shown and self._terminal:
            self._written = True
            tell(f"{self._what} ...")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._written and self._terminal:
            tell("", erase=True)


def confirm(question: str, *, refused: str, without_terminal: str, kept: str | None = None) -> None:
    """Ask on the terminal; only y or yes goes on.

    Raises ``Refused`` for any other answer and for Ctrl-D, with ``kept`` as the hint, and where there is no
    terminal to ask on, with ``without_terminal``. ``refused`` says what did not happen.
    """
    if not sys.stdin.isatty():
        raise Refused(Problem(f"{refused}: no terminal to ask for confirmation", hint=without_terminal))
    _forget_what_was_typed()
    try:  # from the question on: Ctrl-C may come before the answer is read
        tell(f"{printable(question)} [y/N] ")
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        tell(f"\n{refused}{f' ({kept})' if kept else ''}\n")
        raise
    except UnicodeDecodeError:
        answer = ""
    if not answer.endswith("\n"):
        tell("\n")
    if answer.strip().lower() not in ("y", "yes"):
        raise Refused(Problem(refused, hint=kept))


def _forget_what_was_typed() -> None:
    """A key pressed while the plan was made is no answer to a question that was not yet to be seen."""
    try:
        import termios
    except ImportError:  # Windows
        import msvcrt

        while msvcrt.kbhit():  # type: ignore[attr-defined,unused-ignore]
            msvcrt.getwch()  # type: ignore[attr-defined,unused-ignore]
        return
    with suppress(OSError, termios.error):
        termios.tcflush(sys.stdin, termios.TCIFLUSH)
