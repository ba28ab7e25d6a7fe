"""What every command prints through: results on stdout, talk on stderr, JSON as one document.

``rich`` is imported only when something is shown as more than plain text.
"""

from __future__ import annotations

import io
import json
import os
import sys
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, Literal, TextIO

from a2pcli.cli.documents import VERSION
from a2pcli.cli.terminal import log_style
from a2pcli.cli.terminal.log_style import LogStyle
from a2pcli.cli.terminal.streams import unfiltered
from a2pcli.visible import json_text, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import Console
    from rich.text import Text

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
    if log_style.style() in (LogStyle.QUIET, LogStyle.EVENTS):
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
    if log_style.style() is LogStyle.EVENTS:
        log_style.emit("note", message=printable(text).strip())
    elif always or log_style.style() is not LogStyle.QUIET:
        line = printable(text) + "\n"
        tell(log_style.timed(line) if timed else line)


def note(text: str) -> None:
    """A line that may come while something is under way: it takes the place of the counter that stands there."""
    if log_style.style() not in (LogStyle.QUIET, LogStyle.EVENTS) and is_live_terminal():
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
def stdout_rows() -> Iterator[TextIO]:
    """Standard output for rows of CSV or JSON: UTF-8 whatever the terminal's encoding, without a byte order mark."""
    stream = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
    try:
        yield stream
        stream.flush()
    finally:
        stream.detach()
