"""Asking a person before something happens that cannot be taken back."""

from __future__ import annotations

import sys
from contextlib import suppress

from a2pcli.cli.terminal.output import printable, tell
from a2pcli.errors import Problem, Refused


def confirm(question: str, *, refused: str, without_terminal: str, kept: str | None = None) -> None:
    """Ask on the terminal; only y or yes goes on.

    Raises ``Refused`` for any other answer and for Ctrl-D, with ``kept`` as the hint, and where there is no
    terminal to ask on, with ``without_terminal``. ``refused`` says what did not happen.
    """
    if not sys.stdin.isatty():
        raise Refused(Problem(f"{refused}: no terminal to ask for confirmation", hint=without_terminal))
    _forget_what_was_typed()
    tell(f"{printable(question)} [y/N] ")
    try:
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
